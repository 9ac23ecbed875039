"""The CNN-BiLSTM, trained patient by patient."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context, clone
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNetClassifier
from skorch.dataset import Dataset
from torch.utils.data import DataLoader, WeightedRandomSampler

from geneeg_sk._checks import check_groups, check_windows
from geneeg_sk._device import resolve_device
from geneeg_sk._seeding import MAX_SEED, seeded
from geneeg_sk._typing import Label, RandomStateLike, WindowsLike
from geneeg_sk.classification._classifier import (
    CNNBiLSTMClassifier,
    as_float32,
    check_labels,
    check_two_classes,
    raise_if_interrupted,
    typical_amplitude,
)
from geneeg_sk.classification._minibatch_augmentation import AugmentedBatches
from geneeg_sk.classification._training import history_frame, minibatches

# Windows from which the importance of the weights for a patient is estimated.
WINDOWS_FOR_FISHER = 64


class SequentialClassifier(ClassifierMixin, BaseEstimator):
    """Train a CNN-BiLSTM patient by patient, without forgetting the earlier ones.

    Use it where patients come one after the other and their recordings may not be kept. Two
    methods prevent forgetting: replay mixes a few kept windows of earlier patients into the
    training windows of the next, and elastic weight consolidation [1]_ penalizes changes of weights
    that mattered for earlier patients. With replay, consolidation measured no better than none, and
    is off by default.

    Parameters
    ----------
    estimator : CNNBiLSTMClassifier or None, default=None
        Settings of the network and of its training on each patient; its ``random_state`` is not
        used. None: ``CNNBiLSTMClassifier()``.
    ewc : float, default=0.0
        Strength of the penalty, the :math:`\\lambda` of [1]_. 0: no consolidation.
    replay : int, default=8
        How many windows of each state and patient to keep, chosen at random. 0: none.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of windows, dropout, and which windows are kept.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_channels_, n_times_ : int
        Shape of a window.
    patients_ : list
        The patients learned, in order.
    estimator_ : CNNBiLSTMClassifier
        The fitted classifier; ``estimator_.net_`` is its net.
    memory_ : Reservoir
        The windows kept for replay. They are recordings of patients: with ``replay=0`` there are
        none in the fitted object.
    history_ : DataFrame
        Losses of each epoch, with the ``patient``.

    See Also
    --------
    CNNBiLSTMClassifier : The same network, trained on all patients at once.

    Notes
    -----
    The penalty is :math:`\\frac{\\lambda}{2} \\sum_i F_i (\\theta_i - \\theta_i^*)^2`, with
    :math:`\\theta^*` the weights after the last patient and :math:`F` the diagonal of the Fisher
    information, summed over the patients so far [2]_. The scale of the input is the geometric mean
    of the patients' so far; the running statistics of the normalization layers follow the latest
    windows, and no penalty holds them. Patients that are scaled by
    :class:`~geneeg_sk.preprocessing.BackgroundScaler` look alike, and less is forgotten.

    With replay, the windows of a step are drawn from all patients so far. A kept window is drawn as
    often as the windows that it was chosen from would be, so that training approximates training on
    all patients so far. An epoch has as many steps as the new patient's windows alone would give.

    References
    ----------
    .. [1] Kirkpatrick J et al. (2017). Overcoming catastrophic forgetting in neural networks.
       PNAS 114, 3521-3526.
    .. [2] Huszár F (2018). Note on the quadratic penalties in elastic weight consolidation.
       PNAS 115, E2496-E2497.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.classification import CNNBiLSTMClassifier, SequentialClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = 20 * rng.normal(size=(60, 2, 64)).astype("float32")
    >>> y = np.tile(["ictal", "normal"], 30)
    >>> X[y == "ictal"] *= 3
    >>> small = CNNBiLSTMClassifier(n_filters=4, n_hidden=8, max_epochs=5)
    >>> clf = SequentialClassifier(estimator=small, random_state=0)
    >>> clf.fit(X, y, groups=np.repeat(["p1", "p2"], 30)).patients_
    ['p1', 'p2']
    """

    __metadata_request__fit = {"groups": True}
    __metadata_request__partial_fit = {"groups": True}

    _parameter_constraints: dict[str, Any] = {
        "estimator": [CNNBiLSTMClassifier, None],
        "ewc": [Interval(Real, 0, None, closed="left")],
        "replay": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        estimator: CNNBiLSTMClassifier | None = None,
        ewc: float = 0.0,
        replay: int = 8,
        random_state: RandomStateLike = None,
    ) -> None:
        self.estimator = estimator
        self.ewc = ewc
        self.replay = replay
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: WindowsLike, y: ArrayLike, *, groups: ArrayLike | None = None
    ) -> SequentialClassifier:
        """Train on one patient after the other, in the order in which they first appear.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows, in microvolts.
        y : array-like of shape (n_windows,)
            Labels; a patient need not have all of them.
        groups : array-like of shape (n_windows,)
            Patient of each window.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If `groups` is missing or has another length, windows are not finite, or `y` holds one
            class only.
        """
        if groups is None:
            raise ValueError(
                "SequentialClassifier needs the patient of every window, but groups is None. Call "
                "fit(X, y, groups=patients). In cross-validation, enable routing with "
                "sklearn.set_config(enable_metadata_routing=True) and pass "
                "params={'groups': patients} to cross_validate."
            )
        X = as_float32(check_windows(self, X, reset=True))
        y = check_labels(self, X, y)
        self._start(np.unique(y))
        self._learn_all(X, y, check_groups(groups, len(X)))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: WindowsLike,
        y: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> SequentialClassifier:
        """Learn further patients.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows, in microvolts.
        y : array-like of shape (n_windows,)
            State of each window.
        groups : array-like of shape (n_windows,), optional
            Patient of each window. None: all windows are of one patient not seen before.
        classes : array-like, optional
            All labels that will ever occur. Used in the first call only; None: those of `y`.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If windows are not finite, have other channels or times than before, or `y` holds
            labels that are not in ``classes_``.
        """
        first = not hasattr(self, "classes_")
        X = as_float32(check_windows(self, X, reset=first))
        y = check_labels(self, X, y)
        groups = check_groups(groups, len(X))
        if first:
            self._start(np.unique(y if classes is None else classes))
        self._check_known(y)
        if groups is None:
            groups = np.full(len(X), f"patient {len(self.patients_) + 1}")
        self._learn_all(X, y, groups)
        return self

    def predict(self, X: WindowsLike) -> np.ndarray:
        """Predict the state of each window.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows, in microvolts.

        Returns
        -------
        y : ndarray of shape (n_windows,)
            The most probable state of each.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: WindowsLike) -> np.ndarray:
        """Predict the probability of each state.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows, in microvolts.

        Returns
        -------
        proba : ndarray of shape (n_windows, n_classes)
            In the order of ``classes_``.
        """
        check_is_fitted(self, "history_")
        X = as_float32(check_windows(self, X, reset=False))
        return self.estimator_.net_.predict_proba(X)

    def _start(self, classes: np.ndarray) -> None:
        """Forget everything."""
        check_two_classes(classes)
        self.classes_ = classes
        self.patients_: list[Label] = []
        self._rng = check_random_state(self.random_state)
        self.memory_ = Reservoir(self.replay, self._rng.randint(MAX_SEED))
        self._consolidated: dict[str, tuple[torch.Tensor, torch.Tensor]] | None = None
        self._log_scales: list[float] = []
        self.estimator_ = clone(self.estimator or CNNBiLSTMClassifier())
        self.estimator_.classes_ = classes
        self._histories: list[pd.DataFrame] = []

    def _check_known(self, y: np.ndarray) -> None:
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y holds {unknown.tolist()}, but the classes were fixed as "
                f"{self.classes_.tolist()} by the first call. Name all classes there will be in "
                "the first partial_fit, with classes=."
            )

    def _learn_all(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> None:
        y = np.searchsorted(self.classes_, y)
        for patient in pd.unique(pd.Series(groups)).tolist():
            its = groups == patient
            self._learn(X[its], y[its], patient)

    def _learn(self, X: np.ndarray, y: np.ndarray, patient: Label) -> None:
        """Go on training with the windows of one patient."""
        device = resolve_device(self.estimator_.device)
        X_train, y_train, stands_for = self.memory_.mix_into(X, y)
        seen = np.concatenate([y, self.memory_.states_seen()])
        self._log_scales.append(np.log(typical_amplitude(X)))
        with seeded(self._rng.randint(MAX_SEED), device):
            net = self.estimator_._build_net(X, seen, device, net_class=ConsolidatedNet)
            net.initialize()
            if self.patients_:
                net.module_.load_state_dict(self.estimator_.net_.module_.state_dict())
            net.module_.scale.fill_(float(np.exp(np.mean(self._log_scales))))
            net.consolidated_ = self._consolidated
            net.stands_for_, net.n_new_ = stands_for, len(X)
            net.partial_fit(X_train, y_train)
            raise_if_interrupted(net)
            if self.ewc:
                self._consolidated = consolidate(net, X, self.ewc)
        self.estimator_.net_ = net
        self.memory_.add(X, y, patient)
        if patient not in self.patients_:
            self.patients_.append(patient)
        self._histories.append(history_frame(net.history).assign(patient=patient))
        self.history_ = pd.concat(self._histories, ignore_index=True)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class ConsolidatedNet(NeuralNetClassifier):
    """A net that is held near the weights that mattered for earlier patients.

    ``consolidated_`` maps the name of a weight to its stiffness and its place, or is None.
    """

    consolidated_: dict[str, tuple[torch.Tensor, torch.Tensor]] | None = None
    stands_for_: np.ndarray | None = None
    n_new_: int = 0

    def get_iterator(
        self, dataset: Dataset, training: bool = False
    ) -> DataLoader[Any] | AugmentedBatches:
        """Return minibatches; in training with replay, each draws from all patients so far."""
        if not training or self.stands_for_ is None:
            return super().get_iterator(dataset, training=training)
        settings = self.get_params_for("iterator_train")
        n_steps = settings["n_steps"]
        n_drawn = self.n_new_ if n_steps is None else n_steps * self.batch_size
        drawn = WeightedRandomSampler(self.stands_for_.tolist(), n_drawn)
        return minibatches(dataset, self.batch_size, order=drawn, augment=settings["augment"])

    def get_loss(
        self,
        y_pred: torch.Tensor,
        y_true: torch.Tensor,
        *args: Any,
        training: bool = False,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Return the loss of a minibatch, in training with the penalty (Kirkpatrick, eq. 3)."""
        loss = super().get_loss(y_pred, y_true, *args, training=training, **kwargs)
        if not training or self.consolidated_ is None:
            return loss
        for name, weight in self.module_.named_parameters():
            stiffness, place = self.consolidated_[name]
            loss = loss + 0.5 * (stiffness * (weight - place) ** 2).sum()
        return loss


def consolidate(
    net: ConsolidatedNet, X: np.ndarray, ewc: float
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return stiffness and place of each weight: earlier stiffness plus that for windows `X`."""
    fisher = fisher_diagonal(net, X[:: -(-len(X) // WINDOWS_FOR_FISHER)])
    earlier = net.consolidated_ or {}
    return {
        name: (
            ewc * fisher[name] + (earlier[name][0] if name in earlier else 0),
            weight.detach().clone(),
        )
        for name, weight in net.module_.named_parameters()
    }


def fisher_diagonal(net: NeuralNetClassifier, X: np.ndarray) -> dict[str, torch.Tensor]:
    """Estimate the diagonal of the Fisher information: the mean squared score of each weight.

    The class of each window is drawn from the net's own prediction: with the true labels the
    estimate would go to zero as the net gets to know them.
    """
    module = net.module_.eval()
    fisher = {name: torch.zeros_like(weight) for name, weight in module.named_parameters()}
    for log_proba in one_by_one(module, X, net.device):
        drawn = torch.multinomial(log_proba.detach().exp(), 1)
        module.zero_grad()
        log_proba[drawn].sum().backward()
        for name, weight in module.named_parameters():
            fisher[name] += weight.grad**2 / len(X)
    module.zero_grad()
    return fisher


def one_by_one(
    module: torch.nn.Module, X: np.ndarray, device: torch.device
) -> Iterator[torch.Tensor]:
    """Yield the log probabilities of each window, with their gradients."""
    # cuDNN cannot go backward through an LSTM in evaluation mode.
    with torch.backends.cudnn.flags(enabled=False):
        for window in X:
            yield module(torch.tensor(window[None], device=device))[0].log_softmax(dim=0)


class Reservoir:
    """Keep at most `size` windows of each patient and state, all equally likely to be kept.

    Algorithm R (Vitter 1985): it needs no second look at windows that have passed.
    """

    def __init__(self, size: int, seed: int):
        self.size = size
        self._rng = np.random.default_rng(seed)
        self._windows: dict[tuple[Label, int], list[np.ndarray]] = {}
        self._n_seen: dict[tuple[Label, int], int] = {}

    def __len__(self) -> int:
        return sum(len(kept) for kept in self._windows.values())

    def add(self, X: np.ndarray, y: np.ndarray, patient: Label) -> None:
        """Offer windows of one patient."""
        if not self.size:
            return
        for window, state in zip(X, y.tolist()):
            kept = self._windows.setdefault((patient, state), [])
            n_seen = self._n_seen.get((patient, state), 0)
            if n_seen < self.size:
                kept.append(window.copy())
            elif (place := self._rng.integers(n_seen + 1)) < self.size:
                kept[place] = window.copy()
            self._n_seen[patient, state] = n_seen + 1

    def mix_into(
        self, X: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return windows and states with all that is kept appended, and how many each stands for.

        A kept window stands for those it was chosen among, a new one for itself. Nothing kept:
        None.
        """
        if not len(self):
            return X, y, None
        kept = [np.stack(windows) for windows in self._windows.values()]
        n_kept = [len(windows) for windows in kept]
        states = [state for _, state in self._windows]
        each = np.array([self._n_seen[key] for key in self._windows]) / n_kept
        return (
            np.concatenate([X, *kept]),
            np.concatenate([y, np.repeat(states, n_kept)]),
            np.concatenate([np.ones(len(X)), np.repeat(each, n_kept)]),
        )

    def states_seen(self) -> np.ndarray:
        """Return the state of each window that was ever offered."""
        states = [state for _, state in self._n_seen]
        return np.repeat(states, list(self._n_seen.values())).astype(int)
