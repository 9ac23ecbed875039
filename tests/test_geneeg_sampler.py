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
from geneeg_sk.over_sampling import (
    Diversity,
    FillGap,
    GenEEGSampler,
    LabelConfidence,
    Realism,
    _geneeg,
)


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
    aug = sampler(quality=None)
    X_res, y_res = aug.fit_resample(cohort.X, cohort.y, groups=cohort.groups)
    assert_array_equal(aug.is_synthetic_, np.arange(len(X_res)) >= len(cohort.X))
    assert_array_equal(aug.provenance_["state"], y_res[aug.is_synthetic_])
    columns = ["state", "profile", "nearest_patient", "quality", "tries"]
    assert aug.provenance_.columns.tolist() == columns
    assert not hasattr(aug, "sample_indices_")


def test_smaller_ratios_are_exact_prefixes_of_larger_ones(cohort, frozen):
    def ictal(fraction, quality):
        aug = sampler(generator=frozen, sampling_strategy=FillGap(fraction), quality=quality)
        X_res, y_res = aug.fit_resample(cohort.X, cohort.y, groups=cohort.groups)
        return X_res[aug.is_synthetic_ & (y_res == "ictal")]

    few, many = ictal(0.25, None), ictal(2.0, None)
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


@pytest.mark.parametrize("mix", ["balanced", "proportional", "virtual"])
def test_a_mix_that_needs_groups_raises_without_them(cohort, mix):
    with pytest.raises(ValueError, match="enable_metadata_routing=True"):
        sampler(patient_mix=mix).fit_resample(cohort.X, cohort.y)


class Loud(LatentDiffusionGenerator):
    """Every window but one in `spared` is louder than real ones can be."""

    spared = 0

    def sample(self, y, **arguments):
        X = super().sample(y, **arguments)
        quiet = np.arange(len(X)) % 2 < self.spared
        X[~quiet] *= 100
        return X


def test_quality_refuses_what_is_far_from_real_windows(cohort):
    class HalfLoud(Loud):
        spared = 1

    params = {**TINY.get_params(), "vae_steps": 100, "diffusion_steps": 200, "width": 16}
    aug = sampler(generator=HalfLoud(**params), quality=0.01)
    X_res, _ = aug.fit_resample(cohort.X, cohort.y, groups=cohort.groups)
    assert np.abs(X_res).max() < 5 * np.abs(cohort.X).max()
    assert all(rate >= 0.5 for rate in aug.rejection_rate_.values())
    assert (aug.provenance_["quality"] >= 0.01).all()


def test_a_quality_that_nothing_passes_ends_with_an_error(cohort):
    aug = sampler(generator=Loud(**TINY.get_params()), quality=0.01)
    with pytest.raises(ValueError, match=r"quality=0.01 refused .* Lower quality"):
        aug.fit_resample(cohort.X, cohort.y)


class Imitator(BaseEstimator):
    """Real windows, slightly louder or quieter; every second one under another state's name."""

    def __init__(self, random_state=None, spread=0.02, honest=False):
        self.random_state = random_state
        self.spread = spread
        self.honest = honest
        self.sfreq = None

    def fit(self, X, y, *, groups=None):
        self.X_, self.y_ = X, y
        return self

    def sample(self, y, *, random_state=None, **_):
        rng = np.random.default_rng(random_state)
        own, other = ([rng.choice(np.flatnonzero(m(s))) for s in y] for m in self._whose())
        lies = np.arange(len(y)) % 2 > self.honest
        loudness = 1 + self.spread * rng.normal(size=(len(y), 1, 1))
        return loudness * self.X_[np.where(lies, other, own)]

    def _whose(self):
        return lambda s: self.y_ == s, lambda s: self.y_ != s


def imitated(cohort, quality, fraction=1.0, **params):
    aug = sampler(
        generator=Imitator(**params),
        patient_mix="pooled",
        quality=quality,
        sampling_strategy=FillGap(fraction),
    )
    X_res, y_res = aug.fit_resample(cohort.X, cohort.y, groups=cohort.groups)
    return aug, X_res[aug.is_synthetic_], y_res[aug.is_synthetic_]


def test_label_confidence_refuses_windows_that_look_like_another_state(cohort):
    everything, _, _ = imitated(cohort, None)
    confident, _, _ = imitated(cohort, LabelConfidence(0.5))
    assert set(everything.rejection_rate_.values()) == {0}
    assert all(0.3 < rate < 0.9 for rate in confident.rejection_rate_.values())
    assert (confident.provenance_["quality"] >= 0.5).all()


def test_diversity_refuses_windows_beside_those_kept_before(cohort):
    few, X, y = imitated(cohort, Diversity(0.01), fraction=0.2, spread=1e-4, honest=True)
    assert all(rate > 0 for rate in few.rejection_rate_.values())
    for state in few.rejection_rate_:
        made = X[y == state].reshape((y == state).sum(), -1)
        apart = np.linalg.norm(made[:, None] - made[None], axis=2)[~np.eye(len(made), dtype=bool)]
        assert apart.min() > 0.01 * np.linalg.norm(made, axis=1).min()


def test_a_number_as_quality_means_realism(cohort):
    _, by_number, _ = imitated(cohort, 0.2)
    _, by_name, _ = imitated(cohort, Realism(0.2))
    assert_array_equal(by_number, by_name)


@pytest.mark.parametrize(
    "quality", [Realism(0.05), LabelConfidence(0.5), [Realism(0.01), Diversity(0.01)]]
)
def test_smaller_ratios_stay_prefixes_whatever_is_refused(cohort, quality):
    _, few, y_few = imitated(cohort, quality, fraction=0.1, honest=True)
    _, many, y_many = imitated(cohort, quality, fraction=0.3, honest=True)
    for state in np.unique(y_few):
        n = (y_few == state).sum()
        assert_array_equal(few[y_few == state], many[y_many == state][:n])


def test_a_list_of_criteria_asks_all_of_them(cohort):
    both, _, _ = imitated(cohort, [Realism(0.3), LabelConfidence(0.5)])
    alone, _, _ = imitated(cohort, Realism(0.3))
    assert both.rejection_rate_["ictal"] > alone.rejection_rate_["ictal"]


def test_quality_that_is_no_criterion_or_out_of_range_is_an_error(cohort):
    with pytest.raises(TypeError, match="expected Realism, LabelConfidence or Diversity"):
        imitated(cohort, [0.01])
    with pytest.raises(ValueError, match="'least' parameter of LabelConfidence"):
        imitated(cohort, LabelConfidence(2.0))


def test_a_grid_reaches_the_criterion():
    assert clone(sampler(quality=Realism(0.1))).set_params(quality__least=0.2).quality.least == 0.2


def test_a_frozen_generator_is_used_as_it_is(cohort, frozen, monkeypatch):
    monkeypatch.setattr(_geneeg, "trained", lambda *_: pytest.fail("trained"))
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


def test_a_grid_over_ratios_and_groups_gives_the_same_scores_in_two_processes(cohort, pipeline):
    grid = {"augment__sampling_strategy": [FillGap(0.5), FillGap(1.0)]}

    def scores(n_jobs):
        search = GridSearchCV(pipeline, grid, cv=GroupKFold(2), n_jobs=n_jobs, error_score="raise")
        with sklearn.config_context(enable_metadata_routing=True):
            search.fit(cohort.X, cohort.y, groups=cohort.groups)
        return search.cv_results_["mean_test_score"]

    assert_array_equal(scores(1), scores(2))


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
