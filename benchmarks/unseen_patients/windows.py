"""What a training needs to be told, and what it gets: windows to learn from and to be judged on."""

from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Task:
    """One training. Its fields are the keys of every line that comes of it."""

    data: str
    regime: str
    split: str
    cohort: int  # which training set
    n_patients: int  # that have seizures
    seed: int
    method: str
    steps: int

    @classmethod
    def of(cls, line):
        """The training that a line came of, or stands for in another regime."""
        return cls(**{field.name: line[field.name] for field in fields(cls)})

    def judged_as(self, regime, n_patients):
        """The same training as an entry of another regime."""
        return replace(self, regime=regime, n_patients=n_patients)


@dataclass
class Windows:
    """Windows with state and group of each; `metadata` where they follow each other in time."""

    X: np.ndarray  # (n_windows, n_channels, n_times), microvolts
    y: np.ndarray
    groups: np.ndarray
    sfreq: float
    channels: tuple[str, ...] = ()
    metadata: pd.DataFrame | None = None

    def __getitem__(self, rows):
        positions = np.arange(len(self.y))[rows]
        metadata = self.metadata
        if metadata is not None:
            metadata = metadata.iloc[positions].reset_index(drop=True)
        return replace(
            self,
            X=np.asarray(self.X[positions]),
            y=self.y[positions],
            groups=self.groups[positions],
            metadata=metadata,
        )
