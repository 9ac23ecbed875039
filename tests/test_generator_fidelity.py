"""What corrections of generated windows must reach, and must not spoil."""

import numpy as np
import pytest
from scipy.signal import butter, sosfilt
from scipy.stats import kurtosis

from geneeg_sk.features import EEGFeatures
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.metrics import spike_survival

SFREQ = 128.0

pytestmark = pytest.mark.slow


def generated(X, n=256, left_out=()):
    """Windows (n, n_times) of one state learned from X (n_windows, n_times)."""
    generator = LatentDiffusionGenerator(
        sfreq=SFREQ, width=16, vae_steps=60, diffusion_steps=60, random_state=0
    )
    generator.fit(X[:, None].astype(np.float32), ["normal"] * len(X))
    generator.model_ = generator.model_.without(left_out)
    return generator.sample(["normal"] * n, random_state=1)[:, 0]


def feature(X, name):
    transformer = EEGFeatures(sfreq=SFREQ).set_output(transform="pandas")
    return transformer.fit_transform(X[:, None].astype(float))[f"{name}_ch0"].to_numpy()


def noise(rng, n, n_times, low, high):
    sos = butter(2, (low, high), "band", fs=SFREQ, output="sos")
    return sosfilt(sos, rng.standard_normal((n, n_times + 256)), axis=1)[:, 256:]


def test_band_powers_of_short_windows_vary_as_much_as_real_ones():
    rng = np.random.default_rng(0)
    X = 5 * noise(rng, 300, 128, 1, 8) + noise(rng, 300, 128, 8, 30)
    made = generated(X)
    bands = [f"{name}_power" for name in ("delta", "theta", "alpha", "beta")]
    spread = [np.log(feature(made, b)).std() / np.log(feature(X, b)).std() for b in bands]
    assert 0.8 < np.mean(spread) < 1.1


def test_large_slow_waves_do_not_make_what_is_fast_louder():
    rng = np.random.default_rng(0)
    slow = noise(rng, 200, 256, 1, 4)
    X = 20 * (slow + slow**3) + noise(rng, 200, 256, 20, 50)
    made = generated(X)
    real, synthetic = (np.median(kurtosis(np.diff(W, 2), axis=1)) for W in (X, made))
    assert synthetic == pytest.approx(real, abs=0.2)


def test_louder_windows_have_the_spectrum_of_louder_windows():
    rng = np.random.default_rng(0)
    slow, fast = noise(rng, 200, 256, 1, 4), noise(rng, 200, 256, 13, 30)
    amount = rng.uniform(0.5, 20, (200, 1))
    X = amount * slow + 5 * fast

    def together(W):
        share = np.log(feature(W, "delta_power") / feature(W, "beta_power"))
        return np.corrcoef(share, np.log(W.std(axis=1)))[0, 1]

    assert together(generated(X)) > together(X) - 0.1


def test_discharges_come_out_and_only_where_there_are_some():
    rng = np.random.default_rng(0)
    X = 10 * noise(rng, 300, 512, 1, 12)
    time = np.arange(512)[None] - rng.integers(100, 412, (300, 1))
    discharge = 150 * np.exp(-((time / 4) ** 2)) * (rng.random((300, 1)) < 0.4)

    def shares(X, left_out=()):
        made = generated(X, left_out=left_out)
        found = spike_survival(X[:, None], made[:, None], sfreq=SFREQ)
        return found["real"], found["synthetic"]

    real, synthetic = shares(X + discharge)
    assert real > 0.3
    assert synthetic > real / 5
    assert shares(X + discharge, ["moments"])[1] < synthetic / 3  # else they are not made by that
    real, synthetic = shares(X)
    assert synthetic <= real + 0.05
