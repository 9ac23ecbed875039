from functools import partial

import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.pipeline import make_pipeline as imblearn_pipeline
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    TunedThresholdClassifierCV,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny import CACHE, TINY

from geneeg_sk.classification import AugmentedClassifier, CNNBiLSTMClassifier
from geneeg_sk.features import EEGFeatures
from geneeg_sk.over_sampling import FillGap, FourierSurrogateSampler, GenEEGSampler
from geneeg_sk.preprocessing import WindowScaler

Gated = partial(AugmentedClassifier, gate="validated")
NET = CNNBiLSTMClassifier(n_filters=4, n_hidden=8, max_epochs=2, random_state=0)
PLAIN = make_pipeline(EEGFeatures(sfreq=64, average=True), StandardScaler(), LogisticRegression())


class Emitting(BaseEstimator):
    """Adds ready-made windows, and remembers which rows it was shown."""

    def __init__(self, X=None, y=None):
        self.X = X
        self.y = y

    def fit_resample(self, X, y, groups=None):
        self.shown_, self.groups_ = X, groups
        return np.concatenate([X, self.X]), np.concatenate([y, self.y])


@pytest.fixture(scope="module")
def loud_or_quiet():
    """Eight patients; two states that differ in amplitude; few windows of the rare one."""
    rng = np.random.default_rng(0)
    y = np.tile(np.repeat(["normal", "ictal"], [12, 2]), 8)
    X = rng.normal(size=(len(y), 2, 64)).astype(np.float32)
    X[y == "ictal"] *= 2.2
    return X, y, np.repeat(np.arange(8), 14)


def test_validation_gate_and_training_patients_are_disjoint(cohort):
    clf = Gated(clone(NET), Emitting(cohort.X[:2], cohort.y[:2]))
    clf.fit(cohort.X, cohort.y, groups=cohort.groups)
    sets = [set(clf.gate_report_[name]) for name in ("training", "validation", "gate")]
    assert all(sets)
    assert sum(map(len, sets)) == len(set.union(*sets)) == len(set(cohort.groups))
    shown = set(clf.sampler_.groups_)
    assert not shown & set(clf.gate_report_["validation"])


def test_an_estimator_that_cannot_stop_early_loses_no_patients_to_it(cohort):
    clf = Gated(clone(PLAIN), Emitting(cohort.X[:2], cohort.y[:2]))
    clf.fit(cohort.X, cohort.y, groups=cohort.groups)
    assert clf.gate_report_["validation"] == []


def test_the_gate_refuses_noise_and_says_so(loud_or_quiet):
    X, y, groups = loud_or_quiet
    noise = np.random.default_rng(1).normal(size=(200, 2, 64)).astype(np.float32)
    clf = Gated(clone(PLAIN), Emitting(noise, np.full(200, "ictal")))
    clf.fit(X, y, groups=groups)
    report = clf.gate_report_
    assert report["kept"] == "plain"
    assert report["difference"] == report["augmented"] - report["plain"] <= report["margin"]
    assert_array_equal(clf.predict(X), clone(PLAIN).fit(X, y).predict(X))


def test_the_gate_keeps_a_sampler_that_helps(loud_or_quiet):
    X, y, groups = loud_or_quiet
    y_wrong = y.copy()
    y_wrong[(y == "ictal") & (groups < 5)] = "normal"  # seizures missed by who labeled them
    rng = np.random.default_rng(1)
    seizures = 2.2 * rng.normal(size=(60, 2, 64)).astype(np.float32)
    keep = np.isin(groups, [5, 6, 7]) | (y_wrong == "normal")
    few = np.flatnonzero(keep)
    clf = Gated(clone(PLAIN), Emitting(seizures, np.full(60, "ictal")), n_splits=3)
    clf.fit(X[few], y_wrong[few], groups=groups[few])
    assert clf.gate_report_["kept"] == "augmented"
    assert clf.gate_report_["augmented"] > clf.gate_report_["plain"] + 0.01


