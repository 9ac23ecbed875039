"""Scaling of channels."""

from __future__ import annotations

import numpy as np

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
    >>> WindowScaler().fit_transform(X).shape == X.shape
    True
    """

    _parameter_constraints = {"center": ["boolean"]}

    def __init__(self, *, center: bool = True) -> None:
        self.center = center

    def _fit(self, X: np.ndarray) -> None:
        median, spread = robust_statistics(X)
        self.center_ = median if self.center else np.zeros_like(median)
        self.scale_ = np.where(spread > 0, spread, 1).astype(X.dtype)

    def _transform(self, X: np.ndarray) -> np.ndarray:
        # in X's own dtype, also where fit saw the other one
        scaled = X - self.center_.astype(X.dtype, copy=False)[:, None]
        scaled /= self.scale_.astype(X.dtype, copy=False)[:, None]
        return scaled
