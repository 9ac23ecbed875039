"""One optimization loop for every network of the model."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from geneeg_sk._bar import Bar

from .._checkpoint import Checkpoint

Network = TypeVar("Network", bound=nn.Module)
Value = TypeVar("Value")

N_REPORTS = 25
PATIENCE = 8  # reports without a better validation loss, a third of the budget
EMA_DECAY = 0.999
CLIP = 1.0


@dataclass
class Training:
    """What the trainings of one fit share.

    Attributes
    ----------
    rows, valid : ndarray
        Windows to train on, and to validate with.
    rng, generator
        All that is random in training comes from these two streams.
    latents : ndarray of shape (n, latent_channels, positions) or None
        Of all windows, once the autoencoder is trained.
    history : list of dict
        A row for each report: the mean of each term of the loss since the last one.
    interrupted : bool
        Whether Ctrl-C ended a training early.
    """

    rows: np.ndarray
    valid: np.ndarray
    rng: np.random.RandomState
    generator: torch.Generator
    verbose: int = 0
    checkpoint: Checkpoint | None = None
    latents: np.ndarray | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    interrupted: bool = False

    def streams(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """How far the random streams are."""
        name, keys, position, has_normal, normal = self.rng.get_state(legacy=True)
        numbers = {"rng": [name, position, has_normal, normal]}
        return numbers, {"rng": np.asarray(keys), "generator": self.generator.get_state().numpy()}

    def go_on(self, content: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Set the random streams to where they were."""
        name, *rest = content["rng"]
        self.rng.set_state((name, arrays["rng"], *rest))
        self.generator.set_state(torch.from_numpy(arrays["generator"]))


def optimize(
    network: Network,
    loss_terms: Callable[[], dict[str, Tensor]],
    validate: Callable[[Network], float] | None,
    *,
    stage: str,
    n_steps: int,
    lr: float,
    training: Training,
) -> Network:
    """Train `network`; return a copy with averaged weights, the best by `validate`.

    `loss_terms` draws a minibatch and returns the weighted terms, whose sum is minimized. AdamW,
    one-cycle learning rate, clipped gradients, exponential moving average of the weights, early
    stopping. Ctrl-C ends the training, and is noted in `training`.
    """
    run = _Run(network, n_steps, lr)
    _restore(training, stage, run)
    every = max(1, n_steps // N_REPORTS)
    sums: dict[str, float] = {}
    since = 0
    left = range(run.step + 1, n_steps + 1) if run.stale < PATIENCE else range(0)
    options = {"initial": run.step, "total": n_steps, "disable": not training.verbose}
    try:
        for step in (bar := Bar(left, desc=stage, **options)):
            terms = loss_terms()
            run.descend(torch.stack(list(terms.values())).sum())
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
                row["validation"] = run.judge(validate)
            training.history.append(row)
            bar.set_postfix(loss=f"{row['loss']:.3f}")
            _save(training, stage, run)
            if run.stale >= PATIENCE:
                break
    except KeyboardInterrupt:
        training.interrupted = True
    return run.best.eval()


class _Run(Generic[Network]):
    """A network on its way: weights, their average, the best of them, and the optimizer."""

    def __init__(self, network: Network, n_steps: int, lr: float) -> None:
        self.network = network
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=1e-3)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, lr, total_steps=max(n_steps, 2)
        )
        self.average = AveragedModel(network, avg_fn=_moving_average)
        self.averaged = cast(Network, self.average.module)
        self.best, self.best_loss = self.averaged, float("inf")
        self.step = self.stale = 0

    def descend(self, loss: Tensor) -> None:
        """Make one step."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(self.network)
        self.step += 1

    def judge(self, validate: Callable[[Network], float]) -> float:
        """Validate the averaged weights, and keep them if they are the best so far."""
        loss = validate(self.averaged)
        self.stale += 1
        if loss < self.best_loss:
            self.best, self.best_loss, self.stale = copy.deepcopy(self.averaged), loss, 0
        return loss

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """All that `restore` needs, as numbers and arrays."""
        tensors = _named("network", self.network.state_dict())
        tensors |= _named("average", self.average.state_dict())
        if self.best is not self.averaged:
            tensors |= _named("best", self.best.state_dict())
        optimizer = self.optimizer.state_dict()
        for i, moments in optimizer["state"].items():
            tensors |= _named(f"optimizer.{i}", moments)
        (group,) = optimizer["param_groups"]
        numbers = {
            "step": self.step,
            "stale": self.stale,
            "best_loss": self.best_loss if np.isfinite(self.best_loss) else None,
            "group": {"lr": group["lr"], "betas": group["betas"]},
            "schedule": {k: self.schedule.state_dict()[k] for k in ("last_epoch", "_step_count")},
        }
        return numbers, {name: tensor.cpu().numpy() for name, tensor in tensors.items()}

    def restore(self, numbers: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Go back to a state that `state` returned."""
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self.network.load_state_dict(below("network", tensors))
        self.average.load_state_dict(below("average", tensors))
        if best := below("best", tensors):
            self.best = copy.deepcopy(self.averaged)
            self.best.load_state_dict(best)
            self.best_loss = numbers["best_loss"]
        optimizer = self.optimizer.state_dict()
        of_parameters = range(len(optimizer["param_groups"][0]["params"]))
        optimizer["state"] = {i: below(f"optimizer.{i}", tensors) for i in of_parameters}
        optimizer["param_groups"][0].update(numbers["group"])
        self.optimizer.load_state_dict(optimizer)
        self.schedule.load_state_dict(numbers["schedule"])
        self.step, self.stale = numbers["step"], numbers["stale"]


def _save(training: Training, stage: str, run: _Run[Any]) -> None:
    if training.checkpoint is None:
        return
    numbers, arrays = run.state()
    streams, more_arrays = training.streams()
    rows = [row for row in training.history if row["stage"] == stage]
    content = {"rows": rows, **numbers, **streams}
    training.checkpoint.write(stage, content, {**arrays, **more_arrays})


def _restore(training: Training, stage: str, run: _Run[Any]) -> None:
    found = training.checkpoint and training.checkpoint.read(stage)
    if not found:
        return
    run.restore(*found)
    training.go_on(*found)
    training.history += found[0]["rows"]


def _named(start: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{start}.{name}": tensor for name, tensor in tensors.items()}


def below(start: str, named: Mapping[str, Value]) -> dict[str, Value]:
    """What has this name and a dot before its own, under its own."""
    start += "."
    return {k.removeprefix(start): value for k, value in named.items() if k.startswith(start)}


def _refuse_divergence(row: dict[str, Any]) -> None:
    if not np.isfinite(row["loss"]):
        terms = {k: v for k, v in row.items() if k not in ("stage", "step", "loss")}
        raise FloatingPointError(
            f"The {row['stage']} stage diverged: its loss is {row['loss']} at step {row['step']} "
            f"({terms}). Look for windows of extreme amplitude."
        )


def _moving_average(average: Tensor, value: Tensor, n: Tensor | int) -> Tensor:
    decay = min(float((1 + n) / (10 + n)), EMA_DECAY)
    return average + (1 - decay) * (value - average)


def draw_rows(weights: Tensor, batch_size: int, generator: torch.Generator) -> np.ndarray:
    """Row numbers of a minibatch, drawn with probability `weights`."""
    return torch.multinomial(weights, batch_size, replacement=True, generator=generator).numpy()
