import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.integrate import trapezoid
from scipy.signal import periodogram
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk.features import EEGFeatures

SFREQ = 256.0
POWERS = [f"{band}_power" for band in ("delta", "theta", "alpha", "beta", "gamma")]
NAMES = [
    *POWERS,
    "hjorth_activity",
    "hjorth_mobility",
    "hjorth_complexity",
    "spectral_entropy",
    "line_length",
    "kurtosis",
    "skewness",
]


def features_of(signal, sfreq=SFREQ):
    """The twelve features of one signal, by name."""
    transformer = EEGFeatures(sfreq=sfreq, average=True).fit(np.atleast_2d(signal))
    return dict(
        zip(transformer.get_feature_names_out(), transformer.transform(np.atleast_2d(signal))[0])
    )


def sine(freq, amplitude=20.0, n_times=1024):
    return amplitude * np.sin(2 * np.pi * freq * np.arange(n_times) / SFREQ)


@pytest.fixture(scope="module")
def epochs():
    mne = pytest.importorskip("mne")
    info = mne.create_info(["Fz", "Cz", "Pz"], SFREQ, "eeg")
    data = np.random.default_rng(0).normal(scale=20e-6, size=(6, 3, 512))
    return mne.EpochsArray(data, info, verbose="error")


# what the features are


@pytest.mark.parametrize(
    ("freq", "band"), [(2, "delta"), (6, "theta"), (10, "alpha"), (20, "beta"), (40, "gamma")]
)
def test_a_sine_has_half_its_squared_amplitude_in_its_band_and_nothing_elsewhere(freq, band):
    features = features_of(sine(freq, amplitude=30))
    assert features.pop(f"{band}_power") == pytest.approx(450, rel=1e-3)
    assert max(features[name] for name in POWERS if name in features) < 0.5


def test_a_sine_has_the_hjorth_parameters_of_its_frequency():
    features = features_of(sine(5, amplitude=10))
    assert features["hjorth_activity"] == pytest.approx(50)
    assert features["hjorth_mobility"] == pytest.approx(2 * np.pi * 5, rel=0.01)  # 1/s
    assert features["hjorth_complexity"] == pytest.approx(1, abs=0.01)


def test_line_length_is_the_way_up_and_down():
    assert features_of([0, 3, -1, -1, 5])["line_length"] == 3 + 4 + 0 + 6
    # four sweeps of the amplitude in each period
    assert features_of(sine(8, amplitude=10))["line_length"] == pytest.approx(
        4 * 10 * 8 * 4, rel=0.01
    )


def test_entropy_is_low_for_a_rhythm_and_high_for_an_impulse():
    assert features_of(sine(10))["spectral_entropy"] < 0.25
    impulse = np.zeros(1024)
    impulse[512] = 100
    assert features_of(impulse)["spectral_entropy"] == pytest.approx(1, abs=0.02)


def test_definitions_agree_with_an_independent_computation():
    x = np.random.default_rng(1).gamma(2, 15, size=1000)
    features = features_of(x)
    freqs, psd = periodogram(x, SFREQ, window="hann", detrend="constant")
    alpha = np.interp(np.linspace(8, 13, 501), freqs, psd)
    shares = psd[1:] / psd[1:].sum()
    centered = x - x.mean()
    mobility = [np.sqrt(np.mean(np.diff(centered, k + 1) ** 2)) for k in range(2)]
    mobility[1] /= mobility[0]
    mobility[0] /= x.std()
    expected = {
        "alpha_power": trapezoid(alpha, dx=0.01),
        "hjorth_activity": x.var(),
        "hjorth_mobility": SFREQ * mobility[0],
        "hjorth_complexity": mobility[1] / mobility[0],
        "spectral_entropy": stats.entropy(shares) / np.log(len(shares)),
        "line_length": np.abs(np.diff(x)).sum(),
        "kurtosis": stats.kurtosis(x),
        "skewness": stats.skew(x),
    }
    tolerance = {"alpha_power": 0.05}  # bins shared at the edges against interpolation
    for name, value in expected.items():
        assert features[name] == pytest.approx(value, rel=tolerance.get(name, 1e-9)), name


def test_bands_add_up_to_the_variance_where_all_power_lies_inside_them():
    x = sum(sine(freq) for freq in (1.5, 4, 8, 13, 30, 44))  # also on the edges
    features = features_of(x)
    assert sum(features[name] for name in POWERS) == pytest.approx(x.var(), rel=0.01)


