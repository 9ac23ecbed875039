import numpy as np
import pytest
import sklearn
from imblearn.pipeline import Pipeline
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny import TINY

from geneeg_sk.features import EEGFeatures
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.over_sampling import FillGap, GenEEGSampler, _geneeg


def sampler(**params):
    return GenEEGSampler(**{"generator": clone(TINY), "quality": None, "random_state": 0, **params})


@pytest.fixture(scope="module")
def frozen(cohort):
    return FrozenEstimator(clone(TINY).fit(cohort.X, cohort.y, groups=cohort.groups))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_originals_come_back_untouched(cohort, dtype):
    X = cohort.X.astype(dtype)
    X_res, y_res = sampler().fit_resample(X, cohort.y, groups=cohort.groups)
    assert X_res.dtype == dtype
    assert_array_equal(X_res[: len(X)], X)
    assert_array_equal(y_res[: len(X)], cohort.y)
    assert set(np.unique(y_res, return_counts=True)[1]) == {64}


def test_one_channel_windows_stay_two_dimensional(cohort):
    X_res, _ = sampler().fit_resample(cohort.X[:, 0], cohort.y)
    assert X_res.ndim == 2
    assert_array_equal(X_res[: len(cohort.X)], cohort.X[:, 0])


def test_provenance_tells_of_each_synthetic_window(cohort):
    aug = sampler()
    X_res, y_res = aug.fit_resample(cohort.X, cohort.y, groups=cohort.groups)
    assert_array_equal(aug.is_synthetic_, np.arange(len(X_res)) >= len(cohort.X))
    assert_array_equal(aug.provenance_["state"], y_res[aug.is_synthetic_])
    columns = ["state", "profile", "nearest_patient", "tries"]
    assert aug.provenance_.columns.tolist() == columns
    assert not hasattr(aug, "sample_indices_")


def test_smaller_ratios_are_exact_prefixes_of_larger_ones(cohort, frozen):
    def ictal(fraction):
        aug = sampler(generator=frozen, sampling_strategy=FillGap(fraction))
        X_res, y_res = aug.fit_resample(cohort.X, cohort.y, groups=cohort.groups)
        return X_res[aug.is_synthetic_ & (y_res == "ictal")]

    few, many = ictal(0.25), ictal(2.0)
    assert 0 < len(few) < len(many)
    assert_array_equal(few, many[: len(few)])


@pytest.mark.parametrize("mix", ["balanced", "proportional", "virtual", "pooled"])
def test_patient_mix_decides_whose_profile_is_used(cohort, frozen, mix):
    aug = sampler(generator=frozen, patient_mix=mix)
    aug.fit_resample(cohort.X, cohort.y, groups=cohort.groups)
    counts = aug.provenance_[aug.provenance_.state == "ictal"]["profile"].value_counts()
    if mix in ("virtual", "pooled"):
        assert counts.index.tolist() == [mix]
    else:
        assert set(counts.index) == set(cohort.groups)
    if mix == "balanced":
        assert counts.max() - counts.min() <= 1


def test_auto_draws_virtual_patients_for_states_that_some_patients_lack(cohort, frozen):
    known = (cohort.y != "ictal") | (cohort.groups == cohort.groups[0])
    X, y, groups = cohort.X[known], cohort.y[known], cohort.groups[known]
    for strategy, mix in (("auto", {"virtual"}), ({"preictal": 60}, set(groups))):
        aug = sampler(generator=frozen, sampling_strategy=strategy)
        aug.fit_resample(X, y, groups=groups)
        assert set(aug.provenance_["profile"]) == mix
    aug.fit_resample(X, y)
    assert set(aug.provenance_["profile"]) == {"pooled"}


@pytest.mark.parametrize("mix", ["balanced", "proportional", "virtual"])
def test_a_mix_that_needs_groups_raises_without_them(cohort, mix):
    with pytest.raises(ValueError, match="enable_metadata_routing=True"):
        sampler(patient_mix=mix).fit_resample(cohort.X, cohort.y)


