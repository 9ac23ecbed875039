"""Are synthetic windows nearer to the training windows than unseen real ones are?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from geneeg_sk._typing import WindowsLike
from geneeg_sk.metrics._neighbors import distance_to_nearest, standardize_features
from geneeg_sk.metrics._sets import check_sets, pick_evenly


def nearest_neighbor_ratio(
    real: WindowsLike, synthetic: WindowsLike, *, train: WindowsLike, sfreq: float
) -> float:
    """Distance from synthetic windows to the training windows, relative to unseen real windows.

    Each distance is to the nearest training window, in `EEGFeatures` of each channel,
    standardized on the training windows; the ratio is that of the medians. The idea is that
    of the distance to the closest record [1]_.

    Parameters
    ----------
    real : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``, that the generator has not seen, best of the same
        recordings.
    synthetic : array of windows
        Synthetic ones.
    train : array of windows
        Real ones that the generator was trained on.
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
        If the sets have other channels or times, hold NaN or infinity, or if half of `real` is
        among the training windows.

    References
    ----------
    .. [1] Park, N. et al. (2018). Data synthesis based on generative adversarial networks.
       Proceedings of the VLDB Endowment 11, 1071-1083.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import nearest_neighbor_ratio
    >>> X = np.random.default_rng(0).normal(size=(90, 1, 64))
    >>> nearest_neighbor_ratio(X[60:], X[:30], train=X[:60], sfreq=64) < 0.01
    True
    """
    real, synthetic, train = _check_and_standardize(real, synthetic, train, sfreq)
    of_real, of_synthetic = (np.median(distance_to_nearest(X, train)) for X in (real, synthetic))
    if of_real == 0:
        raise ValueError(
            "At least half of the real windows are among the training windows, or equal to one in "
            "all features. Give real windows that the generator has not seen."
        )
    return float(of_synthetic / of_real)


def distance_to_closest_record(
    real: WindowsLike, synthetic: WindowsLike, *, train: WindowsLike, sfreq: float
) -> pd.Series:
    """Distance from synthetic windows to the closest training window and to the closest unseen one.

    Distances are in `EEGFeatures` of each channel, standardized on the training windows. If the
    generator did not memorize, a synthetic window is as often closer to an unseen real window as
    to one it was trained on [1]_. The larger of `train` and `real` is cut to the size of the
    other, evenly spaced: among more windows, the closest is closer.

    Parameters
    ----------
    real : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``, that the generator has not seen, best of the same
        recordings.
    synthetic : array of windows
        Synthetic ones.
    train : array of windows
        Real ones that the generator was trained on.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    distances : Series
        `median` and `p05`, the median and fifth percentile of the distance to the closest training
        window, in standard deviations of the features, 0 and up; `real_median` and
        `real_p05`, the same to the closest unseen window; `nearer_to_train`, share of synthetic
        windows that are nearer to a training window, ties by half: 0.5 where nothing was
        memorized, 1 for copies.

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
    >>> closest = distance_to_closest_record(X[60:], X[:30], train=X[:60], sfreq=64)
    >>> closest["nearer_to_train"] > 0.6
    np.True_
    """
    real, synthetic, train = _check_and_standardize(real, synthetic, train, sfreq)
    size = min(len(train), len(real))
    to_train, to_real = (
        distance_to_nearest(synthetic, X[pick_evenly(len(X), size)]) for X in (train, real)
    )
    nearer = (to_train < to_real) + (to_train == to_real) / 2
    return pd.Series(
        {
            "median": np.median(to_train),
            "p05": np.quantile(to_train, 0.05),
            "real_median": np.median(to_real),
            "real_p05": np.quantile(to_real, 0.05),
            "nearer_to_train": nearer.mean(),
        }
    )


def membership_inference_auc(
    real: WindowsLike, synthetic: WindowsLike, *, train: WindowsLike, sfreq: float
) -> float:
    """How well do synthetic windows reveal which real windows the generator was trained on?

    The attack uses only the synthetic windows: the nearer a real window is to one of them, the
    more likely it is called a training window (Chen et al. 2020 [1]_, full black-box attack).
    Distances are in `EEGFeatures` of each channel, standardized on the training windows.

    Parameters
    ----------
    real : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``, that the generator has not seen, best of the same
        recordings: of others, this measures how recordings differ.
    synthetic : array of windows
        Synthetic ones.
    train : array of windows
        Real ones that the generator was trained on.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    auc : float
        Area under the ROC curve of the attack: 0.5 where nothing is revealed, 1 for copies.

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
    >>> membership_inference_auc(X[40:], X[:40], train=X[:40], sfreq=64)
    1.0
    """
    real, synthetic, train = _check_and_standardize(real, synthetic, train, sfreq)
    near = [-distance_to_nearest(X, synthetic) for X in (train, real)]
    is_member = np.repeat([True, False], [len(x) for x in near])
    return float(roc_auc_score(is_member, np.concatenate(near)))


def _check_and_standardize(
    real: WindowsLike, synthetic: WindowsLike, train: WindowsLike, sfreq: float
) -> list[np.ndarray]:
    """Return features of the three sets, with mean 0 and variance 1 over the training windows."""
    real, synthetic, train = check_sets(sfreq, real=real, synthetic=synthetic, train=train)
    train, real, synthetic = standardize_features(train, real, synthetic, sfreq=sfreq)
    return [real, synthetic, train]
