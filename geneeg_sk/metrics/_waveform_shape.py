"""What waves look like: rhythm, sharpness, direction of time, coupling, travel over channels.

Phase randomization leaves every spectrum as it is and destroys all of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pandas as pd
from scipy import fft
from scipy.ndimage import gaussian_filter1d
from scipy.signal import hilbert
from scipy.stats import ks_2samp

from geneeg_sk._typing import WindowsLike
from geneeg_sk.metrics._sets import check_sets, iter_centered

Statistic: TypeAlias = Callable[[np.ndarray, float], np.ndarray]

SLOWEST_RHYTHM = 2.0  # seconds a cycle
SPIKE_SECONDS = 0.015  # of the Gaussian that the curvature is taken of: half a spike's half-width
SPIKE_RATIO = 6.0  # standard deviations of the window's own curvature
LOWEST_SFREQ = 32.0  # Hz: below it a spike is a sample or two
SLOW_BAND, FAST_BAND = (0.5, 8.0), (13.0, 45.0)  # Hz, of phase and of amplitude
MAX_LAG = 0.25  # seconds over which a channel can lead or follow
NORMAL_MEDIAN = 0.6745  # of the absolute value of standard normal numbers
TINY = 1e-9


def rhythm_distance(real: WindowsLike, synthetic: WindowsLike, *, sfreq: float) -> float:
    """Distance between real and synthetic windows in how regular their rhythm is.

    The regularity of a channel in a window is the highest peak of its autocorrelation [1]_ beyond
    the first lag at which that is negative: 1 for a strict rhythm, near 0 for noise. Slower
    rhythms than half a cycle a second are not looked for.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; the numbers of windows may differ.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    distance : float
        Kolmogorov-Smirnov statistic between the two distributions over windows, mean over
        channels: 0 (equal) to 1 (disjoint).

    Raises
    ------
    ValueError
        If the two sets have other channels or times, or hold NaN or infinity.

    References
    ----------
    .. [1] Boersma, P. (1993). Accurate short-term analysis of the fundamental frequency and the
       harmonics-to-noise ratio of a sampled sound. Proceedings of the Institute of Phonetic
       Sciences 17, 97-110.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import rhythm_distance
    >>> noise = np.random.default_rng(0).normal(size=(40, 1, 256))
    >>> rhythm_distance(noise + 5 * np.sin(np.arange(256) / 5), noise, sfreq=64)
    1.0
    """
    return _distance(_regularity, real, synthetic, sfreq)


def asymmetry_distance(real: WindowsLike, synthetic: WindowsLike, *, sfreq: float) -> float:
    """Distance between real and synthetic windows in the asymmetry of time.

    The skewness of the steps from sample to sample [1]_: not zero where waves rise faster than
    they fall, or the other way round, as spike and wave do.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; the numbers of windows may differ.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    distance : float
        Kolmogorov-Smirnov statistic between the two distributions over windows, mean over
        channels: 0 (equal) to 1 (disjoint).

    Raises
    ------
    ValueError
        If the two sets have other channels or times, or hold NaN or infinity.

    References
    ----------
    .. [1] Schreiber, T., Schmitz, A. (2000). Surrogate time series. Physica D 142, 346-382.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import asymmetry_distance
    >>> saw = np.random.default_rng(0).normal(size=(40, 1, 256)) + 9 * (np.arange(256) % 32)
    >>> asymmetry_distance(saw, saw[..., ::-1], sfreq=64)
    1.0
    """
    return _distance(_asymmetry, real, synthetic, sfreq)


def phase_amplitude_distance(real: WindowsLike, synthetic: WindowsLike, *, sfreq: float) -> float:
    """Distance between real and synthetic windows in phase-amplitude coupling.

    Mean vector length [1]_ of the amplitude at 13 to 45 Hz at the phase of 0.5 to 8 Hz, divided by
    the mean amplitude: 0 where fast activity is the same in every phase of slow waves, 1 where it
    comes at one phase only.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; the numbers of windows may differ.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    distance : float
        Kolmogorov-Smirnov statistic between the two distributions over windows, mean over
        channels: 0 (equal) to 1 (disjoint).

    Raises
    ------
    ValueError
        If the two sets have other channels or times, or hold NaN or infinity.

    References
    ----------
    .. [1] Canolty, R. et al. (2006). High gamma power is phase-locked to theta oscillations in
       human neocortex. Science 313, 1626-1628.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import phase_amplitude_distance
    >>> slow, noise = np.sin(np.arange(512) / 8), np.random.default_rng(0).normal(size=(40, 1, 512))
    >>> phase_amplitude_distance(9 * slow + (slow > 0.5) * noise, 9 * slow + noise, sfreq=128)
    1.0
    """
    return _distance(_phase_amplitude_coupling, real, synthetic, sfreq)


def lag_distance(real: WindowsLike, synthetic: WindowsLike, *, sfreq: float) -> float:
    """Distance between real and synthetic windows in how activity travels over the channels.

    The lag of every channel behind the one before it: where their cross-correlation is largest,
    within a quarter of a second.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times)
        Windows in microvolts of two channels or more, or ``mne.Epochs``; the numbers of windows
        may differ.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    distance : float
        Kolmogorov-Smirnov statistic between the two distributions over windows, mean over pairs of
        channels: 0 (equal) to 1 (disjoint).

    Raises
    ------
    ValueError
        If the two sets have other channels or times, hold NaN or infinity, or have one channel.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import lag_distance
    >>> x = np.random.default_rng(0).normal(size=(40, 256))
    >>> together, after = np.stack([x, x], axis=1), np.stack([x, np.roll(x, 5, axis=1)], axis=1)
    >>> lag_distance(together, after, sfreq=64)
    1.0
    """
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    if real.shape[1] < 2:
        raise ValueError("A lag needs two channels, and these windows have one.")
    return _distance(_lags, real, synthetic, sfreq)


def course_distance(real: WindowsLike, synthetic: WindowsLike, *, sfreq: float) -> float:
    """Distance between the courses of power within real and within synthetic windows.

    On average, a window that was cut from a recording is as loud at its ends as in its middle; one
    that a network generated often is not. Power of sixteen parts of a window over that of the
    whole window, mean over windows and channels; then the root of the mean squared difference.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; the numbers of windows may differ.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    distance : float
        dB, 0 (equal) and up.

    Raises
    ------
    ValueError
        If the two sets have other channels or times, or hold NaN or infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import course_distance
    >>> X = np.random.default_rng(0).normal(size=(100, 2, 256))
    >>> bool(course_distance(X, X * np.hanning(256), sfreq=64) > 3)
    True
    """
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    courses = [10 * np.log10(_course(X) + TINY) for X in (real, synthetic)]
    return float(np.sqrt(np.mean((courses[0] - courses[1]) ** 2)))


def spike_survival(real: WindowsLike, synthetic: WindowsLike, *, sfreq: float) -> pd.Series:
    """Compare how many real and how many synthetic windows have sharp discharges.

    A fixed detector fires where the curvature of a channel, smoothed over 15 ms, exceeds six times
    its own standard deviation, estimated robustly over the window. Spikes of 20 to 70 ms [1]_ make
    it fire; slow waves and Gaussian noise hardly ever do. It is not a clinical detector; it treats
    real and synthetic windows alike.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``, of one clinical state; the numbers of windows may
        differ.
    sfreq : float
        Sampling frequency, Hz, at least 32.

    Returns
    -------
    survival : Series
        `real` and `synthetic`, the share of windows in which the detector fires, 0 to 1; `ratio`,
        synthetic over real, NaN where it fires in no real window; `difference`, synthetic minus
        real.

    Raises
    ------
    ValueError
        If the two sets have other channels or times, hold NaN or infinity, or `sfreq` is too low
        for spikes.

    References
    ----------
    .. [1] Kural, M. et al. (2020). Criteria for defining interictal epileptiform discharges in EEG.
       Neurology 94, e2139-e2147.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.metrics import spike_survival
    >>> X = np.random.default_rng(0).normal(size=(40, 1, 256))
    >>> spiky = X + 30 * np.exp(-((np.arange(256) - 100.0) ** 2) / 8)
    >>> spike_survival(spiky, X, sfreq=128).round(2).to_dict()
    {'real': 1.0, 'synthetic': 0.0, 'ratio': 0.0, 'difference': -1.0}
    """
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    if sfreq < LOWEST_SFREQ:
        raise ValueError(
            f"sfreq={sfreq} Hz is too low for spikes; expected at least {LOWEST_SFREQ:g}."
        )
    of_real, of_synthetic = (
        float(_by_window(_has_spike, X, sfreq).mean()) for X in (real, synthetic)
    )
    return pd.Series(
        {
            "real": of_real,
            "synthetic": of_synthetic,
            "ratio": of_synthetic / of_real if of_real else np.nan,
            "difference": of_synthetic - of_real,
        },
        name="spike_survival",
    )


def _distance(
    statistic: Statistic, real: WindowsLike, synthetic: WindowsLike, sfreq: float
) -> float:
    """Kolmogorov-Smirnov distance of a statistic of windows and channels, mean over channels."""
    values = [
        _by_window(statistic, X, sfreq) for X in check_sets(sfreq, real=real, synthetic=synthetic)
    ]
    return float(np.mean([ks_2samp(a, b).statistic for a, b in zip(values[0].T, values[1].T)]))


def _by_window(statistic: Statistic, X: np.ndarray, sfreq: float) -> np.ndarray:
    """Compute a statistic block by block, each window without mean and at unit variance."""
    parts = [statistic(x / (x.std(axis=2, keepdims=True) + TINY), sfreq) for x in iter_centered(X)]
    return np.concatenate(parts)


def _regularity(x: np.ndarray, sfreq: float) -> np.ndarray:
    n_times = x.shape[2]
    spectrum = fft.rfft(x, 2 * n_times, axis=2)
    products = fft.irfft(spectrum.real**2 + spectrum.imag**2, 2 * n_times, axis=2)[..., :n_times]
    n_lags = max(2, min(round(SLOWEST_RHYTHM * sfreq), n_times // 2))
    correlation = products[..., :n_lags] / (products[..., :1] + TINY)
    beyond_first_dip = np.cumsum(correlation < 0, axis=2) > 0
    return np.where(beyond_first_dip, correlation, 0).max(axis=2)


def _asymmetry(x: np.ndarray, sfreq: float) -> np.ndarray:
    step = np.diff(x, axis=2)
    squared = step * step
    return (squared * step).mean(axis=2) / (squared.mean(axis=2) ** 1.5 + TINY)


def _phase_amplitude_coupling(x: np.ndarray, sfreq: float) -> np.ndarray:
    slow = hilbert(_band(x, sfreq, SLOW_BAND), axis=2)
    direction = slow / (np.abs(slow) + TINY)
    amplitude = np.abs(hilbert(_band(x, sfreq, FAST_BAND), axis=2))
    vector = np.abs((amplitude * direction).mean(axis=2))
    return vector / (amplitude.mean(axis=2) + TINY)


def _band(x: np.ndarray, sfreq: float, band: tuple[float, float]) -> np.ndarray:
    spectrum = fft.rfft(x, axis=2)
    freqs = fft.rfftfreq(x.shape[2], 1 / sfreq)
    spectrum[..., (freqs < band[0]) | (freqs > band[1])] = 0
    return fft.irfft(spectrum, x.shape[2], axis=2)


def _lags(x: np.ndarray, sfreq: float) -> np.ndarray:
    n_times = x.shape[2]
    most = max(1, min(round(MAX_LAG * sfreq), n_times // 2 - 1))
    spectrum = fft.rfft(x, 2 * n_times, axis=2)
    cross = fft.irfft(spectrum[:, 1:] * spectrum[:, :-1].conj(), 2 * n_times, axis=2)
    near = np.concatenate([cross[..., -most:], cross[..., : most + 1]], axis=2)
    return np.abs(near).argmax(axis=2) - most


def _has_spike(x: np.ndarray, sfreq: float) -> np.ndarray:
    curvature = np.abs(gaussian_filter1d(x, SPIKE_SECONDS * sfreq, axis=2, order=2))
    edge = min(round(4 * SPIKE_SECONDS * sfreq), x.shape[2] // 4)  # the filter is cut off there
    curvature = curvature[..., edge : x.shape[2] - edge]
    typical = np.median(curvature, axis=2, keepdims=True) / NORMAL_MEDIAN
    return (curvature > SPIKE_RATIO * np.maximum(typical, TINY)).any(axis=(1, 2))


def _course(X: np.ndarray) -> np.ndarray:
    """Power of the parts of windows over that of the whole, mean over windows and channels."""
    n_parts = min(16, X.shape[2])
    total = np.zeros(n_parts)
    for x in iter_centered(X):
        power = np.stack(
            [(part**2).mean(axis=2) for part in np.array_split(x, n_parts, axis=2)], axis=-1
        )
        total += (power / (power.mean(axis=2, keepdims=True) + TINY)).mean(axis=1).sum(axis=0)
    return total / len(X)
