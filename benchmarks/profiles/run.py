"""Are windows made from the profile of an unseen subject like that subject, or like the others?

    python -m benchmarks.profiles.run                       # the final data: ten subjects
    python -m benchmarks.profiles.run --data cohort         # development: ten simulated patients
    python -m benchmarks.profiles.run --density             # likelihood of profiles not seen

Subjects are left out of training two at a time. Every second trial of a subject gives the profile;
windows made from it are compared with the other trials of that subject and with as many of every
other subject. One JSON line for each subject and method is printed and appended to `--out`; lines
that are there are not computed again. `real` compares the trials that gave the profile: the floor.
"""

import argparse
import copy
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.signal import resample_poly
from scipy.stats import ks_2samp
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold

from benchmarks.json_lines import read, write
from benchmarks.profiles.density import leave_one_out_log_likelihood
from geneeg_sk.datasets import make_eeg_cohort
from geneeg_sk.features import EEGFeatures
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.generation._conditions import ConditionPrior
from geneeg_sk.metrics import c2st, ks_by_feature

HERE = Path(__file__).parents[1]
RESULTS = HERE / "results" / "profiles.jsonl"
DATA_FOLDER = Path(os.environ.get("GENEEG_DATA", HERE.parent / "../shared/data"))

TEN_TWENTY = [
    *("FP1", "FP2", "F7", "F3", "FZ", "F4", "F8", "T7", "C3", "CZ"),
    *("C4", "T8", "P7", "P3", "PZ", "P4", "P8", "O1", "O2"),
]
N_FOLDS = 5
N_SYNTHETIC = 60
BUDGET = {"vae_steps": 300, "diffusion_steps": 800}
STATE = "normal"  # there are no seizures here: all is background

METHODS = ("real", "descriptors", "descriptors, slope 0", "no profile")


@dataclass
class Subjects:
    """Windows in the order of trials, and whose they are."""

    X: np.ndarray
    subject: np.ndarray
    sfreq: float

    def half(self, subject, second):
        return self.X[np.flatnonzero(self.subject == subject)[second::2]]

    @property
    def names(self):
        return np.unique(self.subject).tolist()


def erp():
    """Trials of ten subjects in three conditions: 10-20 electrodes, every second sample."""
    data = np.load(DATA_FOLDER / "erp-subjects.npz")
    channels = data["channel"].tolist()
    order = np.lexsort((data["trial"], data["subject"]))
    X = data["X"][order][:, [channels.index(c) for c in TEN_TWENTY]].astype(np.float32)
    X = resample_poly(X, 1, 2, axis=2, padtype="line").astype(np.float32)
    return Subjects(X, data["subject"][order].astype(str), 128.0)


def cohort(seed=100, n_patients=10, n_windows=30):
    """Background of simulated patients."""
    data = make_eeg_cohort(
        n_patients=n_patients,
        n_windows={STATE: n_windows},
        sfreq=128.0,
        length=2.0,
        random_state=seed,
    )
    return Subjects(data.X, np.asarray(data.groups), 128.0)


DATA = {"erp": erp, "cohort": cohort}


def fitted(subjects, rows, **settings):
    """A generator of the windows of some subjects, who all have one state."""
    generator = LatentDiffusionGenerator(
        sfreq=subjects.sfreq, random_state=0, **{**BUDGET, **settings}
    )
    return generator.fit(subjects.X[rows], np.full(len(rows), STATE), groups=subjects.subject[rows])


def without_slope(generator, subjects, rows):
    """The same, its prior knowing new patients by those they resemble alone: as it was before."""
    model = generator.model_
    described = model.describe(subjects.X[rows])
    number = np.searchsorted(generator.patients_, subjects.subject[rows])
    nothing = np.zeros((len(generator.patients_), described.shape[1]))
    scaled = model.profiles.scale(model.profiles.known)
    prior = ConditionPrior.fit(described, np.zeros(len(rows), int), number, scaled, nothing)
    other = copy.copy(generator)
    other.model_ = replace(model, prior=prior)
    return other


