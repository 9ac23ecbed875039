"""Nearest windows in the space of their features."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from geneeg_sk.metrics._sets import compute_features, pick_evenly

MAX_PAIRS = 100_000_000  # of windows whose distance is computed: seconds


def standardize_features(train: np.ndarray, *others: np.ndarray, sfreq: float) -> list[np.ndarray]:
    """Return features of each set, with mean 0 and variance 1 over the training windows."""
    features = compute_features(train, *others, sfreq=sfreq)
    scaler = StandardScaler().fit(features[0])
    return [scaler.transform(X) for X in features]


def find_nearest(
    X: np.ndarray, others: np.ndarray, *, n_nearest: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which rows of `X` were looked at, their nearest of `others`, and the distances.

    Shapes (n,), (n, n_nearest) and (n, n_nearest); the nearest come first.
    """
    rows = np.arange(len(X))[pick_evenly(len(X), _n_affordable(X, others))]
    search = NearestNeighbors(n_neighbors=n_nearest, algorithm="brute").fit(others)
    nearest = search.kneighbors(X[rows], return_distance=False)
    # its distances suffer from rounding where they are tiny, which is where copies are
    exact = np.linalg.norm(X[rows][:, None, :] - others[nearest], axis=2)
    order = np.argsort(exact, axis=1, kind="stable")
    return rows, np.take_along_axis(nearest, order, 1), np.take_along_axis(exact, order, 1)


def distance_to_nearest(X: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the distance of each row of `X`, or of some, to the nearest of `others`."""
    return find_nearest(X, others, n_nearest=1)[2][:, 0]


def _n_affordable(X: np.ndarray, others: np.ndarray) -> int:
    """Return how many rows can be compared with all others; warn if that is not all."""
    limit = max(MAX_PAIRS // len(others), 1)
    if len(X) > limit:
        warnings.warn(
            f"the nearest windows are looked for from {limit} of {len(X)} windows, evenly spaced: "
            f"all pairs with {len(others)} windows would take minutes.",
            UserWarning,
            stacklevel=5,
        )
    return limit
