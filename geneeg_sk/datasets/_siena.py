"""Siena: recordings of adults with epilepsy, a list of seizures in clock time per folder."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from sklearn.utils import Bunch

from ._edf import starting_clock
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

DAY, HOUR = 86400, 3600

_SEIZURE = re.compile(r"seizure\s+n", re.IGNORECASE)
_FILE = re.compile(r"file name\s*:\s*(.+)", re.IGNORECASE)
_TIME = re.compile(r"(registration|seizure|)\s*(start|end) time\s*:?\s*(.*)", re.IGNORECASE)
_CLOCK = re.compile(r"(?<!\d)(\d{1,2})[.:](\d{1,2})[.:](\d{1,2})(?:[.,](\d{1,6}))?(?!\d)", re.ASCII)
_TORN = re.compile(r"^(\d)\s+(\d[.:])", re.ASCII)  # "1 6.49.25" (PN10)


def load_siena(
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
    """Load windows from a folder in the layout of the Siena Scalp EEG Database.

    Seizures are read from the ``Seizures-list-*.txt`` beside the recordings, where they are in
    clock time, also across midnight. ECG, markers and unnamed channels are left out. The lists were
    written by hand. Mistakes that leave no doubt about what was meant are corrected, with a warning
    that names file and line: misspelled file names (PN06), blanks and remarks in times (PN10), an
    end that is an hour off (PN00), a start that is not that of the recording (PN14).

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
        If the folder has no list of seizures, or none of the recordings that it names.
    ValueError
        As in `load_chbmit`.

    Warns
    -----
    UserWarning
        Where a list was corrected, and as in `load_chbmit`.

    See Also
    --------
    fetch_siena : Download the database, or some patients of it.

    References
    ----------
    Detti, P. (2020). Siena Scalp EEG Database. PhysioNet. https://doi.org/10.13026/5d4a-j060

    Examples
    --------
    On a copy of the database::

        windows = load_siena("siena", sfreq=256, channels=["Fp1", "F7", "T7", "P7", "O1"])
    """
    return load(SIENA, **locals())


def _sources(folder: Path) -> list[Path]:
    return [p for p in find(folder, ".txt") if p.name.lower().startswith("seizures-list-")]


def _parse(source: Path, folder: Path) -> list[Listed]:
    patient = source.stem[len("seizures-list-") :].strip().upper()
    listed: dict[str, Listed] = {}
    clock: dict[str, tuple[float, int]] = {}  # what: seconds since midnight, line
    current: Listed | None = None
    for number, text in enumerate(map(str.strip, read_lines(source)), start=1):
        if _SEIZURE.match(text) and not _TIME.match(text):
            clock = {key: at for key, at in clock.items() if key.startswith("registration")}
        elif match := _FILE.match(text):
            path = find_recording(source, number, match[1], patient)
            name = relative_name(source, path.name if path else match[1], folder)
            current = listed.setdefault(name, Listed(name, path, patient))
        elif match := _TIME.match(text):
            what = f"{match[1].lower() or 'seizure'} {match[2].lower()}"
            clock[what] = _parse_clock(match[3], source, number), number
            if what == "registration start" and current is not None:
                clock[what] = _start_of_recording(current, clock[what][0], source, number), number
            if what == "seizure end":
                if current is None:
                    raise bad_line(source, number, "a seizure before the first 'File name:'.")
                current.seizures.append(_read_seizure(clock, source, number))
    return list(listed.values())


SIENA = Layout("Siena", "Seizures-list-*.txt", _sources, _parse)


def _start_of_recording(one: Listed, listed: float, source: Path, number: int) -> float:
    """Return when a recording starts: as its own header says, which belongs to its first sample.

    A header at midnight sharp is that of a recording whose date and time were taken out.
    """
    clock = starting_clock(one.path) if one.path is not None else None
    if not clock or clock.total_seconds() == listed:
        return listed
    warnings.warn(
        f"{source}, line {number}: the registration would start at {_format_clock(listed)}, but "
        f"{one.name} starts at {_format_clock(clock.total_seconds())}, which is taken.",
        stacklevel=2,
    )
    return clock.total_seconds()


def _read_seizure(clock: dict[str, tuple[float, int]], source: Path, number: int) -> Seizure:
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


def _parse_clock(text: str, source: Path, number: int) -> float:
    """Return seconds since midnight, of the first time in `text`, or the electrographic one."""
    text = text.strip()
    whole = _TORN.sub(r"\1\2", text)
    times = list(_CLOCK.finditer(whole))
    valid = [m for m in times if int(m[1]) < 48 and int(m[2]) < 60 and int(m[3]) < 60]
    if not times or valid != times or re.search(r"\d", _CLOCK.sub("", whole)):
        raise bad_line(source, number, f"expected a time, as in '19.58.36', got {text!r}.")
    chosen = times[0]
    for match, following in zip(times, [*times[1:], None]):
        remark = whole[match.end() : following.start() if following else None].lower()
        if "electr" in remark:  # where clinical and electrographic onset are given (PN10)
            chosen = match
            break
    if text != chosen[0]:
        warnings.warn(f"{source}, line {number}: of {text!r}, {chosen[0]} is taken.", stacklevel=2)
    hours, minutes, seconds, fraction = chosen.groups()
    whole_seconds = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return whole_seconds + (float(f"0.{fraction}") if fraction else 0)


def _format_clock(seconds: float) -> str:
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02.0f}.{minutes % 60:02.0f}.{seconds:02.0f}"
