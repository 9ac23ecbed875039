"""A spherical head: where cortical dipoles lie, and what the scalp sees of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import mne

CHANNELS = (
    *("Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz"),
    *("C4", "T8", "P7", "P3", "Pz", "P4", "P8", "O1", "O2"),
)

N_DIPOLES = 500
CORTEX_DEPTH = 0.9  # radius of the cortex, as a fraction of the inner skull's
LOWEST = -0.35  # cosine below which the sphere has no cortex (neck, face)
EYES = np.array([[-0.032, 0.085, 0.0], [0.032, 0.085, 0.0]])  # meters, head coordinates


@dataclass(frozen=True)
class Head:
    """Dipole sites, their leadfield and the electrodes; lengths in meters."""

    sites: np.ndarray  # (n_dipoles, 3)
    normals: np.ndarray  # (n_dipoles, 3), outward
    leadfield: np.ndarray  # (n_channels, n_dipoles, 3), volts per ampere meter
    electrodes: np.ndarray  # (n_channels, 3)

    def gain(self, orientations: np.ndarray) -> np.ndarray:
        """Return what each dipole of the given orientation gives, shape (n_channels, n_dipoles)."""
        return np.einsum("cdk,dk->cd", self.leadfield, orientations)

    def nearest(self, point: np.ndarray) -> int:
        """Return the index of the dipole nearest to `point`."""
        return int(np.linalg.norm(self.sites - point, axis=1).argmin())


@cache
def spherical_head() -> Head:
    """Compute the head once a process: three shells, conductivities as in MNE (Berg & Scherg)."""
    import mne

    info = make_info(CHANNELS, 256.0)
    sphere = mne.make_sphere_model("auto", "auto", info, verbose="ERROR")
    normals = _fibonacci_sphere(N_DIPOLES)
    sites = sphere["r0"] + CORTEX_DEPTH * sphere["layers"][0]["rad"] * normals
    grid = mne.setup_volume_source_space(
        pos={"rr": sites, "nn": normals}, sphere=sphere, mindist=0.0, verbose="ERROR"
    )
    forward = mne.make_forward_solution(
        info, trans=None, src=grid, bem=sphere, meg=False, eeg=True, verbose="ERROR"
    )
    leadfield = forward["sol"]["data"].reshape(len(CHANNELS), -1, 3)
    if leadfield.shape[1] != len(sites):
        raise RuntimeError(f"MNE kept {leadfield.shape[1]} of {len(sites)} dipoles.")
    electrodes = np.array([channel["loc"][:3] for channel in info["chs"]])
    return Head(sites, normals, leadfield, electrodes)


def make_info(channels: Sequence[str], sfreq: float) -> mne.Info:
    """Return an ``mne.Info`` of EEG channels with 10-20 positions."""
    import mne

    info = mne.create_info(list(channels), sfreq, "eeg", verbose="ERROR")
    info.set_montage("standard_1020", verbose="ERROR")
    return info


def eye_topography(electrodes: np.ndarray) -> np.ndarray:
    """Return the potential of both corneo-retinal dipoles at the electrodes, at most 1.

    The eyes lie outside the brain's sphere; their dipoles, which point forward and up, are taken
    to lie in an unbounded medium.
    """
    direction = np.array([0.0, 0.8, 0.6])
    way = electrodes[:, None] - EYES
    potential = ((way @ direction) / np.linalg.norm(way, axis=2) ** 3).sum(axis=1)
    return potential / np.abs(potential).max()


def average_reference(topographies: np.ndarray) -> np.ndarray:
    """Refer topographies, channels first, to the mean of all electrodes."""
    return topographies - topographies.mean(axis=0)


def _fibonacci_sphere(n: int) -> np.ndarray:
    """Return `n` nearly equally spaced unit vectors on the part of the sphere with cortex."""
    height = LOWEST + (1 - LOWEST) * (np.arange(n) + 0.5) / n
    angle = np.pi * (1 + 5**0.5) * np.arange(n)
    radius = np.sqrt(1 - height**2)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), height])
