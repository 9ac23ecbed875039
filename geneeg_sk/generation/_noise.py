"""The observation noise of the autoencoder: what the decoder's mean has lost.

A decoder returns a mean and loses exactly the frequencies that it could not explain. What it
shows there, such as the rhythm of its own strides, is taken out; Gaussian noise takes its place,
with the spectrum that is missing and the correlation between channels of what was lost, drawn in
the Fourier domain.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.fft import irfft
from scipy.ndimage import uniform_filter1d

from ._filtering import continued_spectrum, cut, interpolate_gain, spectrum_of

SMOOTHING = 3  # frequency bins; more would carry power across the edge of a high-pass
SHRINKAGE = 0.05  # toward independent channels, so that few windows give a positive matrix


@dataclass
class ReconstructionGain:
    """Sums over windows that tell how much of a reconstruction is real, frequency by frequency."""

    common: np.ndarray | float = 0.0
    power: np.ndarray | float = 0.0

    def add(self, real: np.ndarray, reconstructed: np.ndarray) -> None:
        """Add windows of unit RMS and their reconstructions, (n, n_channels, n_times)."""
        x, y = spectrum_of(real), spectrum_of(reconstructed)
        self.common = self.common + (x * y.conj()).real.sum(axis=0)
        self.power = self.power + (np.abs(y) ** 2).sum(axis=0)

    def wiener(self) -> np.ndarray:
        """The Wiener filter of reconstructions, shape (n_channels, n_freqs), between 0 and 1."""
        power = np.maximum(self.power, np.finfo(np.float32).tiny)
        return np.clip(self.common / power, 0, 1).astype(np.float32)


@dataclass
class ObservationNoise:
    """Spectrum that reconstructions lack, and how it is shared between channels.

    Attributes
    ----------
    gain : ndarray of shape (n_channels, n_freqs)
        By which reconstructions are filtered before.
    amplitude : ndarray of shape (n_states, n_channels, n_freqs)
        Root of the missing power at each frequency, for windows of unit RMS.
    factors : ndarray of shape (n_states, n_bands, n_channels, n_channels)
        Cholesky factors of the residuals' correlation between channels in each band.
    band : ndarray of shape (n_freqs,)
        Band of each frequency.
    """

    gain: np.ndarray
    amplitude: np.ndarray
    factors: np.ndarray
    band: np.ndarray

    def filter(self, X: np.ndarray) -> np.ndarray:
        """What is left of reconstructions without what the decoder cannot know."""
        n_times = X.shape[2]
        return cut(continued_spectrum(X) * interpolate_gain(self.gain, n_times), n_times)

    def draw(self, state: np.ndarray, rng: np.random.Generator, n_times: int) -> np.ndarray:
        """Noise in place of what windows of these states lost, at unit RMS, float32."""
        normal = rng.standard_normal((len(state), *self.gain.shape, 2), np.float32)
        white = (normal[..., 0] + 1j * normal[..., 1]) * np.float32(np.sqrt(0.5))
        spectrum = np.empty_like(white)
        for band in range(self.factors.shape[1]):
            its = self.band == band
            spectrum[:, :, its] = self.factors[state, band].astype(np.float32) @ white[:, :, its]
        spectrum *= self.amplitude[state].astype(np.float32)
        return irfft(spectrum, n_times, axis=2)


@dataclass
class NoiseStatistics:
    """Sums over windows from which `ObservationNoise` is made."""

    n_states: int
    edges: np.ndarray  # of the bands, as in Descriptors
    gain: np.ndarray  # as in ObservationNoise
    counts: np.ndarray = field(init=False)
    missing: np.ndarray | float = 0.0
    products: np.ndarray | float = 0.0

    def __post_init__(self) -> None:
        self.counts = np.zeros(self.n_states)

    def add(self, real: np.ndarray, reconstructed: np.ndarray, state: np.ndarray) -> None:
        """Add windows of unit RMS and their reconstructions, (n, n_channels, n_times)."""
        x, y = spectrum_of(real), spectrum_of(reconstructed) * self.gain
        member = np.eye(self.n_states)[state].T
        self.counts += member.sum(axis=1)
        power = np.abs(x) ** 2 - np.abs(y) ** 2
        self.missing = self.missing + np.tensordot(member, power, axes=1)
        products = [
            np.einsum("ncf,ndf->ncd", r, r.conj(), optimize=True).real
            for r in np.split(x - y, self.edges[1:-1], axis=2)
        ]
        self.products = self.products + np.einsum("sn,bncd->sbcd", member, np.stack(products))

    def noise(self) -> ObservationNoise:
        """The noise that makes up for what is missing."""
        mean = np.maximum(self.missing / np.maximum(self.counts, 1)[:, None, None], 0)
        smooth = np.zeros_like(mean)  # and no noise in the mean of a window
        smooth[:, :, 1:] = uniform_filter1d(mean[:, :, 1:], SMOOTHING, axis=2, mode="nearest")
        amplitude = np.sqrt(np.maximum(smooth, 0))  # the running sum can round below zero
        spread = np.sqrt(np.einsum("sbcc->sbc", self.products))
        spread = np.maximum(spread, np.finfo(np.float32).tiny)
        correlation = self.products / (spread[..., None] * spread[..., None, :])
        identity = np.eye(mean.shape[1])
        factors = np.linalg.cholesky((1 - SHRINKAGE) * correlation + SHRINKAGE * identity)
        norm = np.sqrt((factors**2).sum(axis=-1, keepdims=True))  # flat channels have no variance
        band = np.searchsorted(self.edges[1:-1], np.arange(mean.shape[2]), side="right")
        return ObservationNoise(self.gain, amplitude, factors / norm, band)
