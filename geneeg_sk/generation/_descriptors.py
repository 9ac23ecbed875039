"""A few numbers per channel that describe one window; their median over background, a patient.

The same numbers serve three times: as the condition under which a window is generated, over a
patient's background windows as that patient's profile, and to correct what was generated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..datasets import WindowRows
from ._filtering import spectrum_of
from ._frontend import Frontend, blocks

BUDGET = 96
FEWEST_BANDS, MOST_BANDS = 12, 16
FLOOR = 1e-8

MAX_LOG_GAIN = np.log(10)
BENT = 16.0  # squared standard deviations beyond which values are bent less and less
MOST_BENT = (0.15, 0.03)  # in one step, of second and third power: the map stays monotone


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

    def missing_gain(self, X: np.ndarray, described: np.ndarray) -> np.ndarray:
        """The smooth gain that brings windows nearer to the band powers asked for.

        Of shape (n, n_channels, n_freqs). The networks are asked for these numbers too, but meet
        them only on the average.
        """
        n_powers = X.shape[1] * (len(self.edges) - 1)
        wanted = described[:, 1 : 1 + n_powers].reshape(len(X), X.shape[1], -1)
        centres = (self.edges[:-1] + self.edges[1:] - 1) / 2
        frequencies = np.arange(X.shape[2] // 2 + 1)
        between = np.stack([np.interp(frequencies, centres, row) for row in np.eye(len(centres))])
        missing = (wanted - self._log_powers(X)) / 2
        limited = np.clip(missing, -MAX_LOG_GAIN, MAX_LOG_GAIN).astype(np.float32)
        return np.exp(limited @ between.astype(np.float32))

    def reshaped(self, X: np.ndarray, described: np.ndarray) -> np.ndarray:
        """Bring windows nearer to the skewness and kurtosis asked for."""
        skewness, kurtosis = np.split(described[:, -2 * X.shape[1] :], 2, axis=1)
        return _reshaped(X, np.sinh(skewness), np.exp(kurtosis))

    def _log_powers(self, X: np.ndarray) -> np.ndarray:
        """Log power of each channel and band, shape (n, n_channels, n_bands)."""
        power = np.add.reduceat(_power(X), self.edges[:-1], axis=2)
        return np.log(power * (2 / X.shape[2] ** 2) + FLOOR)


def _reshaped(X: np.ndarray, skewness: np.ndarray, kurtosis: np.ndarray) -> np.ndarray:
    """Bend the values of each channel (n, n_channels) towards a skewness and a kurtosis.

    One damped Newton step of x + a u + b v, where u and v are nearly x**2 and x**3 but do not
    grow faster than x for large values.
    """
    mean, spread = X.mean(axis=2, keepdims=True), X.std(axis=2, keepdims=True)
    x = (X - mean) / np.maximum(spread, FLOOR)
    square = x * x
    u = square / (1 + square / BENT)
    v = u * x
    third, fourth = (square * x).mean(axis=2), (square * square).mean(axis=2)
    to_third = square - 1 - third[:, :, None] * x  # derivatives of the moments of unit variance
    to_fourth = square * x - third[:, :, None] - fourth[:, :, None] * x
    jacobian = np.empty((*third.shape, 2, 2))
    for i, direction in enumerate((3 * to_third, 4 * to_fourth)):
        for j, bend in enumerate((u, v)):
            jacobian[:, :, i, j] = (direction * bend).mean(axis=2)
    jacobian += 1e-3 * np.eye(2)  # a channel without variance has no moments
    missing = np.stack([skewness - third, kurtosis - fourth], axis=-1)
    step = np.linalg.solve(jacobian, missing[..., None])[..., 0]
    a, b = (
        np.clip(step, (-MOST_BENT[0], -MOST_BENT[1]), MOST_BENT).astype(X.dtype).transpose(2, 0, 1)
    )
    return mean + spread * (x + a[:, :, None] * u + b[:, :, None] * v)


def _power(X: np.ndarray) -> np.ndarray:
    """Power spectrum of each channel of each window, shape (n, n_channels, n_freqs)."""
    spectrum = spectrum_of(X)
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
