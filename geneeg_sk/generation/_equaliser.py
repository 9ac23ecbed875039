"""What generated windows still lack on the average, put right by a filter.

Band powers are imposed window by window and channel by channel. That leaves two things wrong: the
shape of the spectrum within a band, such as a peak that the networks blur or the steep edge of an
amplifier's filter; and what channels have in common, such as a reference that makes their sum
vanish, which gains for single channels do not keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.fft import irfft, rfft
from scipy.ndimage import uniform_filter1d

from ._frontend import tapered_spectrum

SMOOTHING = 3  # frequency bins, so that logarithms are not those of noise near zero
FLOOR = 1e-9
MAX_LOG_GAIN = np.log(30)
PRIOR_WINDOWS = 20  # at this many windows of a state, half of what they say is believed


@dataclass
class Equaliser:
    """A zero-phase filter for each state and channel, and a mixing of channels for each band.

    Attributes
    ----------
    gain : ndarray of shape (n_states, n_channels, n_freqs), float32
    mixing : ndarray of shape (n_states, n_bands, n_channels, n_channels), float32
    edges : ndarray of shape (n_bands + 1,)
        Edges of the bands, as in `Descriptors`; what is below the first is left alone.
    """

    gain: np.ndarray
    mixing: np.ndarray
    edges: np.ndarray

    @classmethod
    def flat(cls, n_states: int, n_channels: int, n_times: int, edges: np.ndarray) -> Equaliser:
        """The filter that changes nothing."""
        identity = np.eye(n_channels, dtype=np.float32)
        mixing = np.tile(identity, (n_states, len(edges) - 1, 1, 1))
        gain = np.ones((n_states, n_channels, n_times // 2 + 1), np.float32)
        return cls(gain, mixing, edges)

    def filter(self, X: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Filter windows (n, n_channels, n_times), each as its state asks."""
        return irfft(rfft(X, axis=2) * self.gain[state], X.shape[2], axis=2)

    def mix(self, X: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Mix the channels of windows (n, n_channels, n_times), each as its state asks."""
        if X.shape[1] == 1:
            return X
        spectrum = rfft(X, axis=2)
        for s in np.unique(state):
            rows = state == s
            mine = spectrum[rows]
            for mixing, (first, last) in zip(self.mixing[s], pairwise(self.edges)):
                mine[:, :, first:last] = mixing @ mine[:, :, first:last]
            spectrum[rows] = mine
        return irfft(spectrum, X.shape[2], axis=2)

    def correct(self, state: int, wanted: Averages, got: Averages) -> None:
        """Add what turns the averages `got` of generated windows into `wanted`."""
        belief = wanted.n / (wanted.n + PRIOR_WINDOWS)
        log_gain = belief * (wanted.log_power - got.log_power) / 2
        gain = np.exp(np.clip(log_gain, -MAX_LOG_GAIN, MAX_LOG_GAIN))
        self.gain[state, :, 1:] *= gain[:, 1:].astype(np.float32)  # spectra are without the mean
        for b, (real, source) in enumerate(zip(wanted.shared, got.shared)):
            target = belief * real + (1 - belief) * source
            self.mixing[state, b] = damping(source, target) @ self.mixing[state, b]


@dataclass
class Averages:
    """What windows of a state are on the average, each counting the same however loud.

    Attributes
    ----------
    log_power : ndarray of shape (n_channels, n_freqs)
        Mean of the logarithm of the smoothed power spectrum: a mean of powers would be that of
        the few loudest windows.
    shared : ndarray of shape (n_bands, n_channels, n_channels)
        Mean covariance in each band of windows that have unit power there.
    n : int
        Number of windows.
    """

    log_power: np.ndarray
    shared: np.ndarray
    n: int

    @classmethod
    def of(cls, parts, edges: np.ndarray) -> Averages:
        """Average over parts, each an array of windows (n, n_channels, n_times) at unit RMS."""
        log_power, shared, n = np.zeros(()), np.zeros(()), 0
        for X in parts:
            spectrum = tapered_spectrum(X)
            power = np.abs(spectrum).astype(np.float64) ** 2
            smooth = uniform_filter1d(power, SMOOTHING, axis=2, mode="nearest")
            log_power = log_power + np.log(smooth + FLOOR).sum(axis=0)
            bands = [_covariance(spectrum[:, :, a:b]) for a, b in pairwise(edges)]
            shared = shared + np.stack(bands)
            n += len(X)
        return cls(log_power / n, shared / n, n)


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
