"""Are synthetic windows copies of training windows?"""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from geneeg_sk.metrics._duplicates import NEAR, find_copies
from geneeg_sk.metrics._sets import check_sets, describe, spaced

MAX_PAIRS = 100_000_000  # of windows whose distance is computed: seconds


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


def distance_to_closest_record(
    synthetic: Any, train: Any, holdout: Any, *, sfreq: float
) -> pd.Series:
    """Distance from synthetic windows to the closest training window and to the closest unseen one.

    Distances are in `EEGFeatures` of each channel, standardised on the training windows. If the
    generator did not memorise, a synthetic window is as often closer to an unseen real window as
    to one it was trained on [1]_. The larger of `train` and `holdout` is cut to the size of the
    other, evenly spaced: among more windows, the closest is closer.

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
    distances : Series
        `median` and `p05`, the median and fifth percentile of the distance to the closest training
        window, in standard deviations of the features, 0 and up; `holdout_median` and
        `holdout_p05`, the same to the closest unseen window; `nearer_to_train`, share of synthetic
        windows that are nearer to a training window, ties by half: 0.5 where nothing was
        memorised, 1 for copies.

    Raises
    ------
    ValueError
        If the sets have other channels or times, or hold NaN or infinity.

    References
    ----------
    .. [1] Platzer, M., Reutterer, T. (2021). Holdout-based empirical assessment of mixed-type
       synthetic data. Frontiers in Big Data 4, 679939.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import distance_to_closest_record
    >>> X = np.random.default_rng(0).normal(size=(90, 1, 64))
    >>> closest = distance_to_closest_record(X[:30], train=X[:60], holdout=X[60:], sfreq=64)
    >>> closest["nearer_to_train"] > 0.6
    np.True_
    """
    sets = check_sets(sfreq, synthetic=synthetic, train=train, holdout=holdout)
    synthetic, train, holdout = _standardised(*sets, sfreq=sfreq)
    size = min(len(train), len(holdout))
    to_train, to_holdout = (
        _distances(synthetic, X[spaced(len(X), size)], n_nearest=1)[:, 0] for X in (train, holdout)
    )
    nearer = (to_train < to_holdout) + (to_train == to_holdout) / 2
    return pd.Series(
        {
            "median": np.median(to_train),
            "p05": np.quantile(to_train, 0.05),
            "holdout_median": np.median(to_holdout),
            "holdout_p05": np.quantile(to_holdout, 0.05),
            "nearer_to_train": nearer.mean(),
        }
    )


def membership_inference_auc(synthetic: Any, train: Any, holdout: Any, *, sfreq: float) -> float:
    """How well do synthetic windows give away which real windows the generator was trained on?

    The attack knows nothing but the synthetic windows: the nearer a real window is to one of them,
    the more it is taken for a training window (Chen et al. 2020 [1]_, full black-box attack).
    Distances are in `EEGFeatures` of each channel, standardised on the training windows.

    Parameters
    ----------
    synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Synthetic windows in microvolts, or ``mne.Epochs``.
    train : array of windows
        Those the generator was trained on.
    holdout : array of windows
        Real windows that it has not seen, best of the same recordings: of others, this measures
        how recordings differ.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    auc : float
        Area under the ROC curve of the attack: 0.5 where nothing is given away, 1 for copies.

    Raises
    ------
    ValueError
        If the sets have other channels or times, or hold NaN or infinity.

    References
    ----------
    .. [1] Chen, D. et al. (2020). GAN-Leaks: a taxonomy of membership inference attacks against
       generative models. ACM Conference on Computer and Communications Security, 343-362.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import membership_inference_auc
    >>> X = np.random.default_rng(0).normal(size=(80, 1, 64))
    >>> membership_inference_auc(X[:40], train=X[:40], holdout=X[40:], sfreq=64)
    1.0
    """
    sets = check_sets(sfreq, synthetic=synthetic, train=train, holdout=holdout)
    synthetic, train, holdout = _standardised(*sets, sfreq=sfreq)
    near = [-_distances(X, synthetic, n_nearest=1)[:, 0] for X in (train, holdout)]
    is_member = np.repeat([True, False], [len(x) for x in near])
    return float(roc_auc_score(is_member, np.concatenate(near)))


def _standardised(synthetic: np.ndarray, train: np.ndarray, *others: np.ndarray, sfreq: float):
    """Features of each set, with mean 0 and variance 1 over the training windows."""
    features = describe(synthetic, train, *others, sfreq=sfreq)
    scaler = StandardScaler().fit(features[1])
    return [scaler.transform(X) for X in features]


def _distances(X: np.ndarray, train: np.ndarray, *, n_nearest: int) -> np.ndarray:
    """Distances from each row to its nearest training rows, ascending."""
    X = X[spaced(len(X), _affordable(X, train))]
    search = NearestNeighbors(n_neighbors=n_nearest, algorithm="brute").fit(train)
    nearest = search.kneighbors(X, return_distance=False)
    # its distances suffer from rounding where they are tiny, which is where copies are
    exact = np.linalg.norm(X[:, None, :] - train[nearest], axis=2)
    return np.sort(exact, axis=1)


def _affordable(X: np.ndarray, train: np.ndarray) -> int:
    """How many rows can be compared with all training rows; warns if that is not all."""
    limit = max(MAX_PAIRS // len(train), 1)
    if len(X) > limit:
        warnings.warn(
            f"the nearest windows are looked for from {limit} of {len(X)} windows, evenly spaced: "
            f"all pairs with {len(train)} windows would take minutes.",
            UserWarning,
            stacklevel=4,
        )
    return limit
