"""How channels go together: correlation and coherence of real and of synthetic windows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import fft
from scipy.signal.windows import hann

from geneeg_sk._typing import WindowsLike
from geneeg_sk.features._spectrum import BANDS
from geneeg_sk.metrics._sets import check_sets, iter_centered

BLOCK_BYTES = 1 << 24  # of signal: large enough for fast matrix products


def correlation_error(real: WindowsLike, synthetic: WindowsLike, *, sfreq: float) -> float:
    """Error of the correlation between channels.

    The Pearson correlation of every pair of channels in a window, averaged over windows; then the
    root of the mean squared difference of the two sets over pairs. The same comparison of
    correlation matrices is common for synthetic multivariate series [1]_.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``; the numbers of windows may differ.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    error : float
        No unit; 0 (equal) to 2 (every correlation of the other sign). One channel has no pairs:
        0. A flat channel is taken to be correlated with none.

    Raises
    ------
    ValueError
        If the two sets have other channels or times, or hold NaN or infinity.

    References
    ----------
    .. [1] Ni, H. et al. (2021). Sig-Wasserstein GANs for time series generation. ACM International
       Conference on AI in Finance, 1-8 (its "correlation metric").

    Examples
    --------
    Two channels that agree, against two that are opposite:

    >>> import numpy as np
    >>> from geneeg_sk.metrics import correlation_error
    >>> x = np.random.default_rng(0).normal(size=(50, 1, 128))
    >>> same, opposite = np.concatenate([x, x], axis=1), np.concatenate([x, -x], axis=1)
    >>> round(correlation_error(same, opposite, sfreq=64), 6)
    2.0
    """
    sets = check_sets(sfreq, real=real, synthetic=synthetic)
    first, second = (_mean_correlation(X) for X in sets)
    pairs = np.triu_indices(len(first), k=1)
    if not len(pairs[0]):
        return 0.0
    return float(np.sqrt(np.mean((first[pairs] - second[pairs]) ** 2)))


def coherence_error(real: WindowsLike, synthetic: WindowsLike, *, sfreq: float) -> pd.Series:
    """Error of the coherence between channels, band by band.

    Magnitude-squared coherence of every pair of channels, estimated as by Welch [1]_ with the
    windows as segments (Hann taper, mean removed); then the root of the mean squared difference of
    the two sets, over pairs and the frequencies of a band.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``. Best equally many: estimated from n windows,
        coherence is too large by up to 1 / n.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    error : Series
        No unit, 0 (equal) to 1, for each band of `EEGFeatures` in which windows of this length and
        rate have a frequency, and, as `mean`, their mean. One channel has no pairs: 0.

    Raises
    ------
    ValueError
        If the two sets have other channels or times, hold NaN or infinity, or have no frequency
        in any band.

    References
    ----------
    .. [1] Welch, P. (1967). The use of fast Fourier transform for the estimation of power spectra.
       IEEE Transactions on Audio and Electroacoustics 15, 70-73.

    Examples
    --------
    Two channels that share everything, against two that share nothing:

    >>> import numpy as np
    >>> from geneeg_sk.metrics import coherence_error
    >>> x = np.random.default_rng(0).normal(size=(500, 2, 128))
    >>> coherence_error(x[:, [0, 0]], x, sfreq=128)["mean"].round(2)
    np.float64(1.0)
    """
    real, synthetic = check_sets(sfreq, real=real, synthetic=synthetic)
    freqs = fft.rfftfreq(real.shape[2], 1 / sfreq)
    difference = _coherence(real) - _coherence(synthetic)  # (n_freqs, n_pairs)
    error = {}
    for band, (low, high) in BANDS.items():
        inside = (freqs >= low) & (freqs < high)
        if inside.any():
            squares = difference[inside] ** 2
            error[band] = float(np.sqrt(squares.mean())) if squares.size else 0.0
    if not error:
        raise ValueError(
            f"Windows of {real.shape[2]} samples at {sfreq:g} Hz have no frequency between "
            "0.5 and 45 Hz; expected longer windows."
        )
    error["mean"] = float(np.mean(list(error.values())))
    return pd.Series(error, name="coherence_error")


def _mean_correlation(X: np.ndarray) -> np.ndarray:
    """Correlation matrix of the channels, averaged over windows."""
    total = np.zeros((X.shape[1], X.shape[1]))
    for x in iter_centered(X, BLOCK_BYTES):
        norm = np.linalg.norm(x, axis=2, keepdims=True)
        x /= np.where(norm > 0, norm, 1)
        total += (x @ x.transpose(0, 2, 1)).sum(axis=0)
    return total / len(X)


def _coherence(X: np.ndarray) -> np.ndarray:
    """Magnitude-squared coherence over all windows, shape (n_freqs, n_pairs of channels)."""
    n_channels, n_times = X.shape[1:]
    taper = hann(n_times, sym=False)
    cross = np.zeros((n_times // 2 + 1, n_channels, n_channels), complex)
    for x in iter_centered(X, BLOCK_BYTES):
        spectra = fft.rfft(x * taper)
        by_freq = np.ascontiguousarray(spectra.transpose(2, 1, 0))  # (n_freqs, n_channels, n)
        cross += by_freq @ by_freq.conj().transpose(0, 2, 1)
    first, second = np.triu_indices(n_channels, k=1)
    power = np.einsum("fcc->fc", cross).real
    product = power[:, first] * power[:, second]
    return np.abs(cross[:, first, second]) ** 2 / np.where(product > 0, product, 1)
