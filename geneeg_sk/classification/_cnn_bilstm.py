"""The network: convolutions, log power, a bidirectional LSTM."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

# Below this power (in squared units of `scale`) a signal counts as silence: keeps the log finite.
POWER_FLOOR = 1e-4

# Amplitudes beyond so many scales are compressed, so that an artifact cannot decide everything.
SQUASH = 3.0


class CNNBiLSTM(nn.Module):
    r"""Convolutional network with a bidirectional LSTM for windows of EEG.

    ============  ================================================================  ==============
    stage         what it does                                                      shape
    ============  ================================================================  ==============
    input         windows in microvolts, divided by `scale`, large values           (n, c, t)
                  compressed by :math:`3\,\mathrm{asinh}(x/3)`
    spatial       as many mixtures of the channels as there are channels, at        (n, c, t)
                  first the channels themselves
    temporal      a bank of `n_filters` filters, the same for every mixture         (n c, f, t/4)
    log power     square, mean over `pool` samples, logarithm: band power           (n, c, f, T)
                  through time
    pooling       mean, maximum and spread of each filter over the mixtures         (n, 3 f, T)
    BiLSTM        `n_hidden` units in each direction                                (n, T, 2 h)
    linear        from mean and maximum over time to one logit for each class       (n, n_classes)
    ============  ================================================================  ==============

    The front end is the shallow network of [1]_: on few patients learned band power generalises
    better than deep features. Filters shared by all channels, and pooling over channels by
    statistics that do not care about their order, are what lets it find a seizure in another
    place of the head than in the training patients.

    Parameters
    ----------
    n_channels, n_times : int
        Shape of a window. Short windows get shorter filters and less pooling, down to one sample.
    n_classes : int
        Number of classes.
    n_filters : int, default=16
        Temporal filters.
    kernel_size : int, default=64
        Length of the temporal filters in samples (rounded to a multiple of `stride`): a quarter
        of a second at 256 Hz.
    stride : int, default=4
        Every how many samples a filter is evaluated: enough for a mean of power.
    pool : int, default=16
        Over how many values power is averaged.
    n_hidden : int, default=64
        Units of the LSTM in each direction.
    dropout : float, default=0.5
        Dropout before and after the LSTM.
    scale : float, default=1.0
        Typical amplitude of the training windows, in microvolts.

    References
    ----------
    .. [1] Schirrmeister RT et al. (2017). Deep learning with convolutional neural networks for
       EEG decoding and visualization. Human Brain Mapping 38, 5391-5420.

    Examples
    --------
    >>> import torch
    >>> net = CNNBiLSTM(19, 1024, 3)
    >>> net(torch.zeros(2, 19, 1024)).shape
    torch.Size([2, 3])
    >>> sum(p.numel() for p in net.parameters())
    60668
    """

    scale: torch.Tensor

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_classes: int,
        *,
        n_filters: int = 16,
        kernel_size: int = 64,
        stride: int = 4,
        pool: int = 16,
        n_hidden: int = 64,
        dropout: float = 0.5,
        scale: float = 1.0,
    ):
        super().__init__()
        # At least eight evaluations of each filter, and four steps of the LSTM, where there are
        # that many samples.
        self.stride = max(1, min(stride, n_times // 8))
        self.pool = max(1, min(pool, n_times // self.stride // 4))
        taps = max(1, min(kernel_size, n_times) // self.stride)

        self.register_buffer("scale", torch.tensor(float(scale)))
        self.spatial = nn.Conv1d(n_channels, n_channels, 1, bias=False)
        nn.init.dirac_(self.spatial.weight)
        # A filter that is evaluated every `stride` samples sees `stride` interleaved signals.
        # Written so, it trains twice as fast as a convolution of one signal with a stride.
        self.temporal = nn.Conv1d(self.stride, n_filters, taps, padding=taps // 2)
        self.norm = nn.BatchNorm1d(n_filters)
        self.norm_pooled = nn.BatchNorm1d(3 * n_filters)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(3 * n_filters, n_hidden, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(4 * n_hidden, n_classes)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return logits (n_windows, n_classes) of windows (n_windows, n_channels, n_times)."""
        X = SQUASH * torch.asinh(X / (SQUASH * self.scale))
        X = self.spatial(F.pad(X, (0, -X.shape[-1] % (self.stride * self.pool))))
        power = self.log_power(X)  # (n, c, f, T)
        pooled = torch.cat([power.mean(1), power.amax(1), power.std(1, correction=0)], dim=1)
        sequence = self.dropout(self.norm_pooled(pooled)).transpose(1, 2)  # (n, T, 3 f)
        hidden, _ = self.lstm(sequence)  # (n, T, 2 h)
        summary = torch.cat([hidden.mean(1), hidden.amax(1)], dim=1)
        return self.linear(self.dropout(summary))

    def log_power(self, X: torch.Tensor) -> torch.Tensor:
        """Return the normalised log power (n, c, f, T) of signals (n, c, t), filter by filter."""
        n, c, t = X.shape
        interleaved = X.reshape(n * c, -1, self.stride).transpose(1, 2)  # (n c, s, t / s)
        filtered = self.temporal(interleaved)[..., : t // self.stride]  # (n c, f, t / s)
        power = F.avg_pool1d(filtered.square(), self.pool)  # (n c, f, T)
        power = self.norm(torch.log(power + POWER_FLOOR))
        return power.reshape(n, c, *power.shape[1:])
