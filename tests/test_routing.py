"""The patients of windows reach samplers by metadata routing, cut to each training fold."""

import warnings

import numpy as np
import pytest
import sklearn
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    LeaveOneGroupOut,
    StratifiedGroupKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
    permutation_test_score,
)
from sklearn.preprocessing import FunctionTransformer
from tiny import TINY

from geneeg_sk.classification import (
    AugmentedClassifier,
    CNNBiLSTMClassifier,
    SequentialClassifier,
)
from geneeg_sk.over_sampling import (
    FillGap,
    FourierSurrogateSampler,
    GenEEGSampler,
    WindowedSampler,
)

N_PATIENTS = 6


class PatientGenerator(BaseEstimator):
    """Emits noise, and notes whose windows it was shown; the patient is in each first sample."""

    seen: list = []

    def __init__(self, random_state=None):
        self.random_state = random_state
        self.sfreq = None

    def fit(self, X, y, *, groups=None):
        PatientGenerator.seen.append(None if groups is None else np.array(groups))
        if groups is not None:
            assert_array_equal(np.asarray(groups), X[:, 0, 0].astype(int))
        self.shape_ = X.shape[1:]
        return self

    def sample(self, y, *, random_state=None, **_):
        return np.random.default_rng(random_state).normal(size=(len(y), *self.shape_))


class ProfileFree(GenEEGSampler):
    """Asks for patients as an explicit mix does, and then needs no profiles of them."""

    def _patient_mix(self, y, groups, counts):
        super()._patient_mix(y, groups, counts)
        return "pooled"


@pytest.fixture(autouse=True)
def seen(monkeypatch):
    monkeypatch.setattr(PatientGenerator, "seen", [])
    return PatientGenerator


@pytest.fixture(scope="module")
def data():
    """Two states of six patients; the patient is written into the first sample of each window."""
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(N_PATIENTS), 12))
    y = np.empty(len(groups), dtype="<U6")
    for patient in range(N_PATIENTS):
        y[groups == patient] = ["normal"] * 8 + ["ictal"] * 4
    X = rng.normal(size=(len(y), 2, 16)) + 2 * (y == "ictal")[:, None, None]
    X[:, 0, 0] = groups
    return X, y, groups


@pytest.fixture
def routed():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def flat(X):
    return X[:, :, 1:].reshape(len(X), -1)


def pipeline(mix="balanced", **params):
    sampler = ProfileFree(
        generator=PatientGenerator(), patient_mix=mix, quality=None, random_state=0, **params
    )
    return Pipeline(
        [
            ("augment", sampler),
            ("flat", FunctionTransformer(flat)),
            ("classify", LogisticRegression()),
        ]
    )


RATIOS = {"augment__sampling_strategy": [FillGap(0.5), FillGap(1.0)]}
SPLITTERS = {
    "GroupKFold": GroupKFold(3),
    "StratifiedGroupKFold": StratifiedGroupKFold(3),
    "LeaveOneGroupOut": LeaveOneGroupOut(),
}


@pytest.fixture(
    params=[
        "StratifiedGroupKFold",
        pytest.param("GroupKFold", marks=pytest.mark.slow),
        pytest.param("LeaveOneGroupOut", marks=pytest.mark.slow),
    ]
)
def cv(request):
    return SPLITTERS[request.param]


def n_patients_seen():
    assert all(groups is not None for groups in PatientGenerator.seen)
    return sorted(len(set(groups)) for groups in PatientGenerator.seen)


def test_a_grid_inside_cross_validation(data, cv, routed):
    X, y, groups = data
    inner = GridSearchCV(pipeline(), RATIOS, cv=GroupKFold(2), error_score="raise")
    result = cross_validate(inner, X, y, cv=cv, params={"groups": groups}, error_score="raise")
    n_outer = cv.get_n_splits(X, y, groups)
    known = N_PATIENTS - N_PATIENTS // n_outer
    assert len(result["test_score"]) == n_outer
    # two ratios on two inner folds, and the refit on all patients of the outer fold
    assert len(PatientGenerator.seen) == n_outer * 5
    assert n_patients_seen().count(known) == n_outer
    assert max(n_patients_seen()) == known


