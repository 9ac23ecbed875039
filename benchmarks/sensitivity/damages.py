"""Known damage to real windows, each kind at three strengths from faint to strong.

A damage takes windows (n_windows, n_channels, n_times) and returns as many; `MIXTURES` instead say
which windows take the place of fresh ones.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from benchmarks.sensitivity.pools import draw

SPLIT_HZ = 8.0
WARP_SECONDS = 0.25  # over which the course of time speeds up and slows down
ALPHA = (8.0, 13.0)  # Hz
EDGE_SECONDS = 0.25


def phases_randomized(X, sfreq, strength, rng):
    """Phases moved by up to `strength` half turns, the same in all channels: cross-spectra stay."""
    return with_other_phases(X, sfreq, strength, rng, above=0.0)


def fast_phases_randomized(X, sfreq, strength, rng):
    """The same above 8 Hz only."""
    return with_other_phases(X, sfreq, strength, rng, above=SPLIT_HZ)


def with_other_phases(X, sfreq, strength, rng, above):
    spectrum = np.fft.rfft(X, axis=2)
    freqs = np.fft.rfftfreq(X.shape[2], 1 / sfreq)
    turns = strength * np.pi * rng.uniform(-1, 1, (len(X), 1, len(freqs)))
    # Zero and the highest frequency have to stay real.
    turns[..., (freqs <= above) | (freqs == 0) | (freqs >= sfreq / 2)] = 0
    return np.fft.irfft(spectrum * np.exp(1j * turns), X.shape[2], axis=2).astype(X.dtype)


def rhythm_irregular(X, sfreq, strength, rng):
    """Time runs unevenly: every moment is shifted by `strength` seconds, more or less."""
    n_times = X.shape[2]
    shift = gaussian_filter1d(
        rng.standard_normal((len(X), n_times)), WARP_SECONDS * sfreq, axis=1, mode="wrap"
    )
    shift *= strength * sfreq / shift.std()
    out = np.empty_like(X)
    time = np.arange(n_times)
    for window, moved, target in zip(X, np.clip(time + shift, 0, n_times - 1), out):
        for channel, bent in zip(window, target):
            bent[:] = np.interp(moved, time, channel)
    return out


def sharp_waves_clipped(X, sfreq, strength, rng):
    """What exceeds so many standard deviations of its window and channel is cut off."""
    center, spread = X.mean(axis=2, keepdims=True), X.std(axis=2, keepdims=True)
    return np.clip(X, center - strength * spread, center + strength * spread)


def spikes_removed(X, sfreq, strength, rng):
    """A straight line in the place of a share of the discharges."""
    out = X.copy()
    half = max(1, round(0.08 * sfreq))
    for window, peaks in zip(out, discharges(X, sfreq)):
        for peak in peaks[rng.random(len(peaks)) < strength]:
            start, stop = max(0, peak - half), min(X.shape[2] - 1, peak + half)
            ramp = np.linspace(0, 1, stop - start + 1)
            ends = window[:, [start, stop]]
            window[:, start : stop + 1] = ends[:, :1] + ramp * (ends[:, 1:] - ends[:, :1])
    return out


def discharges(X, sfreq):
    """Samples of each window at which some channel is much sharper than it usually is."""
    curvature = -np.diff(gaussian_filter1d(X.astype(float), 0.012 * sfreq, axis=2), 2, axis=2)
    typical = np.median(np.abs(curvature), axis=2, keepdims=True) + 1e-9
    sharpest = (np.abs(curvature) / typical).max(axis=1)  # (n, t - 2)
    apart = max(1, round(0.1 * sfreq))
    for course in sharpest:
        found = []
        left = course.copy()
        while left.max() > 8:
            peak = int(left.argmax())
            found.append(peak + 1)
            left[max(0, peak - apart) : peak + apart + 1] = 0
        yield np.array(found, dtype=int)


def alpha_louder(X, sfreq, strength, rng):
    """The alpha band stronger by so many dB."""
    spectrum = np.fft.rfft(X, axis=2)
    freqs = np.fft.rfftfreq(X.shape[2], 1 / sfreq)
    inside = (freqs >= ALPHA[0]) & (freqs < ALPHA[1])
    return np.fft.irfft(
        spectrum * np.where(inside, 10 ** (strength / 20), 1), X.shape[2], axis=2
    ).astype(X.dtype)


def channels_mixed(X, sfreq, strength, rng):
    """A share of another channel in each; the power of every channel stays."""
    other = np.roll(X, X.shape[1] // 2, axis=1)
    mixed = (1 - strength) * X + strength * other
    spread = X.std(axis=2, keepdims=True)
    return mixed * spread / np.maximum(mixed.std(axis=2, keepdims=True), 1e-9)


def ends_quiet(X, sfreq, strength, rng):
    """Both ends quieter by up to a share `strength`, over a quarter of a second each."""
    n = max(2, round(EDGE_SECONDS * sfreq))
    gain = np.ones(X.shape[2])
    gain[:n] = 1 - strength * np.linspace(1, 0, n)
    gain[-n:] = gain[:n][::-1]
    return (X * gain).astype(X.dtype)


def amplitudes_alike(X, sfreq, strength, rng):
    """The spread of log amplitude over windows is so many times what it was."""
    log_rms = np.log(np.sqrt((X.astype(float) ** 2).mean(axis=(1, 2))) + 1e-9)
    gain = np.exp((strength - 1) * (log_rms - log_rms.mean()))
    return (X * gain[:, None, None]).astype(X.dtype)


DAMAGES = {
    "phases_randomized": (phases_randomized, (0.25, 0.5, 1.0)),
    "fast_phases_randomized": (fast_phases_randomized, (0.25, 0.5, 1.0)),
    "rhythm_irregular": (rhythm_irregular, (0.02, 0.05, 0.1)),
    "sharp_waves_clipped": (sharp_waves_clipped, (2.5, 2.0, 1.5)),
    "spikes_removed": (spikes_removed, (0.33, 0.67, 1.0)),
    "alpha_louder": (alpha_louder, (1.0, 2.0, 4.0)),
    "channels_mixed": (channels_mixed, (0.05, 0.1, 0.2)),
    "ends_quiet": (ends_quiet, (0.1, 0.25, 0.5)),
    "amplitudes_alike": (amplitudes_alike, (0.9, 0.8, 0.6)),
}
ONE_CHANNEL = [name for name in DAMAGES if name != "channels_mixed"]

# Shares of windows: of training windows, of patients that are missing, of windows of others.
MIXTURES = {
    "copies_of_training": (0.1, 0.33, 1.0),
    "patients_missing": (0.25, 0.5, 0.75),
    "other_patients": (0.33, 0.67, 1.0),
}


def trial(pool, damage, strength, train, n, rng):
    """Draw `n` fresh windows and damage them; copies are of the windows `train`."""
    if damage == "patients_missing":
        known = np.unique(pool.trial.patients)
        kept = rng.permutation(known)[round(strength * len(known)) :]
        return draw(pool.trial[np.isin(pool.trial.patients, kept)], n, rng).X
    fresh = pool.draw("trial", n, rng).X
    if damage in DAMAGES:
        return DAMAGES[damage][0](fresh, pool.sfreq, strength, rng)
    if damage in MIXTURES:
        n_other = max(1, round(strength * n))
        other = train if damage == "copies_of_training" else pool.draw("others", n_other, rng)
        kept = np.sort(rng.permutation(n)[: n - n_other])
        return np.concatenate([fresh[kept], other.X[rng.permutation(len(other))[:n_other]]])
    return fresh
