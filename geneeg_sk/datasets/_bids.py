"""BIDS: recordings with seizures in ``*_events.tsv``, in the terms of SzCORE."""

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

ENDING = "events.tsv"
_SUBJECT = re.compile(r"sub-([A-Za-z0-9]+)")


def load_bids(
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
    """Load windows from a BIDS folder whose events follow SzCORE.

    Recordings are ``*_eeg.edf`` (or ``.bdf``), each with an ``*_events.tsv`` beside it, in which
    ``eventType`` (or ``trial_type``) of a seizure begins with "sz". Patients are ``sub-*``.

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
        If the folder has no events, or none of the recordings that they belong to.
    ValueError
        As in `load_chbmit`.

    References
    ----------
    Dan, J. et al. (2024). SzCORE: seizure community open-source research evaluation framework for
    the validation of electroencephalography-based automated seizure detection algorithms.
    Epilepsia. https://doi.org/10.1111/epi.18113

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from geneeg_sk.datasets import make_eeg_cohort, write_edf
    >>> cohort = make_eeg_cohort(n_patients=1, sfreq=128, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     folder = Path(folder) / "sub-01" / "eeg"
    ...     write_edf(folder / "sub-01_task-x_eeg.edf", cohort.X[:30], cohort.y[:30], cohort.info)
    ...     events = "onset\\tduration\\teventType\\n60.0\\t30.0\\tsz\\n"
    ...     _ = (folder / "sub-01_task-x_events.tsv").write_text(events)
    ...     windows = load_bids(folder, preictal=60, postictal=0, verbose=False)
    >>> windows.metadata["state"].value_counts().to_dict()
    {'ictal': 16, 'preictal': 15}
    """
    folder = existing_folder(folder)
    listed = list_bids(folder)
    if not listed:
        raise FileNotFoundError(f"no *_events.tsv below {folder}; expected a BIDS data set.")
    return load(
        listed,
        folder=folder,
        layout="BIDS",
        patients=patients,
        channels=channels,
        sfreq=sfreq,
        l_freq=l_freq,
        h_freq=h_freq,
        notch=notch,
        verbose=verbose,
        window_params=window_params,
    )


def list_bids(folder: Path) -> list[Listed]:
    """Return the recordings that all events files below `folder` belong to."""
    return [_parse(source, folder) for source in find(folder, ENDING)]


def _parse(source: Path, folder: Path) -> Listed:
    stem = source.name[: -len(ENDING)] + "eeg"
    path = find_beside(source, f"{stem}.edf") or find_beside(source, f"{stem}.bdf")
    name = relative_name(source, path.name if path else f"{stem}.edf", folder)
    match = _SUBJECT.search(source.relative_to(folder).as_posix())
    patient = match[1] if match else source.name[: -len(ENDING)].strip("_-") or "unknown"
    lines = read_lines(source)
    header = lines[0].split("\t") if lines else []
    kind = next((key for key in ("eventType", "trial_type") if key in header), None)
    if kind is None or not {"onset", "duration"} <= set(header):
        raise bad_line(source, 1, f"expected columns onset, duration and eventType, got {header}.")
    listed = Listed(name, path, patient)
    for number, text in enumerate(lines[1:], start=2):
        if not text.strip():
            continue
        cells = dict(zip(header, text.split("\t")))
        if cells.get(kind, "").strip().lower().startswith("sz"):
            onset, duration = (
                _seconds(cells.get(key), key, source, number) for key in ("onset", "duration")
            )
            listed.seizures.append(Seizure(onset, duration, source, number))
    return listed


def _seconds(text: str | None, key: str, source: Path, number: int) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise bad_line(
            source, number, f"{key} of a seizure is {text!r}, expected seconds."
        ) from None
