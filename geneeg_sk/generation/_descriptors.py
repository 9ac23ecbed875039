"""A few numbers per channel that describe one window; their median over background, a patient.

The same numbers serve three times: as the condition under which a window is generated, over a
patient's background windows as that patient's profile, and as a target of corrections.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from ..datasets import WindowRows
from ._filtering import spectrum_of
from ._normalizer import Normalizer, blocks

BUDGET = 96
MIN_BANDS, MAX_BANDS = 12, 16
MIN_BINS = 3  # of a band: the power of fewer frequencies is mostly chance
FLOOR = 1e-8
SMOOTHING = 3  # frequencies over which the spectrum is averaged to compute its entropy
SLOW_SHARE = 0.97  # of the power, in frequencies at which the shape of waves is seen
HALF_POWER = 0.443  # cycles in a running mean that lets half the power through


@dataclass
class Standardizer:
    """Center and spread of each column; columns without spread are left at zero."""

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> Standardizer:
        std = values.std(axis=0)
        return cls(values.mean(axis=0), np.where(std > 1e-9, std, 1.0))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return (values - self.mean) / self.std


@dataclass
class Descriptors:
    """Log-RMS, log power of each channel in each band, spectral entropy, skewness and kurtosis.

    Bands are cut so that each holds about the same part of the mean amplitude spectrum of the
    training windows: none is empty, whatever the sampling frequency and the filters. Powers are
    those of the window at unit RMS, so that log-RMS alone tells how loud it is. Entropy tells a
    rhythm from noise that fills the same band; skewness and kurtosis tell sharp waves from noise
    of the same spectrum, and are compressed, being heavy-tailed.

    Attributes
    ----------
    edges : ndarray of shape (n_bands + 1,)
        Edges of the bands as indices into the real Fourier spectrum.
    smoothing : int
        Samples over which windows are averaged to see the shape of their waves.
    """

    edges: np.ndarray
    smoothing: int

    @classmethod
    def fit(
        cls, normalizer: Normalizer, X: np.ndarray | WindowRows, weights: np.ndarray
    ) -> Descriptors:
        """Cut the bands on training windows `X`, each weighted by `weights` (sum 1)."""
        n_bands = int(np.clip(BUDGET // X.shape[1], MIN_BANDS, MAX_BANDS))
        power = np.zeros(normalizer.n_times // 2 + 1)
        for rows in blocks(len(X), 256):
            power += weights[rows] @ power_spectrum(normalizer.unit(np.asarray(X[rows]))[0]).sum(
                axis=1
            )
        amplitude = np.sqrt(power[1:])
        inner = np.searchsorted(_cumulative_share(amplitude), np.arange(1, n_bands) / n_bands)
        first = min(1, len(power) - 1)  # a window of one sample has but its mean
        fastest = 1 + np.searchsorted(_cumulative_share(power[1:]), SLOW_SHARE)
        smoothing = max(1, round(HALF_POWER * normalizer.n_times / fastest))
        return cls(_merge_narrow_bands(np.r_[first, 1 + inner], len(power)), smoothing)

    def __call__(self, normalizer: Normalizer, X: np.ndarray | WindowRows) -> np.ndarray:
        """Describe windows by an array of shape (n, n_descriptors), the first being log-RMS."""
        described = []
        for rows in blocks(len(X), 256):
            unit, log_rms = normalizer.unit(np.asarray(X[rows]))
            power = power_spectrum(unit)
            powers = self.log_powers(power).reshape(len(unit), -1)
            described.append(
                np.column_stack([log_rms, powers, self.entropy(power)[0], _shape(unit)])
            )
        return np.concatenate(described)

    def entropy(self, power: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Entropy of the smoothed spectrum of each channel, its shares of power, their logs."""
        smooth = uniform_filter1d(power[:, :, self.edges[0] :], SMOOTHING, axis=2, mode="nearest")
        share = smooth / np.maximum(smooth.sum(axis=2, keepdims=True), FLOOR)
        log = np.log(share + np.float32(1e-12))
        return -(share * log).sum(axis=2), share, log

    def log_powers(self, power: np.ndarray) -> np.ndarray:
        """Log power of each channel and band, shape (n, n_channels, n_bands)."""
        return np.log(np.add.reduceat(power, self.edges[:-1], axis=2) + FLOOR)


def standardize(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signals (..., n_times) with mean 0 and variance 1, and standard deviations (..., 1)."""
    x = X - X.mean(axis=-1, keepdims=True)
    spread = np.sqrt(np.vecdot(x, x) / X.shape[-1])[..., None]
    x /= np.maximum(spread, FLOOR)
    return x, spread


def _cumulative_share(share: np.ndarray) -> np.ndarray:
    return np.cumsum(share) / max(share.sum(), np.finfo(float).tiny)


def _merge_narrow_bands(edges: np.ndarray, end: int) -> np.ndarray:
    """Edges that leave `MIN_BINS` frequencies to each band, `end` being the last."""
    kept = [edges[0]]
    for edge in edges[1:]:
        if min(edge - kept[-1], end - edge) >= MIN_BINS:
            kept.append(edge)
    return np.array([*kept, end])


def power_spectrum(X: np.ndarray) -> np.ndarray:
    """Power spectrum of each channel of each window, shape (n, n_channels, n_freqs)."""
    spectrum = spectrum_of(X)
    power = spectrum.real**2 + spectrum.imag**2
    power *= 2 / X.shape[2] ** 2
    return power


def _shape(X: np.ndarray) -> np.ndarray:
    """Compressed skewness and kurtosis of each channel, shape (n, 2 * n_channels)."""
    x, _ = standardize(X)
    square = x * x
    skewness = np.vecdot(square, x) / X.shape[2]
    kurtosis = np.vecdot(square, square) / X.shape[2]
    return np.column_stack([np.arcsinh(skewness), np.log(np.maximum(kurtosis, 1))])
