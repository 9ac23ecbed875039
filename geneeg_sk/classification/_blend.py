"""The mean of the predictions of several classifiers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if

from geneeg_sk._typing import WindowsLike


class Blend(ClassifierMixin, BaseEstimator):
    """Fitted classifiers of the same classes whose probabilities are averaged.

    Parameters
    ----------
    members : list of classifiers
        Fitted, with `predict_proba`.
    """

    def __init__(self, members: list[BaseEstimator]) -> None:
        self.members = members

    @property
    def classes_(self) -> np.ndarray:
        """The labels."""
        return self.members[0].classes_

    def predict_proba(self, X: WindowsLike) -> np.ndarray:
        """Return the mean probability of each state, shape (n_windows, n_classes)."""
        return np.mean([member.predict_proba(X) for member in self.members], axis=0)

    def predict(self, X: WindowsLike) -> np.ndarray:
        """Return the most probable state of each window, shape (n_windows,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    @available_if(lambda self: all(hasattr(member, "partial_fit") for member in self.members))
    def partial_fit(self, X: WindowsLike, y: ArrayLike) -> Blend:
        """Train each classifier further."""
        for member in self.members:
            member.partial_fit(X, y)
        return self
