import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from geneeg_sk.preprocessing import (
    ArtifactRepairer,
    BandpassFilter,
    ChannelPicker,
    NotchFilter,
    Rereferencer,
    Resampler,
    WindowScaler,
)

SFREQ = 256.0
TIMES = np.arange(1024) / SFREQ

TRANSFORMERS = [
    BandpassFilter(sfreq=SFREQ),
    BandpassFilter(l_freq=None, h_freq=30, sfreq=SFREQ),
    NotchFilter(freqs=[50, 100], sfreq=SFREQ),
    Resampler(target_sfreq=100, sfreq=SFREQ),
    Rereferencer(),
    Rereferencer(reference=[0]),
    ChannelPicker(),
    ChannelPicker(channels=[0]),
    ArtifactRepairer(),
    ArtifactRepairer(method="interpolate", threshold=1),
    WindowScaler(),
    WindowScaler(center=False),
]
every = pytest.mark.parametrize("transformer", TRANSFORMERS, ids=repr)


def noise(n=20, n_channels=3, n_times=256, *, seed=0, scale=30.0):
    return np.random.default_rng(seed).normal(scale=scale, size=(n, n_channels, n_times))


def sine(freq, amplitude=20.0):
    return amplitude * np.sin(2 * np.pi * freq * TIMES)


@pytest.fixture(scope="module")
def epochs():
    mne = pytest.importorskip("mne")
    info = mne.create_info(["Fz", "Cz", "Pz"], SFREQ, "eeg")
    return mne.EpochsArray(noise(6, n_times=512) * 1e-6, info, verbose="error")


# all of them


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("ignore:A single channel")
def test_dimensions_and_precision_are_kept(transformer, dtype):
    X = noise(n_channels=1).astype(dtype)
    cube, flat = (clone(transformer).fit_transform(data) for data in (X, X[:, 0]))
    assert (cube.ndim, flat.ndim) == (3, 2)
    assert cube.dtype == flat.dtype == dtype
    np.testing.assert_array_equal(cube[:, 0], flat)


@every
def test_the_input_is_left_alone(transformer):
    X = noise()
    before = X.copy()
    result = clone(transformer).fit_transform(X)
    np.testing.assert_array_equal(X, before)
    assert not np.shares_memory(result, X)


@every
def test_windows_are_transformed_one_by_one(transformer):
    fitted = clone(transformer).fit(noise())
    X = noise(7, seed=1)
    np.testing.assert_allclose(
        fitted.transform(X)[3:4], fitted.transform(X[3:4]), rtol=1e-9, atol=1e-9
    )


@every
@pytest.mark.parametrize("n_times", [1, 2, 3])
def test_windows_of_a_few_samples_work(transformer, n_times):
    result = clone(transformer).fit_transform(noise(4, n_times=n_times))
    assert np.all(np.isfinite(result))


@every
def test_other_shapes_than_in_fit_are_refused(transformer):
    fitted = clone(transformer).fit(noise())
    for other in (noise(n_channels=2), noise(n_times=100)):
        with pytest.raises(ValueError, match=r"features|fitted on"):
            fitted.transform(other)


@every
def test_bad_samples_are_named(transformer):
    X = noise()
    X[2, 1, 9] = np.inf
    with pytest.raises(ValueError, match=r"infinity.*window 2, channel 1, sample 9"):
        clone(transformer).fit(X)


@every
def test_epochs_are_microvolts(transformer, epochs):
    from_epochs = clone(transformer).fit_transform(epochs)
    from_array = clone(transformer).fit_transform(epochs.get_data() * 1e6)
    np.testing.assert_array_equal(from_epochs, from_array)


@every
def test_epochs_with_other_channels_are_refused(transformer, epochs):
    fitted = clone(transformer).fit(epochs)
    with pytest.raises(ValueError, match="Pick and order"):
        fitted.transform(epochs.copy().rename_channels({"Cz": "C4"}))


@every
def test_a_data_frame_is_never_made_of_three_dimensions(transformer):
    assert not hasattr(clone(transformer).fit(noise()), "get_feature_names_out")


@every
def test_fitted_transformers_work_from_read_only_memory(transformer, tmp_path):
    fitted = clone(transformer).fit(noise())
    joblib.dump((fitted, noise()), tmp_path / "fitted.joblib")
    loaded, X = joblib.load(tmp_path / "fitted.joblib", mmap_mode="r")
    np.testing.assert_array_equal(loaded.transform(X), fitted.transform(noise()))


