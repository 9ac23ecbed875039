"""CHB-MIT: recordings of children with epilepsy, a summary of seizures per folder."""

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
    find_recording,
    read_lines,
    relative_name,
)
from ._loading import load
from ._options import Amplitude, PreparationOptions, Step, WindowingOptions

ENDING = "-summary.txt"
SAME_PATIENT = {"chb21": "chb01"}  # the same girl, 1.5 years later (PhysioNet)

_FILE = re.compile(r"file name\s*:\s*(.+)", re.IGNORECASE)
_COUNT = re.compile(r"number of seizures in file\s*:\s*(\d{1,6})\s*$", re.IGNORECASE | re.ASCII)
_TIME = re.compile(r"seizure\s*+\d*+\s*+(start|end) time\s*+:\s*+(.*)", re.IGNORECASE)
_SECONDS = re.compile(
    r"(\d{1,9}(?:[.,]\d{1,9})?)\s*(?:s|sec|seconds?)?\.?$", re.IGNORECASE | re.ASCII
)


def load_chbmit(
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
        ``"common"``: the 18 derivations of the longitudinal bipolar montage, Fp1-F7 to Cz-Pz,
        which CHB-MIT, Siena and SzCORE's BIDS folders all have, in the same order. A list: these
        electrodes or derivations, in this order. Derivations that were not recorded are computed
        by subtraction. Any usual spelling is understood (``FP1-F7``, ``T3``); names come back in
        today's, ``Fp1-F7``, ``T7``.
    sfreq : float, default=None
        Resample to this frequency, in Hz. By default the recordings' own; where they differ, the
        lowest of them.
    l_freq, h_freq : float or None, default=0.5 and 45.0
        Edges of the band-pass filter of the continuous signal, in Hz (MNE's: zero phase, FIR).
    notch : float or list of float, default=None
        Frequencies to notch out, in Hz: 50 or 60, where `h_freq` is not below them.
    reference : "average" or list of str, default=None
        Measure electrodes against the mean of all `channels`, or of these electrodes. By default
        as they were recorded. Derivations have no reference.
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
        it out and list it in one warning at the end and in ``windows.left_out``.
    n_jobs : int, default=None
        Recordings to read at a time, in processes of joblib; by default one.
    verbose : bool, default=True
        Show a progress bar.
    store : str or Path, default=None
        Folder that keeps windows on disk. They are written once, recording by recording, so that
        memory does not grow with the database, and read on the next call with the same options and
        the same files. `X` is then a read-only memory map; see `cached_windows`.

    Returns
    -------
    windows : sklearn.utils.Bunch
        `X` float32 microvolts, `y`, `groups` (patient), `metadata`, `recordings`, `seizures`,
        `info`, `sfreq`, `dropped`, as in `make_windows`; `left_out` (DataFrame: recording, reason)
        and `DESCR`.

    Raises
    ------
    FileNotFoundError
        If the folder has no summary, or none of the recordings that it names.
    ValueError
        If an option is out of range. If, with ``on_error="raise"``, an annotation file cannot be
        understood, or a recording is empty, truncated, discontinuous or unreadable, lacks a
        channel, does not say its unit, cannot be scalp EEG, or ends before a seizure begins; the
        message names it. If no window is left.

    Warns
    -----
    UserWarning
        If recordings are missing or not annotated, names are misspelled, sampling frequencies
        differ, amplitudes are unlikely, seizures overlap or outlast the recording, or something was
        left out. When windows are read from `store`, only the last of these is warned about.

    See Also
    --------
    fetch_chbmit : Download the database, or some patients of it.
    describe : Count hours, seizures and windows.

    Notes
    -----
    Signals are re-referenced, filtered and resampled before they are cut, in overlapping blocks of
    ten minutes. Only the first and last seconds of a recording show edge effects of the filters.
    `detect_seizures` prepares recordings in exactly the same way.

    References
    ----------
    Guttag, J. (2010). CHB-MIT Scalp EEG Database. PhysioNet. https://doi.org/10.13026/C2K01R

    Examples
    --------
    On a copy of the database::

        windows = load_chbmit("chbmit", patients=["chb01", "chb03"], length=4.0)
        cross_validate(model, windows.X, windows.y, params={"groups": windows.groups}, cv=cv)
    """
    return load(CHBMIT, **locals())


def _sources(folder: Path) -> list[Path]:
    return find(folder, ENDING)


def _parse(source: Path, folder: Path) -> list[Listed]:
    case = source.name[: -len(ENDING)].lower()
    patient = SAME_PATIENT.get(case, case)
    listed: dict[str, Listed] = {}
    current: Listed | None = None
    announced: tuple[int, int] | None = None  # how many seizures there will then be, line
    onset: float | None = None
    for number, text in enumerate(map(str.strip, read_lines(source)), start=1):
        if match := _FILE.match(text):
            _check_count(current, announced, source)
            path = find_recording(source, number, match[1], case)
            name = relative_name(source, path.name if path else match[1], folder)
            if name in listed:
                warnings.warn(
                    f"{source}, line {number}: {name} is listed a second time; it is taken once, "
                    "with the seizures of both.",
                    stacklevel=2,
                )
            current = listed.setdefault(name, Listed(name, path, patient))
            announced = onset = None
        elif current is None and (_COUNT.match(text) or _TIME.match(text)):
            raise bad_line(source, number, "a seizure before the first 'File Name:'.")
        elif current is not None and (match := _COUNT.match(text)):
            announced = len(current.seizures) + int(match[1]), number
        elif current is not None and (match := _TIME.match(text)):
            seconds = _parse_seconds(match[2], source, number)
            if match[1].lower() == "start":
                onset = seconds
            elif onset is None or seconds <= onset:
                raise bad_line(
                    source, number, f"a seizure ends at {seconds:g} s, not after it began."
                )
            else:
                current.seizures.append(Seizure(onset, seconds - onset, source, number - 1))
                onset = None
    _check_count(current, announced, source)
    for one in listed.values():  # those of a recording that is listed twice
        first = {(s.onset, s.duration): s for s in reversed(one.seizures)}
        one.seizures = sorted(first.values(), key=lambda s: s.onset)
    return list(listed.values())


CHBMIT = Layout("CHB-MIT", "*-summary.txt", _sources, _parse)


def _check_count(current: Listed | None, announced: tuple[int, int] | None, source: Path) -> None:
    """Raise a ValueError if a recording has not as many seizures as its block announced."""
    if current is not None and announced is not None and len(current.seizures) != announced[0]:
        raise bad_line(
            source,
            announced[1],
            f"the number of seizures is not that of the start and end times of {current.name}.",
        )


def _parse_seconds(text: str, source: Path, number: int) -> float:
    match = _SECONDS.match(text.strip())
    if not match:
        raise bad_line(source, number, f"expected seconds, as in '2996 seconds', got {text!r}.")
    return float(match[1].replace(",", "."))