def test_without_a_gate_the_augmented_classifier_is_kept(cohort):
    aug = FourierSurrogateSampler(random_state=0)
    clf = AugmentedClassifier(clone(PLAIN), aug, gate=None)
    clf.fit(cohort.X, cohort.y, groups=cohort.groups)
    assert clf.gate_report_["kept"] == "augmented"
    X_res, y_res = clone(aug).fit_resample(cohort.X, cohort.y)
    assert_array_equal(clf.predict(cohort.X), clone(PLAIN).fit(X_res, y_res).predict(cohort.X))


def test_without_groups_rows_are_split_and_that_is_said(cohort):
    clf = Gated(clone(PLAIN), FourierSurrogateSampler(random_state=0))
    with pytest.warns(UserWarning, match="got no groups: windows are split by rows"):
        clf.fit(cohort.X, cohort.y)
    assert clf.predict(cohort.X).shape == cohort.y.shape


def test_the_gate_stays_shut_where_patients_are_too_few_to_ask(cohort):
    two = np.isin(cohort.groups, np.unique(cohort.groups)[:2])
    X, y, groups = cohort.X[two], cohort.y[two], cohort.groups[two]
    clf = Gated(clone(NET), FourierSurrogateSampler())
    with pytest.warns(UserWarning, match=r"2 patients cannot be split into 3 sets.*plain"):
        clf.fit(X, y, groups=groups)
    assert clf.gate_report_["kept"] == "plain"
    assert "2 patients" in clf.gate_report_["reason"]
    assert not hasattr(clf, "sampler_")


def test_without_a_gate_too_few_patients_for_early_stopping_are_an_error(cohort):
    one = cohort.groups == cohort.groups[0]
    clf = AugmentedClassifier(clone(NET), FourierSurrogateSampler(), gate=None)
    with pytest.raises(ValueError, match="1 patients cannot be split into 2 sets"):
        clf.fit(cohort.X[one], cohort.y[one], groups=cohort.groups[one])


def test_a_state_of_one_patient_only_cannot_be_asked_about_but_is_learned(cohort):
    y = np.where((cohort.y == "ictal") & (cohort.groups != cohort.groups[0]), "normal", cohort.y)
    clf = Gated(clone(PLAIN), FourierSurrogateSampler(random_state=0), n_splits=2)
    with pytest.warns(UserWarning, match="one is known of too few patients"):
        clf.fit(cohort.X, y, groups=cohort.groups)
    assert clf.gate_report_["kept"] == "plain"
    assert_array_equal(clf.predict(cohort.X), clone(PLAIN).fit(cohort.X, y).predict(cohort.X))


def test_several_folds_ask_more_patients_and_their_spread_counts(cohort):
    clf = Gated(clone(PLAIN), FourierSurrogateSampler(random_state=0), gate_folds=4, margin=-1.0)
    clf.fit(cohort.X, cohort.y, groups=cohort.groups)
    report = clf.gate_report_
    assert report["gate"] == sorted(set(cohort.groups))
    assert report["standard_error"] >= 0
    assert (report["kept"] == "augmented") == (report["difference"] > report["standard_error"])


def test_without_early_stopping_the_plain_classifier_is_what_it_would_be_alone(cohort):
    noise = 1e3 * np.random.default_rng(0).normal(size=(60, *cohort.X.shape[1:]))
    loud = Emitting(noise.astype(np.float32), np.full(60, "ictal"))
    clf = Gated(clone(NET), loud, early_stopping=False, margin=1.0)
    clf.fit(cohort.X, cohort.y, groups=cohort.groups)
    assert clf.gate_report_["kept"] == "plain"
    assert clf.gate_report_["validation"] == []
    alone = clone(NET).fit(cohort.X, cohort.y)
    assert_array_equal(clf.predict_proba(cohort.X), alone.predict_proba(cohort.X))


