"""Simulated patients: training cohorts, test patients, and test patients of another world.

Seeds were fixed before any result. Cohorts of different seeds share no patient; patient k of a
cohort is the same however many there are, so that n patients are the first n of 64.
"""

from contextlib import suppress
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from benchmarks.unseen_patients.windows import Task, Windows
from geneeg_sk._files import workplace
from geneeg_sk.datasets import make_eeg_cohort
from geneeg_sk.datasets.simulation._head import CHANNELS

COUNTS = {"normal": 40, "preictal": 10, "ictal": 6}  # windows of each patient
SFREQ = 128.0
COHORTS = {"development": range(1000, 1004), "final": range(2000, 2008)}
# Seeds of the test patients, and of those of another world; how many there are.
TESTS = {"development": (3500, 3600, 30), "final": (3000, 3100, 40)}
N = 8  # training patients of the methods
RULER = {"all": (4, 8, 16, 32, 64), "few": (2, 3, 4, 6, 8), "one": (2,)}
FEW = 2  # patients with seizures where there are few

# Another world: gain of the amplifier, its noise in microvolts, harder seizures, lost channels.
GAIN = (0.5, 2.0)
NOISE = 5.0
DIFFICULTY = 1.5
N_LOST = 2


def training(task: Task, cache: Path) -> Windows:
    """The windows that a training may see."""
    windows = simulated(cache, task.cohort, max(RULER["all"]))
    if task.regime == "all":
        return first(windows, task.n_patients)
    windows = first(windows, N)
    return windows[known(windows, task.n_patients, one_seizure=task.regime == "one")]


def judged(task: Task) -> list[tuple[str, int, list[str]]]:
    """Regime, number of patients and test patients of all entries that come of one training.

    Who was trained with seizures of everybody is also judged in another world; and eight of eight
    with seizures is the upper end of `few`.
    """
    _, _, n_tests = TESTS[task.split]
    names = [f"P{k + 1:02d}" for k in range(n_tests)]
    entries = [(task.regime, task.n_patients, names)]
    if task.regime == "all":
        entries.append(("shift", task.n_patients, names))
        if task.method == "none" and task.n_patients == N:
            entries.append(("few", N, names))
    return entries


def judging(task: Task, regime: str, cache: Path) -> Windows:
    """The test patients of a regime."""
    seed, other, n_tests = TESTS[task.split]
    if regime != "shift":
        return simulated(cache, seed, n_tests)
    return simulated(cache, other, n_tests, another_world=True)


def first(windows, n_patients):
    """The windows of the first patients."""
    return windows[np.isin(windows.groups, pd.unique(windows.groups)[:n_patients])]


def known(windows, n_with_seizures, one_seizure=False):
    """Rows that stay: background of all, preictal windows and seizures of the first patients.

    With `one_seizure`, of each of these only those of the first recording, which has one seizure.
    """
    patients = pd.unique(windows.groups)[:n_with_seizures]
    rows = np.isin(windows.groups, patients)
    if one_seizure:
        table = windows.metadata
        rows &= table["recording"] == table.groupby("patient")["recording"].transform("first")
    return rows | (windows.y == "normal")


def simulated(cache, seed, n_patients, another_world=False) -> Windows:
    """A cohort, simulated once and kept as a memory map."""
    folder = cache / f"cohort-{seed}-{n_patients}{'-shift' * another_world}"
    if not folder.exists():
        keep(shifted(seed, n_patients) if another_world else simulate(seed, n_patients), folder)
    table = pd.read_csv(folder / "table.csv")
    X = np.load(folder / "X.npy", mmap_mode="r")
    y, groups = (table[name].to_numpy(dtype="U8") for name in ("state", "patient"))
    return Windows(X, y, groups, SFREQ, CHANNELS, table)


def keep(made, folder):
    """Write a cohort into a folder that is there as a whole, or not at all."""
    with workplace(folder.parent) as place:
        half = place / folder.name
        half.mkdir()
        np.save(half / "X.npy", made.X)
        made.metadata.to_csv(half / "table.csv", index=False)
        with suppress(OSError):  # another process was first
            half.rename(folder)


def simulate(seed, n_patients, difficulty=1.0):
    return make_eeg_cohort(
        n_patients=n_patients,
        n_windows=COUNTS,
        sfreq=SFREQ,
        difficulty=difficulty,
        random_state=seed,
    )


def shifted(seed, n_patients):
    """Harder patients behind other amplifiers, half of them with two channels interpolated."""
    made = simulate(seed, n_patients, DIFFICULTY)
    rng = np.random.default_rng(seed)
    noise = NOISE * rng.standard_normal(made.X.shape, dtype=np.float32)
    gains = np.exp(rng.uniform(*np.log(GAIN), n_patients))
    for k, patient in enumerate(pd.unique(made.groups)):
        rows = made.groups == patient
        made.X[rows] = gains[k] * (made.X[rows] + noise[rows])
        lost = rng.choice(made.info.ch_names, N_LOST, replace=False)
        if k % 2:
            made.X[rows] = interpolated(made.X[rows], made.info, lost)
    return made


def interpolated(X, info, lost):
    """Windows whose lost channels are spherical splines of the others."""
    epochs = mne.EpochsArray(1e-6 * X, info.copy(), verbose="ERROR")
    epochs.info["bads"] = list(lost)
    epochs.interpolate_bads(verbose="ERROR")
    return (1e6 * epochs.get_data(copy=False)).astype(X.dtype)
