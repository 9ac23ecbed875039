"""Paired comparisons of two candidates on the same patients and folds."""

from __future__ import annotations

import numpy as np
from scipy import stats

N_BOOTSTRAP = 9999


def interval(differences: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over patients, by percentiles.

    It always draws the same resamples, so that a table repeats. One patient has no interval: NaN.

    >>> interval(np.array([0.1, 0.1, 0.1]))
    (0.1, 0.1)
    """
    if len(differences) < 2:
        return np.nan, np.nan
    found = stats.bootstrap(
        (differences,),
        np.mean,
        n_resamples=N_BOOTSTRAP,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low.round(12)), float(found.high.round(12))


def corrected_t_test(differences: np.ndarray, test_share: float) -> float:
    """p-value of the corrected resampled t-test (Nadeau and Bengio 2003, eq. 8).

    Training sets of folds overlap, so that fold scores are not independent; the variance of their
    mean is therefore taken to be ``(1 / n_folds + n_test / n_train)`` of the variance of one.

    differences : (n_folds,); test_share : n_test / n_train. NaN with fewer than two folds.

    >>> round(corrected_t_test(np.array([0.1, 0.2, 0.3]), 0.5), 3)
    0.16
    """
    n = len(differences)
    if n < 2:
        return np.nan
    spread = np.sqrt((1 / n + test_share) * differences.var(ddof=1))
    if spread == 0:
        return 1.0 if differences.mean() == 0 else 0.0
    return float(2 * stats.t.sf(abs(differences.mean()) / spread, df=n - 1))


def wilcoxon(differences: np.ndarray) -> float:
    """p-value of Wilcoxon's signed-rank test over patients; 1 where nothing differs."""
    if not len(differences):
        return np.nan
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values for their number (Holm 1979); NaN stay, and do not count.

    >>> holm(np.array([0.01, 0.04, 0.03, np.nan]))
    array([0.03, 0.06, 0.06,  nan])
    """
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values)[: np.count_nonzero(~np.isnan(p_values))]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(p_values), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
