"""The CNN-BiLSTM and its classifier."""

import pickle

import numpy as np
import pytest
import torch
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback

from geneeg_sk.classification import CNNBiLSTM, CNNBiLSTMClassifier
from geneeg_sk.over_sampling import WindowedSampler

TINY = {"n_filters": 4, "n_hidden": 8, "max_epochs": 5, "lr": 0.01, "random_state": 0}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def windows(n=60, n_channels=3, n_times=128, seed=0):
    """Windows of two states, of which one has a rhythm."""
    rng = np.random.default_rng(seed)
    y = np.tile(["ictal", "normal"], n // 2)
    X = 20 * rng.normal(size=(n, n_channels, n_times))
    phase = rng.uniform(0, 2 * np.pi, size=(n, 1, 1))
    X[y == "ictal"] += (60 * np.sin(np.arange(n_times) / 2 + phase))[y == "ictal"]
    return X.astype(np.float32), y


def test_it_learns_what_it_is_shown():
    X, y = windows()
    clf = CNNBiLSTMClassifier(**{**TINY, "max_epochs": 10}).fit(X, y)
    X_new, y_new = windows(seed=1)
    assert clf.score(X_new, y_new) > 0.95
    proba = clf.predict_proba(X_new)
    assert proba.shape == (60, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(clf.classes_[proba.argmax(axis=1)], clf.predict(X_new))


def test_an_epoch_of_so_many_steps_costs_the_same_however_many_windows_there_are():
    def steps(n, **params):
        X, y = windows(n)
        net = CNNBiLSTMClassifier(**{**TINY, "max_epochs": 2, "batch_size": 8, **params}).fit(X, y)
        return [len(epoch["batches"]) for epoch in net.net_.history]

    assert steps(40) == [5, 5]
    assert steps(40, epoch_steps=3) == steps(16, epoch_steps=3) == [3, 3]


def test_the_net_is_a_skorch_net_of_at_most_a_million_parameters():
    X, y = windows()
    net = CNNBiLSTMClassifier(**TINY).fit(X, y).net_
    assert isinstance(net, NeuralNetClassifier)
    assert isinstance(net.module_, CNNBiLSTM)
    assert sum(p.numel() for p in CNNBiLSTM(1024, 3).parameters()) <= 1_000_000


def test_network_has_a_convolution_a_bidirectional_lstm_and_one_linear_layer():
    layers = [type(m) for m in CNNBiLSTM(1024, 3).modules()]
    assert layers.count(torch.nn.Conv1d) == 1
    assert layers.count(torch.nn.Linear) == 1
    (lstm,) = [m for m in CNNBiLSTM(1024, 3).modules() if isinstance(m, torch.nn.LSTM)]
    assert lstm.bidirectional


@pytest.mark.parametrize("n_times", [2, 3, 7, 8, 9, 20, 63, 178, 250, 1024])
def test_windows_of_any_length_train(n_times):
    X, y = windows(n=40, n_channels=2, n_times=n_times)
    clf = CNNBiLSTMClassifier(**{**TINY, "max_epochs": 2}).fit(X, y)
    assert np.isfinite(clf.predict_proba(X)).all()
    assert all(torch.isfinite(p).all() for p in clf.net_.module_.parameters())


def test_the_order_and_the_number_of_channels_do_not_matter():
    net = CNNBiLSTM(256, 2).eval()
    X = torch.randn(3, 5, 256)
    torch.testing.assert_close(net(X), net(X[:, [4, 2, 0, 1, 3]]))
    torch.testing.assert_close(net(X), net(torch.cat([X, X], dim=1)))


def test_every_sample_of_the_window_counts():
    net = CNNBiLSTM(178, 2).eval()
    X = torch.randn(1, 2, 178, requires_grad=True)
    net(X)[0, 0].backward()
    assert (X.grad != 0).all()


@pytest.mark.parametrize(
    "labels", [[1, 2], [0.0, 1.0], [False, True], ["b", "a"], np.array(["x", "y"], object)], ids=str
)
def test_labels_of_any_kind_come_back(labels):
    X, y = windows()
    y = np.asarray(labels)[(y == "ictal").astype(int)]
    clf = CNNBiLSTMClassifier(**TINY).fit(X, y)
    assert clf.predict(X).dtype == y.dtype
    np.testing.assert_array_equal(clf.classes_, np.unique(y))
    assert clf.score(X, y) > 0.9


def test_float64_and_other_memory_layouts_give_the_same_result():
    X, y = windows()
    expected = CNNBiLSTMClassifier(**TINY).fit(X, y).predict_proba(X)
    read_only = X.copy()
    read_only.flags.writeable = False
    for same in [X.astype(np.float64), X.astype(">f4"), np.asfortranarray(X), read_only]:
        clf = CNNBiLSTMClassifier(**TINY).fit(same, y)
        np.testing.assert_array_equal(clf.predict_proba(same), expected)


def test_the_random_state_alone_decides_and_global_streams_stay():
    X, y = windows()
    torch.manual_seed(1)
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = CNNBiLSTMClassifier(**TINY).fit(X, y).predict_proba(X)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], before_numpy)  # noqa: NPY002
    torch.manual_seed(2)
    np.testing.assert_array_equal(CNNBiLSTMClassifier(**TINY).fit(X, y).predict_proba(X), first)
    other = CNNBiLSTMClassifier(**{**TINY, "random_state": 1}).fit(X, y).predict_proba(X)
    assert not np.array_equal(other, first)


