"""Which synthetic windows to keep: real enough, of their state, unlike each other."""

from __future__ import annotations

from numbers import Real
from typing import Any, Protocol

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from geneeg_sk.features import EEGFeatures

NEIGHBOURS = 5
MOST_FOLDS = 4


class Criterion(Protocol):
    """What decides about synthetic windows, one after the other.

    A decision may depend on the real windows and on the windows accepted before, never on how
    many are asked for: so that the windows of a smaller ratio are the first of a larger one.
    """

    least: float

    def fit(self, X: Any, y: Any, groups: Any, *, states: list, sfreq: float) -> Criterion:
        """Learn from the real windows of the training fold; asked for are `states`."""

    def judge(self, X: np.ndarray, state: Any, candidate: np.ndarray) -> np.ndarray:
        """Scores in [0, 1] of finite windows; kept are candidates that get `least`."""


def as_criteria(quality: Any) -> list[Criterion]:
    """Return unfitted criteria for the parameter `quality` of a sampler.

    >>> as_criteria(0.01), as_criteria(None)
    ([Realism()], [])
    """
    if isinstance(quality, Real):
        quality = Realism(quality) if quality else []
    several = quality if isinstance(quality, list) else [] if quality is None else [quality]
    for criterion in several:
        if not hasattr(criterion, "judge"):
            raise TypeError(
                f"quality holds {criterion!r}; expected Realism, LabelConfidence or Diversity "
                "objects in the list."
            )
    return [clone(criterion) for criterion in several]


class _Least(BaseEstimator):
    """A criterion with one parameter, the least score, which is checked when it is used."""

    def __init__(self, least):
        self.least = least

    def _check(self) -> None:
        validate_parameter_constraints(
            {"least": [Interval(Real, 0, 1, closed="both")]},
            {"least": self.least},
            type(self).__name__,
        )


class Realism(_Least):
    """Keep a synthetic window that is as close to real ones as these are to each other.

    The score of a window is the share of real windows of its state that are lonelier, in
    standardised features averaged over channels: 0 for a window farther out than any real one. It
    is a k-nearest neighbour novelty test whose reference is the real windows' own distances, each
    left out.

    Parameters
    ----------
    least : float in [0, 1], default=0.01
        The least score of a window that is kept.

    Examples
    --------
    >>> from geneeg_sk.over_sampling import GenEEGSampler, Realism
    >>> GenEEGSampler(quality=Realism(0.05))
    GenEEGSampler(quality=Realism(least=0.05))
    """

    def __init__(self, least=0.01):
        super().__init__(least)

    def fit(self, X: Any, y: Any, groups: Any, *, states: list, sfreq: float) -> Realism:
        """Measure how far real windows of each state are from each other."""
        self._check()
        self.clouds_ = {s: Cloud(X[y == s], sfreq, NEIGHBOURS) for s in states}
        return self

    def judge(self, X: np.ndarray, state: Any, candidate: np.ndarray) -> np.ndarray:
        """Scores in [0, 1] of windows, shape (n,)."""
        cloud = self.clouds_[state]
        distance = cloud.neighbours.kneighbors(cloud.describe(X))[0][:, -1]
        return 1 - np.searchsorted(cloud.reference, distance, side="left") / len(cloud.reference)


class LabelConfidence(_Least):
    """Keep a synthetic window that a classifier of real windows takes for one of its state.

    The score of a window is the probability of its state, the mean over logistic regressions on
    features, each of which was fitted without one part of the patients: so that no patient's own
    windows vouch alone for those that imitate them. States count alike, however rare.

    Parameters
    ----------
    least : float in [0, 1], default=0.5
        The least score of a window that is kept.
    """

    def __init__(self, least=0.5):
        super().__init__(least)

    def fit(self, X: Any, y: Any, groups: Any, *, states: list, sfreq: float) -> LabelConfidence:
        """Fit one classifier for each part of the patients, on all others."""
        self._check()
        self.states_ = np.unique(y)
        self.sfreq_ = sfreq
        features = describe(X, sfreq)
        new = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
        parts = training_parts(y, groups)
        self.classifiers_ = [clone(new).fit(features[rows], y[rows]) for rows in parts]
        return self

    def judge(self, X: np.ndarray, state: Any, candidate: np.ndarray) -> np.ndarray:
        """Scores in [0, 1] of windows, shape (n,)."""
        features = describe(X, self.sfreq_)
        column = int(np.flatnonzero(self.states_ == state)[0])
        return np.mean([c.predict_proba(features)[:, column] for c in self.classifiers_], axis=0)


