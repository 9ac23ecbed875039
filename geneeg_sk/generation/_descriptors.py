"""A few numbers per channel that describe one window; their median over background, a patient.

The same numbers serve three times: as the condition under which a window is generated, over a
patient's background windows as that patient's profile, and to correct what was generated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from ..datasets import WindowRows
from ._filtering import spectrum_of
from ._frontend import Frontend, blocks

BUDGET = 96
MIN_BANDS, MAX_BANDS = 12, 16
MIN_BINS = 3  # of a band: the power of fewer frequencies is mostly chance
FLOOR = 1e-8

MAX_LOG_GAIN = np.log(10)
SMOOTHING = 3  # frequencies over which the spectrum is averaged to compute its entropy
MAX_EXPONENT = 0.5  # of the spectrum, in one step
SHARPNESS_FLOOR = 1e-3  # of the slope: a flat spectrum has no peaks to be sharpened
SLOW_SHARE = 0.97  # of the power; what is faster than these frequencies is not bent
HALF_POWER = 0.443  # cycles in a running mean that lets half the power through
SOFT_LIMIT = 16.0  # squared standard deviations beyond which values are bent less and less
MAX_BEND = (0.15, 0.05)  # in one step, of second and third power: the map stays monotone


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
        cls, frontend: Frontend, X: np.ndarray | WindowRows, weights: np.ndarray
    ) -> Descriptors:
        """Cut the bands on training windows `X`, each weighted by `weights` (sum 1)."""
        n_bands = int(np.clip(BUDGET // X.shape[1], MIN_BANDS, MAX_BANDS))
        power = np.zeros(frontend.n_times // 2 + 1)
        for rows in blocks(len(X), 256):
            power += weights[rows] @ _power(frontend.unit(np.asarray(X[rows]))[0]).sum(axis=1)
        amplitude = np.sqrt(power[1:])
        inner = np.searchsorted(_cumulative_share(amplitude), np.arange(1, n_bands) / n_bands)
        first = min(1, len(power) - 1)  # a window of one sample has but its mean
        fastest = 1 + np.searchsorted(_cumulative_share(power[1:]), SLOW_SHARE)
        smoothing = max(1, round(HALF_POWER * frontend.n_times / fastest))
        return cls(_merge_narrow_bands(np.r_[first, 1 + inner], len(power)), smoothing)

    def __call__(self, frontend: Frontend, X: np.ndarray | WindowRows) -> np.ndarray:
        """Describe windows by an array of shape (n, n_descriptors), the first being log-RMS."""
        described = []
        for rows in blocks(len(X), 256):
            unit, log_rms = frontend.unit(np.asarray(X[rows]))
            power = _power(unit)
            powers = self._log_powers(power).reshape(len(unit), -1)
            described.append(
                np.column_stack([log_rms, powers, self._entropy(power)[0], _shape(unit)])
            )
        return np.concatenate(described)

    def correction_gain(self, X: np.ndarray, described: np.ndarray) -> np.ndarray:
        """The gain that brings windows nearer to the band powers and the entropy asked for.

        Of shape (n, n_channels, n_freqs). The networks are asked for these numbers too, but meet
        them only on the average.
        """
        n_channels = X.shape[1]
        n_powers = n_channels * (len(self.edges) - 1)
        cuts = [n_powers, n_powers + n_channels]
        powers, entropy, _ = np.split(described[:, 1:], cuts, axis=1)
        power = _power(X)
        sharper = self._sharpening(power, entropy)
        power *= sharper * sharper
        missing = (powers.reshape(len(X), n_channels, -1) - self._log_powers(power)) / 2
        gain = np.exp(np.clip(missing, -MAX_LOG_GAIN, MAX_LOG_GAIN).astype(np.float32))
        edges = np.r_[0, self.edges[1:]]  # the mean goes with the lowest band
        return np.repeat(gain, np.diff(edges), axis=2) * sharper

    def _sharpening(self, power: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """A gain that makes peaks within bands sharper or blunter, toward an entropy.

        It is a power of the spectrum itself, by one Newton step: a higher power in bands that hold
        more of the signal, for the others' shape hardly changes the entropy.
        """
        entropy, share, log = self._entropy(power)
        starts, widths = self.edges[:-1] - self.edges[0], np.diff(self.edges)
        band = np.maximum(np.add.reduceat(share, starts, axis=2), FLOOR)
        mean = np.add.reduceat(share * log, starts, axis=2) / band
        weight = band / band.max(axis=2, keepdims=True)
        apart = (log - np.repeat(mean, widths, axis=2)) * np.repeat(weight, widths, axis=2)
        slope = -(share * apart * log).sum(axis=2)
        exponent = (wanted - entropy) / np.minimum(slope, -SHARPNESS_FLOOR)
        exponent = np.clip(exponent, -MAX_EXPONENT, MAX_EXPONENT).astype(np.float32)
        log_gain = np.clip(exponent[:, :, None] * apart / 2, -MAX_LOG_GAIN, MAX_LOG_GAIN)
        gain = np.ones_like(power)
        gain[:, :, self.edges[0] :] = np.exp(log_gain)
        return gain

    def _entropy(self, power: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Entropy of the smoothed spectrum of each channel, its shares of power, their logs."""
        smooth = uniform_filter1d(power[:, :, self.edges[0] :], SMOOTHING, axis=2, mode="nearest")
        share = smooth / np.maximum(smooth.sum(axis=2, keepdims=True), FLOOR)
        log = np.log(share + np.float32(1e-12))
        return -(share * log).sum(axis=2), share, log

    def correct_shape(self, X: np.ndarray, described: np.ndarray) -> np.ndarray:
        """Bring windows nearer to the skewness and kurtosis asked for."""
        skewness, kurtosis = np.split(described[:, -2 * X.shape[1] :], 2, axis=1)
        return _bend_values(X, np.sinh(skewness), np.exp(kurtosis), self.smoothing)

    def _log_powers(self, power: np.ndarray) -> np.ndarray:
        """Log power of each channel and band, shape (n, n_channels, n_bands)."""
        return np.log(np.add.reduceat(power, self.edges[:-1], axis=2) + FLOOR)


