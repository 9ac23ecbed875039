"""Finished rows on disk, so that a killed comparison goes on where it was."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any


class RowStore:
    """A file of JSON lines; each holds a key and what was found for it.

    A line is written at once and forced to disk. A last line that a kill cut short is ignored.

    Parameters
    ----------
    path : str, Path or None
        The file; it need not exist. None keeps nothing.

    Raises
    ------
    ValueError
        If the file holds something else.
    """

    def __init__(self, path: str | Path | None):
        self.path = None if path is None else Path(path)
        self.found = {} if self.path is None else _read(self.path)

    def append(self, key: str, value: dict[str, Any]) -> None:
        """Keep `value`, made of dicts, lists, text and numbers, under `key`."""
        if self.path is None:
            return
        line = json.dumps({"key": key, "value": _without_nan(value)}, allow_nan=False) + "\n"
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
    found = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            record = json.loads(line)
        except ValueError:
            continue  # cut short by a kill: this row will be computed again
        if not isinstance(record, dict) or set(record) != {"key", "value"}:
            raise ValueError(
                f"{path}, line {number}: not a row of compare_samplers. Name another store."
            )
        found[record["key"]] = _with_nan(record["value"])
    if not found and path.stat().st_size and not _may_be_ours(path):
        raise ValueError(f"{path} is not a store of compare_samplers. Name another file.")
    return found


def _may_be_ours(path: Path) -> bool:
    return path.read_bytes().startswith(b'{"key"')


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _without_nan(value: Any) -> Any:
    """JSON knows no NaN: null stands for it."""
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _with_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_nan(one) for one in value]
    return math.nan if value is None else value
