"""Can synthetic windows be told from fresh real ones, are they diverse, or copies? At what cost?

    python -m benchmarks.fidelity.run --data cohort --n-train 480 --seed 0
    python -m benchmarks.fidelity.run --process 0/2    # and beside it --process 1/2

From the root of the repository. One JSON line for each state and method is appended to `--out`, all
states of a method at once; what is there is not computed again, so that a run that was stopped can
be continued. `--stages` asks where in the generator's chain windows become told from real ones:
lines with `stage`, for the largest number of windows of the cohort and of Bonn.
"""

import argparse
import sys
import time
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from benchmarks.fidelity import methods, scores, stages
from benchmarks.fidelity.data import DATA, affordable, split
from benchmarks.json_lines import append, read

SIZES = (480, 100, 20)
WITH_STAGES = {("cohort", 480), ("bonn", 480)}
RESULTS = Path(__file__).parents[1] / "results" / "fidelity.jsonl"
PACKAGES = ("geneeg-sk", "torch", "numpy", "scikit-learn")
OF_STAGES = (
    *(f"c2st_{on}{part}" for on in ("windows", "features") for part in ("", "_interval")),
    *("spike_ratio", "spike_difference"),
)


@dataclass
class Cell:
    """A data set, number of training windows and seed: what shares a generator."""

    data: str
    n_train: int
    seed: int

    @property
    def name(self):
        where = {"data": self.data, "n_train": self.n_train, "seed": self.seed}
        return {"benchmark": "fidelity", **where}


