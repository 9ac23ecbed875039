"""The benchmark of the command line: fixed candidates on given windows, results in one folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from geneeg_sk.cli._candidates import (
    RECIPE,
    BenchmarkBudget,
    benchmark_candidates,
    benchmark_classifier,
    group_folds,
    smallest_state,
)
from geneeg_sk.datasets import WindowRows
from geneeg_sk.metrics._predictions import SCORES
from geneeg_sk.model_selection._compare import compare_samplers
from geneeg_sk.model_selection._comparison import SamplerComparison, read_csv, write_csv

GENERATED = "GenEEGSampler"  # the candidate whose windows the report shows
RESULTS, PATIENTS, ROWS = "results.csv", "patients.csv", "rows.jsonl"


def group_labels(windows: Bunch, by: str) -> np.ndarray:
    """Return the patient or the recording of each window."""
    if by == "patient":
        return windows.groups
    recordings = windows.metadata["recording"].astype(str)
    patients = windows.metadata["patient"].astype(str)
    return (patients + " " + recordings).to_numpy(dtype=str)


class Benchmark:
    """Run the benchmark's candidates on windows.

    Parameters
    ----------
    windows : Bunch
        As loaders return it.
    groups : array-like of shape (n_windows,)
        What a fold must not tear apart: patients, or recordings.
    out : Path
        Folder for the results, and for what a killed run has finished.
    budget : BenchmarkBudget
        How long to train.
    n_folds, n_repeats, seed : int
        Folds by group, seeds on each fold, and where the seeds come from.
    """

    def __init__(
        self,
        windows: Bunch,
        groups: np.ndarray,
        *,
        out: Path,
        budget: BenchmarkBudget,
        n_folds: int,
        n_repeats: int,
        seed: int,
    ):
        self.windows, self.groups, self.out = windows, groups, out
        self.n_repeats, self.seed = n_repeats, seed
        sfreq = float(windows.sfreq)
        self.cv = group_folds(groups, n_folds)
        self.folds = list(self.cv.split(windows.X, windows.y, groups))
        self.estimator = benchmark_classifier(sfreq, budget)
        self.candidates = benchmark_candidates(
            self.estimator,
            sfreq=sfreq,
            smallest=smallest_state(windows.y, self.folds),
            budget=budget,
        )

    def run(
        self, *, keep: bool = False, n_jobs: int | None = None, verbose: int = 1
    ) -> SamplerComparison:
        """Compare the candidates, and write the tables into the folder.

        keep : with what `windows_for_report` needs.
        """
        X = self.windows.X
        comparison = compare_samplers(
            self.candidates,
            self.estimator,
            WindowRows(X) if isinstance(X, np.memmap) else X,
            self.windows.y,
            self.groups,
            cv=self.cv,
            n_repeats=self.n_repeats,
            baselines=_baselines_among(self.candidates),
            store=self.out / ROWS,
            keep=GENERATED if keep else None,
            n_jobs=n_jobs,
            random_state=self.seed,
            verbose=verbose,
        )
        comparison.to_csv(self.out / RESULTS)
        write_csv(comparison.scores_by_patient, self.out / PATIENTS)
        return comparison

    def windows_for_report(self, comparison: SamplerComparison) -> dict[str, Any]:
        """Return real and synthetic windows by state, and how the generator's training went.

        `real` are the training windows of the first fold that worked, `groups` their patients,
        `holdout` its test windows, `synthetic` those of the generator trained on `real`: what
        checks for copies and for membership have to compare. `history` is that of the training.
        Empty where our sampler failed, or generated nothing.
        """
        fold = comparison.kept
        if fold is None or not len(fold.X_synthetic):
            return {}
        X, y = self.windows.X, self.windows.y
        synthetic = by_state(fold.X_synthetic, fold.y_synthetic)
        found = {
            "real": by_state(X[fold.train], y[fold.train]),
            "groups": by_state(self.groups[fold.train], y[fold.train]),
            "holdout": by_state(X[fold.test], y[fold.test]),
        }
        shown = {
            name: {state: sets[state] for state in synthetic if state in sets}
            for name, sets in found.items()
        }
        history = fold.sampler.generator_.history_
        return {**shown, "synthetic": synthetic, "history": history}


def by_state(X: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Return the windows (or what else there is one of for each) of each state."""
    return {state: X[y == state] for state in np.unique(y).tolist()}


def read_results(folder: str | os.PathLike[str]) -> SamplerComparison:
    """Read the tables that a benchmark wrote.

    Raises
    ------
    FileNotFoundError
        If they are not there.
    ValueError
        If they are damaged, or something else.
    """
    folder = Path(folder)
    for name in (RESULTS, PATIENTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"no {name} in {folder}; expected a folder that geneeg-sk benchmark wrote."
            )
    keys, numbers = ["candidate", "fold", "seed"], ["fold", "seed", *SCORES]
    fits = ["fit_seconds", "n_train", "n_test", "n_synthetic"]
    table = read_csv(folder / RESULTS, [*keys, "error"], [*numbers, *fits])
    patients = read_csv(folder / PATIENTS, [*keys, "group"], [*numbers, "n_windows"])
    # No error is an empty text; a column without any error would come back as numbers.
    table["error"] = table["error"].astype(object).where(table["error"].notna(), "")
    return SamplerComparison(table, patients, baselines=_baselines_among(table["candidate"]))


def _baselines_among(candidates: Iterable[str]) -> list[str] | None:
    return [one for one in dict.fromkeys(candidates) if one not in (GENERATED, RECIPE)] or None