class Diversity(_Least):
    """Keep a synthetic window that is not nearly one that was kept before; the last to be asked.

    The score of a window is the share of real windows of its state whose nearest neighbour among
    real windows is nearer than its own among the synthetic windows kept so far, in standardised
    features averaged over channels: 0 for a window nearer to another than any two real ones.

    Parameters
    ----------
    least : float in [0, 1], default=0.01
        The least score of a window that is kept. The more windows are kept, the fewer places are
        left: large values end with an error where many are asked for.
    """

    def __init__(self, least=0.01):
        super().__init__(least)

    def fit(self, X: Any, y: Any, groups: Any, *, states: list, sfreq: float) -> Diversity:
        """Measure how near real windows of each state are to each other."""
        self._check()
        self.clouds_ = {s: Cloud(X[y == s], sfreq, 1) for s in states}
        self.kept_: dict[Any, list[np.ndarray]] = {s: [] for s in self.clouds_}
        return self

    def judge(self, X: np.ndarray, state: Any, candidate: np.ndarray) -> np.ndarray:
        """Scores in [0, 1] of windows, shape (n,); candidates that pass count as kept."""
        cloud, kept = self.clouds_[state], self.kept_[state]
        scores = np.ones(len(X))
        for i, place in enumerate(cloud.describe(X)):
            if kept:
                nearest = np.sqrt(((np.array(kept) - place) ** 2).sum(axis=1)).min()
                nearer = np.searchsorted(cloud.reference, nearest, side="left")
                scores[i] = nearer / len(cloud.reference)
            if candidate[i] and scores[i] >= self.least:
                kept.append(place)
        return scores


class Cloud:
    """The real windows of a state in standardised features.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_channels, n_times)
        Real windows of one state; at least two.
    sfreq : float
        Sampling frequency in Hz.
    k : int
        `reference` holds the distance of each window to so manieth a neighbour, sorted.
    """

    def __init__(self, X: np.ndarray, sfreq: float, k: int) -> None:
        self.sfreq = sfreq
        real = describe(X, sfreq)
        self.scaler = StandardScaler().fit(real)
        self.neighbours = NearestNeighbors(n_neighbors=min(k, len(real) - 1))
        self.neighbours.fit(self.scaler.transform(real))
        self.reference = np.sort(self.neighbours.kneighbors()[0][:, -1])

    def describe(self, X: np.ndarray) -> np.ndarray:
        """Places of windows, shape (n, n_features)."""
        return self.scaler.transform(describe(X, self.sfreq))


def describe(X: np.ndarray, sfreq: float) -> np.ndarray:
    """Features averaged over channels, shape (n_windows, n_features), without their long tails."""
    features = EEGFeatures(sfreq=sfreq, average=True).fit_transform(X)
    # Powers, lengths and moments spread over decades; the sign of skewness stays.
    return np.sign(features) * np.log1p(np.abs(features))


def training_parts(y: np.ndarray, groups: np.ndarray | None) -> list[np.ndarray]:
    """Rows of all patients but a part of them, for each part that leaves every state."""
    rarest = int(np.unique(y, return_counts=True)[1].min())
    patients = rarest if groups is None else len(np.unique(groups))
    n_parts = min(MOST_FOLDS, rarest, patients)
    everything = np.arange(len(y))
    if n_parts < 2:
        return [everything]
    splitter: Any = StratifiedKFold if groups is None else StratifiedGroupKFold
    folds = [rows for rows, _ in splitter(n_parts).split(everything, y, groups)]
    n_states = len(np.unique(y))
    return [rows for rows in folds if len(np.unique(y[rows])) == n_states] or [everything]
