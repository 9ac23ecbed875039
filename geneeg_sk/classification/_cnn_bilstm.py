"""The network: convolutions, log power, a bidirectional LSTM."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

# Below this power (in squared units of `scale`) a signal counts as silence: keeps the log finite.
POWER_FLOOR = 1e-4

# Amplitudes above so many times `scale` are compressed, so that an artifact does not dominate.
SQUASH_ABOVE = 3.0

# Amplitudes above so many times `SQUASH_ABOVE` are clipped: their squares have to stay finite.
MAX_SIZE = 1e18

# One product of matrices evaluates the filters at so many places. More would multiply more zeros;
# fewer would add up more pieces.
MAX_PLACES = 4

# So many values of signals fit into the cache of a processor, with what is made of them.
CACHE_VALUES = 2**18


class CNNBiLSTM(nn.Module):
    r"""Convolutional network with a bidirectional LSTM for windows of EEG.

    ============  ================================================================  ==============
    stage         what it does                                                      shape
    ============  ================================================================  ==============
    input         windows in microvolts, divided by `scale`, large values           (n, c, t)
                  compressed by :math:`3\,\mathrm{asinh}(x/3)`
    temporal      a bank of `n_filters` filters, the same for every channel         (n c, t/4, f)
    log power     square, mean over `pool` values, logarithm: band power            (n, c, T, f)
                  through time
    spatial       mean, maximum and spread of each filter over the channels         (n, T, 3 f)
    BiLSTM        `n_hidden` units in each direction                                (n, T, 2 h)
    linear        from mean and maximum over time to one logit for each class       (n, n_classes)
    ============  ================================================================  ==============

    The front end is the shallow network of [1]_: on few patients learned band power generalizes
    better than deep features. Filters shared by all channels, and statistics over channels that do
    not care about their order, let it find a seizure in another place of the head than in the
    training patients. Learned mixtures of channels before the filters were worse on new patients.

    Parameters
    ----------
    n_times : int
        Length of a window, of any number of channels. Short windows get shorter filters and less
        pooling, down to one sample.
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
    >>> net = CNNBiLSTM(1024, 3)
    >>> net(torch.zeros(2, 19, 1024)).shape
    torch.Size([2, 3])
    >>> sum(p.numel() for p in net.parameters())
    60307
    """

    scale: torch.Tensor

    def __init__(
        self,
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
        # A filter that is evaluated every `stride` samples sees `stride` interleaved signals. The
        # layer holds the weights; `filtered_power` uses them.
        self.temporal = nn.Conv1d(self.stride, n_filters, taps, padding=taps // 2)
        self.norm = nn.BatchNorm1d(n_filters)
        self.norm_pooled = nn.BatchNorm1d(3 * n_filters)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(3 * n_filters, n_hidden, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(4 * n_hidden, n_classes)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return what the network makes of windows.

        Parameters
        ----------
        X : Tensor of shape (n_windows, n_channels, n_times)
            Windows, in microvolts.

        Returns
        -------
        logits : Tensor of shape (n_windows, n_classes)
            Log odds of the classes, up to a constant.
        """
        X = squash(F.pad(X, self.margins(X.shape[-1])) / (SQUASH_ABOVE * self.scale))
        pooled = statistics(self.log_power(X))  # (n, T, 3 f)
        sequence = self.norm_pooled(pooled.flatten(0, 1)).view_as(pooled)
        hidden, _ = self.lstm(self.dropout(sequence))  # (n, T, 2 h)
        summary = torch.cat([hidden.mean(1), hidden.amax(1)], dim=1)
        return self.linear(self.dropout(summary))

    def margins(self, n_times: int) -> tuple[int, int]:
        """Return how many zeros filtering and pooling need before and after a window.

        Parameters
        ----------
        n_times : int
            Length of the window.

        Returns
        -------
        before, after : int
            Numbers of samples.
        """
        taps = self.temporal.weight.shape[-1]
        hop, width = hop_and_width(self.stride, taps, self.pool)
        before = taps // 2 * self.stride
        return before, -n_times % (self.stride * self.pool) + width - hop - before

    def log_power(self, X: torch.Tensor) -> torch.Tensor:
        """Return the normalized log power of signals behind each filter.

        Parameters
        ----------
        X : Tensor of shape (n_windows, n_channels, n_samples)
            Squashed signals with their margins.

        Returns
        -------
        log_power : Tensor of shape (n_windows, n_channels, n_steps, n_filters)
            Normalized over windows, channels and steps.
        """
        bias = cast(torch.Tensor, self.temporal.bias)
        power = filtered_power(X, self.temporal.weight, bias, self.pool)
        log_power = torch.log(power + POWER_FLOOR)
        return self.norm(log_power.flatten(0, 2)).view_as(power)


def squash(X: torch.Tensor) -> torch.Tensor:
    """Compress amplitudes beyond `SQUASH_ABOVE`; `X` is in units of it, the result is not."""
    if X.requires_grad:
        return SQUASH_ABOVE * torch.asinh(X)
    # The logarithm is vectorized, as asinh is not: this takes a fifth of the time.
    size = X.abs().clamp_(max=MAX_SIZE)
    size += torch.addcmul(torch.ones_like(size[:1]), size, size).sqrt_()
    return torch.copysign(size.log_(), X).mul_(SQUASH_ABOVE)


