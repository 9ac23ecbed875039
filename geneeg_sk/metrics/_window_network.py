"""A small convolutional network that tells two kinds of windows apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import nn

from geneeg_sk.classification._training import seeded

N_STEPS, BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY = 150, 32, 3e-3, 0.05
N_MIXTURES = 8  # of the channels: what the first layer reduces 64 channels to
BLOCK = 256  # windows judged at a time


class WindowNetwork(ClassifierMixin, BaseEstimator):
    """Binary classifier of raw windows, for the classifier two-sample test.

    Trained for a fixed number of steps on balanced minibatches, so that its cost does not grow
    with the number of windows; on the CPU, where so small a network is at its fastest.

    Parameters
    ----------
    random_state : int
        Seed of weights, minibatches and dropout.
    """

    def __init__(self, *, random_state: int = 0):
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> WindowNetwork:
        """Train on windows (n_windows, n_channels, n_times) of the kinds `y`, false or true."""
        self.classes_ = np.array([False, True])
        rng = np.random.default_rng(self.random_state)
        kinds = [np.flatnonzero(y == kind) for kind in self.classes_]
        target = torch.arange(BATCH_SIZE) % 2
        self.center_ = X.mean(axis=(0, 2), dtype=np.float64)[:, None].astype(X.dtype)
        spread = X.std(axis=(0, 2), dtype=np.float64)[:, None]
        self.scale_ = np.where(spread > 0, spread, 1).astype(X.dtype)

        with seeded(self.random_state, "cpu"):
            self.network_ = _network(X.shape[1])
            optimizer = torch.optim.AdamW(
                self.network_.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY
            )
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, N_STEPS)
            for _ in range(N_STEPS):
                rows = np.empty(BATCH_SIZE, dtype=int)
                for kind, of_kind in enumerate(kinds):
                    rows[kind::2] = rng.choice(of_kind, BATCH_SIZE // 2)
                loss = nn.functional.cross_entropy(self.network_(self._tensor(X[rows])), target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of each kind, shape (n_windows, 2)."""
        self.network_.eval()
        with torch.inference_mode():
            blocks = [
                self.network_(self._tensor(X[start : start + BLOCK])).softmax(dim=1)
                for start in range(0, len(X), BLOCK)
            ]
        return torch.cat(blocks).numpy()

    def _tensor(self, X: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(((X - self.center_) / self.scale_).astype(np.float32))


class _Statistics(nn.Module):
    """Mean and spread over time: (n, f, T) to (n, 2 f)."""

    def forward(self, x: Any) -> Any:
        return torch.cat([x.mean(2), x.std(2, correction=0)], dim=1)


def _network(n_channels: int) -> nn.Module:
    """Mixtures of channels, then two convolutions with a stride, then statistics over time."""
    mixtures = min(n_channels, N_MIXTURES)
    return nn.Sequential(
        nn.Conv1d(n_channels, mixtures, 1, bias=False),
        *_convolution(mixtures, 16, width=15, stride=4),
        *_convolution(16, 32, width=9, stride=4),
        _Statistics(),
        nn.Dropout(0.2),
        nn.Linear(64, 2),
    )


def _convolution(n_in: int, n_out: int, *, width: int, stride: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv1d(n_in, n_out, width, stride=stride, padding=width // 2, bias=False),
        nn.BatchNorm1d(n_out),
        nn.GELU(),
    )
