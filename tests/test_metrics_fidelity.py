"""Scores of fidelity and diversity against closed forms and independent implementations."""

import numpy as np
import prdc as naeem
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from scipy.linalg import sqrtm

from geneeg_sk.metrics import (
    amplitude_distance,
    autocorrelation_distance,
    c2st,
    coherence_error,
    correlation_error,
    frechet_distance,
    mmd,
    prdc,
)
from geneeg_sk.metrics._sets import embed
from geneeg_sk.over_sampling import FourierSurrogateSampler

SFREQ = 64.0


def noise(n, n_channels=2, n_times=128, *, seed=0, scale=20.0):
    return np.random.default_rng(seed).normal(scale=scale, size=(n, n_channels, n_times))


def mixed(n, correlation, seed=0):
    """Two channels of white noise with this correlation."""
    x = noise(n, seed=seed)
    x[:, 1] = correlation * x[:, 0] + np.sqrt(1 - correlation**2) * x[:, 1]
    return x


# channels


def test_correlation_error_is_the_difference_of_known_correlations():
    error = correlation_error(mixed(300, 0.8), mixed(300, 0.3, seed=1), sfreq=SFREQ)
    assert error == pytest.approx(0.5, abs=0.02)


def test_correlation_error_is_that_of_numpys_matrices():
    real, synthetic = mixed(5, 0.5), noise(7, seed=1)
    means = [np.mean([np.corrcoef(x)[0, 1] for x in X]) for X in (real, synthetic)]
    assert correlation_error(real, synthetic, sfreq=SFREQ) == pytest.approx(
        abs(means[0] - means[1])
    )


def test_coherence_error_is_that_of_scipys_coherence_with_windows_as_segments():
    real, synthetic = mixed(40, 0.8), mixed(40, 0.1, seed=1)
    of_sets = []
    for X in (real, synthetic):
        freqs, coherence = signal.coherence(
            *(X[:, c].ravel() for c in (0, 1)), fs=SFREQ, nperseg=X.shape[2], noverlap=0
        )
        of_sets.append(coherence)
    alpha = (freqs >= 8) & (freqs < 13)
    expected = np.sqrt(np.mean((of_sets[0] - of_sets[1])[alpha] ** 2))
    assert coherence_error(real, synthetic, sfreq=SFREQ)["alpha"] == pytest.approx(expected)


@pytest.mark.parametrize("score", [correlation_error, coherence_error])
def test_one_channel_and_flat_channels_have_no_error(score):
    assert np.all(score(noise(9, 1), noise(9, 1, seed=1), sfreq=SFREQ) == 0)
    flat = np.zeros((5, 3, 128))
    assert np.all(score(flat, flat, sfreq=SFREQ) == 0)


def test_lags_between_channels_are_seen_by_correlation_and_not_by_coherence():
    x = noise(200, 1, 256)
    together = np.concatenate([x, x], axis=1)
    lagged = np.concatenate([x, np.roll(x, 5, axis=2)], axis=1)
    assert correlation_error(together, lagged, sfreq=128) > 0.9
    assert coherence_error(together, lagged, sfreq=128)["mean"] < 0.1


# waveforms


def test_autocorrelation_is_that_of_scipy():
    real, synthetic = np.cumsum(noise(6, 1, 50), axis=2), noise(8, 1, 50, seed=1)
    means = []
    for X in (real, synthetic):
        x = X[:, 0] - X[:, 0].mean(axis=1, keepdims=True)
        full = [signal.correlate(v, v)[len(v) - 1 :] for v in x]
        means.append(np.mean([v[1:26] / v[0] for v in full], axis=0))
    expected = np.sqrt(np.mean((means[0] - means[1]) ** 2))
    assert autocorrelation_distance(real, synthetic, sfreq=SFREQ) == pytest.approx(expected)


def test_a_rhythm_that_repeats_is_far_from_noise_of_the_same_amplitude():
    times = np.arange(256) / SFREQ
    phases = np.random.default_rng(0).uniform(0, 6.28, size=(50, 1, 1))
    rhythm = 20 * np.sqrt(2) * np.sin(2 * np.pi * 3 * times + phases)
    # the biased autocorrelation of a sine is a cosine that falls linearly, to a half at half
    lags = np.arange(1, 129)
    expected = np.sqrt(np.mean((np.cos(2 * np.pi * 3 * lags / SFREQ) * (1 - lags / 256)) ** 2))
    found = autocorrelation_distance(rhythm, noise(200, 1, 256), sfreq=SFREQ)
    assert found == pytest.approx(expected, abs=0.01)


def test_amplitude_distance_of_gaussians_is_the_closed_form():
    # Wasserstein distance of two centered Gaussians: difference of deviations times E|z|
    found = amplitude_distance(noise(400), noise(400, seed=1, scale=30), sfreq=SFREQ)
    assert found == pytest.approx(0.5 * np.sqrt(2 / np.pi), rel=0.02)


# clouds of features


