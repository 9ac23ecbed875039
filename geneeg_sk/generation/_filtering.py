"""Spectra and filters of windows, which are cut out of a signal and do not end where they began.

The jump from a window's end to its beginning leaks into high frequencies, where EEG has ten
thousand times less power, and a filter carries it into both ends. Spectra are therefore taken under
a taper, and windows are filtered as parts of longer signals: continued by odd reflection, and cut.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft, rfft
from scipy.signal.windows import tukey

TAPER_SHARE = 0.25  # of a window, over which its ends are faded: a longer taper would hide them


def spectrum_of(X: np.ndarray) -> np.ndarray:
    """Fourier transform of windows (..., n_times), mean removed, under a taper of unit power."""
    taper = tukey(X.shape[-1], TAPER_SHARE, sym=False)
    taper = (taper / np.sqrt((taper**2).mean())).astype(X.dtype)
    return rfft((X - X.mean(axis=-1, keepdims=True)) * taper, axis=-1)


def continued_spectrum(X: np.ndarray) -> np.ndarray:
    """Fourier transform of windows (..., n_times) continued to 2 n_times samples."""
    before, after = _lengths(X.shape[-1])
    head = 2 * X[..., :1] - X[..., before:0:-1]
    tail = 2 * X[..., -1:] - X[..., ::-1][..., 1 : after + 1]
    missing = after - tail.shape[-1]  # a window of one sample has nothing to be reflected
    tail = np.concatenate([tail, np.repeat(X[..., -1:], missing, axis=-1)], axis=-1)
    return rfft(np.concatenate([head, X, tail], axis=-1), axis=-1)


def cut(spectrum: np.ndarray, n_times: int) -> np.ndarray:
    """Windows (..., n_times) of their continued spectrum: the way back."""
    before, _ = _lengths(n_times)
    return irfft(spectrum, 2 * n_times, axis=-1)[..., before : before + n_times]


def interpolate_gain(gain: np.ndarray, n_times: int) -> np.ndarray:
    """A gain (..., n_times // 2 + 1) at the frequencies of a continued spectrum, interpolated."""
    fine = np.empty((*gain.shape[:-1], n_times + 1), gain.dtype)
    n = gain.shape[-1]
    fine[..., : 2 * n : 2] = gain
    fine[..., 1 : 2 * n - 1 : 2] = (gain[..., 1:] + gain[..., :-1]) / 2
    if n_times % 2:  # the highest frequency is that of the continued window alone
        fine[..., -1] = fine[..., -2]
    return fine


def _lengths(n_times: int) -> tuple[int, int]:
    """Samples before and behind the window."""
    return n_times // 2, n_times - n_times // 2
