"""What must happen around augmentation: split by patient first, and be able to say no."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from itertools import permutations
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context, clone
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils import Tags, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from geneeg_sk._checks import background_state, check_groups, check_windows, is_mne
from geneeg_sk.classification._classifier import check_labels, check_two_classes


class AugmentedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A classifier with augmentation that is validated on real patients, or left out.

    Patients are split first. Some are set aside to stop training early, and others, where there
    is a gate, to decide: the augmented classifier is kept only if it is better on these than the
    plain one by a margin. Only the patients that are left are augmented. The winner is fitted
    once more, on all but the patients for early stopping.

    Parameters
    ----------
    estimator : classifier
        Called with ``X_valid`` and ``y_valid`` where its `fit` takes them, as that of
        :class:`CNNBiLSTMClassifier` does; others need no patients for early stopping.
    sampler : over-sampler
        Of windows, such as :class:`~geneeg_sk.over_sampling.GenEEGSampler`.
    valid_cv : int, default=4
        One in so many patients goes to early stopping, and one in so many to the gate.
    gate : {"validated"} or None, default="validated"
        None keeps the augmented classifier without asking.
    margin : float, default=0.01
        What augmentation has to add to the macro F1 over the gate's windows.
    background : label or "auto", default="auto"
        The state of the windows given to `personalize`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    estimator_ : classifier
        The one that was kept.
    sampler_ : over-sampler
        Fitted on the windows that `estimator_` was trained on, or, where the plain classifier was
        kept, on those that the gate compared.
    gate_report_ : dict
        Macro F1 of either classifier on the gate's windows, its difference and `margin`, which
        was ``kept``, and the patients of ``training``, ``validation`` and ``gate``.

    Notes
    -----
    Without `groups` windows are split by stratified rows, with a warning: windows of one patient
    then are on both sides, and the gate is too kind. Inside a pipeline groups arrive by metadata
    routing, or, with routing off, by ``pipeline.fit(X, y, step__groups=groups)``. Results repeat
    if estimator and sampler have a `random_state`.

    Examples
    --------
    >>> from geneeg_sk.classification import AugmentedClassifier, CNNBiLSTMClassifier
    >>> from geneeg_sk.datasets import make_eeg_cohort
    >>> from geneeg_sk.over_sampling import FourierSurrogateSampler
    >>> cohort = make_eeg_cohort(n_patients=4, sfreq=64, length=2, random_state=0)
    >>> clf = AugmentedClassifier(
    ...     CNNBiLSTMClassifier(max_epochs=2, random_state=0),
    ...     FourierSurrogateSampler(random_state=0),
    ... ).fit(cohort.X, cohort.y, groups=cohort.groups)
    >>> clf.gate_report_["kept"] in ("augmented", "plain")
    True
    """

    __metadata_request__fit = {"groups": True}

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "sampler": [HasMethods(["fit_resample"])],
        "valid_cv": [Interval(Integral, 2, None, closed="left")],
        "gate": [StrOptions({"validated"}), None],
        "margin": [Interval(Real, None, None, closed="neither")],
        "background": "no_validation",
    }

    def __init__(
        self, estimator, sampler, *, valid_cv=4, gate="validated", margin=0.01, background="auto"
    ):
        self.estimator = estimator
        self.sampler = sampler
        self.valid_cv = valid_cv
        self.gate = gate
        self.margin = margin
        self.background = background

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, *, groups: Any = None) -> AugmentedClassifier:
        """Split, augment, train, and decide.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows, in microvolts.
        y : array-like of shape (n_windows,)
            State of each window.
        groups : array-like of shape (n_windows,), default=None
            Patient of each window.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the input is not as described, or patients are too few for the split.
        """
        X = self._windows(X, reset=True)
        y = check_labels(self, X, y)
        groups = check_groups(groups, len(X))
        self.classes_ = np.unique(y)
        check_two_classes(self.classes_)
        self.background_ = background_state(y, self.background)
        stops_early = has_fit_parameter(self.estimator, "X_valid")
        parts = split_patients(y, groups, self.valid_cv, stops_early, self.gate is not None)
        data = _Data(X, y, groups, parts.validation if stops_early else None)

        if self.gate is None:
            self.gate_report_ = {"kept": "augmented"}
        else:
            self.gate_report_ = self._ask_gate(data, parts)
        everything = np.sort(np.concatenate([parts.training, parts.gate]))
        if self.gate_report_["kept"] == "augmented":
            self.estimator_ = self._fit_augmented(data, everything)
        else:
            self.estimator_ = self._fit_plain(data, everything)
        if groups is not None:
            self.gate_report_ |= {
                name: np.unique(groups[rows]).tolist() for name, rows in vars(parts).items()
            }
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted state of each window, shape (n_windows,)."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict(self._windows(X, reset=False))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each state, shape (n_windows, n_classes)."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_proba(self._windows(X, reset=False))

    def personalize(self, X_background: Any) -> AugmentedClassifier:
        """Adapt to one new patient, of whom only background windows are known.

        A copy of the classifier is trained a little further on these windows and as many
        synthetic ones of every other state, generated with the patient's profile.

        Parameters
        ----------
        X_background : array-like of shape (n_windows, n_channels, n_times)
            Background windows of the patient, in microvolts; from about ten on they help.

        Returns
        -------
        personalized : AugmentedClassifier
            A fitted copy; this one stays as it is.

        Raises
        ------
        TypeError
            If the sampler has no generator that takes profiles, or the classifier cannot be
            trained further.
        """
        check_is_fitted(self, "estimator_")
        generator = getattr(self.sampler_, "generator_", None)
        if generator is None or not hasattr(self.estimator_, "fine_tuned"):
            raise TypeError(
                "personalize needs a GenEEGSampler as sampler and a CNNBiLSTMClassifier as "
                f"estimator; these are {type(self.sampler).__name__} and "
                f"{type(self.estimator).__name__}."
            )
        X = self._windows(X_background, reset=False)
        others = [state for state in self.classes_.tolist() if state != self.background_]
        wanted = np.repeat(np.array(others, dtype=self.classes_.dtype), len(X))
        synthetic = generator.sample(wanted, profiles=generator.profile(X))
        synthetic = synthetic.reshape(len(synthetic), *X.shape[1:]).astype(X.dtype, copy=False)
        labels = np.full(len(X), self.background_, dtype=self.classes_.dtype)
        personalized = copy.copy(self)
        personalized.estimator_ = self.estimator_.fine_tuned(
            np.concatenate([X, synthetic]), np.concatenate([labels, wanted])
        )
        return personalized

    def _windows(self, X: Any, *, reset: bool) -> np.ndarray:
        """Checked windows in the number of dimensions in which they came."""
        checked = check_windows(self, X, reset=reset)
        flat = not is_mne(X) and len(getattr(X, "shape", None) or np.asarray(X).shape) == 2
        return checked[:, 0] if flat else checked

    def _ask_gate(self, data: _Data, parts: PatientSplit) -> dict[str, Any]:
        scores = {}
        for name, fit in (("plain", self._fit_plain), ("augmented", self._fit_augmented)):
            predicted = fit(data, parts.training).predict(data.X[parts.gate])
            scores[name] = f1_score(data.y[parts.gate], predicted, average="macro", zero_division=0)
        gain = scores["augmented"] - scores["plain"]
        kept = "augmented" if gain > self.margin else "plain"
        return {**scores, "difference": gain, "margin": self.margin, "kept": kept}

    def _fit_plain(self, data: _Data, rows: np.ndarray) -> Any:
        return self._fit(data, data.X[rows], data.y[rows])

    def _fit_augmented(self, data: _Data, rows: np.ndarray) -> Any:
        self.sampler_ = clone(self.sampler)
        groups = {} if data.groups is None else {"groups": data.groups[rows]}
        return self._fit(data, *self.sampler_.fit_resample(data.X[rows], data.y[rows], **groups))

    def _fit(self, data: _Data, X: np.ndarray, y: np.ndarray) -> Any:
        valid = {}
        if data.validation is not None:
            valid = {"X_valid": data.X[data.validation], "y_valid": data.y[data.validation]}
        return clone(self.estimator).fit(X, y, **valid)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.non_deterministic = get_tags(self.estimator).non_deterministic
        return tags


