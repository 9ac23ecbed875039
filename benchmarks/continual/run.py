"""What is forgotten when patients come one after the other, and what holds it?

    python -m benchmarks.continual.run                # the final cohorts: seeds 0, 1, 2
    python -m benchmarks.continual.run --split development --method naive both
    python -m benchmarks.continual.run --quick        # minutes: one cohort, two folds

Patients of a simulated cohort are held out, two at a time; the others are learned by the pooled
classifier at once and by the sequential ones in turn, with the same number of optimizer steps. One
JSON line for each fold, cohort and method is printed and appended to `--out`; lines that are there
are not computed again. What was tried and chosen was tried on the development cohorts alone.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.dummy import DummyClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold

from benchmarks.json_lines import read, write
from geneeg_sk.classification import CNNBiLSTMClassifier, SequentialClassifier
from geneeg_sk.datasets import make_eeg_cohort
from geneeg_sk.preprocessing import BackgroundScaler

RESULTS = Path(__file__).parents[1] / "results" / "continual.jsonl"
QUICK_RESULTS = Path("out") / "continual.jsonl"
SPLITS = {"development": (100, 101), "final": (0, 1, 2)}  # seeds of the cohorts
N_PATIENTS, N_FOLDS, SFREQ = 8, 4, 128.0
EPOCHS = 30  # over the windows of each patient: as the command line's benchmark
GUESSES = 200  # random predictions, whose mean score is what knowing nothing gives

METHODS = {
    "pooled": None,
    "naive": {"ewc": 0.0, "replay": 0},
    "ewc": {"ewc": 100.0, "replay": 0},
    "replay": {"ewc": 0.0, "replay": 7},
    "both": {"ewc": 10.0, "replay": 7},  # at most 40 % of the windows
}
# The same on windows scaled by the background of each patient.
SCALED = ", scaled"
METHODS |= {name + SCALED: METHODS[name] for name in ("pooled", "naive", "replay", "both")}
# Tried on the development cohorts only.
ATTEMPTS = {
    "both, stiffness 100": {"ewc": 100.0, "replay": 7},
    "both, stiffness 1000": {"ewc": 1000.0, "replay": 7},
    "ewc, stiffness 1000": {"ewc": 1000.0, "replay": 0},
    "both, 8 windows": {"ewc": 10.0, "replay": 8},
    "both, lower rate": {"ewc": 10.0, "replay": 7, "network_settings": {"lr": 1e-3}},
    "both, stiffness 100, 4 windows": {"ewc": 100.0, "replay": 4},
}


class Patients:
    """Windows of one cohort: training and held-out recordings of some patients, and the unseen.

    The last recording of each training patient is held out whole, to see what is forgotten of
    that patient; no recording lies on both sides.
    """

    def __init__(self, cohort, unseen, order):
        table = cohort.metadata
        last = table.groupby("patient")["recording"].transform("max") == table["recording"]
        self.order = order
        self._cohort, self._last = cohort, last.to_numpy()
        self.unseen = self._rows(np.isin(cohort.groups, unseen))

    def _rows(self, chosen):
        return self._cohort.X[chosen], self._cohort.y[chosen]

    def training(self, patient):
        return self._rows((self._cohort.groups == patient) & ~self._last)

    def held_out(self, patient):
        return self._rows((self._cohort.groups == patient) & self._last)


def folds(seed, scaled):
    """Yield the patients of each fold, in an order that the seed draws."""
    cohort = make_eeg_cohort(n_patients=N_PATIENTS, sfreq=SFREQ, random_state=seed)
    if scaled:
        scaler = BackgroundScaler(sfreq=SFREQ)
        cohort.X = scaler.fit_transform(cohort.X, cohort.y, groups=cohort.groups)
    rng = np.random.default_rng(seed)
    for train, test in GroupKFold(N_FOLDS).split(cohort.X, cohort.y, cohort.groups):
        order = rng.permutation(np.unique(cohort.groups[train])).tolist()
        yield Patients(cohort, np.unique(cohort.groups[test]), order)


def network(**settings):
    """The classifier that every method trains; the loss weighs states evenly, as the score does."""
    settings = {"max_epochs": EPOCHS, **settings}
    return CNNBiLSTMClassifier(kernel_size=round(SFREQ / 4), class_weight="balanced", **settings)


def steps_of(n_windows):
    return -(-n_windows // network().batch_size)


def macro_f1(model, windows):
    X, y = windows
    return float(f1_score(y, model.predict(X), average="macro"))


def pooled(patients, seed):
    """All patients at once, for as many steps as the sequential classifiers take in all."""
    parts = [patients.training(p) for p in patients.order]
    X, y = (np.concatenate(part) for part in zip(*parts))
    steps = EPOCHS * sum(steps_of(len(part[0])) for part in parts)
    epochs = max(round(steps / steps_of(len(X))), 1)
    model = network(max_epochs=epochs, random_state=seed).fit(X, y)
    after = [[macro_f1(model, patients.held_out(p)) for p in patients.order]]
    return model, after, {"steps": epochs * steps_of(len(X)), "windows_held": len(X)}


def sequential(patients, seed, *, network_settings=None, **settings):
    """One patient after the other; a row of scores on all patients after each."""
    model = SequentialClassifier(
        estimator=network(**(network_settings or {})), random_state=seed, **settings
    )
    after, steps = [], 0
    for patient in patients.order:
        X, y = patients.training(patient)
        model.partial_fit(X, y, groups=np.full(len(X), patient))
        steps += len(model.estimator_.net_.history) * steps_of(len(X))
        after.append([macro_f1(model, patients.held_out(p)) for p in patients.order])
    return model, after, {"steps": steps, "windows_held": len(model.memory_)}


def held(model, patients, windows_held):
    """What of the data is held when the last patient comes, and what else is, in megabytes."""
    parts = [patients.training(p)[0] for p in patients.order]
    n, each = sum(map(len, parts)), parts[0][0].nbytes / 1e6
    n_weights = (
        sum(p.numel() for p in model.estimator_.net_.module_.parameters())
        if (isinstance(model, SequentialClassifier))
        else 0
    )
    consolidated = 8 * n_weights / 1e6 if n_weights and model.ewc else 0.0
    return {
        "windows": windows_held,
        "windows_share": windows_held / n,
        "windows_mb": windows_held * each,
        "data_mb": n * each,
        "weights_mb": consolidated,
    }


def transfer(after, chance):
    """Backward and forward transfer (Lopez-Paz and Ranzato 2017, eq. 3, 4), and forgetting.

    `after` is R: R[i, j] is the score on patient j after patient i. Forgetting is the loss from the
    best score a patient ever had since it was learned (Chaudhry et al. 2018).
    """
    R = np.array(after)
    n = len(R)
    if n < 2:
        return {}
    learned = np.diag(R)[:-1]
    best = [R[j:-1, j].max() for j in range(n - 1)]
    before = np.array([R[j - 1, j] for j in range(1, n)])
    return {
        "backward_transfer": float((R[-1, :-1] - learned).mean()),
        "forward_transfer": float((before - np.array(chance[1:])).mean()),
        "forgetting": float((np.array(best) - R[-1, :-1]).mean()),
    }


def guessing(windows):
    """Mean macro F1 of random predictions."""
    _, y = windows
    guess = [
        DummyClassifier(strategy="uniform", random_state=k).fit(y, y).predict(y)
        for k in range(GUESSES)
    ]
    return float(np.mean([f1_score(y, g, average="macro") for g in guess]))


def line(name, settings, patients):
    began = time.perf_counter()
    run = pooled if settings is None else sequential
    model, after, cost = run(patients, name["seed"], **(settings or {}))
    seconds = time.perf_counter() - began
    chance = [guessing(patients.held_out(p)) for p in patients.order]
    return {
        **name,
        "macro_f1": macro_f1(model, patients.unseen),
        "macro_f1_known": float(np.mean(after[-1])),
        **transfer(after, chance),
        "steps": cost["steps"],
        "held": held(model, patients, cost["windows_held"]),
        "matrix": after,
        "chance": chance,
        "order": patients.order,
        "settings": settings or {},
        "seconds": seconds,
    }


def recorded(out):
    """Names of the lines that are in `out`."""
    return {key_of(one) for one in read(out) if one["benchmark"] == "continual"}


def key_of(one):
    return tuple(one[k] for k in ("split", "n_folds", "seed", "fold", "method"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--split", choices=list(SPLITS), default="final")
    parser.add_argument("--seed", nargs="+", type=int)
    parser.add_argument("--method", nargs="+", choices=[*METHODS, *ATTEMPTS])
    parser.add_argument("--quick", action="store_true", help="one cohort, two of its folds")
    parser.add_argument("--limit-s", type=float, default=np.inf, help="start no line after it")
    parser.add_argument("--out", type=Path, help="default: results; with --quick, out/")
    arguments = parser.parse_args()
    # The committed lines would leave a quick run nothing to do.
    arguments.out = arguments.out or (QUICK_RESULTS if arguments.quick else RESULTS)
    methods = {**METHODS, **ATTEMPTS}
    began = time.perf_counter()
    seeds = arguments.seed or SPLITS[arguments.split][: 1 if arguments.quick else None]
    tasks = [
        (seed, fold, method)
        for seed in seeds
        for fold in range(2 if arguments.quick else N_FOLDS)
        for method in arguments.method or METHODS
    ]
    done = recorded(arguments.out)
    torch.set_num_threads(1)
    cached = {}
    for seed, fold, method in tasks:
        name = {"benchmark": "continual", "split": arguments.split, "n_folds": N_FOLDS}
        name |= {"seed": seed, "fold": fold, "method": method}
        if key_of(name) in done or time.perf_counter() - began > arguments.limit_s:
            continue
        cell = seed, method.endswith(SCALED)
        if cell not in cached:
            cached[cell] = list(folds(*cell))
        write(arguments.out, [line(name, methods[method], cached[cell][fold])])


if __name__ == "__main__":
    main()
