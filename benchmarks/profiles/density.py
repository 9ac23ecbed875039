"""How well a normal density over patients' profiles foresees a patient it has not seen."""

from __future__ import annotations

from typing import Literal

import numpy as np
from sklearn.covariance import ledoit_wolf

SMALLEST_VARIANCE = 1e-6  # of a number of a profile: log units


def covariance_of(profiles: np.ndarray, kind: Literal["shrunk", "diagonal"]) -> np.ndarray:
    """Covariance of profiles (n, p): of Ledoit and Wolf (2004), or each number on its own."""
    if kind == "shrunk":
        return ledoit_wolf(profiles)[0] + SMALLEST_VARIANCE * np.eye(profiles.shape[1])
    return np.diag(profiles.var(axis=0, ddof=1) + SMALLEST_VARIANCE)


def leave_one_out_log_likelihood(
    profiles: np.ndarray, kind: Literal["shrunk", "diagonal"] = "shrunk"
) -> np.ndarray:
    """Log density of each profile (n, p) under the normal distribution of the others, shape (n,).

    In nats. At least three profiles.
    """
    if len(profiles) < 3:
        raise ValueError(
            f"got {len(profiles)} profiles; expected at least 3, for a covariance of the others."
        )
    found = np.empty(len(profiles))
    for k, profile in enumerate(profiles):
        others = np.delete(profiles, k, axis=0)
        factor = np.linalg.cholesky(covariance_of(others, kind))
        z = np.linalg.solve(factor, profile - others.mean(axis=0))
        found[k] = -0.5 * (z @ z + len(z) * np.log(2 * np.pi)) - np.log(np.diag(factor)).sum()
    return found
