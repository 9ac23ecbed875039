"""Minibatches that are changed at random while the classifier trains."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from geneeg_sk.classification import (
    CNNBiLSTMClassifier,
    MinibatchAugmentation,
    SequentialClassifier,
)
from geneeg_sk.classification._storage import read_detector, write_detector

NONE = dict.fromkeys(MinibatchAugmentation().get_params(), 0)
SMALL = {"n_filters": 4, "n_hidden": 8, "batch_size": 8, "random_state": 0}


def only(**change):
    return MinibatchAugmentation(**{**NONE, **change})


@pytest.fixture
def X():
    torch.manual_seed(0)
    return 20 * torch.randn(64, 6, 100)


@pytest.fixture
def labeled():
    rng = np.random.default_rng(0)
    y = np.repeat(["ictal", "normal"], 20)
    X = 20 * rng.normal(size=(40, 3, 64)).astype(np.float32)
    X[y == "ictal"] *= 4
    return X, y


@pytest.mark.parametrize("change", NONE)
def test_each_change_changes_about_half_of_the_windows_and_nothing_else(X, change):
    before = X.clone()
    found = only(**{change: 0.5})(X)
    assert torch.equal(X, before)
    assert (found.shape, found.dtype) == (X.shape, X.dtype)
    assert torch.isfinite(found).all()
    changed = (found != X).any(dim=2).any(dim=1).float().mean()
    assert 0.25 < changed < 0.75


def test_without_changes_windows_stay_as_they_are(X):
    assert torch.equal(only()(X), X)


def test_a_gain_is_common_to_the_channels_and_as_spread_as_wanted(X):
    gain = (only(amplitude=0.3)(X.repeat(50, 1, 1)) / X.repeat(50, 1, 1)).flatten(1)
    assert torch.allclose(gain, gain[:, :1].expand_as(gain), rtol=1e-4)
    logarithm = gain[:, 0].log()
    assert logarithm[logarithm.abs() > 1e-6].std().item() == pytest.approx(0.3, rel=0.1)


def test_dropped_channels_are_silent_from_beginning_to_end(X):
    silent = (only(channel_dropout=0.4)(X.repeat(50, 1, 1)) == 0).float().mean(dim=2)
    assert set(silent.unique().tolist()) == {0.0, 1.0}
    assert silent.mean().item() == pytest.approx(0.4 / 2, abs=0.02)


def test_the_only_channel_is_never_dropped(X):
    assert torch.equal(only(channel_dropout=1.0)(X[:, :1]), X[:, :1])


def test_a_mask_is_one_piece_in_all_channels(X):
    masked = only(time_mask=0.2)(X) == 0
    assert torch.equal(masked, masked[:, :1].expand_as(masked))
    for row in masked[:, 0]:
        where = row.nonzero().flatten()
        assert len(where) in (0, 20)
        assert len(where) == 0 or where[-1] - where[0] == 19


def test_a_window_that_begins_elsewhere_is_the_same_signal(X):
    ramp = torch.arange(100.0).expand(64, 1, 100)
    moved = only(start_jitter=0.2)(ramp)[:, 0]
    start = moved[:, 50] - 50
    assert start.abs().max() <= 20
    assert len(start.unique()) > 10
    inside = torch.arange(100) + start[:, None]
    there = (inside >= 0) & (inside <= 99)
    assert torch.equal(moved[there], inside[there])


def test_a_shifted_sine_has_another_frequency():
    t = torch.arange(256) / 64
    sine = torch.sin(2 * torch.pi * 8 * t).expand(64, 1, 256)
    cycles = torch.fft.rfft(only(frequency_shift=16)(sine)).abs().argmax(dim=2).flatten()
    assert 32 - 17 < cycles.min() < cycles.max() < 32 + 17
    assert len(cycles.unique()) > 5


@pytest.mark.parametrize("shape", [(3, 1, 2), (1, 2, 5), (5, 4, 1)])
def test_odd_shapes_are_fine(shape):
    found = MinibatchAugmentation()(torch.ones(shape))
    assert found.shape == shape
    assert torch.isfinite(found).all()


def test_a_strength_out_of_range_is_an_error(X):
    with pytest.raises(ValueError, match="'time_mask' parameter of MinibatchAugmentation"):
        MinibatchAugmentation(time_mask=1.5)(X)


def test_training_sees_other_windows_in_every_minibatch_and_prediction_plain_ones(labeled):
    X, y = labeled
    seen = []

    def spy(minibatch):
        seen.append(minibatch.clone())
        return minibatch

    clf = CNNBiLSTMClassifier(augment=spy, max_epochs=2, epoch_steps=3, **SMALL).fit(X, y)
    assert [len(minibatch) for minibatch in seen] == [8] * 6
    clf.predict_proba(X)
    assert len(seen) == 6


def test_it_trains_and_repeats_and_leaves_the_random_streams_alone(labeled):
    X, y = labeled
    clf = CNNBiLSTMClassifier(
        augment=MinibatchAugmentation(), max_epochs=8, epoch_steps=10, **SMALL
    )
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    first, second = (clone(clf).fit(X, y).predict_proba(X) for _ in range(2))
    assert torch.equal(torch.rand(3), expected)
    assert_array_equal(first, second)
    plain = clone(clf).set_params(augment=None).fit(X, y)
    assert (first != plain.predict_proba(X)).any()
    assert clone(clf).fit(X, y).score(X, y) > 0.9


def test_a_grid_reaches_its_strengths_and_a_fitted_classifier_can_be_pickled(labeled):
    X, y = labeled
    clf = CNNBiLSTMClassifier(augment=MinibatchAugmentation(), max_epochs=1, **SMALL)
    search = GridSearchCV(clf, {"augment__time_mask": [0, 0.3]}, cv=2).fit(X, y)
    best = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_array_equal(best.predict_proba(X), search.predict_proba(X))


def test_what_is_no_augmentation_is_an_error(labeled):
    X, y = labeled
    with pytest.raises(ValueError, match="'augment' parameter of CNNBiLSTMClassifier"):
        CNNBiLSTMClassifier(augment="mirror", **SMALL).fit(X, y)
    with pytest.raises(ValueError, match=r"augment made of a minibatch of shape \(8, 3, 64\)"):
        CNNBiLSTMClassifier(augment=lambda X: X[:, :1], **SMALL).fit(X, y)


def test_patient_after_patient_is_augmented_too(labeled):
    X, y = labeled
    seen = []

    def spy(minibatch):
        seen.append(len(minibatch))
        return minibatch

    estimator = CNNBiLSTMClassifier(augment=spy, max_epochs=1, **SMALL)
    SequentialClassifier(estimator=estimator).fit(X, y, groups=np.tile(["a", "b"], 20))
    assert len(seen) >= 5


WINDOWS = {"length": 1.0, "channels": ["a", "b", "c"], "sfreq": 64.0, "l_freq": 1, "h_freq": 20}


def test_a_saved_detector_keeps_its_augmentation(labeled, tmp_path):
    X, y = labeled
    augment = MinibatchAugmentation(time_mask=0.3)
    clf = CNNBiLSTMClassifier(augment=augment, max_epochs=1, **SMALL).fit(X, y)
    write_detector(tmp_path / "detector", clf, WINDOWS)
    loaded, _ = read_detector(tmp_path / "detector")
    assert loaded.augment.get_params() == augment.get_params()
    assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_a_function_is_not_saved_and_that_is_said(labeled, tmp_path):
    X, y = labeled
    clf = CNNBiLSTMClassifier(augment=torch.neg, max_epochs=1, **SMALL).fit(X, y)
    with pytest.raises(TypeError, match=r"set_params\(augment=None\), then save"):
        write_detector(tmp_path / "detector", clf, WINDOWS)
    assert not (tmp_path / "detector").exists()
