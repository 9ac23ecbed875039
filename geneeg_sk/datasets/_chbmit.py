"""CHB-MIT: recordings of children with epilepsy, a summary of seizures per folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sklearn.utils import Bunch

from ._listing import (
    Listed,
    Seizure,
    bad_line,
    existing_folder,
    find,
    find_beside,
    read_lines,
    relative_name,
)
from ._recordings import load

SAME_PATIENT = {"chb21": "chb01"}  # the same girl, 1.5 years later (PhysioNet)

_FILE = re.compile(r"file name\s*:\s*(.+)", re.IGNORECASE)
_COUNT = re.compile(r"number of seizures in file\s*:\s*(\d+)", re.IGNORECASE)
_TIME = re.compile(r"seizure\s*\d*\s*(start|end) time\s*:\s*(.*)", re.IGNORECASE)
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*(?:s|sec|seconds?)?$", re.IGNORECASE)


def load_chbmit(
    folder: str | Path,
    *,
    patients: list[str] | None = None,
    channels: str | list[str] = "common",
    sfreq: float | None = None,
    l_freq: float | None = 0.5,
    h_freq: float | None = 45.0,
    notch: float | list[float] | None = None,
    verbose: bool = True,
    **window_params: Any,
) -> Bunch:
    """Load windows from a folder in the layout of the CHB-MIT Scalp EEG Database.

    Seizures are read from the ``*-summary.txt`` beside the recordings. A derivation that a file
    holds twice (T8-P8) is taken once; dummy channels ("-", "."), ECG and the like are left out.
    ``chb21`` is the same patient as ``chb01``, and named so.

    Parameters
    ----------
    folder : str or Path
        Folder of the database, of one patient, or of an excerpt.
    patients : list of str, default=None
        Load only these; by default all.
    channels : "common" or list of str, default="common"
        Channels that all recordings have, or these, in this order. Spelling of the 10-20 system
        is free (``FP1-F7``, ``T3``); names come back as in ``Fp1-F7``, ``T7``.
    sfreq : float, default=None
        Resample to this frequency, in Hz; by default kept, which recordings of different
        frequencies do not allow.
    l_freq, h_freq : float or None, default=0.5 and 45.0
        Edges of the band-pass filter of the continuous signal, in Hz (zero phase, FIR).
    notch : float or list of float, default=None
        Frequencies to notch out, in Hz.
    verbose : bool, default=True
        Show a progress bar.
    **window_params
        `length`, `step`, `preictal`, `preictal_offset`, `postictal`, `min_distance`,
        `min_overlap` and `reject` of `make_windows`.

    Returns
    -------
    windows : sklearn.utils.Bunch
        `X` float32 microvolts, `y`, `groups` (patient), `metadata`, `info`, `sfreq`, `dropped`,
        `DESCR`; see `make_windows`.

    Raises
    ------
    FileNotFoundError
        If the folder has no summary, or none of the recordings that it names.
    ValueError
        If a recording is empty, truncated or unreadable, lacks a channel, has another sampling
        frequency, or is shorter than its annotations; the message names it.

    References
    ----------
    Guttag, J. (2010). CHB-MIT Scalp EEG Database. PhysioNet. https://doi.org/10.13026/C2K01R

    Examples
    --------
    On a copy of the database::

        windows = load_chbmit("chbmit", patients=["chb01", "chb03"], length=4.0)
        cross_validate(model, windows.X, windows.y, params={"groups": windows.groups}, cv=cv)
    """
    folder = existing_folder(folder)
    listed = list_chbmit(folder)
    if not listed:
        raise FileNotFoundError(f"no *-summary.txt below {folder}; expected CHB-MIT's layout.")
    return load(
        listed,
        folder=folder,
        layout="CHB-MIT",
        patients=patients,
        channels=channels,
        sfreq=sfreq,
        l_freq=l_freq,
        h_freq=h_freq,
        notch=notch,
        verbose=verbose,
        window_params=window_params,
    )


def list_chbmit(folder: Path) -> list[Listed]:
    """Return the recordings that all summaries below `folder` name."""
    return [one for source in find(folder, "-summary.txt") for one in _parse(source, folder)]


def _parse(source: Path, folder: Path) -> list[Listed]:
    patient = source.name[: -len("-summary.txt")].lower()
    patient = SAME_PATIENT.get(patient, patient)
    listed: list[Listed] = []
    counts: dict[int, tuple[int, int]] = {}  # recording: announced seizures, line
    onset: float | None = None
    for number, text in enumerate(map(str.strip, read_lines(source)), start=1):
        if match := _FILE.match(text):
            name = match[1].strip()
            path = find_beside(source, name)
            name = path.name if path else name
            listed.append(Listed(relative_name(source, name, folder), path, patient))
        elif match := _COUNT.match(text):
            counts[len(listed) - 1] = int(match[1]), number
        elif match := _TIME.match(text):
            if not listed:
                raise bad_line(source, number, "a seizure before the first 'File Name:'.")
            seconds = _seconds(match[2], source, number)
            if match[1].lower() == "start":
                onset = seconds
            elif onset is None or seconds <= onset:
                raise bad_line(
                    source, number, f"a seizure ends at {seconds:g} s, not after it began."
                )
            else:
                listed[-1].seizures.append(Seizure(onset, seconds - onset, source, number - 1))
                onset = None
    for k, (count, number) in counts.items():
        found = len(listed[k].seizures)
        if found != count:
            raise bad_line(
                source, number, f"{count} seizures are announced, but {found} have a start and end."
            )
    return listed


def _seconds(text: str, source: Path, number: int) -> float:
    match = _SECONDS.match(text.strip())
    if not match:
        raise bad_line(source, number, f"expected seconds, as in '2996 seconds', got {text!r}.")
    return float(match[1])