def _bend_values(
    X: np.ndarray, skewness: np.ndarray, kurtosis: np.ndarray, smoothing: int
) -> np.ndarray:
    """Bend the values of each channel (n, n_channels) toward a skewness and a kurtosis.

    One damped Newton step of x + a u + b v, where u and v are nearly the second and third power of
    x, smoothed, but do not grow faster than x for large values. (Powers of x itself would make
    what is fast and weak louder wherever what is slow and strong is large.)
    """
    x, spread = _standardize(X)
    square = x * x
    slow = uniform_filter1d(x, smoothing, axis=2, mode="nearest")
    u = slow * slow
    u /= 1 + u / SOFT_LIMIT
    v = u * slow
    n_times = X.shape[2]
    third, fourth = np.vecdot(square, x) / n_times, np.vecdot(square, square) / n_times
    cube = square * x
    jacobian = np.empty((*third.shape, 2, 2))
    for j, bend in enumerate((u, v)):  # derivatives of the moments of unit variance
        along = np.vecdot(x, bend) / n_times
        level = bend.mean(axis=2)
        jacobian[:, :, 0, j] = 3 * (np.vecdot(square, bend) / n_times - level - third * along)
        jacobian[:, :, 1, j] = 4 * (
            np.vecdot(cube, bend) / n_times - third * level - fourth * along
        )
    jacobian += 1e-3 * np.eye(2)  # a channel without variance has no moments
    missing = np.stack([skewness - third, kurtosis - fourth], axis=-1)
    step = np.linalg.solve(jacobian, missing[..., None])[..., 0]
    step = np.clip(step, (-MAX_BEND[0], -MAX_BEND[1]), MAX_BEND).astype(X.dtype)
    u *= step[:, :, :1] * spread
    v *= step[:, :, 1:] * spread
    return X + u + v


def _standardize(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Channels with mean 0 and variance 1, and their standard deviations."""
    x = X - X.mean(axis=2, keepdims=True)
    spread = np.sqrt(np.vecdot(x, x) / X.shape[2])[:, :, None]
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


def _power(X: np.ndarray) -> np.ndarray:
    """Power spectrum of each channel of each window, shape (n, n_channels, n_freqs)."""
    spectrum = spectrum_of(X)
    power = spectrum.real**2 + spectrum.imag**2
    power *= 2 / X.shape[2] ** 2
    return power


def _shape(X: np.ndarray) -> np.ndarray:
    """Compressed skewness and kurtosis of each channel, shape (n, 2 * n_channels)."""
    x, _ = _standardize(X)
    square = x * x
    skewness = np.vecdot(square, x) / X.shape[2]
    kurtosis = np.vecdot(square, square) / X.shape[2]
    return np.column_stack([np.arcsinh(skewness), np.log(np.maximum(kurtosis, 1))])


def profile_of(described: np.ndarray) -> np.ndarray:
    """Describe a patient by the median over background windows (..., n_windows, n_descriptors)."""
    return np.median(described, axis=-2)
