"""BIDS: recordings with seizures in ``*_events.tsv``, in the terms of SzCORE."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from sklearn.utils import Bunch

from ._listing import (
    Layout,
    Listed,
    Seizure,
    bad_line,
    find,
    find_beside,
    read_lines,
    relative_name,
)
from ._loading import load
from ._options import Amplitude, PreparationOptions, Step, WindowingOptions
from ._windows import SEIZURE as MENTIONED

ENDING = "events.tsv"
FORMATS = (".edf", ".bdf", ".vhdr", ".set")  # of EEG in BIDS
KINDS = ("eventType", "trial_type")  # columns that tell what an event is: SzCORE's, BIDS's
SPAN = ("onset", "duration")
SEIZURE = ("sz", "seiz")

_SUBJECT = re.compile(r"sub-([A-Za-z0-9]+)")
_NUMBER = re.compile(r"[+-]?\d{1,12}(?:[.,]\d{1,12})?(?:[eE][+-]?\d)?", re.ASCII)


def load_bids(
    folder: str | Path,
    *,
    patients: Sequence[str] | None = None,
    channels: str | Sequence[str] = PreparationOptions.channels,
    sfreq: float | None = PreparationOptions.sfreq,
    l_freq: float | None = PreparationOptions.l_freq,
    h_freq: float | None = PreparationOptions.h_freq,
    notch: float | Sequence[float] | None = PreparationOptions.notch,
    reference: str | Sequence[str] | None = PreparationOptions.reference,
    length: float = WindowingOptions.length,
    step: Step = WindowingOptions.step,
    preictal: float = WindowingOptions.preictal,
    preictal_offset: float = WindowingOptions.preictal_offset,
    postictal: float = WindowingOptions.postictal,
    min_distance: float = WindowingOptions.min_distance,
    min_overlap: float = WindowingOptions.min_overlap,
    reject: Amplitude | None = WindowingOptions.reject,
    flat: Amplitude = WindowingOptions.flat,
    on_error: str = "raise",
    n_jobs: int | None = None,
    verbose: bool = True,
    store: str | Path | None = None,
) -> Bunch:
    """Load windows from a BIDS folder whose events follow SzCORE.

    Recordings are ``*_eeg.edf`` (or ``.bdf``, ``.vhdr``, ``.set``), each with an ``*_events.tsv``
    beside it, in which ``eventType`` (or ``trial_type``) of a seizure begins with "sz", with or
    without quotation marks. Patients are the ``sub-*``. Folders ``derivatives``, ``sourcedata`` and
    ``code`` are not searched.

    Parameters
    ----------
    folder : str or Path
        Folder of the database.
    patients : list of str, default=None
        Load only these; by default all.
    channels : "common" or list of str, default="common"
        Electrodes or derivations, in this order; ``"common"`` stands for the 18 derivations of the
        longitudinal bipolar montage. See `load_chbmit`.
    sfreq : float, default=None
        Resample to this frequency, in Hz. By default the recordings' own, or the lowest of these.
    l_freq, h_freq : float or None, default=0.5 and 45.0
        Edges of the band-pass filter of the continuous signal, in Hz (MNE's: zero phase, FIR).
    notch : float or list of float, default=None
        Frequencies to notch out, in Hz.
    reference : "average" or list of str, default=None
        Measure electrodes against the mean of all `channels`, or of these electrodes.
    length : float, default=4.0
        Length of a window, in seconds.
    step : float or dict of state to float, default=None
        Seconds from one window to the next. By default `length`, and half of it for ictal windows.
    preictal, preictal_offset, postictal, min_distance : float, default=300.0, 0.0, 300.0 and 900.0
        Zones around seizures, in seconds; `make_windows` says what each is.
    min_overlap : float, default=0.5
        Smallest part of an ictal window that lies in seizures, above 0 and at most 1.
    reject, flat : float or dict, default=None and 0.0
        Drop windows with a channel whose peak-to-peak amplitude is above `reject`, or not above
        `flat`, in microvolts; see `make_windows`.
    on_error : {"raise", "warn"}, default="raise"
        What to do where a recording or an annotation file cannot be used: raise an error, or leave
        it out and list it in one warning and in ``windows.left_out``.
    n_jobs : int, default=None
        Recordings to read at a time, in processes of joblib; by default one.
    verbose : bool, default=True
        Show a progress bar.
    store : str or Path, default=None
        Folder that keeps windows on disk, written once and read on the next call; see
        `load_chbmit`.

    Returns
    -------
    windows : sklearn.utils.Bunch
        As `load_chbmit` returns it.

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
    >>> from geneeg_sk.datasets import load_bids, make_eeg_cohort, write_edf
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
    return load(BIDS, **locals())


def _sources(folder: Path) -> list[Path]:
    return find(folder, ENDING)


def _parse(source: Path, folder: Path) -> list[Listed]:
    stem = source.name[: -len(ENDING)] + "eeg"
    found = (find_beside(source, stem + ending) for ending in FORMATS)
    path = next((p for p in found if p is not None), None)
    name = relative_name(source, path.name if path else f"{stem}.edf", folder)
    match = _SUBJECT.search(source.relative_to(folder).as_posix())
    patient = match[1] if match else source.name[: -len(ENDING)].strip("_-") or "unknown"
    return [Listed(name, path, patient, read_events(source))]


BIDS = Layout("BIDS", "*_events.tsv", _sources, _parse)


def read_events(source: Path) -> list[Seizure]:
    """Return the seizures in an events file.

    Raises
    ------
    ValueError
        If a column or a cell is missing, or onset or duration of a seizure is not a number.

    Warns
    -----
    UserWarning
        If an event's type mentions a seizure but does not begin with "sz".
    """
    header, *lines = (list(map(_strip_cell, text.split("\t"))) for text in read_lines(source))
    kind = next((key for key in KINDS if key in header), None)
    if kind is None or not set(SPAN) <= set(header):
        raise bad_line(source, 1, f"expected columns onset, duration and eventType, got {header}.")
    seizures, odd = [], set()
    for number, line in enumerate(lines, start=2):
        cells = dict(zip(header, line))
        if not any(line):
            continue
        if not {kind, *SPAN} <= set(cells):
            raise bad_line(
                source, number, f"expected {len(header)} cells with tabs between, got {line}."
            )
        if not cells[kind].lower().startswith(SEIZURE):
            odd |= {cells[kind]} if re.search(MENTIONED, cells[kind], re.IGNORECASE) else set()
            continue
        onset, duration = (_parse_seconds(cells[key], key, source, number) for key in SPAN)
        if duration <= 0:
            raise bad_line(source, number, f"a seizure has a duration of {duration:g} s.")
        seizures.append(Seizure(onset, duration, source, number))
    if odd:
        warnings.warn(
            f"{source}: {sorted(odd)} are not taken for seizures, whose {kind} begins with 'sz'.",
            stacklevel=2,
        )
    return seizures


def _strip_cell(cell: str) -> str:
    """Return the text of a cell without blanks and quotation marks around it."""
    return cell.strip().strip("\"'").strip()


def _parse_seconds(text: str, key: str, source: Path, number: int) -> float:
    if not _NUMBER.fullmatch(text):
        raise bad_line(source, number, f"{key} of a seizure is {text!r}, expected seconds.")
    return float(text.replace(",", "."))
