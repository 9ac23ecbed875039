"""A few numbers per channel that describe one window; their median over background, a patient.

The same numbers serve three times: as the condition under which a window is generated, over a
patient's background windows as that patient's profile, and to correct what was generated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, rfft

from ..datasets import WindowRows
from ._frontend import Frontend, blocks, tapered_spectrum

BUDGET = 96
FEWEST_BANDS, MOST_BANDS = 12, 16
FLOOR = 1e-8

IMPOSE_ROUNDS = 2  # gains are interpolated between bands, and so miss at first
MAX_LOG_GAIN = np.log(10)


@dataclass
class Descriptors:
    """Log-RMS, the log power of each channel in each frequency band, its skewness and kurtosis.

    Bands are cut so that each holds the same part of the mean amplitude spectrum of the training
    windows: none is empty, whatever the sampling frequency and the filters. Powers are those of
    the window at unit RMS, so that log-RMS alone tells how loud it is. Skewness and kurtosis tell
    sharp waves from noise of the same spectrum; they are compressed, being heavy-tailed.

    Attributes
    ----------
    edges : ndarray of shape (n_bands + 1,)
        Edges of the bands as indices into the real Fourier spectrum.
    """

    edges: np.ndarray

    @classmethod
    def fit(
        cls, frontend: Frontend, X: np.ndarray | WindowRows, weights: np.ndarray
    ) -> Descriptors:
        """Cut the bands on training windows `X`, each weighted by `weights` (sum 1)."""
        n_bands = int(np.clip(BUDGET // X.shape[1], FEWEST_BANDS, MOST_BANDS))
        power = np.zeros(frontend.n_times // 2 + 1)
        for rows in blocks(len(X), 256):
            power += weights[rows] @ _power(frontend.unit(np.asarray(X[rows]))[0]).sum(axis=1)
        amplitude = np.sqrt(power[1:])
        share = np.cumsum(amplitude) / max(amplitude.sum(), np.finfo(float).tiny)
        inner = 1 + np.searchsorted(share, np.arange(1, n_bands) / n_bands)
        first = min(1, len(power) - 1)  # a window of one sample has but its mean
        return cls(np.unique(np.r_[first, inner, len(power)]))

    def __call__(self, frontend: Frontend, X: np.ndarray | WindowRows) -> np.ndarray:
        """Describe windows by an array of shape (n, n_descriptors), the first being log-RMS."""
        described = []
        for rows in blocks(len(X), 256):
            unit, log_rms = frontend.unit(np.asarray(X[rows]))
            powers = self._log_powers(unit).reshape(len(unit), -1)
            described.append(np.column_stack([log_rms, powers, _shape(unit)]))
        return np.concatenate(described)

    def impose(self, X: np.ndarray, described: np.ndarray) -> np.ndarray:
        """Give windows the band powers that `described` asks for, by a smooth gain.

        The networks are asked for these numbers too, but meet them only on the average.
        """
        n_powers = X.shape[1] * (len(self.edges) - 1)
        wanted = described[:, 1 : 1 + n_powers].reshape(len(X), X.shape[1], -1)
        centres = (self.edges[:-1] + self.edges[1:] - 1) / 2
        frequencies = np.arange(X.shape[2] // 2 + 1)
        between = np.stack([np.interp(frequencies, centres, row) for row in np.eye(len(centres))])
        for _ in range(IMPOSE_ROUNDS):
            missing = (wanted - self._log_powers(X)) / 2
            gain = np.exp(np.clip(missing, -MAX_LOG_GAIN, MAX_LOG_GAIN) @ between)
            X = irfft(rfft(X, axis=2) * gain.astype(np.float32), X.shape[2], axis=2)
        return X

    def _log_powers(self, X: np.ndarray) -> np.ndarray:
        """Log power of each channel and band, shape (n, n_channels, n_bands)."""
        power = np.add.reduceat(_power(X), self.edges[:-1], axis=2)
        return np.log(power * (2 / X.shape[2] ** 2) + FLOOR)


def _power(X: np.ndarray) -> np.ndarray:
    """Power spectrum of each channel of each window, shape (n, n_channels, n_freqs)."""
    spectrum = tapered_spectrum(X)
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float64)


def _shape(X: np.ndarray) -> np.ndarray:
    """Compressed skewness and kurtosis of each channel, shape (n, 2 * n_channels)."""
    x = X - X.mean(axis=2, keepdims=True)
    square = x * x
    variance = np.maximum(square.mean(axis=2), FLOOR)
    skewness = (square * x).mean(axis=2) / variance**1.5
    kurtosis = (square * square).mean(axis=2) / variance**2
    return np.column_stack([np.arcsinh(skewness), np.log(np.maximum(kurtosis, 1))])


def profile_of(described: np.ndarray) -> np.ndarray:
    """Describe a patient by the median over background windows (..., n_windows, n_descriptors)."""
    return np.median(described, axis=-2)
