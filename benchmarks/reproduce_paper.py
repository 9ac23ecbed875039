"""The paper's tables: is a detector better with generated seizures, on patients it never saw?

    python benchmarks/reproduce_paper.py --siena FOLDER
    python benchmarks/reproduce_paper.py --chbmit FOLDER
    python benchmarks/reproduce_paper.py --chbmit FOLDER --groups recording   # for an excerpt

Each patient is left out once; no augmentation, random over-sampling, SMOTE, ADASYN and the
generator train the same classifier on the others. Accuracy, macro F1 and macro AUC of each method,
means over patients with 95 % intervals. Fits are finished one by one in `--out`: run it again, and
it goes on where it was. How long it will take is measured on a small fit before it starts, and told
again while it runs.
"""

import argparse
import json
import time
import warnings
from datetime import timedelta
from pathlib import Path

import numpy as np
from sklearn.base import clone

from geneeg_sk.cli._candidates import BenchmarkBudget
from geneeg_sk.cli._run import Benchmark, group_labels
from geneeg_sk.cli._tables import print_comparison, print_counts
from geneeg_sk.datasets import load_chbmit, load_siena
from geneeg_sk.datasets._options import WindowingOptions
from geneeg_sk.metrics._statistics import bootstrap_interval

METHODS = ("none", "RandomOverSampler", "SMOTE", "ADASYN", "GenEEGSampler")
SCORES = ("accuracy", "macro_f1", "macro_auc")
LOADERS = {"siena": load_siena, "chbmit": load_chbmit}
CUT = {
    "length": "seconds of a window",
    "preictal": "seconds before a seizure",
    "postictal": "seconds left out after it",
    "min_distance": "seconds from any seizure to a normal window",
}
# Of the small fits that the estimate comes from.
TRIAL_STEPS, TRIAL_WINDOWS, DRAWN = 20, 256, 64


def windows_of(arguments):
    """The windows of the folder, kept on disk beside the results: they are cut once."""
    (name,) = [name for name in LOADERS if getattr(arguments, name)]
    return LOADERS[name](
        getattr(arguments, name),
        store=arguments.out / "windows",
        sfreq=arguments.sfreq,
        **{name: getattr(arguments, name) for name in CUT},
    )


def comparison_of(windows, arguments):
    """The benchmark of the command line, with the paper's methods, one group left out a time."""
    groups = group_labels(windows, arguments.groups)
    budget = BenchmarkBudget().override(
        epochs=arguments.epochs,
        vae_steps=arguments.vae_steps,
        diffusion_steps=arguments.diffusion_steps,
    )
    run = Benchmark(
        windows,
        groups,
        out=arguments.out,
        budget=budget,
        n_folds=len(np.unique(groups)),
        n_repeats=arguments.seeds,
        seed=0,
    )
    run.candidates = {name: run.candidates[name] for name in METHODS}
    return run, budget


def estimated_seconds(run, budget):
    """Seconds of all fits on one process, from a few steps on a few windows of each state.

    Every method but "none" fills all states up to the largest, so that the classifier's steps are
    counted on so many windows; the generator's budget is in steps.
    """
    train = max((train for train, _ in run.folds), key=len)
    rows = np.sort(train[_some_of_each(run.windows.y[train])])
    X, y = np.asarray(run.windows.X[rows], np.float32), run.windows.y[rows]
    n = np.unique(run.windows.y[train], return_counts=True)[1]
    filled = len(n) * n.max()
    classifier = clone(run.estimator).set_params(max_epochs=1)
    generator = clone(run.candidates["GenEEGSampler"].generator)
    for model in (classifier, generator.set_params(vae_steps=1, diffusion_steps=1)):
        model.fit(X, y)  # what is done once in a process is not counted
    start = _seconds(generator.fit, X, y)
    draws = np.resize(y, DRAWN)
    seconds = start + _seconds(generator.sample, draws) * (filled - len(train)) / DRAWN
    for stage in ("vae_steps", "diffusion_steps"):
        more = clone(generator).set_params(**{stage: TRIAL_STEPS})
        step = max(_seconds(more.fit, X, y) - start, 0) / (TRIAL_STEPS - 1)
        seconds += step * (getattr(budget, stage) - 1)
    one_pass = _seconds(classifier.fit, X, y) / len(X)
    seconds += one_pass * budget.epochs * (len(train) + (len(METHODS) - 1) * filled)
    return len(run.folds) * run.n_repeats * seconds


def _some_of_each(y):
    """A few rows of each state."""
    per_state = max(TRIAL_WINDOWS // len(np.unique(y)), 1)
    return np.concatenate([np.flatnonzero(y == state)[:per_state] for state in np.unique(y)])


def _seconds(call, *arguments):
    began = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - began


def table(comparison):
    """A line for each method: mean over groups, 95 % bootstrap interval over them, and groups."""
    for method in comparison.candidates:
        line = {"benchmark": "reproduce_paper", "method": method}
        for score in SCORES:
            by_group = comparison.pivot(score)
            values = by_group[method].dropna().to_numpy() if method in by_group else np.array([])
            low, high = bootstrap_interval(values)
            mean = float(values.mean()) if len(values) else None
            line[score] = {"mean": mean, "low": _known(low), "high": _known(high)}
            line[score]["groups"] = len(values)
        yield line


def _known(value):
    return None if np.isnan(value) else value


def arguments_of():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    folder = parser.add_mutually_exclusive_group(required=True)
    for name in LOADERS:
        folder.add_argument(f"--{name}", type=Path, metavar="FOLDER")
    parser.add_argument("--groups", choices=["patient", "recording"], default="patient")
    for name, what in CUT.items():
        option, default = f"--{name.replace('_', '-')}", getattr(WindowingOptions, name)
        parser.add_argument(option, type=float, default=default, help=what)
    parser.add_argument("--sfreq", type=float, default=256.0, help="Hz")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--vae-steps", type=int)
    parser.add_argument("--diffusion-steps", type=int)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, default=Path("out/paper"))
    return parser.parse_args()


def main():
    arguments = arguments_of()
    windows = windows_of(arguments)
    print_counts(windows.metadata)
    run, budget = comparison_of(windows, arguments)
    estimate = timedelta(seconds=round(estimated_seconds(run, budget) / arguments.jobs))
    fits = len(METHODS) * len(run.folds) * run.n_repeats
    print(f"About {estimate} for {fits} fits, less what {arguments.out} holds.", flush=True)
    comparison = run.run(n_jobs=arguments.jobs)
    print_comparison(comparison, unit=arguments.groups)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few groups: print_comparison has said so
        lines = [json.dumps(line) for line in table(comparison)]
    (arguments.out / "table.jsonl").write_text("\n".join(lines) + "\n")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
