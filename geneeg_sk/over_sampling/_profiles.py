"""Which patients' profiles the synthetic windows get."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


class ProfileSource:
    """Draw profiles of the training fold's patients, of virtual ones, or none.

    Parameters
    ----------
    generator : LatentDiffusionGenerator
        Fitted.
    mix : {"balanced", "proportional", "virtual", "pooled"}
    X, y, groups : ndarray
        The training fold.
    """

    def __init__(
        self, generator: Any, mix: str, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None
    ) -> None:
        self.generator, self.mix, self.y = generator, mix, y
        if mix == "pooled":
            return
        assert groups is not None  # the sampler has refused every other mix without them
        self.groups = groups
        background = y == generator.background_
        self.patients = np.unique(groups)
        has_background = np.isin(self.patients, groups[background])
        self.profiles = np.stack(
            [
                generator.profile(X[background & (groups == p)])
                if known
                else generator.model_.population.mean
                for p, known in zip(self.patients, has_background, strict=True)
            ]
        )

    def draw(
        self, state: Any, n: int, rng: np.random.Generator
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

    def _choose(self, state: Any, n: int, rng: np.random.Generator) -> np.ndarray:
        if self.mix == "proportional":
            return np.searchsorted(self.patients, rng.choice(self.groups[self.y == state], n))
        turns = [rng.permutation(len(self.patients)) for _ in range(-(-n // len(self.patients)))]
        return np.concatenate(turns)[:n]

    def _nearest(self, profiles: np.ndarray) -> np.ndarray:
        scale = self.generator.model_.scale_profiles
        difference = scale(profiles)[:, None] - scale(self.profiles)[None]
        return (difference**2).sum(axis=2).argmin(axis=1)
