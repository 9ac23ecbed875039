"""Windows to draw from: the same simulated patients on many days, other patients, and Bonn.

A set of n windows is drawn as a user would have it: whole sessions of every patient, as many as it
takes. The reference and the set on trial come from different sessions, copies from a third.
"""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from geneeg_sk._files import write_whole
from geneeg_sk.datasets import make_eeg_cohort

SFREQ = 128.0
STATES = ("ictal", "preictal")
N_PATIENTS = 12
TRAINING = (0, 17, 18)  # sessions
REFERENCE = tuple(range(1, 9))
TRIAL = tuple(range(9, 17))
COUNTS = {"normal": 0, "preictal": 30, "ictal": 30}  # windows of a patient and session
DATA_FOLDER = Path(os.environ.get("GENEEG_DATA", "../shared/data"))
CACHE = Path("out/sensitivity-cache")


@dataclass
class Windows:
    """Windows with the patient and the recording of each, in order of time."""

    X: np.ndarray
    patients: np.ndarray
    recordings: np.ndarray
    sessions: np.ndarray

    def __getitem__(self, rows):
        return Windows(
            self.X[rows], self.patients[rows], self.recordings[rows], self.sessions[rows]
        )

    def __len__(self):
        return len(self.X)


@dataclass
class Pool:
    """Four pools of one state: reference, trial, training, and other patients for the trial."""

    name: str
    sfreq: float
    reference: Windows
    trial: Windows
    training: Windows
    others: Windows
    channels: tuple[str, ...] | None

    def draw(self, part, n, rng):
        """Draw `n` windows of `part` ("reference", ...), evenly over patients, by session."""
        return draw(getattr(self, part), n, rng)


def draw(windows, n, rng):
    """Draw `n` windows, evenly over patients, from as few of their sessions as it takes."""
    patients = rng.permutation(np.unique(windows.patients))
    rows = []
    for patient, share in zip(patients, np.diff(np.linspace(0, n, len(patients) + 1).astype(int))):
        own = np.flatnonzero(windows.patients == patient)
        for session in rng.permutation(np.unique(windows.sessions[own])):
            here = own[windows.sessions[own] == session]
            taken = rng.permutation(here)[:share]
            rows.append(taken)
            share -= len(taken)
            if not share:
                break
    return windows[np.sort(np.concatenate(rows))]


@cache
def cohort(state):
    """The simulated pool of one state; patients 13 to 24 are the others."""
    reference, trial, training = (
        joined([simulated(state, session) for session in sessions])
        for sessions in (REFERENCE, TRIAL, TRAINING)
    )
    known = np.isin(trial.patients, first_patients())
    return Pool(
        "cohort",
        SFREQ,
        reference[np.isin(reference.patients, first_patients())],
        trial[known],
        training[np.isin(training.patients, first_patients())],
        trial[~known],
        None,
    )


def first_patients():
    return [f"P{k + 1:02d}" for k in range(N_PATIENTS)]


def joined(parts):
    return Windows(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("X", "patients", "recordings", "sessions")
        )
    )


def simulated(state, session):
    """One session of 24 patients; simulated once and kept in `CACHE`."""
    path = CACHE / f"{state}-{session}.npz"
    if not path.exists():
        # Reference sessions are of the first patients only.
        n = 2 * N_PATIENTS if session in TRIAL else N_PATIENTS
        made = make_eeg_cohort(
            n_patients=n, n_windows=COUNTS, sfreq=SFREQ, session=session, random_state=0
        )
        for each in STATES:
            rows = made.y == each
            recordings = made.metadata["recording"].to_numpy().astype(str)[rows]
            part = {"X": made.X[rows], "patients": made.groups[rows], "recordings": recordings}
            with write_whole(CACHE / f"{each}-{session}.npz") as aside:
                np.savez(aside, **part)
    with np.load(path) as data:
        return Windows(
            data["X"],
            data["patients"].astype(str),
            data["recordings"].astype(str),
            np.full(len(data["X"]), session),
        )


@cache
def bonn(state):
    """Seizures of Bonn (set E); a segment stands for a patient and a session, for neither is given.

    A third of the segments each for reference, trial and training; others are set D (between
    seizures, intracranial).
    """
    data = np.load(DATA_FOLDER / "bonn-windows.npz")
    order = np.lexsort((data["chunk"], data["segment"]))
    kind, segment = (data[key][order].astype(str) for key in ("bonn_set", "segment"))
    X = data["X"][order].astype(np.float32)

    def part(chosen):
        rows = np.isin(segment, chosen)
        return Windows(X[rows], segment[rows], segment[rows], np.zeros(rows.sum(), int))

    names = np.random.default_rng(0).permutation(np.unique(segment[kind == "E"]))
    reference, trial, training = np.array_split(names, 3)
    return Pool(
        "bonn",
        173.61,
        *(part(chosen) for chosen in (reference, trial, training)),
        part(np.unique(segment[kind == "D"])),
        None,
    )


POOLS = {"cohort": cohort, "bonn": bonn}
