"""What training a network with skorch takes, beside the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from skorch.history import History
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, Sampler, SequentialSampler

from geneeg_sk._bar import Bar
from geneeg_sk.classification._minibatch_augmentation import AugmentedBatches
from geneeg_sk.datasets._rows import WindowRows


def minibatches(
    dataset: Dataset,
    batch_size: int,
    shuffle: bool = False,
    n_steps: int | None = None,
    order: Sampler[int] | None = None,
    augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> DataLoader[Any] | AugmentedBatches:
    """Iterate over minibatches, each cut from the arrays in one piece.

    That is faster than collating single windows, and copies a minibatch at a time: the arrays
    may be read-only memory maps. With `n_steps`, shuffled windows come in so many minibatches:
    a part of them, or every one before any comes again. An `order` comes in the place of the
    windows' own or of a shuffled one. `augment` changes the windows of each minibatch.
    """
    shuffle = shuffle or order is not None
    n_windows = None if n_steps is None else n_steps * batch_size
    if order is None and shuffle:
        order = RandomSampler(dataset, num_samples=n_windows)
    elif order is None:
        order = SequentialSampler(dataset)
    batches = BatchSampler(order, batch_size, drop_last=False)
    # Without a generator of its own, a loader that draws nothing would still move the global one.
    generator = None if shuffle else torch.Generator()
    loader = DataLoader(dataset, sampler=batches, batch_size=None, generator=generator)
    return loader if augment is None else AugmentedBatches(loader, augment)


class WindowDataset(Dataset):
    """Windows and their classes; of windows on disk, a minibatch is read when its turn comes."""

    def transform(
        self, X: np.ndarray | WindowRows, y: np.ndarray
    ) -> tuple[np.ndarray, torch.Tensor]:
        """Return a minibatch as arrays."""
        if isinstance(X, WindowRows):
            # Neighbors in a memory map come as a view of it, which cannot be written.
            X = np.require(X, np.float32, "W")
        return super().transform(X, y)


class Progress(Callback):
    """Show a bar over the epochs, with the losses and the time left."""

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self.bar_ = Bar(total=net.max_epochs, desc=type(net.module_).__name__, unit="epoch")

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        losses = {key: net.history[-1][key] for key in LOSSES if key in net.history[-1]}
        self.bar_.set_postfix(losses, refresh=False)
        self.bar_.update()

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        self.bar_.close()
        del self.bar_  # an open bar cannot be pickled


class RefuseDivergence(Callback):
    """Stop with an error when the training loss is no longer a number."""

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        loss = net.history[-1, "train_loss"]
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"The training loss became {loss} in epoch {len(net.history)}. Lower lr "
                f"(now {net.lr}), or look for windows of extreme amplitude."
            )


LOSSES = ("train_loss", "valid_loss")


def history_frame(history: History) -> pd.DataFrame:
    """Return a skorch history as a table with a row for each epoch."""
    columns = [c for c in ("epoch", *LOSSES, "valid_acc", "dur") if c in (history or [{}])[0]]
    return pd.DataFrame({column: history[:, column] for column in columns})
