"""A store of windows: an array, a table and a header in one folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from .._checks import check_finite
from .._version import __version__

FORMAT, VERSION = "geneeg_sk windows", 2
HEADER, ARRAY = "header.json", "X.npy"
TABLE = "metadata"  # the one that every store has
BLOCK_BYTES = 1 << 24  # of windows on their way to the disk


def write_windows(
    folder: str | Path, bunch: Bunch | Iterable[Bunch], *, overwrite: bool = False
) -> None:
    """Write windows to a folder, from which `read_windows` gives them back.

    The folder holds ``X.npy``, ``metadata.parquet`` (with the states and patients of the windows),
    further tables that `bunch` has, and ``header.json``, with checksums of the others. It appears
    when it is complete; nothing is pickled.

    Parameters
    ----------
    folder : str or Path
        Folder to write.
    bunch : sklearn.utils.Bunch, or iterable of them
        Windows as `make_eeg_cohort`, `make_windows` or a loader return them: `X`, `y`, `groups`,
        `metadata`, `info`, and where there are any, `dropped` and further tables. Several, such
        as a generator that makes those of one recording after the other, are written one behind
        the other, and only one is in memory at a time.
    overwrite : bool, default=False
        Replace an earlier store at this place. Any other folder is never replaced.

    Raises
    ------
    FileExistsError
        If the folder exists, and `overwrite` is False or it is no store of windows.
    ValueError
        If there is no window, if parts have different lengths, or `X` is not 3-D, or holds NaN or
        infinity, or if several bunches differ in channels, sampling frequency, length or dtype.

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
    parts = [bunch] if isinstance(bunch, Bunch) else bunch
    _write(Path(folder), parts, overwrite=overwrite, about={})


def read_windows(folder: str | Path, mmap: bool = True, *, verify: bool = True) -> Bunch:
    """Read windows that `write_windows` wrote.

    Parameters
    ----------
    folder : str or Path
        Folder of the store.
    mmap : bool, default=True
        Leave `X` on disk, as a read-only memory map; otherwise read it. Indexing a map by fold
        copies; `WindowRows` does not.
    verify : bool, default=True
        Compare the files with their checksums, which reads all of them once.

    Returns
    -------
    windows : sklearn.utils.Bunch
        `X`, `y`, `groups`, `metadata`, `info`, `sfreq`, `DESCR`, and `dropped` and further tables
        where they were given, as they were written.

    Raises
    ------
    FileNotFoundError
        If `folder` is no store of windows.
    ValueError
        If the store is damaged, or written by another version.
    """
    import mne

    folder = Path(folder)
    if not (folder / HEADER).is_file():
        raise FileNotFoundError(f"{folder} is no store of windows: it has no {HEADER}.")
    header = _read_header(folder)
    try:
        X = np.load(folder / ARRAY, mmap_mode="r" if mmap else None, allow_pickle=False)
        tables = {name: pd.read_parquet(_file(folder, name)) for name in header["tables"]}
        table = tables[TABLE]
        info = mne.create_info(header["channels"], header["sfreq"], "eeg", verbose="ERROR")
        info.set_montage("standard_1005", on_missing="ignore", verbose="ERROR")
        y, groups = (_as_labels(table[key]) for key in ("state", "patient"))
        shape = tuple(header["shape"])
        checksums = dict(header["sha256"])
    except Exception as error:
        raise ValueError(f"{folder} is damaged: {error}. Write it again.") from error
    if X.shape != shape or len(table) != len(X) or X.shape[1] != len(info.ch_names):
        raise ValueError(
            f"{folder} is damaged: {ARRAY} has shape {X.shape}, {TABLE} {len(table)} rows, and "
            f"{HEADER} says {shape}. Write it again."
        )
    for name, expected in checksums.items() if verify else ():
        if _sha256(folder / name) != expected:
            raise ValueError(
                f"{folder} is damaged: {name} is not what was written, its checksum differs. "
                "Write it again."
            )
    dropped = {"dropped": header["dropped"]} if header.get("dropped") is not None else {}
    return Bunch(
        X=X,
        y=y,
        groups=groups,
        info=info,
        sfreq=header["sfreq"],
        DESCR=header.get("descr", ""),
        **tables,
        **dropped,
    )


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
        Called without arguments where there is no such store yet; returns what `write_windows`
        takes. A generator that yields the windows of one recording after the other keeps no more
        than one recording in memory.
    parameters : dict
        All that `make` depends on: numbers, text, paths, arrays, and lists and dicts of these.
    sources : iterable of str or Path, default=()
        Files that are read. A store is made anew when one of them has another size or time of
        change.

    Returns
    -------
    windows : sklearn.utils.Bunch
        As `read_windows` returns it: `X` is a read-only memory map.

    Raises
    ------
    FileNotFoundError
        If one of `sources` is not there.
    TypeError
        If `parameters` hold what has no text that stays the same, such as a function.

    Warns
    -----
    UserWarning
        If a store is damaged (its checksum differs), and is made anew.

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
    place = Path(folder) / f"windows-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    is_damaged = False
    if place.exists():
        try:
            return read_windows(place)
        except ValueError as error:
            is_damaged = True
            warnings.warn(f"{error} This is done now.", stacklevel=2)
    made = make()
    with contextlib.suppress(_MadeMeanwhile):
        parts = [made] if isinstance(made, Bunch) else made
        _write(place, parts, overwrite=is_damaged, about=about)
    return read_windows(place, verify=False)


