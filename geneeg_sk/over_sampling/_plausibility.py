"""Refuse synthetic windows that are physically wrong; those that are merely new are kept."""

from __future__ import annotations

import numpy as np

# Amplitudes of patients differ threefold: a new patient may be so much louder or quieter.
TOLERANCE = 3
ROUNDING = 1e-6  # of the largest amplitude
# Share of a channel's samples that may lie at its extremes, where real ones have fewer.
MAX_CLIPPED = 0.05


class Plausibility:
    """Tell windows that cannot be scalp EEG from those that can.

    A window is refused where it is not finite, where a channel is flat, clipped, or of an
    amplitude more than three times beyond those that it has in the real windows.

    Parameters
    ----------
    real : ndarray of shape (n_windows, n_channels, n_times)
        Real windows of all states.
    """

    def __init__(self, real: np.ndarray) -> None:
        swing = np.ptp(real, axis=2)
        self.least = swing.min(axis=0) / TOLERANCE
        # A channel that is flat in all real windows may be so except for rounding.
        self.most = swing.max(axis=0) * TOLERANCE + ROUNDING * swing.max()
        self.most_clipped = max(MAX_CLIPPED, share_at_extremes(real).max())

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return which windows are plausible, a bool for each."""
        plausible = is_finite(X)
        swing = np.ptp(X[plausible], axis=2)
        within = (swing >= self.least) & (swing <= self.most)
        unclipped = share_at_extremes(X[plausible]) <= self.most_clipped
        plausible[plausible] = (within & unclipped).all(axis=1)
        return plausible


def is_finite(X: np.ndarray) -> np.ndarray:
    """Return which windows hold neither NaN nor infinity."""
    return np.isfinite(X).all(axis=(1, 2))


def share_at_extremes(X: np.ndarray) -> np.ndarray:
    """Return the share of samples at the minimum or maximum of each channel, (n, n_channels)."""
    lowest, highest = X.min(axis=2, keepdims=True), X.max(axis=2, keepdims=True)
    return ((lowest == X) | (highest == X)).mean(axis=2)