@pytest.mark.parametrize("routing", [True, False])
def test_groups_arrive_in_pipelines_with_routing_on_and_off(cohort, routing):
    clf = Gated(clone(PLAIN), FourierSurrogateSampler(random_state=0))
    pipe = make_pipeline(WindowScaler(), clf)
    groups = {"groups" if routing else "augmentedclassifier__groups": cohort.groups}
    with sklearn.config_context(enable_metadata_routing=routing):
        pipe.fit(cohort.X, cohort.y, **groups)
    assert pipe[-1].gate_report_["training"]


def test_cross_validation_by_patient_with_routed_groups(cohort):
    clf = Gated(clone(PLAIN), FourierSurrogateSampler(random_state=0))
    with sklearn.config_context(enable_metadata_routing=True):
        result = cross_validate(
            clf,
            cohort.X,
            cohort.y,
            cv=GroupKFold(2),
            params={"groups": cohort.groups},
            return_estimator=True,
        )
    assert np.isfinite(result["test_score"]).all()
    for fitted, (_, test) in zip(
        result["estimator"], GroupKFold(2).split(cohort.X, cohort.y, cohort.groups), strict=True
    ):
        seen = {p for name in ("training", "validation", "gate") for p in fitted.gate_report_[name]}
        assert not seen & set(cohort.groups[test])


def test_a_blend_is_the_mean_of_the_plain_and_the_augmented_classifier(cohort):
    def fitted(gate, **params):
        clf = AugmentedClassifier(
            clone(PLAIN), FourierSurrogateSampler(random_state=0), gate=gate, **params
        )
        return clf.fit(cohort.X, cohort.y, groups=cohort.groups)

    blend, augmented = fitted("blend"), fitted(None)
    assert blend.gate_report_["kept"] == "blend"
    assert blend.gate_report_["gate"] == []
    plain = clone(PLAIN).fit(cohort.X, cohort.y)
    mean = (plain.predict_proba(cohort.X) + augmented.predict_proba(cohort.X)) / 2
    np.testing.assert_allclose(blend.predict_proba(cohort.X), mean)
    assert_array_equal(blend.predict(cohort.X), blend.classes_[mean.argmax(axis=1)])


def test_a_background_that_is_no_state_is_refused(cohort):
    clf = Gated(clone(PLAIN), FourierSurrogateSampler(random_state=0), background="rest")
    with pytest.raises(ValueError, match="background='rest' is not among the states"):
        clf.fit(cohort.X, cohort.y, groups=cohort.groups)


def test_a_blend_needs_probabilities(cohort):
    clf = AugmentedClassifier(
        make_pipeline(EEGFeatures(sfreq=64, average=True), RidgeClassifier()),
        FourierSurrogateSampler(random_state=0),
        gate="blend",
    )
    with pytest.raises(TypeError, match="Pipeline has no predict_proba"):
        clf.fit(cohort.X, cohort.y, groups=cohort.groups)


@pytest.mark.parametrize("gate", [None, "blend"])
def test_personalize_returns_another_estimator_for_one_patient(cohort, gate):
    new = cohort.groups == cohort.groups[0]
    aug = GenEEGSampler(generator=TINY, quality=None, memory=CACHE.name, random_state=0)
    clf = AugmentedClassifier(clone(NET), aug, gate=gate)
    clf.fit(cohort.X[~new], cohort.y[~new], groups=cohort.groups[~new])
    before = clf.predict_proba(cohort.X)
    own = clf.personalize(cohort.X[new & (cohort.y == "normal")])
    assert own is not clf
    assert_array_equal(clf.predict_proba(cohort.X), before)
    assert not np.array_equal(own.predict_proba(cohort.X), before)
    assert_array_equal(own.classes_, clf.classes_)


class FlatSGD(SGDClassifier):
    """A linear classifier of windows, which `partial_fit` changes in place."""

    def fit(self, X, y):
        return super().fit(X.reshape(len(X), -1), y)

    def partial_fit(self, X, y):
        return super().partial_fit(X.reshape(len(X), -1), y)

    def predict_proba(self, X):
        return super().predict_proba(X.reshape(len(X), -1))


