"""What generated windows still lack, put right in the order of `CORRECTIONS`.

Band powers and moments are matched window by window and channel by channel. That leaves wrong: the
shape of the spectrum within a band, such as a peak that the networks blur or the steep edge of an
amplifier's filter; what channels have in common, such as a reference that makes their sum vanish,
which gains for single channels do not keep; and how loud a window is at its ends, and its mean.
These are learned state by state, from averages of real and of generated windows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import uniform_filter1d

from ._descriptors import Descriptors
from ._filtering import continued_spectrum, cut, interpolate_gain, spectrum_of
from ._matching import match_moments, power_gain

# "powers" are those of bands and the entropy, "moments" skewness and kurtosis, "request" what is
# asked of both; the others are the classes below.
CORRECTIONS = ("course", "request", "spectrum", "mixing", "moments", "powers", "level")
ROUNDS = 3  # each correction undoes a part of the others

SMOOTHING = 3  # frequency bins over which the filter is smoothed
UNSMOOTHED = 4  # lowest bins, which are not: there an amplifier's high-pass is steep
COURSE = 32  # parts of a window, at most, that are compared with each other
FLOOR = 1e-9
MAX_COURSE_GAIN = 1.3  # of slow activity at one time within a window; also its inverse
MAX_LOG_GAIN = np.log(30)
MAX_SCALE_STEP = 1.25  # factor of a descriptor's requested spread in one round; also its inverse
PRIOR_WINDOWS = 20  # with so many windows of a state, half of a correction is made


@dataclass
class Course:
    """How loud what is slow is at each time within a window.

    A filter that makes slow frequencies louder than fast ones does so with all of the first and the
    last sample, on which windows are continued.

    Attributes
    ----------
    envelope : ndarray of shape (n_states, n_times), float32
        What each sample of what is slow is multiplied by.
    """

    envelope: np.ndarray

    def __call__(self, X: np.ndarray, state: np.ndarray) -> np.ndarray:
        return X + slow_part(X) * (self.envelope[state][:, None] - 1)

    def fit(self, state: int, real: Averages, generated: Averages) -> None:
        """Learn one state, beside what is corrected already."""
        ratio = _amplitude_ratio(real.smooth_course(), generated.smooth_course())
        self.envelope[state] *= ratio**real.belief
        limits = 1 / MAX_COURSE_GAIN, MAX_COURSE_GAIN
        np.clip(self.envelope[state], *limits, out=self.envelope[state])


@dataclass
class Spectrum:
    """A zero-phase filter.

    Attributes
    ----------
    gain : ndarray of shape (n_states, n_channels, n_freqs), float32
    """

    gain: np.ndarray

    def fit(self, state: int, real: Averages, generated: Averages) -> None:
        """Learn one state, beside what is corrected already."""
        log_gain = real.belief * (real.log_power - generated.log_power) / 2
        high = log_gain[:, UNSMOOTHED:]
        log_gain[:, UNSMOOTHED:] = uniform_filter1d(high, SMOOTHING, axis=1, mode="nearest")
        gain = np.exp(np.clip(log_gain, -MAX_LOG_GAIN, MAX_LOG_GAIN))
        self.gain[state, :, 1:] *= gain[:, 1:].astype(np.float32)
        # Spectra are without the mean, which is corrected on its own.
        self.gain[state, :, 0] = self.gain[state, :, min(1, gain.shape[1] - 1)]


@dataclass
class Mixing:
    """A mixing of channels in each band.

    Attributes
    ----------
    matrices : ndarray of shape (n_states, n_bands, n_channels, n_channels), float32
    edges : ndarray of shape (n_bands + 1,)
        Edges of the bands, as in `Descriptors`; what is below the first is left alone.
    """

    matrices: np.ndarray
    edges: np.ndarray

    def __call__(self, spectrum: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Mix the channels of continued spectra (n, n_channels, ...), each as its state asks."""
        if spectrum.shape[1] == 1:
            return spectrum
        mixed = np.empty_like(spectrum)
        for s in np.unique(state):
            rows = state == s
            mine = spectrum[rows]
            for matrix, (first, last) in zip(self.matrices[s], pairwise(2 * self.edges - 1)):
                # As pairs of real numbers: products of real with complex matrices are slow.
                band = np.ascontiguousarray(mine[:, :, first:last]).view(np.float32)
                mine[:, :, first:last] = (matrix @ band).view(np.complex64)
            mixed[rows] = mine
        return mixed

    def fit(self, state: int, real: Averages, generated: Averages) -> None:
        """Learn one state, beside what is corrected already."""
        for b, (wanted, source) in enumerate(zip(real.shared, generated.shared)):
            target = real.belief * wanted + (1 - real.belief) * source
            self.matrices[state, b] = damping(source, target) @ self.matrices[state, b]


