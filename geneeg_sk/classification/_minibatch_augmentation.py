"""Random changes of real windows, drawn again for every minibatch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from numbers import Real
from typing import Any

import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, validate_parameter_constraints
from torch.utils.data import DataLoader

PROBABILITY = 0.5  # that a window is changed, for each kind of change


class MinibatchAugmentation(BaseEstimator):
    """Change the windows of each minibatch at random, so that no window is seen twice.

    For ``CNNBiLSTMClassifier(augment=MinibatchAugmentation())``. Each kind of change is applied to
    a random half of the windows of a minibatch; 0 switches it off.

    Parameters
    ----------
    start_jitter : float in [0, 1], default=0.15
        The window begins earlier or later by up to this share of its length. What lies outside is
        the mirror image of what lies inside.
    amplitude : float, default=0.2
        Standard deviation of the logarithm of a gain common to all channels.
    channel_dropout : float in [0, 1], default=0.1
        Share of channels that are set to zero. Windows of one channel keep it.
    time_mask : float in [0, 1], default=0.2
        Share of the window that is set to zero, in one piece, in all channels.
    frequency_shift : float, default=2.0
        Largest shift of the spectrum, up or down, in cycles per window: 2 are 0.5 Hz in a window of
        4 s.

    See Also
    --------
    geneeg_sk.over_sampling.GenEEGSampler : Adds windows of rare states instead.

    Notes
    -----
    The defaults were chosen on simulated development cohorts, from weaker and stronger settings.
    The changes are those of [1]_ and [2]_.

    References
    ----------
    .. [1] Rommel C, Paillard J, Moreau T, Gramfort A (2022). Data augmentation for learning
       predictive models on EEG: a systematic comparison. Journal of Neural Engineering 19, 066020.
    .. [2] Mohsenvand MN, Izadi MR, Maes P (2020). Contrastive representation learning for
       electroencephalogram classification. Machine Learning for Health, PMLR 136, 238-253.

    Examples
    --------
    >>> from geneeg_sk.classification import CNNBiLSTMClassifier, MinibatchAugmentation
    >>> from geneeg_sk.datasets import make_eeg_cohort
    >>> cohort = make_eeg_cohort(n_patients=2, sfreq=64, length=2, random_state=0)
    >>> clf = CNNBiLSTMClassifier(
    ...     augment=MinibatchAugmentation(time_mask=0), max_epochs=1, random_state=0
    ... ).fit(cohort.X, cohort.y)
    """

    _parameter_constraints: dict[str, Any] = {
        "start_jitter": [Interval(Real, 0, 1, closed="both")],
        "amplitude": [Interval(Real, 0, None, closed="left")],
        "channel_dropout": [Interval(Real, 0, 1, closed="both")],
        "time_mask": [Interval(Real, 0, 1, closed="both")],
        "frequency_shift": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        start_jitter: float = 0.15,
        amplitude: float = 0.2,
        channel_dropout: float = 0.1,
        time_mask: float = 0.2,
        frequency_shift: float = 2.0,
    ) -> None:
        self.start_jitter = start_jitter
        self.amplitude = amplitude
        self.channel_dropout = channel_dropout
        self.time_mask = time_mask
        self.frequency_shift = frequency_shift

    def __call__(self, X: torch.Tensor) -> torch.Tensor:
        """Return a changed copy of a minibatch of shape (n_windows, n_channels, n_times)."""
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), type(self).__name__
        )
        for change, strength in (
            (jitter_start, self.start_jitter),
            (scale_amplitude, self.amplitude),
            (drop_channels, self.channel_dropout if X.shape[1] > 1 else 0),
            (mask_time, self.time_mask),
            (shift_frequency, self.frequency_shift),
        ):
            if strength:
                chosen = torch.rand(len(X), 1, 1) < PROBABILITY
                X = torch.where(chosen, change(X, strength), X)
        return X


def jitter_start(X: torch.Tensor, most: float) -> torch.Tensor:
    """Begin earlier or later by at most a share of the window; mirror what lies outside."""
    n, n_channels, n_times = X.shape
    starts = (most * (n_times - 1) * draw_signed(n)).round().long()
    columns = (torch.arange(n_times) + starts[:, None]).abs()
    columns = torch.minimum(columns, 2 * (n_times - 1) - columns)
    return X.gather(2, columns[:, None].expand(n, n_channels, n_times))


def scale_amplitude(X: torch.Tensor, spread: float) -> torch.Tensor:
    """Multiply each window by a gain whose logarithm has the given standard deviation."""
    return X * torch.exp(spread * torch.randn(len(X), 1, 1))


def drop_channels(X: torch.Tensor, share: float) -> torch.Tensor:
    """Set each channel of each window to zero with the given probability."""
    return X * (torch.rand(*X.shape[:2], 1) >= share)


def mask_time(X: torch.Tensor, share: float) -> torch.Tensor:
    """Set one piece of each window to zero, of the given share of its length."""
    n, _, n_times = X.shape
    length = math.ceil(share * n_times)
    start = torch.randint(n_times - length + 1, (n, 1, 1))
    column = torch.arange(n_times)
    return X * ((column < start) | (column >= start + length))


def shift_frequency(X: torch.Tensor, most: float) -> torch.Tensor:
    """Move each window's spectrum by up to `most` cycles a window, by the analytic signal."""
    n, _, n_times = X.shape
    spectrum = torch.fft.fft(X)
    spectrum[..., n_times // 2 + 1 :] = 0
    spectrum[..., 1 : (n_times + 1) // 2] *= 2
    turn = torch.arange(n_times) * (2 * torch.pi * most * draw_signed(n) / n_times)[:, None, None]
    return (torch.fft.ifft(spectrum) * torch.exp(1j * turn)).real.to(X.dtype)


def draw_signed(n: int) -> torch.Tensor:
    """Draw n numbers between -1 and 1."""
    return 2 * torch.rand(n) - 1


class AugmentedBatches:
    """Minibatches of windows and classes whose windows are changed as they come."""

    def __init__(
        self, batches: DataLoader[Any], augment: Callable[[torch.Tensor], torch.Tensor]
    ) -> None:
        self.batches, self.augment = batches, augment

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for X, y in self.batches:
            changed = self.augment(X)
            if changed.shape != X.shape or changed.dtype != X.dtype:
                raise ValueError(
                    f"augment made of a minibatch of shape {tuple(X.shape)}, {X.dtype}, one of "
                    f"shape {tuple(changed.shape)}, {changed.dtype}; expected the same."
                )
            yield changed, y
