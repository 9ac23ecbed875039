"""The observation noise of the autoencoder: what the decoder's mean has lost.

A decoder returns a mean and loses exactly the frequencies that it could not explain. They come
back as Gaussian noise with the spectrum that is missing, drawn in the Fourier domain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

SMOOTHING = 9  # frequency bins, so that few windows suffice


@dataclass
class ResidualNoise:
    """Spectrum that reconstructions lack, for each state and component.

    Attributes
    ----------
    amplitude : ndarray of shape (n_states, n_components, n_freqs)
        Root of the missing power at each frequency, for windows of unit RMS.
    """

    amplitude: np.ndarray

    @classmethod
    def fit(cls, power: np.ndarray, reconstructed: np.ndarray) -> ResidualNoise:
        """Learn from mean power spectra (n_states, n_components, n_freqs) of both."""
        missing = np.maximum(power - reconstructed, 0)
        smooth = uniform_filter1d(missing, SMOOTHING, axis=2, mode="nearest")
        return cls(np.sqrt(np.maximum(smooth, 0)))  # the running sum can round below zero

    def draw(self, state: np.ndarray, normal: np.ndarray, n_times: int) -> np.ndarray:
        """Turn standard normal numbers (n, n_components, n_freqs, 2) into noise."""
        spectrum = (normal[..., 0] + 1j * normal[..., 1]) * np.sqrt(0.5)
        return np.fft.irfft(self.amplitude[state] * spectrum, n_times, axis=2).astype(np.float32)


def power_by_state(components: np.ndarray, state: np.ndarray, n_states: int) -> np.ndarray:
    """Sum of the power spectra of each state's windows, (n_states, n_components, n_freqs)."""
    spectrum = np.fft.rfft(components, axis=2)
    power = spectrum.real**2 + spectrum.imag**2
    total = np.zeros((n_states, *power.shape[1:]))
    np.add.at(total, state, power)
    return total