@dataclass
class Level:
    """How large the mean of each channel is.

    Attributes
    ----------
    factor : ndarray of shape (n_states, n_channels), float32
        What the mean of a window is multiplied by.
    """

    factor: np.ndarray

    def __call__(self, X: np.ndarray, state: np.ndarray) -> np.ndarray:
        return X + X.mean(axis=2, keepdims=True) * (self.factor[state] - 1)[:, :, None]

    def fit(self, state: int, real: Averages, generated: Averages) -> None:
        """Learn one state, beside what is corrected already."""
        self.factor[state] *= _amplitude_ratio(real.level, generated.level) ** real.belief


@dataclass
class Request:
    """What to ask for so that windows come out as described.

    Only of entropy, skewness and kurtosis, the last descriptors: they come out too near to one
    another, because what is corrected after them undoes some. Powers come out as asked.

    Attributes
    ----------
    scale, offset : ndarray of shape (n_states, 3 * n_channels)
        What descriptors are multiplied by, and what is added.
    """

    scale: np.ndarray
    offset: np.ndarray

    def __call__(self, described: np.ndarray, state: np.ndarray) -> np.ndarray:
        asked = described.copy()
        last = asked[:, -self.scale.shape[1] :]
        last *= self.scale[state]
        last += self.offset[state]
        return asked

    def fit(self, state: int, drawn: np.ndarray, got: np.ndarray) -> None:
        """Learn one state, from descriptors (n, q) drawn, and those of the windows generated."""
        n = self.scale.shape[1]
        drawn, got = drawn[:, -n:], got[:, -n:]
        ratio = (drawn.std(axis=0) + FLOOR) / (got.std(axis=0) + FLOOR)
        mean = drawn.mean(axis=0)
        asked = self.scale[state] * mean + self.offset[state]
        self.scale[state] *= np.clip(ratio, 1 / MAX_SCALE_STEP, MAX_SCALE_STEP)
        self.offset[state] = asked + mean - got.mean(axis=0) - self.scale[state] * mean


@dataclass(frozen=True)
class Corrections:
    """All of them but those in `left_out`, to see what each does; what each has learned is its own.

    The course comes first: what it does to fast and weak frequencies is then made good.
    """

    course: Course
    request: Request
    spectrum: Spectrum
    mixing: Mixing
    level: Level
    left_out: Collection[str] = ()

    @classmethod
    def none(cls, n_states: int, n_channels: int, n_times: int, edges: np.ndarray) -> Corrections:
        """Those that change nothing, but for powers and moments, of which nothing is learned."""
        identity = np.eye(n_channels, dtype=np.float32)
        scale = np.ones((n_states, 3 * n_channels))
        return cls(
            course=Course(np.ones((n_states, n_times), np.float32)),
            request=Request(scale, np.zeros_like(scale)),
            spectrum=Spectrum(np.ones((n_states, n_channels, n_times // 2 + 1), np.float32)),
            mixing=Mixing(np.tile(identity, (n_states, len(edges) - 1, 1, 1)), edges),
            level=Level(np.ones((n_states, n_channels), np.float32)),
        )

    def __call__(
        self, X: np.ndarray, state: np.ndarray, described: np.ndarray, descriptors: Descriptors
    ) -> np.ndarray:
        """Correct windows (n, n_channels, n_times) of unit RMS, drawn with these descriptors."""
        left_out, n_times = self.left_out, X.shape[2]
        if "course" not in left_out:
            X = self.course(X, state)
        if "request" not in left_out:
            described = self.request(described, state)
        nothing = np.ones((*X.shape[:2], n_times // 2 + 1), X.dtype)
        gain = nothing if "spectrum" in left_out else self.spectrum.gain[state]
        for _ in range(ROUNDS):
            spectrum = continued_spectrum(X) * interpolate_gain(gain, n_times)
            X = cut(spectrum if "mixing" in left_out else self.mixing(spectrum, state), n_times)
            if "moments" not in left_out:
                X = match_moments(descriptors, X, described)
            gain = nothing if "powers" in left_out else power_gain(descriptors, X, described)
        X = cut(continued_spectrum(X) * interpolate_gain(gain, n_times), n_times)
        return X if "level" in left_out else self.level(X, state)

    def fit(self, state: int, real: Averages, generated: Averages) -> None:
        """Learn one state, beside what is corrected already; requests are learned on their own."""
        for correction in (self.spectrum, self.level, self.course, self.mixing):
            correction.fit(state, real, generated)


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

    @property
    def belief(self) -> float:
        """The part of a correction that is made: few windows of a state say little."""
        return self.n / (self.n + PRIOR_WINDOWS)

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
