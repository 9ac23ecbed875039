"""Download Siena and CHB-MIT from PhysioNet, checked against the database's own checksums."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pooch
    import requests

CHECKSUMS = "SHA256SUMS.txt"
TRIES = 5  # of each file, in one call
TIMEOUT = 30.0  # seconds without an answer, or without more of it
MIN_SPEED, MAX_SECONDS = 1e3, 86400.0  # bytes a second on average, seconds: else a try has failed
MAX_BYTES, MAX_SUMS_BYTES = 1 << 33, 1 << 24  # of a recording, of the list of checksums
CHUNK = 1 << 16  # bytes to ask for at a time

_CHECKSUM = re.compile(r"([0-9a-fA-F]{64})\s+\*?(.+)")


@dataclass(frozen=True)
class Database:
    """Where a database is, and on which terms."""

    name: str
    folder: str
    url: str
    license: str
    cite: str


SIENA = Database(
    "Siena Scalp EEG Database 1.0.0",
    "siena",
    "https://physionet.org/files/siena-scalp-eeg/1.0.0/",
    "Creative Commons Attribution 4.0 International (CC BY 4.0)",
    "Detti, P. (2020). PhysioNet. https://doi.org/10.13026/5d4a-j060",
)
CHBMIT = Database(
    "CHB-MIT Scalp EEG Database 1.0.0",
    "chbmit",
    "https://physionet.org/files/chbmit/1.0.0/",
    "Open Data Commons Attribution License 1.0 (ODC-By)",
    "Guttag, J. (2010). PhysioNet. https://doi.org/10.13026/C2K01R",
)


def fetch_chbmit(
    folder: str | Path | None = None,
    *,
    patients: Sequence[str] | None = None,
    url: str = CHBMIT.url,
    timeout: float = TIMEOUT,
    verbose: bool = True,
) -> Path:
    """Download the CHB-MIT Scalp EEG Database from PhysioNet, or some patients of it.

    Every file is compared with the checksum in the database's own ``SHA256SUMS.txt``. After an
    interruption, call it again: complete files are not downloaded again, and a partial one is
    continued. The license is printed.

    Parameters
    ----------
    folder : str or Path, default=None
        Where to put it. By default the user's cache folder for geneeg_sk (or the one that the
        environment variable ``GENEEG_CACHE`` names), in which each database has a folder.
    patients : list of str, default=None
        Folders of patients, such as ``["chb01", "chb05"]``. By default all: tens of gigabytes.
    url : str
        Where the database is; a mirror must have its ``SHA256SUMS.txt``.
    timeout : float, default=30.0
        Seconds to wait for an answer or for more of it, before another try.
    verbose : bool, default=True
        Print the license, and show progress.

    Returns
    -------
    folder : Path
        For `load_chbmit`.

    Raises
    ------
    ValueError
        If a patient is unknown, ``SHA256SUMS.txt`` is not a list of checksums, or a file stays
        different from its checksum in all of 5 tries. Such a file is not kept.
    OSError
        If the server cannot be reached, breaks off, times out, or sends less than 1 kB a second in
        all of 5 tries of a file, if a file has more than 8 GB, or the disk is full. What was
        received is kept for the next call, except of a file that is too large.

    See Also
    --------
    load_chbmit : Load windows from the folder.

    Examples
    --------
    With a connection to the internet::

        windows = load_chbmit(fetch_chbmit(patients=["chb01"]))
    """
    return _fetch(CHBMIT, folder, patients, url, timeout, verbose)


def fetch_siena(
    folder: str | Path | None = None,
    *,
    patients: Sequence[str] | None = None,
    url: str = SIENA.url,
    timeout: float = TIMEOUT,
    verbose: bool = True,
) -> Path:
    """Download the Siena Scalp EEG Database from PhysioNet, or some patients of it.

    Parameters
    ----------
    folder : str or Path, default=None
        Where to put it; by default the user's cache folder, see `fetch_chbmit`.
    patients : list of str, default=None
        Folders of patients, such as ``["PN00", "PN06"]``. By default all: tens of gigabytes.
    url : str
        Where the database is; a mirror must have its ``SHA256SUMS.txt``.
    timeout : float, default=30.0
        Seconds to wait for an answer, or for more of it, before another try.
    verbose : bool, default=True
        Print the license, and show progress.

    Returns
    -------
    folder : Path
        For `load_siena`.

    Raises
    ------
    ValueError, OSError
        As in `fetch_chbmit`.

    See Also
    --------
    load_siena : Load windows from the folder.

    Examples
    --------
    With a connection to the internet::

        windows = load_siena(fetch_siena(patients=["PN00"]))
    """
    return _fetch(SIENA, folder, patients, url, timeout, verbose)


def _fetch(
    database: Database,
    folder: str | Path | None,
    patients: Sequence[str] | None,
    url: str,
    timeout: float,
    verbose: bool,
) -> Path:
    import pooch

    if folder is None:
        cache = os.environ.get("GENEEG_CACHE") or pooch.os_cache("geneeg_sk")
        folder = Path(cache) / database.folder
    folder = Path(folder).expanduser()
    if verbose:
        print(f"{database.name}\nLicense: {database.license}\nCite: {database.cite}")
        print(f"Folder: {folder}")
    download = Download(timeout=timeout, verbose=verbose)
    url = url.rstrip("/") + "/"
    files = pooch.create(
        path=folder, base_url=url, registry={CHECKSUMS: None}, retry_if_failed=TRIES - 1
    )
    sums = folder / CHECKSUMS
    checksums = _read_checksums(files, sums, download)
    files.registry = _select_patients(checksums, patients, sums)
    for name in files.registry:
        _fetch_file(files, name, download)
    return folder


def _read_checksums(files: pooch.Pooch, sums: Path, download: Download) -> dict[str, str]:
    """Return the checksum of each file; keep the list only if it is one."""
    if not sums.exists():
        _fetch_file(files, CHECKSUMS, download)
    try:
        return _parse_checksums(sums)
    except ValueError:
        sums.unlink()
        raise


def _parse_checksums(sums: Path) -> dict[str, str]:
    checksums = {}
    for number, line in enumerate(
        sums.read_text(encoding="utf-8", errors="replace").splitlines(), start=1
    ):
        match = _CHECKSUM.fullmatch(line.strip())
        path = PurePosixPath(match[2]) if match else PurePosixPath("/")
        if not match or path.is_absolute() or ".." in path.parts or "\\" in match[2]:
            raise ValueError(
                f"{sums}, line {number}: expected a checksum and the name of a file, got "
                f"{line[:80]!r}. Is url the folder of the database?"
            )
        checksums[path.as_posix()] = match[1].lower()
    if not checksums:
        raise ValueError(f"{sums} is empty. Is url the folder of the database?")
    return checksums


def _select_patients(
    checksums: dict[str, str], patients: Sequence[str] | None, sums: Path
) -> dict[str, str]:
    """Return the files of some patients, and those that belong to none."""
    if patients is None:
        return checksums
    known = sorted({name.split("/")[0] for name in checksums if "/" in name})
    unknown = sorted(set(patients) - set(known))
    if unknown:
        raise ValueError(f"unknown patients {unknown}; {sums} names {known}.")
    return {
        name: checksum
        for name, checksum in checksums.items()
        if "/" not in name or name.split("/")[0] in patients
    }


def _fetch_file(files: pooch.Pooch, name: str, download: Download) -> None:
    """Fetch a file; say what to do where that is not possible."""
    import requests

    try:
        files.fetch(name, downloader=download)
    except requests.RequestException as error:
        raise OSError(
            f"{name} could not be downloaded in {TRIES} tries: {error}. What was received is kept: "
            "call it again to continue."
        ) from error


class Download:
    """Download one file for pooch, from where an earlier try broke off.

    Parameters
    ----------
    timeout : float
        Seconds to wait for an answer, or for more of it.
    verbose : bool
        Show progress.
    """

    def __init__(self, *, timeout: float, verbose: bool):
        self.timeout, self.verbose = timeout, verbose

    def __call__(self, url: str, output_file: str, files: pooch.Pooch) -> None:
        """Write the whole file to `output_file`; pooch compares it with its checksum."""
        part = self._part_path(url, files)
        part.parent.mkdir(parents=True, exist_ok=True)
        self._download_rest(url, part)
        os.replace(part, output_file)
        if not any(part.parent.iterdir()):
            part.parent.rmdir()

    def _part_path(self, url: str, files: pooch.Pooch) -> Path:
        name = url.removeprefix(files.base_url)
        return Path(files.abspath) / ".part" / name.replace("/", "+")

    def _download_rest(self, url: str, part: Path) -> None:
        import requests

        from .._bar import Bar

        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        # Without compression, bytes are those of the file, and their number is known.
        headers["Accept-Encoding"] = "identity"
        with requests.get(url, headers=headers, stream=True, timeout=self.timeout) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                # It is of another file: the next try starts from the beginning.
                part.unlink(missing_ok=True)
            response.raise_for_status()
            if response.status_code != requests.codes.partial_content:
                have = 0  # all of it comes
            size = int(response.headers.get("Content-Length", 0)) + have
            limit = MAX_SUMS_BYTES if part.name == CHECKSUMS else MAX_BYTES
            with (
                part.open("r+b" if have else "wb") as file,
                Bar(
                    desc=url.rsplit("/", 1)[-1],
                    total=size or None,
                    initial=have,
                    unit="B",
                    unit_scale=True,
                    disable=not self.verbose,
                ) as bar,
            ):
                file.seek(have)
                for chunk in self._iter_chunks(response):
                    if file.tell() + len(chunk) > limit:
                        part.unlink()
                        raise OSError(
                            f"{url} has more than {limit} bytes, which no file there has. "
                            "Is url the folder of the database?"
                        )
                    file.write(chunk)
                    bar.update(len(chunk))

    def _iter_chunks(self, response: requests.Response) -> Iterator[bytes]:
        """Yield what comes when it comes; raise where it comes too slowly."""
        import requests
        import urllib3

        began, came = time.monotonic(), 0
        try:
            # Unlike `iter_content`, this does not wait until a chunk is full.
            while chunk := response.raw.read1(CHUNK):
                yield chunk
                came += len(chunk)
                waited = time.monotonic() - began
                if waited > min(MAX_SECONDS, self.timeout + came / MIN_SPEED):
                    raise requests.Timeout(f"timed out: only {came} bytes in {waited:.0f} s")
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(error) from error
