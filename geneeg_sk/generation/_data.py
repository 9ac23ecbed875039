"""Training windows, with states and patients as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..datasets import WindowRows

VALIDATION_SHARE, MAX_VALIDATION = 0.1, 256
MIN_FOR_VALIDATION = 20  # windows of a state from which some can be spared


@dataclass
class TrainingSet:
    """Windows with state and patient as numbers; minibatches are copied, never the whole."""

    X: np.ndarray | WindowRows  # (n, n_channels, n_times)
    state: np.ndarray  # (n,)
    patient: np.ndarray  # (n,)
    is_background: np.ndarray  # (n,), bool
    n_states: int
    n_patients: int

    def windows(self, rows: np.ndarray | slice) -> np.ndarray:
        """Return some of the windows as an array."""
        return np.asarray(self.X[rows])

    @property
    def counts(self) -> np.ndarray:
        """Windows of each state and patient, shape (n_states, n_patients)."""
        counts = np.zeros((self.n_states, self.n_patients), int)
        np.add.at(counts, (self.state, self.patient), 1)
        return counts

    @property
    def weights(self) -> np.ndarray:
        """Half the weight by class balance, because the minority is small; sum 1."""
        counts = np.bincount(self.state, minlength=self.n_states)
        balanced = 1 / (counts[self.state] * (counts > 0).sum())
        return 0.5 / len(self.state) + 0.5 * balanced

    def split(self, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
        """Rows for training and for validation; a small state goes to training whole."""
        valid = []
        for s in range(self.n_states):
            rows = np.flatnonzero(self.state == s)
            n = int(VALIDATION_SHARE * len(rows)) if len(rows) >= MIN_FOR_VALIDATION else 0
            n = min(n, MAX_VALIDATION // self.n_states)
            valid.append(rng.choice(rows, n, replace=False) if n else rows[:0])
        held_out = np.sort(np.concatenate(valid))
        return np.setdiff1d(np.arange(len(self.state)), held_out), held_out