class _MadeMeanwhile(FileExistsError):
    """Another process has finished the same store first."""


def _write(folder: Path, parts: Iterable[Bunch], *, overwrite: bool, about: dict[str, Any]) -> None:
    if folder.exists() and not (overwrite and _is_store(folder)):
        raise FileExistsError(
            f"{folder} exists; choose another folder, or overwrite=True if it is a store of "
            "windows."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder.parent) as workplace:
        part = Path(workplace) / "windows"
        part.mkdir()
        header = _write_parts(part, parts)
        (part / HEADER).write_text(json.dumps(header | about, indent=1), encoding="utf-8")
        if overwrite and folder.exists():
            os.replace(folder, Path(workplace) / "old")
        try:
            os.replace(part, folder)
        except OSError as error:
            if not folder.exists():
                raise
            raise _MadeMeanwhile(f"{folder} was written by another process.") from error


def _write_parts(folder: Path, parts: Iterable[Bunch]) -> dict[str, Any]:
    """Write array and table one part after the other, and return the header that goes with them."""
    header: dict[str, Any] = {}
    tables: defaultdict[str, list[pd.DataFrame]] = defaultdict(list)
    dropped: Counter | None = None
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
    whole = {name: _joined(some) for name, some in tables.items()}
    for name, table in whole.items():
        table.to_parquet(_file(folder, name))
    return {
        "format": FORMAT,
        "version": VERSION,
        "sfreq": header["sfreq"],
        "channels": header["channels"],
        "states": sorted(map(str, set(whole[TABLE]["state"]))),
        "shape": [n_windows, *header["window"]],
        "descr": described[0] if len(described) == 1 else "",  # else each tells of a part only
        "dropped": dropped,
        "tables": list(whole),
        "sha256": {path.name: _sha256(path) for path in sorted(folder.iterdir())},
    }


def _describe(bunch: Bunch) -> dict[str, Any]:
    """Return what all parts of a store have in common."""
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


def _append(file: BinaryIO, X: Any, start: int) -> None:
    block = np.ascontiguousarray(X)
    try:
        check_finite(block)
    except ValueError as error:
        raise ValueError(f"{error} Windows are counted from number {start} on.") from error
    block.tofile(file)


def _tables(bunch: Bunch) -> dict[str, pd.DataFrame]:
    tables = {
        name: value.reset_index(drop=True)
        for name, value in bunch.items()
        if isinstance(value, pd.DataFrame)
    }
    labels = {"state": np.asarray(bunch.y), "patient": np.asarray(bunch.groups)}
    return tables | {TABLE: tables[TABLE].assign(**labels)}


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    # Types of columns are not known where there is no row.
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _file(folder: Path, table: str) -> Path:
    return folder / f"{table}.parquet"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamps(sources: Iterable[str | Path]) -> list[list[Any]]:
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
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise TypeError(
        f"parameters hold {value!r} of type {type(value).__name__}; expected numbers, text, paths, "
        "arrays, and lists and dicts of these."
    )


def _is_store(folder: Path) -> bool:
    """Tell whether a folder is ours to replace: its array or table may be damaged."""
    try:
        return json.loads((folder / HEADER).read_text(encoding="utf-8"))["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _read_header(folder: Path) -> dict[str, Any]:
    try:
        header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
        is_ours = header["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / HEADER} is damaged or of another program: {error}.") from error
    if not is_ours:
        raise ValueError(f"{folder} is no store of windows, but of format {header['format']!r}.")
    if header.get("version") != VERSION:
        raise ValueError(
            f"{folder} is of version {header.get('version')}, this geneeg_sk reads {VERSION}. "
            "Update geneeg_sk, or write the windows again."
        )
    return header


def _as_labels(column: pd.Series) -> np.ndarray:
    """Return labels as the array they were: text as fixed-width str, numbers as they are."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy()
    return column.to_numpy(dtype=str)
