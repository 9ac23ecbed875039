"""What a database says about its recordings: which there are, of whom, and their seizures."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ._left_out import LeftOut

MAX_BYTES = 1 << 26  # of an annotation file
SIGNALS = (".edf", ".bdf")
SKIPPED = {"derivatives", "sourcedata", "code"}  # folders of BIDS that hold copies and programs


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


@dataclass(frozen=True)
class Layout:
    """How a database is laid out: where its annotations are, and how they read."""

    name: str
    annotations: str  # what their files are called, for people
    sources: Callable[[Path], list[Path]]
    parse: Callable[[Path, Path], list[Listed]]  # one source, the database's folder

    def read(self, folder: Path, left_out: LeftOut) -> list[Listed]:
        """Return the recordings that all annotation files below `folder` name."""
        listed: list[Listed] = []
        for source in self.sources(folder):
            with left_out.when_wrong(source.relative_to(folder).as_posix()):
                listed += self.parse(source, folder)
        return listed


def existing_folder(folder: str | Path) -> Path:
    """Return `folder` as a Path; raise where it is none."""
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; expected the folder of a database.")
    return folder


def find(folder: Path, *endings: str) -> list[Path]:
    """Return the files below `folder` with one of these endings, in upper or lower case, sorted.

    Hidden files and folders, and copies beside a BIDS data set, are not entered.
    """
    return sorted(
        path
        for path in folder.rglob("*")
        if path.name.lower().endswith(endings)
        and not any(part in SKIPPED or part[0] == "." for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def find_beside(source: Path, name: str) -> Path | None:
    """Return the file of that name in the folder of `source`, whatever the case of its letters."""
    wanted = name.strip().lower()
    return next((p for p in sorted(source.parent.iterdir()) if p.name.lower() == wanted), None)


def find_recording(source: Path, line: int, name: str, patient: str) -> Path | None:
    """Return the recording that a line of `source` means, also where it is spelled otherwise.

    Differences that cannot change the meaning are accepted: upper and lower case, a letter O for
    a zero, blanks, underscores, leading zeros. A name without a number (PN01.edf for PN01-1.edf)
    means the patient's only recording. All but the case are warned about.
    """
    path = find_beside(source, name)
    if path is not None:
        return path
    files = [p for p in sorted(source.parent.iterdir()) if p.suffix.lower() in SIGNALS]
    meant = [p for p in files if _normalize_name(p.name) == _normalize_name(name)]
    if not meant and _normalize_name(name) == _normalize_name(patient):
        meant = files
    if len(meant) != 1:
        return None
    warnings.warn(
        f"{source}, line {line}: {name.strip()} is not there; {meant[0].name} is taken for it.",
        stacklevel=2,
    )
    return meant[0]


def _normalize_name(name: str) -> str:
    """Return a name in which the usual misspellings make no difference.

    >>> _normalize_name("PNO6-1.edf"), _normalize_name("pn06_01 .EDF"), _normalize_name("PN11-.edf")
    ('pn6-1', 'pn6-1', 'pn11')
    """
    name = re.sub(r"\.(edf|bdf)$", "", name.strip().lower()).replace("o", "0")
    name = re.sub(r"[\s_-]+", "-", name).strip("-")
    return re.sub(r"(?<!\d)0+(?=\d)", "", name)


def relative_name(source: Path, name: str, folder: Path) -> str:
    """Return the name of a recording beside `source`, relative to the database's folder."""
    return (source.parent.relative_to(folder) / name.strip().replace("/", "_")).as_posix()


def read_lines(source: Path) -> list[str]:
    """Return the lines of a text file; old files with stray bytes are read all the same."""
    if source.stat().st_size > MAX_BYTES:
        raise bad_line(source, 1, f"no list of seizures has more than {MAX_BYTES} bytes.")
    return source.read_text(encoding="utf-8-sig", errors="replace").split("\n")


def bad_line(source: Path, line: int, what: str) -> ValueError:
    """Return an error that names file and line."""
    return ValueError(f"{source}, line {line}: {what}")


def keep_present(listed: Iterable[Listed]) -> list[Listed]:
    """Return the recordings whose file is there; warn about the others."""
    listed = list(listed)
    absent = [one.name for one in listed if one.path is None]
    if absent:
        warnings.warn(
            f"{len(absent)} of {len(listed)} annotated recordings have no file: "
            f"{_join_some(absent)}",
            stacklevel=4,
        )
    return [one for one in listed if one.path is not None]


def warn_of_unlisted(listed: Iterable[Listed], folder: Path) -> None:
    """Warn about recordings below `folder` of which no annotation file knows."""
    known = {one.path for one in listed}
    unknown = [p.name for p in find(folder, *SIGNALS) if p not in known]
    if unknown:
        warnings.warn(
            f"{len(unknown)} recordings below {folder} are not annotated and not loaded: "
            f"{_join_some(unknown)}",
            stacklevel=4,
        )


def _join_some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
