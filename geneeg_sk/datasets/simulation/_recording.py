"""Continuous recordings of a simulated patient: background, artifacts, a seizure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from ._head import CHANNELS, average_reference, eye_topography, spherical_head
from ._noise import (
    add_at,
    alternating,
    colored_noise,
    event_times,
    rhythm,
    slow_noise,
    spectrum_of_white_noise,
)
from ._patient import BANDS, RINGS, Patient

HIGH_PASS = 0.5  # Hz, of the amplifier
MUSCLE_BAND = (20.0, 120.0)  # Hz
MUSCLE_SITES = ("T7", "T8", "F7", "F8", "Fp1", "Fp2")
CORTICAL_SPEED = 0.5  # meters a second: how the discharge travels, in phase
CALLOSAL_DELAY = 0.02  # seconds
HARMONICS = 8
SPIKE_WIDTH = 0.4  # radians of a cycle


@dataclass(frozen=True)
class Plan:
    """What happens when, in seconds; without a seizure, `onset` is `end` is `duration`."""

    duration: float
    prodrome: float  # from here on preictal changes build up
    preictal: float  # from here on they are there
    onset: float
    end: float

    @property
    def has_seizure(self) -> bool:
        """Tell whether there is a seizure."""
        return self.onset < self.end


def simulate(rng: np.random.Generator, patient: Patient, plan: Plan, sfreq: float) -> np.ndarray:
    """Return one recording in µV, shape (n_channels, n_times), referred to the average."""
    n_times = round(plan.duration * sfreq)
    t = np.arange(n_times) / sfreq
    strength = float(np.exp(0.4 * rng.standard_normal()))  # no two seizures announce alike
    preictal = patient.prodrome * strength * _ramp(t, plan.prodrome, plan.preictal)
    preictal *= 1 - _ramp(t, plan.end, plan.end + 5)
    ictal = _ramp(t, plan.onset, plan.onset + 2) * (1 - _ramp(t, plan.end, plan.end + 2))
    eyes_closed = alternating(rng, n_times, sfreq, 8.0, 6.0)

    x = _background(rng, patient, n_times, sfreq)
    x += _alpha(rng, patient, eyes_closed, preictal, ictal, sfreq)
    x += _drowsiness(rng, patient, n_times, sfreq)
    x += _slowing(rng, patient, preictal, t >= plan.end, sfreq)
    x += _spikes(rng, patient, preictal, ictal, sfreq)
    if plan.has_seizure:
        x += _seizure(rng, patient, plan, t, sfreq)
    x += _blinks(rng, patient, (1 - eyes_closed) * (1 - ictal), sfreq)
    x += _muscle(rng, patient, ictal, sfreq)
    x *= np.exp(0.08 * rng.standard_normal((len(CHANNELS), 1)))  # impedances of the day
    return x


def _ramp(t: np.ndarray, start: float, stop: float) -> np.ndarray:
    return np.clip((t - start) / max(stop - start, 1e-9), 0, 1)


def _background(
    rng: np.random.Generator, patient: Patient, n_times: int, sfreq: float
) -> np.ndarray:
    spectrum, n_fft = spectrum_of_white_noise(rng, len(CHANNELS), n_times)
    freqs = fft.rfftfreq(n_fft, 1 / sfreq)
    safe = np.maximum(freqs, BANDS[0])
    # A high-pass of second order below HIGH_PASS, 1/f above.
    density = safe**-patient.exponent * freqs**4 / (freqs**4 + HIGH_PASS**4)
    spectrum *= np.sqrt(density * sfreq / 2).astype(np.float32)
    edges = np.searchsorted(freqs, BANDS[1:-1])
    for mixing, band in zip(patient.mixing, np.split(np.arange(len(freqs)), edges)):
        if len(band):
            inside = slice(band[0], band[-1] + 1)
            spectrum[:, inside] = mixing.astype(np.float32) @ spectrum[:, inside]
    return fft.irfft(spectrum, n_fft)[:, :n_times]


def _alpha(
    rng: np.random.Generator,
    patient: Patient,
    eyes_closed: np.ndarray,
    preictal: np.ndarray,
    ictal: np.ndarray,
    sfreq: float,
) -> np.ndarray:
    n_times = len(eyes_closed)
    waves = rhythm(rng, patient.alpha_maps.shape[1], n_times, sfreq, patient.alpha_hz, 0.6)
    waxing = np.exp(0.4 * slow_noise(rng, n_times, sfreq, 0.5))
    envelope = (0.2 + 0.8 * eyes_closed) * waxing / (1 + preictal) * (1 - 0.7 * ictal)
    return _project(patient.alpha_amplitude * patient.alpha_maps, waves * _single(envelope))


def _drowsiness(
    rng: np.random.Generator, patient: Patient, n_times: int, sfreq: float
) -> np.ndarray:
    """Frontal theta that comes and goes over tens of seconds: slowing that announces no seizure."""
    depth = slow_noise(rng, n_times, sfreq, 0.02) + rng.normal(0, 0.5)
    waves = rhythm(rng, patient.drowsy_maps.shape[1], n_times, sfreq, patient.theta_hz, 1.0)
    envelope = patient.drowsy_amplitude / (1 + np.exp(-2 * (depth - 0.5)))
    return _project(patient.drowsy_maps, waves * _single(envelope))


def _slowing(
    rng: np.random.Generator,
    patient: Patient,
    preictal: np.ndarray,
    after_seizure: np.ndarray,
    sfreq: float,
) -> np.ndarray:
    """Slow waves around the focus: a few always, more before a seizure, most after it."""
    n_times = len(preictal)
    waves = rhythm(rng, 2, n_times, sfreq, patient.slow_hz, 0.8)
    waxing = np.exp(0.4 * slow_noise(rng, n_times, sfreq, 0.2))
    envelope = patient.slow_amplitude * waxing * (1 + 1.2 * preictal + 4 * after_seizure)
    near, wide = patient.ring_maps[:, :2].sum(axis=1), patient.ring_maps.sum(axis=1)
    maps = np.column_stack([near / np.abs(near).max(), wide / np.abs(wide).max()])
    focal = _project(maps, waves * _single(envelope))
    # Part of the preictal slowing is diffuse.
    diffuse = rhythm(rng, patient.drowsy_maps.shape[1], n_times, sfreq, patient.slow_hz, 0.8)
    envelope = patient.slow_amplitude * (0.8 * preictal + 2 * after_seizure)
    return focal + _project(patient.drowsy_maps, diffuse * _single(envelope))


def _spikes(
    rng: np.random.Generator,
    patient: Patient,
    preictal: np.ndarray,
    ictal: np.ndarray,
    sfreq: float,
) -> np.ndarray:
    """Interictal discharges: a spike of about 70 ms, then a slow wave."""
    rate = patient.spike_rate * (1 + 5 * preictal) * (1 - ictal)
    tau = np.arange(0, 0.6, 1 / sfreq)
    course = np.zeros(len(rate), np.float32)
    for at in event_times(rng, rate, sfreq):
        height = patient.spike_amplitude * np.exp(0.3 * rng.standard_normal())
        spike = np.exp(-0.5 * ((tau - 0.08) / rng.uniform(0.012, 0.022)) ** 2)
        wave = -0.5 * np.exp(-0.5 * ((tau - 0.25) / 0.07) ** 2)
        add_at(course, at, height * (spike + wave))
    near = patient.ring_maps[:, :2].sum(axis=1)
    return _project((near / np.abs(near).max())[:, None], course[None])


def _seizure(
    rng: np.random.Generator, patient: Patient, plan: Plan, t: np.ndarray, sfreq: float
) -> np.ndarray:
    """A rhythm that starts fast, slows, sharpens, grows, and recruits ring after ring."""
    first, last = np.searchsorted(t, [plan.onset, plan.end])
    since = t[first:last] - plan.onset
    progress = since / (plan.end - plan.onset)
    n_times = len(since)
    chirp = patient.end_hz + (patient.onset_hz - patient.end_hz) * np.exp(-3 * progress)
    hz = chirp * np.exp(0.06 * slow_noise(rng, n_times, sfreq, 1.0) + rng.normal(0, 0.05))
    phase = 2 * np.pi * np.cumsum(hz) / sfreq + rng.uniform(0, 2 * np.pi)
    growth = (0.35 + 0.65 * np.minimum(progress / 0.6, 1)) * np.minimum(since / 1.0, 1)
    growth *= np.exp(0.2 * slow_noise(rng, n_times, sfreq, 0.5) + rng.normal(0, 0.2))
    growth *= np.minimum((1 - progress) * (plan.end - plan.onset) / 0.5, 1)  # stops within 0.5 s
    delays = patient.ring_delays * np.exp(0.2 * rng.standard_normal())
    lags = np.append(RINGS[:-1] / CORTICAL_SPEED, CALLOSAL_DELAY)
    courses = np.zeros((len(delays), len(t)), np.float32)
    for course, delay, lag in zip(courses, delays, lags):
        joined = 1 / (1 + np.exp(-(since - delay) / 0.5))
        shape = _discharge(phase - 2 * np.pi * hz * lag, hz, patient.sharpness * progress, sfreq)
        course[first:last] = growth * joined * shape
    return _project(patient.seizure_amplitude * patient.ring_maps, courses)


def _discharge(
    phase: np.ndarray, hz: np.ndarray, sharpness: np.ndarray, sfreq: float
) -> np.ndarray:
    """Return a cosine that becomes spike and wave, free of harmonics beyond 0.45 `sfreq`."""
    turn = np.exp(1j * phase)
    spike_turn = turn * np.exp(-2.2j)  # the spike stands on the flank of the wave
    power, spike = np.ones_like(turn), np.zeros(len(phase))
    for h in range(1, HARMONICS + 1):
        power = power * spike_turn
        weight = np.exp(-0.5 * (h * SPIKE_WIDTH) ** 2) * (h * hz < 0.45 * sfreq)
        spike += weight * power.real
    return np.sqrt(2) * (turn.real + 0.25 * (turn**2).real) + 1.2 * sharpness * spike


def _blinks(
    rng: np.random.Generator, patient: Patient, chance: np.ndarray, sfreq: float
) -> np.ndarray:
    head = spherical_head()
    tau = np.arange(0, 0.5, 1 / sfreq)
    course = np.zeros(len(chance), np.float32)
    for at in event_times(rng, patient.blink_rate * chance, sfreq):
        rise, fall = rng.uniform(0.05, 0.08), rng.uniform(0.08, 0.14)
        width = np.where(tau < 0.18, rise, fall)
        height = patient.blink_amplitude * np.exp(0.25 * rng.standard_normal())
        add_at(course, at, height * np.exp(-0.5 * ((tau - 0.18) / width) ** 2))
    topography = average_reference(eye_topography(head.electrodes)[:, None])
    return _project(topography, course[None])


def _muscle(
    rng: np.random.Generator, patient: Patient, ictal: np.ndarray, sfreq: float
) -> np.ndarray:
    """Bursts over the muscles of temples and forehead, and tension in a motor seizure."""
    head = spherical_head()
    n_times = len(ictal)
    level = np.zeros((len(MUSCLE_SITES), n_times), np.float32)
    for at in event_times(rng, np.full(n_times, patient.muscle_rate), sfreq):
        burst = np.hanning(max(3, round(rng.uniform(0.3, 3.0) * sfreq)))
        height = patient.muscle_amplitude * np.exp(0.5 * rng.standard_normal())
        # Usually one muscle; its neighbor joins in at half strength.
        site = rng.integers(len(MUSCLE_SITES))
        add_at(level[site], at, height * burst)
        add_at(level[(site + 2) % len(MUSCLE_SITES)], at, 0.5 * height * burst)
    tension = np.minimum(np.cumsum(ictal) / (15 * sfreq), 1) * ictal
    level += _single(patient.motor * patient.muscle_amplitude * tension)
    low, high = MUSCLE_BAND

    def density(freqs: np.ndarray) -> np.ndarray:
        return ((freqs >= low) & (freqs <= high)) / (high - low)

    firing = colored_noise(rng, len(MUSCLE_SITES), n_times, sfreq, density)
    sites = head.electrodes[[CHANNELS.index(name) for name in MUSCLE_SITES]]
    distance = np.linalg.norm(head.electrodes[:, None] - sites, axis=2)
    return _project(average_reference(np.exp(-0.5 * (distance / 0.035) ** 2)), level * firing)


def _project(maps: np.ndarray, courses: np.ndarray) -> np.ndarray:
    return maps.astype(np.float32) @ courses


def _single(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32)
