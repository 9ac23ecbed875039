"""What the profile of a patient is: the median of descriptors, or a few learned numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag, solve_triangular
from sklearn.covariance import ledoit_wolf

from ._descriptors import profile_of

FEWEST_PATIENTS = 4  # of whom discriminants can be learned; of three, a plane would be all there is
MOST_NUMBERS = 16


@dataclass
class ProfileEncoder:
    """Turn background windows into a profile, and a profile into what background is like.

    Learned, a profile is the mean over windows of log-RMS and of linear discriminants (Fisher 1936;
    Rao 1948): the directions of the other descriptors in which patients differ most and windows of
    one patient least. There is one fewer than there are patients; the principal directions of what
    these leave unexplained follow, for a new patient may differ otherwise than the known ones do.
    What patients differ in beyond these few numbers is not in such a profile. Not learned, it is
    the median of the descriptors themselves.

    Attributes
    ----------
    centre : ndarray of shape (n_descriptors,)
    weights : ndarray of shape (n_descriptors, n_profile)
        From descriptors to the profile's numbers; without columns where nothing was learned.
    loadings : ndarray of shape (n_profile, n_descriptors)
        From these numbers back to the descriptors that background windows have on the average.
    """

    centre: np.ndarray
    weights: np.ndarray
    loadings: np.ndarray

    @classmethod
    def of_descriptors(cls, n_descriptors: int) -> ProfileEncoder:
        """The median of the descriptors."""
        nothing = np.zeros((n_descriptors, 0))
        return cls(np.zeros(n_descriptors), nothing, nothing.T)

    @classmethod
    def learn(cls, background: np.ndarray, patient: np.ndarray) -> ProfileEncoder:
        """Learn from descriptors (n, q) of background windows of patients (n,)."""
        patients, number = np.unique(patient, return_inverse=True)
        if len(patients) < FEWEST_PATIENTS:
            raise ValueError(
                f"profile_encoder='learned' needs background windows of at least {FEWEST_PATIENTS} "
                f"patients, got {len(patients)}: fewer do not tell what patients differ in. Give "
                "groups and more patients, or use profile_encoder='descriptors'."
            )
        means = np.stack([background[number == p].mean(axis=0) for p in range(len(patients))])
        centre = means.mean(axis=0)
        std = background.std(axis=0)
        scale = np.where(std > 1e-9, std, 1.0)
        x, between = (background - centre) / scale, (means - centre) / scale
        weights, loadings = _directions(x[:, 1:], between[:, 1:], number)
        # Loudness stays a number of its own: it goes another way with the spectrum within patients
        # than between them.
        weights, loadings = (block_diag([[1.0]], part) for part in (weights, loadings))
        weights[1:] /= scale[1:, None]
        loadings[:, 1:] *= scale[1:]
        return cls(centre, weights, loadings)

    @property
    def is_learned(self) -> bool:
        """Whether profiles are the few learned numbers."""
        return self.weights.shape[1] > 0

    def of_windows(self, described: np.ndarray) -> np.ndarray:
        """Each window's part in a profile, shape (..., n_profile)."""
        return (described - self.centre) @ self.weights if self.is_learned else described

    def __call__(self, described: np.ndarray) -> np.ndarray:
        """Profile (..., n_profile) of descriptors (..., n_windows, n_descriptors)."""
        if self.is_learned:
            return self.of_windows(described).mean(axis=-2)
        return profile_of(described)

    def background(self, profiles: np.ndarray) -> np.ndarray:
        """Descriptors (n, n_descriptors) that profiles (n, n_profile) say background has."""
        return self.centre + profiles @ self.loadings if self.is_learned else profiles


def _directions(
    x: np.ndarray, between: np.ndarray, number: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (q, k) and loadings (k, q) for windows (n, q) of patients with means (n_patients, q).

    Each of the k numbers has unit variance over all windows: the covariance over patients is shrunk
    towards one variance for all numbers.
    """
    weights = _discriminants(x - between[number], between)
    weights = np.column_stack([weights, _components(x, weights)])
    weights = weights / np.maximum((x @ weights).std(axis=0), 1e-9)
    return weights, np.linalg.lstsq(x @ weights, x, rcond=None)[0]


def _discriminants(within: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Directions (q, k) that part patients' means (n_patients, q), given what varies within (n, q).

    The covariance within patients is shrunk (Ledoit and Wolf 2004): there are more descriptors than
    windows.
    """
    covariance = ledoit_wolf(within)[0]
    root = np.linalg.cholesky(covariance + 1e-9 * np.eye(len(covariance)))
    whitened = solve_triangular(root, between.T, lower=True)
    n = min(len(between), MOST_NUMBERS) - 1
    directions = np.linalg.svd(whitened, full_matrices=False)[0][:, :n]
    return solve_triangular(root.T, directions)


def _components(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Principal directions (q, k) of what `weights` (q, n) leave unexplained of windows (n, q)."""
    left = x - x @ weights @ np.linalg.lstsq(x @ weights, x, rcond=None)[0]
    n = min(MOST_NUMBERS - 1 - weights.shape[1], *left.shape)
    return np.linalg.svd(left - left.mean(axis=0), full_matrices=False)[2][:n].T
