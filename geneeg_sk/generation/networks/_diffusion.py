"""Noise levels, preconditioning, loss and solver of the diffusion, as pure functions.

Symbols follow Karras et al. 2022 (EDM, https://arxiv.org/abs/2206.00364) and Lu et al. 2022
(DPM-Solver++, https://arxiv.org/abs/2211.01095). Latents have unit variance: sigma_data = 1.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

SIGMA_MIN, SIGMA_MAX = 0.01, 40.0
# EDM's -1.2 is for sigma_data = 0.5 and images; the course of a waveform is decided at more noise.
P_MEAN, P_STD = 0.0, 1.2
SOLVER_STEPS = 10
GUIDANCE_RANGE = (0.3, 5.0)  # noise levels between which guidance acts


def karras_sigmas(n_steps: int, rho: float = 7.0) -> Tensor:
    """Noise levels from high to low, ending at zero (Karras et al. 2022, eq. 5)."""
    ramp = torch.linspace(0, 1, n_steps)
    low, high = SIGMA_MIN ** (1 / rho), SIGMA_MAX ** (1 / rho)
    return torch.cat([(high + ramp * (low - high)) ** rho, torch.zeros(1)])


def sigmas_from(sigma: float, n_steps: int) -> Tensor:
    """The noise levels of `karras_sigmas` from `sigma` on, for what is not noise alone."""
    sigmas = karras_sigmas(n_steps)
    return torch.cat([torch.tensor([min(sigma, SIGMA_MAX)]), sigmas[sigmas < sigma]])


def draw_sigmas(n: int, generator: torch.Generator) -> Tensor:
    """Log-normal noise levels for training (Karras et al. 2022, table 1)."""
    return torch.exp(P_MEAN + P_STD * torch.randn(n, generator=generator))


def denoise(network: nn.Module, x: Tensor, sigma: Tensor, condition: Tensor) -> Tensor:
    """The preconditioned denoiser D(x; sigma) (Karras et al. 2022, eq. 7, table 1)."""
    s = sigma[:, None, None]
    c_skip = 1 / (s**2 + 1)
    c_out = s / (s**2 + 1).sqrt()
    c_in = 1 / (s**2 + 1).sqrt()
    c_noise = sigma.log() / 4
    return c_skip * x + c_out * network(c_in * x, c_noise, condition)


def denoising_loss(
    network: nn.Module, z: Tensor, sigma: Tensor, noise: Tensor, condition: Tensor
) -> Tensor:
    """Weighted error of the denoised latents, one value per window (Karras et al. 2022, eq. 8)."""
    s = sigma[:, None, None]
    weight = (s**2 + 1) / s**2
    error = denoise(network, z + s * noise, sigma, condition) - z
    return (weight * error**2).mean(dim=(1, 2))


def guide(
    network: nn.Module, condition: Tensor, guidance: float
) -> Callable[[Tensor, Tensor], Tensor]:
    """The denoiser under classifier-free guidance (Ho and Salimans 2022), as D(x, sigma).

    Guidance acts only in the middle of the chain: at high noise it costs diversity, at low noise
    it does nothing (Kynkäänniemi et al. 2024).
    """

    def denoiser(x: Tensor, sigma: Tensor) -> Tensor:
        conditional = denoise(network, x, sigma, condition)
        if guidance == 1 or not GUIDANCE_RANGE[0] < float(sigma[0]) < GUIDANCE_RANGE[1]:
            return conditional
        free = denoise(network, x, sigma, torch.zeros_like(condition))
        return free + guidance * (conditional - free)

    return denoiser


def dpm_solver(
    denoiser: Callable[[Tensor, Tensor], Tensor], noise: Tensor, sigmas: Tensor
) -> Tensor:
    """DPM-Solver++(2M) from ``sigmas[0]`` to zero (Lu et al. 2022, algorithm 2).

    With alpha = 1 and t = -log(sigma), each step is x = (s'/s) x - (exp(-h) - 1) D', D' being
    extrapolated from this and the previous denoised sample.
    """
    x = noise * sigmas[0]
    previous, h_previous = None, 0.0
    for sigma, following in pairwise(sigmas):
        denoised = denoiser(x, sigma.expand(len(x)))
        if following == 0:
            return denoised
        h = (sigma / following).log()
        blended = denoised
        if previous is not None:
            ratio = h / h_previous
            blended = (1 + ratio / 2) * denoised - ratio / 2 * previous
        x = following / sigma * x - torch.expm1(-h) * blended
        previous, h_previous = denoised, h
    return x