class Flawed(BaseEstimator):
    """Real windows, slightly louder or quieter; some candidates have a flaw."""

    def __init__(self, flaw=None, share=0.3, random_state=None):
        self.flaw = flaw
        self.share = share
        self.random_state = random_state
        self.sfreq = None

    def fit(self, X, y, *, groups=None):
        self.X_, self.y_ = X, y
        return self

    def sample(self, y, *, random_state=None, **_):
        rng = np.random.default_rng(random_state)
        X = self.X_[[rng.choice(np.flatnonzero(self.y_ == state)) for state in y]]
        X = X * (1 + 0.02 * rng.normal(size=(len(y), 1, 1)))
        if self.flaw:
            flawed = rng.random(len(y)) < self.share
            X[flawed] = self.flaw(X[flawed])
        return X


def not_a_number(X):
    X[:, 0, 3] = np.nan
    return X


def flat(X):
    X[:, 1] = 0.0
    return X


def clipped(X):
    limit = np.quantile(np.abs(X), 0.7, axis=2, keepdims=True)
    return np.clip(X, -limit, limit)


def loud(X):
    return 100 * X


def quiet(X):
    return X / 1000


def new(X):
    """What no real window shows, and a scalp could: each channel backwards, twice as loud."""
    return 2 * X[:, :, ::-1]


def imitated(cohort, flaw, fraction=1.0, share=0.3, **params):
    aug = sampler(
        generator=Flawed(flaw, share),
        patient_mix="pooled",
        sampling_strategy=FillGap(fraction),
        **params,
    )
    X_res, y_res = aug.fit_resample(cohort.X, cohort.y, groups=cohort.groups)
    return aug, X_res[aug.is_synthetic_], y_res[aug.is_synthetic_]


@pytest.mark.parametrize("flaw", [not_a_number, flat, clipped, loud, quiet])
def test_what_no_scalp_shows_is_refused_and_generated_again(cohort, flaw):
    aug, X, _ = imitated(cohort, flaw, quality="plausible")
    rates = aug.rejection_rate_["pooled"]
    assert set(rates.index) == {"ictal", "preictal"}
    assert ((rates > 0.1) & (rates < 0.5)).all()
    assert aug.provenance_["tries"].max() > 1
    assert np.isfinite(X).all()
    swing, real = np.ptp(X, axis=2), np.ptp(cohort.X, axis=2)
    assert real.min() / 3 <= swing.min() <= swing.max() <= 3 * real.max()


def test_a_channel_that_is_flat_in_all_windows_stays_so(cohort):
    X = cohort.X.copy()
    X[:, 1] = 0.0
    aug = sampler(quality="plausible")
    X_res, _ = aug.fit_resample(X, cohort.y, groups=cohort.groups)
    swing = np.ptp(X_res[aug.is_synthetic_], axis=2)
    assert swing[:, 1].max() < 1e-3 < 1 < swing[:, 0].min()


def test_what_is_merely_new_is_kept(cohort):
    aug, _, _ = imitated(cohort, new, quality="plausible")
    assert (aug.rejection_rate_ == 0).all(axis=None)


def test_without_quality_only_what_is_not_finite_is_refused(cohort):
    kept, X, _ = imitated(cohort, loud, quality=None)
    assert (kept.rejection_rate_ == 0).all(axis=None)
    assert np.abs(X).max() > 10 * np.abs(cohort.X).max()
    refused, X, _ = imitated(cohort, not_a_number, quality=None)
    assert (refused.rejection_rate_ > 0).all(axis=None)
    assert np.isfinite(X).all()


def test_a_generator_that_makes_nothing_plausible_ends_with_an_error(cohort):
    with pytest.raises(ValueError, match=r"20 candidates in turn .* Train the generator longer"):
        imitated(cohort, loud, share=1.0, quality="plausible")


@pytest.mark.parametrize("flaw", [None, loud])
def test_smaller_ratios_stay_prefixes_whatever_is_refused(cohort, flaw):
    _, few, y_few = imitated(cohort, flaw, fraction=0.1, quality="plausible")
    _, many, y_many = imitated(cohort, flaw, fraction=2.0, quality="plausible")
    for state in np.unique(y_few):
        n = (y_few == state).sum()
        assert 0 < n < (y_many == state).sum()
        assert_array_equal(few[y_few == state], many[y_many == state][:n])


