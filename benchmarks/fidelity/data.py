"""Real and simulated windows for the fidelity benchmark, and what they are compared with.

Synthetic windows are never compared with windows that lie between training windows: neighbors in
time are alike, and the comparison would reward closeness to training windows. The reference is
another session of the same patients ("fresh"), whole recordings that are held out ("recordings"),
or, where a subject has but one recording, later trials, `GAP` windows apart ("blocks").
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geneeg_sk._checks import STATES
from geneeg_sk.datasets import make_eeg_cohort

DATA_FOLDER = Path(os.environ.get("GENEEG_DATA", "../shared/data"))
N_PATIENTS, SFREQ = 12, 128.0  # of the cohort
TRAINING, REFERENCE, FLOOR = 0, 1, 2  # its sessions
N_COMPARED = 480  # windows of a state, at most, in the reference and in the floor
NEARLY_ALL = 0.75
GAP = 10  # windows of one recording between training and reference
N_LATE = 20  # windows of a state after the gap, at least, for it to be compared


@dataclass
class Windows:
    """Windows in order of time, with state, recording and patient (or None) of each."""

    X: np.ndarray
    y: np.ndarray
    recordings: np.ndarray | None  # None of synthetic windows
    patients: np.ndarray | None
    sfreq: float

    def __getitem__(self, rows):
        recordings, patients = (
            None if labels is None else labels[rows] for labels in (self.recordings, self.patients)
        )
        return Windows(self.X[rows], self.y[rows], recordings, patients, self.sfreq)

    def __len__(self):
        return len(self.y)


@dataclass
class Split:
    """Windows to train on, real windows to compare with, and real windows for the floor."""

    train: Windows
    reference: Windows
    floor: Windows
    kind: str  # "fresh", "recordings" or "blocks"


# --- the simulated cohort: sessions -------------------------------------------------------------


def cohort(n_train, seed, n_compared=N_COMPARED):
    """Twelve simulated patients, 19 channels, 4 s; training, reference, floor: a session each."""
    train = evenly(session(n_train, seed, TRAINING), n_train)
    reference, floor = (session(n_compared, seed, number) for number in (REFERENCE, FLOOR))
    return Split(train, reference, floor, "fresh")


def session(n, seed, number):
    """At least `n` windows of each state, as many of each patient, of one session."""
    made = make_eeg_cohort(
        n_patients=N_PATIENTS,
        n_windows=dict.fromkeys(STATES, -(-n // N_PATIENTS)),
        sfreq=SFREQ,
        session=number,
        random_state=seed,
    )
    recordings = made.metadata["recording"].to_numpy().astype(str)
    return Windows(made.X, made.y, recordings, np.asarray(made.groups).astype(str), made.sfreq)


def evenly(windows, n):
    """`n` windows of each state, as evenly over the patients as can be."""
    kept = []
    for state in np.unique(windows.y):
        of_state = np.flatnonzero(windows.y == state)
        # The first window of each patient, then the second of each, and so on.
        turn = np.empty(len(of_state), int)
        for patient in np.unique(windows.patients[of_state]):
            own = windows.patients[of_state] == patient
            turn[own] = np.arange(own.sum())
        kept.append(of_state[np.argsort(turn, kind="stable")[:n]])
    return windows[np.sort(np.concatenate(kept))]


# --- recorded data: whole recordings, or blocks of them -----------------------------------------


def bonn():
    """Bonn: healthy (A, B), between seizures (C, D), seizure (E); patients are not given."""
    data = np.load(DATA_FOLDER / "bonn-windows.npz")
    order = np.lexsort((data["chunk"], data["segment"]))
    state = np.array(["normal", "normal", "preictal", "preictal", "ictal"])
    y = state[np.searchsorted(list("ABCDE"), data["bonn_set"][order])]
    X = data["X"][order].astype(np.float32)
    return Windows(X, y, data["segment"][order].astype(str), None, 173.61)


def chbmit():
    """CHB-MIT clips of two patients, cut into windows of 2 s; clips of one file are a recording."""
    data = np.load(DATA_FOLDER / "chbmit-excerpt" / "clips.npz")
    clips = data["X"].astype(np.float32)
    n, n_channels, _ = clips.shape
    X = clips.reshape(n, n_channels, -1, 512).transpose(0, 2, 1, 3)
    per_clip = X.shape[1]
    kept = np.isin(data["state"], ["preictal", "ictal"])
    y, patient, recordings = (
        np.repeat(data[key][kept].astype(str), per_clip) for key in ("state", "patient", "record")
    )
    return Windows(X[kept].reshape(-1, n_channels, 512), y, recordings, patient, 256.0)


def erp():
    """Trials of ten subjects in three conditions, 64 channels; a subject is one recording."""
    data = np.load(DATA_FOLDER / "erp-subjects.npz")
    order = np.lexsort((data["trial"], data["subject"]))
    subject = data["subject"][order].astype(str)
    y = np.char.strip(data["condition"][order].astype(str))
    return Windows(data["X"][order].astype(np.float32), y, subject, subject, 256.0)


def by_recordings(windows, n_train, seed):
    """Hold out every second recording of each kind; train on random ones of the others."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.unique(windows.recordings))
    held = held_out(windows, names)
    others = [name for name in names if name not in held]
    return Split(
        windows[some(windows, others, n_train)],
        windows[some(windows, [name for name in names if name in held], N_COMPARED)],
        windows[some(windows, others, N_COMPARED)],
        "recordings",
    )


