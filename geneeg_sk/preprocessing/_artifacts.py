"""Repair of samples that no brain makes."""

from __future__ import annotations

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from geneeg_sk.preprocessing._base import WindowTransformer, robust_statistics


class ArtifactRepairer(WindowTransformer):
    """Repair samples whose amplitude is far beyond what the training windows have.

    For each channel, a sample further from the median than `threshold` times the spread is an
    artifact: a loose electrode, a jump, a saturated amplifier. Median and spread (the median
    absolute deviation, scaled) are learned from the training windows only, and artifacts hardly
    move them. The default threshold is wide on purpose: seizures are several times as large as
    background, and are not to be repaired.

    Parameters
    ----------
    threshold : float, default=20.0
        Largest distance from the median, in spreads of the channel.
    method : {"clip", "interpolate"}, default="clip"
        ``"clip"``: limit the sample to the threshold. ``"interpolate"``: draw a line between the
        good samples before and after; at the edge of a window, repeat the nearest good one; a
        window without good samples is set to the channel's median.

    Attributes
    ----------
    center_ : ndarray of shape (n_channels,)
        Median of each channel, in microvolts.
    limit_ : ndarray of shape (n_channels,)
        Largest distance from the median, in microvolts; infinite for a channel whose spread is 0,
        of which nothing can be learned.
    n_channels_, n_times_ : int
        Shape of the training windows.
    ch_names_ : list of str or None
        Channel names, where `fit` got ``mne.Epochs``.

    Notes
    -----
    Learned from the preictal clips of the CHB-MIT excerpt (limits of 590 to 930 µV), the default
    threshold touches 0.008 % of the samples of its seizures; a threshold of 5 would touch 4 %.

    See Also
    --------
    WindowScaler : Scale each channel by the same spread.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.preprocessing import ArtifactRepairer
    >>> X = np.random.default_rng(0).normal(scale=30, size=(20, 4, 256))
    >>> X[3, 2, 100] = 5000
    >>> float(ArtifactRepairer(method="interpolate").fit_transform(X).max()) < 200
    True
    """

    _parameter_constraints = {
        "threshold": [Interval(Real, 0, None, closed="neither")],
        "method": [StrOptions({"clip", "interpolate"})],
    }

    def __init__(self, *, threshold: float = 20.0, method: str = "clip") -> None:
        self.threshold = threshold
        self.method = method

    def _fit(self, X: np.ndarray) -> None:
        self.center_, spread = robust_statistics(X)
        self.limit_ = np.where(spread > 0, self.threshold * spread, np.inf).astype(X.dtype)

    def _transform(self, X: np.ndarray) -> np.ndarray:
        low = (self.center_ - self.limit_).astype(X.dtype, copy=False)[:, None]
        high = (self.center_ + self.limit_).astype(X.dtype, copy=False)[:, None]
        repaired = np.clip(X, low, high)
        if self.method == "interpolate":
            bad = repaired != X
            for window, channel in np.argwhere(bad.any(axis=2)):
                signal = repaired[window, channel]
                signal[:] = _interpolate(signal, bad[window, channel], self.center_[channel])
        return repaired


def _interpolate(signal: np.ndarray, bad: np.ndarray, fallback: float) -> np.ndarray:
    """Replace bad samples by the line between their good neighbors."""
    if bad.all():
        return np.full_like(signal, fallback)
    times = np.arange(len(signal))
    return np.where(bad, np.interp(times, times[~bad], signal[~bad]), signal)
