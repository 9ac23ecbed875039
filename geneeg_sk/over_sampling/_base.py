"""What every over-sampler of windows shares: checks, order of rows, provenance."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import pandas as pd
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_target_type
from numpy.typing import ArrayLike
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from geneeg_sk._checks import as_microvolts, check_groups, check_shape, native_floats, resolve_sfreq
from geneeg_sk._typing import Label, WindowsLike


class BaseWindowSampler(BaseOverSampler):
    """Over-sampler of windows: a subclass only writes :meth:`_generate`.

    `X` may have shape (n_windows, n_channels, n_times), (n_windows, n_times) for one channel, or
    be ``mne.Epochs``. The result starts with the original windows, bit-identical, in order and
    dtype; synthetic windows follow, state after state.

    Attributes
    ----------
    sampling_strategy_ : dict
        How many windows to generate for each state.
    n_synthetic_ : dict
        How many windows were generated for each state; in a fitted pipeline
        ``pipeline["sampler"].n_synthetic_``.
    is_synthetic_ : ndarray of bool, shape (n_windows_resampled,)
        Which windows of the result are synthetic.
    provenance_ : DataFrame
        One row for each synthetic window, in the order of the result; at least its ``state``.
    """

    __metadata_request__fit_resample = {"groups": True}

    # What the method needs of a state to add windows to it.
    _min_windows = 2
    # Set by a wrapper that has seen the windows as an MNE object, and gives them on as an array.
    _sfreq_of_arrays: float | None = None

    def fit_resample(
        self, X: WindowsLike, y: ArrayLike, *, groups: ArrayLike | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the windows with the synthetic ones appended.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows, in microvolts.
        y : array-like of shape (n_windows,)
            State of each window.
        groups : array-like of shape (n_windows,), optional
            Patient of each window. Inside a pipeline it arrives by metadata routing:
            ``sklearn.set_config(enable_metadata_routing=True)``.

        Returns
        -------
        X_resampled : ndarray of shape (n_windows_resampled, ...)
            `X` itself, then the synthetic windows.
        y_resampled : ndarray of shape (n_windows_resampled,)
            Their states.

        Raises
        ------
        ValueError
            If `X` has another shape or is not finite, if `y` holds one state only or a state with
            too few windows, or if `groups` has another length.
        """
        self._sfreq = resolve_sfreq(self._sfreq_of_arrays, X)
        return super().fit_resample(native_floats(as_microvolts(X)), y, groups=groups)

    @abstractmethod
    def _generate(
        self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None, counts: dict[Label, int]
    ) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
        """Return synthetic windows, their states and provenance, state after state.

        `X` has three dimensions here, and `counts` holds only states with windows to generate.
        The windows may come in any floating dtype; `provenance` needs no ``state`` column.
        """

    def _fit_resample(
        self, X: np.ndarray, y: np.ndarray, groups: ArrayLike | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        groups = check_groups(groups, len(X))
        counts = windows_to_generate(self.sampling_strategy_)
        self._check_enough(y, counts)
        windows = X[:, None, :] if X.ndim == 2 else X
        X_new, y_new, provenance = self._generate(windows, y, groups, counts)
        self.n_synthetic_ = {state: int((y_new == state).sum()) for state in np.unique(y).tolist()}
        self.is_synthetic_ = np.repeat([False, True], [len(X), len(X_new)])
        self.provenance_ = with_state(provenance, y_new)
        X_new = X_new.reshape(len(X_new), *X.shape[1:]).astype(X.dtype, copy=False)
        return np.concatenate([X, X_new]), np.concatenate([y, y_new.astype(y.dtype, copy=False)])

    def _check_X_y(
        self, X: WindowsLike, y: ArrayLike, accept_sparse: bool = False
    ) -> tuple[np.ndarray, np.ndarray, bool]:
        y, binarize_y = check_target_type(y, indicate_one_vs_all=True)
        windows, states = validate_data(
            self,
            X=native_floats(as_microvolts(X)),
            y=y,
            reset=True,
            accept_sparse=accept_sparse,
            allow_nd=True,
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,
        )
        check_shape(self, windows, reset=True)
        check_two_states(states)
        return windows, states, binarize_y

    def _check_enough(self, y: np.ndarray, counts: dict[Label, int]) -> None:
        for state in counts:
            n_windows = np.count_nonzero(y == state)
            if n_windows < self._min_windows:
                raise ValueError(
                    f"State {state!r} has {n_windows} window(s), but {type(self).__name__} needs "
                    f"at least {self._min_windows} to generate more of it. Use a split that "
                    "leaves more of them in every training fold (fewer folds, or "
                    "StratifiedGroupKFold), or leave this state out of sampling_strategy."
                )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.sparse = False
        return tags


def check_two_states(y: np.ndarray) -> None:
    """Raise a ValueError if all windows are of one state."""
    states = np.unique(y)
    if len(states) < 2:
        raise ValueError(
            f"y holds one class only, {states.tolist()}; over-sampling needs windows of at least "
            "two states. Check the labels, or use a split whose training folds have both "
            "(StratifiedGroupKFold)."
        )


def windows_to_generate(strategy: dict[Label, int] | None) -> dict[Label, int]:
    """Return how many windows each state gets as plain numbers, without the states that get none.

    >>> windows_to_generate({np.str_("ictal"): np.int64(3), np.str_("normal"): 0})
    {'ictal': 3}
    """
    return {
        getattr(state, "item", lambda state=state: state)(): int(n)
        for state, n in (strategy or {}).items()
        if n > 0
    }


def with_state(provenance: pd.DataFrame, y: np.ndarray) -> pd.DataFrame:
    """Return `provenance` with the state of each synthetic window as its first column."""
    rest = provenance.drop(columns="state", errors="ignore").reset_index(drop=True)
    rest.insert(0, "state", y)
    return rest