@dataclass
class _Data:
    """The real windows, and the rows set aside for early stopping, if any."""

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray | None
    validation: np.ndarray | None


@dataclass
class PatientSplit:
    """Rows of three sets of patients without overlap."""

    training: np.ndarray
    validation: np.ndarray
    gate: np.ndarray


def split_patients(
    y: np.ndarray, groups: np.ndarray | None, n_splits: int, validate: bool, gate: bool
) -> PatientSplit:
    """Split rows so that no patient is on two sides and training has every state.

    The gate gets the fold with the most states, validation the next.

    Raises
    ------
    ValueError
        If there are fewer patients than sets, or no choice of folds leaves training every state.
    """
    n_sets = 1 + validate + gate
    nothing = np.empty(0, int)
    if n_sets == 1:
        return PatientSplit(np.arange(len(y)), nothing, nothing)
    folds = _folds(y, groups, n_splits, n_sets)
    n_states = [len(np.unique(y[fold])) for fold in folds]
    choices = permutations(range(len(folds)), n_sets - 1)
    for chosen in sorted(choices, key=lambda c: [-n_states[i] for i in c]):
        rest = [folds[i] for i in range(len(folds)) if i not in chosen]
        training = np.sort(np.concatenate(rest))
        if len(np.unique(y[training])) == len(np.unique(y)):
            sets = [folds[i] for i in chosen]
            return PatientSplit(
                training,
                validation=sets.pop() if validate else nothing,
                gate=sets.pop() if gate else nothing,
            )
    raise ValueError(
        "No split by patient leaves every state in training: one is known of too few patients. "
        "Use gate=None, a larger valid_cv, or more patients."
    )


def _folds(
    y: np.ndarray, groups: np.ndarray | None, n_splits: int, n_sets: int
) -> list[np.ndarray]:
    if groups is None:
        warnings.warn(
            "AugmentedClassifier got no groups: windows are split by rows, so that those of one "
            "patient may be on both sides. Pass groups, the patient of every window.",
            stacklevel=5,
        )
        rarest = int(np.unique(y, return_counts=True)[1].min())
        n_splits = min(max(n_splits, n_sets), max(rarest, 2))
        if n_splits < n_sets:
            raise ValueError(
                f"The rarest state has {rarest} windows, but {n_sets} sets need one each: "
                "training, early stopping, gate. Use gate=None, or more windows."
            )
        splitter: Any = StratifiedKFold(n_splits)
    else:
        n_patients = len(np.unique(groups))
        if n_patients < n_sets:
            raise ValueError(
                f"{n_patients} patients cannot be split into {n_sets} sets: training, early "
                "stopping, gate. Use gate=None, or more patients."
            )
        n_splits = min(max(n_splits, n_sets), n_patients)
        splitter = StratifiedGroupKFold(n_splits)
    with warnings.catch_warnings():
        # A state with fewer patients than folds cannot be in each of them; that is handled here.
        warnings.filterwarnings("ignore", message="The least populated class")
        return [test for _, test in splitter.split(np.zeros(len(y)), y, groups)]
