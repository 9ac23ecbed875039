"""Any over-sampler of imbalanced-learn, on windows."""

from __future__ import annotations

from collections import Counter
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
from imblearn.over_sampling.base import BaseOverSampler
from sklearn.base import BaseEstimator, clone
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods

from geneeg_sk._typing import Label, SamplingStrategy
from geneeg_sk.over_sampling._base import BaseWindowSampler


class WindowedSampler(BaseWindowSampler):
    """Apply any over-sampler of imbalanced-learn to windows.

    SMOTE, ADASYN, RandomOverSampler and similar samplers take tables: each window becomes one row
    of ``n_channels * n_times`` numbers, and each new row becomes a window again. Samplers that
    take windows get them unchanged. In a grid that swaps samplers, wrap every candidate: the
    wrapper always requests `groups` and passes them on to samplers that use them.

    Parameters
    ----------
    sampler : over-sampler or None, default=None
        It is cloned, not changed. None adds no windows.
    sampling_strategy : float, str, dict, callable or None, default=None
        Given to the sampler; None leaves the sampler's own.

    Attributes
    ----------
    sampler_ : over-sampler or None
        The fitted clone.
    sampling_strategy_ : dict
        How many windows to generate for each state.
    n_synthetic_ : dict
        How many windows were generated for each state.
    is_synthetic_ : ndarray of bool, shape (n_windows_resampled,)
        Which windows of the result are synthetic.
    provenance_ : DataFrame
        For each synthetic window its ``state``, and the sampler's own ``provenance_``, or the
        ``source`` row where the sampler repeats windows.

    See Also
    --------
    FourierSurrogateSampler : Phase-randomized copies of windows.

    Examples
    --------
    >>> import numpy as np
    >>> from imblearn.over_sampling import SMOTE
    >>> from geneeg_sk.over_sampling import FillGap, WindowedSampler
    >>> X = np.random.default_rng(0).normal(size=(18, 2, 64))
    >>> y = ["normal"] * 10 + ["ictal"] * 8
    >>> sampler = WindowedSampler(sampler=SMOTE(random_state=0), sampling_strategy=FillGap(0.5))
    >>> X_res, y_res = sampler.fit_resample(X, y)
    >>> X_res.shape
    (19, 2, 64)
    """

    _parameter_constraints: dict[str, Any] = {
        "sampler": [HasMethods(["fit_resample", "get_params"]), None],
        "sampling_strategy": [*BaseOverSampler._parameter_constraints["sampling_strategy"], None],
    }
    _min_windows = 1  # the sampler inside knows what it needs

    def __init__(
        self,
        *,
        sampler: BaseEstimator | None = None,
        sampling_strategy: SamplingStrategy | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.sampler = sampler

    def _generate(
        self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None, counts: dict[Label, int]
    ) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
        self.sampler_ = self._build_sampler()
        if self.sampler_ is None:
            self.sampling_strategy_ = {}
            return X[:0], y[:0], pd.DataFrame(index=range(0))
        rows = X if takes_windows(self.sampler_) else X.reshape(len(X), -1)
        self.sampler_._sfreq_of_arrays = self._sfreq
        X_res, y_res = resample(self.sampler_, rows, y, groups)
        check_originals_first(self.sampler_, X_res, y_res, rows, y)
        self.sampling_strategy_ = self.sampler_.sampling_strategy_
        X_new = X_res[len(X) :].reshape(-1, *X.shape[1:])
        return X_new, y_res[len(X) :], provenance_of(self.sampler_, len(X), len(X_new))

    def _build_sampler(self) -> BaseEstimator | None:
        if self.sampler is None:
            return None
        sampler = clone(self.sampler)
        if self.sampling_strategy is not None:
            sampler.set_params(sampling_strategy=self.sampling_strategy)
        return sampler


def takes_windows(sampler: BaseEstimator) -> bool:
    """Tell whether a sampler accepts windows in three dimensions."""
    return bool(get_tags(sampler).input_tags.three_d_array)


def resample(
    sampler: BaseEstimator, rows: np.ndarray, y: np.ndarray, groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Call the sampler, with groups if it takes them; explain an error of too few neighbors."""
    takes_groups = "groups" in signature(sampler.fit_resample).parameters
    try:
        return sampler.fit_resample(rows, y, **({"groups": groups} if takes_groups else {}))
    except ValueError as error:
        neighbors = {"k_neighbors", "n_neighbors"} & set(sampler.get_params(deep=False))
        if "n_neighbors" not in str(error) or not neighbors:
            raise
        raise ValueError(
            f"{error}. The windows of each state here: {dict(Counter(y.tolist()))}. A state needs "
            f"more windows than neighbors: set {neighbors.pop()} of {type(sampler).__name__} "
            "below the smallest state of any training fold, or use RandomOverSampler or "
            "FourierSurrogateSampler, which need no neighbors."
        ) from error


def check_originals_first(
    sampler: BaseEstimator, X_res: np.ndarray, y_res: np.ndarray, X: np.ndarray, y: np.ndarray
) -> None:
    """Raise a ValueError if a sampler dropped, moved or changed original rows."""
    n = len(X)
    if not (np.array_equal(X_res[:n], X) and np.array_equal(y_res[:n], y)):
        raise ValueError(
            f"{type(sampler).__name__} does not return the original windows first and unchanged. "
            "WindowedSampler takes over-samplers only; for under-sampling or a combination, put "
            "another step into the pipeline."
        )


def provenance_of(sampler: BaseEstimator, n: int, n_new: int) -> pd.DataFrame:
    """Return what a fitted sampler knows of its `n_new` synthetic rows."""
    if hasattr(sampler, "provenance_"):
        return sampler.provenance_
    if hasattr(sampler, "sample_indices_"):
        return pd.DataFrame({"source": sampler.sample_indices_[n:]})
    return pd.DataFrame(index=range(n_new))
