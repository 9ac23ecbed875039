"""Filters of zero phase, for windows that come from elsewhere.

Filter recordings before they are cut where you can: at the edges of a window a filter has to
guess what was there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real

import numpy as np
from scipy.signal import butter, iirnotch, sosfiltfilt, tf2sos
from sklearn.utils._param_validation import Interval

from geneeg_sk.preprocessing._base import WindowTransformer, iter_blocks

ORDER = 4  # forwards and backwards: 8

QUALITY = 30  # center frequency by width of a notch


class BandpassFilter(WindowTransformer):
    """Keep the frequencies between two edges, without delay.

    A Butterworth filter of order 4, run forwards and backwards [1]_, so that the phase stays and
    the gain at the edges is one half (-6 dB). Each window is continued at both ends by its own
    samples, mirrored, for up to one period of the lowest frequency.

    Parameters
    ----------
    l_freq : float or None, default=0.5
        Lower edge, Hz; None: keep all low frequencies.
    h_freq : float or None, default=45.0
        Upper edge, Hz, below half the sampling frequency; None: keep all high frequencies.
    sfreq : float, default=None
        Sampling frequency, Hz. None: that of the ``mne.Epochs`` given to `fit`; for an array,
        which carries none, 256 Hz are assumed, with a warning.

    Attributes
    ----------
    sfreq_ : float
        Sampling frequency used, Hz.
    sos_ : ndarray of shape (n_sections, 6)
        The filter, in second-order sections.
    n_channels_, n_times_ : int
        Shape of the training windows.
    ch_names_ : list of str or None
        Channel names, where `fit` got ``mne.Epochs``.

    See Also
    --------
    NotchFilter : Remove the hum of the mains.

    References
    ----------
    .. [1] Gustafsson, F. (1996). Determining the initial states in forward-backward filtering.
       IEEE Transactions on Signal Processing 44, 988-992.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.preprocessing import BandpassFilter
    >>> times = np.arange(1024) / 256
    >>> X = 50 + np.sin(2 * np.pi * 10 * times) + np.sin(2 * np.pi * 60 * times)
    >>> filtered = BandpassFilter(h_freq=30, sfreq=256).fit_transform(X[None])
    >>> bool(np.abs(filtered - np.sin(2 * np.pi * 10 * times))[:, 128:-128].max() < 0.05)
    True
    """

    _parameter_constraints = {
        "l_freq": [Interval(Real, 0, None, closed="neither"), None],
        "h_freq": [Interval(Real, 0, None, closed="neither"), None],
        "sfreq": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self,
        *,
        l_freq: float | None = 0.5,
        h_freq: float | None = 45.0,
        sfreq: float | None = None,
    ) -> None:
        self.l_freq = l_freq
        self.h_freq = h_freq
        self.sfreq = sfreq

    def _fit(self, X: np.ndarray) -> None:
        edges = [edge for edge in (self.l_freq, self.h_freq) if edge is not None]
        if not edges:
            raise ValueError("l_freq and h_freq are both None; expected at least one edge, in Hz.")
        if len(edges) == 2 and edges[0] >= edges[1]:
            raise ValueError(
                f"l_freq={edges[0]:g} Hz is not below h_freq={edges[1]:g} Hz; expected the "
                "lower edge first."
            )
        _check_below_nyquist(edges, self.sfreq_)
        self._slowest = edges[0]
        kind = "bandpass" if len(edges) == 2 else "highpass" if self.l_freq else "lowpass"
        self.sos_ = butter(
            ORDER, edges if len(edges) == 2 else edges[0], kind, fs=self.sfreq_, output="sos"
        )

    def _transform(self, X: np.ndarray) -> np.ndarray:
        return _filter_both_ways(self.sos_, X, n_pad=round(self.sfreq_ / self._slowest))


class NotchFilter(WindowTransformer):
    """Remove single frequencies, such as the hum of the mains, without delay.

    A second-order notch with a width of a thirtieth of its frequency, run forwards and backwards.

    Parameters
    ----------
    freqs : float or sequence of float, default=50.0
        Frequencies to remove, Hz, each below half the sampling frequency. Harmonics are removed
        where they are named.
    sfreq : float, default=None
        Sampling frequency, Hz. None: that of the ``mne.Epochs`` given to `fit`; for an array,
        which carries none, 256 Hz are assumed, with a warning.

    Attributes
    ----------
    sfreq_ : float
        Sampling frequency used, Hz.
    sos_ : ndarray of shape (n_freqs, 6)
        The filter, in second-order sections.
    n_channels_, n_times_ : int
        Shape of the training windows.
    ch_names_ : list of str or None
        Channel names, where `fit` got ``mne.Epochs``.

    See Also
    --------
    BandpassFilter : Keep the frequencies between two edges.

    Notes
    -----
    A notch rings for about ``10 / freq`` seconds: in windows not much longer than that, hum
    remains at the edges.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.preprocessing import NotchFilter
    >>> hum = 10 * np.sin(2 * np.pi * 50 * np.arange(1024) / 256)[None]
    >>> filtered = NotchFilter(freqs=[50, 100], sfreq=256).fit_transform(hum)
    >>> bool(np.abs(filtered[:, 256:-256]).max() < 0.1)
    True
    """

    _parameter_constraints = {
        "freqs": [Interval(Real, 0, None, closed="neither"), "array-like"],
        "sfreq": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self, *, freqs: float | Sequence[float] = 50.0, sfreq: float | None = None
    ) -> None:
        self.freqs = freqs
        self.sfreq = sfreq

    def _fit(self, X: np.ndarray) -> None:
        freqs = np.atleast_1d(np.asarray(self.freqs, dtype=float))
        if freqs.ndim > 1 or not freqs.size or not (freqs > 0).all():
            raise ValueError(
                f"freqs={self.freqs}; expected one or more frequencies in Hz, above 0."
            )
        _check_below_nyquist(freqs, self.sfreq_)
        self.sos_ = np.concatenate([tf2sos(*iirnotch(f, QUALITY, fs=self.sfreq_)) for f in freqs])
        self._slowest = freqs.min()

    def _transform(self, X: np.ndarray) -> np.ndarray:
        # the ringing of a notch has decayed to 1 % after 1.5 times its quality, in periods
        n_pad = round(1.5 * QUALITY * self.sfreq_ / self._slowest)
        return _filter_both_ways(self.sos_, X, n_pad=n_pad)


def _check_below_nyquist(freqs: Iterable[float], sfreq: float) -> None:
    """Raise a ValueError that names the frequencies a filter at `sfreq` cannot have."""
    beyond = [f"{f:g}" for f in freqs if f >= sfreq / 2]
    if beyond:
        raise ValueError(
            f"{', '.join(beyond)} Hz cannot be filtered at sfreq={sfreq:g} Hz; expected "
            f"frequencies below half of it, {sfreq / 2:g} Hz."
        )


def _filter_both_ways(sos: np.ndarray, X: np.ndarray, *, n_pad: int) -> np.ndarray:
    """Filter along the last axis, block by block, in X's dtype; short windows pad what they can."""
    sos = sos.copy()  # SciPy insists on a writable one, joblib hands out read-only memory
    result = np.empty(X.shape, X.dtype)
    for block in iter_blocks(X):
        # "even" has a third to a half of the error at the edges that SciPy's "odd" has: turned
        # about its last sample, a window goes on at another level, which rings below 1 Hz
        result[block] = sosfiltfilt(
            sos, X[block], padtype="even", padlen=min(n_pad, X.shape[2] - 1)
        )
    return result
