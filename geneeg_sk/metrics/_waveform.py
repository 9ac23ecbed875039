"""Amplitudes and rhythms of real and of synthetic windows, channel by channel."""

from __future__ import annotations

import numpy as np
from scipy import fft
from scipy.stats import wasserstein_distance

from geneeg_sk._typing import WindowsLike
from geneeg_sk.metrics._sets import check_sets, iter_centered, pick_evenly

MAX_SAMPLES = 50_000  # of a channel: more move the distance by less than a hundredth of itself


def autocorrelation_distance(real: WindowsLike, synthetic: WindowsLike, *, sfreq: float) -> float:
    """Distance between the autocorrelation functions of real and of synthetic windows.

    The (biased) sample autocorrelation [1]_ of every window, averaged over windows; then the root
    of the mean squared difference of the two sets over lags from one sample to half a window, and
    the mean over channels. What repeats, such as spike and wave, shows at long lags.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; the numbers of windows may differ.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    distance : float
        No unit, 0 (equal) to 2. The autocorrelation of a flat channel is taken to be 0.

    Raises
    ------
    ValueError
        If the two sets have other channels or times, hold NaN or infinity, or windows have a
        single sample.

    References
    ----------
    .. [1] Box, G., Jenkins, G. (1976). Time series analysis: forecasting and control, section 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import autocorrelation_distance
    >>> X = np.random.default_rng(0).normal(size=(50, 2, 128))
    >>> round(autocorrelation_distance(X, -3 * X, sfreq=64), 12)
    0.0
    """
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    if real.shape[2] < 2:
        raise ValueError("Windows of one sample have no autocorrelation; expected longer windows.")
    difference = _autocorrelation(real) - _autocorrelation(synthetic)  # (n_channels, n_lags)
    return float(np.sqrt((difference**2).mean(axis=1)).mean())


def amplitude_distance(real: WindowsLike, synthetic: WindowsLike, *, sfreq: float) -> float:
    """Distance between the amplitude distributions of real and of synthetic windows.

    The Wasserstein distance [1]_ between all samples of a channel in the one set and in the other,
    divided by the standard deviation of that channel in the real windows; mean over channels.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; the numbers of windows may differ. Of more than
        50,000 samples of a channel, so many are compared, evenly spaced.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    distance : float
        In standard deviations of the real windows; 0 (equal) and up. A channel that is flat in the
        real windows is compared in microvolts.

    Raises
    ------
    ValueError
        If the two sets have other channels or times, or hold NaN or infinity.

    References
    ----------
    .. [1] Ramdas, A., Garcia, N., Cuturi, M. (2017). On Wasserstein two-sample testing and related
       families of nonparametric tests. Entropy 19, 47.

    Examples
    --------
    An offset of two standard deviations:

    >>> import numpy as np
    >>> from geneeg_sk.metrics import amplitude_distance
    >>> X = np.random.default_rng(0).normal(size=(50, 2, 128))
    >>> round(amplitude_distance(X, X + 2 * X.std(), sfreq=64), 1)
    2.0
    """
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    distances = []
    for channel in range(real.shape[1]):
        a, b = (_samples(X[:, channel]) for X in (real, synthetic))
        distances.append(wasserstein_distance(a, b) / (a.std() or 1))
    return float(np.mean(distances))


def _autocorrelation(X: np.ndarray) -> np.ndarray:
    """Mean autocorrelation of each channel from lag 1 to half a window, (n_channels, n_lags)."""
    n_times = X.shape[2]
    n_lags = n_times // 2
    total = np.zeros((X.shape[1], n_lags))
    length = fft.next_fast_len(n_times + n_lags, real=True)  # so that nothing wraps around
    for x in iter_centered(X):
        spectrum = fft.rfft(x, length)
        products = fft.irfft(spectrum.real**2 + spectrum.imag**2, length)[..., : n_lags + 1]
        energy = products[..., :1]
        total += (products[..., 1:] / np.where(energy > 0, energy, 1)).sum(axis=0)
    return total / len(X)


def _samples(X: np.ndarray) -> np.ndarray:
    """Samples of all windows of a channel, float64."""
    samples = X.reshape(-1)
    return samples[pick_evenly(len(samples), MAX_SAMPLES)].astype(np.float64)
