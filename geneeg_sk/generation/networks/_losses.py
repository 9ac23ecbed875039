"""The terms of the autoencoder's loss, each a mean, so that weights hold for every size.

`x` and `y` are components and their reconstruction, shape (n, n_components, n_times).
"""

from __future__ import annotations

import torch
from torch import Tensor

# A floor in the logarithm: without it near-empty frequencies decide the gradient.
FLOOR = 0.05

FFT_LENGTHS = (32, 64, 128, 256)
MAX_STFT_CHANNELS = 4

# Weights at which each term matters and none dominates: time domain first (notes on models, F.3).
WEIGHTS = {
    "time": 1.0,
    "spectral": 0.1,
    "band_power": 0.05,
    "covariance": 0.05,
    "difference": 0.05,
    "kl": 1e-3,
}


def time_loss(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared error: its residual is orthogonal to the reconstruction."""
    return ((x - y) ** 2).mean()


def difference_loss(x: Tensor, y: Tensor) -> Tensor:
    """Mean absolute error of first differences, for the sharpness of spikes."""
    return (x.diff(dim=2) - y.diff(dim=2)).abs().mean() if x.shape[2] > 1 else x.new_zeros(())


def spectral_loss(x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """Log-magnitude error and spectral convergence at one random resolution and few channels.

    A random resolution per step instead of all of them (Défossez et al. 2022 use five): on a CPU
    the short-time spectra cost more than the network.
    """
    lengths = [n for n in FFT_LENGTHS if n <= x.shape[2]] or [x.shape[2]]
    n_fft = lengths[torch.randint(len(lengths), (), generator=generator)]
    chosen = torch.randperm(x.shape[1], generator=generator)[:MAX_STFT_CHANNELS]
    X, Y = _magnitude(x[:, chosen], n_fft), _magnitude(y[:, chosen], n_fft)
    log_error = ((X + FLOOR).log() - (Y + FLOOR).log()).abs().mean()
    convergence = torch.linalg.vector_norm(X - Y) / (torch.linalg.vector_norm(X) + FLOOR)
    return log_error + convergence


def band_power_loss(x: Tensor, y: Tensor, edges: Tensor) -> Tensor:
    """Error of the log power in the bands between `edges` (indices into the spectrum)."""
    return (_log_band_power(x, edges) - _log_band_power(y, edges)).abs().mean()


def covariance_loss(x: Tensor, y: Tensor) -> Tensor:
    """Error of each window's covariance, relative to its norm."""
    X, Y = _covariance(x), _covariance(y)
    norm = torch.linalg.matrix_norm(X) + FLOOR
    return (torch.linalg.matrix_norm(X - Y) / norm).mean()


def kl_loss(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence to the standard normal, in nats per latent."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()


def _magnitude(x: Tensor, n_fft: int) -> Tensor:
    flat = x.reshape(-1, x.shape[2])
    ones = torch.ones(n_fft, device=x.device)
    window = torch.hann_window(n_fft, device=x.device) if n_fft > 2 else ones
    spectrum = torch.stft(
        flat,
        n_fft,
        hop_length=max(1, n_fft // 4),
        window=window,
        center=False,
        normalized=True,
        return_complex=True,
    )
    # The gradient of abs() is not a number at zero.
    return (spectrum.real**2 + spectrum.imag**2 + 1e-12).sqrt()


def _log_band_power(x: Tensor, edges: Tensor) -> Tensor:
    spectrum = torch.fft.rfft(x, dim=2, norm="ortho")
    power = spectrum.real**2 + spectrum.imag**2
    cumulative = torch.nn.functional.pad(power.cumsum(dim=2), (1, 0))
    return (cumulative[:, :, edges[1:]] - cumulative[:, :, edges[:-1]] + FLOOR).log()


def _covariance(x: Tensor) -> Tensor:
    return x @ x.transpose(1, 2) / x.shape[2]


def autoencoder_terms(
    x: Tensor,
    y: Tensor,
    mean: Tensor,
    log_variance: Tensor,
    edges: Tensor,
    weights: dict[str, float],
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Every term that has a weight, multiplied by it."""
    terms = {
        "time": lambda: time_loss(x, y),
        "spectral": lambda: spectral_loss(x, y, generator),
        "band_power": lambda: band_power_loss(x, y, edges),
        "covariance": lambda: covariance_loss(x, y),
        "difference": lambda: difference_loss(x, y),
        "kl": lambda: kl_loss(mean, log_variance),
    }
    return {name: weight * terms[name]() for name, weight in weights.items() if weight}
