"""Hours, seizures and windows of each patient."""

from __future__ import annotations

import pandas as pd
from sklearn.utils import Bunch

from .._checks import STATES

ALL = "all"
NEEDED = ("metadata", "recordings", "seizures")


def describe(windows: Bunch) -> pd.DataFrame:
    """Count hours, seizures and windows of each patient and state.

    Parameters
    ----------
    windows : sklearn.utils.Bunch
        As loaders and `make_windows` return it.

    Returns
    -------
    table : pandas.DataFrame
        One row for each patient, and a last one, ``"all"``. Columns: ``recordings``, ``hours`` (of
        the recordings), ``seizures``, and the windows of each state, ``normal``, ``preictal`` and
        ``ictal`` first. Patients without any window are listed, too.

    Raises
    ------
    ValueError
        If `windows` has no tables of recordings and seizures, as a simulated cohort has none.

    Examples
    --------
    >>> from geneeg_sk.datasets import describe, make_eeg_cohort, make_windows
    >>> cohort = make_eeg_cohort(n_patients=1, sfreq=64, continuous=True, random_state=0)
    >>> windows = make_windows(cohort.raws[0], preictal=28, postictal=10, min_distance=30)
    >>> describe(windows).loc["P01", ["seizures", "normal", "preictal", "ictal"]].astype(int)
    seizures     1
    normal      20
    preictal     6
    ictal       26
    Name: P01, dtype: int64
    """
    check_origin(windows)
    recordings = windows.recordings.groupby("patient")
    table = pd.DataFrame(
        {"recordings": recordings.size(), "hours": recordings["duration"].sum() / 3600}
    )
    table["seizures"] = windows.seizures.groupby("patient").size()
    counts = windows.metadata.groupby(["patient", "state"]).size().unstack()
    others = [state for state in counts if state not in STATES]
    table = table.join(counts.reindex(columns=[*STATES, *others])).fillna(0)
    table.loc[ALL] = table.sum()
    table.index.name = "patient"
    return table.astype({name: int for name in table if name != "hours"})


def check_origin(windows: Bunch) -> None:
    """Raise a ValueError if `windows` lacks the tables of its recordings and seizures."""
    missing = [name for name in NEEDED if name not in windows]
    if missing:
        raise ValueError(
            f"windows have no table of {' and '.join(missing)}: pass what a loader or make_windows "
            "returned."
        )
