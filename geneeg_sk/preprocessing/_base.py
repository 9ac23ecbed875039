"""What the transformers of windows share: checks, sampling frequency, robust statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from geneeg_sk._checks import DEFAULT_SFREQ, check_windows, is_mne, resolve_sfreq
from geneeg_sk._typing import WindowsLike

BLOCK_BYTES = 1 << 18  # of signal in a block, so that it and its derivatives stay in the cache


class WindowTransformer(TransformerMixin, BaseEstimator):
    """Base of transformers from windows to windows: 2-D in gives 2-D out, 3-D gives 3-D.

    A subclass has `_transform` and, where it learns something, `_fit`; both get checked windows
    of shape (n_windows, n_channels, n_times). There is no `get_feature_names_out`: three
    dimensions do not fit into the data frames of ``set_output``.
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: WindowsLike, y: ArrayLike | None = None) -> WindowTransformer:
        """Check the windows, and learn what there is to learn from them.

        Parameters
        ----------
        X : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows in microvolts; an ``mne.Epochs`` is converted from volts.
        y : ignored
            Only here for pipelines.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        self.ch_names_ = channel_names(X)
        if hasattr(self, "sfreq"):
            self.sfreq_ = resolve_sfreq(self.sfreq, X, default=DEFAULT_SFREQ)
        self._fit(check_windows(self, X, reset=True))
        return self

    def transform(self, X: WindowsLike) -> np.ndarray:
        """Return the transformed windows, in microvolts where the input is.

        Parameters
        ----------
        X : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows like those of `fit`.

        Returns
        -------
        X_new : ndarray
            As many dimensions as `X`, and its dtype where that is float32 or float64.
        """
        return self._apply(self._transform, X)

    def _apply(self, change: Callable[[np.ndarray], np.ndarray], X: WindowsLike) -> np.ndarray:
        """Return checked windows, changed, with as many dimensions as they came with."""
        check_is_fitted(self, "n_channels_")
        check_same_source(self, X)
        result = change(check_windows(self, X, reset=False))
        return result[:, 0] if is_flat(X) else result

    def _fit(self, X: np.ndarray) -> None:
        """Learn nothing."""

    def _transform(self, X: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def is_flat(X: WindowsLike) -> bool:
    """Tell whether `X` is a 2-D array, windows of one channel."""
    return not is_mne(X) and (X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim) == 2


def channel_names(X: WindowsLike) -> list[str] | None:
    """Return the channel names of an MNE object, None for an array."""
    return list(X.ch_names) if is_mne(X) else None


def check_same_source(estimator: BaseEstimator, X: WindowsLike) -> None:
    """Check an MNE object against the channels and rate that `estimator` was fitted on."""
    if not is_mne(X):
        return
    if estimator.ch_names_ is not None and list(X.ch_names) != estimator.ch_names_:
        raise ValueError(
            f"X has the channels {list(X.ch_names)}, but {type(estimator).__name__} was fitted on "
            f"{estimator.ch_names_}. Pick and order the channels in the same way for both."
        )
    if hasattr(estimator, "sfreq_"):
        resolve_sfreq(estimator.sfreq_, X)


def iter_blocks(X: np.ndarray, block_bytes: int = BLOCK_BYTES) -> Iterator[slice]:
    """Yield slices of windows, each of about `block_bytes`, at least one window."""
    size = max(1, int(block_bytes // max(X[0].nbytes, 1)))
    for start in range(0, len(X), size):
        yield slice(start, start + size)


def robust_statistics(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return median and spread of each channel, both of shape (n_channels,) and X's dtype.

    The spread is 1.4826 times the median absolute deviation, which estimates the standard
    deviation of Gaussian data (Rousseeuw and Croux 1993); 0 for a flat channel. One channel
    at a time, so that the working memory is that of one channel.
    """
    center, spread = np.zeros((2, X.shape[1]), X.dtype)
    for channel in range(X.shape[1]):
        values = X[:, channel].ravel()
        center[channel] = np.median(values)
        spread[channel] = 1.4826 * np.median(np.abs(values - center[channel]))
    return center, spread


def find_channels(
    channels: Sequence[int] | Sequence[str],
    names: list[str] | None,
    n_channels: int,
    parameter: str,
) -> np.ndarray:
    """Return the indices of `channels`, given as indices or as names.

    Raises
    ------
    ValueError
        If a channel is not there, is named twice, or is a name where `names` is None.
    """
    wanted: list[Any] = list(channels)
    if not wanted:
        raise ValueError(f"{parameter} is empty; expected at least one channel.")
    if any(isinstance(c, str) for c in wanted):
        if names is None:
            raise ValueError(
                f"{parameter}={wanted} names channels, but an array does not carry names. "
                "Give indices, or fit on mne.Epochs."
            )
        unknown = [c for c in wanted if c not in names]
        if unknown:
            raise ValueError(f"{parameter} has {unknown}; the channels are {names}.")
        wanted = [names.index(c) for c in wanted]
    outside = [c for c in wanted if not -n_channels <= c < n_channels]
    if outside:
        raise ValueError(f"{parameter} has {outside}, but X has {n_channels} channels.")
    picks = np.asarray(wanted, dtype=int) % n_channels
    if len(np.unique(picks)) < len(picks):
        raise ValueError(f"{parameter}={list(channels)} names a channel twice; expected each once.")
    return picks
