"""Open an EDF or BDF file, and say clearly what is wrong with a damaged one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FIXED = 256  # bytes of the header that every file has, and again for every signal
N_SAMPLES_AT = 216  # where the samples per record stand, in bytes per signal (EDF specification)


def open_edf(path: Path) -> Any:
    """Return an ``mne.io.Raw`` whose signals are not read yet.

    Raises
    ------
    ValueError
        If the file is empty, truncated, or not EDF; the message names it.
    """
    import mne

    check_edf(path)
    read = mne.io.read_raw_bdf if path.suffix.lower() == ".bdf" else mne.io.read_raw_edf
    try:
        return read(path, preload=False, verbose="ERROR")
    except Exception as error:
        raise ValueError(f"{path} cannot be read as EDF: {error}") from error


def check_edf(path: Path) -> None:
    """Raise a ValueError if a file is shorter than its header says."""
    size = path.stat().st_size
    if size == 0:
        raise ValueError(f"{path} is empty (0 bytes). Download or export it again.")
    with path.open("rb") as file:
        head = file.read(FIXED)
        try:
            n_header, n_records, n_signals = (
                int(head[at]) for at in (slice(184, 192), slice(236, 244), slice(252, 256))
            )
            file.seek(FIXED + n_signals * N_SAMPLES_AT)
            n_samples = [int(file.read(8)) for _ in range(n_signals)]
        except ValueError:
            raise ValueError(
                f"{path} is not an EDF file, or its header is damaged ({size} bytes). Download or "
                "export it again."
            ) from None
    width = 3 if path.suffix.lower() == ".bdf" else 2
    expected = n_header + n_records * sum(n_samples) * width
    if n_records >= 0 and size < expected:
        raise ValueError(
            f"{path} is truncated: {size} bytes, but its header announces {n_records} records, "
            f"{expected} bytes. Download or export it again."
        )
    if size <= n_header:
        raise ValueError(f"{path} has a header but no signals. Download or export it again.")
