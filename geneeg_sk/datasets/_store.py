"""A store of windows: an array, a table and a header in one folder."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import uuid
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import Bunch

from .._checks import check_finite, check_labels, refuse_masked
from .._files import replace_files, sha256, workplace
from .._version import __version__
from ._store_header import (
    ARRAY,
    FORMAT,
    HEADER,
    TABLE,
    VERSION,
    file_of,
    is_store,
    read_header,
    table_file,
    write_header,
)

BLOCK_BYTES = 1 << 24  # of windows on their way to the disk
# What is read is within these limits, so that a damaged or malicious store fills no memory.
MAX_ROW_BYTES, MAX_TABLE_BYTES = 1 << 16, 1 << 24
MAX_LABEL_LENGTH = 1000  # characters


def write_windows(
    folder: str | Path, bunch: Bunch | Iterable[Bunch], *, overwrite: bool = False
) -> None:
    """Write windows to a folder, from which `read_windows` gives them back.

    The folder holds ``X.npy``, ``metadata.parquet`` (with the states and patients of the windows),
    further tables that `bunch` has, and ``header.json``, with checksums of all. It appears when it
    is complete; nothing is pickled. When a store replaces an earlier one, its files get other
    names, such as ``X-1a2b3c4d.npy``, and the header is replaced last: a reader finds either the
    earlier store or the new one, also where the writing process was killed.

    Parameters
    ----------
    folder : str or Path
        Folder to write.
    bunch : sklearn.utils.Bunch, or iterable of them
        Windows as `make_eeg_cohort`, `make_windows` or a loader return them: `X`, `y`, `groups`,
        `metadata`, `info`, and where there are any, `dropped` and further tables. Several, such
        as a Python generator that yields one recording at a time, are concatenated on disk, with
        only one in memory at a time.
    overwrite : bool, default=False
        Replace an earlier store at this place. Any other folder is never replaced.

    Raises
    ------
    FileExistsError
        If the folder exists, and `overwrite` is False or it is not a store of windows.
    ValueError
        If there is no window, if parts have different lengths, or `X` is not 3-D, or holds NaN,
        infinity, masked or impossibly large samples, if a window has no state or patient, or if
        several bunches differ in channels, sampling frequency, length or dtype.

    See Also
    --------
    cached_windows : Write on the first call, read on the next.

    Examples
    --------
    >>> import tempfile
    >>> from geneeg_sk.datasets import make_eeg_cohort, read_windows, write_windows
    >>> cohort = make_eeg_cohort(n_patients=1, sfreq=64, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_windows(f"{folder}/windows", cohort)
    ...     read_windows(f"{folder}/windows").X.shape
    (92, 19, 256)
    """
    folder = Path(folder)
    if folder.exists() and not (overwrite and is_store(folder)):
        raise FileExistsError(
            f"{folder} exists; choose another folder, or overwrite=True if it is a store of "
            "windows."
        )
    _write(folder, bunch, replace=overwrite, about={})


def read_windows(folder: str | Path, mmap: bool = True, *, verify: bool = True) -> Bunch:
    """Read windows that `write_windows` wrote.

    Parameters
    ----------
    folder : str or Path
        Folder of the store.
    mmap : bool, default=True
        Leave `X` on disk, as a read-only memory map; otherwise read it. Indexing a map with the
        rows of a fold copies them; `WindowRows` does not.
    verify : bool, default=True
        Compare the files with their checksums, which reads all of them once. If False, only the
        checksum of the header and the sizes of the files are compared.

    Returns
    -------
    windows : sklearn.utils.Bunch
        `X`, `y`, `groups`, `metadata`, `info`, `sfreq`, `DESCR`, and `dropped` and further tables
        where they were given, as they were written.

    Raises
    ------
    FileNotFoundError
        If `folder` is not a store of windows.
    ValueError
        If the store is damaged, or written by another version.
    """
    folder = Path(folder)
    header = read_header(folder)
    while True:
        try:
            return _read(folder, header, mmap=mmap, verify=verify)
        except ValueError:
            first, header = header, read_header(folder)
            if header == first:
                raise  # otherwise another process has replaced it


def cached_windows(
    folder: str | Path,
    make: Callable[[], Bunch | Iterable[Bunch]],
    parameters: Mapping[str, Any],
    *,
    sources: Iterable[str | Path] = (),
) -> Bunch:
    """Make windows on the first call, and read them from disk on the next.

    Parameters
    ----------
    folder : str or Path
        Where stores are kept, one for each combination of parameters.
    make : callable
        Called without arguments if there is no store yet; returns what `write_windows` takes. A
        Python generator that yields one recording at a time keeps only that in memory.
    parameters : dict
        Everything that `make` depends on: numbers, text, paths, arrays, lists and dicts of these.
    sources : iterable of str or Path, default=()
        Files that `make` reads. The store is made again when the size or modification time of one
        of them changes.

    Returns
    -------
    windows : sklearn.utils.Bunch
        As `read_windows` returns it: `X` is a read-only memory map.

    Raises
    ------
    FileNotFoundError
        If one of `sources` is not there.
    TypeError
        If `parameters` hold an object that cannot be compared across sessions, such as a function.

    Warns
    -----
    UserWarning
        If a store is damaged (a checksum differs, or a file is missing) and is made again.

    Notes
    -----
    The name of a store is a digest of `parameters`, `sources` and the version of geneeg_sk. It
    appears when it is complete: a call that is interrupted leaves nothing, and of two processes
    that make the same windows, the second to finish reads those of the first.

    Examples
    --------
    >>> import tempfile
    >>> from geneeg_sk.datasets import cached_windows, make_eeg_cohort
    >>> params = {"n_patients": 1, "sfreq": 64, "random_state": 0}
    >>> def make():
    ...     print("making")
    ...     return make_eeg_cohort(**params)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first = cached_windows(folder, make, params)
    ...     again = cached_windows(folder, make, params)
    making
    """
    about = {"parameters": _plain(parameters), "sources": _stamps(sources)}
    identity = json.dumps(about | {"version": __version__}, sort_keys=True)
    place = Path(folder) / f"windows-{sha256(identity)[:16]}"
    is_there = place.exists()
    if is_there:
        try:
            return read_windows(place)
        except (ValueError, FileNotFoundError) as error:
            warnings.warn(f"{error} The windows are made again now.", stacklevel=2)
    with contextlib.suppress(_MadeMeanwhile):
        _write(place, make(), replace=is_there, about=about)
    return read_windows(place, verify=False)


class _MadeMeanwhile(FileExistsError):
    """Another process has finished the same store first."""


def _write(
    folder: Path, parts: Bunch | Iterable[Bunch], *, replace: bool, about: dict[str, Any]
) -> None:
    folder = folder.resolve()  # a link to a store stays one
    with workplace(folder.parent) as place:
        part = place / "windows"
        part.mkdir()
        header = _write_parts(part, [parts] if isinstance(parts, Bunch) else parts) | about
        write_header(part, header)
        try:
            os.replace(part, folder)
        except OSError as error:
            if not folder.is_dir():
                raise
            if not replace:
                raise _MadeMeanwhile(f"{folder} was written by another process.") from error
            _replace(part, folder, header)


def _replace(part: Path, folder: Path, header: dict[str, Any]) -> None:
    """Put new files beside those of a store, and then its header, which names the files."""
    suffix = f"-{uuid.uuid4().hex[:8]}"
    for name in header["files"]:
        (part / name).rename(file_of(part, name, suffix))
    write_header(part, header | {"suffix": suffix})

    def own() -> re.Pattern[str]:
        names = {*header["files"], *_files_of(folder)}
        patterns = (re.escape(name).replace(r"\.", r"(-[0-9a-f]{8})?\.") for name in names)
        return re.compile("|".join(patterns))

    replace_files(part, folder, last=HEADER, named=lambda: _current_files(folder), own=own)


def _current_files(folder: Path) -> set[str]:
    """Return the names of the files that the header of a store names."""
    header = read_header(folder)
    return {file_of(folder, name, header["suffix"]).name for name in header["files"]}


def _files_of(folder: Path) -> list[str]:
    """Return the files of a store, without suffix; none if its header is damaged."""
    try:
        return list(read_header(folder)["files"])
    except (ValueError, OSError):
        return []


def _write_parts(folder: Path, parts: Iterable[Bunch]) -> dict[str, Any]:
    """Write array and table one part after the other, and return the header that goes with them."""
    header: dict[str, Any] = {}
    tables: defaultdict[str, list[pd.DataFrame]] = defaultdict(list)
    dropped: Counter[str] | None = None
    described: list[str] = []
    with (folder / ARRAY).open("wb") as file:
        for bunch in parts:
            own = _describe(bunch)
            header = header or own
            _check_like(own, header)
            if not file.tell():
                _write_array_header(file, own, 0)
            for start in range(0, len(bunch.X), own["block"]):
                _append(file, bunch.X[start : start + own["block"]], start)
            for name, table in _tables(bunch).items():
                tables[name].append(table)
            if own["descr"]:
                described.append(own["descr"])
            if "dropped" in bunch:
                dropped = (dropped or Counter()) + Counter(bunch.dropped)
        n_windows = sum(map(len, tables[TABLE]))
        if not n_windows:
            raise ValueError("there is no window to write. Look at `dropped` for the reasons.")
        file.seek(0)
        _write_array_header(file, header, n_windows)
    whole = {name: _join_tables(some) for name, some in tables.items()}
    for name, table in whole.items():
        table.to_parquet(folder / table_file(name))
    return {
        "format": FORMAT,
        "version": VERSION,
        "sfreq": header["sfreq"],
        "channels": header["channels"],
        "states": sorted(map(str, set(whole[TABLE]["state"]))),
        "shape": [n_windows, *header["window"]],
        "dtype": header["dtype"],
        "descr": described[0] if len(described) == 1 else "",  # else each tells of a part only
        "dropped": None if dropped is None else {str(k): int(n) for k, n in dropped.items()},
        "tables": {name: len(table) for name, table in whole.items()},
        "files": {path.name: _stamp(path) for path in sorted(folder.iterdir())},
        "suffix": "",
    }


def _describe(bunch: Bunch) -> dict[str, Any]:
    """Return what all parts of a store have in common."""
    refuse_masked(bunch.X, "X")
    for name in ("y", "groups"):
        _as_labels(bunch[name], name)
    shape, dtype = np.shape(bunch.X), np.dtype(getattr(bunch.X, "dtype", object))
    if len(shape) != 3 or dtype.kind != "f" or shape[1] != len(bunch.info.ch_names):
        raise ValueError(
            f"X has shape {shape} and dtype {dtype}; expected floats of shape (n_windows, "
            f"{len(bunch.info.ch_names)}, n_times), with the channels of info."
        )
    lengths = {name: len(bunch[name]) for name in ("X", "y", "groups", "metadata")}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"parts have different lengths: {lengths}.")
    return {
        "sfreq": float(bunch.info["sfreq"]),
        "channels": list(bunch.info.ch_names),
        "window": list(shape[1:]),
        "dtype": dtype.str,
        "descr": bunch.get("DESCR", ""),
        "block": max(1, BLOCK_BYTES // max(1, shape[1] * shape[2] * dtype.itemsize)),
    }


def _check_like(own: dict[str, Any], first: dict[str, Any]) -> None:
    for name in ("channels", "sfreq", "window", "dtype"):
        if own[name] != first[name]:
            raise ValueError(
                f"all windows of a store have the same {name}, but these have {own[name]} and the "
                f"first have {first[name]}. Pick, resample and cut them in the same way."
            )


def _write_array_header(file: BinaryIO, header: dict[str, Any], n_windows: int) -> None:
    # NumPy leaves room in the header for any number of rows, so that it can be written again.
    np.lib.format.write_array_header_1_0(
        file,
        {
            "descr": header["dtype"],
            "fortran_order": False,
            "shape": (n_windows, *header["window"]),
        },
    )


def _append(file: BinaryIO, X: np.ndarray, start: int) -> None:
    block = np.ascontiguousarray(X)
    check_finite(block, np.arange(start, start + len(block)))
    block.tofile(file)


def _tables(bunch: Bunch) -> dict[str, pd.DataFrame]:
    tables = {
        name: value.reset_index(drop=True)
        for name, value in bunch.items()
        if isinstance(value, pd.DataFrame)
    }
    labels = {"state": np.asarray(bunch.y), "patient": np.asarray(bunch.groups)}
    return tables | {TABLE: tables[TABLE].assign(**labels)}


def _join_tables(tables: list[pd.DataFrame]) -> pd.DataFrame:
    # Types of columns are not known where there is no row.
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _stamp(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": sha256(file)}


def _stamps(sources: Iterable[str | Path]) -> list[list[str | int]]:
    """Return name, size and time of change of each file."""
    paths = list(map(Path, sources))
    return sorted([path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in paths)


def _plain(value: Any) -> Any:
    """Return parameters as JSON knows them.

    Raises
    ------
    TypeError
        If one of them has no text that stays the same from call to call.
    """
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, Path) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)  # JSON has neither NaN nor infinity
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise TypeError(
        f"parameters hold {value!r} of type {type(value).__name__}; expected numbers, text, paths, "
        "arrays, and lists and dicts of these."
    )


def _read(folder: Path, header: dict[str, Any], *, mmap: bool, verify: bool) -> Bunch:
    """Read the store of which `header` tells; nothing is taken into memory before it is checked."""
    import mne

    try:
        # All are opened first: what is open stays readable, even if it is replaced now.
        with contextlib.ExitStack() as stack:
            files = {
                name: stack.enter_context(_open(folder, name, header)) for name in header["files"]
            }
            if verify:
                for name, file in files.items():
                    _check_sum(file, name, header)
            X = _read_array(files[ARRAY], header, mmap=mmap)
            tables = {
                name: _read_table(files[table_file(name)], n_rows)
                for name, n_rows in header["tables"].items()
            }
        y, groups = (_as_labels(tables[TABLE][key], key) for key in ("state", "patient"))
        info = mne.create_info(header["channels"], header["sfreq"], "eeg", verbose="ERROR")
        info.set_montage("standard_1005", on_missing="ignore", verbose="ERROR")
    except Exception as error:
        raise ValueError(f"{folder} is damaged: {error}. Write it again.") from error
    dropped = {"dropped": header["dropped"]} if header["dropped"] is not None else {}
    return Bunch(
        X=X,
        y=y,
        groups=groups,
        info=info,
        sfreq=header["sfreq"],
        DESCR=header["descr"],
        **tables,
        **dropped,
    )


def _open(folder: Path, name: str, header: dict[str, Any]) -> BufferedReader:
    path, expected = file_of(folder, name, header["suffix"]), header["files"][name]["bytes"]
    if not path.is_file():  # of a pipe or a device, the mere opening may never end
        raise ValueError(f"{name} is missing")
    file = open(str(path), "rb")  # noqa: SIM115
    if (size := os.fstat(file.fileno()).st_size) != expected:
        file.close()
        raise ValueError(f"{name} has {size} bytes instead of {expected}")
    return file


def _check_sum(file: BufferedReader, name: str, header: dict[str, Any]) -> None:
    if sha256(file) != header["files"][name]["sha256"]:
        raise ValueError(f"{name} is not what was written, its checksum differs")
    file.seek(0)


def _read_array(file: BufferedReader, header: dict[str, Any], *, mmap: bool) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    shape, in_fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    n_bytes = file.tell() + math.prod(shape) * dtype.itemsize
    found = (version, list(shape), dtype.str, in_fortran_order, n_bytes)
    expected = ((1, 0), header["shape"], header["dtype"], False, header["files"][ARRAY]["bytes"])
    if found != expected:
        raise ValueError(
            f"{ARRAY} has shape {shape} and dtype {dtype}, but {HEADER} says "
            f"{header['shape']} and {header['dtype']}"
        )
    if mmap:
        return np.memmap(file, dtype, "r", file.tell(), shape)
    return np.fromfile(file, dtype).reshape(shape)


def _read_table(file: BufferedReader, n_rows: int) -> pd.DataFrame:
    from pyarrow import parquet

    about = parquet.read_metadata(file)
    n_bytes = sum(about.row_group(k).total_byte_size for k in range(about.num_row_groups))
    if about.num_rows != n_rows or n_bytes > n_rows * MAX_ROW_BYTES + MAX_TABLE_BYTES:
        raise ValueError(f"a table of {about.num_rows} rows, {n_bytes} bytes, is not {n_rows} rows")
    file.seek(0)
    return pd.read_parquet(file)


def _as_labels(column: ArrayLike, name: str) -> np.ndarray:
    """Return labels as the array they were: text as fixed-width str, numbers as they are."""
    labels = check_labels(column, name)
    if pd.api.types.is_numeric_dtype(labels):
        return labels
    texts = list(map(str, labels))
    if max(map(len, texts), default=0) > MAX_LABEL_LENGTH:
        raise ValueError(f"{name} has an entry of more than {MAX_LABEL_LENGTH} characters.")
    return np.array(texts, dtype=str)
