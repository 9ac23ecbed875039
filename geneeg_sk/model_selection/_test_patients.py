"""Test patients: each is met alone, from the beginning of the recording on."""

from __future__ import annotations

import copy
from functools import partial, update_wrapper
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from geneeg_sk._typing import Label
from geneeg_sk.datasets import WindowRows

PREDICTIONS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


def check_adapt(adapt: float | None, groups: np.ndarray, tests: list[np.ndarray]) -> None:
    """Check the share of each test patient's windows that is not scored.

    Raises
    ------
    ValueError
        If it is no number between 0 and 1, or a test patient has one window only.
    """
    if adapt is None:
        return
    if not isinstance(adapt, Real) or isinstance(adapt, bool) or not 0 < float(adapt) < 1:
        raise ValueError(f"adapt={adapt!r}; expected a number between 0 and 1, or None.")
    for test in tests:
        patients, counts = np.unique(groups[test], return_counts=True)
        if counts.min() < 2:
            raise ValueError(
                f"adapt={adapt}, but test patients {patients[counts < 2].tolist()} have one window "
                "only: nothing is left to score. Leave them out, or use adapt=None."
            )


def split_beginnings(
    test: np.ndarray, groups: np.ndarray, adapt: float | None
) -> tuple[np.ndarray, dict[Label, np.ndarray]]:
    """Return the rows that are scored, and each test patient's rows before these."""
    beginnings = {}
    for patient in np.unique(groups[test]).tolist():
        own = np.sort(test[groups[test] == patient])
        n = 0 if adapt is None else min(max(round(adapt * len(own)), 1), len(own) - 1)
        beginnings[patient] = own[:n]
    return test[~np.isin(test, np.concatenate(list(beginnings.values())))], beginnings


def meet_patients(
    model: BaseEstimator,
    X: np.ndarray | WindowRows,
    groups: np.ndarray,
    scored: np.ndarray,
    beginnings: dict[Label, np.ndarray],
) -> PatientByPatient:
    """Return a fitted model that predicts the rows `scored`, having seen the rows before them."""
    before = {patient: X[rows] for patient, rows in beginnings.items()}
    models = {
        patient: personalize(model, windows) if len(windows) else model
        for patient, windows in before.items()
    }
    return PatientByPatient(models, before, groups[scored])


def personalize(model: BaseEstimator, X: np.ndarray | WindowRows) -> BaseEstimator:
    """Return the model for one patient, given unlabeled windows; the same where it has none.

    Of a pipeline the last step is personalized, with the windows as the steps before leave them.
    """
    if hasattr(model, "personalize"):
        return model.personalize(X)
    *steps, (name, last) = getattr(model, "steps", [("", model)])
    if not hasattr(last, "personalize"):
        return model
    for _, step in steps:
        X = step.transform(X) if hasattr(step, "transform") else X
    own = copy.copy(model)
    own.steps = [*steps, (name, last.personalize(X))]
    return own


class PatientByPatient:
    """A fitted classifier that predicts the windows of each patient in a call of its own.

    What looks at all windows of a call, as a scaling by the patient's background does, must not
    mix patients, and starts where the recording does: windows of the beginning stand before those
    that are predicted. Attributes are those of the classifier.

    Parameters
    ----------
    models : dict
        Fitted classifier of each patient.
    before : dict
        Windows of each patient before those that are predicted.
    groups : array of shape (n_windows,)
        Patients of the windows that will be predicted.
    """

    def __init__(
        self,
        models: dict[Label, BaseEstimator],
        before: dict[Label, np.ndarray | WindowRows],
        groups: np.ndarray,
    ):
        self.models, self.before, self.groups = models, before, groups

    def __getitem__(self, rows: np.ndarray) -> PatientByPatient:
        """Return the same for some of the windows."""
        return PatientByPatient(self.models, self.before, self.groups[rows])

    def __getattr__(self, name: str) -> Any:
        if name == "models":  # not there yet, in a copy that is being made
            raise AttributeError(name)
        found = getattr(next(iter(self.models.values())), name)
        # Scorers look the method up again by its name.
        return update_wrapper(partial(self._predict, name), found) if name in PREDICTIONS else found

    def _predict(self, method: str, X: np.ndarray | WindowRows) -> np.ndarray:
        rows, parts = [], []
        for patient in np.unique(self.groups).tolist():
            own = np.flatnonzero(self.groups == patient)
            before, windows = self.before[patient], X[own]
            if len(before):
                windows = np.concatenate([np.asarray(before), np.asarray(windows)])
            rows.append(own)
            parts.append(getattr(self.models[patient], method)(windows)[len(before) :])
        return np.concatenate(parts)[np.argsort(np.concatenate(rows))]
