"""Who a patient is: profiles of background EEG, and whose profile a synthetic window gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from sklearn.covariance import ledoit_wolf

from ._data import TrainingSet
from ._descriptors import Standardizer

TRAINING_WINDOWS = 16  # background windows of one training-time draw of a profile


def profile_of(described: np.ndarray) -> np.ndarray:
    """Describe a patient by the median over background windows (..., n_windows, n_descriptors)."""
    return np.median(described, axis=-2)


@dataclass(frozen=True)
class Profiles:
    """The known patients' profiles, and a normal distribution of those nobody has seen.

    Attributes
    ----------
    known : ndarray of shape (n_patients, n_profile)
        Profiles of the patients; that of all background for a patient without any.
    shares : ndarray of shape (n_states, n_patients)
        Share of each patient in the windows of a state.
    scale : Standardizer
        Of background windows, for networks and distances.
    mean : ndarray of shape (n_profile,)
    factor : ndarray of shape (n_profile, n_profile)
        Cholesky factor of the covariance between patients.
    """

    known: np.ndarray
    shares: np.ndarray
    scale: Standardizer
    mean: np.ndarray
    factor: np.ndarray

    @classmethod
    def fit(cls, data: TrainingSet, described: np.ndarray) -> Profiles:
        """Learn patients from the descriptors (n, n_profile) of all windows."""
        scale = Standardizer.fit(described[data.is_background])
        return cls._of(_known_profiles(data, described), scale, data, described)

    def extend(self, data: TrainingSet, described: np.ndarray) -> Profiles:
        """Learn further patients; the earlier ones' profiles and the scale stay as they are."""
        known = _known_profiles(data, described)
        known[: len(self.known)] = self.known
        return self._of(known, self.scale, data, described)

    @classmethod
    def _of(
        cls, known: np.ndarray, scale: Standardizer, data: TrainingSet, described: np.ndarray
    ) -> Profiles:
        # Of windows, where patients are too few for a covariance.
        sample = known if len(known) > 2 else described[data.is_background]
        covariance = ledoit_wolf(sample)[0] if len(sample) > 1 else np.zeros((sample.shape[1],) * 2)
        factor = np.linalg.cholesky(covariance + 1e-9 * np.eye(len(covariance)))
        counts = data.counts
        shares = counts / counts.sum(axis=1, keepdims=True)
        return cls(known, shares, scale, known.mean(axis=0), factor)

    @property
    def n_profile(self) -> int:
        """Numbers in a profile."""
        return len(self.mean)

    def draw(self, state: np.ndarray, uniform: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """Profiles of known patients, in proportion to their windows of the state.

        Virtual ones where no patient is known.
        """
        if not len(self.known):
            return self.draw_virtual(normal)
        upto = self.shares.cumsum(axis=1)[state]
        patient = (uniform[:, None] >= upto).sum(axis=1)
        return self.known[np.minimum(patient, len(self.known) - 1)]

    def draw_virtual(self, normal: np.ndarray) -> np.ndarray:
        """Profiles of patients who do not exist, from standard normal numbers (n, n_profile)."""
        return self.mean + normal @ self.factor.T

    def without_patients(self) -> Profiles:
        """A copy that holds no single patient."""
        return replace(self, known=self.known[:0], shares=self.shares[:, :0])


def _known_profiles(data: TrainingSet, described: np.ndarray) -> np.ndarray:
    profiles = np.tile(profile_of(described[data.is_background]), (data.n_patients, 1))
    for p in range(data.n_patients):
        own = described[data.is_background & (data.patient == p)]
        if len(own):
            profiles[p] = profile_of(own)
    return profiles


def training_profiles(
    data: TrainingSet, known: np.ndarray, described: np.ndarray, rng: np.random.RandomState
) -> Callable[[np.ndarray], np.ndarray]:
    """A function that draws a profile for each row from other background windows of its patient.

    In use a profile comes from a handful of windows that are not those to be generated; training
    has to match that, or the model learns to read the target from the profile.
    """
    background = [
        np.flatnonzero(data.is_background & (data.patient == p)) for p in range(data.n_patients)
    ]

    def draw(chosen: np.ndarray) -> np.ndarray:
        drawn = known[data.patient[chosen]].copy()
        picked = np.zeros((len(chosen), TRAINING_WINDOWS), dtype=int)
        has_others = np.zeros(len(chosen), dtype=bool)
        for i, row in enumerate(chosen):
            others = background[data.patient[row]]
            own = int(data.is_background[row])
            if len(others) > own:
                at = rng.randint(len(others) - own, size=TRAINING_WINDOWS)
                # The target window itself is stepped over.
                picked[i] = others[at + own * (at >= np.searchsorted(others, row))]
                has_others[i] = True
        drawn[has_others] = profile_of(described[picked[has_others]])
        return drawn

    return draw