def statistics(power: torch.Tensor) -> torch.Tensor:
    """Return mean, maximum and spread over channels (n, T, 3 f) of log power (n, c, T, f)."""
    mean = power.mean(1)
    variance = (power - mean[:, None]).square().mean(1)
    # The root has no slope at zero, which is the variance of one channel.
    spread = variance.clamp_min(1e-24).sqrt()
    return torch.cat([mean, power.amax(1), spread], dim=-1)


def hop_and_width(stride: int, taps: int, pool: int) -> tuple[int, int]:
    """Return hop and width, in samples, of the pieces of a signal that are filtered at once.

    A piece holds what the filters need at neighboring places, of which `pool` is a multiple.
    """
    places = math.gcd(pool, MAX_PLACES)
    return places * stride, -(-(places + taps - 1) // places) * places * stride


def filtered_power(
    X: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, pool: int
) -> torch.Tensor:
    """Return the power (n, c, T, f) of signals (n, c, t) behind filters (f, stride, taps).

    A filter is evaluated every `stride` samples; power is the mean over `pool` values. Signals
    have the margins that `CNNBiLSTM.margins` gives.
    """
    f, stride, taps = weight.shape
    hop, width = hop_and_width(stride, taps, pool)
    places = hop // stride
    # Cut into rows of `width` samples, a filter repeated every `width + stride` samples comes
    # `stride` samples later in each row.
    padded = F.pad(weight.transpose(1, 2).flatten(1), (0, width + stride - taps * stride))
    rows = padded.repeat(1, places)[:, : places * width].view(f, places, width)
    bank = rows.transpose(0, 1).flatten(0, 1)  # (places f, width)
    power = FilteredPower.apply(X.flatten(0, 1), bank, bias.repeat(places), hop, pool // places)
    return power.view(*X.shape[:2], -1, places, f).mean(3)


class FilteredPower(torch.autograd.Function):
    """Mean square, `pool` by `pool`, of the products of pieces of signals (n, t) with a bank.

    Pieces start every `hop` samples and are as wide as `bank` (b, width); the result has shape
    (n, n_pieces / pool, b). This is a convolution with a stride, written as products of matrices
    for so few signals at a time that they stay in the cache of a processor.
    """

    @staticmethod
    def forward(
        ctx: Any, X: torch.Tensor, bank: torch.Tensor, bias: torch.Tensor, hop: int, pool: int
    ) -> torch.Tensor:
        """Return the mean squares."""
        pieces = X.unfold(-1, bank.shape[1], hop)
        products = X.new_empty(*pieces.shape[:2], len(bank))
        power = X.new_empty(len(X), pieces.shape[1] // pool, len(bank))
        for few in split_for_cache(pieces):
            product = products[few].flatten(0, 1)
            torch.addmm(bias, pieces[few].flatten(0, 1), bank.t(), out=product)
            power[few] = products[few].unflatten(1, (-1, pool)).square().mean(2)
        ctx.save_for_backward(X, bank, products)
        ctx.hop, ctx.pool = hop, pool
        return power

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, of_power: torch.Tensor
    ) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor, None, None]:
        """Return the gradients of signals, bank and bias, given that of the mean squares."""
        X, bank, products = ctx.saved_tensors
        pieces = X.unfold(-1, bank.shape[1], ctx.hop)
        slope = (2 / ctx.pool * of_power)[:, :, None]
        of_X = torch.zeros_like(X) if ctx.needs_input_grad[0] else None
        of_bank = torch.zeros_like(bank)
        of_bias = torch.zeros_like(bank[:, 0])
        for few in split_for_cache(pieces):
            of_product = (products[few].unflatten(1, (-1, ctx.pool)) * slope[few]).flatten(0, 2)
            of_bias += of_product.sum(0)
            of_bank.addmm_(of_product.t(), pieces[few].flatten(0, 1))
            if of_X is not None:  # in training nobody asks
                add_pieces(of_X[few], (of_product @ bank).view_as(pieces[few]), ctx.hop)
        return of_X, of_bank, of_bias, None, None


def split_for_cache(pieces: torch.Tensor) -> list[slice]:
    """Return slices of signals whose pieces (n, m, width) fit into the cache of a processor."""
    size = len(pieces) if pieces.is_cuda else max(1, CACHE_VALUES // pieces[0].numel())
    return [slice(start, start + size) for start in range(0, len(pieces), size)]


def add_pieces(X: torch.Tensor, pieces: torch.Tensor, hop: int) -> None:
    """Add pieces (n, m, width) to the signals (n, t) where they start, every `hop` samples."""
    n_pieces = pieces.shape[1]
    rows = X.unflatten(1, (-1, hop))
    for i, part in enumerate(pieces.split(hop, dim=2)):
        rows[:, i : i + n_pieces] += part