def test_a_chain_of_them_makes_a_pipeline(cohort):
    chain = make_pipeline(
        ChannelPicker(channels=[3, 1]),
        BandpassFilter(h_freq=30, sfreq=64),
        Resampler(target_sfreq=32, sfreq=64),
        ArtifactRepairer(),
        WindowScaler(),
    )
    result = chain.fit_transform(cohort.X, cohort.y)
    assert result.shape == (len(cohort.X), 2, 64)
    assert result.dtype == cohort.X.dtype


FILTERS = [BandpassFilter(), NotchFilter(), Resampler()]


@pytest.mark.parametrize("transformer", FILTERS, ids=repr)
def test_an_unknown_rate_is_assumed_with_a_warning(transformer):
    with pytest.warns(UserWarning, match="taken to be 256 Hz"):
        assert clone(transformer).fit(noise()).sfreq_ == 256


@pytest.mark.parametrize("transformer", FILTERS, ids=repr)
def test_epochs_bring_their_rate_and_may_not_contradict(transformer, epochs):
    assert clone(transformer).fit(epochs).sfreq_ == SFREQ
    with pytest.raises(ValueError, match="sampled at 256 Hz"):
        clone(transformer).set_params(sfreq=200.0).fit(epochs)


# filters


def test_a_band_pass_keeps_what_is_inside_and_nothing_else():
    X = (100 + sine(10) + sine(90) + sine(0.1))[None, None]
    filtered = BandpassFilter(l_freq=1, h_freq=40, sfreq=SFREQ).fit_transform(X)[0, 0]
    middle = slice(200, -200)
    # in phase, and as large as it was: nothing but the edges differs by more than 5 %
    np.testing.assert_allclose(filtered[middle], sine(10)[middle], atol=1)


@pytest.mark.parametrize("freq", [1.0, 40.0])
def test_the_gain_at_an_edge_is_one_half(freq):
    long = np.tile(sine(freq), 8)[None]
    filtered = BandpassFilter(l_freq=1, h_freq=40, sfreq=SFREQ).fit_transform(long)[0]
    middle = slice(3072, -3072)
    assert filtered[middle].std() / long[0, middle].std() == pytest.approx(0.5, abs=0.01)


def test_low_pass_keeps_the_offset_and_high_pass_removes_it():
    X = (80 + sine(5))[None]
    low = BandpassFilter(l_freq=None, h_freq=30, sfreq=SFREQ).fit_transform(X)
    high = BandpassFilter(l_freq=1, h_freq=None, sfreq=SFREQ).fit_transform(X)
    assert low.mean() == pytest.approx(80, abs=0.5)
    assert high.mean() == pytest.approx(0, abs=0.5)


def test_a_filtered_window_is_close_to_the_same_cut_of_the_filtered_recording():
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.normal(size=1024 * 40))
    freqs = np.fft.rfftfreq(1024 * 40, 1 / SFREQ)
    recording = np.fft.irfft(spectrum / np.sqrt(np.maximum(freqs, 0.3)))
    transformer = BandpassFilter(sfreq=SFREQ)
    whole = transformer.fit_transform(recording[None])[0].reshape(40, 1024)
    parts = transformer.fit_transform(recording.reshape(40, 1024))
    error = (parts - whole)[1:-1]
    assert error.std() < 0.2 * whole.std()
    assert error[:, 256:-256].std() < 0.08 * whole.std()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"l_freq": 40, "h_freq": 10}, "l_freq=40 Hz is not below h_freq=10 Hz"),
        ({"h_freq": 128}, "128 Hz cannot be filtered at sfreq=256 Hz"),
        ({"l_freq": None, "h_freq": None}, "at least one edge"),
    ],
)
def test_edges_that_make_no_band_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        BandpassFilter(sfreq=SFREQ, **params).fit(noise())


def test_a_notch_removes_the_hum_and_leaves_its_neighbors():
    X = np.stack([sine(50) + sine(100), sine(40)])
    hum, brain = NotchFilter(freqs=[50, 100], sfreq=SFREQ).fit_transform(X)
    middle = slice(256, -256)
    assert np.abs(hum[middle]).max() < 0.2
    np.testing.assert_allclose(brain[middle], sine(40)[middle], atol=0.5)


