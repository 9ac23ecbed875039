"""Open a recording, and say clearly what is wrong with a damaged one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from string import whitespace
from typing import TYPE_CHECKING

import numpy as np

from ._channels import standard_name

if TYPE_CHECKING:
    import mne

# Where things stand in the header, in bytes (EDF specification, Kemp et al. 1992; EDF+, 2003).
FIXED = 256  # the part that every file has; as much again for every signal
PER_SIGNAL = 256
UNIT_AT, LIMITS_AT = 96, 104  # in bytes per signal, after the fixed part
N_SAMPLES_AT = 216  # samples per record
LABEL, NUMBER = 16, 8  # characters
UNITS = ("uV", "µV", "\x83\xcaV", "mV", "V")  # that MNE reads; all else it takes for volts
ANNOTATIONS = ("EDF Annotations", "BDF Annotations")

_TIMEKEEPING = re.compile(rb"([+-]\d+(?:\.\d*)?)\x14\x14")  # the first list of a record of EDF+
_CLOCK = re.compile(r"(\d\d)[.:](\d\d)[.:](\d\d)")


@dataclass(frozen=True)
class EdfHeader:
    """What the header of an EDF or BDF file says about its layout."""

    n_header: int
    is_discontinuous: bool
    n_records: int
    record_seconds: float
    labels: tuple[str, ...]
    n_samples: tuple[int, ...]  # of each signal in a record
    units: tuple[str, ...]
    limits: tuple[tuple[str, ...], ...]  # physical, digital minimum, maximum of each signal
    width: int  # bytes of a sample

    @property
    def record_bytes(self) -> int:
        """Bytes of a record of all signals."""
        return sum(self.n_samples) * self.width


def open_recording(path: Path) -> mne.io.BaseRaw:
    """Return an ``mne.io.Raw`` of the EEG channels of a file, whose signals are not read yet.

    EDF and BDF are checked before; other formats of BIDS are opened as MNE does.

    Raises
    ------
    ValueError
        If the file is empty, truncated, discontinuous or unreadable, has no EEG channel, or does
        not say in which unit its EEG is; the message names it.
    """
    import mne

    if path.suffix.lower() not in (".edf", ".bdf"):
        return _open(mne.io.read_raw, path)
    header = check_edf(path)
    others = [name for name in header.labels if standard_name(name) is None]
    if not len(others) < len(header.labels):
        raise ValueError(
            f"{path} has no channel with the name of an EEG electrode or derivation, only "
            f"{sorted(set(others))}. Rename its channels to the 10-20 system."
        )
    _check_scaling(path, header)
    read = mne.io.read_raw_bdf if path.suffix.lower() == ".bdf" else mne.io.read_raw_edf
    # What is no EEG stays out from the start: ECG that was sampled faster would have MNE bring
    # the EEG to its rate.
    return _open(read, path, exclude=[n for n in others if n not in ANNOTATIONS])


def _open(read: Callable[..., mne.io.BaseRaw], path: Path, **options: list[str]) -> mne.io.BaseRaw:
    try:
        return read(path, preload=False, verbose="ERROR", **options)
    except Exception as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def check_edf(path: Path) -> EdfHeader:
    """Return the header of a file; raise a ValueError if the file is not as its header says."""
    size = path.stat().st_size
    if size == 0:
        raise ValueError(f"{path} is empty (0 bytes). Download or export it again.")
    header = _read_header(path, size)
    if header.n_header != FIXED + PER_SIGNAL * len(header.labels):
        raise ValueError(
            f"{path} has a damaged header: {len(header.labels)} signals need "
            f"{FIXED + PER_SIGNAL * len(header.labels)} bytes of it, not {header.n_header}. "
            "Download or export it again."
        )
    if not 0 < header.record_seconds < np.inf:
        raise ValueError(
            f"{path} has a damaged header: its records last {header.record_seconds:g} s. Download "
            "or export it again."
        )
    expected = header.n_header + header.n_records * header.record_bytes
    if header.n_records >= 0 and size < expected:
        raise ValueError(
            f"{path} is truncated: {size} bytes, but its header announces {header.n_records} "
            f"records, {expected} bytes. Download or export it again."
        )
    if size < header.n_header + header.record_bytes or not header.record_bytes:
        raise ValueError(f"{path} has a header but no signals. Download or export it again.")
    # -1 stands for a recording that was not closed, whose records may be counted.
    if header.n_records >= 0 and size >= expected + header.record_bytes:
        raise ValueError(
            f"{path} holds {(size - header.n_header) // header.record_bytes} records, but its "
            f"header announces {header.n_records}. Download or export it again."
        )
    if header.is_discontinuous:
        _check_gaps(path, header)
    return header


def can_be_read_in_parts(raw: mne.io.BaseRaw) -> bool:
    """Tell whether parts of a recording's EEG are what the whole would be.

    They are not where MNE has to resample, because channels of an EDF have different rates.
    """
    paths = [] if raw.preload else [Path(name) for name in raw.filenames if name is not None]
    headers = [_read_header(p, 0) for p in paths if p.suffix.lower() in (".edf", ".bdf")]
    return all(
        len({n for name, n in zip(one.labels, one.n_samples) if standard_name(name)}) == 1
        for one in headers
    )


def starting_clock(path: Path) -> timedelta | None:
    """Return the time of day at which a recording starts, or None where its header has none."""
    with path.open("rb") as file:
        match = _CLOCK.match(file.read(184)[176:].decode("latin-1"))
    if not match:
        return None
    hours, minutes, seconds = map(int, match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _read_header(path: Path, size: int) -> EdfHeader:
    with path.open("rb") as file:
        fixed = file.read(FIXED).decode("latin-1")
        try:
            n_signals = int(fixed[252:256])
            variable = file.read(max(0, n_signals) * PER_SIGNAL).decode("latin-1")

            def field(at: int, width: int = NUMBER) -> tuple[str, ...]:
                cells = (variable[n_signals * at + k * width :][:width] for k in range(n_signals))
                return tuple(cell.strip(whitespace) for cell in cells)

            header = EdfHeader(
                n_header=int(fixed[184:192]),
                is_discontinuous=fixed[192:197] in ("EDF+D", "BDF+D"),
                n_records=int(fixed[236:244]),
                record_seconds=float(fixed[244:252].replace(",", ".")),
                labels=field(0, LABEL),
                n_samples=tuple(map(int, field(N_SAMPLES_AT))),
                units=field(UNIT_AT),
                limits=tuple(zip(*(field(LIMITS_AT + k * NUMBER) for k in range(4)))),
                width=3 if path.suffix.lower() == ".bdf" else 2,
            )
        except ValueError:
            header = None
    if header is None or n_signals < 1 or min(header.n_samples) < 0:
        raise ValueError(
            f"{path} is not an EDF file, or its header is damaged ({size} bytes). Download or "
            "export it again."
        )
    return header


def _check_scaling(path: Path, header: EdfHeader) -> None:
    """Raise a ValueError if it is not clear how many microvolts a number of an EEG channel is."""
    for label, unit, limits in zip(header.labels, header.units, header.limits):
        if standard_name(label) is None:
            continue
        if unit not in UNITS:
            raise ValueError(
                f"{path} has channel {label} in the unit {unit!r}; expected 'uV', 'mV' or 'V', "
                "spelled so. Correct the unit in its header, or export it again."
            )
        try:
            physical_min, physical_max, digital_min, digital_max = (
                float(number.replace(",", ".")) for number in limits
            )
            scale = (physical_max - physical_min) / max(0.0, digital_max - digital_min)
        except (ValueError, ZeroDivisionError):
            scale = 0.0
        # Physical limits may be reversed, for a signal that points the other way.
        if not 0 < abs(scale) < np.inf:
            raise ValueError(
                f"{path} has channel {label} with physical and digital limits {limits}; expected "
                "numbers, each minimum below its maximum. Download or export it again."
            )


def _check_gaps(path: Path, header: EdfHeader) -> None:
    """Raise a ValueError if the records of an EDF+D file do not follow each other.

    MNE reads such a file as if there were no gaps: all that follows would be at the wrong time.
    """
    signal = next((k for k, label in enumerate(header.labels) if label in ANNOTATIONS), None)
    if signal is None:
        raise ValueError(f"{path} is discontinuous (EDF+D), but does not say where its gaps are.")
    bytes_of = np.array(header.n_samples) * header.width
    before = int(bytes_of[:signal].sum())
    with path.open("rb") as file:
        onset = None
        n_records = (path.stat().st_size - header.n_header) // header.record_bytes
        for record in range(n_records):
            file.seek(header.n_header + record * header.record_bytes + before)
            match = _TIMEKEEPING.match(file.read(int(bytes_of[signal])))
            if not match:
                raise ValueError(f"{path} is discontinuous (EDF+D), but record {record} no time.")
            due = None if onset is None else onset + header.record_seconds
            onset = float(match[1])
            if due is not None and abs(onset - due) > 0.5 * header.record_seconds / max(
                header.n_samples
            ):
                raise ValueError(
                    f"{path} is discontinuous (EDF+D): {onset - due:g} s are missing {due:g} s "
                    "after its start. Windows cannot be cut across gaps: export the parts on "
                    "either side as recordings of their own."
                )
