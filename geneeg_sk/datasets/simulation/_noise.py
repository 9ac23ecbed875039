"""Random signals of the simulator: colored noise, slow envelopes, event times.

All noises are drawn in the time domain and shaped in the frequency domain by a density in µV²/Hz,
so that a signal has the same spectrum at every sampling frequency.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import fft


def spectrum_of_white_noise(
    rng: np.random.Generator, n_sources: int, n_times: int
) -> tuple[np.ndarray, int]:
    """Return the spectrum of unit white noise, one row a source, and the length it is padded to."""
    n_fft = fft.next_fast_len(n_times, real=True)
    white = rng.standard_normal((n_sources, n_fft), dtype=np.float32)
    return fft.rfft(white), n_fft


def colored_noise(
    rng: np.random.Generator,
    n_sources: int,
    n_times: int,
    sfreq: float,
    density: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Draw independent noises of one-sided spectral density `density` (per Hz)."""
    spectrum, n_fft = spectrum_of_white_noise(rng, n_sources, n_times)
    freqs = fft.rfftfreq(n_fft, 1 / sfreq)
    # White noise of unit variance has a one-sided density of 2 / sfreq.
    spectrum *= np.sqrt(density(freqs) * sfreq / 2).astype(np.float32)
    return fft.irfft(spectrum, n_fft)[:, :n_times]


def rhythm(
    rng: np.random.Generator,
    n_sources: int,
    n_times: int,
    sfreq: float,
    center: float,
    width: float,
) -> np.ndarray:
    """Draw rhythms of unit power: a Gaussian peak of the spectrum, `width` its s.d. in Hz."""

    def peak(freqs: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * ((freqs - center) / width) ** 2) / (width * np.sqrt(2 * np.pi))

    return colored_noise(rng, n_sources, n_times, sfreq, peak)


def slow_noise(rng: np.random.Generator, n_times: int, sfreq: float, cutoff: float) -> np.ndarray:
    """Draw one slow signal of unit variance, made of knots `1 / (4 cutoff)` seconds apart."""
    step = 1 / (4 * cutoff)
    n_knots = int(n_times / sfreq / step) + 8
    knots = np.convolve(rng.standard_normal(n_knots + 4), np.full(5, 5**-0.5), "valid")
    return np.interp(np.arange(n_times) / sfreq, np.arange(n_knots) * step, knots)


def alternating(
    rng: np.random.Generator, n_times: int, sfreq: float, mean_on: float, mean_off: float
) -> np.ndarray:
    """Return 1 and 0 in turns of exponential length (means in seconds), with soft edges."""
    state, t, turns, duration = bool(rng.random() < 0.5), 0.0, [], n_times / sfreq
    while t < duration:
        turns.append((t, float(state)))
        t += rng.exponential(mean_on if state else mean_off) + 1.0
        state = not state
    starts, values = np.array(turns).T
    now = values[np.searchsorted(starts, np.arange(n_times) / sfreq, "right") - 1]
    half = max(1, int(0.25 * sfreq))
    return np.convolve(
        np.pad(now, half, "edge"), np.full(2 * half + 1, 1 / (2 * half + 1)), "valid"
    )


def event_times(rng: np.random.Generator, rate: np.ndarray, sfreq: float) -> np.ndarray:
    """Return the sample indices of a Poisson process of `rate` events a second (thinning)."""
    top = rate.max()
    if top <= 0:
        return np.empty(0, int)
    n = rng.poisson(top * len(rate) / sfreq)
    at = np.sort(rng.integers(len(rate), size=n))
    return at[rng.random(n) * top < rate[at]]


def add_at(signal: np.ndarray, start: int, piece: np.ndarray) -> None:
    """Add `piece` to `signal` from index `start` on; what hangs over the ends is cut."""
    first, last = max(start, 0), min(start + len(piece), len(signal))
    if first < last:
        signal[first:last] += piece[first - start : last - start]
