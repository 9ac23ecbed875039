"""A dozen numbers that describe one window; their median over background describes a patient.

The same numbers serve twice: as the condition under which a window is generated, and, over a
patient's background windows, as that patient's profile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._frontend import Frontend, blocks

N_BANDS = 8
N_SPATIAL = 6
FLOOR = 1e-6

IMPOSE_ROUNDS = 2  # bands and components change each other's shares
MAX_LOG_GAIN = np.log(3)


@dataclass
class Descriptors:
    """Log-RMS, log band powers and log variances of the leading components.

    Bands are cut so that each holds the same part of the mean amplitude spectrum of the training
    windows: none is empty, whatever the sampling frequency and the filters.

    Attributes
    ----------
    edges : ndarray of shape (n_bands + 1,)
        Edges of the bands as indices into the real Fourier spectrum.
    """

    edges: np.ndarray

    @classmethod
    def fit(cls, frontend: Frontend, X: np.ndarray, weights: np.ndarray) -> Descriptors:
        """Cut the bands on training windows `X`, each weighted by `weights` (sum 1)."""
        power = np.zeros(frontend.n_padded // 2 + 1)
        for rows in blocks(len(X), 256):
            power += weights[rows] @ _spectrum(frontend.analyse(X[rows])[0])
        amplitude = np.sqrt(power[1:])
        share = np.cumsum(amplitude) / max(amplitude.sum(), np.finfo(float).tiny)
        inner = 1 + np.searchsorted(share, np.arange(1, N_BANDS) / N_BANDS)
        return cls(edges=np.unique(np.r_[1, inner, len(power)]))

    def __call__(self, frontend: Frontend, X: np.ndarray) -> np.ndarray:
        """Describe windows by an array of shape (n, n_descriptors), the first being log-RMS."""
        return np.concatenate(
            [self._describe(*frontend.analyse(X[rows])) for rows in blocks(len(X), 256)]
        )

    def _describe(self, components: np.ndarray, log_rms: np.ndarray) -> np.ndarray:
        power = _spectrum(components)
        total = np.maximum(power.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        bands = np.add.reduceat(power, self.edges[:-1], axis=1)
        variances = components[:, :N_SPATIAL].var(axis=2, dtype=np.float64)
        whole = components.var(axis=2, dtype=np.float64).sum(axis=1, keepdims=True)
        spatial = variances / np.maximum(whole, np.finfo(float).tiny)
        shares = np.log(np.concatenate([bands / total, spatial], axis=1) + FLOOR)
        return np.column_stack([log_rms, shares])

    def impose(self, components: np.ndarray, described: np.ndarray) -> np.ndarray:
        """Give windows the band powers and component variances that `described` asks for.

        The networks are asked for these numbers too, but meet them only on the average. What is
        left is a gain for each band, interpolated between band centres, and for each component.
        """
        centres = (self.edges[:-1] + self.edges[1:] - 1) / 2
        frequencies = np.arange(components.shape[2] // 2 + 1)
        for _ in range(IMPOSE_ROUNDS):
            missing = (described - self._describe(components, described[:, 0])) / 2
            missing = np.clip(missing, -MAX_LOG_GAIN, MAX_LOG_GAIN)
            bands, spatial = np.split(missing[:, 1:], [len(centres)], axis=1)
            gain = np.stack([np.interp(frequencies, centres, row) for row in bands])
            spectrum = np.fft.rfft(components, axis=2) * np.exp(gain)[:, None]
            components = np.fft.irfft(spectrum, components.shape[2], axis=2)
            components[:, : spatial.shape[1]] *= np.exp(spatial)[:, :, None]
        return components.astype(np.float32)


def _spectrum(components: np.ndarray) -> np.ndarray:
    """Power spectrum of each window, summed over components, shape (n, n_freqs)."""
    spectrum = np.fft.rfft(components, axis=2)
    return (spectrum.real**2 + spectrum.imag**2).sum(axis=1, dtype=np.float64)


def profile_of(described: np.ndarray) -> np.ndarray:
    """Describe a patient by the median over background windows (..., n_windows, n_descriptors)."""
    return np.median(described, axis=-2)
