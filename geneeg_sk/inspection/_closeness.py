"""How close synthetic windows are to real ones, beside how close real ones are to each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from geneeg_sk._checks import as_microvolts
from geneeg_sk.metrics import c2st, ks_by_feature, near_copies, nearest_neighbour_ratio
from geneeg_sk.metrics._sets import check_sets

MIN_WINDOWS = 8  # in each of the three sets; with fewer, no number means anything
MAX_WINDOWS = 100  # more change the numbers little, and cost
N_SPLITS = 3  # of the real windows in halves
N_TREES = 100  # of the classifier that tells them apart


def closeness(
    real: Mapping[Any, Any], synthetic: Mapping[Any, Any], *, sfreq: float
) -> pd.DataFrame:
    """Compare real and synthetic windows of each state, and real windows with each other.

    The real windows are halved at random. Synthetic windows are compared with the first half, and
    so is the second half, which gives the floor: what a perfect generator would score. All sets
    are of one size, for scores depend on it; mean over a few splits.

    Parameters
    ----------
    real, synthetic : dict of state to array of shape (n_windows, n_channels, n_times)
        Windows in microvolts, or ``mne.Epochs``.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    table : DataFrame
        Index: the states that are in both and have at least 16 real and 8 synthetic windows.
        Columns: `n_windows` in each set; `ks`, the mean statistic of `ks_by_feature`; `c2st`;
        `ratio`, that of `nearest_neighbour_ratio`; `copies`, as `near_copies`; and, but for the
        ratio, whose floor is 1, the same `_floor`.

    Raises
    ------
    ValueError
        If windows of a state differ in shape, or hold NaN or infinity.

    Notes
    -----
    Halves share patients and recordings. So the floor tells how well windows of *these* patients
    can be imitated; windows of unseen patients are further away.
    """
    rows = {}
    for state in real:
        if state in synthetic and len(synthetic[state]) and len(real[state]):
            X, drawn = check_sets(
                sfreq,
                real=as_microvolts(real[state]),
                synthetic=as_microvolts(synthetic[state]),
            )
            size = min(len(X) // 2, len(drawn), MAX_WINDOWS)
            if size >= MIN_WINDOWS:
                rows[state] = {"n_windows": size, **_compare(X, drawn, size, sfreq)}
    return pd.DataFrame.from_dict(rows, orient="index")


def _compare(real: np.ndarray, synthetic: np.ndarray, size: int, sfreq: float) -> dict[str, float]:
    rng = np.random.RandomState(0)
    splits = []
    for _ in range(N_SPLITS):
        chosen = rng.permutation(len(real))[: 2 * size]
        first, second = real[chosen[:size]], real[chosen[size:]]
        drawn = synthetic[rng.permutation(len(synthetic))[:size]]
        splits.append(_scores(first, second, drawn, sfreq))
    return pd.DataFrame(splits).mean().to_dict()


def _scores(
    first: np.ndarray, second: np.ndarray, synthetic: np.ndarray, sfreq: float
) -> dict[str, float]:
    forest = RandomForestClassifier(N_TREES, random_state=0)  # both sets are equally large
    scores = {}
    for end, other in (("", synthetic), ("_floor", second)):
        scores[f"ks{end}"] = ks_by_feature(first, other, sfreq=sfreq)["statistic"].mean()
        scores[f"c2st{end}"] = c2st(first, other, sfreq=sfreq, estimator=forest, random_state=0)
        scores[f"copies{end}"] = near_copies(other, first, sfreq=sfreq)
    # A generator has seen both halves: a copy is one of either, and shows where it is nearer.
    scores["ratio"] = min(
        nearest_neighbour_ratio(synthetic, train, holdout, sfreq=sfreq)
        for train, holdout in ((first, second), (second, first))
    )
    return scores
