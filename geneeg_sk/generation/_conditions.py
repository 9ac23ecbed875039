"""The joint distribution of window descriptors given state and patient profile.

Conditions at sampling time come from here, so that new combinations appear and not jittered
copies of training rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solve
from sklearn.covariance import ledoit_wolf
from sklearn.neighbors import NearestNeighbors

# Training windows whose spread one generated window is drawn from. With few, draws follow the bends
# of the distribution, such as the course of a seizure; with more, they resemble no single window.
NEIGHBORS = 10
# Draws are centered between the mean of the neighbors (0) and the window whose neighbors they are
# (1). Around the mean alone extremes would get lost; around the window alone it would be copied.
NEARNESS = 0.1
RMS_NEARNESS = 0.9  # the same for log-RMS: one number copies no window
INDEPENDENT_SHARE = 0.2  # of the variance: drawn for each descriptor independently

# Fewer windows than this say too little about a state's spread: all states' is used instead.
MIN_WINDOWS = 3
MAX_ROWS = 2000  # of a state, about; beyond, neighborhoods only shrink


@dataclass
class ConditionPrior:
    """State mean + patient offset + what is left, drawn from local normal distributions.

    The offset has two parts. What a profile says of a patient's background holds in part in
    each state, by a slope that is learned: near 1 for background itself, so that a patient never
    seen gets the background that the profile describes, and less for seizures. What differs
    beyond that is a Gaussian process over profiles: a known patient gets nearly their own mean,
    the more so the more windows there were, and a new one that of similar patients. What is left
    is drawn around the mean of a window's neighborhood, with the covariance of its
    `NEIGHBORS` (a mixture of local Gaussians, as of Vincent and Bengio 2003): a seizure moves
    along curves that no single normal distribution follows.

    Attributes
    ----------
    means : ndarray of shape (n_states, n_descriptors)
    profiles : ndarray of shape (n_patients, n_profile)
        Standardized profiles of the patients.
    center : ndarray of shape (n_descriptors,)
        Background that the profiles of the patients describe on the average.
    slopes : ndarray of shape (n_states, n_descriptors)
        How much of a difference from `center` is found in a state.
    offsets : ndarray of shape (n_states, n_patients, n_descriptors)
        Weights of the Gaussian process.
    length : float
        Length scale of the Gaussian process.
    factors : ndarray of shape (n_states, n_descriptors, n_descriptors)
        Cholesky factors of the covariance of what is left, for when no rows may be used.
    rows : ndarray of shape (n_rows, n_descriptors)
        What is left of training windows, sorted by their log-RMS, the first descriptor.
    row_state, row_patient : ndarray of shape (n_rows,)
    neighbors : ndarray of shape (n_rows, n_neighbors)
        Rows nearest to each, itself first.
    """

    means: np.ndarray
    profiles: np.ndarray
    center: np.ndarray
    slopes: np.ndarray
    offsets: np.ndarray
    length: float
    factors: np.ndarray
    rows: np.ndarray
    row_state: np.ndarray
    row_patient: np.ndarray
    neighbors: np.ndarray

    @classmethod
    def fit(
        cls,
        described: np.ndarray,
        state: np.ndarray,
        patient: np.ndarray,
        profiles: np.ndarray,
        background: np.ndarray,
    ) -> ConditionPrior:
        """Learn from descriptors (n, q), states (n,) and patients (n,) as numbers from 0 on.

        `profiles` are the patients', standardized; `background` (n_patients, q) are the descriptors
        that the profiles say background has.
        """
        n_states, n_patients, q = state.max() + 1, len(profiles), described.shape[1]
        length = _median_distance(profiles)
        kernel = _kernel(profiles, profiles, length)
        means = np.stack([described[state == s].mean(axis=0) for s in range(n_states)])
        offsets = np.zeros((n_states, n_patients, q))
        residuals = described - means[state]
        center = background.mean(axis=0)
        slopes = np.zeros((n_states, q))
        for s in range(n_states):
            rows = state == s
            counts = np.bincount(patient[rows], minlength=n_patients)
            slopes[s] = _slopes(background - center, residuals[rows], patient[rows], counts)
            residuals[rows] -= slopes[s] * (background - center)[patient[rows]]
            offsets[s] = _solve_offsets(kernel, residuals[rows], patient[rows], counts)
            residuals[rows] -= (kernel @ offsets[s])[patient[rows]]
        of_state = (np.flatnonzero(state == s) for s in range(n_states))
        kept = np.concatenate([_pick_evenly(own, patient[own]) for own in of_state])
        kept = kept[np.argsort(residuals[kept, 0], kind="stable")]
        rows, row_state = residuals[kept], state[kept]
        enough = np.bincount(row_state) >= MIN_WINDOWS
        spread = [rows[row_state == s] if enough[s] else rows for s in range(n_states)]
        return cls(
            means=means,
            profiles=profiles,
            center=center,
            slopes=slopes,
            offsets=offsets,
            length=length,
            factors=np.stack([_factor(own) for own in spread]),
            rows=rows.astype(np.float32),
            row_state=row_state,
            row_patient=patient[kept],
            neighbors=_neighbors(rows, row_state, enough),
        )

    @property
    def n_normal(self) -> int:
        """Normal numbers that the descriptors of one window are drawn from."""
        return self.means.shape[1] + self.neighbors.shape[1]

    def draw(
        self,
        state: np.ndarray,
        profiles: np.ndarray,
        background: np.ndarray,
        uniform: np.ndarray,
        normal: np.ndarray,
    ) -> np.ndarray:
        """Turn random numbers into descriptors of windows of these states.

        `uniform` is (n,): spread evenly, it spreads windows evenly. `normal` is standard normal,
        (n, `n_normal`).
        """
        alone, local = np.split(normal, [self.means.shape[1]], axis=1)
        mean = self.expected(state, profiles, background)
        if not len(self.rows):
            return mean + np.einsum("nij,nj->ni", self.factors[state], alone)
        anchors = self._anchors(state, profiles, uniform)
        around = self.rows[self.neighbors[anchors]]
        center = around.mean(axis=1)
        around = around - center[:, None]
        n = around.shape[1]
        together = np.einsum("nk,nkq->nq", local, around) / np.sqrt(max(n - 1, 1))
        apart = alone * around.std(axis=1)
        spread = np.sqrt(1 - INDEPENDENT_SHARE) * together + np.sqrt(INDEPENDENT_SHARE) * apart
        own = self.rows[anchors] - center
        drawn = NEARNESS * own + np.sqrt(1 - NEARNESS**2) * spread
        loudness = RMS_NEARNESS * own[:, 0] + np.sqrt(1 - RMS_NEARNESS**2) * spread[:, 0]
        return mean + center + _shift_to_loudness(drawn, loudness, around)

    def expected(
        self, state: np.ndarray, profiles: np.ndarray, background: np.ndarray
    ) -> np.ndarray:
        """Mean descriptors (n, n_descriptors) of windows of these states and patients."""
        kernel = _kernel(profiles, self.profiles, self.length)
        mean = self.means[state] + self.slopes[state] * (background - self.center)
        return mean + np.einsum("np,npq->nq", kernel, self.offsets[state])

    def _anchors(self, state: np.ndarray, profiles: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """One row for each window: of the patient whose profile is nearest, if of that state."""
        distance = ((profiles[:, None] - self.profiles) ** 2).sum(axis=2)
        has_state = np.zeros((len(self.means), len(self.profiles)), bool)
        has_state[self.row_state, self.row_patient] = True
        distance = np.where(has_state[state], distance, np.inf)
        patient = distance.argmin(axis=1)
        anchors = np.empty(len(state), dtype=int)
        for i, (s, p, u) in enumerate(zip(state, patient, uniform)):
            own = np.flatnonzero((self.row_state == s) & (self.row_patient == p))
            anchors[i] = own[int(u * len(own))]
        return anchors

    def without_patients(self) -> ConditionPrior:
        """A copy that holds nothing of single patients or windows."""
        return replace(
            self,
            profiles=self.profiles[:0],
            offsets=self.offsets[:, :0],
            rows=self.rows[:0],
            row_state=self.row_state[:0],
            row_patient=self.row_patient[:0],
            neighbors=self.neighbors[:0],
        )


def _shift_to_loudness(drawn: np.ndarray, loudness: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Change draws (n, q) to what they would be, had they this loudness (n,), the first number.

    By the regression of the other numbers on the first among the neighbors (n, k, q).
    """
    variance = np.maximum((around[:, :, 0] ** 2).sum(axis=1), 1e-12)
    slope = np.einsum("nk,nkq->nq", around[:, :, 0], around) / variance[:, None]
    slope[:, 0] = 1  # also where all are equally loud
    return drawn + slope * (loudness - drawn[:, 0])[:, None]


