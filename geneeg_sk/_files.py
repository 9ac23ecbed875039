"""Files that are there whole or not at all, and checksums.

Whatever is written goes into a hidden folder beside its place first, and moves when it is complete.
The folder is locked as long as somebody writes in it, and the lock of a process ends with it: the
next one that writes in the same place removes what a killed one left.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows has no such locks: what a killed process leaves stays there
    fcntl = None  # type: ignore[assignment]

PREFIX = ".writing-locked-"  # start of the name of a hidden folder


@contextlib.contextmanager
def write_whole(path: str | Path) -> Iterator[Path]:
    """Yield the path to write to, with the ending of `path`; the file moves there at the end.

    Until then, and after an error, an older file stays. Folders are made, and links stay links.
    """
    path = Path(path).resolve()
    with workplace(path.parent) as place:
        part = place / f"part{path.suffix}"
        yield part
        os.replace(part, path)


def replace_files(
    part: Path,
    folder: Path,
    *,
    last: str,
    named: Callable[[], set[str]],
    own: Callable[[], re.Pattern[str]],
) -> None:
    """Move the files in `part` into `folder`, and remove its earlier files.

    There is no moment without a whole set of files, or with parts of two, if the last one names the
    others and those have names of their own.

    Parameters
    ----------
    part, folder : Path
        Folders on one file system.
    last : str
        Name of the file that moves last.
    named : callable
        Returns the names of all files that belong to the one called `last` in `folder`; it may
        raise a ValueError or OSError where that one is damaged: nothing is removed then.
    own : callable
        Returns the names of files that may be removed, as a pattern; asked for before anything
        moves.
    """
    with locked(folder):
        ours = own()
        try:
            for path in sorted(part.iterdir(), key=lambda path: path.name == last):
                os.replace(path, folder / path.name)
        finally:
            with contextlib.suppress(ValueError, OSError):
                kept = named()
                for path in folder.iterdir():
                    if path.name not in kept and ours.fullmatch(path.name):
                        with contextlib.suppress(OSError):  # Windows keeps a mapped file
                            path.unlink()


@contextlib.contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """Yield a new hidden folder in `folder`, removed at the end; remove those of killed processes.

    It is locked as long as it is in use, and the lock of a process ends with it, however it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{PREFIX}*"):
        _remove_abandoned(left)
    while True:
        place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
        try:
            with locked(place, shared=True):
                if place.exists():  # else another took it for abandoned before it was locked
                    yield place
                    return
        finally:
            shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Wait for a lock on a folder and hold it, where the file system knows locks."""
    if fcntl is None:
        yield
        return
    with _open_folder(folder) as descriptor:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def _remove_abandoned(place: Path) -> None:
    # An error says that it is in use, gone meanwhile, or that there are no locks.
    with contextlib.suppress(OSError), _open_folder(place) as descriptor:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(place)


@contextlib.contextmanager
def _open_folder(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def check_writable(folder: Path) -> Path:
    """Return the nearest folder that exists, at a place or above it, where files can be written.

    Raises
    ------
    FileExistsError
        If it is a file.
    PermissionError
        If nothing can be written there.
    """
    folder = folder.absolute()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir():
        raise FileExistsError(f"{nearest} is a file; expected a folder. Choose another place.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise PermissionError(f"{nearest} cannot be written. Choose another folder.")
    return nearest


def sha256(content: str | bytes | IO[bytes]) -> str:
    """Return the SHA-256 of text, bytes or an open file, in hexadecimal digits."""
    if isinstance(content, str):
        content = content.encode()
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    return hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]


def seal(content: Any) -> str:
    """Return the SHA-256 of what JSON holds, whatever its layout.

    Raises
    ------
    ValueError
        If it holds NaN or infinity.
    """
    return sha256(json.dumps(content, sort_keys=True, allow_nan=False))
