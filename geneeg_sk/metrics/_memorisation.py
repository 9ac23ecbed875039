"""Are synthetic windows copies of training windows?"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from geneeg_sk.metrics._duplicates import NEAR, find_copies
from geneeg_sk.metrics._sets import check_sets, describe


def nearest_neighbour_ratio(synthetic: Any, train: Any, holdout: Any, *, sfreq: float) -> float:
    """Distance from synthetic windows to the training windows, relative to unseen real windows.

    Each distance is to the nearest training window, in `EEGFeatures` of each channel,
    standardised on the training windows; the ratio is that of the medians. The idea is that
    of the distance to the closest record [1]_.

    Parameters
    ----------
    synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Synthetic windows in microvolts, or ``mne.Epochs``.
    train : array of windows
        Those the generator was trained on.
    holdout : array of windows
        Real windows that it has not seen, best of the same recordings.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    ratio : float
        0 and up. About 1: synthetic windows are as near to the training windows as unseen real
        ones are. Near 0: copies. Well above 1: they are far from real windows altogether.

    Raises
    ------
    ValueError
        If the sets have other channels or times, hold NaN or infinity, or if half of `holdout`
        is among the training windows.

    References
    ----------
    .. [1] Park, N. et al. (2018). Data synthesis based on generative adversarial networks.
       Proceedings of the VLDB Endowment 11, 1071-1083.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import nearest_neighbour_ratio
    >>> X = np.random.default_rng(0).normal(size=(90, 1, 64))
    >>> nearest_neighbour_ratio(X[:30], train=X[:60], holdout=X[60:], sfreq=64) < 0.01
    True
    """
    synthetic, train, holdout = check_sets(sfreq, synthetic=synthetic, train=train, holdout=holdout)
    synthetic, train, holdout = _standardised(synthetic, train, holdout, sfreq=sfreq)
    of_synthetic, of_holdout = (
        np.median(_distances(X, train, n_nearest=1)) for X in (synthetic, holdout)
    )
    if of_holdout == 0:
        raise ValueError(
            "At least half of the holdout windows are among the training windows, or equal to one "
            "in all features. Give real windows that the generator has not seen."
        )
    return float(of_synthetic / of_holdout)


def near_copies(
    synthetic: Any,
    train: Any,
    *,
    sfreq: float,
    on: Literal["features", "windows"] = "features",
) -> float:
    """Share of synthetic windows that are near copies of a training window.

    A near copy has its nearest training window nearer than a third of the distance to the second
    nearest [1]_. Distances are those in `EEGFeatures` of each channel, standardised on the training
    windows, or those of the signals at the best shift and polarity (`find_copies`). Training
    windows that are equal count once.

    Parameters
    ----------
    synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Synthetic windows in microvolts, or ``mne.Epochs``.
    train : array of windows
        Those the generator was trained on; at least two that differ.
    sfreq : float
        Sampling frequency, Hz.
    on : {"features", "windows"}, default="features"
        What is compared. A copy that is shifted or turned over is found on windows; on features
        only as far as these do not see the difference.

    Returns
    -------
    share : float
        0 (none) to 1 (all). Real windows of the same recordings have a share above 0 too: compare
        with theirs.

    Raises
    ------
    ValueError
        If the sets have other channels or times, hold NaN or infinity, or `train` has fewer than
        two windows that differ; if `on` is neither of the two.

    Warns
    -----
    UserWarning
        On windows, as `find_copies`, if there are more than a million pairs of windows.

    References
    ----------
    .. [1] Yoon, T. et al. (2023). Diffusion probabilistic models generalize when they fail to
       memorize. ICML 2023 workshop on structured probabilistic inference.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import near_copies
    >>> X = np.random.default_rng(0).normal(size=(40, 2, 64))
    >>> near_copies(X[:10], train=X, sfreq=64)
    1.0
    """
    if on == "windows":
        return float(find_copies(synthetic, train, sfreq=sfreq)["near"].mean())
    if on != "features":
        raise ValueError(f"on={on!r}; expected 'features' or 'windows'.")
    synthetic, train = check_sets(sfreq, synthetic=synthetic, train=train)
    synthetic, train = _standardised(synthetic, train, sfreq=sfreq)
    train = np.unique(train, axis=0)
    if len(train) < 2:
        raise ValueError(
            "near_copies needs at least two training windows that differ, to compare the nearest "
            f"with the second nearest; got {len(train)}."
        )
    nearest, second = _distances(synthetic, train, n_nearest=2).T
    return float(np.mean(nearest < NEAR * second))


def _standardised(synthetic: np.ndarray, train: np.ndarray, *others: np.ndarray, sfreq: float):
    """Features of each set, with mean 0 and variance 1 over the training windows."""
    features = describe(synthetic, train, *others, sfreq=sfreq)
    scaler = StandardScaler().fit(features[1])
    return [scaler.transform(X) for X in features]


def _distances(X: np.ndarray, train: np.ndarray, *, n_nearest: int) -> np.ndarray:
    """Distances from each row to its nearest training rows, ascending."""
    search = NearestNeighbors(n_neighbors=n_nearest, algorithm="brute").fit(train)
    nearest = search.kneighbors(X, return_distance=False)
    # its distances suffer from rounding where they are tiny, which is where copies are
    exact = np.linalg.norm(X[:, None, :] - train[nearest], axis=2)
    return np.sort(exact, axis=1)