def test_a_halving_grid(data, cv, routed):
    X, y, groups = data
    search = HalvingGridSearchCV(
        pipeline(), RATIOS, cv=cv, factor=2, min_resources=len(y), error_score="raise"
    )
    search.fit(X, y, groups=groups)
    assert n_patients_seen()[-1] == N_PATIENTS  # the refit
    assert set(n_patients_seen()[:-1]) == {N_PATIENTS - N_PATIENTS // cv.get_n_splits(X, y, groups)}


def test_a_learning_curve(data, cv, routed):
    X, y, groups = data
    _, _, scores = learning_curve(
        pipeline(),
        *(X, y),
        cv=cv,
        params={"groups": groups},
        train_sizes=[0.6, 1.0],
        shuffle=True,
        random_state=0,
        error_score="raise",
    )
    assert np.isfinite(scores).all()
    n_patients_seen()


@pytest.mark.parametrize("outer", [TunedThresholdClassifierCV, CalibratedClassifierCV])
def test_thresholds_and_calibration_inside_cross_validation(data, cv, outer, routed):
    X, y, groups = data
    model = outer(pipeline(), cv=cv)
    result = cross_validate(
        model, X, y, cv=GroupKFold(2), params={"groups": groups}, error_score="raise"
    )
    assert np.isfinite(result["test_score"]).all()
    assert max(n_patients_seen()) <= N_PATIENTS // 2


def test_predictions_and_permutations(data, cv, routed):
    X, y, groups = data
    options = {"cv": cv, "params": {"groups": groups}}
    assert cross_val_predict(pipeline(), X, y, **options).shape == y.shape
    permutation_test_score(pipeline(), X, y, n_permutations=1, **options)
    n_patients_seen()


def test_groups_may_be_a_list_and_reach_other_processes(data, routed):
    X, y, groups = data
    inner = GridSearchCV(pipeline(), RATIOS, cv=GroupKFold(2), n_jobs=2, error_score="raise")
    inner.fit(X, y, groups=groups.tolist())  # the generators there compare them with the windows
    with pytest.raises(AssertionError):
        pipeline().fit(X, y, groups=np.roll(groups, 1))


# Fact 7: with routing off, a pipeline accepts groups for a sampler and drops them.


@pytest.mark.parametrize("mix", ["balanced", "proportional", "virtual"])
def test_groups_lost_with_routing_off_are_an_error_that_tells_how_to_turn_it_on(data, mix):
    X, y, groups = data
    with pytest.raises(ValueError, match=r"groups is None.*enable_metadata_routing=True"):
        pipeline(mix).fit(X, y, augment__groups=groups)
    assert PatientGenerator.seen == []


def test_with_routing_on_the_same_groups_arrive(data, routed):
    X, y, groups = data
    pipeline().fit(X, y, groups=groups)
    assert_array_equal(PatientGenerator.seen[0], groups)


def test_a_pipeline_with_routing_off_refuses_groups_for_all_steps(data):
    X, y, groups = data
    with pytest.raises(ValueError, match="does not accept the groups parameter"):
        pipeline().fit(X, y, groups=groups)


# Fact 8: rows are added, but metadata stay as long as they were.

AFTER = {
    "sampler": Pipeline(
        [("second", FourierSurrogateSampler(sampling_strategy=FillGap(2))), ("x", "passthrough")]
    ).steps[0],
    "augmented": (
        "second",
        AugmentedClassifier(LogisticRegression(), FourierSurrogateSampler()),
    ),
    "sequential": (
        "second",
        SequentialClassifier(estimator=CNNBiLSTMClassifier(n_filters=4, max_epochs=1)),
    ),
}


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("first", [FourierSurrogateSampler(), WindowedSampler(sampler=SMOTE())])
def test_a_step_after_a_sampler_that_asks_for_groups_says_why_it_cannot(data, after, first, routed):
    X, y, groups = data
    steps = [("first", clone(first)), AFTER[after]]
    if after == "sampler":
        steps += [("flat", FunctionTransformer(flat)), ("classify", LogisticRegression())]
    with pytest.raises(
        ValueError, match=r"groups has 72 entries for 96 windows.*after an over-sampler.*Augmented"
    ):
        Pipeline(steps).fit(X, y, groups=groups)


def test_the_way_that_the_error_names_works(data, routed):
    X, y, groups = data
    inner = Pipeline([("flat", FunctionTransformer(flat)), ("classify", LogisticRegression())])
    sampler = pipeline()["augment"]
    model = Pipeline([("last", AugmentedClassifier(inner, sampler))])
    cross_validate(model, X, y, cv=GroupKFold(2), params={"groups": groups}, error_score="raise")
    assert max(n_patients_seen()) <= N_PATIENTS // 2


# Fact 9: a grid that swaps the step of the sampler resolves routing on the step it replaces.


def test_swapping_the_step_itself_loses_groups_and_that_is_an_error(data, routed):
    X, y, groups = data
    model = pipeline()
    grid = {"augment": ["passthrough", model["augment"]]}
    bare = Pipeline([("augment", "passthrough"), *model.steps[1:]])
    search = GridSearchCV(bare, grid, cv=GroupKFold(2), error_score="raise")
    with pytest.raises(ValueError, match=r"patient_mix='balanced' needs .*WindowedSampler"):
        search.fit(X, y, groups=groups)


def test_swapping_samplers_inside_windowed_sampler_delivers_groups(data, routed):
    X, y, groups = data
    model = pipeline()
    ours = model["augment"]
    model.set_params(augment=WindowedSampler())
    grid = {"augment__sampler": [None, SMOTE(k_neighbors=2, random_state=0), ours]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = GridSearchCV(model, grid, cv=GroupKFold(3), error_score="raise", refit=False)
        search.fit(X, y, groups=groups)
    assert n_patients_seen() == [4, 4, 4]


def test_the_real_generator_gets_its_patients_in_a_nested_search(cohort, routed):
    """No stand-ins: what the sampler tells of patients is of the training fold only."""
    sampler = GenEEGSampler(
        generator=clone(TINY), patient_mix="balanced", quality=None, random_state=0
    )
    model = Pipeline(
        [
            ("augment", WindowedSampler()),
            ("flat", FunctionTransformer(flat)),
            ("classify", LogisticRegression(max_iter=20)),
        ]
    )
    grid = {"augment__sampler": [sampler], "augment__sampling_strategy": [FillGap(0.5)]}
    cv = LeaveOneGroupOut()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="lbfgs failed")
        result = cross_validate(
            GridSearchCV(model, grid, cv=GroupKFold(2), error_score="raise"),
            *(cohort.X, cohort.y),
            cv=cv,
            params={"groups": cohort.groups},
            return_estimator=True,
            error_score="raise",
        )
    folds = cv.split(cohort.X, cohort.y, cohort.groups)
    for fitted, (train, _) in zip(result["estimator"], folds, strict=True):
        step = fitted.best_estimator_["augment"]
        assert set(step.provenance_["profile"]) == set(cohort.groups[train])
        assert sum(step.n_synthetic_.values()) == len(step.provenance_)
