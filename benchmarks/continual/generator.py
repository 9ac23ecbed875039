"""What does a generator forget of its first patients when it learns further ones?

    python -m benchmarks.continual.generator

A generator is fitted on the first three patients of a simulated cohort, and then learns three
more: by `partial_fit` (generative replay), and by training on with the new windows alone. Windows
of the first patients are compared with their last recordings, which no training saw. One JSON line
for each seed and stage is printed and appended to `--out`; seeds that are there are left out.
"""

import argparse
import copy
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.json_lines import read, write
from geneeg_sk.datasets import make_eeg_cohort
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.metrics import c2st, ks_by_feature

RESULTS = Path(__file__).parents[1] / "results" / "continual.jsonl"
SFREQ = 64.0
BUDGET = {"vae_steps": 300, "diffusion_steps": 800}
N_FIRST, N_PATIENTS = 3, 6


def without_replay(data, model, counts, *, renumber, **_):
    """In the place of `add_replay`: the new patients' windows and nothing else."""
    n_patients = max(counts.shape[1], renumber.max() + 1)
    return replace(data, patient=renumber[data.patient], n_patients=n_patients)


def scores(generator, X, y, groups):
    """Windows of known patients beside their held-out ones, mean over states."""
    made = generator.sample(y, groups=groups, random_state=1)
    states = np.unique(y)
    pairs = [(X[y == s], made[y == s]) for s in states]
    ks = [ks_by_feature(real, fake, sfreq=SFREQ)["statistic"].mean() for real, fake in pairs]
    auc = [c2st(real, fake, sfreq=SFREQ, random_state=0) for real, fake in pairs]
    return {"ks": float(np.mean(ks)), "c2st": float(np.mean(auc))}


def lines(seed):
    """Before learning further patients, and after it by either way."""
    cohort = make_eeg_cohort(
        n_patients=N_PATIENTS,
        n_windows={"normal": 60, "preictal": 30, "ictal": 30},
        sfreq=SFREQ,
        length=2.0,
        random_state=seed,
    )
    table = cohort.metadata
    last = table.groupby("patient")["recording"].transform("max") == table["recording"]
    last = last.to_numpy()
    first = np.isin(cohort.groups, np.unique(cohort.groups)[:N_FIRST])

    def some(rows):
        return cohort.X[rows], cohort.y[rows], cohort.groups[rows]

    X, y, groups = some(first & ~last)
    generator = LatentDiffusionGenerator(sfreq=SFREQ, random_state=seed, **BUDGET)
    generator.fit(X, y, groups=groups)
    held_out = some(first & last)
    yield "as fitted", generator, held_out
    X, y, groups = some(~first & ~last)
    yield "partial_fit", copy.deepcopy(generator).partial_fit(X, y, groups=groups), held_out
    with patch("geneeg_sk.generation._generator.add_replay", without_replay):
        naive = copy.deepcopy(generator).partial_fit(X, y, groups=groups)
    yield "naive", naive, held_out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = read(arguments.out)
    done = {one["seed"] for one in found if one["benchmark"] == "continual_generator"}
    for seed in arguments.seed:
        if seed in done:
            continue
        began = time.perf_counter()
        measured = []
        for stage, generator, held_out in lines(seed):
            name = {"benchmark": "continual_generator", "seed": seed, "stage": stage}
            line = {**name, **scores(generator, *held_out), "n_held_out": len(held_out[0])}
            measured.append({**line, "seconds": time.perf_counter() - began})
        write(arguments.out, measured)  # all stages of a seed, or none


if __name__ == "__main__":
    main()
