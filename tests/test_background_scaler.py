"""Scaling by the patient's own background."""

import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import welch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk.features import EEGFeatures
from geneeg_sk.preprocessing import BackgroundScaler

SFREQ = 64
N, N_CHANNELS, N_TIMES = 30, 3, 256


def recording(gain=1.0, slope=0.0, seed=0):
    """Noise whose spectrum falls with a slope, loud as wanted, and louder from window 20 on."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(size=(N, N_CHANNELS, N_TIMES)), axis=2)
    frequency = np.fft.rfftfreq(N_TIMES, 1 / SFREQ)
    X = 20 * gain * np.fft.irfft(spectrum * (1 + frequency) ** -slope, n=N_TIMES, axis=2)
    X[20:] *= 3
    return X


@pytest.fixture
def two():
    X = np.concatenate([recording(1.0, 0.0), recording(4.0, 0.8, seed=1)])
    return X, np.repeat(["A", "B"], N)


def spectrum(X):
    return np.log(welch(X, SFREQ, nperseg=64)[1].mean(axis=(0, 1)))


def test_all_patients_get_one_background_and_keep_what_differs_from_it(two):
    X, groups = two
    scaled = BackgroundScaler(sfreq=SFREQ).fit_transform(X, groups=groups)
    a, b = (scaled[groups == patient] for patient in "AB")
    middle = slice(2, -2)
    assert np.abs(spectrum(X[:20]) - spectrum(X[N:][:20]))[middle].max() > 2
    assert_allclose(spectrum(a[:20])[middle], spectrum(b[:20])[middle], atol=0.35)
    for one in (a, b):
        assert one[20:].std() / one[:20].std() == pytest.approx(3, rel=0.1)


def test_channels_of_a_patient_get_one_background_too():
    X = recording() * np.array([0.5, 1.0, 3.0])[:, None]
    scaled = BackgroundScaler(sfreq=SFREQ).fit_transform(X)
    loudness = scaled[:20].std(axis=(0, 2))
    assert loudness.max() / loudness.min() < 1.2


@pytest.mark.parametrize(("gain", "slope"), [(1.0, 0.0), (0.5, 0.5), (4.0, 0.8)])
def test_a_background_is_20_microvolts_and_falls_as_one_over_frequency(gain, slope):
    X = BackgroundScaler(sfreq=SFREQ).fit_transform(recording(gain, slope))
    assert X[:20].std() == pytest.approx(20, rel=0.1)
    frequency, power = welch(X[:20], SFREQ, nperseg=128)
    inside = (frequency > 2) & (frequency < 28)
    falls = np.polyfit(np.log(frequency[inside]), np.log(power.mean(axis=(0, 1)))[inside], 1)[0]
    assert falls == pytest.approx(-1, abs=0.15)


def test_a_patient_is_not_changed_by_another(two):
    X, groups = two
    together = BackgroundScaler(sfreq=SFREQ).fit_transform(X, groups=groups)
    alone = BackgroundScaler(sfreq=SFREQ).fit_transform(X[groups == "B"])
    assert_array_equal(together[groups == "B"], alone)


def test_only_the_beginning_of_a_recording_says_what_its_background_is(two):
    X, groups = two
    scaler = BackgroundScaler(sfreq=SFREQ, n_windows=5).fit(X, groups=groups)
    later = X[:N].copy()
    later[5:] *= 7
    assert_allclose(scaler.transform(later)[:5], scaler.transform(X[:N])[:5])
    assert_allclose(scaler.transform(later)[5:], 7 * scaler.transform(X[:N])[5:])


def test_windows_of_patients_may_be_interleaved(two):
    X, groups = two
    scaler = BackgroundScaler(sfreq=SFREQ).fit(X, groups=groups)
    order = np.arange(2 * N).reshape(2, N).T.ravel()
    assert_array_equal(
        scaler.transform(X[order], groups=groups[order]),
        scaler.transform(X, groups=groups)[order],
    )


def test_a_dead_channel_stays_dead_and_what_was_filtered_away_is_not_made_of_noise():
    X = recording()
    X[:, 1] = 0.0
    scaler = BackgroundScaler(sfreq=SFREQ).fit(recording())
    scaled = scaler.transform(X)
    assert (scaled[:, 1] == 0).all()
    assert np.isfinite(scaled).all()
    tiny = scaler.transform(1e-4 * recording())
    assert tiny.std() == pytest.approx(10 * 1e-4 * recording().std(), rel=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 2, 64), (5, 64), (2, 1, 2), (3, 2, 101)])
def test_shape_and_type_stay(dtype, shape):
    X = np.random.default_rng(0).normal(size=shape).astype(dtype)
    before = X.copy()
    scaled = BackgroundScaler(sfreq=SFREQ).fit_transform(X)
    assert (scaled.shape, scaled.dtype) == (shape, dtype)
    assert np.isfinite(scaled).all()
    assert_array_equal(X, before)


def test_filtering_makes_no_steps_at_the_ends_of_windows():
    t = np.arange(N_TIMES) / SFREQ
    drift = np.tile(50 * t, (12, 1, 1)) + recording()[:12, :1]
    scaled = BackgroundScaler(sfreq=SFREQ).fit_transform(drift)
    step = np.abs(np.diff(scaled, axis=2))
    assert step[..., [0, -1]].mean() < 2 * step.mean()


def test_a_pipeline_hands_on_the_groups(two):
    X, groups = two
    y = np.tile(np.repeat(["normal", "ictal"], [20, 10]), 2)
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(
            BackgroundScaler(sfreq=SFREQ),
            EEGFeatures(sfreq=SFREQ, average=True),
            StandardScaler(),
            LogisticRegression(),
        ).fit(X, y, groups=groups)
        assert (pipeline.predict(X, groups=groups) == y).mean() > 0.95
        assert (pipeline.predict(X[N:]) == y[N:]).mean() > 0.95


def test_seizures_taken_for_background_are_worth_a_warning(two):
    X, groups = two
    y = np.full(len(X), "normal")
    rows = np.flatnonzero(groups == "B")
    y[rows[8:14]] = "ictal"
    with pytest.warns(UserWarning, match="2 of the first 10 windows of patient B are labeled"):
        BackgroundScaler(sfreq=SFREQ).fit(X, y, groups=groups)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BackgroundScaler(sfreq=SFREQ, n_windows=8).fit(X, y, groups=groups)
        BackgroundScaler(sfreq=SFREQ).fit(X, groups=groups)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        BackgroundScaler(sfreq=SFREQ).fit(X, y[:-1], groups=groups)


def test_wrong_groups_and_wrong_parameters_are_errors(two):
    X, groups = two
    with pytest.raises(ValueError, match="groups has 3 entries for 60 windows"):
        BackgroundScaler(sfreq=SFREQ).fit(X, groups=["A", "B", "C"])
    with pytest.raises(ValueError, match="'n_windows' parameter of BackgroundScaler"):
        BackgroundScaler(sfreq=SFREQ, n_windows=0).fit(X, groups=groups)
    with pytest.warns(UserWarning, match="sampling frequency is not known"):
        BackgroundScaler().fit(X, groups=groups)
