"""Real and simulated windows for the fidelity benchmark, and how they are held out."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geneeg_sk.datasets import make_eeg_cohort

UNSEEN = 5  # every fifth recording is held out whole

DATA_FOLDER = Path(os.environ.get("GENEEG_DATA", "../shared/data"))


@dataclass
class Windows:
    """Windows in order of time, with state, recording and patient (or None) of each."""

    X: np.ndarray
    y: np.ndarray
    recordings: np.ndarray
    patients: np.ndarray | None
    sfreq: float

    def __getitem__(self, rows):
        patients = None if self.patients is None else self.patients[rows]
        return Windows(self.X[rows], self.y[rows], self.recordings[rows], patients, self.sfreq)

    def __len__(self):
        return len(self.y)


def bonn(seed):
    """Bonn: healthy (A, B), between seizures (C, D), seizure (E); patients are not given."""
    data = np.load(DATA_FOLDER / "bonn-windows.npz")
    order = np.lexsort((data["chunk"], data["segment"]))
    state = np.array(["normal", "normal", "preictal", "preictal", "ictal"])
    y = state[np.searchsorted(list("ABCDE"), data["bonn_set"][order])]
    X = data["X"][order].astype(np.float32)
    return Windows(X, y, data["segment"][order].astype(str), None, 173.61)


def erp(seed):
    """Trials of ten subjects in three conditions, 64 channels; a subject is a recording."""
    data = np.load(DATA_FOLDER / "erp-subjects.npz")
    subject = data["subject"].astype(str)
    y = data["condition"].astype(str)
    return Windows(data["X"].astype(np.float32), y, subject, subject, 256.0)


def chbmit(seed):
    """CHB-MIT clips of two patients, each cut into windows of 2 s; a clip is a recording."""
    data = np.load(DATA_FOLDER / "chbmit-excerpt" / "clips.npz")
    clips = data["X"].astype(np.float32)
    n, n_channels, _ = clips.shape
    X = clips.reshape(n, n_channels, -1, 512).transpose(0, 2, 1, 3)
    per_clip = X.shape[1]
    kept = np.isin(data["state"], ["preictal", "ictal"])
    y, patient = (np.repeat(data[key][kept].astype(str), per_clip) for key in ("state", "patient"))
    recordings = np.repeat(np.flatnonzero(kept), per_clip).astype(str)
    return Windows(X[kept].reshape(-1, n_channels, 512), y, recordings, patient, 256.0)


def cohort(seed):
    """Twelve simulated patients, 19 channels, 4 s at 256 Hz, as many windows of each state."""
    n_windows = {"normal": 100, "preictal": 100, "ictal": 100}
    data = make_eeg_cohort(n_patients=12, n_windows=n_windows, random_state=seed)
    recordings = data.metadata.recording.to_numpy().astype(str)
    return Windows(data.X, data.y, recordings, np.asarray(data.groups), data.sfreq)


DATA = {"bonn": bonn, "cohort": cohort, "erp": erp, "chbmit": chbmit}


def held_out(windows, n_train, seed):
    """Rows for training, of the same recordings held out, and of unseen recordings.

    Every `UNSEEN`-th recording of a state is kept apart whole. Of the others as many are taken,
    in random order, as give `n_train` windows of each state when every second window is for
    training; the windows between them are held out.
    """
    rng = np.random.default_rng(seed)
    train, between, unseen = [], [], []
    names = rng.permutation(np.unique(windows.recordings))
    apart = _apart(windows, names)
    for state in np.unique(windows.y):
        of_state = windows.y == state
        left = n_train
        for name in names:
            rows = np.flatnonzero(of_state & (windows.recordings == name))
            if name in apart:
                unseen.append(rows)
            elif left > 0:
                train.append(rows[::2][:left])
                between.append(rows[1::2][:left])
                left -= len(train[-1])
    return tuple(np.sort(np.concatenate(part)) for part in (train, between, unseen))


def _apart(windows, names):
    """Names of the recordings held out whole: every `UNSEEN`-th among those with equal states."""
    held = {}
    for name in names:
        held.setdefault(tuple(np.unique(windows.y[windows.recordings == name])), []).append(name)
    return {name for alike in held.values() for name in alike[::UNSEEN] if len(alike) > 2}


def rarest(windows):
    """Windows of the rarest state that training can get at most."""
    train, _, _ = held_out(windows, len(windows), 0)
    return int(np.unique(windows.y[train], return_counts=True)[1].min())