def _kernel(a: np.ndarray, b: np.ndarray, length: float) -> np.ndarray:
    distance = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    return np.exp(-distance / (2 * length**2))


def _median_distance(profiles: np.ndarray) -> float:
    distance = np.sqrt(((profiles[:, None] - profiles[None]) ** 2).sum(axis=2))
    distance = distance[np.triu_indices(len(profiles), 1)]
    return float(np.median(distance)) if (distance > 0).any() else 1.0


def _slopes(
    deviations: np.ndarray, residuals: np.ndarray, patient: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """How much of the patients' deviations (n_patients, q) is in the residuals (n, q), shape (q,).

    One slope for loudness, one for all the rest: single descriptors of few patients would say
    little. Patients whose state has no windows do not count.
    """
    known = counts > 0
    sums = np.zeros((len(counts), residuals.shape[1]))
    np.add.at(sums, patient, residuals)
    means = sums[known] / counts[known, None]
    x, y = (part - part.mean(axis=0) for part in (deviations[known], means))
    slopes = np.empty(residuals.shape[1])
    for part in (slice(0, 1), slice(1, None)):
        spread = (x[:, part] ** 2).sum()
        slope = (x[:, part] * y[:, part]).sum() / spread if spread > 1e-12 else 0.0
        slopes[part] = np.clip(slope, 0, 1)
    return slopes


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


def _pick_evenly(rows: np.ndarray, patient: np.ndarray) -> np.ndarray:
    """About `MAX_ROWS` of the rows at most, evenly spaced, and some of every patient."""
    step = -(-len(rows) // MAX_ROWS)
    return np.sort(np.concatenate([rows[patient == p][::step] for p in np.unique(patient)]))


def _neighbors(rows: np.ndarray, state: np.ndarray, enough: np.ndarray) -> np.ndarray:
    """Nearest rows of the same state; of all states, for a state with too few of its own.

    All get as many as the smallest state can give. Descriptors are logarithms: what varies most
    decides who is near.
    """
    members = [np.flatnonzero((state == s) | ~enough[s]) for s in range(len(enough))]
    n = min(NEIGHBORS + 1, *(len(own) for own in members))
    found = np.empty((len(rows), n), dtype=int)
    for s, own in enumerate(members):
        nearest = NearestNeighbors(n_neighbors=n).fit(rows[own])
        found[state == s] = own[nearest.kneighbors(rows[state == s], return_distance=False)]
    return found


def _factor(residuals: np.ndarray) -> np.ndarray:
    """Cholesky factor of the covariance, with the shrinkage of Ledoit and Wolf (2004)."""
    if len(residuals) < 2:
        return np.zeros((residuals.shape[1],) * 2)
    covariance = ledoit_wolf(residuals)[0]
    return np.linalg.cholesky(covariance + 1e-9 * np.eye(len(covariance)))
