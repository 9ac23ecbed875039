"""The header of a store of windows: which files it has, what is in them, and checksums of all."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NoReturn

from .._files import seal

FORMAT, VERSION = "geneeg_sk windows", 3
HEADER, ARRAY = "header.json", "X.npy"
TABLE = "metadata"  # the one that every store has
MAX_BYTES = 1 << 26  # of a header


def table_file(table: str) -> str:
    """Return the name of a table's file."""
    return f"{table}.parquet"


def file_of(folder: Path, name: str, suffix: str) -> Path:
    """Return where a file is; `suffix` is "" but in a store that was written over another.

    >>> file_of(Path("store"), "X.npy", "-1a2b3c4d").name
    'X-1a2b3c4d.npy'
    """
    stem, _, ending = name.rpartition(".")
    return folder / f"{stem}{suffix}.{ending}"


def is_store(folder: Path) -> bool:
    """Tell whether a folder is ours to replace: any of its files may be damaged."""
    try:
        return _parse_header(folder / HEADER)["format"] == FORMAT
    except ValueError:
        return any(folder.glob("X*.npy")) and any(folder.glob(f"{TABLE}*.parquet"))
    except (OSError, KeyError, TypeError):
        return False


def write_header(folder: Path, header: dict[str, Any]) -> None:
    """Write a header with a checksum of itself."""
    header = json.loads(json.dumps(header, allow_nan=False))  # as it will be read
    text = json.dumps(header | {"sha256": seal(header)}, indent=1)
    (folder / HEADER).write_text(text, encoding="utf-8")


def read_header(folder: Path) -> dict[str, Any]:
    """Return a header, checked and without its own checksum.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is damaged, of another program or version, or has impossible values.
    """
    path = folder / HEADER
    try:
        header = _parse_header(path)
        is_ours = header["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged or of another program: {error}.") from error
    if not is_ours:
        raise ValueError(f"{folder} is not a store of windows, but of format {header['format']!r}.")
    if header.get("version") != VERSION:
        raise ValueError(
            f"{folder} is of version {header.get('version')}, this geneeg_sk reads {VERSION}. "
            "Update geneeg_sk, or write the windows again."
        )
    try:
        is_good = header.pop("sha256") == seal(header) and _is_possible(header)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_good = False
    if not is_good:
        raise ValueError(
            f"{folder} is damaged: {HEADER} is not what was written, its checksum differs or its "
            "values are impossible. Write it again."
        )
    return header


def _parse_header(path: Path) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not a number")

    if not path.is_file():  # a pipe or a device may never end
        raise FileNotFoundError(f"{path.parent} is not a store of windows: it has no {HEADER}.")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes")
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("it has too many brackets") from error


def _is_possible(header: dict[str, Any]) -> bool:
    """Tell whether the values of a header go together: it may have been written by hand."""
    shape, channels, tables = (header[name] for name in ("shape", "channels", "tables"))
    numbers = [*shape, *tables.values(), *(file["bytes"] for file in header["files"].values())]
    return (
        all(type(number) is int and number >= 0 for number in numbers)
        and len(shape) == 3
        and min(shape) > 0
        and len({str(name) for name in channels}) == len(channels) == shape[1]
        and all(isinstance(name, str) for name in channels)
        and type(header["sfreq"]) is float
        and header["sfreq"] > 0
        and re.fullmatch("[<>]f(2|4|8|16)", header["dtype"]) is not None
        and tables[TABLE] == shape[0]
        and set(header["files"]) == {ARRAY, *map(table_file, tables)}
        and all(Path(name).name == name for name in header["files"])
        and re.fullmatch("(-[0-9a-f]{8})?", header["suffix"]) is not None
        and isinstance(header["descr"], str)
        and _are_counts(header["dropped"])
    )


def _are_counts(dropped: object) -> bool:
    """Tell whether these are reasons and how often each occurred, or None."""
    return dropped is None or (
        isinstance(dropped, dict) and all(type(n) is int and n >= 0 for n in dropped.values())
    )
