"""Distances between the distributions of real and of synthetic windows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.fft import rfftfreq
from scipy.stats import false_discovery_control, ks_2samp

from geneeg_sk._typing import WindowsLike
from geneeg_sk.features._eeg_features import FEATURES
from geneeg_sk.features._spectrum import BANDS, power_spectrum
from geneeg_sk.metrics._sets import check_sets, compute_features, iter_centered

DYNAMIC_RANGE = 1e-10  # 100 dB below the peak, both spectra are numerical noise


def ks_by_feature(
    real: WindowsLike, synthetic: WindowsLike, *, sfreq: float, alpha: float = 0.05
) -> pd.DataFrame:
    """Compare real and synthetic windows feature by feature, by Kolmogorov-Smirnov tests.

    The features are the twelve of `EEGFeatures`, averaged over channels. Windows of one patient
    are not independent, which the test assumes: read `statistic` beside that of two sets of real
    windows, and `rejected` as a guide.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; the numbers of windows may differ.
    sfreq : float
        Sampling frequency, Hz.
    alpha : float, default=0.05
        Rate of false discoveries among the rejected features.

    Returns
    -------
    table : DataFrame
        A row per feature: `feature`; `statistic`, the largest difference of the two distribution
        functions, 0 (equal) to 1 (disjoint); `p_value`, before correction; `rejected`, whether the
        difference is significant after the correction of Benjamini and Hochberg [1]_.

    Raises
    ------
    ValueError
        If the two sets have other channels or times, or hold NaN or infinity.

    References
    ----------
    .. [1] Benjamini, Y., Hochberg, Y. (1995). Controlling the false discovery rate. Journal of the
       Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import ks_by_feature
    >>> X = np.random.default_rng(0).normal(size=(100, 2, 128))
    >>> ks_by_feature(X[:50], 2 * X[50:], sfreq=64).set_index("feature").statistic["line_length"]
    np.float64(1.0)
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha} is not a rate; expected a number between 0 and 1.")
    features = compute_features(
        *check_sets(sfreq, real=real, synthetic=synthetic), sfreq=sfreq, average=True
    )
    tests = [ks_2samp(a, b) for a, b in zip(*(f.T for f in features))]
    p_value = np.array([test.pvalue for test in tests])
    return pd.DataFrame(
        {
            "feature": FEATURES,
            "statistic": [float(test.statistic) for test in tests],
            "p_value": p_value,
            "rejected": false_discovery_control(p_value) <= alpha,
        }
    )


def spectral_distance(real: WindowsLike, synthetic: WindowsLike, *, sfreq: float) -> pd.Series:
    """Log-spectral distance between the mean spectra of real and of synthetic windows.

    The root of the mean squared difference in decibels [1]_, over the frequencies of a band, then
    the mean over channels. Windows twice as large in amplitude are 6 dB away.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; the numbers of windows may differ.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    distance : Series
        dB, 0 (equal spectra) and up, for each band of `EEGFeatures` and, as `mean`, their mean. A
        band in which windows of this length and rate have no frequency is left out. Spectra are
        compared down to 100 dB below their common peak.

    Raises
    ------
    ValueError
        If the two sets have other channels or times, hold NaN or infinity, or have no frequency
        in any band.

    References
    ----------
    .. [1] Gray, A., Markel, J. (1976). Distance measures for speech processing. IEEE Transactions
       on Acoustics, Speech, and Signal Processing 24, 380-391.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import spectral_distance
    >>> X = np.random.default_rng(0).normal(size=(100, 2, 128))
    >>> spectral_distance(X, 2 * X, sfreq=128).round(2).to_dict()
    {'delta': 6.02, 'theta': 6.02, 'alpha': 6.02, 'beta': 6.02, 'gamma': 6.02, 'mean': 6.02}
    """
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    freqs = rfftfreq(real.shape[2], 1 / sfreq)
    spectra = np.stack([_mean_spectrum(real, sfreq), _mean_spectrum(synthetic, sfreq)])
    least = max(spectra.max() * DYNAMIC_RANGE, np.finfo(float).tiny)
    decibels = 10 * np.log10(np.maximum(spectra, least))
    difference = decibels[0] - decibels[1]  # (n_channels, n_freqs)

    distance = {}
    for band, (low, high) in BANDS.items():
        inside = (freqs >= low) & (freqs < high)
        if inside.any():
            distance[band] = float(np.sqrt((difference[:, inside] ** 2).mean(axis=1)).mean())
    if not distance:
        raise ValueError(
            f"Windows of {real.shape[2]} samples at {sfreq:g} Hz have no frequency between "
            "0.5 and 45 Hz; expected longer windows."
        )
    distance["mean"] = float(np.mean(list(distance.values())))
    return pd.Series(distance, name="log_spectral_distance_db")


def _mean_spectrum(X: np.ndarray, sfreq: float) -> np.ndarray:
    """Power spectrum of each channel, averaged over windows, shape (n_channels, n_freqs)."""
    total = np.zeros((X.shape[1], X.shape[2] // 2 + 1))
    for x in iter_centered(X):
        total += power_spectrum(x, sfreq).sum(axis=0)
    return total / len(X)
