"""Paired comparisons of two candidates on the same patients and folds."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from geneeg_sk._checks import check_groups

N_BOOTSTRAP = 9999
FEW_PATIENTS = 6


def paired_summary(
    scores: ArrayLike,
    baseline: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    test_share: float | None = None,
) -> pd.Series:
    """Compare two methods on the same patients: is one better, and by how much?

    Patients are the unit: windows, folds and seeds of one patient say little more than one of
    them, so that scores are averaged over each patient first.

    Parameters
    ----------
    scores, baseline : array-like of shape (n,)
        A score of one method and of the other, paired: of a patient, or of one of its folds, seeds
        or windows.
    groups : array-like of shape (n,), default=None
        Patient of each pair. None: each pair is a patient of its own.
    test_share : float, default=None
        ``n_test / n_train`` where each pair is a fold of a cross-validation. Then the test is the
        resampled t-test corrected for training sets that overlap (Nadeau and Bengio 2003 [1]_),
        else Wilcoxon's signed-rank test.

    Returns
    -------
    summary : Series
        `n_patients`; `mean`, of the differences; `low` and `high`, its 95 % bootstrap interval over
        patients (NaN for one patient); `p_value`, two-sided, to be adjusted where there are several
        baselines (Holm); `cohens_dz`, the mean in standard deviations of the differences [2]_ (0.2
        small, 0.8 large); `cliffs_delta`, how much more often a score of the one exceeds one of the
        baseline than the reverse, -1 to 1 [3]_.

    Raises
    ------
    ValueError
        If lengths differ, or a score is NaN or infinite.

    Warns
    -----
    UserWarning
        With fewer than 6 patients: intervals over so few are too narrow, and no signed-rank test
        can reach 5 %.

    References
    ----------
    .. [1] Nadeau, C., Bengio, Y. (2003). Inference for the generalization error. Machine Learning
       52, 239-281.
    .. [2] Cohen, J. (1988). Statistical power analysis for the behavioral sciences, section 2.3.5.
    .. [3] Cliff, N. (1993). Dominance statistics: ordinal analyses to answer ordinal questions.
       Psychological Bulletin 114, 494-509.

    Examples
    --------
    >>> from geneeg_sk.metrics import paired_summary
    >>> paired_summary([0.8, 0.7, 0.9, 0.8, 0.6, 0.7], [0.7, 0.6, 0.8, 0.8, 0.5, 0.5]).round(3)
    n_patients      6.000
    mean            0.100
    low             0.050
    high            0.150
    p_value         0.062
    cohens_dz       1.581
    cliffs_delta    0.417
    dtype: float64
    """
    pairs = pd.DataFrame({"scores": _finite("scores", scores)})
    baseline = _finite("baseline", baseline)
    if len(baseline) != len(pairs):
        raise ValueError(
            f"{len(pairs)} scores for {len(baseline)} of the baseline; expected pairs."
        )
    pairs["baseline"] = baseline
    groups = check_groups(groups, len(pairs))
    by_patient = pairs if groups is None else pairs.groupby(groups).mean()
    warn_of_few(len(by_patient))

    difference = (by_patient["scores"] - by_patient["baseline"]).to_numpy()
    low, high = bootstrap_interval(difference)
    if test_share is None:
        p_value = wilcoxon(difference)
    else:
        p_value = corrected_t_test((pairs["scores"] - pairs["baseline"]).to_numpy(), test_share)
    return pd.Series(
        {
            "n_patients": len(by_patient),
            "mean": difference.mean(),
            "low": low,
            "high": high,
            "p_value": p_value,
            "cohens_dz": cohens_dz(difference),
            "cliffs_delta": cliffs_delta(by_patient["scores"], by_patient["baseline"]),
        }
    )


def warn_of_few(n_patients: int, stacklevel: int = 3) -> None:
    """Warn where patients are too few to say anything."""
    if n_patients < FEW_PATIENTS:
        warnings.warn(
            f"{n_patients} patients: intervals over fewer than {FEW_PATIENTS} are too narrow, "
            "and no signed-rank test can reach 5 %. They allow no conclusion.",
            UserWarning,
            stacklevel=stacklevel,
        )


def cohens_dz(differences: np.ndarray) -> float:
    """Mean of paired differences in their standard deviations (Cohen 1988).

    NaN with fewer than two; 0 where nothing differs, infinite where all differ by the same.

    >>> round(cohens_dz(np.array([0.1, 0.2, 0.3])), 3)
    2.0
    """
    if len(differences) < 2:
        return np.nan
    mean, spread = differences.mean(), differences.std(ddof=1)
    if spread <= 1e-12 * abs(mean):  # rounding
        return float(np.sign(mean) * np.inf) if mean else 0.0
    return float(mean / spread)


def cliffs_delta(a: ArrayLike, b: ArrayLike) -> float:
    """How much more often a value of `a` exceeds one of `b` than the reverse (Cliff 1993).

    -1 to 1, NaN where one is empty; ``2 U / (n m) - 1`` with Mann and Whitney's U.

    >>> cliffs_delta([3, 4], [1, 4])
    0.25
    """
    a, b = (np.asarray(x, dtype=float) for x in (a, b))
    if not len(a) or not len(b):
        return np.nan
    ranks = stats.rankdata(np.concatenate([a, b]))  # n log n, and ties by half
    u = ranks[: len(a)].sum() - len(a) * (len(a) + 1) / 2
    return float(2 * u / (len(a) * len(b)) - 1)


def _finite(name: str, values: ArrayLike) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(
            f"{name} has shape {values.shape} or holds NaN or infinity; expected one finite score "
            "per pair. Leave out patients without a score in both."
        )
    return values


def bootstrap_interval(differences: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over patients, by percentiles.

    It always draws the same resamples, so that a table repeats. One patient has no interval: NaN.

    >>> bootstrap_interval(np.array([0.1, 0.1, 0.1]))
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
