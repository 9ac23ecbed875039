"""What are variations of real windows, by how much of them is new: alike, or copies?

    python -m benchmarks.fidelity.variations --process 0/2    # and beside it --process 1/2

From the root of the repository. Training windows of the cohort are varied toward another of its
patients, and compared with fresh windows of that patient. One JSON line for each strength and state
is appended to `--out`; what is there is not computed again.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.fidelity import methods, scores
from benchmarks.fidelity.data import Windows, split
from benchmarks.json_lines import append, read

RESULTS = Path(__file__).parents[1] / "results" / "fidelity_variations.jsonl"
DATA, N_TRAIN = "cohort", 480
STRENGTHS = (0.0, 0.2, 0.5, 0.8)


def main():
    arguments = parsed()
    torch.set_num_threads(1)
    part, n_parts = map(int, arguments.process.split("/"))
    for seed in arguments.seed[part::n_parts]:
        start = time.monotonic()
        measure(seed, arguments.out)
        print(f"seed {seed}: {(time.monotonic() - start) / 60:.1f} min", file=sys.stderr)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--process", default="0/1", help="k/m: every m-th seed from the k-th")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def measure(seed, out):
    """Write the lines of all strengths of a seed that are not there yet."""
    name = {"benchmark": "fidelity_variations", "data": DATA, "n_train": N_TRAIN, "seed": seed}
    known = {line["strength"] for line in read(out) if name.items() <= line.items()}
    wanted = [strength for strength in STRENGTHS if strength not in known]
    if not wanted:
        return
    windows = split(DATA, N_TRAIN, seed)
    train, reference = windows.train, windows.reference
    generator, _ = methods.fitted(train, seed)
    sources = of_others(train, reference, seed)
    for strength in wanted:
        made = varied(generator, train[sources], reference, strength, seed)
        lines = []
        for state in generator.classes_:
            t, r, m = (part[part.y == state] for part in (train, reference, made))
            found = scores.two_sample(r, m) | scores.memorization(r, m, t)
            found |= scores.spikes(r, m)
            lines.append({**name, "strength": strength, "state": str(state), "synthetic": found})
        append(out, lines)


def of_others(train, wanted, seed):
    """For each window of `wanted` a training window of its state of another patient."""
    rng = np.random.default_rng(seed)
    rows = np.empty(len(wanted), int)
    for state, patient in sorted(set(zip(wanted.y.tolist(), wanted.patients.tolist()))):
        own = (wanted.y == state) & (wanted.patients == patient)
        others = np.flatnonzero((train.y == state) & (train.patients != patient))
        rows[own] = rng.choice(others, own.sum(), replace=own.sum() > len(others))
    return rows


def varied(generator, sources, wanted, strength, seed):
    """The sources, moved to the patients of `wanted`."""
    X = generator.vary(
        sources.X,
        sources.y,
        strength=strength,
        groups=sources.patients,
        profiles=generator.profiles_[np.searchsorted(generator.patients_, wanted.patients)],
        random_state=seed + 1,
    )
    return Windows(X, wanted.y, None, wanted.patients, wanted.sfreq)


if __name__ == "__main__":
    main()
