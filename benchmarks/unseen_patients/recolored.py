"""Real windows of a state on the background of other patients: what a generator has to beat."""

import numpy as np
import pandas as pd

from geneeg_sk._checks import background_state
from geneeg_sk.over_sampling._base import BaseWindowSampler

SHRINKAGE = 0.1  # of the covariance, towards independent channels of equal power


class RecoloredSampler(BaseWindowSampler):
    """Over-sample by windows with the channel covariance of another patient's background.

    A window is whitened by the background of its own patient and colored by that of a patient drawn
    at random (He and Wu 2020, in both directions). Waveforms stay those of real windows.
    """

    def __init__(self, *, sampling_strategy="auto", random_state=None):
        super().__init__(sampling_strategy=sampling_strategy)
        self.random_state = random_state

    def _generate(self, X, y, groups, counts):
        rng = np.random.default_rng(self.random_state)
        background = y == background_state(y)
        patients = np.unique(groups[background])
        roots = {p: roots_of(X[background & (groups == p)]) for p in patients}
        made, labels = [X[:0]], []
        for state, n in counts.items():
            known = np.flatnonzero((y == state) & np.isin(groups, patients))
            sources = rng.choice(known, n)
            for source, patient in zip(sources, rng.choice(patients, n)):
                _, whiten = roots[groups[source]]
                color, _ = roots[patient]
                made.append((color @ whiten @ X[source])[None])
            labels += [state] * n
        return (
            np.concatenate(made),
            np.array(labels, y.dtype),
            pd.DataFrame(index=range(len(labels))),
        )


def roots_of(X):
    """The square root of the mean covariance of windows, and its inverse."""
    covariance = np.einsum("nct,ndt->cd", X, X, dtype=np.float64) / (len(X) * X.shape[2])
    power = np.trace(covariance) / len(covariance)
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * power * np.eye(len(covariance))
    variances, vectors = np.linalg.eigh(covariance)
    root = np.sqrt(variances)
    return (vectors * root) @ vectors.T, (vectors / root) @ vectors.T