class LoudForOne(LatentDiffusionGenerator):
    """Too loud for most windows of the patient with the lowest profile."""

    def sample(self, y, *, profiles=None, **arguments):
        X = super().sample(y, profiles=profiles, **arguments)
        one = (profiles == np.unique(profiles, axis=0)[0]).all(axis=1)
        X[one & (np.arange(len(X)) % 5 > 0)] *= 1000
        return X


def test_refusals_keep_patients_in_balance_and_are_told_where_they_are_lopsided(cohort):
    aug = sampler(generator=LoudForOne(**TINY.get_params()), quality="plausible")
    with pytest.warns(UserWarning, match="were refused for patient"):
        aug.fit_resample(cohort.X, cohort.y, groups=cohort.groups)
    counts = aug.provenance_[aug.provenance_.state == "ictal"]["profile"].value_counts()
    assert counts.max() - counts.min() <= 1
    assert set(aug.rejection_rate_.columns) == set(cohort.groups)
    rates = aug.rejection_rate_.loc["ictal"].sort_values()
    assert rates.iloc[-1] - rates.iloc[0] > 0.5


def test_an_unknown_quality_is_an_error(cohort):
    with pytest.raises(ValueError, match="'quality' parameter of GenEEGSampler"):
        imitated(cohort, None, quality=0.01)


def test_a_frozen_generator_is_used_as_it_is(cohort, frozen, monkeypatch):
    monkeypatch.setattr(_geneeg, "fit_or_load", lambda *_: pytest.fail("trained"))
    aug = clone(sampler(generator=frozen))
    aug.fit_resample(cohort.X, cohort.y)
    assert aug.generator_ is aug.generator.estimator


def test_a_frozen_generator_that_does_not_fit_the_windows_is_an_error(cohort, frozen):
    aug = sampler(generator=frozen)
    with pytest.raises(ValueError, match="4 channels, the windows have 2"):
        aug.fit_resample(cohort.X[:, :2], cohort.y)
    with pytest.raises(ValueError, match="128 samples, the windows have 100"):
        aug.fit_resample(cohort.X[:, :, :100], cohort.y)
    labels = np.where(cohort.y == "ictal", "seizure", cohort.y)
    with pytest.raises(ValueError, match=r"also have \['seizure'\]"):
        aug.fit_resample(cohort.X, labels)


def test_a_bare_fitted_generator_is_warned_about(cohort, frozen):
    bare = sampler(generator=frozen.estimator)
    with pytest.warns(UserWarning, match="FrozenEstimator"):
        clone(bare)
    with pytest.warns(UserWarning, match="FrozenEstimator"):
        bare.fit_resample(cohort.X, cohort.y)


def test_an_extreme_balance_is_announced_with_its_size(cohort, frozen):
    aug = sampler(generator=frozen, sampling_strategy={"ictal": 500})
    with pytest.warns(UserWarning, match=r"480 windows \(.* GB\): 480 of 'ictal' from 20"):
        aug.fit_resample(cohort.X, cohort.y)


def test_fewer_than_two_windows_of_a_state_are_an_error(cohort):
    keep = cohort.y != "ictal"
    keep[np.flatnonzero(~keep)[0]] = True
    with pytest.raises(ValueError, match=r"State 'ictal' has 1 window\(s\)"):
        sampler().fit_resample(cohort.X[keep], cohort.y[keep])


def test_groups_of_another_length_are_an_error(cohort):
    with pytest.raises(ValueError, match="3 entries for 108 windows"):
        sampler().fit_resample(cohort.X, cohort.y, groups=["a", "b", "c"])


def test_a_failed_training_leaves_the_windows_alone(cohort):
    before = cohort.X.copy()
    with pytest.raises(ValueError, match="loss_weights"):
        sampler(generator=clone(TINY).set_params(loss_weights={"x": 1})).fit_resample(
            cohort.X, cohort.y
        )
    assert_array_equal(cohort.X, before)


