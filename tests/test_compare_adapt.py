"""Comparisons that give candidates the unlabeled beginning of each test patient."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny import CACHE, TINY

from geneeg_sk.classification import AugmentedClassifier, CNNBiLSTMClassifier
from geneeg_sk.features import EEGFeatures
from geneeg_sk.model_selection import compare_samplers
from geneeg_sk.over_sampling import FourierSurrogateSampler, GenEEGSampler
from geneeg_sk.preprocessing import BackgroundScaler

MODEL = make_pipeline(
    EEGFeatures(sfreq=64.0, average=True), StandardScaler(), LogisticRegression(max_iter=200)
)
NET = CNNBiLSTMClassifier(n_filters=4, n_hidden=8, max_epochs=2)
SCALER = BackgroundScaler(sfreq=64.0, n_windows=4)
GIVEN = []


class Personal(ClassifierMixin, BaseEstimator):
    """Calls a window a seizure that is louder than any before the fold, or of the beginning."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.limit_ = np.abs(X).max()
        return self

    def personalize(self, X):
        GIVEN.append(X)
        own = copy.copy(self)
        own.limit_ = np.abs(X).max()
        return own

    def predict(self, X):
        return np.where(np.abs(X).max(axis=(1, 2)) > self.limit_, "ictal", "normal")


def hedged(memory=CACHE.name):
    generator = clone(TINY).set_params(random_state=None)
    sampler = GenEEGSampler(generator=generator, quality=None, memory=memory)
    return AugmentedClassifier(clone(NET), sampler, early_stopping=False)


def compare(cohort, candidates, **options):
    options = {"cv": 2, "n_repeats": 1, "random_state": 0, "adapt": 0.2, **options}
    data = [options.pop(name, getattr(cohort, name)) for name in ("X", "y", "groups")]
    return compare_samplers(candidates, MODEL, *data, **options)


def scores(comparison, candidate=None):
    table = comparison.scores_by_patient
    table = table if candidate is None else table[table["candidate"] == candidate]
    return table.drop(columns="candidate").reset_index(drop=True)


@pytest.fixture(scope="module")
def split(cohort):
    """The first two patients to train on, the others to test on."""
    train = np.isin(cohort.groups, np.unique(cohort.groups)[:2])
    return np.flatnonzero(train), np.flatnonzero(~train)


@pytest.fixture(scope="module")
def beginning(cohort, split):
    """Rows of the first fifth of each test patient: 5 of 27."""
    rows = [np.flatnonzero(cohort.groups == one)[:5] for one in np.unique(cohort.groups[split[1]])]
    return np.concatenate(rows)


def test_each_test_patients_first_fifth_is_given_without_labels_and_the_rest_is_scored(cohort):
    GIVEN.clear()
    comparison = compare(cohort, {"personal": Personal(), "none": None})
    patients = np.unique(cohort.groups)
    assert len(GIVEN) == len(patients)
    for patient in patients:
        first = cohort.X[cohort.groups == patient][:5]
        assert any(np.array_equal(windows, first) for windows in GIVEN)
    assert scores(comparison)["n_windows"].eq(27 - 5).all()
    assert comparison.results["n_test"].eq(2 * (27 - 5)).all()
    for patient, row in scores(comparison, "personal").groupby("group"):
        own = cohort.groups == patient
        X, y = cohort.X[own], cohort.y[own]
        loud = np.abs(X[5:]).max(axis=(1, 2)) > np.abs(X[:5]).max()
        right = np.where(loud, "ictal", "normal") == y[5:]
        assert row["accuracy"].item() == pytest.approx(right.mean())


def test_labels_of_the_beginning_change_nothing(cohort, split, beginning):
    candidates = {"none": None, "personal": Personal(), "hedged": hedged()}
    poisoned = cohort.y.copy()
    poisoned[beginning] = "ictal"
    assert (poisoned != cohort.y).any()
    whole = compare(cohort, candidates, cv=[split])
    pd.testing.assert_frame_equal(
        scores(compare(cohort, candidates, cv=[split], y=poisoned)), scores(whole)
    )
    assert (whole.results["error"] == "").all()


