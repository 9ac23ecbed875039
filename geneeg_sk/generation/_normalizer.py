"""From windows to unit-variance principal components, and exactly back.

Amplitude is heavy-tailed, so that each window is divided by its root mean square, which becomes
a condition of the model. Channels are nearly linearly dependent, so that they are rotated into
principal components: rank and covariance are then right by construction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..datasets import WindowRows

# Components below this share of the variance are rounding errors (of a rereferenced or
# duplicated channel), and dividing by them would blow these up.
MIN_SHARE = 1e-7

# 1 would give the smallest component the weight of the largest, 0 nearly none.
WHITENING = 0.5

# Strides of padding at either end: there the decoder's kernels overlap less, and it is too quiet.
MARGIN = 2


@dataclass
class Normalizer:
    """Amplitude normalization, rotation and padding; all of it learned on training windows.

    Attributes
    ----------
    to_components : ndarray of shape (n_components, n_channels)
    to_channels : ndarray of shape (n_channels, n_components)
    floor : float
        Smallest root mean square of a window, in microvolts.
    n_times : int
    n_padded : int
        Length after padding by reflection, at both ends, to a multiple of the network's stride.
    """

    to_components: np.ndarray
    to_channels: np.ndarray
    floor: float
    n_times: int
    n_padded: int

    @classmethod
    def fit(cls, X: np.ndarray | WindowRows, weights: np.ndarray, stride: int) -> Normalizer:
        """Learn the rotation on windows `X`, each weighted by `weights` (sum 1)."""
        n_times = X.shape[2]
        parts = [X] if isinstance(X, np.ndarray) else (X[rows] for rows in blocks(len(X), 256))
        rms = np.concatenate([root_mean_square(np.asarray(part)) for part in parts])
        positive = rms[rms > 0]
        floor = float(1e-3 * np.median(positive)) if len(positive) else 1.0
        covariance = np.zeros((X.shape[1], X.shape[1]))
        for rows in blocks(len(X), 256):
            unit = np.asarray(X[rows]) / np.maximum(rms[rows], floor)[:, None, None]
            scaled = unit * np.sqrt(weights[rows] / n_times)[:, None, None]
            covariance += np.einsum("nct,ndt->cd", scaled, scaled, dtype=np.float64, optimize=True)
        variances, vectors = principal_axes(covariance)
        order = np.argsort(variances)[::-1]
        total = max(variances.sum(), np.finfo(float).tiny)
        kept = [i for i in order if variances[i] > MIN_SHARE * total] or [order[0]]
        spread = np.sqrt(np.maximum(variances[kept], np.finfo(np.float32).tiny))
        gain = spread**WHITENING * spread[0] ** (1 - WHITENING)
        return cls(
            to_components=(vectors[:, kept] / gain).T.astype(np.float32),
            to_channels=(vectors[:, kept] * gain).astype(np.float32),
            floor=floor,
            n_times=n_times,
            n_padded=-(-n_times // stride) * stride + 2 * MARGIN * stride,
        )

    @property
    def n_components(self) -> int:
        return len(self.to_components)

    def unit(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return windows of unit RMS, float32, and log-RMS (n,)."""
        X = np.ascontiguousarray(X)  # sums depend, in the last digit, on how windows lie
        log_rms = self.log_rms(X)
        return (X / np.exp(log_rms)[:, None, None]).astype(np.float32), log_rms

    def components(self, unit: np.ndarray) -> np.ndarray:
        """Rotate channels into components, shape (n, n_components, n_padded)."""
        return self.pad(np.matmul(self.to_components, unit))

    def channels(self, components: np.ndarray) -> np.ndarray:
        """Rotate components into channels, shape (n, n_channels, n_times): padding is cut off."""
        kept = components[:, :, self.before : self.before + self.n_times]
        return np.matmul(self.to_channels, kept)

    def windows(self, unit: np.ndarray, log_rms: np.ndarray) -> np.ndarray:
        """Return windows (n, n_channels, n_times) in microvolts: the inverse of `unit`.

        They are projected onto what the components span: the rank is that of the training windows.
        """
        X = np.matmul(self.to_channels, np.matmul(self.to_components, unit))
        X *= np.exp(log_rms).astype(np.float32)[:, None, None]
        return X

    def log_rms(self, X: np.ndarray) -> np.ndarray:
        """Logarithm of the root mean square of windows, in log µV; finite for flat ones."""
        return np.log(np.maximum(root_mean_square(X), self.floor))

    @property
    def before(self) -> int:
        """Samples of padding before the window."""
        return (self.n_padded - self.n_times) // 2

    def pad(self, X: np.ndarray) -> np.ndarray:
        """Continue the windows by reflection; also those shorter than the padding."""
        mirror = np.r_[np.arange(self.n_times), np.arange(self.n_times)[::-1]]
        return X[..., mirror[(np.arange(self.n_padded) - self.before) % len(mirror)]]


def principal_axes(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances along principal axes, and the axes, as columns."""
    return np.linalg.eigh(covariance)


def root_mean_square(X: np.ndarray) -> np.ndarray:
    """Root mean square of each window over channels and times, in float64."""
    return np.sqrt(np.einsum("nct,nct->n", X, X, dtype=np.float64) / (X.shape[1] * X.shape[2]))


def blocks(n: int, size: int) -> Iterator[slice]:
    """Slices that cover ``range(n)`` in blocks of `size`."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))
