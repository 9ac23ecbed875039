"""Finished rows on disk, so that a killed comparison goes on where it was."""

from __future__ import annotations

import json
import math
import os
import warnings
from pathlib import Path
from typing import Any

from geneeg_sk._files import seal

START = b'{"key"'  # of a line, also of one that was cut short


class RowStore:
    """A file of JSON lines; each holds a key, what was found for it, and a checksum of both.

    A line is written at once and forced to disk. A last line that a kill cut short is ignored.

    Parameters
    ----------
    path : str, Path or None
        The file; it need not exist. None keeps nothing.

    Raises
    ------
    ValueError
        If the file holds something else.

    Warns
    -----
    UserWarning
        If rows are damaged: they are ignored, too.
    """

    def __init__(self, path: str | Path | None):
        self.path = None if path is None else Path(path)
        self.found = {} if self.path is None else _read(self.path)

    def append(self, key: str, value: dict[str, Any]) -> None:
        """Keep `value`, made of dicts, lists, text and numbers, under `key`."""
        if self.path is None:
            return
        record = {"key": key, "value": _encode(value)}
        line = json.dumps({**record, "sha256": seal(record)}, allow_nan=False) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            # After a line that was cut short, start a new one.
            file.write(b"" if _ends_whole(self.path) else b"\n")
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    if not path.is_file():
        raise ValueError(f"{path} is not a file. Name another store.")
    found, n_other = {}, 0
    for line in path.read_bytes().splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue  # cut short by a kill: this row will be computed again
        if _is_whole(record):
            found[record["key"]] = _decode(record["value"])
        else:
            n_other += 1
    if not found and path.stat().st_size and (n_other or not path.read_bytes().startswith(START)):
        raise ValueError(
            f"{path} is not a store of compare_samplers, or all its rows are damaged or of an "
            "earlier version. Name another file."
        )
    if n_other:
        warnings.warn(
            f"{n_other} lines of {path} are damaged, or no rows of compare_samplers. They are not "
            "used: what they held is computed again.",
            stacklevel=4,
        )
    return found


def _is_whole(record: object) -> bool:
    if not isinstance(record, dict) or set(record) != {"key", "value", "sha256"}:
        return False
    try:
        return record.pop("sha256") == seal(record)
    except ValueError:  # NaN or infinity, which are never written
        return False


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _encode(value: Any) -> Any:
    """JSON knows no NaN and no infinity: null, and a dict with a text, stand for them."""
    if isinstance(value, dict):
        return {key: _encode(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_encode(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else {"float": str(value)}
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"float"}:
            return float(value["float"])
        return {key: _decode(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_decode(one) for one in value]
    return math.nan if value is None else value