def test_frechet_distance_is_the_formula_with_a_matrix_square_root():
    real, synthetic = noise(200), np.cumsum(noise(150, seed=1), axis=2)
    a, b = embed(real, synthetic, sfreq=SFREQ)
    c1, c2 = np.cov(a.T), np.cov(b.T)
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert frechet_distance(real, synthetic, sfreq=SFREQ) == pytest.approx(expected, rel=1e-6)


def test_mmd_is_the_unbiased_sum_over_pairs():
    real, synthetic = noise(12), noise(9, seed=1, scale=30)
    a, b = embed(real, synthetic, sfreq=SFREQ)

    def kernel(x, y):
        return np.exp(-np.sum((x - y) ** 2) / (2 * a.shape[1]))

    def within(x):
        pairs = [kernel(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j]
        return np.mean(pairs)

    expected = within(a) + within(b) - 2 * np.mean([kernel(x, y) for x in a for y in b])
    assert mmd(real, synthetic, sfreq=SFREQ) == pytest.approx(expected)


def test_mmd_of_equal_distributions_is_on_average_zero():
    values = [mmd(noise(30, seed=s), noise(30, seed=s + 99), sfreq=SFREQ) for s in range(20)]
    assert min(values) < 0 < max(values)
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(20)


def test_prdc_is_that_of_its_authors():
    real, synthetic = noise(700), noise(520, seed=1, scale=24)
    theirs = naeem.compute_prdc(*embed(real, synthetic, sfreq=SFREQ), nearest_k=4)
    ours = prdc(real, synthetic, sfreq=SFREQ, n_neighbors=4)
    assert ours.to_dict() == pytest.approx(theirs)


def test_prdc_of_equal_distributions_is_as_expected():
    scores = prdc(noise(400), noise(400, seed=1), sfreq=SFREQ)
    assert scores["density"] == pytest.approx(1, abs=0.1)
    assert scores["coverage"] == pytest.approx(1 - 0.5**5, abs=0.03)


def test_too_few_windows_are_named():
    with pytest.raises(ValueError, match="synthetic has 5 windows; prdc, k=5 needs at least 6"):
        prdc(noise(20), noise(5), sfreq=SFREQ)
    with pytest.raises(ValueError, match="real has 1 windows; frechet_distance"):
        frechet_distance(noise(1), noise(5), sfreq=SFREQ)


@pytest.mark.parametrize("score", [mmd, prdc])
def test_many_windows_are_thinned_with_a_warning(score):
    many = noise(4100, 1, 32)
    with pytest.warns(UserWarning, match="4000 of the 4100 windows of real"):
        score(many, many[:50], sfreq=SFREQ)


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(0.1, 10), n=st.integers(8, 30))
@pytest.mark.parametrize("score", [mmd, frechet_distance])
def test_a_common_change_of_units_changes_no_distance_of_features(score, scale, n):
    a, b = noise(n), noise(n, seed=1, scale=25)
    assert score(scale * a, scale * b, sfreq=SFREQ) == pytest.approx(
        score(a, b, sfreq=SFREQ), rel=1e-6, abs=1e-8
    )


# the network of the classifier two-sample test


def test_the_test_on_windows_tells_spikes_from_their_surrogates_and_not_halves_from_each_other():
    rng = np.random.default_rng(0)
    times = np.arange(128)
    centers = rng.uniform(20, 108, size=(240, 1, 1))
    X = 5 * rng.normal(size=(240, 2, 128)) + 80 * np.exp(-(((times - centers) / 2) ** 2))
    real, other = X[:120].astype(np.float32), X[120:].astype(np.float32)
    y = np.r_[np.zeros(120, int), 1]
    sampler = FourierSurrogateSampler(sampling_strategy={0: 240}, random_state=0)
    resampled, _ = sampler.fit_resample(np.concatenate([other, other[:1]]), y)
    fake = resampled[sampler.is_synthetic_]

    def auc(synthetic):
        return c2st(real, synthetic, sfreq=SFREQ, on="windows", random_state=0)

    assert auc(other) == pytest.approx(0.5, abs=0.12)
    assert auc(fake) > 0.95


def test_the_test_on_windows_repeats_and_leaves_global_generators_alone():
    torch = pytest.importorskip("torch")
    real, synthetic = noise(20), noise(20, seed=1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (
        c2st(real, synthetic, sfreq=SFREQ, on="windows", random_state=3) for _ in range(2)
    )
    assert first == second
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


@pytest.mark.parametrize("shape", [(6, 1, 2), (6, 64, 3), (6, 3, 40)])
def test_the_test_on_windows_takes_windows_of_any_length(shape):
    rng = np.random.default_rng(0)
    auc = c2st(rng.normal(size=shape), rng.normal(size=shape), sfreq=2, on="windows")
    assert 0 <= auc <= 1


def test_what_c2st_looks_at_is_checked():
    with pytest.raises(ValueError, match="expected 'features' or 'windows'"):
        c2st(noise(9), noise(9), sfreq=SFREQ, on="signals")
