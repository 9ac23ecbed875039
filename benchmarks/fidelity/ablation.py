"""Does each part of the generator earn its place? Each is left out, and some together.

    python -m benchmarks.fidelity.ablation --process 0/2    # and beside it --process 1/2

From the root of the repository. Corrections are learned again without the one that is left out, on
the same networks. One JSON line for each state is appended to `--out`; what is there is not
computed again.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.fidelity import methods, scores
from benchmarks.fidelity.data import split
from benchmarks.json_lines import append, read
from geneeg_sk.generation._corrections import CORRECTIONS, Corrections
from geneeg_sk.generation._fit import fit_corrections
from geneeg_sk.generation.networks._training import Training

RESULTS = Path(__file__).parents[1] / "results" / "fidelity_ablation.jsonl"
DATA = ("cohort", "bonn")
N_TRAIN = 480
LEFT_OUT = ("", *CORRECTIONS, "+".join(CORRECTIONS))  # "" is the whole generator


def main():
    arguments = parsed()
    torch.set_num_threads(1)
    part, n_parts = map(int, arguments.process.split("/"))
    cells = [(seed, data) for seed in arguments.seed for data in arguments.data]
    for seed, data in cells[part::n_parts]:
        start = time.monotonic()
        measure(data, seed, arguments.out)
        print(f"{data} seed {seed}: {(time.monotonic() - start) / 60:.1f} min", file=sys.stderr)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    parser.add_argument("--seed", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--process", default="0/1", help="k/m: every m-th cell from the k-th")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def measure(data, seed, out):
    """Write the lines of all parts of a data set and a seed that are not there yet."""
    name = {"benchmark": "fidelity_ablation", "data": data, "n_train": N_TRAIN, "seed": seed}
    known = {line["left_out"] for line in read(out) if name.items() <= line.items()}
    wanted = [part for part in LEFT_OUT if part not in known]
    if not wanted:
        return
    windows = split(data, N_TRAIN, seed)
    for left_out, generator in without(wanted, windows.train, seed):
        made = methods.from_generator(generator, windows.reference, seed)
        lines = []
        for state in generator.classes_:
            r, m = (part[part.y == state] for part in (windows.reference, made))
            found = scores.two_sample(r, m) | scores.spikes(r, m)
            lines.append({**name, "left_out": left_out, "state": str(state), "synthetic": found})
        append(out, lines)


def without(parts, train, seed):
    """Yield the generator without each of the parts."""
    generator, _ = methods.fitted(train, seed)
    whole = generator.model_
    for part in parts:
        if part:
            generator.model_ = corrected_again(whole, part.split("+"), train, generator, seed)
        yield part, generator
        generator.model_ = whole


def corrected_again(model, left_out, train, generator, seed):
    """A model whose corrections are learned without some of them."""
    edges, (n_channels, n_times) = model.descriptors.edges, train.X.shape[1:]
    none = Corrections.none(len(generator.classes_), n_channels, n_times, edges)
    model = replace(model, corrections=none).without(left_out)
    data, _ = generator._training_set(train.X, train.y, train.patients)
    nothing = np.arange(0)
    training = Training(nothing, nothing, np.random.RandomState(seed), torch.Generator())
    return fit_corrections(model, data, generator._settings(), training)


if __name__ == "__main__":
    main()