def test_nan_is_refused_with_its_place_also_in_predict_and_validation():
    X, y = windows()
    holed = X.copy()
    holed[4, 2, 9] = np.nan
    clf = CNNBiLSTMClassifier(**TINY).fit(X, y)
    for use in [
        lambda: clf.predict(holed),
        lambda: clone(clf).fit(holed, y),
        lambda: clone(clf).fit(X, y, X_valid=holed, y_valid=y),
    ]:
        with pytest.raises(ValueError, match="NaN: first in window 4, channel 2, sample 9"):
            use()


def test_numbers_beyond_float32_are_refused():
    X, y = windows()
    X = X.astype(np.float64)
    X[3, 0, 0] = 1e300
    with pytest.raises(ValueError, match=r"1e\+300: first in window 3"):
        CNNBiLSTMClassifier(**TINY).fit(X, y)


def test_an_artifact_of_a_meter_does_not_break_training():
    X, y = windows()
    X[0, :, 10:20] = 1e9
    X[1] = 0
    clf = CNNBiLSTMClassifier(**TINY).fit(X, y)
    assert clf.score(X[2:], y[2:]) > 0.9


def test_other_channels_or_one_class_are_refused():
    X, y = windows()
    clf = CNNBiLSTMClassifier(**TINY).fit(X, y)
    with pytest.raises(ValueError, match=r"2 features|2 channels"):
        clf.predict(X[:, :2])
    with pytest.raises(ValueError, match=r"100 times, but .* fitted on 3 channels and 128 times"):
        clf.predict(X[:, :, :100])
    with pytest.raises(ValueError, match="one class only"):
        clone(clf).fit(X, np.full(len(X), "ictal"))
    with pytest.raises(NotFittedError):
        CNNBiLSTMClassifier().predict(X)


def test_early_stopping_restores_the_best_epoch_of_the_validation_windows():
    X, y = windows()
    X_valid, y_valid = windows(seed=1)
    wrong = y_valid[::-1]  # what is learned from X makes these predictions worse
    clf = CNNBiLSTMClassifier(**{**TINY, "max_epochs": 30, "patience": 3})
    clf.fit(X, y, X_valid=X_valid, y_valid=wrong)
    losses = clf.history_["valid_loss"]
    assert len(losses) < 30
    assert losses.idxmin() == len(losses) - 4
    proba = clf.predict_proba(X_valid)
    codes = np.searchsorted(clf.classes_, wrong)
    loss = -np.log(proba[np.arange(len(codes)), codes]).mean()
    assert loss == pytest.approx(losses.min(), rel=1e-4)


def test_without_validation_windows_every_window_trains_in_every_epoch():
    X, y = windows()
    clf = CNNBiLSTMClassifier(**TINY).fit(X, y)
    assert len(clf.history_) == 5
    assert "valid_loss" not in clf.history_
    assert sum(b["train_batch_size"] for b in clf.net_.history[0, "batches"]) == len(X)


def test_validation_windows_are_not_kept():
    X, y = windows()
    X_valid, y_valid = windows(n=600, seed=1)
    clf = CNNBiLSTMClassifier(**TINY).fit(X, y, X_valid=X_valid, y_valid=y_valid)
    with_valid = len(pickle.dumps(clf))
    without = len(pickle.dumps(clone(clf).fit(X, y)))
    assert with_valid < without + X_valid.nbytes / 10


def test_validation_input_is_checked():
    X, y = windows()
    clf = CNNBiLSTMClassifier(**TINY)
    with pytest.raises(ValueError, match="give both, or neither"):
        clf.fit(X, y, X_valid=X)
    with pytest.raises(ValueError, match=r"y_valid holds \['preictal'\]"):
        clf.fit(X, y, X_valid=X, y_valid=np.full(len(X), "preictal"))
    with pytest.raises(ValueError, match="100 times"):
        clf.fit(X, y, X_valid=X[:, :, :100], y_valid=y)