@pytest.mark.parametrize("freqs", [128, [50, 200], [], [-50.0]])
def test_notches_that_cannot_be_are_refused(freqs):
    with pytest.raises(ValueError, match=r"cannot be filtered|one or more frequencies"):
        NotchFilter(freqs=freqs, sfreq=SFREQ).fit(noise())


# resampling


@pytest.mark.parametrize("target", [64, 100, 173.61, 512])
def test_a_resampled_sine_is_the_sine_at_the_new_rate(target):
    resampled = Resampler(target_sfreq=target, sfreq=SFREQ).fit_transform(sine(6)[None])[0]
    assert len(resampled) == pytest.approx(4 * target, abs=1)
    expected = 20 * np.sin(2 * np.pi * 6 * np.arange(len(resampled)) / target)
    trim = int(target / 4)
    np.testing.assert_allclose(resampled[trim:-trim], expected[trim:-trim], atol=0.2)


def test_frequencies_that_the_new_rate_cannot_hold_are_removed_and_not_folded():
    resampled = Resampler(target_sfreq=64, sfreq=SFREQ).fit_transform(sine(60)[None])[0]
    assert np.abs(resampled[16:-16]).max() < 0.4


def test_an_offset_or_a_drift_does_not_ring_at_the_edges():
    X = 500 + 50 * TIMES[None]
    resampled = Resampler(target_sfreq=64, sfreq=SFREQ).fit_transform(X)
    np.testing.assert_allclose(resampled, 500 + 50 * TIMES[None, ::4], rtol=1e-6)


def test_the_same_rate_changes_nothing():
    X = noise()
    np.testing.assert_array_equal(Resampler(target_sfreq=200, sfreq=200).fit_transform(X), X)


def test_a_rate_a_thousand_times_lower_is_refused():
    with pytest.raises(ValueError, match="thousandth"):
        Resampler(target_sfreq=0.1, sfreq=SFREQ).fit(noise())


# channels


def test_the_average_reference_makes_the_channels_sum_to_zero():
    X = noise()
    result = Rereferencer().fit_transform(X)
    np.testing.assert_allclose(result.sum(axis=1), 0, atol=1e-10)
    np.testing.assert_allclose(np.diff(result, axis=1), np.diff(X, axis=1))


def test_reference_channels_are_found_by_name_and_by_index(epochs):
    by_name = Rereferencer(reference=["Pz", "Fz"]).fit_transform(epochs)
    by_index = Rereferencer(reference=[2, 0]).fit_transform(epochs)
    np.testing.assert_array_equal(by_name, by_index)
    np.testing.assert_allclose(by_name[:, [0, 2]].mean(axis=1), 0, atol=1e-10)


def test_a_single_channel_against_itself_draws_a_warning():
    with pytest.warns(UserWarning, match="zero everywhere") as caught:
        Rereferencer().fit(noise(n_channels=1))
    assert len(caught) == 1


def test_channels_are_picked_in_the_order_given(epochs):
    X = epochs.get_data() * 1e6
    np.testing.assert_array_equal(
        ChannelPicker(channels=["Pz", "Fz"]).fit_transform(epochs), X[:, [2, 0]]
    )
    np.testing.assert_array_equal(ChannelPicker(channels=[-1]).fit_transform(X), X[:, 2:])
    np.testing.assert_array_equal(ChannelPicker().fit_transform(X), X)


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ([3], "X has 3 channels"),
        ([0, -3], "twice"),
        ([], "empty"),
        (["Oz"], r"\['Oz'\]; the channels are \['Fz', 'Cz', 'Pz'\]"),
    ],
)
@pytest.mark.parametrize(
    "make", [lambda c: ChannelPicker(channels=c), lambda c: Rereferencer(reference=c)]
)
def test_channels_that_are_not_there_are_refused(make, channels, message, epochs):
    with pytest.raises(ValueError, match=message):
        make(channels).fit(epochs)


def test_names_need_a_source_that_has_names():
    with pytest.raises(ValueError, match="does not carry names"):
        ChannelPicker(channels=["Cz"]).fit(noise())


# amplitude


