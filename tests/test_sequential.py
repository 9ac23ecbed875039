"""Training patient by patient."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, cross_validate

from geneeg_sk.classification import CNNBiLSTMClassifier, SequentialClassifier
from geneeg_sk.classification._sequential import Reservoir

TINY = CNNBiLSTMClassifier(n_filters=4, n_hidden=8, max_epochs=25, lr=0.01, dropout=0.1)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def windows(frequency, n=48, n_times=64, seed=0):
    """Windows of one patient, whose seizures have a rhythm of so many radians a sample."""
    rng = np.random.default_rng(seed)
    y = np.tile(["ictal", "normal"], n // 2)
    X = 20 * rng.normal(size=(n, 2, n_times))
    rhythm = 60 * np.sin(frequency * np.arange(n_times) + rng.uniform(0, 6, size=(n, 1, 1)))
    X[y == "ictal"] += rhythm[y == "ictal"]
    return X.astype(np.float32), y


def two_patients():
    slow, fast = windows(0.3), windows(2.0, seed=1)
    X, y = np.concatenate([slow[0], fast[0]]), np.concatenate([slow[1], fast[1]])
    return X, y, np.repeat(["slow", "fast"], 48)


def patient_and_one_without_seizures():
    """A patient, and another of whom there is background only: bait for forgetting seizures."""
    X, y = windows(0.5)
    X_other, y_other = windows(0.5, n=96, seed=1)
    return (X, y), (X_other[y_other == "normal"], y_other[y_other == "normal"])


def sequential(**params):
    return SequentialClassifier(estimator=TINY, random_state=0, **params)


def test_patients_are_learned_in_the_order_in_which_they_appear():
    X, y, groups = two_patients()
    clf = sequential().fit(X, y, groups=groups)
    assert clf.patients_ == ["slow", "fast"]
    assert clf.history_["patient"].tolist() == ["slow"] * 25 + ["fast"] * 25
    assert clf.score(X, y) > 0.9
    np.testing.assert_allclose(clf.predict_proba(X).sum(axis=1), 1, rtol=1e-5)


def test_fit_is_partial_fit_of_one_patient_after_the_other():
    X, y, groups = two_patients()
    at_once = sequential().fit(X, y, groups=groups)
    in_turn = sequential()
    for patient in ["slow", "fast"]:
        its = groups == patient
        in_turn.partial_fit(X[its], y[its], groups=groups[its])
    np.testing.assert_array_equal(at_once.predict_proba(X), in_turn.predict_proba(X))
    np.testing.assert_array_equal(
        sequential().fit(X, y, groups=pd.Series(groups)).predict_proba(X), at_once.predict_proba(X)
    )


@pytest.mark.parametrize("means", [{"ewc": 1e5, "replay": 0}, {"ewc": 0, "replay": 20}], ids=str)
def test_each_means_alone_remembers_seizures_that_are_forgotten_without(means):
    (X, y), other = patient_and_one_without_seizures()

    def forgotten(**params):
        clf = sequential(**params).partial_fit(X, y)
        before = clf.predict_proba(X[y == "ictal"])[:, 0].mean()
        return before - clf.partial_fit(*other).predict_proba(X[y == "ictal"])[:, 0].mean()

    without = forgotten(ewc=0, replay=0)
    assert without > 0.03
    assert forgotten(**means) < without / 2


def test_stiffer_weights_move_less():
    (X, y), other = patient_and_one_without_seizures()

    def moved(ewc):
        clf = sequential(ewc=ewc, replay=0).partial_fit(X, y)
        before = clf.predict_proba(X)
        return np.abs(clf.partial_fit(*other).predict_proba(X) - before).mean()

    assert moved(1e3) < moved(1e2) < moved(0)


def test_replay_keeps_so_many_real_windows_of_each_state_and_patient():
    X, y, groups = two_patients()
    clf = sequential(replay=5).fit(X, y, groups=groups)
    assert len(clf.memory_) == 2 * 2 * 5
    kept, states, stands_for = clf.memory_.mix_into(X[:0], np.empty(0, int))
    assert stands_for.sum() == pytest.approx(len(X))
    assert np.bincount(states).tolist() == [10, 10]
    for window, state in zip(kept, states):
        (row,) = np.flatnonzero((window == X).all(axis=(1, 2)))
        assert y[row] == clf.classes_[state]


def test_a_kept_window_is_drawn_as_often_as_those_it_stands_for_would_be():
    X, y, groups = two_patients()
    clf = sequential(replay=6).fit(X, y, groups=groups)
    assert clf.estimator_.net_.stands_for_.tolist() == [1] * 48 + [24 / 6] * 12


@pytest.mark.parametrize("replay", [0, 20])
def test_a_pass_takes_as_many_steps_with_replay_as_without(replay):
    X, y, groups = two_patients()
    clf = sequential(replay=replay).fit(X, y, groups=groups)
    assert len(clf.estimator_.net_.history[-1, "batches"]) == -(-48 // TINY.batch_size)


def test_the_scale_of_the_input_is_that_of_all_patients_so_far():
    X, y, groups = two_patients()

    def scale(factor, keep):
        windows = np.where((groups == "fast")[:, None, None], factor * X, X)
        clf = sequential().fit(windows[keep], y[keep], groups=groups[keep])
        return float(clf.estimator_.net_.module_.scale)

    everybody = np.full(len(X), True)
    assert scale(4.0, everybody) == pytest.approx(2 * scale(1.0, everybody), rel=1e-4)
    assert scale(4.0, groups == "slow") == scale(1.0, groups == "slow")


def test_without_replay_no_window_stays_in_the_fitted_object():
    X, y, groups = two_patients()
    clf = sequential(replay=0).fit(X, y, groups=groups)
    assert len(clf.memory_) == 0
    pickled = pickle.dumps(clf)
    assert not any(window[0].tobytes() in pickled for window in X)


def test_every_window_is_equally_likely_to_be_kept():
    X = np.arange(40, dtype=np.float32).reshape(40, 1, 1)
    y = np.zeros(40, int)
    counts = np.zeros(40)
    for seed in range(400):
        memory = Reservoir(8, seed)
        memory.add(X[:25], y[:25], "p")
        memory.add(X[25:], y[25:], "p")
        counts[memory.mix_into(X[:0], y[:0])[0].astype(int).ravel()] += 1
    assert counts.sum() == 400 * 8
    assert abs(counts[:20].mean() - counts[20:].mean()) < 8  # expected 80 each, sd of means ~2
    assert counts.min() > 45


def test_a_patient_may_lack_a_state():
    X, y, groups = two_patients()
    keep = (groups == "slow") | (y == "normal")
    balanced = clone(TINY).set_params(class_weight="balanced")
    clf = SequentialClassifier(estimator=balanced, random_state=0)
    clf.fit(X[keep], y[keep], groups=groups[keep])
    assert clf.classes_.tolist() == ["ictal", "normal"]
    late = sequential().partial_fit(X[y == "normal"], y[y == "normal"], classes=["ictal", "normal"])
    assert late.predict_proba(X).shape == (96, 2)


def test_the_random_state_alone_decides():
    X, y, groups = two_patients()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = sequential().fit(X, y, groups=groups).predict_proba(X)
    assert torch.equal(torch.get_rng_state(), before)
    again = pickle.loads(pickle.dumps(sequential().fit(X, y, groups=groups)))
    np.testing.assert_array_equal(again.predict_proba(X), first)


def test_an_unpickled_classifier_learns_a_further_patient_as_the_original_does():
    (X, y), other = patient_and_one_without_seizures()
    clf = sequential().partial_fit(X, y)
    copy = pickle.loads(pickle.dumps(clf))
    expected = clf.partial_fit(*other).predict_proba(X)
    np.testing.assert_array_equal(copy.partial_fit(*other).predict_proba(X), expected)


def test_groups_are_routed_by_cross_validation():
    X, y, groups = two_patients()
    patients = np.char.add(groups, (np.arange(96) // 8 % 2).astype(str))
    with sklearn.config_context(enable_metadata_routing=True):
        result = cross_validate(
            sequential(), X, y, params={"groups": patients}, cv=GroupKFold(2), return_estimator=True
        )
    assert [len(clf.patients_) for clf in result["estimator"]] == [2, 2]


def test_bad_input_is_refused_with_the_reason():
    X, y, groups = two_patients()
    with pytest.raises(ValueError, match=r"needs the patient of every window.*enable routing"):
        sequential().fit(X, y)
    with pytest.raises(ValueError, match="groups has 95 entries for 96 windows"):
        sequential().fit(X, y, groups=groups[1:])
    with pytest.raises(ValueError, match="one class only"):
        sequential().fit(X, np.full(96, "ictal"), groups=groups)
    holed = X.copy()
    holed[5, 1, 3] = np.inf
    with pytest.raises(ValueError, match="infinity: first in window 5, channel 1, sample 3"):
        sequential().fit(holed, y, groups=groups)
    clf = sequential().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"y holds \['preictal'\], but the classes were fixed"):
        clf.partial_fit(X, np.full(96, "preictal"))
    with pytest.raises(ValueError, match="Cut and pick the windows in the same way"):
        clf.partial_fit(X[:, :, :32], y)


def test_an_epoch_of_fixed_steps_has_as_many_with_replay():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2, 64)).astype(np.float32)
    y, patients = np.tile(["ictal", "normal"], 40), np.repeat(["p1", "p2"], 40)
    small = CNNBiLSTMClassifier(
        n_filters=4, n_hidden=8, max_epochs=2, batch_size=8, epoch_steps=3, random_state=0
    )
    fitted = SequentialClassifier(estimator=small, replay=4, random_state=0)
    fitted.fit(X, y, groups=patients)
    epochs = fitted.estimator_.net_.history
    assert [len(epoch["batches"]) for epoch in epochs] == [3, 3]
