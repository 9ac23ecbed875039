"""Power spectra of windows, and the frequency bands of EEG."""

from __future__ import annotations

import numpy as np
from scipy import fft
from scipy.signal.windows import hann

# Hz. The bands of clinical EEG (Kane et al. 2017, a revised glossary of terms); gamma ends below
# the mains frequency.
BANDS = {
    "delta": (0.5, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 45.0),
}


def power_spectrum(x: np.ndarray, sfreq: float) -> np.ndarray:
    """One-sided periodogram of the last axis with a Hann window (Harris 1978).

    Parameters
    ----------
    x : ndarray of shape (..., n_times)
        Signals, best with their mean removed.
    sfreq : float
        Sampling frequency, Hz.

    Returns
    -------
    psd : ndarray of shape (..., n_times // 2 + 1)
        Power density, unit of `x` squared per Hz, at the frequencies of ``rfftfreq``.
    """
    n_times = x.shape[-1]
    # the periodic window: the symmetric one is zero everywhere for windows of 2 samples
    taper = hann(n_times, sym=False).astype(x.dtype)
    spectrum = fft.rfft(x * taper)
    psd = spectrum.real**2
    psd += spectrum.imag**2
    psd *= 2.0 / (sfreq * float(taper @ taper))
    psd[..., 0] /= 2  # no negative partner, nor has the Nyquist frequency
    if n_times % 2 == 0 and n_times > 1:
        psd[..., -1] /= 2
    return psd


def band_widths(n_times: int, sfreq: float) -> np.ndarray:
    """How many Hz of each frequency bin lie in each band, shape (n_bins, n_bands).

    A bin stands for the frequencies nearer to it than to its neighbors. Bins on an edge are thus
    shared between bands, and no power is lost in short windows with few bins. The product of a
    power spectrum with this matrix is the power in each band.
    """
    freqs = fft.rfftfreq(n_times, 1 / sfreq)
    half = sfreq / n_times / 2
    # The bins at zero and at the Nyquist frequency hold their whole power in half the width: it
    # is spread over it.
    low, high = np.maximum(freqs - half, 0), np.minimum(freqs + half, sfreq / 2)
    density = 2 * half / np.maximum(high - low, np.finfo(float).tiny)
    edges = np.array(list(BANDS.values()))
    overlap = np.minimum(high[:, None], edges[:, 1]) - np.maximum(low[:, None], edges[:, 0])
    return np.maximum(overlap, 0) * density[:, None]
