"""What generated windows still lack on the average, put right state by state.

Band powers are imposed window by window and channel by channel. That leaves wrong: the shape of the
spectrum within a band, such as a peak that the networks blur or the steep edge of an amplifier's
filter; what channels have in common, such as a reference that makes their sum vanish, which gains
for single channels do not keep; and how loud a window is at its ends, and its mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import uniform_filter1d

from ._filtering import spectrum_of

SMOOTHING = 3  # frequency bins over which the filter is smoothed
UNSMOOTHED = 4  # lowest bins, which are not: there an amplifier's high-pass is steep
COURSE = 32  # parts of a window, at most, that are compared with each other
FLOOR = 1e-9
MAX_COURSE_GAIN = 1.3  # of slow activity at one time within a window; also its inverse
MAX_LOG_GAIN = np.log(30)
MAX_SCALE_STEP = 1.25  # factor of a descriptor's requested spread in one round; also its inverse
PRIOR_WINDOWS = 20  # with so many windows of a state, half of a correction is made


@dataclass
class Equalizer:
    """For each state a zero-phase filter, a factor of the mean, and a mixing of channels by band.

    Attributes
    ----------
    gain : ndarray of shape (n_states, n_channels, n_freqs), float32
    mixing : ndarray of shape (n_states, n_bands, n_channels, n_channels), float32
    level : ndarray of shape (n_states, n_channels), float32
        What the mean of a window is multiplied by.
    envelope : ndarray of shape (n_states, n_times), float32
        What each sample of what is slow is multiplied by.
    scale, offset : ndarray of shape (n_states, 3 * n_channels)
        What the last descriptors (entropy, skewness and kurtosis of each channel) are multiplied
        by, and what is added, before windows are corrected.
    edges : ndarray of shape (n_bands + 1,)
        Edges of the bands, as in `Descriptors`; what is below the first is left alone.
    """

    gain: np.ndarray
    mixing: np.ndarray
    level: np.ndarray
    envelope: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    edges: np.ndarray

    @classmethod
    def flat(cls, n_states: int, n_channels: int, n_times: int, edges: np.ndarray) -> Equalizer:
        """The filter that changes nothing."""
        identity = np.eye(n_channels, dtype=np.float32)
        mixing = np.tile(identity, (n_states, len(edges) - 1, 1, 1))
        gain = np.ones((n_states, n_channels, n_times // 2 + 1), np.float32)
        level = np.ones((n_states, n_channels), np.float32)
        envelope = np.ones((n_states, n_times), np.float32)
        scale = np.ones((n_states, 3 * n_channels))
        return cls(gain, mixing, level, envelope, scale, np.zeros_like(scale), edges)

    def request(self, described: np.ndarray, state: np.ndarray) -> np.ndarray:
        """What to ask for so that windows come out as described."""
        asked = described.copy()
        shape = asked[:, -self.scale.shape[1] :]
        shape *= self.scale[state]
        shape += self.offset[state]
        return asked

    def mix(self, spectrum: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Mix the channels of continued spectra (n, n_channels, ...), each as its state asks."""
        if spectrum.shape[1] == 1:
            return spectrum
        mixed = np.empty_like(spectrum)
        for s in np.unique(state):
            rows = state == s
            mine = spectrum[rows]
            for mixing, (first, last) in zip(self.mixing[s], pairwise(2 * self.edges - 1)):
                # As pairs of real numbers: products of real with complex matrices are slow.
                band = np.ascontiguousarray(mine[:, :, first:last]).view(np.float32)
                mine[:, :, first:last] = (mixing @ band).view(np.complex64)
            mixed[rows] = mine
        return mixed

    def shape(self, X: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Give what is slow in windows (n, n_channels, n_times) the course that real ones have.

        A filter that makes slow frequencies louder than fast ones does so with all of the first
        and the last sample, on which windows are continued.
        """
        return X + slow_part(X) * (self.envelope[state][:, None] - 1)

    def shift(self, X: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Give windows (n, n_channels, n_times) means as large as those of real ones."""
        return X + X.mean(axis=2, keepdims=True) * (self.level[state] - 1)[:, :, None]

    def correct(self, state: int, wanted: Averages, got: Averages) -> None:
        """Add what turns the averages `got` of generated windows into `wanted`."""
        belief = wanted.n / (wanted.n + PRIOR_WINDOWS)
        self._correct_spectrum(state, belief * (wanted.log_power - got.log_power) / 2)
        self.level[state] *= _amplitude_ratio(wanted.level, got.level) ** belief
        course = _amplitude_ratio(wanted.smooth_course(), got.smooth_course())
        self.envelope[state] *= course**belief
        limits = 1 / MAX_COURSE_GAIN, MAX_COURSE_GAIN
        np.clip(self.envelope[state], *limits, out=self.envelope[state])
        for b, (real, source) in enumerate(zip(wanted.shared, got.shared)):
            target = belief * real + (1 - belief) * source
            self.mixing[state, b] = damping(source, target) @ self.mixing[state, b]

    def calibrate(self, state: int, wanted: np.ndarray, got: np.ndarray) -> None:
        """Learn what to ask for, from descriptors drawn and those of the windows (n, q) got.

        Only of entropy, skewness and kurtosis: they come out too near to one another, because
        what is corrected after them undoes some. Powers come out as asked.
        """
        n = self.scale.shape[1]
        wanted, got = wanted[:, -n:], got[:, -n:]
        ratio = (wanted.std(axis=0) + FLOOR) / (got.std(axis=0) + FLOOR)
        mean = wanted.mean(axis=0)
        asked = self.scale[state] * mean + self.offset[state]
        self.scale[state] *= np.clip(ratio, 1 / MAX_SCALE_STEP, MAX_SCALE_STEP)
        self.offset[state] = asked + mean - got.mean(axis=0) - self.scale[state] * mean

    def _correct_spectrum(self, state: int, log_gain: np.ndarray) -> None:
        high = log_gain[:, UNSMOOTHED:]
        log_gain[:, UNSMOOTHED:] = uniform_filter1d(high, SMOOTHING, axis=1, mode="nearest")
        gain = np.exp(np.clip(log_gain, -MAX_LOG_GAIN, MAX_LOG_GAIN))
        self.gain[state, :, 1:] *= gain[:, 1:].astype(np.float32)
        # Spectra are without the mean, which is corrected on its own.
        self.gain[state, :, 0] = self.gain[state, :, min(1, gain.shape[1] - 1)]


@dataclass
class Averages:
    """What windows of a state are on the average, each counting the same however loud.

    Attributes
    ----------
    log_power : ndarray of shape (n_channels, n_freqs)
        Mean of the logarithm of the power spectrum: a mean of powers would be that of the few
        loudest windows.
    level : ndarray of shape (n_channels,)
        Mean square of the windows' means.
    course : ndarray of shape (n_times,)
        Mean square of each sample of what is slow.
    shared : ndarray of shape (n_bands, n_channels, n_channels)
        Mean covariance in each band of windows that have unit power there.
    n : int
        Number of windows.
    """

    log_power: np.ndarray
    level: np.ndarray
    course: np.ndarray
    shared: np.ndarray
    n: int

    def smooth_course(self) -> np.ndarray:
        """The course, of mean 1, over stretches of a window."""
        length = max(1, len(self.course) // COURSE)
        relative = self.course / max(self.course.mean(), FLOOR)
        return uniform_filter1d(relative, length, mode="nearest")

    @classmethod
    def of(cls, parts: Iterable[np.ndarray], edges: np.ndarray) -> Averages:
        """Average over parts, each an array of windows (n, n_channels, n_times) at unit RMS."""
        log_power, level, course, shared = (np.zeros(()) for _ in range(4))
        n = 0
        for X in parts:
            spectrum = spectrum_of(X)
            power = np.abs(spectrum).astype(np.float64) ** 2
            log_power = log_power + np.log(power + FLOOR).sum(axis=0)
            mean = X.mean(axis=2, dtype=np.float64)
            level = level + (mean**2).sum(axis=0)
            slow = slow_part(X).astype(np.float64)
            course = course + (slow**2).mean(axis=1).sum(axis=0)
            bands = [_covariance(spectrum[:, :, a:b]) for a, b in pairwise(edges)]
            shared = shared + np.stack(bands)
            n += len(X)
        return cls(log_power / n, level / n, course / n, shared / n, n)


def damping(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """A mixing that takes out what covariance `source` has too much of, beside `target`.

    Along each principal axis of `target` the excess is damped, and nothing is made louder: the
    axes that matter are those along which real windows have nearly nothing. (Optimal transport
    between the two, which turns every axis, measured worse: it also moves power between channels.)
    """
    variance, axes = np.linalg.eigh(target / max(np.trace(target), FLOOR))
    excess = np.einsum("ci,cd,di->i", axes, source / max(np.trace(source), FLOOR), axes)
    ratio = np.maximum(variance, 0) / np.maximum(excess, FLOOR)
    gain = np.sqrt(np.clip(ratio, 0, 1))
    return ((axes * gain) @ axes.T).astype(np.float32)


def slow_part(X: np.ndarray) -> np.ndarray:
    """What is left of windows (n, n_channels, n_times), mean removed, by a running mean."""
    length = max(1, X.shape[2] // COURSE)
    slow = uniform_filter1d(X, length, axis=2, mode="nearest")
    return slow - slow.mean(axis=2, keepdims=True)


def _amplitude_ratio(wanted: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Root of the ratio of two powers, float32."""
    return np.sqrt((wanted + FLOOR) / (got + FLOOR)).astype(np.float32)


def _covariance(spectrum: np.ndarray) -> np.ndarray:
    """Sum over windows of the covariance between channels at unit power."""
    cross = np.einsum("ncf,ndf->ncd", spectrum, spectrum.conj(), optimize=True).real
    power = np.trace(cross, axis1=1, axis2=2)
    return (cross / np.maximum(power, FLOOR)[:, None, None]).sum(axis=0, dtype=np.float64)
