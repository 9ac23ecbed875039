"""The autoencoder between components of a window and a short sequence of latents."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

KL_WEIGHT = 1e-3  # latents near the standard normal, but rich enough for the waveform


def strides_for(n_times: int) -> tuple[int, int]:
    """Strides of the stem and of the second level.

    A long stride at the very input costs a tenth of full resolution and loses nothing that the
    latents could have held; short windows keep at least a handful of latent positions.
    """
    for shortest, strides in ((512, (8, 2)), (64, (4, 2)), (16, (2, 2))):
        if n_times >= shortest:
            return strides
    return (1, 2)


def latent_channels_for(requested: int, n_components: int, stride: int) -> int:
    """At most half as many latents as there are numbers in the window.

    Scalp EEG is low-passed far below the Nyquist frequency; what is beyond would be noise.
    """
    return max(1, min(requested, math.ceil(n_components * stride / 2)))


class VAE(nn.Module):
    """One-dimensional convolutional variational autoencoder (Kingma and Welling 2014).

    Parameters
    ----------
    n_components : int
        Channels of the input.
    latent_channels : int
    width : int
    strides : (int, int)
    """

    def __init__(
        self, n_components: int, latent_channels: int, width: int, strides: tuple[int, int]
    ) -> None:
        super().__init__()
        stem, inner = strides
        self.sizes = (n_components, latent_channels, width, tuple(strides))
        self.stride = stem * inner
        self.encoder = nn.Sequential(
            _down(n_components, width, stem),
            _Residual(width),
            _down(width, width, inner),
            _Residual(width),
            _Residual(width),
            nn.Conv1d(width, 2 * latent_channels, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv1d(latent_channels, width, 3, padding=1),
            _Residual(width),
            _Residual(width),
            _up(width, width, inner),
            _Residual(width),
            _up(width, n_components, stem),
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the latents, each (n, latent_channels, positions)."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance.clamp(-10, 4)

    def decode(self, z: Tensor) -> Tensor:
        """Mean of the components, shape (n, n_components, n_padded)."""
        return self.decoder(z)


def loss_terms(x: Tensor, y: Tensor, mean: Tensor, log_variance: Tensor) -> dict[str, Tensor]:
    """Squared error of the reconstruction `y`, and divergence of the latents from the normal.

    Each is a mean, so that the weight holds for every size. A mean squared error leaves a residual
    that is orthogonal to the reconstruction: what is lost can be made good by noise.
    """
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
    return {"time": ((x - y) ** 2).mean(), "kl": KL_WEIGHT * divergence}


class _Residual(nn.Module):
    def __init__(self, width: int, kernel: int = 5) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, width)
        self.first = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.second = nn.Conv1d(width, width, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(F.silu(self.norm(x)))))


def _down(n_in: int, n_out: int, stride: int) -> nn.Module:
    """Convolution that shortens by `stride`, its kernel two strides long."""
    return nn.Conv1d(n_in, n_out, 2 * stride + 1, stride=stride, padding=stride)


def _up(n_in: int, n_out: int, stride: int) -> nn.Module:
    """Transposed convolution that lengthens by exactly `stride`.

    The kernel is a multiple of the stride, so that every sample gets as many contributions.
    """
    kernel = 4 * stride if stride > 1 else 3
    return nn.ConvTranspose1d(n_in, n_out, kernel, stride=stride, padding=(kernel - stride) // 2)
