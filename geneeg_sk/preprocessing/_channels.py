"""Which channels there are, and what they are measured against."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.utils._param_validation import StrOptions

from geneeg_sk.preprocessing._base import WindowTransformer, find_channels


class Rereferencer(WindowTransformer):
    """Measure all channels against another reference.

    The mean of the reference channels is subtracted from every channel, at each sample.

    Parameters
    ----------
    reference : "average" or sequence of int or str, default="average"
        ``"average"``: the mean of all channels [1]_. Else the reference channels, such as the
        mastoids, by index or, for ``mne.Epochs``, by name. They stay among the channels.

    Attributes
    ----------
    reference_ : ndarray of int
        Indices of the reference channels.
    n_channels_, n_times_ : int
        Shape of the training windows.
    ch_names_ : list of str or None
        Channel names, where `fit` got ``mne.Epochs``.

    Notes
    -----
    The channels of the result are linearly dependent. An average reference makes little sense for
    bipolar derivations, such as FP1-F7.

    References
    ----------
    .. [1] Bertrand, O., Perrin, F., Pernier, J. (1985). A theoretical justification of the average
       reference in topographic evoked potential studies. Electroencephalography and Clinical
       Neurophysiology 62, 462-464.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.preprocessing import Rereferencer
    >>> X = np.array([[[1.0, 2.0], [3.0, 6.0]]])
    >>> Rereferencer().fit_transform(X)
    array([[[-1., -2.],
            [ 1.,  2.]]])
    >>> Rereferencer(reference=[0]).fit_transform(X)
    array([[[0., 0.],
            [2., 4.]]])
    """

    _parameter_constraints = {"reference": [StrOptions({"average"}), "array-like"]}

    def __init__(self, *, reference: str | Sequence[int] | Sequence[str] = "average") -> None:
        self.reference = reference

    def _fit(self, X: np.ndarray) -> None:
        n_channels = X.shape[1]
        if n_channels == 1:
            warnings.warn(
                "A single channel measured against itself is zero everywhere. Leave out the "
                "Rereferencer, or give it all channels.",
                UserWarning,
                stacklevel=3,
            )
        if isinstance(self.reference, str):
            self.reference_ = np.arange(n_channels)
        else:
            self.reference_ = find_channels(self.reference, self.ch_names_, n_channels, "reference")

    def _transform(self, X: np.ndarray) -> np.ndarray:
        return X - X[:, self.reference_].mean(axis=1, keepdims=True)


class ChannelPicker(WindowTransformer):
    """Keep some channels, in the order given.

    Parameters
    ----------
    channels : sequence of int or str, default=None
        Channels by index or, for ``mne.Epochs``, by name; None: all.

    Attributes
    ----------
    picks_ : ndarray of int
        Indices of the channels that are kept.
    n_channels_, n_times_ : int
        Shape of the training windows.
    ch_names_ : list of str or None
        Names of the channels of the input, where `fit` got ``mne.Epochs``.

    Examples
    --------
    >>> import numpy as np
    >>> from geneeg_sk.preprocessing import ChannelPicker
    >>> X = np.zeros((5, 19, 256))
    >>> ChannelPicker(channels=[2, 0]).fit_transform(X).shape
    (5, 2, 256)
    """

    _parameter_constraints = {"channels": ["array-like", None]}

    def __init__(self, *, channels: Sequence[int] | Sequence[str] | None = None) -> None:
        self.channels = channels

    def _fit(self, X: np.ndarray) -> None:
        if self.channels is None:
            self.picks_ = np.arange(X.shape[1])
        else:
            self.picks_ = find_channels(self.channels, self.ch_names_, X.shape[1], "channels")

    def _transform(self, X: np.ndarray) -> np.ndarray:
        return X[:, self.picks_]
