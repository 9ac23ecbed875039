"""Seizures to a BIDS file of events, in the terms of SzCORE."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pandas as pd

from .._files import write_whole

COLUMNS = ("onset", "duration", "eventType", "confidence", "channels", "dateTime")
SEIZURE, BACKGROUND = "sz", "bckg"  # of HED-SCORE: any seizure, none
MISSING = "n/a"  # BIDS


def write_events(
    path: str | Path,
    events: pd.DataFrame,
    *,
    duration: float,
    start: datetime | None = None,
) -> None:
    """Write the seizures of one recording as BIDS events, in the format of SzCORE.

    The file appears when it is complete; an older one of that name is replaced. Under the name
    ``*_events.tsv`` beside ``*_eeg.edf``, `load_bids` and `read_seizures` read it.

    Parameters
    ----------
    path : str or Path
        File to write, ending in ``.tsv``.
    events : DataFrame
        One row per seizure: ``onset`` and ``duration`` in seconds from the start of the recording,
        and optionally ``confidence``, 0 to 1. If it has no rows, the whole recording is written as
        background ("bckg").
    duration : float
        Duration of the recording, in seconds.
    start : datetime, default=None
        When the recording began; by default written as "n/a".

    Raises
    ------
    ValueError
        If `path` does not end in ``.tsv``, a column is missing, or an event has no onset or
        duration within the recording.

    References
    ----------
    Dan, J. et al. (2024). SzCORE: seizure community open-source research evaluation framework for
    the validation of electroencephalography-based automated seizure detection algorithms.
    Epilepsia. https://doi.org/10.1111/epi.18113

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from geneeg_sk.datasets import read_seizures, write_events
    >>> events = pd.DataFrame({"onset": [36.9], "duration": [20.0], "confidence": [0.9]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_events(Path(folder) / "sub-01_events.tsv", events, duration=60.0)
    ...     read_seizures(folder)[["patient", "recording", "onset", "duration"]]
      patient       recording  onset  duration
    0      01  sub-01_eeg.edf   36.9      20.0
    """
    path = Path(path)
    if path.suffix.lower() != ".tsv":
        raise ValueError(f"path must end in .tsv, got {path.name}.")
    if not duration > 0:
        raise ValueError(f"duration={duration!r}; expected that of the recording, in seconds.")
    _check(events, duration)
    began = MISSING if start is None else f"{start:%Y-%m-%d %H:%M:%S}"
    rows = [
        (row.onset, row.duration, SEIZURE, _number(getattr(row, "confidence", None)))
        for row in events.sort_values("onset").itertuples()
    ] or [(0.0, duration, BACKGROUND, MISSING)]
    lines = ["\t".join([*COLUMNS, "recordingDuration"])]
    lines += [
        f"{onset:.2f}\t{seconds:.2f}\t{kind}\t{confidence}\t{MISSING}\t{began}\t{duration:.2f}"
        for onset, seconds, kind, confidence in rows
    ]
    with write_whole(path) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _number(confidence: float | None) -> str:
    return MISSING if confidence is None or pd.isna(confidence) else f"{confidence:.2f}"


def _check(events: pd.DataFrame, duration: float) -> None:
    missing = {"onset", "duration"} - set(events)
    if missing:
        raise ValueError(f"events lack the columns {sorted(missing)}; they have {list(events)}.")
    # Half of the last digit that is written.
    fits = (events["onset"] >= 0) & (events["onset"] + events["duration"] <= duration + 0.005)
    wrong = events[~(fits & (events["duration"] > 0))]
    if len(wrong):
        raise ValueError(
            f"an event has onset {wrong.iloc[0]['onset']} s and duration "
            f"{wrong.iloc[0]['duration']} s; expected it within the "
            f"{duration:g} s of the recording."
        )
