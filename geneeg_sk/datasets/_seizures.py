"""The table of annotated seizures of a folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ._bids import BIDS
from ._chbmit import CHBMIT
from ._left_out import LeftOut
from ._listing import existing_folder
from ._siena import SIENA

LAYOUTS = (CHBMIT, SIENA, BIDS)

COLUMNS = ["patient", "recording", "onset", "duration", "seizure", "source", "line"]


def read_seizures(folder: str | Path, *, on_error: str = "raise") -> pd.DataFrame:
    """Read the annotated seizures of a database; the recordings themselves are not needed.

    All annotation files below `folder` are read: those of CHB-MIT (``*-summary.txt``), of Siena
    (``Seizures-list-*.txt``) and of BIDS with SzCORE events (``*_events.tsv``).

    Parameters
    ----------
    folder : str or Path
        Folder of a database, or of one patient.
    on_error : {"raise", "warn"}, default="raise"
        What to do with an annotation file that cannot be understood: raise an error, or leave it
        out and list it in one warning at the end.

    Returns
    -------
    seizures : pandas.DataFrame
        One row per seizure: ``patient``, ``recording`` (file, relative to `folder`), ``onset`` and
        ``duration`` (seconds from the start of the recording), ``seizure`` (number within the
        recording, from 1), ``source`` and ``line`` (where it is annotated).

    Raises
    ------
    FileNotFoundError
        If `folder` is not a folder or has no annotation file of a known kind.
    ValueError
        If an annotation file cannot be understood and `on_error` is ``"raise"``; the message names
        file and line.

    Warns
    -----
    UserWarning
        Where a hand-written list was corrected (see `load_siena`), or a file was left out.

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
    left_out = LeftOut(on_error)
    listed = [one for layout in LAYOUTS for one in layout.read(folder, left_out)]
    left_out.warn()
    if not listed:
        expected = ", ".join(f"{layout.annotations} ({layout.name})" for layout in LAYOUTS)
        raise FileNotFoundError(f"no annotations below {folder}; expected {expected}.")
    rows = [
        (one.patient, one.name, s.onset, s.duration, k, str(s.source.relative_to(folder)), s.line)
        for one in listed
        for k, s in enumerate(sorted(one.seizures, key=lambda s: s.onset), start=1)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"onset": float, "duration": float})
