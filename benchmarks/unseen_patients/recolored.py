"""Real windows of a state on the background of other patients: what a generator has to beat."""

import numpy as np
import pandas as pd

from geneeg_sk._checks import background_state
from geneeg_sk.over_sampling._base import BaseWindowSampler

SHRINKAGE = 0.1  # of the covariance, towards independent channels of equal power


class Recoloring:
    """Give a window the channel covariance of another patient's background.

    A window is whitened by the background of its own patient and colored by that of a patient drawn
    at random (He and Wu 2020, in both directions). Waveforms stay.
    """

    def __init__(self, X, y, groups):
        background = y == background_state(y)
        self.patients = np.unique(groups[background])
        self.roots = {p: roots_of(X[background & (groups == p)]) for p in self.patients}

    def __call__(self, window, patient, rng):
        color, _ = self.roots[rng.choice(self.patients)]
        _, whiten = self.roots[patient]
        return color @ whiten @ window


class RecoloredSampler(BaseWindowSampler):
    """Over-sample by real windows with the background of another patient."""

    def __init__(self, *, sampling_strategy="auto", random_state=None):
        super().__init__(sampling_strategy=sampling_strategy)
        self.random_state = random_state

    def _generate(self, X, y, groups, counts):
        rng = np.random.default_rng(self.random_state)
        recoloring = Recoloring(X, y, groups)
        made, labels = [X[:0]], []
        for state, n in counts.items():
            sources = rng.choice(np.flatnonzero(y == state), n)
            made += [recoloring(X[k], groups[k], rng)[None] for k in sources]
            labels += [state] * n
        provenance = pd.DataFrame(index=range(len(labels)))
        return np.concatenate(made), np.array(labels, y.dtype), provenance


def roots_of(X):
    """The square root of the mean covariance of windows, and its inverse."""
    covariance = np.einsum("nct,ndt->cd", X, X, dtype=np.float64) / (len(X) * X.shape[2])
    power = np.trace(covariance) / len(covariance)
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * power * np.eye(len(covariance))
    variances, vectors = np.linalg.eigh(covariance)
    root = np.sqrt(variances)
    return (vectors * root) @ vectors.T, (vectors / root) @ vectors.T