def test_class_weights_move_the_decision():
    rng = np.random.default_rng(0)
    X = 20 * rng.normal(size=(120, 2, 32)).astype(np.float32)
    y = np.repeat(["ictal", "normal"], [12, 108])  # nothing to learn but how many there are
    params = {**TINY, "max_epochs": 15}
    plain = CNNBiLSTMClassifier(**params).fit(X, y)
    balanced = CNNBiLSTMClassifier(class_weight="balanced", **params).fit(X, y)
    extreme = CNNBiLSTMClassifier(class_weight={"ictal": 1e4, "normal": 1}, **params).fit(X, y)
    ictal = [clf.predict_proba(X)[:, 0].mean() for clf in (plain, balanced, extreme)]
    assert ictal[0] < 0.3 < ictal[1] < 0.7 < ictal[2]


def test_a_fitted_classifier_survives_pickle_and_clone_forgets():
    X, y = windows()
    clf = CNNBiLSTMClassifier(verbose=1, **TINY).fit(X, y)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert not hasattr(clone(clf), "net_")


def test_partial_fit_goes_on_from_the_weights_and_unknown_labels_are_refused():
    X, y = windows()
    clf = CNNBiLSTMClassifier(**TINY).fit(X, y)
    before = clf.predict_proba(X)
    assert clf.partial_fit(X[:6], np.full(6, "normal")) is clf  # one label is enough
    assert clf.score(X, y) > 0.8  # where a net of random weights has 0.5
    after = clf.predict_proba(X)
    assert not np.array_equal(after, before)
    with pytest.raises(ValueError, match=r"y holds \['preictal'\], which are not among"):
        clf.partial_fit(X[:6], np.full(6, "preictal"))
    np.testing.assert_array_equal(clf.predict_proba(X), after)


def test_the_first_partial_fit_is_fit_and_may_name_labels_that_come_later():
    X, y = windows()
    expected = CNNBiLSTMClassifier(**TINY).fit(X, y).predict_proba(X)
    clf = CNNBiLSTMClassifier(**TINY).partial_fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), expected)
    states = ["ictal", "normal", "preictal"]
    clf = CNNBiLSTMClassifier(**TINY).partial_fit(X, y, classes=states)
    assert clf.predict_proba(X).shape == (60, 3)
    clf.partial_fit(X[:6], np.full(6, "preictal"))
    assert clf.classes_.tolist() == states


class PressCtrlC(Callback):
    def on_epoch_end(self, net, **kwargs):
        raise KeyboardInterrupt


def test_ctrl_c_is_not_swallowed_and_leaves_nothing_half_trained(monkeypatch):
    X, y = windows()
    clf = CNNBiLSTMClassifier(**TINY).fit(X, y)
    callbacks = CNNBiLSTMClassifier._callbacks
    monkeypatch.setattr(
        CNNBiLSTMClassifier, "_callbacks", lambda *a: [*callbacks(*a), ("key", PressCtrlC())]
    )
    before = clf.predict_proba(X)
    with pytest.raises(KeyboardInterrupt):
        clf.partial_fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    with pytest.raises(NotFittedError):
        clf.predict(X)


def test_divergence_is_an_error():
    X, y = windows()
    clf = CNNBiLSTMClassifier(**{**TINY, "lr": 1e30, "weight_decay": 0.5})
    with pytest.raises(FloatingPointError, match=r"training loss became .* Lower lr"):
        clf.fit(X, y)


def test_a_grid_with_an_over_sampler_gives_the_same_scores_in_two_processes():
    X, y = windows(n_times=32)
    keep = np.r_[:40, 41:60:2]  # fewer ictal windows
    pipeline = make_pipeline(
        WindowedSampler(sampler=RandomOverSampler(random_state=0)),
        CNNBiLSTMClassifier(**{**TINY, "max_epochs": 2}),
    )
    scores = [
        GridSearchCV(
            pipeline,
            {"cnnbilstmclassifier__n_hidden": [4, 8]},
            cv=GroupKFold(3),
            scoring="neg_log_loss",
            n_jobs=n_jobs,
            error_score="raise",
        )
        .fit(X[keep], y[keep], groups=np.arange(len(keep)) % 5)
        .cv_results_["mean_test_score"]
        for n_jobs in [1, 2]
    ]
    np.testing.assert_allclose(*scores, rtol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_a_classifier_that_learns_too():
    X, y = windows()
    clf = CNNBiLSTMClassifier(device="cuda", **{**TINY, "max_epochs": 10}).fit(X, y)
    assert clf.score(X, y) > 0.95
