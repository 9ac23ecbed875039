"""Bringing each window nearer to the descriptors that were drawn for it, in one step.

The networks are asked for these numbers too, but meet them only on the average.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from ._descriptors import FLOOR, Descriptors, power_spectrum, standardize
from ._filtering import continued_spectrum, cut, interpolate_gain

ROUNDS = 3  # of filtering, after which powers are as asked for
MAX_LOG_GAIN = np.log(10)
MAX_EXPONENT = 0.5  # of the spectrum, in one step
SHARPNESS_FLOOR = 1e-3  # of the slope: a flat spectrum has no peaks to be sharpened
HEAVY_TAILED = 3.5  # kurtosis beyond which a channel should have discharges; 3 is a normal one
SOFT_LIMIT = 16.0  # squared standard deviations beyond which values are bent less and less
MAX_BEND = (0.15, 0.05)  # in one step, of second and third power: the map stays monotone


def match_powers(descriptors: Descriptors, X: np.ndarray, described: np.ndarray) -> np.ndarray:
    """Filter windows until they have the band powers and the entropy asked for.

    Windows that have them already stay as they are.
    """
    n_times = X.shape[2]
    for _ in range(ROUNDS):
        gain = interpolate_gain(power_gain(descriptors, X, described), n_times)
        X = cut(continued_spectrum(X) * gain, n_times)
    return X


def power_gain(descriptors: Descriptors, X: np.ndarray, described: np.ndarray) -> np.ndarray:
    """The gain that brings windows nearer to the band powers and the entropy asked for.

    Of shape (n, n_channels, n_freqs).
    """
    n_channels = X.shape[1]
    n_powers = n_channels * (len(descriptors.edges) - 1)
    cuts = [n_powers, n_powers + n_channels]
    powers, entropy, _ = np.split(described[:, 1:], cuts, axis=1)
    power = power_spectrum(X)
    sharper = _sharpening(descriptors, power, entropy)
    power *= sharper * sharper
    missing = (powers.reshape(len(X), n_channels, -1) - descriptors.log_powers(power)) / 2
    gain = np.exp(np.clip(missing, -MAX_LOG_GAIN, MAX_LOG_GAIN).astype(np.float32))
    edges = np.r_[0, descriptors.edges[1:]]  # the mean goes with the lowest band
    return np.repeat(gain, np.diff(edges), axis=2) * sharper


def _sharpening(descriptors: Descriptors, power: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """A gain that makes peaks within bands sharper or blunter, toward an entropy.

    It is a power of the spectrum itself, by one Newton step: a higher power in bands that hold
    more of the signal, for the others' shape hardly changes the entropy.
    """
    entropy, share, log = descriptors.entropy(power)
    starts, widths = descriptors.edges[:-1] - descriptors.edges[0], np.diff(descriptors.edges)
    band = np.maximum(np.add.reduceat(share, starts, axis=2), FLOOR)
    mean = np.add.reduceat(share * log, starts, axis=2) / band
    weight = band / band.max(axis=2, keepdims=True)
    apart = (log - np.repeat(mean, widths, axis=2)) * np.repeat(weight, widths, axis=2)
    slope = -(share * apart * log).sum(axis=2)
    exponent = (wanted - entropy) / np.minimum(slope, -SHARPNESS_FLOOR)
    exponent = np.clip(exponent, -MAX_EXPONENT, MAX_EXPONENT).astype(np.float32)
    log_gain = np.clip(exponent[:, :, None] * apart / 2, -MAX_LOG_GAIN, MAX_LOG_GAIN)
    gain = np.ones_like(power)
    gain[:, :, descriptors.edges[0] :] = np.exp(log_gain)
    return gain


def match_moments(descriptors: Descriptors, X: np.ndarray, described: np.ndarray) -> np.ndarray:
    """Bring channels that should have discharges nearer to their skewness and kurtosis.

    Others stay as they are: where smooth waves are bent, too, signals are easier to tell from real
    ones.
    """
    skewness, kurtosis = np.split(described[:, -2 * X.shape[1] :], 2, axis=1)
    skewness, kurtosis = np.sinh(skewness), np.exp(kurtosis)
    heavy = kurtosis > HEAVY_TAILED
    bent = X.copy()
    bent[heavy] = _bend_values(X[heavy], skewness[heavy], kurtosis[heavy], descriptors.smoothing)
    return bent


def _bend_values(
    X: np.ndarray, skewness: np.ndarray, kurtosis: np.ndarray, smoothing: int
) -> np.ndarray:
    """Bend the values of signals (n, n_times) toward a skewness and a kurtosis (n,).

    One damped Newton step of x + a u + b v, where u and v are nearly the second and third power of
    x, smoothed, but do not grow faster than x for large values. (Powers of x itself would make
    what is fast and weak louder wherever what is slow and strong is large.)
    """
    x, spread = standardize(X)
    square = x * x
    slow = uniform_filter1d(x, smoothing, axis=1, mode="nearest")
    u = slow * slow
    u /= 1 + u / SOFT_LIMIT
    v = u * slow
    n_times = X.shape[1]
    third, fourth = np.vecdot(square, x) / n_times, np.vecdot(square, square) / n_times
    cube = square * x
    jacobian = np.empty((len(X), 2, 2))
    for j, bend in enumerate((u, v)):  # derivatives of the moments of unit variance
        along = np.vecdot(x, bend) / n_times
        level = bend.mean(axis=1)
        jacobian[:, 0, j] = 3 * (np.vecdot(square, bend) / n_times - level - third * along)
        jacobian[:, 1, j] = 4 * (np.vecdot(cube, bend) / n_times - third * level - fourth * along)
    jacobian += 1e-3 * np.eye(2)  # a channel without variance has no moments
    missing = np.stack([skewness - third, kurtosis - fourth], axis=-1)
    step = np.linalg.solve(jacobian, missing[..., None])[..., 0]
    step = np.clip(step, (-MAX_BEND[0], -MAX_BEND[1]), MAX_BEND).astype(X.dtype)
    u *= step[:, :1] * spread
    v *= step[:, 1:] * spread
    return X + u + v
