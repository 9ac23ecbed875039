"""Do predicted probabilities mean what they say?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_array, check_consistent_length, column_or_1d


def expected_calibration_error(
    y_true: ArrayLike, proba: ArrayLike, *, classes: ArrayLike | None = None, n_bins: int = 15
) -> float:
    """Expected calibration error of the predicted state.

    Predictions are put into bins of equal width by their confidence, the highest probability. In
    each bin, the mean confidence should be the share of correct predictions; the error is the
    mean difference, weighted by the predictions in the bin (Guo et al. 2017, eq. 3 [1]_).

    Parameters
    ----------
    y_true : array-like of shape (n_windows,)
        True state of each window.
    proba : array-like of shape (n_windows, n_classes) or (n_windows,)
        Predicted probabilities, as from `predict_proba`; one-dimensional: of the second of two
        classes.
    classes : array-like of shape (n_classes,), default=None
        The state of each column (`classes_` of the classifier). None: the sorted labels of
        `y_true`, which must then be as many as there are columns.
    n_bins : int, default=15
        Number of bins between 0 and 1; 15 in [1]_.

    Returns
    -------
    error : float
        0 (calibrated) to 1.

    Raises
    ------
    ValueError
        If lengths or numbers of classes differ, probabilities do not sum to 1, or `y_true` holds
        a state that is not among `classes`.

    References
    ----------
    .. [1] Guo, C. et al. (2017). On calibration of modern neural networks. International
       Conference on Machine Learning, PMLR 70, 1321-1330.

    Examples
    --------
    Always 90 % sure and right half of the time:

    >>> from geneeg_sk.metrics import expected_calibration_error
    >>> round(expected_calibration_error([0, 1, 0, 1], [0.9, 0.9, 0.9, 0.9]), 3)
    0.4
    """
    if n_bins < 1:
        raise ValueError(f"n_bins={n_bins}; expected at least one bin.")
    states, probabilities = column_or_1d(y_true), _check_proba(proba)
    check_consistent_length(states, probabilities)
    labels = _check_classes(classes, states, probabilities.shape[1])

    confidence = probabilities.max(axis=1)
    correct = labels[probabilities.argmax(axis=1)] == states
    # bins are open below and closed above, as in the paper
    bins = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(states))


def _check_proba(proba: ArrayLike) -> np.ndarray:
    """Return probabilities of shape (n_windows, n_classes), each row summing to 1."""
    table = check_array(proba, ensure_2d=False, dtype=np.float64, input_name="proba")
    if table.ndim == 1:
        table = np.column_stack([1 - table, table])
    if table.min() < 0 or not np.allclose(table.sum(axis=1), 1, atol=1e-4):
        raise ValueError(
            "proba has rows that are negative or do not sum to 1; expected probabilities, one "
            "column per class, as from predict_proba."
        )
    return table


def _check_classes(classes: ArrayLike | None, y_true: np.ndarray, n_columns: int) -> np.ndarray:
    """Return the label of each column of probabilities."""
    labels = np.unique(y_true) if classes is None else np.asarray(classes)
    if len(labels) != n_columns:
        raise ValueError(
            f"proba has {n_columns} columns for the {len(labels)} classes {labels.tolist()}. "
            "Pass classes=classifier.classes_, one for each column."
        )
    unknown = np.setdiff1d(y_true, labels)
    if len(unknown):
        raise ValueError(f"y_true has {unknown.tolist()}, but classes are {labels.tolist()}.")
    return labels