@pytest.mark.parametrize("gate", [None, "blend"])
def test_any_classifier_with_partial_fit_is_personalized_and_stays_as_it_was(cohort, gate):
    aug = GenEEGSampler(generator=TINY, quality=None, memory=CACHE.name, random_state=0)
    clf = AugmentedClassifier(
        FlatSGD(loss="log_loss", tol=None, max_iter=5, random_state=0), aug, gate=gate
    )
    clf.fit(cohort.X, cohort.y, groups=cohort.groups)
    before = clf.predict_proba(cohort.X)
    own = clf.personalize(cohort.X[:5])
    assert_array_equal(clf.predict_proba(cohort.X), before)
    assert not np.array_equal(own.predict_proba(cohort.X), before)


@pytest.mark.parametrize("gate", [None, "blend"])
def test_personalize_is_there_only_where_it_can_work_and_says_what_it_needs(cohort, gate):
    ours = GenEEGSampler(generator=clone(TINY), random_state=0)
    assert hasattr(AugmentedClassifier(clone(NET), ours), "personalize")
    assert not hasattr(AugmentedClassifier(clone(PLAIN), ours), "personalize")
    clf = AugmentedClassifier(clone(NET), FourierSurrogateSampler(random_state=0), gate=gate)
    assert not hasattr(clf, "personalize")
    clf.fit(cohort.X, cohort.y, groups=pd.Series(cohort.groups))
    with pytest.raises(AttributeError) as caught:
        clf.personalize(cohort.X[:5])
    assert "needs a GenEEGSampler" in str(caught.value.__cause__)


def test_where_no_generator_was_trained_nothing_can_be_personalized(cohort):
    few = np.isin(cohort.groups, np.unique(cohort.groups)[:2])
    ours = GenEEGSampler(generator=clone(TINY), random_state=0)
    clf = AugmentedClassifier(clone(NET), ours, gate="validated")
    with pytest.warns(UserWarning, match="The plain classifier is kept"):
        clf.fit(cohort.X[few], cohort.y[few], groups=cohort.groups[few])
    assert not hasattr(clf, "personalize")


class Noise(BaseEstimator):
    """A generator that learned nothing: white noise as loud as the windows, whatever the state."""

    def __init__(self, random_state=None):
        self.random_state = random_state
        self.sfreq = None

    def fit(self, X, y, *, groups=None):
        self.shape_, self.loudness_ = X.shape[1:], X.std()
        return self

    def sample(self, y, *, random_state=None, **_):
        rng = np.random.default_rng(random_state)
        return self.loudness_ * rng.normal(size=(len(y), *self.shape_))


def test_the_gate_refuses_a_generator_that_emits_noise(loud_or_quiet):
    X, y, groups = loud_or_quiet
    aug = GenEEGSampler(
        sampling_strategy=FillGap(3.0),
        generator=Noise(),
        patient_mix="pooled",
        quality=None,
        random_state=0,
    )
    clf = Gated(clone(PLAIN), aug).fit(X, y, groups=groups)
    assert clf.gate_report_["kept"] == "plain"
    assert clf.gate_report_["augmented"] < clf.gate_report_["plain"]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda clf: GridSearchCV(clf, {"margin": [0.0, 0.5]}, cv=GroupKFold(2)),
        lambda clf: TunedThresholdClassifierCV(clf, cv=GroupKFold(2), scoring="f1_macro"),
        lambda clf: CalibratedClassifierCV(clf, cv=GroupKFold(2)),
        lambda clf: imblearn_pipeline(WindowScaler(), clf),
    ],
    ids=["grid", "threshold", "calibration", "imbalanced-learn pipeline"],
)
def test_it_stands_wherever_a_classifier_stands(loud_or_quiet, wrap):
    X, y, groups = loud_or_quiet
    clf = Gated(clone(PLAIN), FourierSurrogateSampler(random_state=0), n_splits=2)
    with sklearn.config_context(enable_metadata_routing=True):
        outer = cross_validate(
            wrap(clf),
            X,
            (y == "ictal").astype(int),
            cv=GroupKFold(2),
            params={"groups": groups},
            scoring="f1_macro",
            error_score="raise",
        )
    assert np.isfinite(outer["test_score"]).all()
