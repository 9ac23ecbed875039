"""Siena: recordings of adults with epilepsy, a list of seizures in clock time per folder."""

from __future__ import annotations

import re
import warnings
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

DAY, HOUR = 86400, 3600

_SEIZURE = re.compile(r"seizure\s+n", re.IGNORECASE)
_FILE = re.compile(r"file name\s*:\s*(.+)", re.IGNORECASE)
_TIME = re.compile(r"(registration|seizure|)\s*(start|end) time\s*:?\s*(.*)", re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,2})[.:](\d{1,2})[.:](\d{1,2})$")


def load_siena(
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
    """Load windows from a folder in the layout of the Siena Scalp EEG Database.

    Seizures are read from the ``Seizures-list-*.txt`` beside the recordings, in clock time, also
    across midnight. ECG, markers and unnamed channels are left out.

    Parameters
    ----------
    folder, patients, channels, sfreq, l_freq, h_freq, notch, verbose, **window_params
        As in `load_chbmit`.

    Returns
    -------
    windows : sklearn.utils.Bunch
        `X` float32 microvolts, `y`, `groups` (patient), `metadata`, `info`, `sfreq`, `dropped`,
        `DESCR`; see `make_windows`.

    Raises
    ------
    FileNotFoundError
        If the folder has no list of seizures, or none of the recordings that it names.
    ValueError
        As in `load_chbmit`.

    Warns
    -----
    UserWarning
        If the end of a seizure is an hour off (as in PN00, seizure 3) and was corrected.

    References
    ----------
    Detti, P. (2020). Siena Scalp EEG Database. PhysioNet. https://doi.org/10.13026/5d4a-j060

    Examples
    --------
    On a copy of the database::

        windows = load_siena("siena", sfreq=256, channels=["Fp1", "F7", "T7", "P7", "O1"])
    """
    folder = existing_folder(folder)
    listed = list_siena(folder)
    if not listed:
        raise FileNotFoundError(f"no Seizures-list-*.txt below {folder}; expected Siena's layout.")
    return load(
        listed,
        folder=folder,
        layout="Siena",
        patients=patients,
        channels=channels,
        sfreq=sfreq,
        l_freq=l_freq,
        h_freq=h_freq,
        notch=notch,
        verbose=verbose,
        window_params=window_params,
    )


def list_siena(folder: Path) -> list[Listed]:
    """Return the recordings that all lists below `folder` name."""
    sources = [p for p in find(folder, ".txt") if p.name.lower().startswith("seizures-list-")]
    return [one for source in sources for one in _parse(source, folder)]


def _parse(source: Path, folder: Path) -> list[Listed]:
    patient = source.stem[len("seizures-list-") :].strip().upper()
    listed: dict[str, Listed] = {}
    clock: dict[str, tuple[int, int]] = {}  # what: seconds since midnight, line
    current: Listed | None = None
    for number, text in enumerate(map(str.strip, read_lines(source)), start=1):
        if _SEIZURE.match(text) and not _TIME.match(text):
            clock = {key: at for key, at in clock.items() if key.startswith("registration")}
        elif match := _FILE.match(text):
            path = find_beside(source, match[1])
            name = relative_name(source, path.name if path else match[1], folder)
            current = listed.setdefault(name, Listed(name, path, patient))
        elif match := _TIME.match(text):
            what = f"{match[1].lower() or 'seizure'} {match[2].lower()}"
            clock[what] = _seconds(match[3], source, number), number
            if what == "seizure end":
                if current is None:
                    raise bad_line(source, number, "a seizure before the first 'File name:'.")
                current.seizures.append(_seizure(clock, source, number))
    return list(listed.values())


def _seizure(clock: dict[str, tuple[int, int]], source: Path, number: int) -> Seizure:
    missing = [key for key in ("registration start", "seizure start") if key not in clock]
    if missing:
        raise bad_line(source, number, f"a seizure ends here that has no '{missing[0]} time'.")
    began = clock["registration start"][0]
    onset, end = ((clock[key][0] - began) % DAY for key in ("seizure start", "seizure end"))
    recorded = (clock["registration end"][0] - began) % DAY if "registration end" in clock else DAY
    duration = end - onset
    if end > recorded and duration - HOUR > 0 and end - HOUR <= recorded:
        warnings.warn(
            f"{source}, line {number}: the seizure would end after the recording; its end is taken "
            f"to be one hour earlier (duration {duration - HOUR:g} s).",
            stacklevel=2,
        )
        duration -= HOUR
    if duration <= 0 or onset + duration > recorded:
        raise bad_line(
            source, number, "the seizure does not lie within its registration; correct the times."
        )
    return Seizure(float(onset), float(duration), source, clock["seizure start"][1])


def _seconds(text: str, source: Path, number: int) -> int:
    match = _CLOCK.match(text.strip())
    if not match:
        raise bad_line(source, number, f"expected a time, as in '19.58.36', got {text!r}.")
    hours, minutes, seconds = map(int, match.groups())
    return (hours * 60 + minutes) * 60 + seconds