def test_a_band_above_the_nyquist_frequency_has_no_power():
    assert features_of(np.random.default_rng(0).normal(size=200), sfreq=50)["gamma_power"] == 0


@settings(max_examples=40, deadline=None)
@given(
    x=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 40)),
        elements=st.floats(-1e4, 1e4, width=32),
    ),
    factor=st.sampled_from([0.25, 2.0, 64.0]),
)
def test_amplitude_scales_what_has_a_unit_and_nothing_else(x, factor):
    transformer = EEGFeatures(sfreq=100).fit(x)
    before, after = (
        transformer.transform(data).reshape(-1, len(NAMES)) for data in (x, factor * x)
    )
    assert np.all(np.isfinite(before))
    power = np.array([2] * 6 + [0, 0, 0, 1, 0, 0])
    np.testing.assert_allclose(after, before * factor**power, rtol=1e-6, atol=1e-9)
    entropy = before[:, NAMES.index("spectral_entropy")]
    assert np.all((entropy >= 0) & (entropy <= 1))


# windows at the edge of what is possible


@pytest.mark.parametrize("value", [0.0, 0.1, -1e5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_flat_channel_is_zero_in_all_features(value, dtype):
    X = np.random.default_rng(0).normal(size=(3, 2, 300)).astype(dtype)
    X[1, 0] = value
    features = EEGFeatures(sfreq=SFREQ).fit_transform(X).reshape(3, 2, -1)
    np.testing.assert_array_equal(features[1, 0], 0)
    assert np.all(features[1, 1, :6] > 0)


@pytest.mark.parametrize("n_times", [1, 2, 3, 7])
def test_windows_of_a_few_samples_work(n_times):
    X = np.random.default_rng(0).normal(size=(4, 2, n_times))
    features = EEGFeatures(sfreq=64).fit_transform(X)
    assert features.shape == (4, 24)
    assert np.all(np.isfinite(features))


def test_single_precision_is_kept_and_precise():
    X = np.random.default_rng(0).normal(scale=30, size=(20, 3, 1000)) + 500
    single = EEGFeatures(sfreq=SFREQ).fit_transform(X.astype(np.float32))
    assert single.dtype == np.float32
    double = EEGFeatures(sfreq=SFREQ).fit_transform(X.astype(np.float32).astype(np.float64))
    np.testing.assert_allclose(single, double, rtol=1e-3, atol=1e-3)


def test_windows_do_not_depend_on_the_block_they_are_computed_in():
    X = np.random.default_rng(0).normal(size=(40, 19, 1024))  # six megabytes
    transformer = EEGFeatures(sfreq=SFREQ).fit(X)
    together = transformer.transform(X)
    alone = np.concatenate([transformer.transform(x[None]) for x in X])
    np.testing.assert_allclose(together, alone, rtol=1e-10, atol=1e-12)


def test_memory_beyond_the_result_is_a_fraction_of_the_data():
    import tracemalloc

    X = np.random.default_rng(0).normal(size=(300, 16, 1024)).astype(np.float32)
    transformer = EEGFeatures(sfreq=SFREQ).fit(X)
    tracemalloc.start()
    transformer.transform(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 2


def test_bad_samples_are_named():
    X = np.ones((4, 2, 50))
    X[2, 1, 9] = np.nan
    with pytest.raises(ValueError, match="window 2, channel 1, sample 9"):
        EEGFeatures(sfreq=SFREQ).fit(X)


# columns, names, sources


def test_averaging_is_the_mean_over_channels(cohort):
    each = EEGFeatures(sfreq=64).fit_transform(cohort.X)
    mean = EEGFeatures(sfreq=64, average=True).fit_transform(cohort.X)
    np.testing.assert_allclose(mean, each.reshape(len(each), 4, 12).mean(axis=1), rtol=1e-5)


def test_columns_are_named_by_feature_and_channel(epochs):
    array = EEGFeatures(sfreq=SFREQ).fit(np.zeros((2, 2, 50)))
    expected = [f"{name}_{channel}" for channel in ("ch0", "ch1") for name in NAMES]
    assert list(array.get_feature_names_out()) == expected
    assert list(array.get_feature_names_out(["A", "B"]))[-1] == "skewness_B"
    named = EEGFeatures().fit(epochs).get_feature_names_out()
    assert list(named[[0, -1]]) == ["delta_power_Fz", "skewness_Pz"]
    averaged = EEGFeatures(average=True).fit(epochs).get_feature_names_out()
    assert list(averaged) == NAMES


def test_data_frames_come_out_where_asked(cohort):
    frame = EEGFeatures(sfreq=64).set_output(transform="pandas").fit_transform(cohort.X)
    assert frame.columns[14] == "alpha_power_ch1"
    pipe = make_pipeline(EEGFeatures(sfreq=64, average=True), StandardScaler()).fit(cohort.X)
    assert list(pipe.get_feature_names_out()) == NAMES


def test_epochs_are_microvolts_at_their_own_rate(epochs):
    microvolts = epochs.get_data() * 1e6
    np.testing.assert_allclose(
        EEGFeatures().fit_transform(epochs), EEGFeatures(sfreq=SFREQ).fit_transform(microvolts)
    )


def test_a_rate_that_contradicts_the_epochs_is_refused(epochs):
    with pytest.raises(ValueError, match="sfreq=100 Hz, but the Epochs are sampled at 256 Hz"):
        EEGFeatures(sfreq=100).fit(epochs)
    fitted = EEGFeatures(sfreq=100).fit(np.zeros((2, 3, 512)))
    with pytest.raises(ValueError, match="sampled at 256 Hz"):
        fitted.transform(epochs)


def test_other_channels_than_in_fit_are_refused(epochs):
    fitted = EEGFeatures().fit(epochs)
    with pytest.raises(ValueError, match="fitted on"):
        fitted.transform(epochs.copy().reorder_channels(["Pz", "Cz", "Fz"]))
    with pytest.raises(ValueError, match="fitted on"):
        fitted.transform(np.zeros((2, 3, 100)))


def test_an_unknown_rate_is_assumed_with_a_warning():
    with pytest.warns(UserWarning, match="taken to be 256 Hz") as caught:
        assert EEGFeatures().fit(np.zeros((2, 1, 50))).sfreq_ == 256
    assert caught[0].filename == __file__


@pytest.mark.slow
def test_features_equal_those_of_mne_features_where_definitions_agree(data_folder):
    univariate = pytest.importorskip("mne_features.univariate")
    with np.load(data_folder / "chbmit-excerpt/clips.npz") as clips:
        X = clips["X"].astype(np.float64)
    n_times = X.shape[2]
    own = EEGFeatures(sfreq=SFREQ).fit_transform(X).reshape(*X.shape[:2], 12)
    own = {name: own[:, :, k] for k, name in enumerate(NAMES)}
    same = {
        # divided by n - 1 there, by n here; a mean there, a sum here; 3 for a Gaussian there
        "hjorth_activity": univariate.compute_variance(X) * (n_times - 1) / n_times,
        "line_length": univariate.compute_line_length(X) * (n_times - 1),
        "kurtosis": univariate.compute_kurtosis(X) - 3,
        "skewness": univariate.compute_skewness(X),
    }
    for name, expected in same.items():
        np.testing.assert_allclose(own[name], expected, rtol=1e-6, atol=1e-9, err_msg=name)


def test_hjorth_parameters_equal_those_of_mne_features_but_for_the_ends_of_a_window():
    univariate = pytest.importorskip("mne_features.univariate")
    # There, a zero is put before each window, and the mean slope is taken away: neither matters
    # to a signal that starts and ends as zero.
    taper = np.zeros(4096)
    taper[5:-5] = np.hanning(4086)
    X = taper * np.random.default_rng(0).normal(scale=30, size=(3, 4096)).cumsum(axis=1)
    X -= X.mean(axis=1, keepdims=True) * taper / taper.mean()
    own = EEGFeatures(sfreq=SFREQ).fit_transform(X[None]).reshape(3, 12)
    mobility = univariate.compute_hjorth_mobility(X) * SFREQ
    complexity = univariate.compute_hjorth_complexity(X)
    np.testing.assert_allclose(own[:, NAMES.index("hjorth_mobility")], mobility, rtol=1e-3)
    np.testing.assert_allclose(own[:, NAMES.index("hjorth_complexity")], complexity, rtol=1e-3)


def test_real_seizures_have_more_activity_than_background(data_folder):
    bonn = np.load(data_folder / "bonn-windows.npz")
    frame = EEGFeatures(sfreq=173.61, average=True).set_output(transform="pandas")
    frame = frame.fit_transform(bonn["X"].astype(np.float32))
    assert np.isfinite(frame).all(axis=None)
    medians = frame.groupby(bonn["bonn_set"].astype(str)).median()
    assert medians.hjorth_activity["E"] > 5 * medians.hjorth_activity.drop("E").max()