def made(generator, method, subjects, subject):
    """Windows from the profile of half of the subject's windows."""
    profile = generator.profile(subjects.half(subject, 0))
    profiles = None if method == "no profile" else profile
    return generator.sample([STATE] * N_SYNTHETIC, profiles=profiles, random_state=1)


def distances(X, subjects):
    """Distances of windows `X` to the second half of each subject's windows, by three measures."""
    found = {"ks": {}, "ks_channels": {}, "c2st": {}}
    for other in subjects.names:
        real = subjects.half(other, 1)
        ks = ks_by_feature(real, X, sfreq=subjects.sfreq)
        found["ks"][other] = float(ks["statistic"].mean())
        found["ks_channels"][other] = ks_by_channel(real, X, subjects.sfreq)
        forest = RandomForestClassifier(100, class_weight="balanced_subsample", random_state=0)
        found["c2st"][other] = c2st(real, X, sfreq=subjects.sfreq, estimator=forest, random_state=0)
    return found


def ks_by_channel(real, synthetic, sfreq):
    """Mean Kolmogorov-Smirnov distance of the features of each channel on its own."""
    features = EEGFeatures(sfreq=sfreq).fit(real)
    pairs = zip(features.transform(real).T, features.transform(synthetic).T)
    return float(np.mean([ks_2samp(a, b, method="asymp").statistic for a, b in pairs]))


def subject_line(name, X, subjects):
    scores = {}
    for measure, to in distances(X, subjects).items():
        own = to.pop(name["subject"])
        scores[measure] = {
            "own": own,
            "nearest_other": min(to.values()),
            "mean_other": float(np.mean(list(to.values()))),
            "nearer": bool(own < min(to.values())),
        }
    return {**name, **scores}


def lines(data, methods, done, began, limit_s):
    """Yield a line for each subject and method that is not done."""
    subjects = DATA[data]()
    split = GroupKFold(N_FOLDS).split(subjects.X, groups=subjects.subject)
    for train, test in split:
        left = np.unique(subjects.subject[test]).tolist()
        trained = None
        for method in methods:
            if (data, left[0], method) in done and (data, left[-1], method) in done:
                continue
            if time.perf_counter() - began > limit_s:
                return
            seconds = time.perf_counter()
            if method != "real" and trained is None:
                trained = fitted(subjects, train)
            generator = trained
            if method.endswith("slope 0"):
                generator = without_slope(generator, subjects, train)
            for subject in left:
                X = (
                    subjects.half(subject, 0)
                    if method == "real"
                    else made(generator, method, subjects, subject)
                )
                name = {"benchmark": "profiles", "data": data, "subject": subject, "method": method}
                yield {
                    **subject_line(name, X, subjects),
                    "seconds": time.perf_counter() - seconds,
                }


def density_lines(done):
    """How likely is the profile of a patient under the normal distribution of the others?"""
    for data, subjects in (("erp", erp()), ("cohort of 12", cohort(0, 12))):
        if (data, "all", "density, descriptors") in done:
            continue
        rows = np.arange(len(subjects.X))
        profiles = fitted(subjects, rows, vae_steps=1, diffusion_steps=1).profiles_
        each = {
            kind: leave_one_out_log_likelihood(profiles, kind) for kind in ("shrunk", "diagonal")
        }
        yield {
            "benchmark": "profiles",
            "data": data,
            "subject": "all",
            "method": "density, descriptors",
            "n_patients": len(profiles),
            "n_profile": profiles.shape[1],
            "log_likelihood": {kind: float(one.mean()) for kind, one in each.items()},
            "shrunk_better_for": int((each["shrunk"] > each["diagonal"]).sum()),
        }


def recorded(out):
    """Data, subject and method of the lines in `out`."""
    return {(one["data"], one["subject"], one["method"]) for one in read(out)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", choices=list(DATA), default="erp")
    parser.add_argument("--method", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--density", action="store_true")
    parser.add_argument("--limit-s", type=float, default=np.inf, help="start no method after it")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    done, began = recorded(arguments.out), time.perf_counter()
    found = (
        density_lines(done)
        if arguments.density
        else lines(arguments.data, arguments.method, done, began, arguments.limit_s)
    )
    write(arguments.out, found)


if __name__ == "__main__":
    main()
