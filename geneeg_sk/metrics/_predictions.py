"""Scores of predictions, for a test fold and for each patient in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import roc_auc_score

from geneeg_sk.metrics._calibration import expected_calibration_error

SCORES = ("accuracy", "macro_f1", "macro_auc", "brier", "ece")


def score_names(states: np.ndarray) -> list[str]:
    """Names of all scores, in the order of the tables.

    >>> score_names(np.array(["ictal"]))
    ['accuracy', 'macro_f1', 'macro_auc', 'f1_ictal', 'brier', 'ece']
    """
    per_state = [f"f1_{state}" for state in states.tolist()]
    return [*SCORES[:3], *per_state, *SCORES[3:]]


def score_predictions(
    y_true: np.ndarray, y_pred: np.ndarray, proba: np.ndarray | None, states: np.ndarray
) -> dict[str, float]:
    """Return the scores of predictions as a dict with the keys of `score_names`.

    y_true, y_pred : (n_windows,); proba : (n_windows, n_states), columns in the order of the
    sorted `states`, or None, which makes NaN of what needs probabilities. A state that is neither
    in truth nor in prediction has no F1: it is NaN, and left out of the macro mean. Without
    windows of every state there is no macro AUC: it is NaN.
    """
    f1 = f1_by_state(y_true, y_pred, states)
    scores = {
        "accuracy": float(np.mean(y_true == y_pred)),
        "macro_f1": float(np.nanmean(f1)),
        "macro_auc": np.nan if proba is None else macro_auc(y_true, proba, states),
        "brier": np.nan if proba is None else brier(y_true, proba, states),
        "ece": np.nan if proba is None else _calibration(y_true, proba, states),
        **{f"f1_{state}": float(value) for state, value in zip(states.tolist(), f1)},
    }
    return {name: scores[name] for name in score_names(states)}


def f1_by_state(y_true: np.ndarray, y_pred: np.ndarray, states: np.ndarray) -> np.ndarray:
    """F1 of each state; NaN for a state that nobody has and nobody predicts.

    >>> f1_by_state(np.array(["a", "b"]), np.array(["a", "a"]), np.array(["a", "b", "c"])).round(2)
    array([0.67, 0.  ,  nan])
    """
    is_true, is_pred = (y[:, None] == states for y in (y_true, y_pred))
    named = is_true.sum(axis=0) + is_pred.sum(axis=0)
    hits = (is_true & is_pred).sum(axis=0)
    return np.divide(2 * hits, named, out=np.full(len(states), np.nan), where=named > 0)


def macro_auc(y_true: np.ndarray, proba: np.ndarray, states: np.ndarray) -> float:
    """Mean over states of the AUC of one against the rest; NaN where a state is missing."""
    is_true = y_true[:, None] == states
    if len(states) < 2 or not is_true.any(axis=0).all():
        return np.nan
    return float(np.mean([roc_auc_score(is_true[:, k], proba[:, k]) for k in range(len(states))]))


def brier(y_true: np.ndarray, proba: np.ndarray, states: np.ndarray) -> float:
    """Squared error of the probabilities, summed over states: 0 to 2 (Brier 1950).

    >>> brier(np.array(["a", "b"]), np.array([[1.0, 0.0], [1.0, 0.0]]), np.array(["a", "b"]))
    1.0
    """
    return float(np.mean(((proba - (y_true[:, None] == states)) ** 2).sum(axis=1)))


def _calibration(y_true: np.ndarray, proba: np.ndarray, states: np.ndarray) -> float:
    return expected_calibration_error(y_true, proba, classes=states)


def align_probabilities(proba: np.ndarray, classes: ArrayLike, states: np.ndarray) -> np.ndarray:
    """Return probabilities with a column for each of `states`; 0 for one that a fold lacked."""
    result = np.zeros((len(proba), len(states)))
    result[:, np.searchsorted(states, classes)] = proba
    return result
