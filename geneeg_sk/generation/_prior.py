"""The joint distribution of window descriptors given state and patient profile.

Conditions at sampling time come from here, so that new combinations appear and not jittered
copies of training rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve
from scipy.special import ndtr, ndtri
from sklearn.covariance import ledoit_wolf

N_QUANTILES = 65
# Fewer windows than this say too little about a state's spread: all states' is used instead.
FEWEST = 3


@dataclass
class ConditionPrior:
    """State mean + patient offset + Gaussian copula of what is left, for each state.

    The offset is a Gaussian process over profiles: a known patient gets nearly their own mean,
    the more so the more windows there were, and a new one that of similar patients.

    Attributes
    ----------
    means : ndarray of shape (n_states, n_descriptors)
    quantiles : ndarray of shape (n_states, N_QUANTILES, n_descriptors)
        Inverse distribution function of the residuals.
    factors : ndarray of shape (n_states, n_descriptors, n_descriptors)
        Cholesky factors of the correlation of the residuals' normal scores.
    profiles : ndarray of shape (n_patients, n_profile)
        Standardised profiles of the patients.
    offsets : ndarray of shape (n_states, n_patients, n_descriptors)
        Weights of the Gaussian process.
    length : float
        Length scale of the Gaussian process.
    shares : ndarray of shape (n_states, n_patients)
        Share of each patient in the windows of a state.
    """

    means: np.ndarray
    quantiles: np.ndarray
    factors: np.ndarray
    profiles: np.ndarray
    offsets: np.ndarray
    length: float
    shares: np.ndarray

    @classmethod
    def fit(
        cls, described: np.ndarray, state: np.ndarray, patient: np.ndarray, profiles: np.ndarray
    ) -> ConditionPrior:
        """Learn from descriptors (n, q), states (n,) and patients (n,) as numbers from 0 on."""
        n_states, n_patients, q = state.max() + 1, len(profiles), described.shape[1]
        length = _median_distance(profiles)
        kernel = _kernel(profiles, profiles, length)
        means = np.stack([described[state == s].mean(axis=0) for s in range(n_states)])
        offsets = np.zeros((n_states, n_patients, q))
        residuals = described - means[state]
        shares = np.zeros((n_states, n_patients))
        for s in range(n_states):
            counts = np.bincount(patient[state == s], minlength=n_patients)
            shares[s] = counts / counts.sum()
            rows = state == s
            offsets[s] = _solve_offsets(kernel, residuals[rows], patient[rows], counts)
            residuals[rows] -= (kernel @ offsets[s])[patient[rows]]
        enough = np.bincount(state) >= FEWEST
        of_state = [residuals[state == s] if enough[s] else residuals for s in range(n_states)]
        quantiles = np.stack([_quantiles(own) for own in of_state])
        factors = _factors(of_state)
        return cls(means, quantiles, factors, profiles, offsets, length, shares)

    def draw(self, state: np.ndarray, profiles: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """Turn standard normal numbers (n, q) into descriptors of windows of these states."""
        correlated = np.einsum("nij,nj->ni", self.factors[state], normal)
        level = ndtr(correlated) * (N_QUANTILES - 1)
        below = np.minimum(level.astype(int), N_QUANTILES - 2)
        column = np.arange(normal.shape[1])
        low = self.quantiles[state[:, None], below, column]
        high = self.quantiles[state[:, None], below + 1, column]
        residual = low + (level - below) * (high - low)
        kernel = _kernel(profiles, self.profiles, self.length)
        offset = np.einsum("np,npq->nq", kernel, self.offsets[state])
        return self.means[state] + offset + residual

    def without_patients(self) -> ConditionPrior:
        """A copy that holds nothing of single patients but their number."""
        return ConditionPrior(
            self.means,
            self.quantiles,
            self.factors,
            np.zeros((0, self.profiles.shape[1])),
            np.zeros((len(self.means), 0, self.means.shape[1])),
            self.length,
            np.zeros((len(self.means), 0)),
        )


def _kernel(a: np.ndarray, b: np.ndarray, length: float) -> np.ndarray:
    distance = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    return np.exp(-distance / (2 * length**2))


def _median_distance(profiles: np.ndarray) -> float:
    distance = np.sqrt(((profiles[:, None] - profiles[None]) ** 2).sum(axis=2))
    distance = distance[np.triu_indices(len(profiles), 1)]
    return float(np.median(distance)) if (distance > 0).any() else 1.0


def _solve_offsets(
    kernel: np.ndarray, residuals: np.ndarray, patient: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Gaussian-process weights of the patients' mean residuals, noisier the fewer windows."""
    sums = np.zeros((len(counts), residuals.shape[1]))
    np.add.at(sums, patient, residuals)
    means = sums / np.maximum(counts, 1)[:, None]
    within = (residuals - means[patient]).var(axis=0).mean()
    between = means[counts > 0].var(axis=0).mean()
    if between == 0:
        return np.zeros_like(sums)
    noise = np.clip(within / between, 0.1, 10) / np.maximum(counts, 1)
    noise[counts == 0] = 1e6  # says nothing about this patient in this state
    return solve(kernel + np.diag(noise), means, assume_a="pos")


def _quantiles(residuals: np.ndarray) -> np.ndarray:
    return np.quantile(residuals, np.linspace(0, 1, N_QUANTILES), axis=0)


def _factors(of_state: list[np.ndarray]) -> np.ndarray:
    """Cholesky factors of each state's correlation of normal scores.

    A state with few windows leans on what all states have in common: its own correlation weighs
    n / (n + q), for n windows and q descriptors.
    """
    scores = [_normal_scores(own) for own in of_state]
    common = _correlation(np.concatenate(scores))
    q = len(common)
    factors = []
    for own in scores:
        weight = len(own) / (len(own) + q)
        mixed = weight * _correlation(own) + (1 - weight) * common
        factors.append(np.linalg.cholesky(mixed + 1e-6 * np.eye(q)))
    return np.stack(factors)


def _normal_scores(residuals: np.ndarray) -> np.ndarray:
    rank = residuals.argsort(axis=0).argsort(axis=0)
    return ndtri((rank + 0.5) / len(residuals))


def _correlation(scores: np.ndarray) -> np.ndarray:
    """Correlation with the shrinkage of Ledoit and Wolf (2004)."""
    if len(scores) < 2:
        return np.eye(scores.shape[1])
    covariance = ledoit_wolf(scores)[0]
    spread = np.sqrt(np.maximum(np.diag(covariance), np.finfo(float).tiny))
    return covariance / np.outer(spread, spread)