class Recorder(BaseEstimator):
    """Stands for a generator and remembers what it was shown."""

    shown: list = []

    def __init__(self, random_state=None):
        self.random_state = random_state
        self.sfreq = None

    def fit(self, X, y, *, groups=None):
        Recorder.shown.append((X.copy(), groups))
        self.shape_ = X.shape[1:]
        return self

    def sample(self, y, *, random_state=None, **_):
        return np.random.default_rng(random_state).normal(size=(len(y), *self.shape_))


def test_the_generator_sees_the_training_fold_only(cohort):
    X = cohort.X.copy()
    X[:, 0, 0] = np.arange(len(X))  # a marker in every window
    Recorder.shown = []
    pipe = Pipeline(
        [
            ("augment", sampler(generator=Recorder(), patient_mix="pooled")),
            ("features", EEGFeatures(sfreq=64, average=True)),
            ("classify", make_pipeline(StandardScaler(), LogisticRegression())),
        ]
    )
    cv = GroupKFold(2)
    with sklearn.config_context(enable_metadata_routing=True):
        cross_validate(pipe, X, cohort.y, cv=cv, params={"groups": cohort.groups})
    folds = list(cv.split(X, cohort.y, cohort.groups))
    assert len(Recorder.shown) == len(folds)
    for (shown, groups), (train, test) in zip(Recorder.shown, folds, strict=True):
        assert_array_equal(shown[:, 0, 0], train)
        assert not set(groups) & set(cohort.groups[test])


@pytest.fixture
def pipeline(tmp_path):
    return Pipeline(
        [
            ("augment", sampler(memory=str(tmp_path))),
            ("features", EEGFeatures(sfreq=64, average=True)),
            ("scale", StandardScaler()),
            ("reduce", PCA(4)),
            ("classify", LogisticRegression(max_iter=200)),
        ]
    )


@pytest.mark.slow
def test_a_grid_over_ratios_and_groups_gives_the_same_scores_in_two_processes(cohort, pipeline):
    grid = {"augment__sampling_strategy": [FillGap(0.5), FillGap(1.0)]}

    def scores(n_jobs):
        search = GridSearchCV(pipeline, grid, cv=GroupKFold(2), n_jobs=n_jobs, error_score="raise")
        with sklearn.config_context(enable_metadata_routing=True):
            search.fit(cohort.X, cohort.y, groups=cohort.groups)
        return search.cv_results_["mean_test_score"]

    assert_array_equal(scores(1), scores(2))


@pytest.mark.slow
def test_memory_trains_one_generator_for_each_fold_and_not_for_each_ratio(
    cohort, pipeline, monkeypatch
):
    trainings = []
    fit = LatentDiffusionGenerator.fit

    def counted(self, X, y, *, groups=None):
        trainings.append(len(X))
        return fit(self, X, y, groups=groups)

    monkeypatch.setattr(LatentDiffusionGenerator, "fit", counted)
    grid = {
        "augment__sampling_strategy": [FillGap(0.25), FillGap(0.5), FillGap(1.0)],
        "classify__C": [0.1, 1.0],
    }
    with sklearn.config_context(enable_metadata_routing=True):
        GridSearchCV(pipeline, grid, cv=GroupKFold(3)).fit(cohort.X, cohort.y, groups=cohort.groups)
    assert len(trainings) == 4  # three folds and the refit


@pytest.mark.parametrize("labels", [int, bool, str])
def test_labels_of_any_kind_come_back_as_they_are(cohort, labels):
    y = (cohort.y == "ictal").astype(int)
    y = y.astype(bool) if labels is bool else (y if labels is int else np.array(["a", "b"])[y])
    _, y_res = sampler().fit_resample(cohort.X, y)
    assert y_res.dtype == y.dtype


def test_read_only_strided_and_big_endian_windows_are_accepted(cohort):
    frozen_X = cohort.X.copy()
    frozen_X.setflags(write=False)
    for X in (frozen_X, cohort.X[:, ::-1, ::2], cohort.X.astype(">f4")):
        X_res, _ = sampler().fit_resample(X, cohort.y)
        assert_array_equal(X_res[: len(X)], X)
