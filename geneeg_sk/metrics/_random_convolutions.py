"""What random convolutions say of raw windows."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

N_KERNELS, KERNEL_SIZE = 512, 9
MAX_MIXED = 8  # channels in the mixture that a kernel sees
BLOCK_VALUES = 2**20  # convolved samples held at a time: more no longer fit the cache
N_FOR_THRESHOLDS = 32  # windows
END = 8  # an end is one eighth of a window
TINY = 1e-6


def random_convolutions(X: np.ndarray, *, random_state: int) -> np.ndarray:
    """Describe windows by random convolutions, for the classifier two-sample test.

    Random kernels of many dilations on random mixtures of a few channels [1]_; of each its share of
    samples above a threshold, log power, log kurtosis, skewness, and how loud the ends of the
    window are. Nothing is learned but the scale of each channel and the thresholds, and these from
    all windows alike.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_channels, n_times)
        Windows.
    random_state : int
        Seed of the kernels.

    Returns
    -------
    features : ndarray of float32, shape (n_windows, 2560)

    References
    ----------
    .. [1] Tan, C., Dempster, A., Bergmeir, C., Webb, G. (2022). MultiRocket: multiple pooling
       operators and transformations for fast and effective time series classification. Data
       Mining and Knowledge Discovery 36, 1623-1646.
    """
    rng = np.random.default_rng(random_state)
    n_windows, n_channels, n_times = X.shape
    spread = X.std(axis=(0, 2), dtype=np.float64)[:, None]
    scale = np.where(spread > 0, spread, 1).astype(np.float32)
    mixtures = _mixtures(rng, n_channels)
    kernels, dilations = _kernels(rng, n_times)
    quantiles = rng.uniform(0.1, 0.9, N_KERNELS)
    some = np.linspace(0, n_windows - 1, min(n_windows, N_FOR_THRESHOLDS)).astype(int)
    block = max(1, BLOCK_VALUES // (N_KERNELS * n_times // len(np.unique(dilations))))

    def convolve(rows: slice | np.ndarray, chosen: np.ndarray) -> torch.Tensor:
        signals = torch.from_numpy(np.asarray(X[rows] / scale, dtype=np.float32))
        return nn.functional.conv1d(
            torch.from_numpy(mixtures[chosen]) @ signals,  # (n, k, t)
            torch.from_numpy(kernels[chosen]),
            dilation=int(dilations[chosen[0]]),
            groups=len(chosen),
        )

    out = np.empty((n_windows, N_KERNELS, 5), np.float32)
    for dilation in np.unique(dilations):
        chosen = np.flatnonzero(dilations == dilation)
        examples = convolve(some, chosen).transpose(0, 1).flatten(1).numpy()
        thresholds = np.array([np.quantile(z, q) for z, q in zip(examples, quantiles[chosen])])
        for start in range(0, n_windows, block):
            rows = slice(start, start + block)
            out[rows, chosen] = _summaries(convolve(rows, chosen), torch.from_numpy(thresholds))
    return out.reshape(n_windows, -1)


def _mixtures(rng: np.random.Generator, n_channels: int) -> np.ndarray:
    """Draw mixtures of 1, 2, 4 or 8 channels, shape (n_kernels, n_channels)."""
    mixtures = np.zeros((N_KERNELS, n_channels), np.float32)
    sizes = 2 ** rng.integers(int(np.log2(min(MAX_MIXED, n_channels))) + 1, size=N_KERNELS)
    for mixture, n in zip(mixtures, sizes):
        mixture[rng.choice(n_channels, n, replace=False)] = rng.standard_normal(n) / np.sqrt(n)
    return mixtures


def _kernels(rng: np.random.Generator, n_times: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw kernels of unit norm and mean zero, (n_kernels, 1, size), and their dilations."""
    size = min(KERNEL_SIZE, n_times)
    n_dilations = int(np.log2((n_times - 1) // (size - 1))) + 1 if size > 1 else 1
    kernels = rng.standard_normal((N_KERNELS, 1, size))
    if size > 1:
        kernels -= kernels.mean(axis=2, keepdims=True)
    kernels /= np.linalg.norm(kernels, axis=2, keepdims=True)
    return kernels.astype(np.float32), 2 ** rng.integers(n_dilations, size=N_KERNELS)


def _summaries(z: torch.Tensor, thresholds: torch.Tensor) -> np.ndarray:
    """Five numbers of each convolved window: (n, k, t) to (n, k, 5)."""
    squared = z * z
    n_times = z.shape[2]
    # Sums of products without arrays of products: this is where the time goes.
    second, third, fourth = (
        torch.einsum("nkt,nkt->nk", a, b) / n_times
        for a, b in ((z, z), (squared, z), (squared, squared))
    )
    width = max(1, n_times // END)
    ends = 0.5 * (squared[..., :width].mean(2) + squared[..., -width:].mean(2))
    numbers = [
        (z > thresholds[:, None]).sum(2) / n_times,
        torch.log(second + TINY),
        torch.log(fourth / (second.square() + TINY) + TINY),
        third / (second**1.5 + TINY),
        torch.log(ends + TINY) - torch.log(second + TINY),
    ]
    return torch.stack(numbers, dim=2).numpy()
