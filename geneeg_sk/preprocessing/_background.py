"""Scaling by the patient's own background."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft
from scipy.ndimage import gaussian_filter1d
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from geneeg_sk._checks import DEFAULT_SFREQ, check_groups, check_windows, resolve_sfreq
from geneeg_sk._typing import WindowsLike
from geneeg_sk.preprocessing._base import (
    WindowTransformer,
    channel_names,
    check_same_source,
    is_flat,
    iter_blocks,
)

SMOOTHING = 1.0  # Hz, standard deviation, so that a few windows are enough to know a spectrum
TYPICAL_AMPLITUDE = 20.0  # microvolts, root mean square of the background afterwards
LARGEST_GAIN = 10.0  # also its inverse: what was filtered away, or is dead, is not made of noise
LOG_OF_MEDIAN = 0.3665  # a median periodogram of noise lies so far below its mean, in logarithms
SILENCE = 1e-6  # microvolts squared: keeps logarithms finite


class BackgroundScaler(WindowTransformer):
    """Filter the windows of each patient so that all patients have the same background.

    Amplitudes and spectra of the background differ from patient to patient. Each channel
    of each patient is filtered so that the patient's background gets an amplitude of 20 µV and a
    power that falls as one over frequency. The filter is the same for all windows of the patient,
    seizures among them. It needs no label, and of a patient only the windows at the beginning of
    the recording. Nothing is learned from other patients, so that it may be used before a split.

    Parameters
    ----------
    sfreq : float, default=None
        Sampling frequency in Hz. None takes that of ``mne.Epochs``, and 256 Hz, with a warning,
        for arrays.
    n_windows : int, default=10
        The first `n_windows` windows of each patient are the background. Windows have to be in
        order of time, and begin with the start of a recording, before any seizure.

    Attributes
    ----------
    sfreq_ : float
    n_channels_, n_times_ : int
        Shape of a window.
    ch_names_ : list of str or None
        Channel names, where `fit` got ``mne.Epochs``.

    See Also
    --------
    WindowScaler : One scale for all patients.

    Notes
    -----
    The spectrum of a background is the median over windows of the logarithm of the periodogram,
    smoothed over 1 Hz. A filter amplifies or weakens by a factor of ten at most. As an alignment
    of domains without labels this is the spectral counterpart of [1]_, and like [2]_ but with a
    reference that is fixed: background EEG has roughly such a spectrum.

    Windows of several patients need `groups`. Without, all are taken to be of one patient, and
    nothing can tell that they are not. With metadata routing enabled, a pipeline hands on the
    groups that are given to its `fit` and `predict`. Scorers of scikit-learn give none to
    `predict`: for `cross_validate` and `GridSearchCV`, scale before the split.
    :func:`~geneeg_sk.model_selection.compare_samplers` predicts each test patient alone, so that
    there the scaler may be a step of a candidate.

    References
    ----------
    .. [1] He H, Wu D (2020). Transfer learning for brain-computer interfaces: a Euclidean space
       data alignment approach. IEEE Transactions on Biomedical Engineering 67, 399-410.
    .. [2] Gnassounou T, Flamary R, Gramfort A (2023). Convolutional Monge mapping normalization for
       learning on biosignals. Advances in Neural Information Processing Systems 36.

    Examples
    --------
    >>> from geneeg_sk.datasets import make_eeg_cohort
    >>> from geneeg_sk.preprocessing import BackgroundScaler
    >>> cohort = make_eeg_cohort(n_patients=3, sfreq=64, length=2, random_state=0)
    >>> X = BackgroundScaler(sfreq=64).fit_transform(cohort.X, groups=cohort.groups)
    >>> X.shape == cohort.X.shape
    True
    """

    __metadata_request__fit = {"groups": True}
    __metadata_request__transform = {"groups": True}

    _parameter_constraints: dict[str, Any] = {
        "sfreq": [Interval(Real, 0, None, closed="neither"), None],
        "n_windows": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, *, sfreq: float | None = None, n_windows: int = 10) -> None:
        self.sfreq = sfreq
        self.n_windows = n_windows

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: WindowsLike, y: ArrayLike | None = None, *, groups: ArrayLike | None = None
    ) -> BackgroundScaler:
        """Check the windows; nothing is learned from them.

        Parameters
        ----------
        X : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows in microvolts, each patient's in order of time.
        y : array-like of shape (n_windows,), default=None
            State of each window, where known: only for a warning.
        groups : array-like of shape (n_windows,), default=None
            Patient of each window; None: all are of one patient.

        Returns
        -------
        self : object
            The fitted transformer.

        Warns
        -----
        UserWarning
            If windows that would be taken for background are labeled "ictal".
        """
        self.ch_names_ = channel_names(X)
        self.sfreq_ = resolve_sfreq(self.sfreq, X, default=DEFAULT_SFREQ)
        windows = check_windows(self, X, reset=True)
        check_groups(groups, len(windows))
        if y is not None:
            check_consistent_length(windows, y)
            self._warn_of_seizures(windows, y, groups)
        return self

    def _warn_of_seizures(
        self, windows: np.ndarray, y: ArrayLike, groups: ArrayLike | None
    ) -> None:
        is_seizure = np.asarray(y).astype(str) == "ictal"
        for rows in rows_by_group(windows, groups):
            n_seizure = int(is_seizure[rows[: self.n_windows]].sum())
            if n_seizure:
                of = "" if groups is None else f" of patient {np.asarray(groups)[rows[0]]!s}"
                warnings.warn(
                    f"{n_seizure} of the first {self.n_windows} windows{of} are labeled 'ictal', "
                    "but are taken for background. Windows have to be in order of time and begin "
                    "before any seizure: give longer recordings, or a smaller n_windows.",
                    UserWarning,
                    stacklevel=4,
                )
                return

    def transform(self, X: WindowsLike, *, groups: ArrayLike | None = None) -> np.ndarray:
        """Return the windows, each patient's filtered by that patient's background.

        Parameters
        ----------
        X : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows like those of `fit`, of any patients, each patient's in order of time.
        groups : array-like of shape (n_windows,), default=None
            Patient of each window; None: all are of one patient.

        Returns
        -------
        X_new : ndarray
            In microvolts, with as many dimensions as `X`, and its dtype where that is float32 or
            float64.
        """
        check_is_fitted(self, "sfreq_")
        check_same_source(self, X)
        windows = check_windows(self, X, reset=False)
        result = np.empty_like(windows)
        for rows in rows_by_group(windows, groups):
            gain = background_gain(windows[rows[: self.n_windows]], self.sfreq_)
            result[rows] = filter_windows(windows[rows], gain)
        return result[:, 0] if is_flat(X) else result

    def fit_transform(
        self, X: WindowsLike, y: ArrayLike | None = None, *, groups: ArrayLike | None = None
    ) -> np.ndarray:
        """Check the windows, and return them as `transform` does.

        Parameters
        ----------
        X : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows in microvolts, each patient's in order of time.
        y : array-like of shape (n_windows,), default=None
            State of each window, where known: only for a warning.
        groups : array-like of shape (n_windows,), default=None
            Patient of each window; None: all are of one patient.

        Returns
        -------
        X_new : ndarray
            As `X`.
        """
        return self.fit(X, y, groups=groups).transform(X, groups=groups)


def background_gain(X: np.ndarray, sfreq: float) -> np.ndarray:
    """Return by how much each channel is amplified at each frequency, given background windows.

    Shape (n_channels, n_times // 2 + 1).
    """
    n_times = X.shape[2]
    power = np.abs(fft.rfft(X.astype(np.float64), axis=2)) ** 2 / n_times
    width = SMOOTHING * n_times / sfreq  # from Hz to frequencies of the window
    spectrum = gaussian_filter1d(np.median(np.log(power + SILENCE), axis=0), width, axis=1)
    log_gain = 0.5 * (log_reference(n_times, sfreq) - spectrum)
    return np.exp(np.clip(log_gain, -np.log(LARGEST_GAIN), np.log(LARGEST_GAIN)))


def log_reference(n_times: int, sfreq: float) -> np.ndarray:
    """Return the log power spectrum, scaled as a periodogram, that every background gets."""
    power = 1 / np.maximum(fft.rfftfreq(n_times, 1 / sfreq), 1.0)
    both_sides = 2 * power.sum() - power[0]
    return np.log(power * TYPICAL_AMPLITUDE**2 * n_times / both_sides) - LOG_OF_MEDIAN


def rows_by_group(X: np.ndarray, groups: ArrayLike | None) -> Iterator[np.ndarray]:
    """Yield the rows of each patient, in order."""
    groups = check_groups(groups, len(X))
    if groups is None:
        yield np.arange(len(X))
        return
    for group in np.unique(groups):
        yield np.flatnonzero(groups == group)


def filter_windows(X: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Filter windows by the gain of each channel at each frequency (n_channels, n_frequencies).

    Windows are continued by their mirror images, so that their ends do not meet.
    """
    n_times = X.shape[2]
    margin = n_times // 2
    padded_gain = np.stack(
        [
            np.interp(
                np.linspace(0, 1, (n_times + 2 * margin) // 2 + 1),
                np.linspace(0, 1, gain.shape[1]),
                one,
            )
            for one in gain
        ]
    ).astype(X.dtype)
    result = np.empty_like(X)
    for block in iter_blocks(X):
        padded = np.pad(X[block], ((0, 0), (0, 0), (margin, margin)), mode="symmetric")
        spectrum = fft.rfft(padded, axis=2) * padded_gain
        kept = fft.irfft(spectrum, n=padded.shape[2], axis=2)
        result[block] = kept[..., margin : margin + n_times]
    return result
