"""Real EEG: which windows a training may see, and who is judged. Fixed before any result.

- ``chbmit``: clips by recording, preictal against ictal. `all`: one of five seizure windows of each
  training recording; `few`: all seizure windows of two recordings.
- ``bonn``: seizure windows of few segments among many of other states; a test group is one unseen
  segment of each of the five sets.
- ``erp``: three conditions of picture viewing; of one of them four trials of each of two subjects.
"""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.unseen_patients.windows import Task, Windows
from geneeg_sk.datasets.simulation._head import CHANNELS
from geneeg_sk.preprocessing import Resampler

DATA_FOLDER = Path(os.environ.get("GENEEG_DATA", "../shared/data"))
REGIMES = {"chbmit": ("all", "few"), "bonn": ("20 windows", "5 windows"), "erp": ("few",)}
COHORTS = {"development": range(2), "final": range(4)}
RARE = {"chbmit": "ictal", "bonn": "ictal", "erp": "S2 match"}

# Recordings held out by each training set: development has one fold, final two.
CHBMIT = {
    "development": [("chb01_03", "chb01_04", "chb02_16")],
    "final": [("chb01_15", "chb01_16", "chb01_18"), ("chb01_21", "chb01_26", "chb02_16+")],
}
BONN_STATE = {"A": "normal", "B": "normal", "C": "preictal", "D": "preictal", "E": "ictal"}
BONN_POOL = slice(0, 20)  # segments of each set to learn from, in an order drawn once
BONN_TESTS = {"development": range(20, 30), "final": range(30, 50)}
BONN_SEIZURES = {"5 windows": (3, 2), "20 windows": (5, 5, 5, 5)}  # of so many segments
BONN_OTHERS = (20, 20, 20, 20, 20)
# Subjects by their place in the list; final ones are never trained on.
ERP_TESTS = {"development": (2, 7), "final": (0, 1, 5, 6)}
ERP_TRIALS = 4  # of each of two subjects in the rare condition
# Windows of a recording that are background, where the default of ten would reach its seizure.
BACKGROUND_WINDOWS = {"chbmit": 5}


def n_patients(data, regime):
    """Recordings, segments or subjects that have the rare state in training."""
    if data == "bonn":
        return len(BONN_SEIZURES[regime])
    return {("chbmit", "all"): 6}.get((data, regime), 2)


def training(task: Task, _cache: Path) -> Windows:
    """The windows that a training may see."""
    return TRAINING[task.data](task)


def judged(task: Task) -> list[tuple[str, int, list[str]]]:
    """Regime, number of patients and test groups of the one entry that comes of a training."""
    return [(task.regime, task.n_patients, GROUPS[task.data](task))]


def judging(task: Task, _regime: str, _cache: Path) -> Windows:
    """The test groups."""
    windows = LOADED[task.data]()
    return windows[np.isin(windows.groups, GROUPS[task.data](task))]


# --- CHB-MIT -----------------------------------------------------------------------------------


def chbmit_held(task):
    folds = CHBMIT[task.split]
    return list(folds[task.cohort % len(folds)])


def chbmit_training(task):
    windows = clips()
    draw = task.cohort // len(CHBMIT[task.split])
    windows = windows[~np.isin(windows.groups, chbmit_held(task))]
    ictal = windows.y == "ictal"
    if task.regime == "all":
        return windows[~ictal | (np.arange(len(windows.y)) % 5 == draw)]
    recordings = pd.unique(windows.groups[ictal])
    few = np.random.default_rng(task.cohort).choice(recordings, task.n_patients, replace=False)
    return windows[~ictal | np.isin(windows.groups, few)]


