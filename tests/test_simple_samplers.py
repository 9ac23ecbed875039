"""Fourier surrogates, any over-sampler on windows, and the strategy that fits every fold."""

import pickle
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.base import BaseSampler
from imblearn.over_sampling import ADASYN, SMOTE, RandomOverSampler
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from scipy.signal import csd
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate

from geneeg_sk.over_sampling import FillGap, FourierSurrogateSampler, WindowedSampler

SAMPLERS = [
    FourierSurrogateSampler(random_state=0),
    WindowedSampler(sampler=SMOTE(random_state=0, k_neighbors=2)),
    WindowedSampler(sampler=RandomOverSampler(random_state=0)),
    WindowedSampler(sampler=FourierSurrogateSampler(random_state=0)),
]
COUNTS = {"normal": 20, "preictal": 9, "ictal": 5}


def windows(n_times=32, n_channels=3, dtype=np.float32):
    """Unordered windows of three states of four patients."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(list(COUNTS), list(COUNTS.values())))
    X = 50 * rng.normal(size=(len(y), n_channels, n_times)).cumsum(axis=-1)
    return X.astype(dtype), y, np.arange(len(y)) % 4


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_originals_come_first_bit_identical_and_synthetic_rows_follow(sampler, dtype):
    X, y, groups = windows(dtype=dtype)
    X_res, y_res = sampler.fit_resample(X, y, groups=groups)
    assert X_res.dtype == dtype
    assert y_res.dtype == y.dtype
    np.testing.assert_array_equal(X_res[: len(X)], X)
    np.testing.assert_array_equal(y_res[: len(X)], y)
    assert Counter(y_res.tolist()) == {"normal": 20, "preictal": 20, "ictal": 20}
    np.testing.assert_array_equal(sampler.is_synthetic_, np.arange(60) >= len(X))
    np.testing.assert_array_equal(sampler.provenance_["state"], y_res[len(X) :])
    assert not hasattr(sampler, "sample_indices_")


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_one_channel_may_come_without_a_channel_axis(sampler):
    X, y, _ = windows(n_channels=1)
    X_res, _ = sampler.fit_resample(X, y)
    flat, _ = sampler.fit_resample(X[:, 0], y)
    assert flat.shape == (60, 32)
    np.testing.assert_array_equal(flat, X_res[:, 0])


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_layout_in_memory_does_not_matter(sampler):
    X, y, _ = windows()
    expected, _ = sampler.fit_resample(X, y)
    read_only = X.copy()
    read_only.flags.writeable = False
    for same in [read_only, np.asfortranarray(X), X[::-1][::-1], X.astype(">f4")]:
        X_res, _ = sampler.fit_resample(same, y)
        assert X_res.dtype == np.float32
        np.testing.assert_array_equal(X_res, expected)


@pytest.mark.parametrize(
    "y",
    [
        np.repeat([0, 1], [20, 14]),
        np.repeat([0.0, 1.0], [20, 14]),
        np.repeat([False, True], [20, 14]),
        np.repeat(["a", "b"], [20, 14]).astype(object),
        pd.Series(np.repeat(["a", "b"], [20, 14]), dtype="category"),
    ],
    ids=["int", "float", "bool", "object", "category"],
)
def test_labels_may_be_of_any_kind(y):
    _, y_res = FourierSurrogateSampler(random_state=0).fit_resample(windows()[0], y)
    assert y_res.dtype == y.dtype
    assert list(Counter(list(y_res)).values()) == [20, 20]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_the_random_state_alone_decides_and_the_global_one_stays(sampler):
    X, y, _ = windows()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, _ = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.testing.assert_array_equal(sampler.fit_resample(X, y)[0], first)


@settings(max_examples=20, deadline=None)
@given(small=st.floats(0, 2), large=st.floats(0, 20), dtype=st.sampled_from(["f4", "f8"]))
def test_windows_of_a_smaller_ratio_are_the_first_of_a_larger_one(small, large, dtype):
    small, large = sorted([small, large])
    X, y, _ = windows(n_times=9, dtype=dtype)
    few = FourierSurrogateSampler(sampling_strategy=FillGap(small), random_state=3)
    many = FourierSurrogateSampler(sampling_strategy=FillGap(large), random_state=3)
    (X_few, y_few), (X_many, y_many) = few.fit_resample(X, y), many.fit_resample(X, y)
    for state in COUNTS:
        some = X_few[y_few == state]
        np.testing.assert_array_equal(X_many[y_many == state][: len(some)], some)


@pytest.mark.parametrize("n_times", [64, 65])
def test_surrogates_keep_mean_spectra_and_cross_spectra_of_their_source(n_times):
    X, y, groups = windows(n_times=n_times, dtype=np.float64)
    sampler = FourierSurrogateSampler(random_state=0)
    X_res, _ = sampler.fit_resample(X, y, groups=groups)
    source = sampler.provenance_["source"].to_numpy()
    new, old = X_res[len(X) :], X[source]
    np.testing.assert_array_equal(sampler.provenance_["patient"], groups[source])
    np.testing.assert_array_equal(sampler.provenance_["state"], y[source])
    np.testing.assert_allclose(new.mean(-1), old.mean(-1))

    def cross_spectra(Z):
        whole = {"window": "boxcar", "nperseg": n_times, "detrend": False}
        return csd(Z[:, :, None], Z[:, None], **whole)[1]

    np.testing.assert_allclose(cross_spectra(new), cross_spectra(old), rtol=1e-6, atol=1e-6)
    assert np.abs(new - old).max(axis=(1, 2)).min() > 1


def test_every_window_is_a_source_before_any_is_one_twice():
    X, y, _ = windows()
    sampler = FourierSurrogateSampler(random_state=0)
    sampler.fit_resample(X, y)
    used = sampler.provenance_.groupby("state")["source"].value_counts()
    assert set(used["ictal"]) == {3}
    assert set(used["preictal"]) <= {1, 2}


@pytest.mark.parametrize("n_times", [1, 2, 3])
def test_very_short_windows_work(n_times):
    X, y, _ = windows(n_times=n_times)
    assert FourierSurrogateSampler(random_state=0).fit_resample(X, y)[0].shape == (60, 3, n_times)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_bad_input_is_refused_with_the_reason(sampler):
    X, y, groups = windows()
    with pytest.raises(ValueError, match="groups has 33 entries for 34 windows"):
        sampler.fit_resample(X, y, groups=groups[1:])
    with pytest.raises(ValueError, match=r"one class only, \['ictal'\]"):
        sampler.fit_resample(X, np.full(len(y), "ictal"))
    with pytest.raises(ValueError, match="X has 4 dimensions"):
        sampler.fit_resample(X[None], y[:1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        sampler.fit_resample(X, y[1:])
    holed = X.copy()
    holed[3, 1, 7] = np.nan
    with pytest.raises(ValueError, match="NaN: first in window 3, channel 1, sample 7"):
        sampler.fit_resample(holed, y)


def test_mne_epochs_come_out_as_microvolts():
    mne = pytest.importorskip("mne")
    X, y, _ = windows(dtype=np.float64)
    info = mne.create_info(3, 16.0, "eeg")
    epochs = mne.EpochsArray(X * 1e-6, info, verbose="error")
    X_res, _ = FourierSurrogateSampler(random_state=0).fit_resample(epochs, y)
    np.testing.assert_allclose(X_res[: len(X)], X)


def test_windowed_smote_gives_what_smote_gives_on_flat_windows():
    X, y, _ = windows()
    smote = SMOTE(random_state=1, k_neighbors=3)
    X_res, y_res = WindowedSampler(sampler=smote).fit_resample(X, y)
    flat, y_flat = smote.fit_resample(X.reshape(len(X), -1), y)
    np.testing.assert_array_equal(X_res, flat.reshape(-1, *X.shape[1:]))
    np.testing.assert_array_equal(y_res, y_flat)


def test_no_sampler_means_no_resampling():
    X, y, groups = windows()
    sampler = WindowedSampler(sampling_strategy=FillGap(1))
    X_res, y_res = sampler.fit_resample(X, y, groups=groups)
    np.testing.assert_array_equal(X_res, X)
    np.testing.assert_array_equal(y_res, y)
    assert not sampler.is_synthetic_.any()
    assert len(sampler.provenance_) == 0


def test_the_strategy_of_the_sampler_inside_stays_unless_another_is_given():
    X, y, _ = windows()
    inner = RandomOverSampler(sampling_strategy={"ictal": 6}, random_state=0)
    sampler = WindowedSampler(sampler=inner)
    assert len(sampler.fit_resample(X, y)[0]) == 35
    assert sampler.sampling_strategy_ == {"ictal": 1}
    assert len(sampler.set_params(sampling_strategy=FillGap(2)).fit_resample(X, y)[0]) == 86
    assert inner.sampling_strategy == {"ictal": 6}


def test_provenance_of_the_sampler_inside_is_passed_on():
    X, y, groups = windows()
    sampler = WindowedSampler(sampler=FourierSurrogateSampler(random_state=0))
    sampler.fit_resample(X, y, groups=groups)
    assert sampler.provenance_.columns.tolist() == ["state", "source", "patient"]
    repeats = WindowedSampler(sampler=RandomOverSampler(random_state=0))
    X_res, _ = repeats.fit_resample(X, y)
    np.testing.assert_array_equal(X_res[len(X) :], X[repeats.provenance_["source"]])


@pytest.mark.parametrize("inner", [SMOTE(), ADASYN()], ids=str)
def test_too_few_windows_for_the_neighbors_says_what_to_do(inner):
    X, y, _ = windows()
    keep = np.r_[np.flatnonzero(y != "ictal"), np.flatnonzero(y == "ictal")[:2]]
    with pytest.raises(ValueError, match=r"'ictal': 2.*_neighbors of .* below the smallest state"):
        WindowedSampler(sampler=inner).fit_resample(X[keep], y[keep])


def test_a_sampler_that_drops_windows_is_refused():
    X, y, _ = windows()
    sampler = WindowedSampler(sampler=RandomUnderSampler(random_state=0))
    with pytest.raises(ValueError, match="takes over-samplers only"):
        sampler.fit_resample(X, y)


class Recorder(BaseOverSampler):
    """Resamples nothing, and keeps the groups that reached it."""

    _parameter_constraints = {}
    seen = []

    def __init__(self, sampling_strategy="auto"):
        super().__init__(sampling_strategy=sampling_strategy)

    def _check_X_y(self, X, y, accept_sparse=None):
        return BaseSampler._check_X_y(self, X, y, accept_sparse)

    def fit_resample(self, X, y, *, groups=None):
        return super().fit_resample(X, y, groups=groups)

    def _fit_resample(self, X, y, groups=None):
        Recorder.seen.append(groups)
        return X, y


def test_a_grid_that_swaps_samplers_hands_each_the_patients_of_its_training_fold():
    X, y, groups = windows()
    Recorder.seen.clear()
    candidates = [None, SMOTE(k_neighbors=1, random_state=0), Recorder()]
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            make_pipeline(WindowedSampler(), DummyClassifier()),
            {"windowedsampler__sampler": candidates},
            cv=GroupKFold(4),
            refit=False,
            error_score="raise",
        )
        search.fit(X, y, groups=groups)
    assert sorted(len(set(seen)) for seen in Recorder.seen) == [3, 3, 3, 3]
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()


@settings(max_examples=50, deadline=None)
@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    fraction=st.floats(0, 5, allow_subnormal=False),
)
def test_fill_gap_fills_that_fraction_of_every_gap(counts, fraction):
    wanted = FillGap(fraction)(np.repeat(np.arange(len(counts)), counts))
    for label, n in enumerate(counts):
        assert wanted[label] >= n
        assert abs(wanted[label] - n - fraction * (max(counts) - n)) <= 0.5


@pytest.mark.parametrize("fraction", [0, 0.5, 1, 3])
@pytest.mark.parametrize("sampler", SAMPLERS[:3], ids=str)
def test_fill_gap_never_raises_on_a_balanced_fold(sampler, fraction):
    X, _, _ = windows()
    y = np.tile(["a", "b"], 17)
    balanced = sklearn.clone(sampler).set_params(sampling_strategy=FillGap(fraction))
    X_res, _ = balanced.fit_resample(X, y)
    np.testing.assert_array_equal(X_res, X)


def test_fill_gap_can_be_pickled_compared_and_printed():
    assert pickle.loads(pickle.dumps(FillGap(0.5))) == FillGap(0.5) != FillGap(0.25)
    assert len({FillGap(1), FillGap(1.0), FillGap(2)}) == 2
    assert repr(FillGap(0.5)) == "FillGap(0.5)"
    kept = sklearn.clone(FourierSurrogateSampler(sampling_strategy=FillGap(2)))
    assert kept.sampling_strategy == FillGap(2)


@pytest.mark.parametrize("fraction", [-0.1, np.nan, np.inf])
def test_fill_gap_refuses_what_is_no_fraction(fraction):
    with pytest.raises(ValueError, match="expected a finite number of at least 0"):
        FillGap(fraction)


@pytest.mark.parametrize("fraction", ["1", None, True])
def test_fill_gap_refuses_what_is_no_number(fraction):
    with pytest.raises(TypeError, match="expected a number"):
        FillGap(fraction)


def test_a_grid_over_ratios_gives_the_same_scores_in_two_processes():
    X, y, groups = windows()
    pipeline = make_pipeline(
        FourierSurrogateSampler(random_state=0), DummyClassifier(strategy="stratified")
    ).set_params(dummyclassifier__random_state=0)
    grid = {
        "fouriersurrogatesampler__sampling_strategy": [FillGap(0), FillGap(0.5), FillGap(2)],
    }
    scores = []
    with sklearn.config_context(enable_metadata_routing=True):
        for n_jobs in [1, 2]:
            search = GridSearchCV(pipeline, grid, cv=GroupKFold(2), error_score="raise")
            result = cross_validate(
                search, X, y, params={"groups": groups}, cv=GroupKFold(4), n_jobs=n_jobs
            )
            scores.append(result["test_score"])
    np.testing.assert_array_equal(*scores)


def test_the_magnitude_of_phase_noise_goes_from_copies_to_uniform_phases():
    X = np.random.default_rng(0).normal(size=(20, 3, 128))
    y = np.repeat(["normal", "ictal"], [14, 6])

    def resemblance(magnitude):
        sampler = FourierSurrogateSampler(phase_noise_magnitude=magnitude, random_state=0)
        X_new = sampler.fit_resample(X, y)[0][20:]
        source = X[sampler.provenance_["source"]]
        amplitude, own = (np.abs(np.fft.rfft(one, axis=2)) for one in (X_new, source))
        np.testing.assert_allclose(amplitude, own, rtol=1e-6)
        return np.corrcoef(X_new.ravel(), source.ravel())[0, 1]

    assert resemblance(0.0) == pytest.approx(1)
    assert resemblance(0.5) == pytest.approx(2 / np.pi, abs=0.06)  # mean cosine of the angles
    assert abs(resemblance(1.0)) < 0.1
    with pytest.raises(ValueError, match="'phase_noise_magnitude' parameter"):
        resemblance(1.5)