def test_scaled_channels_have_median_zero_and_spread_one():
    X = noise(scale=1) * np.array([5, 50, 500])[:, None] + np.array([0, -30, 800])[:, None]
    scaler = WindowScaler().fit(X)
    np.testing.assert_allclose(scaler.scale_, [5, 50, 500], rtol=0.05)
    scaled = scaler.transform(X)
    np.testing.assert_allclose(np.median(scaled, axis=(0, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=(0, 2)), 1, rtol=0.05)


def test_an_artifact_in_the_training_windows_does_not_decide_the_scale():
    X = noise()
    clean = WindowScaler().fit(X).scale_
    X[0] += 1e6
    np.testing.assert_allclose(WindowScaler().fit(X).scale_, clean, rtol=0.1)


def test_without_centering_the_offset_stays():
    X = noise() + 1000
    scaled = WindowScaler(center=False).fit(X).transform(X)
    assert np.median(scaled) == pytest.approx(1000 / 30, rel=0.1)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaled_windows_come_back_in_microvolts(center, dtype):
    X = (noise() + 100).astype(dtype)
    scaler = WindowScaler(center=center)
    back = scaler.inverse_transform(scaler.fit_transform(X))
    assert back.dtype == dtype
    np.testing.assert_allclose(back, X, rtol=1e-4)
    flat = WindowScaler(center=center).fit(X[:, 0])
    np.testing.assert_allclose(flat.inverse_transform(flat.transform(X[:, 0])), X[:, 0], rtol=1e-4)
    with pytest.raises(ValueError, match="2 features"):
        scaler.inverse_transform(X[:, :2])


def test_a_flat_channel_stays_flat():
    X = noise()
    X[:, 1] = 7
    scaler = WindowScaler().fit(X)
    assert scaler.scale_[1] == 1
    np.testing.assert_array_equal(scaler.transform(X)[:, 1], 0)
    np.testing.assert_array_equal(ArtifactRepairer().fit_transform(X)[:, 1], 7)


@pytest.mark.parametrize("kind", [WindowScaler, ArtifactRepairer])
def test_nothing_is_learned_from_windows_to_transform(kind):
    fitted = kind().fit(noise())
    before = fitted.transform(noise(seed=1))
    fitted.transform(1e6 * noise(seed=2))
    np.testing.assert_array_equal(fitted.transform(noise(seed=1)), before)


def test_clipped_samples_end_at_the_learned_limit_and_others_stay():
    repairer = ArtifactRepairer(threshold=10).fit(noise())
    X = noise(seed=1)
    X[4, 1, 50:53] = [9000, -9000, 9000]
    repaired = repairer.transform(X)
    limit, center = repairer.limit_[1], repairer.center_[1]
    assert limit == pytest.approx(300, rel=0.05)
    np.testing.assert_allclose(repaired[4, 1, 50:53] - center, [limit, -limit, limit])
    X[4, 1, 50:53] = repaired[4, 1, 50:53]
    np.testing.assert_array_equal(repaired, X)


def test_interpolated_samples_lie_on_the_line_between_good_ones():
    repairer = ArtifactRepairer(threshold=10, method="interpolate").fit(noise())
    X = np.zeros((1, 3, 256))
    X[0, 0] = np.arange(256) / 4
    X[0, 0, 100:110] = 1e4
    X[0, 1, :5] = -1e4
    X[0, 1, 5] = 3
    X[0, 2] = 1e4
    repaired = repairer.transform(X)
    np.testing.assert_allclose(repaired[0, 0], np.arange(256) / 4)
    np.testing.assert_array_equal(repaired[0, 1, :6], 3)
    np.testing.assert_array_equal(repaired[0, 2], repairer.center_[2])


@settings(max_examples=30, deadline=None)
@given(
    X=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.just(3), st.just(16)),
        elements=st.floats(-1e6, 1e6),
    ),
    method=st.sampled_from(["clip", "interpolate"]),
)
def test_repaired_samples_never_exceed_the_limit_and_are_repaired_once(X, method):
    repairer = ArtifactRepairer(threshold=3, method=method).fit(noise(n_times=16))
    repaired = repairer.transform(X)
    distance = np.abs(repaired - repairer.center_[:, None])
    assert np.all(distance <= repairer.limit_[:, None] * (1 + 1e-9))
    np.testing.assert_allclose(repairer.transform(repaired), repaired, atol=1e-9)
