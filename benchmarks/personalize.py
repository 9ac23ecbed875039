"""Is a classifier better on new patients after it has seen the unlabeled beginning of each?

    python -m benchmarks.personalize                  # the development cohorts
    python -m benchmarks.personalize --split final
    python -m benchmarks.personalize --quick          # minutes: does it run?

Every method is trained on the same eight simulated patients and tested on forty others. Of each of
these the first hundred windows in time are scored for nobody; seizures among them are taken for
background, as they would be of a patient who is new. The recipe is `BackgroundScaler`,
`MinibatchAugmentation` and a blend with virtual patients; `recipe+personalize-k` is the same fitted
classifier after `personalize` with the patient's first k windows. All are scaled by the first ten.

One JSON line for each cohort, method and patient is appended to `--out`; cohorts that are there as
a whole are not computed again. At the end it prints, one JSON line each, in how many patients the
mean score over cohorts was better with `personalize` than without it, and by how much (`gain`: more
is better, also of the Brier score). Three in four is what it should be.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import average_precision_score

from benchmarks.json_lines import append, plain, read
from benchmarks.unseen_patients import cohorts
from benchmarks.unseen_patients.methods import STEPS, Settings, generating
from benchmarks.unseen_patients.windows import Windows
from geneeg_sk.classification import AugmentedClassifier, MinibatchAugmentation
from geneeg_sk.datasets import make_eeg_cohort
from geneeg_sk.metrics import paired_summary
from geneeg_sk.metrics._predictions import align_probabilities, score_predictions
from geneeg_sk.preprocessing import BackgroundScaler

RESULTS = Path(__file__).parent / "results" / "personalize.jsonl"
CACHE = Path("out/unseen-patients")
QUICK_RESULTS = Path("out/personalize-quick.jsonl")
QUICK_GENERATOR = (("vae_steps", 20), ("diffusion_steps", 20))
N_PATIENTS = 40
# Windows of a test patient: more than of a training patient, so that seizures are left to score.
COUNTS = {"normal": 160, "preictal": 20, "ictal": 12}
GIVEN = (5, 20, 100)  # windows for `personalize`
SCORES = ("average_precision", "macro_auc", "macro_f1", "brier")
METHODS = ("none", "scaled", "recipe", *(f"recipe+personalize-{k}" for k in GIVEN))


def main():
    arguments = parsed()
    torch.set_num_threads(1)
    tests = test_patients(arguments)
    for cohort in arguments.cohort or cohorts.COHORTS[arguments.split]:
        wanted = {"split": arguments.split, "cohort": cohort, "steps": arguments.steps}
        if not is_done(read(arguments.out), wanted, pd.unique(tests.groups)):
            start = time.monotonic()
            lines = [{**wanted, **line} for line in compare(cohort, tests, arguments)]
            append(arguments.out, [{"benchmark": "personalize", **line} for line in lines])
            print(f"cohort {cohort}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    lines = [
        line
        for line in read(arguments.out)
        if (line["split"], line["steps"]) == (arguments.split, arguments.steps)
    ]
    for answer in answers(lines):
        print(json.dumps(plain(answer)))


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--split", choices=list(cohorts.COHORTS), default="development")
    parser.add_argument("--cohort", nargs="+", type=int, help="only these training cohorts")
    parser.add_argument("--quick", action="store_true", help="three test patients, hardly trained")
    parser.add_argument("--steps", type=int, help=f"of the classifier; default: {STEPS}")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    arguments.steps = arguments.steps or (40 if arguments.quick else STEPS)
    arguments.out = arguments.out or (QUICK_RESULTS if arguments.quick else RESULTS)
    if arguments.quick and not arguments.cohort:
        arguments.cohort = list(cohorts.COHORTS[arguments.split])[:1]
    return arguments


def test_patients(arguments) -> Windows:
    """Patients with hours of background, simulated once and kept on disk."""
    seed, n_patients = cohorts.TESTS[arguments.split][0], 3 if arguments.quick else N_PATIENTS
    folder = arguments.cache / f"long-{seed}-{n_patients}"
    if not folder.exists():
        made = make_eeg_cohort(
            n_patients=n_patients, n_windows=COUNTS, sfreq=cohorts.SFREQ, random_state=seed
        )
        cohorts.keep(made, folder)
    table = pd.read_csv(folder / "table.csv")
    y, groups = (table[name].to_numpy(dtype="U8") for name in ("state", "patient"))
    X = np.load(folder / "X.npy", mmap_mode="r")
    return Windows(X, y, groups, cohorts.SFREQ, cohorts.CHANNELS, table)


def is_done(lines, wanted, patients):
    """Whether every line of a cohort is there."""
    found = {
        (line["method"], line["group"])
        for line in lines
        if all(line[name] == value for name, value in wanted.items())
    }
    return found >= {(method, patient) for method in METHODS for patient in patients}


def compare(cohort, tests, arguments):
    """Train the methods on a cohort, and yield the scores of each on each test patient."""
    train = cohorts.first(cohorts.simulated(arguments.cache, cohort, 64), cohorts.N)
    generator_params = QUICK_GENERATOR if arguments.quick else ()
    settings = Settings(0, arguments.steps, arguments.cache, generator_params)
    fitted = fit(train, settings)
    for patient in pd.unique(tests.groups):
        own = tests[tests.groups == patient]
        scaled = scale(own)
        for name, model in [*fitted.items(), *personalized(fitted["recipe"], scaled.X)]:
            X = own.X if name == "none" else scaled.X
            yield {"method": name, "group": patient, **scores(model, X, own.y, fitted)}


def fit(train, settings):
    """The methods that know nothing of a test patient."""
    scaled = scale(train)
    sampler = generating("virtual", scaled, settings)
    recipe = AugmentedClassifier(
        settings.classifier(augment=MinibatchAugmentation()), sampler, early_stopping=False
    )
    return {
        "none": settings.classifier().fit(train.X, train.y),
        "scaled": settings.classifier().fit(scaled.X, scaled.y),
        "recipe": recipe.fit(scaled.X, scaled.y, groups=scaled.groups),
    }


def personalized(model, X):
    """The model after each number of the patient's first windows, with its name."""
    for k in GIVEN:
        yield f"recipe+personalize-{k}", model.personalize(X[:k])


