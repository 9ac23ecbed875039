"""Data sets of the benchmark on unseen patients, and who is development and who final.

Everything here was fixed before any result: patients, recordings and segments belong to one split
for good, whatever the seed, which only chooses training windows (Bonn) and starts the training.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from geneeg_sk.datasets import load_chbmit, load_siena, make_eeg_cohort
from geneeg_sk.preprocessing import Resampler

DATA_FOLDER = Path(os.environ.get("GENEEG_DATA", "../shared/data"))

# A fold holds out all patients of one inner tuple, and trains on all other patients.
COHORT = {
    "development": [("P01", "P02", "P03", "P04")],
    "final": [("P05", "P06", "P07", "P08"), ("P09", "P10", "P11", "P12")],
}
COHORT_WINDOWS = {"normal": 40, "preictal": 10, "ictal": 6}  # of each patient
CHBMIT = {
    "development": [("chb01_03", "chb01_04", "chb02_16")],
    "final": [("chb01_15", "chb01_16", "chb01_18"), ("chb01_21", "chb01_26", "chb02_16+")],
}
BONN_STATE = {"A": "normal", "B": "normal", "C": "preictal", "D": "preictal", "E": "ictal"}
# Segments of each set, in an order drawn once.
BONN = {"pool": slice(0, 20), "development": slice(20, 30), "final": slice(30, 50)}
BONN_REGIMES = {5: 1, 20: 2, 50: 3}  # windows of seizures: from so many segments
PLENTIFUL = (5, 20)  # segments of each other set, and windows of each
MOST = 100  # windows of a state and patient, of databases


@dataclass
class Windows:
    """Windows with state and group of each; `metadata` where they follow each other in time."""

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    sfreq: float
    metadata: pd.DataFrame | None = None

    def __getitem__(self, rows):
        positions = np.arange(len(self.y))[rows]
        metadata = (
            None if self.metadata is None else self.metadata.iloc[positions].reset_index(drop=True)
        )
        return Windows(self.X[rows], self.y[rows], self.groups[rows], self.sfreq, metadata)


@dataclass
class Unit:
    """One training set, and the groups that are judged after it."""

    data: str
    regime: str
    fold: int
    seed: int
    train: Windows
    tests: dict[str, Windows]
    # Background windows of a test patient, earlier than those in `tests`.
    background: dict[str, np.ndarray] = field(default_factory=dict)


def cohort(split, seed) -> Iterator[Unit]:
    """Twelve simulated patients; the first half of a test patient's normal windows is not scored.

    It is what is known of the patient: 20 windows for whoever personalises.
    """
    yield from by_patient("cohort", simulated(), COHORT[split], seed)


def bonn(split, seed) -> Iterator[Unit]:
    """5, 20 or 50 seizure windows of 1, 2 or 3 segments; a group is a segment of each set."""
    windows, segments = bonn_windows()
    tests = {}
    for k in range(BONN[split].start, BONN[split].stop):
        held = [segments[name][k] for name in BONN_STATE]
        tests[f"bundle{k}"] = windows[np.isin(windows.groups, held)]
    for n_windows, n_segments in BONN_REGIMES.items():
        rng = np.random.default_rng([seed, n_windows])
        rows = []
        for name, state in BONN_STATE.items():
            pool = segments[name][BONN["pool"]]
            counts = [PLENTIFUL[1]] * PLENTIFUL[0]
            if state == "ictal":
                counts = [len(part) for part in np.array_split(range(n_windows), n_segments)]
            for segment, n in zip(rng.permutation(pool), counts):
                own = np.flatnonzero(windows.groups == segment)
                rows.append(own[np.linspace(0, len(own) - 1, n).round().astype(int)])
        train = windows[np.sort(np.concatenate(rows))]
        yield Unit("bonn", f"{n_windows} of {n_segments}", 0, seed, train, tests)


def chbmit(split, seed) -> Iterator[Unit]:
    """CHB-MIT clips by recording; training knows one seizure window of five of a recording."""
    windows = clips()
    known = (windows.y != "ictal") | (np.arange(len(windows.y)) % 5 == 0)
    for fold, held in enumerate(CHBMIT[split]):
        tests = {name: windows[windows.groups == name] for name in held}
        train = windows[known & ~np.isin(windows.groups, held)]
        yield Unit("chbmit", "1 a recording", fold, seed, train, tests)


def database(name, windows, split, seed, patients_a_fold=4) -> Iterator[Unit]:
    """A folder in the layout of Siena or CHB-MIT by patient; every third is for development."""
    patients = np.unique(windows.groups)
    if len(patients) < 3:
        raise ValueError(
            f"{name} has windows of {patients.tolist()} only; expected at least 3 patients: one is "
            "held out for development, one for the final, and one is left to learn from."
        )
    of_split = patients[::3] if split == "development" else np.setdiff1d(patients, patients[::3])
    n_folds = -(-len(of_split) // patients_a_fold)
    yield from by_patient(name, windows, np.array_split(of_split, n_folds), seed)


def by_patient(name, windows, folds, seed) -> Iterator[Unit]:
    """One unit for each fold of patients."""
    for fold, held in enumerate(folds):
        unit = Unit(name, "all", fold, seed, windows[~np.isin(windows.groups, held)], {})
        for patient in held:
            own = windows[windows.groups == patient]
            normal = np.flatnonzero(own.y == "normal")
            known = normal[: len(normal) // 2]
            unit.background[patient] = own.X[known]
            unit.tests[patient] = own[np.setdiff1d(np.arange(len(own.y)), known)]
        yield unit


@cache
def simulated() -> Windows:
    """The cohort at its default difficulty, windows of 4 s at 128 Hz."""
    made = make_eeg_cohort(n_patients=12, n_windows=COHORT_WINDOWS, sfreq=128, random_state=0)
    return Windows(made.X, made.y, made.groups, made.sfreq, made.metadata)


@cache
def bonn_windows() -> tuple[Windows, dict[str, np.ndarray]]:
    """Windows in order of time, and the segments of each set in an order drawn once."""
    data = np.load(DATA_FOLDER / "bonn-windows.npz")
    order = np.lexsort((data["chunk"], data["segment"]))
    sets, segment = data["bonn_set"][order].astype(str), data["segment"][order].astype(str)
    X = data["X"][order].astype(np.float32)
    y = np.array([BONN_STATE[name] for name in sets])
    rng = np.random.default_rng(0)
    segments = {name: rng.permutation(np.unique(segment[sets == name])) for name in BONN_STATE}
    return Windows(X, y, segment, 173.61), segments


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
    return Windows(X, state, record, 128.0, metadata)


def folder(kind, path) -> Windows:
    """Windows of a database at 128 Hz, at most `MOST` of each state and patient."""
    load = {"siena": load_siena, "chbmit-folder": load_chbmit}[kind]
    data = load(path, sfreq=128, channels="common", on_error="warn")
    groups = np.asarray(data.groups).astype(str)
    rows = []
    for patient in np.unique(groups):
        for state in np.unique(data.y):
            own = np.flatnonzero((groups == patient) & (data.y == state))
            rows.append(own[:: -(-len(own) // MOST) or 1])
    rows = np.sort(np.concatenate(rows))
    windows = Windows(np.asarray(data.X), data.y, groups, data.sfreq, data.metadata)
    return windows[rows]


DATA = {"cohort": cohort, "bonn": bonn, "chbmit": chbmit}
