"""Hidden folders in which things are written before they appear, and locks on folders."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks: what a killed process leaves stays there
    fcntl = None  # type: ignore[assignment]

PREFIX = ".writing-locked-"


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
    with _opened(folder) as descriptor:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def _remove_abandoned(place: Path) -> None:
    # An error says that it is in use, gone meanwhile, or that there are no locks.
    with contextlib.suppress(OSError), _opened(place) as descriptor:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(place)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
