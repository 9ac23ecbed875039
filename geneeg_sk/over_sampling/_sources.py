"""Real windows that variations are made of."""

from __future__ import annotations

import numpy as np

from geneeg_sk._typing import Label
from geneeg_sk.over_sampling._surrogate import draw_in_turns


class Sources:
    """Draw real windows of a state, each patient who has the state equally often.

    Parameters
    ----------
    X, y, groups : ndarray
        The training fold; `groups` may be None.
    """

    def __init__(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> None:
        self.X, self.y, self.groups = X, y, groups
        self.patients = np.zeros(len(y), int) if groups is None else groups

    def draw(self, state: Label, n: int, rng: np.random.Generator) -> np.ndarray:
        """Rows of `n` windows of a state."""
        of_state = np.flatnonzero(self.y == state)
        patients = self.patients[of_state]
        known = np.unique(patients)
        drawn = known[draw_in_turns(len(known), n, rng)]
        place = rng.random(n)
        rows = np.empty(n, int)
        for patient in np.unique(drawn):
            own, its = of_state[patients == patient], drawn == patient
            rows[its] = own[(place[its] * len(own)).astype(int)]
        return rows
