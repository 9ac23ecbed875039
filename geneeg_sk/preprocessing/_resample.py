"""Resampling of windows."""

from __future__ import annotations

from fractions import Fraction
from numbers import Real

import numpy as np
from scipy.signal import resample_poly
from sklearn.utils._param_validation import Interval

from geneeg_sk.preprocessing._base import WindowTransformer, iter_blocks

MAX_FACTOR = 1000  # keeps the filter short; the rate is off by less than 1e-6 of itself


class Resampler(WindowTransformer):
    """Resample windows to another sampling frequency.

    Polyphase resampling: the anti-aliasing filter and the change of rate in one step [1]_, with
    the line between first and last sample taken away before and put back after, so that windows
    with an offset or a drift do not ring at their edges.

    Parameters
    ----------
    target_sfreq : float, default=128.0
        Sampling frequency of the result, Hz.
    sfreq : float, default=None
        Sampling frequency of the input, Hz. None: that of the ``mne.Epochs`` given to `fit`; for
        an array, which carries none, 256 Hz are assumed, with a warning.

    Attributes
    ----------
    sfreq_ : float
        Sampling frequency of the input, Hz.
    up_, down_ : int
        The rate changes by ``up_ / down_``. Where no such fraction of numbers up to 1000 is
        exact, the nearest is taken.
    n_channels_, n_times_ : int
        Shape of the training windows.
    ch_names_ : list of str or None
        Channel names, where `fit` got ``mne.Epochs``.

    Notes
    -----
    Windows of n samples become windows of ``ceil(n * up_ / down_)``.

    References
    ----------
    .. [1] Crochiere, R., Rabiner, L. (1983). Multirate digital signal processing. Prentice-Hall.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.preprocessing import Resampler
    >>> X = np.ones((3, 19, 1024), dtype=np.float32)
    >>> Resampler(target_sfreq=128, sfreq=256).fit_transform(X).shape
    (3, 19, 512)
    """

    _parameter_constraints = {
        "target_sfreq": [Interval(Real, 0, None, closed="neither")],
        "sfreq": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(self, *, target_sfreq: float = 128.0, sfreq: float | None = None) -> None:
        self.target_sfreq = target_sfreq
        self.sfreq = sfreq

    def _fit(self, X: np.ndarray) -> None:
        ratio = Fraction(self.target_sfreq / self.sfreq_).limit_denominator(MAX_FACTOR)
        if not ratio:
            raise ValueError(
                f"target_sfreq={self.target_sfreq:g} Hz is less than a thousandth of "
                f"sfreq={self.sfreq_:g} Hz; expected a higher rate."
            )
        self.up_, self.down_ = ratio.numerator, ratio.denominator

    def _transform(self, X: np.ndarray) -> np.ndarray:
        if self.up_ == self.down_:
            return X.copy()
        n_times = -(-X.shape[2] * self.up_ // self.down_)
        result = np.empty((*X.shape[:2], n_times), X.dtype)
        padtype = "line" if X.shape[2] > 1 else "mean"  # a point does not make a line
        for block in iter_blocks(X):
            result[block] = resample_poly(X[block], self.up_, self.down_, axis=2, padtype=padtype)
        return result
