"""Is a single synthetic window as close to real ones as these are to each other?"""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from geneeg_sk.features import EEGFeatures

NEIGHBOURS = 5


class Realism:
    """Score windows by the distance to their neighbours among the real windows of a state.

    The score of a window is the share of real windows that are lonelier, in standardised features
    averaged over channels: 0 for a window farther out than any real one. It is a k-nearest
    neighbour novelty test whose reference is the real windows' own distances, each left out.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_channels, n_times)
        Real windows of one state; at least two.
    sfreq : float
        Sampling frequency in Hz.
    """

    def __init__(self, X: np.ndarray, sfreq: float) -> None:
        self.features = EEGFeatures(sfreq=sfreq, average=True)
        real = self._describe(X)
        self.scaler = StandardScaler().fit(real)
        k = min(NEIGHBOURS, len(real) - 1)
        self.neighbours = NearestNeighbors(n_neighbors=k).fit(self.scaler.transform(real))
        self.reference = np.sort(self.neighbours.kneighbors()[0][:, -1])

    def score(self, X: np.ndarray) -> np.ndarray:
        """Scores in [0, 1] of windows, shape (n,); 0 also for windows that are not finite."""
        scores = np.zeros(len(X))
        finite = np.isfinite(X).all(axis=(1, 2))
        if finite.any():
            described = self.scaler.transform(self._describe(X[finite]))
            distance = self.neighbours.kneighbors(described)[0][:, -1]
            nearer = np.searchsorted(self.reference, distance, side="left")
            scores[finite] = 1 - nearer / len(self.reference)
        return scores

    def _describe(self, X: np.ndarray) -> np.ndarray:
        # Powers, lengths and moments spread over decades; the sign of skewness stays.
        features = self.features.fit_transform(X)
        return np.sign(features) * np.log1p(np.abs(features))
