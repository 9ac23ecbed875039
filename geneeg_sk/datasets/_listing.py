"""What a database says about its recordings: which there are, of whom, and their seizures."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Seizure:
    """One annotated seizure, in seconds from the start of its recording."""

    onset: float
    duration: float
    source: Path
    line: int


@dataclass
class Listed:
    """One recording as its annotation file names it; `path` is None where the file is absent."""

    name: str
    path: Path | None
    patient: str
    seizures: list[Seizure] = field(default_factory=list)


def existing_folder(folder: str | Path) -> Path:
    """Return `folder` as a Path; raise where it is none."""
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; expected the folder of a database.")
    return folder


def find(folder: Path, ending: str) -> list[Path]:
    """Return the files below `folder` whose name ends so, in whatever case, sorted."""
    return sorted(p for p in folder.rglob("*") if p.name.lower().endswith(ending) and p.is_file())


def find_beside(source: Path, name: str) -> Path | None:
    """Return the file of that name in the folder of `source`, whatever the case of its letters."""
    wanted = name.strip().lower()
    return next((p for p in sorted(source.parent.iterdir()) if p.name.lower() == wanted), None)


def relative_name(source: Path, name: str, folder: Path) -> str:
    """Return the name of a recording beside `source`, relative to the database's folder."""
    return (source.parent / name.strip()).relative_to(folder).as_posix()


def read_lines(source: Path) -> list[str]:
    """Return the lines of a text file; old files with stray bytes are read all the same."""
    return source.read_text(encoding="utf-8-sig", errors="replace").splitlines()


def bad_line(source: Path, line: int, what: str) -> ValueError:
    """Return an error that names file and line."""
    return ValueError(f"{source}, line {line}: {what}")


def present(listed: Iterable[Listed]) -> list[Listed]:
    """Return the recordings whose file is there; warn about the others."""
    listed = list(listed)
    absent = [one.name for one in listed if one.path is None]
    if absent:
        shown = ", ".join(absent[:5]) + (", ..." if len(absent) > 5 else "")
        warnings.warn(
            f"{len(absent)} of {len(listed)} annotated recordings have no file: {shown}",
            stacklevel=4,
        )
    return [one for one in listed if one.path is not None]


def warn_of_unlisted(listed: Iterable[Listed], folder: Path) -> None:
    """Warn about recordings below `folder` of which no annotation file knows."""
    known = {one.path for one in listed}
    unknown = [p for ending in (".edf", ".bdf") for p in find(folder, ending) if p not in known]
    if unknown:
        shown = ", ".join(p.name for p in unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        warnings.warn(
            f"{len(unknown)} recordings below {folder} are not annotated and not loaded: {shown}",
            stacklevel=4,
        )
