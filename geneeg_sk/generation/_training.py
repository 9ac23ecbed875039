"""One optimization loop for every network of the model."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from geneeg_sk._bar import Bar

Network = TypeVar("Network", bound=nn.Module)

N_REPORTS = 25
PATIENCE = 8  # reports without a better validation loss, a third of the budget
EMA_DECAY = 0.999
CLIP = 1.0


def optimize(
    network: Network,
    loss_terms: Callable[[], dict[str, Tensor]],
    validate: Callable[[Network], float] | None,
    *,
    stage: str,
    n_steps: int,
    lr: float,
    history: list[dict[str, Any]],
    verbose: int,
) -> tuple[Network, bool]:
    """Train `network`; return a copy with averaged weights, the best by `validate`.

    `loss_terms` draws a minibatch and returns the weighted terms, whose sum is minimized. AdamW,
    one-cycle learning rate, clipped gradients, exponential moving average of the weights, early
    stopping. Rows are added to `history`: the mean of each term since the last row. The second
    value returned tells whether Ctrl-C ended the training.
    """
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=max(n_steps, 2))
    average = AveragedModel(network, avg_fn=_moving_average)
    averaged = cast(Network, average.module)
    best, best_loss, stale = averaged, float("inf"), 0
    every = max(1, n_steps // N_REPORTS)
    sums: dict[str, float] = {}
    since, interrupted = 0, False
    try:
        for step in (bar := Bar(range(1, n_steps + 1), desc=stage, disable=not verbose)):
            terms = loss_terms()
            optimizer.zero_grad(set_to_none=True)
            torch.stack(list(terms.values())).sum().backward()
            nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            schedule.step()
            average.update_parameters(network)
            for name, term in terms.items():
                sums[name] = sums.get(name, 0.0) + float(term.detach())
            since += 1
            if step % every and step != n_steps:
                continue
            means = {name: total / since for name, total in sums.items()}
            row = {"stage": stage, "step": step, **means, "loss": sum(means.values())}
            sums, since = {}, 0
            _refuse_divergence(row)
            if validate is not None:
                row["validation"] = validate(averaged)
                stale += 1
                if row["validation"] < best_loss:
                    best, best_loss, stale = copy.deepcopy(averaged), row["validation"], 0
            history.append(row)
            bar.set_postfix(loss=f"{row['loss']:.3f}")
            if stale >= PATIENCE:
                break
    except KeyboardInterrupt:
        interrupted = True
    return best.eval(), interrupted


def _refuse_divergence(row: dict[str, Any]) -> None:
    if not np.isfinite(row["loss"]):
        terms = {k: v for k, v in row.items() if k not in ("stage", "step", "loss")}
        raise FloatingPointError(
            f"The {row['stage']} stage diverged: its loss is {row['loss']} at step {row['step']} "
            f"({terms}). Look for windows of extreme amplitude, or lower loss_weights."
        )


def _moving_average(average: Tensor, value: Tensor, n: Tensor | int) -> Tensor:
    decay = min(float((1 + n) / (10 + n)), EMA_DECAY)
    return average + (1 - decay) * (value - average)


def draw_rows(weights: Tensor, batch_size: int, generator: torch.Generator) -> np.ndarray:
    """Row numbers of a minibatch, drawn with probability `weights`."""
    return torch.multinomial(weights, batch_size, replacement=True, generator=generator).numpy()