@cache
def clips() -> Windows:
    """Preictal and ictal clips of 10 s, each cut into five windows, at 128 Hz."""
    data = np.load(DATA_FOLDER / "chbmit-excerpt" / "clips.npz")
    kept = np.isin(data["state"], ["preictal", "ictal"])
    slow = Resampler(sfreq=256.0, target_sfreq=128.0).fit_transform(
        data["X"][kept].astype(np.float32)
    )
    n, n_channels, _ = slow.shape
    X = slow.reshape(n, n_channels, 5, 256).transpose(0, 2, 1, 3).reshape(-1, n_channels, 256)
    state, record, patient = (
        np.repeat(data[key][kept].astype(str), 5) for key in ("state", "record", "patient")
    )
    onset = (data["t_start_s"][kept][:, None] + 2.0 * np.arange(5)).ravel()
    metadata = pd.DataFrame({"patient": patient, "recording": record, "onset": onset})
    return Windows(X, state, record, 128.0, tuple(data["channel"].tolist()), metadata)


# --- Bonn --------------------------------------------------------------------------------------


def bonn_training(task):
    windows, segments = bonn_windows()
    rng = np.random.default_rng([task.cohort, len(BONN_SEIZURES[task.regime])])
    rows = []
    for name, state in BONN_STATE.items():
        counts = BONN_SEIZURES[task.regime] if state == "ictal" else BONN_OTHERS
        for segment, n in zip(rng.permutation(segments[name][BONN_POOL]), counts):
            own = np.flatnonzero(windows.groups == segment)
            rows.append(own[np.linspace(0, len(own) - 1, n).round().astype(int)])
    return windows[np.sort(np.concatenate(rows))]


def bonn_test_windows():
    """All windows, those of the test segments named by the bundle to which they belong."""
    windows, segments = bonn_windows()
    groups = windows.groups.astype(object)
    for k in range(BONN_POOL.stop, len(segments["A"])):
        groups[np.isin(windows.groups, [segments[name][k] for name in BONN_STATE])] = f"bundle{k}"
    return Windows(windows.X, windows.y, groups.astype(str), windows.sfreq)


@cache
def bonn_windows() -> tuple[Windows, dict[str, np.ndarray]]:
    """Windows in order of time, and the segments of each set in an order drawn once."""
    data = np.load(DATA_FOLDER / "bonn-windows.npz")
    order = np.lexsort((data["chunk"], data["segment"]))
    sets, segment = data["bonn_set"][order].astype(str), data["segment"][order].astype(str)
    y = np.array([BONN_STATE[name] for name in sets])
    rng = np.random.default_rng(0)
    segments = {name: rng.permutation(np.unique(segment[sets == name])) for name in BONN_STATE}
    return Windows(data["X"][order].astype(np.float32), y, segment, 173.61), segments


# --- ERP ---------------------------------------------------------------------------------------


def erp_held(task):
    return [subjects()[k] for k in ERP_TESTS[task.split]]


def erp_training(task):
    windows = erp_windows()
    others = set(ERP_TESTS["development"]) if task.split == "development" else set()
    others |= set(ERP_TESTS["final"])
    learned = [s for k, s in enumerate(subjects()) if k not in others]
    rng = np.random.default_rng(task.cohort)
    rows = np.isin(windows.groups, learned) & (windows.y != RARE["erp"])
    for subject in rng.choice(learned, task.n_patients, replace=False):
        own = np.flatnonzero((windows.groups == subject) & (windows.y == RARE["erp"]))
        rows[rng.choice(own, ERP_TRIALS, replace=False)] = True
    return windows[rows]


def subjects():
    return np.unique(erp_windows().groups).tolist()


@cache
def erp_windows() -> Windows:
    """Trials of 1 s at 256 Hz, the 19 channels of the 10-20 system."""
    data = np.load(DATA_FOLDER / "erp-subjects.npz")
    names = data["channel"].tolist()
    picks = [names.index(name.upper()) for name in CHANNELS]
    y = np.char.strip(data["condition"].astype(str))
    return Windows(
        data["X"][:, picks].astype(np.float32), y, data["subject"].astype(str), 256.0, CHANNELS
    )


LOADED = {"chbmit": clips, "bonn": bonn_test_windows, "erp": erp_windows}
TRAINING = {"chbmit": chbmit_training, "bonn": bonn_training, "erp": erp_training}
GROUPS = {
    "chbmit": chbmit_held,
    "bonn": lambda task: [f"bundle{k}" for k in BONN_TESTS[task.split]],
    "erp": erp_held,
}
