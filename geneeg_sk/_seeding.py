"""Seeds: of whole models, and of torch's global random stream for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator

if TYPE_CHECKING:
    import torch

MAX_SEED = np.iinfo(np.int32).max

_lock = Lock()
_before: list[list[torch.Tensor]] = []  # the streams as they were when nobody had seeded them
_n_inside = 0


def set_random_states(model: BaseEstimator, seed: int) -> BaseEstimator:
    """Give `seed` to every ``random_state`` of a model; frozen estimators are left alone."""
    params = model.get_params(deep=True)
    frozen = tuple(f"{name}__" for name, p in params.items() if isinstance(p, FrozenEstimator))
    names = [name for name in params if name.split("__")[-1] == "random_state"]
    return model.set_params(**{name: seed for name in names if not name.startswith(frozen)})


@contextmanager
def seeded(seed: int, device: str | torch.device = "cpu") -> Iterator[None]:
    """Seed torch within the block; outside, its random streams go on as if nothing had been.

    The streams are those of the whole process. Of several threads, each leaves what it found, and
    the last one what the first one found.
    """
    import torch

    global _n_inside
    on_gpu = torch.device(device).type == "cuda"
    with _lock:
        own = _streams(on_gpu or torch.cuda.is_initialized())
        if not _n_inside:
            _before[:] = [own]
        _n_inside += 1
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            torch.cuda.manual_seed_all(seed)
    try:
        yield
    finally:
        with _lock:
            _n_inside -= 1
            _restore(own if _n_inside else _before.pop())


def _streams(with_gpus: bool) -> list[torch.Tensor]:
    import torch

    return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if with_gpus else [])]


def _restore(streams: list[torch.Tensor]) -> None:
    import torch

    torch.set_rng_state(streams[0])
    if len(streams) > 1:
        torch.cuda.set_rng_state_all(streams[1:])