def test_windows_of_the_beginning_change_only_who_can_personalize(cohort, split, beginning):
    candidates = {"none": None, "personal": Personal(), "hedged": hedged()}
    louder = cohort.X.copy()
    louder[beginning] *= 20
    before = compare(cohort, candidates, cv=[split])
    after = compare(cohort, candidates, cv=[split], X=louder)
    pd.testing.assert_frame_equal(scores(after, "none"), scores(before, "none"))
    for name in ("personal", "hedged"):
        assert not scores(after, name).equals(scores(before, name))


def test_who_cannot_personalize_is_scored_as_before_on_the_rest(cohort, split, beginning):
    rest = np.setdiff1d(split[1], beginning)
    candidates = {"none": None, "surrogates": FourierSurrogateSampler()}
    adapted = compare(cohort, candidates, cv=[split])
    plain = compare(cohort, candidates, cv=[(split[0], rest)], adapt=None)
    pd.testing.assert_frame_equal(scores(adapted), scores(plain))


@pytest.mark.parametrize("adapt", [None, 0.2])
def test_a_scaler_in_a_candidate_does_what_scaling_before_the_split_does(cohort, split, adapt):
    scaled = SCALER.fit_transform(cohort.X, groups=cohort.groups)
    nets = {"net": NET, "hedged": hedged()}
    inside = {name: make_pipeline(SCALER, net) for name, net in nets.items()}
    options = {"adapt": adapt, "scoring": "accuracy", "cv": [split]}
    within = compare(cohort, inside, **options)
    before = compare(cohort, nets, X=scaled, **options)
    assert (within.results["error"] == "").all()
    numbers = scores(before).select_dtypes("number").columns
    np.testing.assert_allclose(scores(within)[numbers], scores(before)[numbers], rtol=1e-4)
    unscaled = compare(cohort, {"net": NET}, **options)
    briers = [scores(one, "net")["brier"] for one in (within, unscaled)]
    assert not np.allclose(*briers, rtol=1e-4)


@pytest.mark.parametrize("adapt", [None, 0.2])
def test_scorers_see_the_model_of_the_patient(cohort, split, adapt):
    candidates = {"personal": Personal(), "scaled": make_pipeline(SCALER, NET)}
    scoring = {"by_scorer": "accuracy", "classes": n_classes}
    comparison = compare(cohort, candidates, cv=[split], adapt=adapt, scoring=scoring)
    for table in (comparison.results, comparison.scores_by_patient):
        np.testing.assert_allclose(table["by_scorer"], table["accuracy"])
        assert table["classes"].eq(3).all()


def n_classes(model, X, y):
    return len(model.classes_)


def test_the_same_seed_gives_the_same_patients_models(cohort, split):
    candidates = {"hedged": hedged(memory=None)}
    first, second = (compare(cohort, candidates, cv=[split]) for _ in range(2))
    pd.testing.assert_frame_equal(scores(first), scores(second))


def test_a_store_does_not_serve_another_share(cohort, tmp_path):
    store = tmp_path / "rows.jsonl"
    for adapt, n in ((0.2, 22), (0.5, 13), (0.2, 22)):
        found = compare(cohort, {"none": None}, adapt=adapt, store=store)
        assert found.scores_by_patient["n_windows"].eq(n).all()
    assert store.read_text().count("\n") == 4


@pytest.mark.parametrize("adapt", [0, 1, 1.5, -0.2, True, "half", float("nan")])
def test_a_share_that_cannot_be_is_refused(cohort, adapt):
    with pytest.raises(ValueError, match=r"adapt=.*expected a number between 0 and 1"):
        compare(cohort, {"none": None}, adapt=adapt)


def test_a_patient_of_one_window_is_named(cohort):
    groups = cohort.groups.copy()
    groups[0] = "P99"
    with pytest.raises(ValueError, match=r"\['P99'\] have one window only"):
        compare(cohort, {"none": None}, groups=groups)
