"""Who is simulated: the traits of a patient, drawn once and kept in all recordings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._head import CHANNELS, Head, average_reference

# Where seizures start, by electrode: mostly temporal, as in adult focal epilepsy.
FOCI = {"T7": 5, "T8": 5, "F7": 4, "F8": 4, "P7": 2, "P8": 2, "F3": 2, "F4": 2, "Fz": 1}
FOCI |= {"C3": 1, "C4": 1, "P3": 1, "P4": 1, "O1": 1, "O2": 1}
RINGS = np.array([0.0, 0.012, 0.024, 0.036, 0.050, 0.065])  # meters from the focus

BANDS = np.geomspace(0.5, 512, 41)  # edges, Hz, within which spatial patterns are constant
REFERENCE_HZ = 10.0


@dataclass(frozen=True)
class Patient:
    """Traits of one patient; amplitudes in µV, frequencies in Hz, rates per second."""

    name: str
    # background
    exponent: float
    mixing: np.ndarray  # (n_bands, n_channels, n_channels), 1/f noises to scalp, times f**(exp/2)
    alpha_hz: float
    alpha_amplitude: float
    alpha_maps: np.ndarray  # (n_channels, n_sources)
    theta_hz: float
    drowsy_amplitude: float
    drowsy_maps: np.ndarray
    # artifacts
    blink_rate: float
    blink_amplitude: float
    muscle_rate: float
    muscle_amplitude: float
    # epilepsy
    ring_maps: np.ndarray  # (n_channels, n_rings + 1): around the focus, then its mirror site
    ring_delays: np.ndarray  # (n_rings + 1,) seconds until a ring joins the seizure
    onset_hz: float
    end_hz: float
    seizure_amplitude: float
    sharpness: float  # 0: sinusoidal, 1: spike and wave
    motor: float  # muscle amplitude in seizures, relative
    spike_rate: float
    spike_amplitude: float
    slow_hz: float
    slow_amplitude: float  # focal slowing, always there
    prodrome: float  # how much preictal EEG differs


def draw_patient(rng: np.random.Generator, name: str, head: Head, difficulty: float) -> Patient:
    """Draw the traits of a patient; `difficulty` weakens all that epilepsy adds."""
    effect = 2.0 ** (1 - difficulty)
    amplitude = _lognormal(rng, 15, 0.4)
    exponent = rng.uniform(1.2, 1.9)
    focus = _draw_focus(rng, head)
    tilt = 0.5 * rng.standard_normal(3)  # the cortical patch lies askew: the same for all rings
    return Patient(
        name=name,
        exponent=exponent,
        mixing=_background_mixing(rng, head, exponent, amplitude),
        alpha_hz=float(np.clip(rng.normal(9.8, 1.0), 7.5, 12.5)),
        alpha_amplitude=amplitude * _lognormal(rng, 0.9, 0.5),
        alpha_maps=_patch_maps(rng, head, ["O1", "O2", "P3", "P4"]),
        theta_hz=rng.uniform(4.0, 6.5),
        drowsy_amplitude=amplitude * _lognormal(rng, 0.7, 0.3),
        drowsy_maps=_patch_maps(rng, head, ["Fz", "Cz", "F3", "F4"]),
        blink_rate=_lognormal(rng, 15 / 60, 0.4),
        blink_amplitude=_lognormal(rng, 110, 0.3),
        muscle_rate=_lognormal(rng, 3 / 60 / effect, 0.6),
        muscle_amplitude=_lognormal(rng, 12, 0.5),
        ring_maps=_ring_maps(head, focus, tilt),
        ring_delays=_ring_delays(rng),
        onset_hz=rng.uniform(6.0, 14.0),
        end_hz=rng.uniform(1.8, 3.8),
        seizure_amplitude=effect * _lognormal(rng, 200, 0.3),
        sharpness=rng.uniform(0.2, 1.0),
        motor=float(rng.random() < 0.4) * _lognormal(rng, 1.0, 0.4),
        spike_rate=_lognormal(rng, 3 / 60, 0.8),
        spike_amplitude=effect * _lognormal(rng, 70, 0.3),
        slow_hz=rng.uniform(1.5, 4.5),
        slow_amplitude=amplitude * _lognormal(rng, 0.6, 0.3),
        prodrome=effect * _lognormal(rng, 2.0, 0.35),
    )


def _lognormal(rng: np.random.Generator, median: float, spread: float) -> float:
    return float(median * np.exp(spread * rng.standard_normal()))


def _draw_focus(rng: np.random.Generator, head: Head) -> np.ndarray:
    weights = np.array(list(FOCI.values()), float)
    electrode = rng.choice(list(FOCI), p=weights / weights.sum())
    beneath = head.electrodes[CHANNELS.index(electrode)] + rng.normal(0, 0.01, 3)
    return head.sites[head.nearest(beneath)]


def _background_mixing(
    rng: np.random.Generator, head: Head, exponent: float, amplitude: float
) -> np.ndarray:
    """Return Cholesky factors of the scalp's cross-spectrum of many independent 1/f dipoles.

    A sum of independent Gaussian sources is Gaussian: mixing as many noises as there are
    electrodes with these factors has the same law as simulating each of the 500 dipoles.
    """
    n_channels, n_dipoles = head.leadfield.shape[:2]
    # Gyral crowns are radial, the walls of sulci tangential, and folding is everybody's own.
    orientations = head.normals + 0.7 * rng.standard_normal(head.normals.shape)
    gain = head.gain(orientations / np.linalg.norm(orientations, axis=1, keepdims=True))
    # Activity and exponent vary smoothly over the cortex: directions in which they rise.
    power = np.exp(head.normals @ rng.normal(0, 0.5, 3) + rng.normal(0, 0.5, n_dipoles))
    steeper = head.normals @ rng.normal(0, 0.2, 3)
    centers = np.sqrt(BANDS[:-1] * BANDS[1:])
    weights = power * (centers[:, None] / REFERENCE_HZ) ** -steeper  # (n_bands, n_dipoles)
    cross = np.einsum("cd,bd,ed->bce", gain, weights, gain)
    cross *= amplitude**2 / _mean_power(cross, centers, exponent)
    amplifier = 0.02 * centers**exponent  # (0.14 µV)² per Hz, white
    cross += amplifier[:, None, None] * np.eye(n_channels)
    return average_reference(np.linalg.cholesky(cross).transpose(1, 0, 2)).transpose(1, 0, 2)


def _mean_power(cross: np.ndarray, centers: np.ndarray, exponent: float) -> float:
    """Return the power between 1 and 40 Hz after average reference, mean over channels."""
    n_channels = cross.shape[1]
    power = np.trace(cross, axis1=1, axis2=2) - cross.sum(axis=(1, 2)) / n_channels
    inside = (centers >= 1) & (centers <= 40)
    return float((power / n_channels * centers**-exponent * np.diff(BANDS))[inside].sum())


def _patch_maps(rng: np.random.Generator, head: Head, electrodes: list[str]) -> np.ndarray:
    """Return maps of cortical patches, one beneath each electrode; their mean power is at most 1.

    Scaled together, so that their sum has unit power at the electrode that sees it best.
    """
    beneath = [head.electrodes[CHANNELS.index(name)] for name in electrodes]
    sites = [head.nearest(point + rng.normal(0, 0.008, 3)) for point in beneath]
    tilts = 0.5 * rng.standard_normal((len(sites), 3))
    maps = np.column_stack([_patch(head, site, 0.02, tilt) for site, tilt in zip(sites, tilts)])
    maps = average_reference(maps * rng.uniform(0.5, 1.5, len(sites)))
    return maps / np.sqrt((maps**2).sum(axis=1).max())


def _patch(head: Head, site: int, radius: float, tilt: np.ndarray) -> np.ndarray:
    near = np.linalg.norm(head.sites - head.sites[site], axis=1) <= radius
    return _tilted_gain(head, tilt)[:, near].sum(axis=1)


def _tilted_gain(head: Head, tilt: np.ndarray) -> np.ndarray:
    orientations = head.normals + tilt
    return head.gain(orientations / np.linalg.norm(orientations, axis=1, keepdims=True))


def _ring_maps(head: Head, focus: np.ndarray, tilt: np.ndarray) -> np.ndarray:
    """Return maps of rings of cortex around the focus, and of the site opposite to it.

    Scaled so that all of them together give 1 at the electrode that sees them best.
    """
    gain = _tilted_gain(head, tilt)
    distance = np.linalg.norm(head.sites - focus, axis=1)
    ring = np.digitize(distance, RINGS) - 1
    maps = [gain[:, ring == k].sum(axis=1) for k in range(len(RINGS) - 1)]
    mirror = np.linalg.norm(head.sites - focus * [-1, 1, 1], axis=1) <= RINGS[2]
    maps.append(_tilted_gain(head, tilt * [-1, 1, 1])[:, mirror].sum(axis=1))
    stacked = average_reference(np.column_stack(maps))
    return stacked / np.abs(stacked.sum(axis=1)).max()


def _ring_delays(rng: np.random.Generator) -> np.ndarray:
    """Draw when each ring joins: a front of 3 to 10 mm a second, then the other hemisphere."""
    front = RINGS[:-1] / rng.uniform(0.003, 0.010)
    return np.append(front, rng.uniform(6, 25))