def scale(windows: Windows) -> Windows:
    """Windows scaled by the first ten of each patient."""
    X = np.asarray(windows.X)
    X = BackgroundScaler(sfreq=windows.sfreq).fit_transform(X, groups=windows.groups)
    return Windows(X, windows.y, windows.groups, windows.sfreq, windows.channels)


def scores(model, X, y, fitted):
    """Scores of one patient, on the windows that no method was given."""
    X, y = X[max(GIVEN) :], y[max(GIVEN) :]
    states = fitted["none"].classes_
    proba = align_probabilities(model.predict_proba(X), model.classes_, states)
    found = score_predictions(y, states[proba.argmax(axis=1)], proba, states)
    is_ictal = y == "ictal"
    column = proba[:, np.searchsorted(states, "ictal")]
    found["average_precision"] = (
        average_precision_score(is_ictal, column) if is_ictal.any() else np.nan
    )
    return {"n_scored": len(y), "n_ictal": int(is_ictal.sum()), **{s: found[s] for s in SCORES}}


def answers(lines):
    """Say for each number of windows and score in how many patients `personalize` was better."""
    table = pd.DataFrame(lines)
    for score in SCORES:
        by_patient = table.pivot_table(index="group", columns="method", values=score)
        sign = -1 if score == "brier" else 1
        for k in GIVEN:
            pair = by_patient[["recipe", f"recipe+personalize-{k}"]].dropna()
            gains = sign * (pair.iloc[:, 1] - pair.iloc[:, 0])
            summary = paired_summary(gains, np.zeros(len(gains)))
            yield {
                "score": score,
                "windows": k,
                "patients": len(gains),
                "better": int((gains > 0).sum()),
                "equal": int((gains == 0).sum()),
                "share": float((gains > 0).mean()),
                "gain": summary["mean"],
                "low": summary["low"],
                "high": summary["high"],
            }


if __name__ == "__main__":
    main()
