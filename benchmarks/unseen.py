"""Does augmentation help on patients, recordings and segments that nobody has seen?

    python benchmarks/unseen.py --split development --seed 0
    python benchmarks/unseen.py --split final           # once, when all choices are made
    python benchmarks/unseen.py --quick --out out/unseen-quick.jsonl
    python benchmarks/unseen.py --siena PATH --out siena.jsonl

One JSON line for each data set, regime, group, seed and method is printed and appended to `--out`;
what is there is not computed again. At the end paired differences are printed, also as JSON lines
(`--summary`: only these). All methods get the same windows, the same classifier with the same
number of optimiser steps, however many windows over-sampling adds, and the same target.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from json_lines import read, write
from sklearn.metrics import average_precision_score
from unseen_data import DATA, database, folder
from unseen_methods import METHODS, OPPONENTS, Settings, predictions
from unseen_summary import summary

from geneeg_sk.metrics import window_event_scores
from geneeg_sk.model_selection._scores import aligned, score

RESULTS = Path(__file__).parent / "results" / "unseen.jsonl"
EVENT_SCORES = ["sensitivity", "f1", "false_alarms_per_day"]


def main():
    arguments = parsed()
    torch.set_num_threads(1)
    if not arguments.summary:
        run(list(work(arguments)), arguments)
    for line in summary(read(arguments.out), arguments.split):
        print(json.dumps(line), flush=True)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--split", choices=["development", "final"], default="development")
    parser.add_argument("--data", nargs="+", choices=list(DATA), default=list(DATA))
    parser.add_argument("--seed", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--method", nargs="+", choices=list(METHODS), default=list(CHOSEN))
    parser.add_argument("--siena", type=Path, help="folder in the layout of the Siena database")
    parser.add_argument("--chbmit-folder", type=Path, help="folder in the layout of CHB-MIT")
    parser.add_argument("--quick", action="store_true", help="one seed, few steps: does it run?")
    parser.add_argument("--summary", action="store_true", help="compute nothing new")
    parser.add_argument("--cache", type=Path, default=Path("out/unseen-cache"))
    parser.add_argument("--minutes", type=float, default=np.inf, help="stop after so many")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seed = arguments.seed[:1]
    return arguments


# The methods of a run that names none: the opponents, and what development chose.
CHOSEN = (*OPPONENTS, "geneeg", "geneeg-gated", "geneeg-virtual", "geneeg-personalized")


def work(arguments):
    """Pairs of a unit and a method that are not in `--out` yet."""
    done = {key(line) for line in read(arguments.out)}
    for unit in units(arguments):
        for method in arguments.method:
            if method.startswith("geneeg-personal") and not unit.background:
                continue
            wanted = {(*naming(unit, arguments.split).values(), g, method) for g in unit.tests}
            if not wanted <= done:
                yield unit, method


def units(arguments):
    databases = {
        kind: folder(kind, path)
        for kind, path in (
            ("siena", arguments.siena),
            ("chbmit-folder", arguments.chbmit_folder),
        )
        if path is not None
    }
    for seed in arguments.seed:
        if databases:
            for kind, windows in databases.items():
                yield from database(kind, windows, arguments.split, seed)
            continue
        for data in arguments.data:
            yield from DATA[data](arguments.split, seed)


def run(pairs, arguments):
    """Train, score, write, and say how much is left."""
    started, settings = time.monotonic(), Settings(arguments.quick, arguments.cache)
    spent: dict = {}
    for k, (unit, method) in enumerate(pairs):
        if time.monotonic() - started > 60 * arguments.minutes:
            print(f"stopped: {len(pairs) - k} of {len(pairs)} are left", file=sys.stderr)
            return
        start = time.monotonic()
        write(arguments.out, list(lines(unit, method, settings, arguments.split)))
        spent.setdefault((unit.data, method), []).append(time.monotonic() - start)
        left = sum(expected(spent, u.data, m) for u, m in pairs[k + 1 :])
        print(
            f"{k + 1}/{len(pairs)} {unit.data} {unit.regime} fold {unit.fold} seed {unit.seed} "
            f"{method}: {spent[unit.data, method][-1]:.0f} s, about {left / 60:.0f} min left",
            file=sys.stderr,
            flush=True,
        )


def expected(spent, data, method):
    """Seconds of one training: the mean of this method on this data, or of any."""
    known = spent.get((data, method)) or [s for times in spent.values() for s in times]
    return float(np.mean(known))


def lines(unit, method, settings, split):
    """One line for each test group."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of states and groups without background
        found = list(predictions(unit, method, settings))
    seconds = time.perf_counter() - start
    states = np.unique(unit.train.y)
    for group, predicted, proba, classes, about in found:
        test = unit.tests[group]
        proba = aligned(proba, classes, states)
        yield {
            **naming(unit, split),
            "group": group,
            "method": method,
            **score(test.y, predicted, proba, states),
            "average_precision": average_precision(test.y, proba, states),
            **events(test, predicted),
            **about,
            "n_train": {s: int((unit.train.y == s).sum()) for s in states.tolist()},
            "n_test": {s: int((test.y == s).sum()) for s in states.tolist()},
            "seconds": seconds,
        }


def average_precision(y, proba, states):
    """Of the seizure against all other states; NaN without seizure windows."""
    if not (y == "ictal").any():
        return np.nan
    return average_precision_score(y == "ictal", proba[:, np.searchsorted(states, "ictal")])


def events(test, predicted):
    """Event scores of a group whose windows follow each other in time."""
    if test.metadata is None:
        return {}
    length = test.X.shape[2] / test.sfreq
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NaN says the same
        scores = window_event_scores(test.y, predicted, test.metadata, length=length)
    pooled = scores.loc[("overall", "pooled")]
    return {f"event_{name}": pooled[name] for name in EVENT_SCORES}


def naming(unit, split):
    return {
        "benchmark": "unseen",
        "data": unit.data,
        "regime": unit.regime,
        "split": split,
        "fold": unit.fold,
        "seed": unit.seed,
    }


def key(line):
    names = ("benchmark", "data", "regime", "split", "fold", "seed", "group", "method")
    return tuple(line[name] for name in names)


if __name__ == "__main__":
    main()