def main():
    arguments = parsed()
    torch.set_num_threads(1)
    part, n_parts = map(int, arguments.process.split("/"))
    work = [(cell, jobs_left(cell, arguments)) for cell in cells(arguments)[part::n_parts]]
    work = [(cell, jobs) for cell, jobs in work if jobs]
    run(work, Progress(sum(len(jobs) for _, jobs in work), arguments.minutes), arguments.out)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    parser.add_argument("--n-train", nargs="+", type=int, default=SIZES, help="of a state")
    parser.add_argument("--seed", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--method", nargs="+", choices=methods.METHODS, default=methods.METHODS)
    parser.add_argument(
        "--stages", choices=["yes", "no", "only"], default="yes", help="also after each stage"
    )
    parser.add_argument("--process", default="0/1", help="k/m: every m-th cell from the k-th")
    parser.add_argument("--minutes", type=float, default=np.inf, help="start nothing after so many")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def cells(arguments):
    """All cells, the largest and most telling first, without repetition."""
    found = []
    for seed in arguments.seed:
        for n_train in sorted(arguments.n_train, reverse=True):
            for data in arguments.data:
                cell = Cell(data, affordable(data, n_train, seed), seed)
                if cell not in found:
                    found.append(cell)
    return found


def jobs_left(cell, arguments):
    """Methods and stages of a cell that `--out` has no lines of."""
    done = recorded(arguments.out, cell)
    wanted = [] if arguments.stages == "only" else [("method", m) for m in arguments.method]
    if arguments.stages != "no" and (cell.data, cell.n_train) in WITH_STAGES:
        names = ("windows", "reconstruction", *stages.STAGES, "generated")
        wanted += [("stage", name) for name in names]
    return [job for job in wanted if job not in done]


def recorded(out, cell):
    """What `out` has of a cell: kind ("method" or "stage") and name; the floor as "floor"."""
    found = set()
    for line in read(out):
        if all(line.get(key) == value for key, value in cell.name.items()):
            if "stage" in line:
                found.add(("stage", line["stage"]))
            else:
                name = "floor" if line["method"] == line["reference"] else line["method"]
                found.add(("method", name))
    return found


class Progress:
    """Says on stderr what is done and how long the rest may take, and when time is up."""

    def __init__(self, n, minutes):
        self.n, self.minutes, self.done, self.start = n, minutes, 0, time.monotonic()

    def spent(self):
        return (time.monotonic() - self.start) / 60

    def up(self):
        return self.spent() > self.minutes

    def step(self, what):
        self.done += 1
        left = self.spent() / self.done * (self.n - self.done)
        text = f"{self.done}/{self.n} {what}, {self.spent():.1f} min, about {left:.0f} min left"
        print(text, file=sys.stderr, flush=True)


def run(work, progress, out):
    """Do all jobs of all cells, until time is up."""
    for cell, jobs in work:
        if progress.up():
            break
        bench = Bench(cell, out)
        for kind, name in jobs:
            if progress.up():
                break
            with warnings.catch_warnings():
                # Few windows or groups: intervals say so.
                warnings.filterwarnings("ignore", message="With .*c2st", category=UserWarning)
                bench.measure(name) if kind == "method" else bench.measure_stage(name)
            where = f"{cell.data} {cell.n_train} seed {cell.seed}: {name}"
            progress.step(where)
    if progress.done < progress.n:
        print(f"stopped: {progress.n - progress.done} of {progress.n} left", file=sys.stderr)


class Bench:
    """One cell: its windows, its generator, and the lines that are made of them."""

    def __init__(self, cell, out, windows=None, **parameters):
        self.cell, self.out, self.parameters = cell, out, parameters
        self.windows = windows or split(cell.data, cell.n_train, cell.seed)
        self._fitted = None

    def generator(self):
        """The fitted generator, once for all, and what it cost."""
        if self._fitted is None:
            train = self.windows.train
            self._fitted = methods.fitted(train, self.cell.seed, **self.parameters)
        return self._fitted

    def made(self, method):
        """Windows of a method."""
        train, wanted, seed = self.windows.train, self.windows.reference, self.cell.seed
        if method == "geneeg":
            return methods.from_generator(self.generator()[0], wanted, seed)
        if method == "floor":
            return self.windows.floor
        return BY_TRAINING[method](train, wanted, seed)

    def measure(self, method):
        """Write the lines of a method: one for each state, all at once."""
        train, reference = self.windows.train, self.windows.reference
        made = self.made(method)
        cost, how = {}, {}
        if method == "geneeg":
            cost = self.generator()[1]
            how = scores.conditioning(train, reference, made)
        lines = []
        for state in np.unique(train.y):
            t, r, m = (part[part.y == state] for part in (train, reference, made))
            name = self.windows.kind if method == "floor" else method
            found = scores.similarity(r, m) | scores.memorization(r, m, t)
            line = self.line(state, method=name) | {"synthetic": found | scores.by_recording(r, m)}
            line |= {"conditioning": how, "cost": cost} if method == "geneeg" else {}
            lines.append(line | {"versions": {p: version(p) for p in PACKAGES}})
        append(self.out, lines)

    def measure_stage(self, stage):
        """Write the lines of a stage: one for each state, all at once."""
        if stage in ("windows", "generated"):
            append(self.out, self.copied(stage))
            return
        generator, _ = self.generator()
        lines = []
        if stage == "reconstruction":
            for state in generator.classes_:
                own = self.windows.floor[self.windows.floor.y == state]
                explained = stages.explained(generator, own)
                lines.append(self.line(state, stage=stage) | {"explained": explained})
        else:
            passed = stages.passed(generator, self.windows.floor, stage, self.cell.seed)
            for state in generator.classes_:
                r, m = (w[w.y == state] for w in (self.windows.reference, passed))
                found = scores.two_sample(r, m) | scores.spikes(r, m)
                lines.append(self.line(state, stage=stage) | {"synthetic": found})
        append(self.out, lines)

    def copied(self, stage):
        """The ends of the chain, which are methods: real windows and generated ones."""
        method = self.windows.kind if stage == "windows" else "geneeg"
        lines = []
        for line in read(self.out):
            if line.get("method") == method and self.cell.name.items() <= line.items():
                found = {key: line["synthetic"][key] for key in OF_STAGES}
                lines.append(self.line(line["state"], stage=stage) | {"synthetic": found})
        return lines

    def line(self, state, **what):
        """What every line says: which cell, state and method or stage, and compared with what."""
        n_state = int((self.windows.train.y == state).sum())
        n_reference = int((self.windows.reference.y == state).sum())
        about = {"state": str(state), **what, "n_state": n_state}
        kind = {"reference": self.windows.kind, "n_reference": n_reference}
        return {**self.cell.name, **about, **kind}


BY_TRAINING = {
    "surrogate": methods.from_surrogates,
    "smote": methods.from_smote,
    "training": methods.from_training,
}


if __name__ == "__main__":
    main()