def held_out(windows, names):
    """Every second recording among those of the same patient with windows of the same states."""
    alike = {}
    for name in names:
        own = windows.recordings == name
        patient = None if windows.patients is None else windows.patients[own][0]
        alike.setdefault((patient, *np.unique(windows.y[own])), []).append(name)
    return {name for group in alike.values() for name in group[1::2]}


def some(windows, names, n):
    """Rows of at most `n` windows of each state, recording by recording in the order of `names`."""
    rows = []
    for state in np.unique(windows.y):
        own = [np.flatnonzero((windows.recordings == k) & (windows.y == state)) for k in names]
        rows.append(np.concatenate(own)[:n])
    return np.sort(np.concatenate(rows))


def by_blocks(windows, n_train, seed):
    """Train on the first trials of each recording; the last are the reference, after a gap.

    A state that has too few of the last is left out (the first picture of a pair in `erp`, whose
    first ten trials were kept, and they are early ones).
    """
    early, late = [], []
    for name in np.unique(windows.recordings):
        own = np.flatnonzero(windows.recordings == name)
        n_late = (len(own) - GAP) // 2
        late.append(own[len(own) - n_late :])
        early.append(own[: len(own) - n_late - GAP])
    states, n = np.unique(windows.y[np.concatenate(late)], return_counts=True)
    compared = np.isin(windows.y, states[n >= N_LATE])
    early, late = (
        windows[[row for row in np.concatenate(part) if compared[row]]] for part in (early, late)
    )
    return Split(evenly(early, n_train), late, early, "blocks")


RECORDED = {"bonn": (bonn, by_recordings), "chbmit": (chbmit, by_recordings)}
RECORDED |= {"erp": (erp, by_blocks)}
DATA = ("cohort", *RECORDED)


def split(data, n_train, seed):
    """The windows of one run, with at most `n_train` training windows of each state."""
    if data == "cohort":
        return cohort(n_train, seed)
    load, held = RECORDED[data]
    return held(load(), n_train, seed)


def affordable(data, n_train, seed):
    """`n_train`, or all that the rarest state has for training, where that is nearly all."""
    if data == "cohort":
        return n_train
    load, held = RECORDED[data]
    most = int(np.unique(held(load(), N_COMPARED, seed).train.y, return_counts=True)[1].min())
    return n_train if n_train < NEARLY_ALL * most else most
