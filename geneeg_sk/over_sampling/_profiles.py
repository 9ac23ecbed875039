"""Which patients' profiles the synthetic windows get."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from geneeg_sk._checks import background_state
from geneeg_sk._typing import Label
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.over_sampling._surrogate import draw_in_turns


class ProfileSource:
    """Draw profiles of the training fold's patients, of virtual ones, or none.

    Parameters
    ----------
    generator : WindowGenerator
        Fitted; with `profile` and the like, where `mix` is not "pooled".
    mix : {"balanced", "proportional", "virtual", "pooled"}
    X, y, groups : ndarray
        The training fold.
    """

    def __init__(
        self,
        generator: BaseEstimator,
        mix: str,
        X: np.ndarray,
        y: np.ndarray,
        groups: np.ndarray | None,
    ) -> None:
        self.generator, self.mix, self.y = generator, mix, y
        if mix == "pooled":
            return
        assert groups is not None  # the sampler has refused every other mix without them
        self.groups = groups
        background = y == getattr(generator, "background_", background_state(y))
        self.patients = np.unique(groups)
        profiles = {
            p: np.asarray(generator.profile(X[background & (groups == p)]))
            for p in np.unique(groups[background])
        }
        self.mean, self.scale = _population(generator, list(profiles.values()))
        self.profiles = np.stack([profiles.get(p, self.mean) for p in self.patients])

    def draw(
        self, state: Label, n: int, rng: np.random.Generator
    ) -> tuple[np.ndarray | None, pd.DataFrame]:
        """Profiles (n, n_profile), None for pooled, and who they are."""
        if self.mix == "pooled":
            return None, pd.DataFrame({"profile": ["pooled"] * n, "nearest_patient": [None] * n})
        if self.mix == "virtual":
            profiles = self.generator.virtual_profiles(n, random_state=int(rng.integers(2**31)))
            nearest = self.patients[self._nearest(profiles)]
            return profiles, pd.DataFrame({"profile": ["virtual"] * n, "nearest_patient": nearest})
        chosen = self._choose(state, n, rng)
        patient = self.patients[chosen]
        who = pd.DataFrame({"profile": patient, "nearest_patient": patient})
        return self.profiles[chosen], who

    def _choose(self, state: Label, n: int, rng: np.random.Generator) -> np.ndarray:
        if self.mix == "proportional":
            return np.searchsorted(self.patients, rng.choice(self.groups[self.y == state], n))
        return draw_in_turns(len(self.patients), n, rng)

    def _nearest(self, profiles: np.ndarray) -> np.ndarray:
        difference = self.scale(profiles)[:, None] - self.scale(self.profiles)[None]
        return (difference**2).sum(axis=2).argmin(axis=1)


def _population(
    generator: BaseEstimator, profiles: list[np.ndarray]
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return the mean profile, for patients without background, and what scales profiles.

    Our generator knows them from its training patients; of another one's profiles, those of the
    training fold tell.
    """
    if isinstance(generator, LatentDiffusionGenerator):
        known = generator.model_.profiles
        return known.mean, known.scale
    if not profiles:
        raise ValueError(
            "no window of the training fold is of the background state, so that no patient can be "
            "described by a profile. Use patient_mix='pooled'."
        )
    mean, spread = np.mean(profiles, axis=0), np.std(profiles, axis=0)
    return mean, lambda p: (p - mean) / np.where(spread > 0, spread, 1)
