"""The CNN-BiLSTM as a scikit-learn classifier."""

from __future__ import annotations

import copy
from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils import Tags, check_random_state, compute_class_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.helper import predefined_split
from torch import nn, optim, tensor

from geneeg_sk._checks import check_finite, check_windows
from geneeg_sk._device import resolve_device
from geneeg_sk._seeding import MAX_SEED, seeded
from geneeg_sk._typing import RandomStateLike, WindowsLike
from geneeg_sk.classification._cnn_bilstm import CNNBiLSTM
from geneeg_sk.classification._training import (
    Progress,
    RefuseDivergence,
    WindowDataset,
    history_frame,
    minibatches,
)
from geneeg_sk.datasets._rows import WindowRows, check_rows

# The scale of the input is taken from this many windows, evenly spread.
WINDOWS_FOR_SCALE = 512

FINE_TUNING_EPOCHS = 5
FINE_TUNING_LR = 0.1  # of the learning rate of `fit`

Windows: TypeAlias = np.ndarray | WindowRows


class CNNBiLSTMClassifier(ClassifierMixin, BaseEstimator):
    """Classify windows of EEG with convolutions and a bidirectional LSTM.

    The network is :class:`CNNBiLSTM`; AdamW with a one-cycle learning rate trains it. Windows are
    in microvolts and need no scaling: one amplitude, the median of the training windows, scales
    them all.

    Parameters
    ----------
    n_filters : int, default=16
        Temporal filters.
    kernel_size : int, default=64
        Length of the temporal filters, in samples.
    n_hidden : int, default=64
        Units of the LSTM in each direction.
    dropout : float, default=0.5
        Dropout before and after the LSTM.
    max_epochs : int, default=20
        Passes over the training windows.
    epoch_steps : int, default=None
        Steps of the optimizer in one epoch; None: one pass over the training windows. With a
        number, training on over-sampled windows takes as many steps as training without.
    batch_size : int, default=32
        Windows in a step of the optimizer.
    lr : float, default=2e-3
        Highest learning rate of the one-cycle schedule.
    weight_decay : float, default=1e-2
        Of AdamW.
    augment : MinibatchAugmentation, callable or None, default=None
        Changes the windows of every minibatch of training at random. A callable gets a tensor of
        shape (n_windows, n_channels, n_times), in microvolts, and returns one of the same shape;
        it should draw from torch's global random stream, which `random_state` seeds.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss, as everywhere in scikit-learn.
    patience : int, default=10
        With validation windows: stop after this many epochs without a better validation loss.
    device : str, default="auto"
        ``"cpu"``, ``"cuda"``, or ``"auto"``: a GPU where there is one.
    random_state : int, RandomState instance or None, default=None
        For initial weights, order of windows and dropout. The global random streams are neither
        used nor changed. Results repeat in processes (joblib's loky), not in threads.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_channels_, n_times_ : int
        Shape of a window.
    net_ : skorch.NeuralNetClassifier
        The fitted net; ``net_.module_`` is the network. It knows labels as 0 to n_classes - 1.
    history_ : DataFrame
        Losses of each epoch of the last training.

    See Also
    --------
    MinibatchAugmentation : Random changes of the windows of every minibatch.
    SequentialClassifier : The same network, trained patient by patient.

    Notes
    -----
    No part of the training windows is set aside for early stopping: after an over-sampler, or with
    several windows of a patient, such a split leaks. Give validation windows of other patients to
    `fit`, or use :class:`AugmentedClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.classification import CNNBiLSTMClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = 20 * rng.normal(size=(60, 2, 64)).astype("float32")
    >>> y = np.repeat(["ictal", "normal"], 30)
    >>> X[y == "ictal"] *= 3
    >>> clf = CNNBiLSTMClassifier(n_filters=4, n_hidden=8, random_state=0).fit(X, y)
    >>> bool(clf.score(X, y) > 0.9)
    True
    >>> clf.history_.columns.tolist()
    ['epoch', 'train_loss', 'dur']
    """

    net_: NeuralNetClassifier

    _parameter_constraints: dict[str, Any] = {
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "n_hidden": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "epoch_steps": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "augment": [callable, None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        n_filters: int = 16,
        kernel_size: int = 64,
        n_hidden: int = 64,
        dropout: float = 0.5,
        max_epochs: int = 20,
        epoch_steps: int | None = None,
        batch_size: int = 32,
        lr: float = 2e-3,
        weight_decay: float = 1e-2,
        augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
        class_weight: dict[Any, float] | str | None = None,
        patience: int = 10,
        device: str = "auto",
        random_state: RandomStateLike = None,
        verbose: int = 0,
    ) -> None:
        self.n_filters = n_filters
        self.kernel_size = kernel_size
        self.n_hidden = n_hidden
        self.dropout = dropout
        self.max_epochs = max_epochs
        self.epoch_steps = epoch_steps
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.augment = augment
        self.class_weight = class_weight
        self.patience = patience
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: WindowsLike | WindowRows,
        y: ArrayLike,
        *,
        X_valid: WindowsLike | WindowRows | None = None,
        y_valid: ArrayLike | None = None,
    ) -> CNNBiLSTMClassifier:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows, in microvolts. :class:`~geneeg_sk.datasets.WindowRows` stay on disk and are
            read minibatch by minibatch, also by `predict`.
        y : array-like of shape (n_windows,)
            Labels of any kind.
        X_valid, y_valid : array-like, optional
            Windows of other patients. With them, training stops when their loss no longer falls,
            and the weights of the best epoch are kept; the windows are not.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If windows are not finite, lengths differ, `y` holds one class only, or `X_valid`
            holds other channels, times or labels than `X`.
        FloatingPointError
            If training diverges.
        KeyboardInterrupt
            On Ctrl-C. Then nothing is fitted.
        """
        return self._fit(X, y, X_valid=X_valid, y_valid=y_valid)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: WindowsLike | WindowRows, y: ArrayLike, *, classes: ArrayLike | None = None
    ) -> CNNBiLSTMClassifier:
        """Train the network further on other windows, such as those of one patient.

        A few epochs at a tenth of the learning rate, so that what was learned before stays. The
        first call of a classifier that is not fitted trains as `fit` does.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows, in microvolts, with channels and times as before.
        y : array-like of shape (n_windows,)
            Labels, of which some may be missing.
        classes : array-like, optional
            All labels that will ever occur. Used in the first call only; None: those of `y`.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            As `fit`, and if `y` holds labels that are not in ``classes_``.
        FloatingPointError
            If training diverges. Then, and on Ctrl-C, the classifier stays as it was.
        """
        if not hasattr(self, "net_"):
            return self._fit(X, y, classes=classes)
        X, y = self._check_known(X, y, "y")
        slower = copy.copy(self)
        slower.set_params(
            max_epochs=FINE_TUNING_EPOCHS, epoch_steps=None, lr=FINE_TUNING_LR * self.lr
        )
        device = resolve_device(self.device)
        with seeded(check_random_state(self.random_state).randint(MAX_SEED), device):
            net = slower._build_net(X, y, device)
            net.initialize()
            net.module_.load_state_dict(self.net_.module_.state_dict())
            net.partial_fit(X, y)
        raise_if_interrupted(net)
        self.net_, self.history_ = net, history_frame(net.history)
        return self

    def predict(self, X: WindowsLike | WindowRows) -> np.ndarray:
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

    def predict_proba(self, X: WindowsLike | WindowRows) -> np.ndarray:
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
        check_is_fitted(self, "net_")
        X = check_input(self, X, reset=False)
        return self.net_.predict_proba(X)

    def save(self, folder: str | Path) -> None:
        """Write the fitted classifier into `folder`: safetensors and JSON, atomically.

        The folder holds the parameters, the labels, the history, and the weights, which were
        trained on windows of patients. It holds no windows.

        Parameters
        ----------
        folder : str or Path
            Folder to write. A classifier that was saved there before is replaced; other files
            beside it stay.

        Raises
        ------
        FileExistsError
            If `folder` holds something else than a saved classifier.
        TypeError
            If `augment` is a function, which cannot be saved without pickle.

        See Also
        --------
        load : Read it.
        """
        from geneeg_sk.classification._storage import write_classifier

        check_is_fitted(self, "net_")
        write_classifier(folder, self)

    @classmethod
    def load(cls, folder: str | Path) -> CNNBiLSTMClassifier:
        """Read a classifier that `save` wrote; nothing in the folder is executed.

        Parameters
        ----------
        folder : str or Path
            Folder that `save` wrote.

        Returns
        -------
        classifier : CNNBiLSTMClassifier
            Fitted. It computes on the device that it was trained on, or on the CPU where that was
            a GPU and there is none.

        Raises
        ------
        FileNotFoundError, ValueError
            If there is no classifier in `folder`, or it is damaged, or of another version.
        """
        from geneeg_sk.classification._storage import read_classifier

        return read_classifier(folder, cls)

    def _fit(
        self,
        X: WindowsLike | WindowRows,
        y: ArrayLike,
        *,
        classes: ArrayLike | None = None,
        X_valid: WindowsLike | WindowRows | None = None,
        y_valid: ArrayLike | None = None,
    ) -> CNNBiLSTMClassifier:
        X = check_input(self, X, reset=True)
        y = check_labels(self, X, y)
        # An earlier net must not survive beside new labels, should this training be interrupted.
        if hasattr(self, "net_"):
            del self.net_
        self.classes_ = np.unique(y if classes is None else classes)
        check_two_classes(self.classes_)
        y = self._encode(y, "y")
        valid = self._check_valid(X_valid, y_valid)

        device = resolve_device(self.device)
        with seeded(check_random_state(self.random_state).randint(MAX_SEED), device):
            net = self._build_net(X, y, device, valid=valid)
            net.fit(X, y)
        raise_if_interrupted(net)
        forget_validation(net)
        self.net_ = net
        self.history_ = history_frame(net.history)
        return self

    def _check_valid(
        self, X: WindowsLike | WindowRows | None, y: ArrayLike | None
    ) -> tuple[Windows, np.ndarray] | None:
        """Return validation windows and the positions of their labels in `classes_`, or None."""
        if X is None and y is None:
            return None
        if X is None or y is None:
            raise ValueError("X_valid and y_valid belong together: give both, or neither.")
        return self._check_known(X, y, "y_valid")

    def _check_known(
        self, X: WindowsLike | WindowRows, y: ArrayLike, name: str
    ) -> tuple[Windows, np.ndarray]:
        """Return windows and the positions of their labels in `classes_`."""
        X = check_input(self, X, reset=False)
        return X, self._encode(check_labels(self, X, y), name)

    def _encode(self, y: np.ndarray, name: str) -> np.ndarray:
        """Return the positions of labels in `classes_`."""
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"{name} holds {unknown.tolist()}, which are not among the labels that the "
                f"classifier is trained on, {self.classes_.tolist()}. Leave their windows out."
            )
        return np.searchsorted(self.classes_, y)

    def _build_net(
        self,
        X: Windows,
        y: np.ndarray,
        device: torch.device,
        *,
        valid: tuple[Windows, np.ndarray] | None = None,
        net_class: type[NeuralNetClassifier] = NeuralNetClassifier,
    ) -> NeuralNetClassifier:
        """Return the net for windows `X` of classes `y` (0 to n_classes - 1), yet to be fitted."""
        labels = np.arange(len(self.classes_))
        return net_class(
            CNNBiLSTM,
            module__n_times=X.shape[2],
            module__n_classes=len(labels),
            module__n_filters=self.n_filters,
            module__kernel_size=self.kernel_size,
            module__n_hidden=self.n_hidden,
            module__dropout=self.dropout,
            module__scale=typical_amplitude(X),
            dataset=WindowDataset,
            criterion=nn.CrossEntropyLoss,
            criterion__weight=self._loss_weights(y),
            optimizer=optim.AdamW,
            optimizer__weight_decay=self.weight_decay,
            optimizer__fused=True,
            lr=self.lr,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            iterator_train=minibatches,
            iterator_train__shuffle=True,
            iterator_train__n_steps=self.epoch_steps,
            iterator_train__augment=self.augment,
            iterator_valid=minibatches,
            iterator_valid__batch_size=max(self.batch_size, 128),
            train_split=predefined_split(WindowDataset(*valid)) if valid else None,
            classes=labels,
            callbacks=self._callbacks(len(X), valid is not None),
            callbacks__print_log=None,
            device=device,
            verbose=0,
        )

    def _callbacks(self, n_windows: int, validate: bool) -> list[tuple[str, Callback]]:
        schedule = LRScheduler(
            optim.lr_scheduler.OneCycleLR,
            max_lr=self.lr,
            total_steps=self.max_epochs * (self.epoch_steps or -(-n_windows // self.batch_size)),
            step_every="batch",
        )
        callbacks = [("divergence", RefuseDivergence()), ("schedule", schedule)]
        if self.verbose:
            callbacks.append(("progress", Progress()))
        if validate:
            stopping = EarlyStopping(patience=self.patience, load_best=True, threshold=0)
            callbacks.append(("early_stopping", stopping))
        return callbacks

    def _loss_weights(self, y: np.ndarray) -> torch.Tensor | None:
        if self.class_weight is None:
            return None
        # Training patient by patient, a patient may lack a class.
        present = np.unique(y)
        weights = np.ones(len(self.classes_))
        weights[present] = compute_class_weight(
            self.class_weight, classes=self.classes_[present], y=self.classes_[y]
        )
        return tensor(weights.astype(np.float32))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def check_input(estimator: BaseEstimator, X: WindowsLike | WindowRows, *, reset: bool) -> Windows:
    """Return checked windows in single precision; those on disk stay there."""
    if isinstance(X, WindowRows):
        return check_rows(estimator, X, reset=reset)
    return as_float32(check_windows(estimator, X, reset=reset))


def as_float32(X: np.ndarray) -> np.ndarray:
    """Return windows as float32, without a copy where they are; refuse what does not fit."""
    if X.dtype == np.float32:
        return X
    with np.errstate(over="ignore"):
        X = X.astype(np.float32)
    check_finite(X)
    return X


def check_labels(estimator: BaseEstimator, X: Windows, y: ArrayLike | None) -> np.ndarray:
    """Return labels as an array, one for each window; raise an error for anything else."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None: "
            "expected the label of each window."
        )
    labels = column_or_1d(y, warn=True)
    check_consistent_length(X, labels)
    check_classification_targets(labels)
    return labels


