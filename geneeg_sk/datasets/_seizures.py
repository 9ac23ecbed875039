"""The table of annotated seizures of a folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ._bids import list_bids
from ._chbmit import list_chbmit
from ._listing import existing_folder
from ._siena import list_siena

COLUMNS = ["patient", "recording", "onset", "duration", "seizure", "source", "line"]


def read_seizures(folder: str | Path) -> pd.DataFrame:
    """Read which seizures a database annotates, whether or not its recordings are there.

    Understands CHB-MIT (``*-summary.txt``), Siena (``Seizures-list-*.txt``) and BIDS with SzCORE
    events (``*_events.tsv``), and whatever of them it finds below `folder`.

    Parameters
    ----------
    folder : str or Path
        Folder of a database, or of one patient.

    Returns
    -------
    seizures : pandas.DataFrame
        A row a seizure: ``patient``, ``recording`` (file, relative to `folder`), ``onset`` and
        ``duration`` (seconds from the start of the recording), ``seizure`` (number within the
        recording, from 1), ``source`` and ``line`` (where it is annotated).

    Raises
    ------
    FileNotFoundError
        If `folder` is not a folder or has no annotation file of a known kind.
    ValueError
        If an annotation file cannot be understood; the message names file and line.

    Warns
    -----
    UserWarning
        If the end of a seizure is an hour off and was corrected.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> summary = '''File Name: chb99_01.edf
    ... Number of Seizures in File: 1
    ... Seizure Start Time: 2996 seconds
    ... Seizure End Time: 3036 seconds'''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "chb99-summary.txt").write_text(summary)
    ...     read_seizures(folder)[["patient", "recording", "onset", "duration", "line"]]
      patient     recording   onset  duration  line
    0   chb99  chb99_01.edf  2996.0      40.0     3
    """
    folder = existing_folder(folder)
    listed = [*list_chbmit(folder), *list_siena(folder), *list_bids(folder)]
    if not listed:
        raise FileNotFoundError(
            f"no annotations below {folder}; expected *-summary.txt (CHB-MIT), "
            "Seizures-list-*.txt (Siena) or *_events.tsv (BIDS)."
        )
    rows = [
        (one.patient, one.name, s.onset, s.duration, k, str(s.source.relative_to(folder)), s.line)
        for one in listed
        for k, s in enumerate(sorted(one.seizures, key=lambda s: s.onset), start=1)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"onset": float, "duration": float})
