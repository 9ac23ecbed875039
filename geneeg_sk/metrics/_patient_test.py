"""Two-sample tests that hold patients apart, and real windows in place of the synthetic ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from geneeg_sk.metrics._sets import embed
from geneeg_sk.metrics._two_sample import TwoSampleResult, c2st

N_SPLITS = 4  # for the reference: a test takes seconds
N_BLOCKS = 4  # of time, of each patient; half of them stand in for the synthetic windows
N_NEAREST = 5  # real windows that decide whom a window resembles
Input = Literal["windows", "features"]


class PatientTest:
    """Tell synthetic from real windows of patients whom the classifier has not seen.

    A generator learns from these patients, so that its windows resemble single ones of them. If a
    patient is on trial whose synthetic twins were in training, the real windows look synthetic, and
    the AUC falls far below 0.5, whatever is wrong with the synthetic windows. So each of these is
    held back together with the patient whom it resembles.

    Parameters
    ----------
    real, synthetic : ndarray of shape (n_windows, n_channels, n_times)
        Windows in microvolts; real ones in order of time.
    sfreq : float
        Sampling frequency, Hz.
    groups : ndarray of shape (n_real,) or None
        Patient of each real window. None: folds are of single windows.
    random_state : int
        Seed.
    """

    def __init__(
        self,
        real: np.ndarray,
        synthetic: np.ndarray,
        *,
        sfreq: float,
        groups: np.ndarray | None,
        random_state: int,
    ):
        self.real, self.synthetic, self.sfreq, self.groups = real, synthetic, sfreq, groups
        self.points = None if groups is None else embed(real, synthetic, sfreq=sfreq)
        self.random_state = random_state

    def test_synthetic(self, on: Input) -> TwoSampleResult:
        """Test all windows."""
        points = None if self.points is None else self.points[1]
        return self._test(np.arange(len(self.real)), self.synthetic, points, on)

    def test_real(self, on: Input) -> list[float]:
        """Test real windows of the same patients at other times, half of them beside the other."""
        areas = []
        for rows, others in self._split_in_halves():
            points = None if self.points is None else self.points[0][others]
            areas.append(float(self._test(rows, self.real[others], points, on)))
        return areas

    def _test(
        self, rows: np.ndarray, others: np.ndarray, points: np.ndarray | None, on: Input
    ) -> TwoSampleResult:
        groups, resembled = None, None
        if self.groups is not None and self.points is not None:
            groups = self.groups[rows]
            nearest = KNeighborsClassifier(min(N_NEAREST, len(rows)), weights="distance")
            resembled = nearest.fit(self.points[0][rows], groups).predict(points)
            resembled = resembled if len(np.unique(resembled)) > 1 else None  # one cannot be split
        return c2st(
            self.real[rows],
            others,
            sfreq=self.sfreq,
            on=on,
            groups=groups,
            synthetic_groups=resembled,
            random_state=self.random_state,
        )

    def _split_in_halves(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield two halves of the real windows, blocks of time of every patient in both."""
        rng = np.random.default_rng(self.random_state)
        groups = np.zeros(len(self.real)) if self.groups is None else self.groups
        for _ in range(N_SPLITS):
            first = np.zeros(len(groups), bool)
            for patient in np.unique(groups):
                blocks = np.array_split(np.flatnonzero(groups == patient), N_BLOCKS)
                for block in rng.permutation(N_BLOCKS)[: N_BLOCKS // 2]:
                    first[blocks[block]] = True
            yield np.flatnonzero(first), np.flatnonzero(~first)
