"""A store of windows: an array, a table and a header in one folder."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from .._checks import check_finite

FORMAT, VERSION = "geneeg_sk windows", 1
HEADER, ARRAY, TABLE = "header.json", "X.npy", "metadata.parquet"


def write_windows(folder: str | Path, bunch: Bunch, *, overwrite: bool = False) -> None:
    """Write windows to a folder, from which `read_windows` gives them back.

    The folder holds ``X.npy``, ``metadata.parquet`` (with the states and patients of the windows)
    and ``header.json``. It appears when it is complete; nothing is pickled.

    Parameters
    ----------
    folder : str or Path
        Folder to write.
    bunch : sklearn.utils.Bunch
        Windows as `make_eeg_cohort`, `make_windows` or a loader return them: `X`, `y`, `groups`,
        `metadata`, `info`.
    overwrite : bool, default=False
        Replace an earlier store at this place. Any other folder is never replaced.

    Raises
    ------
    FileExistsError
        If the folder exists, and `overwrite` is False or it is no store of windows.
    ValueError
        If parts have different lengths, or `X` is not 3-D, or holds NaN or infinity.

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
    X, table = _check(bunch)
    if folder.exists() and not (overwrite and _is_store(folder)):
        raise FileExistsError(
            f"{folder} exists; choose another folder, or overwrite=True if it is a store of "
            "windows."
        )
    header = {
        "format": FORMAT,
        "version": VERSION,
        "sfreq": float(bunch.info["sfreq"]),
        "channels": list(bunch.info.ch_names),
        "states": sorted(map(str, set(table["state"]))),
        "shape": list(X.shape),
        "descr": bunch.get("DESCR", ""),
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder.parent) as workplace:
        part = Path(workplace) / "windows"
        part.mkdir()
        np.save(part / ARRAY, X, allow_pickle=False)
        table.to_parquet(part / TABLE)
        (part / HEADER).write_text(json.dumps(header, indent=1), encoding="utf-8")
        if folder.exists():
            os.replace(folder, Path(workplace) / "old")
        os.replace(part, folder)


def read_windows(folder: str | Path, mmap: bool = True) -> Bunch:
    """Read windows that `write_windows` wrote.

    Parameters
    ----------
    folder : str or Path
        Folder of the store.
    mmap : bool, default=True
        Leave `X` on disk, as a read-only memory map; otherwise read it.

    Returns
    -------
    windows : sklearn.utils.Bunch
        `X`, `y`, `groups`, `metadata`, `info`, `sfreq`, `DESCR`, as they were written.

    Raises
    ------
    FileNotFoundError
        If `folder` is no store of windows.
    ValueError
        If the store is damaged, or written by a later version.
    """
    import mne

    folder = Path(folder)
    if not (folder / HEADER).is_file():
        raise FileNotFoundError(f"{folder} is no store of windows: it has no {HEADER}.")
    header = _read_header(folder)
    try:
        X = np.load(folder / ARRAY, mmap_mode="r" if mmap else None, allow_pickle=False)
        table = pd.read_parquet(folder / TABLE)
        info = mne.create_info(header["channels"], header["sfreq"], "eeg", verbose="ERROR")
        info.set_montage("standard_1005", on_missing="ignore", verbose="ERROR")
        y, groups = (_as_labels(table[key]) for key in ("state", "patient"))
        shape = tuple(header["shape"])
    except Exception as error:
        raise ValueError(f"{folder} is damaged: {error}. Write it again.") from error
    if X.shape != shape or len(table) != len(X) or X.shape[1] != len(info.ch_names):
        raise ValueError(
            f"{folder} is damaged: {ARRAY} has shape {X.shape}, {TABLE} {len(table)} rows, and "
            f"{HEADER} says {shape}. Write it again."
        )
    return Bunch(
        X=X,
        y=y,
        groups=groups,
        metadata=table,
        info=info,
        sfreq=header["sfreq"],
        DESCR=header.get("descr", ""),
    )


def _check(bunch: Bunch) -> tuple[np.ndarray, pd.DataFrame]:
    X = np.asarray(bunch.X)
    if X.ndim != 3 or X.dtype.kind != "f" or X.shape[1] != len(bunch.info.ch_names):
        raise ValueError(
            f"X has shape {X.shape} and dtype {X.dtype}; expected floats of shape (n_windows, "
            f"{len(bunch.info.ch_names)}, n_times), with the channels of info."
        )
    lengths = {name: len(bunch[name]) for name in ("X", "y", "groups", "metadata")}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"parts have different lengths: {lengths}.")
    check_finite(X)
    table = bunch.metadata.reset_index(drop=True)
    return X, table.assign(state=np.asarray(bunch.y), patient=np.asarray(bunch.groups))


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
