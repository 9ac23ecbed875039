"""Scaling of channels."""

from __future__ import annotations

import numpy as np

from geneeg_sk._typing import WindowsLike
from geneeg_sk.preprocessing._base import WindowTransformer, robust_statistics


class WindowScaler(WindowTransformer):
    """Scale each channel by its spread over the training windows.

    The spread is the median absolute deviation, so that a seizure or an artifact
    in the training windows does not decide the scale of everything else.

    Parameters
    ----------
    center : bool, default=True
        Subtract each channel's median.

    Attributes
    ----------
    center_ : ndarray of shape (n_channels,)
        Median of each channel, in microvolts; 0 without centering.
    scale_ : ndarray of shape (n_channels,)
        Spread of each channel, in microvolts: 1.4826 times the median absolute deviation, the
        standard deviation of Gaussian data; 1 for a flat channel.
    n_channels_, n_times_ : int
        Shape of the training windows.
    ch_names_ : list of str or None
        Channel names, where `fit` got ``mne.Epochs``.

    See Also
    --------
    ArtifactRepairer : Limit samples beyond a robust threshold.

    Examples
    --------
    >>> from geneeg_sk.datasets import make_eeg_cohort
    >>> from geneeg_sk.preprocessing import WindowScaler
    >>> X = make_eeg_cohort(n_patients=2, random_state=0).X
    >>> scaler = WindowScaler().fit(X)
    >>> scaled = scaler.transform(X)
    >>> bool(abs(scaler.inverse_transform(scaled) - X).max() < 1e-3)
    True
    """

    _parameter_constraints = {"center": ["boolean"]}

    def __init__(self, *, center: bool = True) -> None:
        self.center = center

    def inverse_transform(self, X: WindowsLike) -> np.ndarray:
        """Return scaled windows in microvolts again.

        Parameters
        ----------
        X : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
            Scaled windows, with channels and times as in `fit`.

        Returns
        -------
        X_original : ndarray
            As many dimensions as `X`, and its dtype where that is float32 or float64.
        """
        return self._apply(self._unscale, X)

    def _fit(self, X: np.ndarray) -> None:
        median, spread = robust_statistics(X)
        self.center_ = median if self.center else np.zeros_like(median)
        self.scale_ = np.where(spread > 0, spread, 1).astype(X.dtype)

    def _transform(self, X: np.ndarray) -> np.ndarray:
        center, scale = self._columns(X.dtype)
        scaled = X - center
        scaled /= scale
        return scaled

    def _unscale(self, X: np.ndarray) -> np.ndarray:
        center, scale = self._columns(X.dtype)
        windows = X * scale
        windows += center
        return windows

    def _columns(self, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        """Return center and scale, (n_channels, 1), in the windows' dtype, whatever `fit` saw."""
        center, scale = np.stack([self.center_, self.scale_]).astype(dtype, copy=False)
        return center[:, None], scale[:, None]
