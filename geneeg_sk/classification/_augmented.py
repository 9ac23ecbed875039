"""Augmentation with a safeguard: blended with the plain classifier, or kept if it is better."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context, clone
from sklearn.metrics import f1_score
from sklearn.utils import Tags, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from geneeg_sk._checks import background_state, check_groups, check_windows
from geneeg_sk._typing import Label, WindowsLike
from geneeg_sk.classification._blend import Blend
from geneeg_sk.classification._classifier import check_labels, check_two_classes
from geneeg_sk.classification._patient_split import PatientSplit, TooFewPatients, split_patients
from geneeg_sk.preprocessing._base import is_flat


def _can_personalize(clf: AugmentedClassifier) -> bool:
    """Tell whether the generator can describe a new patient, and the classifier be trained further.

    Before the fit only the parameters are known. The error says what is missing.
    """
    if hasattr(clf, "estimator_"):
        trained = clf.estimator_
        # Without a gate that could ask, nothing was augmented, and there is no generator.
        generates = hasattr(getattr(getattr(clf, "sampler_", None), "generator_", None), "profile")
    else:
        trained, generates = clf.estimator, hasattr(clf.sampler, "generator")
    if not (generates and hasattr(trained, "partial_fit")):
        raise AttributeError(
            "personalize needs a GenEEGSampler as sampler, whose generator was trained and has a "
            "method profile, and an estimator with partial_fit, such as CNNBiLSTMClassifier; "
            "these are "
            f"{type(clf.sampler).__name__} and {type(clf.estimator).__name__}."
        )
    return True


class AugmentedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A classifier with augmentation that is hedged: blended with the plain one, or validated.

    Patients are split first. Some are set aside for early stopping, and only the others are
    augmented. By default a plain and an augmented classifier are trained, and their probabilities
    are averaged. This limits the harm where augmentation does not help.

    With ``gate="validated"`` further patients, the gate, are set aside: the augmented classifier is
    kept only if it is better on these than the plain one by a margin. The better one is fitted once
    more, on all but the patients for early stopping. Where there are too few patients for a gate,
    the plain classifier is kept, with a warning.

    Parameters
    ----------
    estimator : classifier
        With `predict_proba`, if it is to be blended. It is called with ``X_valid`` and ``y_valid``
        where its `fit` takes them, as that of :class:`CNNBiLSTMClassifier` does; others need no
        patients for early stopping.
    sampler : over-sampler
        An over-sampler of windows, such as :class:`~geneeg_sk.over_sampling.GenEEGSampler`.
    n_splits : int, default=4
        One in `n_splits` patients is used for early stopping, and one in `n_splits` for the gate.
    gate : {"blend", "validated"} or None, default="blend"
        "blend" averages the probabilities of the plain and the augmented classifier, "validated"
        keeps the augmented classifier only if it was better on the gate's patients, None always
        keeps the augmented classifier.
    gate_folds : int, default=1
        Number of sets of patients that serve as the gate in turn, each judging classifiers that
        were trained without them. More sets give a more certain decision and multiply the training.
    margin : float, default=0.01
        How much augmentation has to add to the macro F1 over the gate's windows. Where two or more
        of the gate's patients have every state, the gain also has to exceed the standard error of
        their mean gain.
    early_stopping : bool, default=True
        Set patients aside for early stopping, where the estimator takes them. False trains on all
        patients to the end, as the estimator does without this class.
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
        ``plain`` and ``augmented``, the macro F1 of either classifier on the gate's windows; their
        ``difference``, its ``standard_error`` over patients (NaN for fewer than two) and the
        ``margin``; which was ``kept`` ("augmented", "plain" or "blend"); and the patients of
        ``training`` (of the first set), ``validation`` and ``gate``. Where there was no gate,
        ``reason`` says why.

    Notes
    -----
    Without `groups` windows are split by stratified rows, with a warning: windows of one patient
    are then on both sides, and the gate is too optimistic. Inside a pipeline groups arrive by
    metadata routing, or, with routing off, by ``pipeline.fit(X, y, step__groups=groups)``. Results
    repeat if estimator and sampler have a `random_state`.

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
    >>> clf.gate_report_["kept"]
    'blend'
    """

    __metadata_request__fit = {"groups": True}

    _parameter_constraints: dict[str, Any] = {
        "estimator": [HasMethods(["fit", "predict"])],
        "sampler": [HasMethods(["fit_resample"])],
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        "gate": [StrOptions({"validated", "blend"}), None],
        "gate_folds": [Interval(Integral, 1, None, closed="left")],
        "margin": [Interval(Real, None, None, closed="neither")],
        "early_stopping": ["boolean"],
        "background": "no_validation",
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        sampler: BaseEstimator,
        *,
        n_splits: int = 4,
        gate: str | None = "blend",
        gate_folds: int = 1,
        margin: float = 0.01,
        early_stopping: bool = True,
        background: Label = "auto",
    ) -> None:
        self.estimator = estimator
        self.sampler = sampler
        self.n_splits = n_splits
        self.gate = gate
        self.gate_folds = gate_folds
        self.margin = margin
        self.early_stopping = early_stopping
        self.background = background

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: WindowsLike, y: ArrayLike, *, groups: ArrayLike | None = None
    ) -> AugmentedClassifier:
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
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If the input is not as described, or, without ``gate="validated"``, there are too few
            patients to set some aside for early stopping.
        TypeError
            If probabilities are to be averaged, and `estimator` has no `predict_proba`.

        Warns
        -----
        UserWarning
            If patients are too few for the gate, or there are no groups.
        """
        X = self._windows(X, reset=True)
        y = check_labels(self, X, y)
        groups = check_groups(groups, len(X))
        self.classes_ = np.unique(y)
        check_two_classes(self.classes_)
        self.background_ = background_state(y, self.background)
        stops_early = self.early_stopping and has_fit_parameter(self.estimator, "X_valid")
        if self.gate == "blend" and not hasattr(self.estimator, "predict_proba"):
            raise TypeError(
                "gate='blend' averages probabilities, but "
                f"{type(self.estimator).__name__} has no predict_proba."
            )
        splits, reason = self._split(y, groups, stops_early)
        first = splits[0]
        data = _Data(X, y, groups, first.validation if len(first.validation) else None)

        if self.gate != "validated":
            kept = "augmented" if self.gate is None else "blend"
            self.gate_report_: dict[str, Any] = {"kept": kept}
        elif reason:
            self.gate_report_ = {"kept": "plain", "reason": reason}
        else:
            self.gate_report_ = self._ask_gate(data, splits)
        everything = np.sort(np.concatenate([first.training, first.gate]))
        self.estimator_ = self._fit_kept(data, everything)
        if groups is not None:
            self.gate_report_ |= {
                "training": np.unique(groups[first.training]).tolist(),
                "validation": np.unique(groups[first.validation]).tolist(),
                "gate": np.unique(np.concatenate([groups[s.gate] for s in splits])).tolist(),
            }
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
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict(self._windows(X, reset=False))

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
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_proba(self._windows(X, reset=False))

    @available_if(_can_personalize)
    def personalize(self, X_background: WindowsLike) -> AugmentedClassifier:
        """Adapt to one new patient, of whom only background windows are known.

        A copy of the classifier is trained a little further on these windows and as many
        synthetic ones of every other state, generated with the patient's profile. There is such a
        method only where `sampler` is a :class:`~geneeg_sk.over_sampling.GenEEGSampler`, or has
        another generator that describes patients, and `estimator` has ``partial_fit``, as
        :class:`CNNBiLSTMClassifier` has.

        Parameters
        ----------
        X_background : array-like of shape (n_windows, n_channels, n_times)
            Background windows of the patient, in microvolts; about ten or more.

        Returns
        -------
        personalized : AugmentedClassifier
            A fitted copy; this one stays as it is.
        """
        check_is_fitted(self, "estimator_")
        generator = self.sampler_.generator_
        X = self._windows(X_background, reset=False)
        others = [state for state in self.classes_.tolist() if state != self.background_]
        wanted = np.repeat(np.array(others, dtype=self.classes_.dtype), len(X))
        profiles = np.tile(generator.profile(X), (len(wanted), 1))
        synthetic = generator.sample(wanted, profiles=profiles)
        synthetic = synthetic.reshape(len(synthetic), *X.shape[1:]).astype(X.dtype, copy=False)
        labels = np.full(len(X), self.background_, dtype=self.classes_.dtype)
        personalized = copy.copy(self)
        personalized.estimator_ = copy.deepcopy(self.estimator_).partial_fit(
            np.concatenate([X, synthetic]), np.concatenate([labels, wanted])
        )
        return personalized

    def _windows(self, X: WindowsLike, *, reset: bool) -> np.ndarray:
        """Checked windows in the number of dimensions in which they came."""
        checked = check_windows(self, X, reset=reset)
        return checked[:, 0] if is_flat(X) else checked

    def _split(
        self, y: np.ndarray, groups: np.ndarray | None, stops_early: bool
    ) -> tuple[list[PatientSplit], str]:
        """Sets of patients, one for each time that the gate asks, or why it cannot."""
        n_gates = self.gate_folds if self.gate == "validated" else 0
        try:
            return split_patients(y, groups, self.n_splits, stops_early, n_gates), ""
        except TooFewPatients as error:
            if self.gate != "validated":
                raise
            reason = str(error)
        warnings.warn(
            f"There is no gate: {reason} The plain classifier is kept. Use more patients, or "
            "gate=None to augment without one.",
            stacklevel=3,
        )
        try:
            return split_patients(y, groups, self.n_splits, stops_early, 0), reason
        except TooFewPatients:
            return split_patients(y, groups, self.n_splits, False, 0), reason

    def _ask_gate(self, data: _Data, splits: list[PatientSplit]) -> dict[str, Any]:
        rows = np.concatenate([split.gate for split in splits])
        predicted = {
            name: np.concatenate(
                [fit(data, split.training).predict(data.X[split.gate]) for split in splits]
            )
            for name, fit in (("plain", self._fit_plain), ("augmented", self._fit_augmented))
        }
        scores = {name: macro_f1(data.y[rows], y) for name, y in predicted.items()}
        gain = scores["augmented"] - scores["plain"]
        error = np.nan
        if data.groups is not None:
            error = standard_error(data.y[rows], predicted, data.groups[rows])
        needed = self.margin if np.isnan(error) else max(self.margin, error)
        kept = "augmented" if gain > needed else "plain"
        report = {"difference": gain, "standard_error": error, "margin": self.margin, "kept": kept}
        return {**scores, **report}

    def _fit_kept(self, data: _Data, rows: np.ndarray) -> BaseEstimator:
        kept = self.gate_report_["kept"]
        if kept == "blend":
            return Blend([self._fit_plain(data, rows), self._fit_augmented(data, rows)])
        return (self._fit_augmented if kept == "augmented" else self._fit_plain)(data, rows)

    def _fit_plain(self, data: _Data, rows: np.ndarray) -> BaseEstimator:
        return self._fit(data, data.X[rows], data.y[rows])

    def _fit_augmented(self, data: _Data, rows: np.ndarray) -> BaseEstimator:
        self.sampler_ = clone(self.sampler)
        groups = {} if data.groups is None else {"groups": data.groups[rows]}
        X, y = self.sampler_.fit_resample(data.X[rows], data.y[rows], **groups)
        return self._fit(data, X, y)

    def _fit(self, data: _Data, X: np.ndarray, y: np.ndarray) -> BaseEstimator:
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


def macro_f1(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Mean F1 of the states that occur in truth or prediction."""
    return float(f1_score(y_true, y_pred, average="macro", zero_division=0))


def standard_error(y: np.ndarray, predicted: dict[str, np.ndarray], groups: np.ndarray) -> float:
    """Standard error of the mean gain in macro F1 of a patient; NaN for fewer than two.

    A patient without windows of some state has no macro F1 to speak of, and is left out.
    """
    gains = []
    for patient in np.unique(groups):
        own = groups == patient
        if len(np.unique(y[own])) < len(np.unique(y)):
            continue
        plain, augmented = (macro_f1(y[own], predicted[k][own]) for k in ("plain", "augmented"))
        gains.append(augmented - plain)
    return float(np.std(gains, ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else np.nan
