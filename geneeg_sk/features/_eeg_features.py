"""Twelve neurophysiological features of EEG windows."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from geneeg_sk._checks import DEFAULT_SFREQ, check_windows, resolve_sfreq
from geneeg_sk._typing import WindowsLike
from geneeg_sk.features._spectrum import BANDS, band_widths, power_spectrum
from geneeg_sk.preprocessing._base import channel_names, check_same_source, is_flat, iter_blocks

FEATURES = (
    *(f"{band}_power" for band in BANDS),
    "hjorth_activity",
    "hjorth_mobility",
    "hjorth_complexity",
    "spectral_entropy",
    "line_length",
    "kurtosis",
    "skewness",
)


class EEGFeatures(TransformerMixin, BaseEstimator):
    r"""Describe each window by twelve numbers that neurophysiology uses, channel by channel.

    With :math:`x_t` the signal of one channel, its mean removed, in microvolts, and
    :math:`\Delta` the difference of neighboring samples:

    ======================  ====================================================  ============
    name                    definition                                            unit, range
    ======================  ====================================================  ============
    ``delta_power`` ...     integral of the Hann periodogram over 0.5-4 Hz,       µV²
                            4-8 Hz (``theta``), 8-13 Hz (``alpha``),
                            13-30 Hz (``beta``), 30-45 Hz (``gamma``)
    ``hjorth_activity``     variance :math:`a_0`                                  µV²
    ``hjorth_mobility``     :math:`f_s\sqrt{a_1 / a_0}`, :math:`a_1` the mean     1/s
                            of :math:`(\Delta x)^2`
    ``hjorth_complexity``   :math:`\sqrt{a_2/a_1} / \sqrt{a_1/a_0}`,              none, 1 for
                            :math:`a_2` the mean of :math:`(\Delta^2 x)^2`        a sine
    ``spectral_entropy``    :math:`-\sum p\ln p\,/\ln n`, :math:`p` the           none, 0 to 1
                            share of power in each of :math:`n` frequencies
                            above zero
    ``line_length``         :math:`\sum|\Delta x|`                                µV
    ``kurtosis``            mean of :math:`x^4` by :math:`a_0^2`, minus 3         none, 0 for
                                                                                  a Gaussian
    ``skewness``            mean of :math:`x^3` by :math:`a_0^{3/2}`              none
    ======================  ====================================================  ============

    Hjorth's parameters are those of [1]_, spectral entropy is that of [2]_, line length that of
    [3]_.

    A flat window has 0 in all of them, and so has a feature that needs more samples than there
    are (complexity needs 3). A band above half the sampling frequency has power 0.

    Powers span decades; take logarithms where a model cares about scale.

    Parameters
    ----------
    sfreq : float, default=None
        Sampling frequency, Hz. None: that of the ``mne.Epochs`` given to `fit`; for an array,
        which carries none, 256 Hz are assumed, with a warning.
    average : bool, default=False
        Average each feature over channels.

    Attributes
    ----------
    sfreq_ : float
        Sampling frequency used, Hz.
    n_channels_, n_times_ : int
        Shape of the training windows.
    ch_names_ : list of str or None
        Channel names, where `fit` got ``mne.Epochs``.

    Notes
    -----
    Nothing is learned from the data. Windows are worked through in blocks of about 256 kB and
    in their own precision, so that memory beyond the result stays small.

    References
    ----------
    .. [1] Hjorth, B. (1970). EEG analysis based on time domain properties.
       Electroencephalography and Clinical Neurophysiology 29, 306-310.
    .. [2] Inouye, T. et al. (1991). Quantification of EEG irregularity by use of the entropy of
       the power spectrum. Electroencephalography and Clinical Neurophysiology 79, 204-210.
    .. [3] Esteller, R. et al. (2001). Line length: an efficient feature for seizure onset
       detection. Proceedings of the 23rd Annual Conference of IEEE EMBS, 1707-1710.

    Examples
    --------
    A sine of 10 Hz and 20 µV has 200 µV² in the alpha band:

    >>> import numpy as np
    >>> from geneeg_sk.features import EEGFeatures
    >>> X = 20 * np.sin(2 * np.pi * 10 * np.arange(1024) / 256)[None, None]
    >>> features = EEGFeatures(sfreq=256).set_output(transform="pandas").fit_transform(X)
    >>> features[["alpha_power_ch0", "hjorth_complexity_ch0"]].round(2)
       alpha_power_ch0  hjorth_complexity_ch0
    0            200.0                    1.0
    """

    _parameter_constraints = {
        "sfreq": [Interval(Real, 0, None, closed="neither"), None],
        "average": ["boolean"],
    }

    def __init__(self, *, sfreq: float | None = None, average: bool = False) -> None:
        self.sfreq = sfreq
        self.average = average

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: WindowsLike, y: ArrayLike | None = None) -> EEGFeatures:
        """Check the windows and note their shape, channel names and sampling frequency.

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

        Raises
        ------
        ValueError
            If `X` is not an array of windows, holds NaN or infinity, or `sfreq` contradicts the
            ``mne.Epochs``.
        """
        self.ch_names_ = channel_names(X)
        self.sfreq_ = resolve_sfreq(self.sfreq, X, default=DEFAULT_SFREQ)
        self._flat_input = is_flat(X)
        check_windows(self, X, reset=True)
        return self

    def transform(self, X: WindowsLike) -> np.ndarray:
        """Compute the features.

        Parameters
        ----------
        X : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times), or Epochs
            Windows like those of `fit`.

        Returns
        -------
        features : ndarray of shape (n_windows, n_channels * 12), or (n_windows, 12) if averaged
            The twelve features of the first channel, then those of the second, and so on; float32
            for float32 windows, else float64.
        """
        check_is_fitted(self, "sfreq_")
        check_same_source(self, X)
        X = check_windows(self, X, reset=False)
        n_windows, n_channels, n_times = X.shape
        features = np.empty((n_windows, n_channels, len(FEATURES)), X.dtype)
        widths = band_widths(n_times, self.sfreq_).astype(X.dtype)
        for block in iter_blocks(X):
            signals = X[block].reshape(-1, n_times)
            features[block] = _describe(signals, self.sfreq_, widths).reshape(features[block].shape)
        return features.mean(axis=1) if self.average else features.reshape(n_windows, -1)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Name the columns, such as ``alpha_power_ch3``, ``alpha_power_Cz`` or ``alpha_power``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the channels of 3-D windows. None: those of the ``mne.Epochs`` given to `fit`,
            else ``ch0``, ``ch1``, ... For 2-D windows only compared with what `fit` saw.

        Returns
        -------
        names : ndarray of str
            One name a column.
        """
        check_is_fitted(self, "sfreq_")
        given = _check_feature_names_in(self, input_features, generate_names=False)
        if self.average:
            return np.array(FEATURES, dtype=object)
        channels = self.ch_names_ or [f"ch{i}" for i in range(self.n_channels_)]
        if given is not None and not self._flat_input:
            channels = given
        return np.array([f"{name}_{ch}" for ch in channels for name in FEATURES], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _describe(x: np.ndarray, sfreq: float, widths: np.ndarray) -> np.ndarray:
    """Features of signals of shape (n, n_times), shape (n, 12), in the order of FEATURES."""
    z, std = _standardize(x)
    n_times = z.shape[1]
    slope = np.diff(z)
    curvature = np.diff(slope)
    a1 = _mean_square(slope)
    a2 = _mean_square(curvature)
    mobility = np.sqrt(a1)  # of a standardized signal, whose a0 is 1
    squared = z * z
    spectrum = power_spectrum(z, sfreq)

    result = np.empty((len(x), len(FEATURES)), x.dtype)
    n_bands = len(BANDS)
    result[:, :n_bands] = (spectrum @ widths) * (std * std)[:, None]
    result[:, n_bands] = std * std
    result[:, n_bands + 1] = sfreq * mobility
    result[:, n_bands + 2] = np.sqrt(a2) / np.where(a1 > 0, a1, 1)
    result[:, n_bands + 3] = _entropy(spectrum[:, 1:])
    result[:, n_bands + 4] = np.abs(slope, out=slope).sum(axis=1) * std
    result[:, n_bands + 5] = np.where(std > 0, np.vecdot(squared, squared) / n_times - 3, 0)
    result[:, n_bands + 6] = np.vecdot(squared, z) / n_times
    return result


def _standardize(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signals with mean 0 and variance 1, and their standard deviations; 0 where flat.

    What is left of a constant after its mean is taken away is rounding, and no signal.
    """
    mean = x.mean(axis=1, keepdims=True)
    z = x - mean
    std = np.sqrt(_mean_square(z))
    std[std <= 8 * np.finfo(x.dtype).eps * np.abs(mean[:, 0])] = 0
    z *= np.where(std > 0, 1 / np.where(std > 0, std, 1), 0)[:, None]
    return z, std


def _mean_square(x: np.ndarray) -> np.ndarray:
    """Mean of squares of each row; 0 for rows without samples."""
    return np.vecdot(x, x) / max(x.shape[1], 1)


def _entropy(spectrum: np.ndarray) -> np.ndarray:
    """Shannon entropy of each row's shares, relative to the greatest possible; 0 for no power."""
    n_bins = spectrum.shape[1]
    if n_bins < 2:
        return np.zeros(len(spectrum), spectrum.dtype)
    total = spectrum.sum(axis=1)
    total = np.where(total > 0, total, 1)
    logs = np.log(spectrum + np.finfo(spectrum.dtype).tiny)
    # -Σ p ln p with p = s / Σs, without dividing every element
    entropy = np.log(total) - np.vecdot(spectrum, logs) / total
    return np.clip(entropy / np.log(n_bins).astype(spectrum.dtype), 0, 1)
