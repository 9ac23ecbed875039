"""Windows on disk that are read when they are needed; a fold is an array of row numbers."""

from __future__ import annotations

import contextlib
import mmap
import platform
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.base import BaseEstimator

from .._checks import check_finite, check_windows
from .._typing import WindowSource

BLOCK_BYTES = 1 << 22  # of windows read at a time, where all are gone through


class WindowRows:
    """Windows that stay on disk: choosing some of them chooses row numbers and copies nothing.

    Indexing a memory map with the rows of a fold copies them into memory. Here ``X[rows]`` is
    another `WindowRows`; only ``np.asarray(X[rows])`` or ``X[5]`` read windows, and only those.
    Scikit-learn's splitters and `cross_validate` take it, and joblib passes it to other processes
    as file names and row numbers. ``CNNBiLSTMClassifier`` trains on it and predicts from it,
    minibatch by minibatch; other estimators convert it to one array of all windows.

    Parameters
    ----------
    *sources : memory maps, arrays or WindowRows, each of shape (n_windows, n_channels, n_times)
        Windows in microvolts, such as ``read_windows(folder).X``. Several are concatenated: real
        and synthetic windows, or the stores of several databases.
    rows : array-like of int, default=None
        Which rows of all sources, in this order; None: all.

    Attributes
    ----------
    shape : tuple
        (n_windows, n_channels, n_times).
    ndim, nbytes : int
        3, and the bytes that the windows would take in memory.
    dtype : numpy.dtype
        Type of the windows when they are read.
    rows : ndarray of int
        Row numbers in the concatenated sources.

    See Also
    --------
    cached_windows : Windows that are written once and given back as a memory map.

    Notes
    -----
    A source has `shape`, `dtype` and a length, and returns an array when indexed with an array of
    row numbers. One with an attribute ``generated`` makes new windows every time it is read, see
    :func:`~geneeg_sk.over_sampling.augment_rows`.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from geneeg_sk.datasets import WindowRows, make_eeg_cohort, read_windows, write_windows
    >>> cohort = make_eeg_cohort(n_patients=2, sfreq=64, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_windows(f"{folder}/windows", cohort)
    ...     windows = read_windows(f"{folder}/windows")
    ...     X = WindowRows(windows.X)
    ...     fold = X[windows.groups == windows.groups[0]]
    ...     print(fold)
    ...     np.asarray(fold[[3, 1]]).shape
    WindowRows(92 of 184 windows, 19 channels, 256 times, float32)
    (2, 19, 256)
    """

    ndim = 3

    def __init__(self, *sources: WindowSource, rows: ArrayLike | None = None) -> None:
        shapes = [np.shape(source) for source in sources]
        if not shapes or any(len(shape) != 3 for shape in shapes):
            raise ValueError(
                f"WindowRows got sources of shapes {shapes}; expected one or more of shape "
                "(n_windows, n_channels, n_times)."
            )
        if len({shape[1:] for shape in shapes}) > 1:
            raise ValueError(
                f"sources hold windows of different channels or times: {shapes}. Cut and pick "
                "them in the same way."
            )
        self._sources = sources
        self._starts = np.cumsum([0] + [shape[0] for shape in shapes])
        self.dtype = np.result_type(*(source.dtype for source in sources))
        every = np.arange(self._starts[-1])
        self.rows = every if rows is None else every[np.asarray(rows, dtype=int)]
        self.shape = (len(self.rows), *shapes[0][1:])

    @property
    def nbytes(self) -> int:
        """Bytes that the windows would take in memory."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        n_windows, n_channels, n_times = self.shape
        return (
            f"WindowRows({n_windows} of {self._starts[-1]} windows, {n_channels} channels, "
            f"{n_times} times, {self.dtype})"
        )

    def __getitem__(self, key: int | slice | Sequence[int] | np.ndarray | tuple[Any, ...]) -> Any:
        """Return one window as an array, or several as WindowRows, which reads nothing yet."""
        if isinstance(key, tuple):
            key, *inside = key
            if any(part is not Ellipsis and part != slice(None) for part in inside):
                raise IndexError(
                    "WindowRows is indexed by window only. Read the windows first, "
                    "np.asarray(X[rows])[:, channels], or store them with the channels wanted."
                )
        chosen = self.rows[key]
        if np.ndim(chosen) == 0:
            return self._read(chosen[None])[0]
        return WindowRows(*self._sources, rows=chosen)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """Read all windows; neighbors in a memory map are a view of it, and not copied."""
        if copy is False and not self._is_view():
            raise ValueError("WindowRows has to be read, and cannot be an array without a copy.")
        X = self._read(self.rows)
        return X.astype(dtype or X.dtype, copy=bool(copy))

    def stored_blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the stored windows, some megabytes at a time; generated ones are left out.

        Yields
        ------
        places : ndarray of int
            Where in this object the windows are.
        X : ndarray of shape (n_places, n_channels, n_times)
            The windows, in microvolts.
        """
        generated = [getattr(source, "generated", False) for source in self._sources]
        places = np.flatnonzero(~np.array(generated)[self._source_of(self.rows)])
        size = max(1, BLOCK_BYTES // max(1, self.nbytes // max(1, len(self))))
        for start in range(0, len(places), size):
            some = places[start : start + size]
            yield some, self._read(self.rows[some])

    @property
    def is_stored(self) -> bool:
        """Whether all windows are there already, and none is generated when it is read."""
        return all(
            source.is_stored
            if isinstance(source, WindowRows)
            else not getattr(source, "generated", False)
            for source in self._sources
        )

    def _source_of(self, rows: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._starts, rows, side="right") - 1

    def _is_view(self) -> bool:
        one_source = len(set(self._source_of(self.rows).tolist())) == 1
        return one_source and _are_consecutive(self.rows)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        source_of = self._source_of(rows)
        found = np.unique(source_of)
        if len(found) == 1:
            return self._read_from(found[0], rows).astype(self.dtype, copy=False)
        X = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for which in found:
            here = source_of == which
            X[here] = self._read_from(which, rows[here])
        return X

    def _read_from(self, which: int, rows: np.ndarray) -> np.ndarray:
        source, rows = self._sources[which], rows - self._starts[which]
        if isinstance(source, _File):
            source = source.open()  # raises again what it did before
        _let_go(source)
        if _are_consecutive(rows) and isinstance(source, np.ndarray):
            return np.asarray(source[rows[0] : rows[-1] + 1])
        return np.asarray(source[rows])

    def __getstate__(self) -> dict[str, Any]:
        """Pickle memory maps as the names of their files, so that little is sent to a process."""
        small = {"_sources": tuple(map(_as_file, self._sources)), "rows": pack_rows(self.rows)}
        return self.__dict__ | small

    def __setstate__(self, state: dict[str, Any]) -> None:
        opened = tuple(s.opened() if isinstance(s, _File) else s for s in state["_sources"])
        self.__dict__ = state | {"_sources": opened, "rows": unpack_rows(state["rows"])}


class _File:
    """The file of a memory map, and what is where in it."""

    def __init__(self, source: np.memmap) -> None:
        self.name = str(source.filename)
        self.dtype, self.offset, self.shape = source.dtype, source.offset, source.shape
        self.in_c_order = source.flags.c_contiguous

    def open(self) -> np.memmap:
        """Return the memory map again.

        Raises
        ------
        FileNotFoundError, ValueError
            If the file is not there, or shorter.
        """
        order: Literal["C", "F"] = "C" if self.in_c_order else "F"
        try:
            return np.memmap(self.name, self.dtype, "r", self.offset, self.shape, order)
        except (OSError, ValueError) as error:
            raise type(error)(
                f"{platform.node()} cannot read {self.name} ({error}). WindowRows go from process "
                "to process by the name of their file: keep the store in a folder that all of them "
                "see at this place, or give an array."
            ) from error

    def opened(self) -> np.memmap | _File:
        """Return the memory map, or itself: an error while unpickling is not always passed on."""
        try:
            return self.open()
        except (OSError, ValueError):
            return self


def _let_go(source: object) -> None:
    """Give back the pages of a map that earlier reads have touched.

    They are the system's, which keeps what it has room for. But they count as this process's
    memory, by which managers of clusters judge: they would end it when it has read its fold.
    """
    if isinstance(source, np.memmap) and source.mode == "r" and isinstance(source.base, mmap.mmap):
        with contextlib.suppress(AttributeError, OSError):  # not every system knows this
            source.base.madvise(mmap.MADV_DONTNEED)


def _as_file(source: WindowSource) -> WindowSource | _File:
    # A part of a map keeps the offset of the whole, and cannot be found again by it.
    if isinstance(source, np.memmap) and isinstance(source.base, mmap.mmap):
        return _File(source)
    return source


def pack_rows(rows: np.ndarray) -> np.ndarray | tuple[int, int, bytes]:
    """Return row numbers in little room, if they ascend as those of folds do; see `unpack_rows`."""
    if not len(rows) or rows[0] < 0 or (np.diff(rows) <= 0).any():
        return rows
    chosen = np.zeros(rows[-1] - rows[0] + 1, bool)
    chosen[rows - rows[0]] = True
    return int(rows[0]), len(chosen), zlib.compress(np.packbits(chosen).tobytes(), 1)


def unpack_rows(packed: np.ndarray | tuple[int, int, bytes]) -> np.ndarray:
    """Return the row numbers that `pack_rows` was given, as integers of the usual size."""
    if isinstance(packed, np.ndarray):
        return packed
    first, n_bits, bits = packed
    chosen = np.unpackbits(np.frombuffer(zlib.decompress(bits), np.uint8), count=n_bits)
    return np.flatnonzero(chosen) + first


def _are_consecutive(rows: np.ndarray) -> bool:
    return len(rows) > 0 and bool((np.diff(rows) == 1).all())


def check_rows(estimator: BaseEstimator, X: WindowRows, *, reset: bool) -> WindowRows:
    """Check windows as `check_windows` does, some at a time, and return them as they came.

    Raises
    ------
    ValueError
        If they have other channels or times than `estimator` was fitted on, are none, or hold NaN,
        infinity or impossibly large samples.
    """
    # Shape and number of windows are checked on one that takes no memory.
    check_windows(estimator, np.zeros((min(len(X), 1), *X.shape[1:]), np.float32), reset=reset)
    for places, block in X.stored_blocks():
        check_finite(block, places)
    return X
