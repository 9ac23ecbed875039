"""What generated windows still lack, put right in the order of `CORRECTIONS`.

Band powers and moments are matched window by window and channel by channel; without the moments,
epileptiform discharges are missing. That leaves wrong: the shape of the spectrum within a band,
such as a peak that the networks blur or the steep edge of an amplifier's filter; what channels have
in common, such as a reference that makes their sum vanish, which gains for single channels do not
keep; and how large the mean of a window is. These are learned state by state, from averages of
real and of generated windows.
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

# "powers" are those of bands and the entropy, "moments" skewness and kurtosis; the others are the
# classes below.
CORRECTIONS = ("spectrum", "mixing", "moments", "powers", "level")
ROUNDS = 3  # each correction undoes a part of the others

SMOOTHING = 3  # frequency bins over which the filter is smoothed
UNSMOOTHED = 4  # lowest bins, which are not: there an amplifier's high-pass is steep
FLOOR = 1e-9
MAX_LOG_GAIN = np.log(30)
PRIOR_WINDOWS = 20  # with so many windows of a state, half of a correction is made


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

    No filter sees to it: the mean of a window is also that of waves longer than the window.

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
        ratio = np.sqrt((real.level + FLOOR) / (generated.level + FLOOR))
        self.factor[state] *= (ratio**real.belief).astype(np.float32)


@dataclass(frozen=True)
class Corrections:
    """All of them but those in `left_out`; what each has learned is its own."""

    spectrum: Spectrum
    mixing: Mixing
    level: Level
    left_out: Collection[str] = ()

    @classmethod
    def none(cls, n_states: int, n_channels: int, n_times: int, edges: np.ndarray) -> Corrections:
        """Those that change nothing, but for moments and powers, of which nothing is learned."""
        identity = np.eye(n_channels, dtype=np.float32)
        return cls(
            spectrum=Spectrum(np.ones((n_states, n_channels, n_times // 2 + 1), np.float32)),
            mixing=Mixing(np.tile(identity, (n_states, len(edges) - 1, 1, 1)), edges),
            level=Level(np.ones((n_states, n_channels), np.float32)),
        )

    def __call__(
        self, X: np.ndarray, state: np.ndarray, described: np.ndarray, descriptors: Descriptors
    ) -> np.ndarray:
        """Correct windows (n, n_channels, n_times) of unit RMS, drawn with these descriptors."""
        left_out, n_times = self.left_out, X.shape[2]
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
        """Learn one state, beside what is corrected already."""
        for correction in (self.spectrum, self.mixing, self.level):
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
    shared : ndarray of shape (n_bands, n_channels, n_channels)
        Mean covariance in each band of windows that have unit power there.
    n : int
        Number of windows.
    """

    log_power: np.ndarray
    level: np.ndarray
    shared: np.ndarray
    n: int

    @property
    def belief(self) -> float:
        """The part of a correction that is made: few windows of a state say little."""
        return self.n / (self.n + PRIOR_WINDOWS)

    @classmethod
    def of(cls, parts: Iterable[np.ndarray], edges: np.ndarray) -> Averages:
        """Average over parts, each an array of windows (n, n_channels, n_times) at unit RMS."""
        log_power, level, shared = (np.zeros(()) for _ in range(3))
        n = 0
        for X in parts:
            spectrum = spectrum_of(X)
            power = np.abs(spectrum).astype(np.float64) ** 2
            log_power = log_power + np.log(power + FLOOR).sum(axis=0)
            level = level + (X.mean(axis=2, dtype=np.float64) ** 2).sum(axis=0)
            bands = [_covariance(spectrum[:, :, a:b]) for a, b in pairwise(edges)]
            shared = shared + np.stack(bands)
            n += len(X)
        return cls(log_power / n, level / n, shared / n, n)


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


def _covariance(spectrum: np.ndarray) -> np.ndarray:
    """Sum over windows of the covariance between channels at unit power."""
    cross = np.einsum("ncf,ndf->ncd", spectrum, spectrum.conj(), optimize=True).real
    power = np.trace(cross, axis1=1, axis2=2)
    return (cross / np.maximum(power, FLOOR)[:, None, None]).sum(axis=0, dtype=np.float64)
