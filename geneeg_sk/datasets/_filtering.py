"""Filter and resample a signal in one Fourier transform."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft, next_fast_len, rfft

NOTCH_FRACTION = 1 / 200  # of its frequency: how wide a notch is; as MNE has it
NOTCH_TRANSITION = 0.5  # Hz on either side of it
RINGING = 2500  # samples after which resampling rings with less than 1/5000 of a step
PIECE = 1 << 14  # samples to transform at once: little enough for the cache
N_AT_ONCE = 4  # channels: as many as processors transform side by side


@cache
def design_kernel(
    sfreq: float, l_freq: float | None, h_freq: float | None, notch: tuple[float, ...]
) -> np.ndarray:
    """Return MNE's band-pass and notch filter as one kernel: symmetric, of odd length.

    Hamming-windowed (firwin): at `l_freq` and `h_freq` the gain is 1 within 0.02, and beyond the
    transition bands (`mne.filter.create_filter` has their widths) below 0.0025, -52 dB.
    """
    from mne.filter import create_filter

    kernel = np.ones(1)
    if l_freq is not None or h_freq is not None:
        kernel = create_filter(None, sfreq, l_freq, h_freq, verbose="ERROR")
    if notch:
        beside = np.array(notch) * (1 + NOTCH_FRACTION / 2) + NOTCH_TRANSITION
        below = 2 * np.array(notch) - beside
        transition = {"l_trans_bandwidth": NOTCH_TRANSITION, "h_trans_bandwidth": NOTCH_TRANSITION}
        stop = create_filter(None, sfreq, beside, below, **transition, verbose="ERROR")
        kernel = np.convolve(kernel, stop)
    return kernel


def filter_signal(signal: np.ndarray, kernel: np.ndarray, ratio: Fraction) -> np.ndarray:
    """Return a signal filtered, without a shift, and at `ratio` times its sampling frequency.

    The spectrum of one piece after the other is multiplied by that of `kernel`, and ends at the
    lower of both Nyquist frequencies, as when MNE resamples; pieces overlap by what their ends
    spoil. Beyond its ends, the signal is continued by its reflection at the first and last point
    (MNE's "reflect_limited"), then by its mean.

    Parameters
    ----------
    signal : ndarray of shape (n_channels, n_times), float32
        What to filter.
    kernel : ndarray
        Symmetric, of odd length.
    ratio : Fraction
        New sampling frequency by old.

    Returns
    -------
    filtered : ndarray of shape (n_channels, ceil(n_times * ratio)), float32
    """
    n_times, unit = signal.shape[1], ratio.denominator
    beside = margin_of(kernel, ratio)
    n_pieces = -(-n_times // max(PIECE, 8 * beside))
    n_fft = unit * next_fast_len(-(-(n_times // n_pieces + 2 * beside) // unit), real=True)
    step = n_fft - 2 * beside
    n_pieces = -(-n_times // step)
    n_out, skipped = int(n_fft * ratio), int(beside * ratio)
    response = _response(kernel, n_fft, n_out)
    filtered = np.empty((len(signal), -int(-n_times * ratio // 1)), np.float32)
    padded = np.zeros((N_AT_ONCE, n_pieces * step + 2 * beside), np.float32)
    for first in range(0, len(signal), N_AT_ONCE):
        some = signal[first : first + N_AT_ONCE]
        # Single precision is for what changes; an offset may be a thousand times larger.
        offset = some.mean(axis=1, keepdims=True)
        _fill(padded[: len(some)], some - offset, beside)
        offset *= float(kernel.sum())
        pieces = sliding_window_view(padded[: len(some)], n_fft, axis=1)[:, ::step]
        spectra = rfft(pieces)[..., : len(response)]
        spectra *= response
        pieces = irfft(spectra, n_out, overwrite_x=True)[..., skipped : n_out - skipped]
        pieces = pieces.reshape(len(some), -1)[:, : filtered.shape[1]]
        np.add(pieces, offset, out=filtered[first : first + N_AT_ONCE])
    return filtered


def margin_of(kernel: np.ndarray, ratio: Fraction) -> int:
    """Return how many samples on either side a filtered and resampled sample depends on."""
    needed = len(kernel) // 2 + (RINGING if ratio != 1 else 0)
    return -(-needed // ratio.denominator) * ratio.denominator


def _response(kernel: np.ndarray, n_in: int, n_out: int) -> np.ndarray:
    """Return the gain at the frequencies of `n_in` samples that are also those of `n_out`."""
    centered = np.zeros(n_in)
    centered[: len(kernel)] = kernel
    response = rfft(np.roll(centered, -(len(kernel) // 2))).real[: n_out // 2 + 1] * n_out / n_in
    if n_out != n_in and min(n_in, n_out) % 2 == 0:  # the Nyquist frequency, of which one is a pair
        response[-1] *= 2 if n_out < n_in else 0.5
    return response.astype(np.float32)


def _fill(padded: np.ndarray, signal: np.ndarray, before: int) -> None:
    """Write the signal from `before` on, reflected at its ends, among zeros."""
    after = before + signal.shape[1]
    n_before, n_after = (min(n, signal.shape[1] - 1) for n in (before, padded.shape[1] - after))
    first, last = signal[:, :1], signal[:, -1:]
    padded[:, before:after] = signal
    padded[:, before - n_before : before] = 2 * first - signal[:, n_before:0:-1]
    padded[:, after : after + n_after] = 2 * last - signal[:, -2 : -2 - n_after : -1]
