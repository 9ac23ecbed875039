"""The network that predicts clean latents from noisy ones, under a condition."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DILATIONS = (1, 2, 4, 8, 16, 1)
FREQUENCIES = 16


class Denoiser(nn.Module):
    """Dilated residual convolutions over latent positions, modulated by noise level and condition.

    Each block is modulated by adaptive layer normalization that starts at zero (Peebles and Xie
    2023), so that the untrained network is the identity of its blocks.

    Parameters
    ----------
    latent_channels : int
    width : int
    n_conditions : int
        Length of the condition vector; the last entry says whether there is a condition.
    """

    frequencies: Tensor

    def __init__(self, latent_channels: int, width: int, n_conditions: int) -> None:
        super().__init__()
        self.sizes = (latent_channels, width, n_conditions)
        embedding = 2 * width
        self.register_buffer("frequencies", torch.exp(torch.linspace(0, math.log(64), FREQUENCIES)))
        self.embed_noise = nn.Linear(2 * FREQUENCIES, embedding)
        self.embed_condition = nn.Sequential(
            nn.Linear(n_conditions, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        self.enter = nn.Conv1d(latent_channels, width, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(width, embedding, d) for d in DILATIONS)
        self.leave = nn.Conv1d(width, latent_channels, 3, padding=1)
        _start_at_zero(self.leave)

    def forward(self, x: Tensor, c_noise: Tensor, condition: Tensor) -> Tensor:
        """Map latents (n, latent_channels, positions) to the same shape."""
        phase = c_noise[:, None] * self.frequencies
        wave = torch.cat([phase.sin(), phase.cos()], dim=1)
        embedding = F.silu(self.embed_noise(wave) + self.embed_condition(condition))
        h = self.enter(x)
        for block in self.blocks:
            h = block(h, embedding)
        return self.leave(F.silu(h))


def _start_at_zero(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


class _Block(nn.Module):
    def __init__(self, width: int, embedding: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, width, affine=False)
        self.modulate = nn.Linear(embedding, 3 * width)
        self.first = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv1d(width, width, 3, padding=1)
        _start_at_zero(self.modulate)

    def forward(self, h: Tensor, embedding: Tensor) -> Tensor:
        shift, scale, gate = self.modulate(embedding)[:, :, None].chunk(3, dim=1)
        update = self.norm(h) * (1 + scale) + shift
        update = self.second(F.silu(self.first(F.silu(update))))
        return h + gate * update
