"""One optimisation loop for every network of the model."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm.auto import tqdm

N_REPORTS = 25
PATIENCE = 8  # reports without a better validation loss, a third of the budget
EMA_DECAY = 0.999
CLIP = 1.0


def optimise(
    network: nn.Module,
    loss_terms: Callable[[], dict[str, Tensor]],
    validate: Callable[[nn.Module], float] | None,
    *,
    stage: str,
    n_steps: int,
    lr: float,
    history: list[dict],
    verbose: int,
) -> tuple[nn.Module, bool]:
    """Train `network`; return a copy with averaged weights, the best by `validate`.

    `loss_terms` draws a minibatch and returns the weighted terms, whose sum is minimised. AdamW,
    one-cycle learning rate, clipped gradients, exponential moving average of the weights, early
    stopping. Rows are added to `history`: the mean of each term since the last row. The second
    value returned tells whether Ctrl-C ended the training.
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=max(n_steps, 2))
    average = AveragedModel(network, avg_fn=_moving_average)
    best, best_loss, stale = None, float("inf"), 0
    every = max(1, n_steps // N_REPORTS)
    sums: dict[str, float] = {}
    interrupted = False
    try:
        for step in (bar := tqdm(range(1, n_steps + 1), desc=stage, disable=not verbose)):
            terms = loss_terms()
            optimiser.zero_grad(set_to_none=True)
            sum(terms.values()).backward()
            nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimiser.step()
            schedule.step()
            average.update_parameters(network)
            for name, term in terms.items():
                sums[name] = sums.get(name, 0.0) + float(term.detach())
            if step % every and step != n_steps:
                continue
            row = {name: total / every for name, total in sums.items()}
            row = {"stage": stage, "step": step, **row, "loss": sum(row.values())}
            sums = {}
            if validate is not None:
                row["validation"] = validate(average.module)
                stale += 1
                if row["validation"] < best_loss:
                    best, best_loss, stale = copy.deepcopy(average.module), row["validation"], 0
            history.append(row)
            bar.set_postfix(loss=f"{row['loss']:.3f}")
            if stale >= PATIENCE:
                break
    except KeyboardInterrupt:
        interrupted = True
    return (best or average.module).eval(), interrupted


def _moving_average(average: Tensor, value: Tensor, n: Tensor) -> Tensor:
    decay = torch.clamp((1 + n) / (10 + n), max=EMA_DECAY)
    return average + (1 - decay) * (value - average)


def resolve_device(device: str) -> torch.device:
    """``"auto"`` is CUDA where there is one, else the CPU."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def draw_rows(weights: Tensor, batch_size: int, generator: torch.Generator) -> np.ndarray:
    """Row numbers of a minibatch, drawn with probability `weights`."""
    return torch.multinomial(weights, batch_size, replacement=True, generator=generator).numpy()