def check_two_classes(classes: np.ndarray) -> None:
    """Raise a ValueError if there is one class only."""
    if len(classes) < 2:
        raise ValueError(
            f"y holds one class only, {classes.tolist()}; a classifier needs at least two. Check "
            "the labels, or use a split whose training folds have both (StratifiedGroupKFold)."
        )


def typical_amplitude(X: Windows) -> float:
    """Return the median amplitude of the windows: the spread of their middle, not their tails."""
    some = np.asarray(X[:: -(-len(X) // WINDOWS_FOR_SCALE)], dtype=np.float32)
    return 1.4826 * float(np.median(np.abs(some))) or 1.0


def raise_if_interrupted(net: NeuralNetClassifier) -> None:
    """Raise the KeyboardInterrupt that skorch takes for a wish to stop early."""
    stopping = dict(net.callbacks_).get("early_stopping")
    stopped_early = stopping is not None and stopping.misses_ == stopping.patience
    if len(net.history) < net.max_epochs and not stopped_early:
        raise KeyboardInterrupt


def forget_validation(net: NeuralNetClassifier) -> None:
    """Drop validation windows and the spare copy of the weights from a fitted net."""
    net.train_split = None
    stopping = dict(net.callbacks_).get("early_stopping")
    if stopping is not None:
        stopping.best_model_weights_ = None
