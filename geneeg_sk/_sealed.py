"""A fitted model in a folder, without pickle: safetensors for arrays, sealed JSON for the rest.

The header holds the checksum of the arrays, and its own. It is written last, and the arrays are
named by their content: a kill at any time leaves the earlier model or the new one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from geneeg_sk._files import PREFIX, check_writable, replace_files, seal, sha256, workplace
from geneeg_sk._version import __version__

MAX_LABEL_BYTES = 4096  # of a saved label, before memory is taken for it


@dataclass(frozen=True)
class SealedFolder:
    """One kind of saved model: what its files are called and which version they have.

    Parameters
    ----------
    noun : str
        What messages call it, such as "generator".
    format : str
        What the header says it is.
    version : int
        Version of the format.
    arrays : str
        Start of the name of the file of arrays.
    """

    noun: str
    format: str
    version: int
    arrays: str

    @property
    def _own(self) -> re.Pattern[str]:
        """Names of files of arrays."""
        return re.compile(rf"{re.escape(self.arrays)}-[0-9a-f]{{16}}\.safetensors")

    @property
    def header(self) -> str:
        """Name of the header."""
        return f"{self.noun}.json"

    def check_place(self, folder: str | Path) -> None:
        """Raise an error if a model cannot be written into a folder.

        Raises
        ------
        FileExistsError
            If there is something else in its place.
        PermissionError
            If nothing can be written there.
        """
        folder = Path(folder).absolute()
        check_writable(folder)
        if folder.exists() and not self._is_ours(folder):
            raise FileExistsError(
                f"{folder} exists and is not a saved {self.noun}. Choose another folder, or empty "
                "it."
            )

    def write(
        self, folder: str | Path, content: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> None:
        """Write a model in the place of an earlier one; other files in the folder stay.

        Raises
        ------
        FileExistsError, PermissionError
            As `check_place`.
        ValueError
            If `content` holds NaN or infinity.
        """
        folder = Path(folder)
        self.check_place(folder)
        data = save(dict(arrays))
        checksum = sha256(data)
        about = {"format": self.format, "format_version": self.version, "geneeg_sk": __version__}
        header = json.loads(json.dumps({**about, "sha256": checksum, **content}, allow_nan=False))
        text = json.dumps({"seal": seal(header), **header}, indent=1)
        with workplace(folder) as part:
            (part / self._name(checksum)).write_bytes(data)
            (part / self.header).write_bytes(text.encode())
            replace_files(
                part,
                folder,
                last=self.header,
                named=lambda: {self._name(self._header_of(folder).get("sha256"))},
                own=lambda: self._own,
            )

    def read(self, folder: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Read what `write` wrote: the header and the arrays. Nothing is ever executed.

        Raises
        ------
        FileNotFoundError
            If there is no such model in `folder`.
        ValueError
            If it is damaged, something else, or written by another version.
        """
        folder = Path(folder)
        if not (folder / self.header).is_file():
            raise FileNotFoundError(f"no saved {self.noun} in {folder}: {self.header} is missing.")
        header = self._read_header(folder / self.header)
        path = folder / self._name(header.get("sha256"))
        if not path.is_file():
            raise FileNotFoundError(f"no complete {self.noun} in {folder}: {path.name} is missing.")
        with path.open("rb") as file:
            found = sha256(file)
        if found != header["sha256"]:
            raise ValueError(
                f"{path} is damaged: its checksum is not the one in {self.header}. Copy or save "
                "it again."
            )
        try:
            arrays = load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} holds no arrays: {error}.") from error
        for name, array in arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError(f"{path} holds NaN or infinity in {name!r}. Save another model.")
        return header, arrays

    def _read_header(self, path: Path) -> dict[str, Any]:
        try:
            header = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is damaged: {error}. Copy or save it again.") from error
        if not isinstance(header, dict) or header.get("format") != self.format:
            raise ValueError(f"{path} is not of a {self.format}.")
        version = header.get("format_version")
        if version != self.version:
            is_newer = isinstance(version, int) and version > self.version
            raise ValueError(
                f"{path.parent} was written by geneeg_sk {header.get('geneeg_sk')}, in format "
                f"{version}; this is {__version__}, which reads format {self.version}. "
                + ("Upgrade geneeg_sk." if is_newer else f"Fit the {self.noun} again.")
            )
        if not _is_whole(header):
            raise ValueError(
                f"{path} is damaged: its content is not what its seal says. Copy or save it again."
            )
        return header

    def _name(self, checksum: object) -> str:
        if not isinstance(checksum, str) or not re.fullmatch("[0-9a-f]{64}", checksum):
            raise ValueError(f"{checksum!r} is not the checksum of a file of arrays.")
        return f"{self.arrays}-{checksum[:16]}.safetensors"

    def _is_ours(self, folder: Path) -> bool:
        """Tell whether all that would be replaced in a folder is ours: also nothing."""
        names = [path.name for path in folder.iterdir()]
        if self.header in names:
            return self._header_of(folder).get("format") == self.format
        # A killed write leaves no header.
        return all(self._own.fullmatch(name) or name.startswith(PREFIX) for name in names)

    def _header_of(self, folder: Path) -> dict[str, Any]:
        """Return the header in a folder, unchecked; an empty one if it cannot be read."""
        try:
            header = json.loads((folder / self.header).read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return header if isinstance(header, dict) else {}


def labels_to_json(labels: np.ndarray) -> dict[str, Any]:
    """Return labels as `labels_from_json` reads them."""
    return {
        "dtype": "object" if labels.dtype == object else labels.dtype.str,
        "values": labels.tolist(),
    }


def labels_from_json(labels: dict[str, Any]) -> np.ndarray:
    """Return labels with their dtype; raise a ValueError where they are not a list of labels."""
    dtype = np.dtype(labels["dtype"])
    if dtype.itemsize > MAX_LABEL_BYTES:
        raise ValueError(f"labels of {dtype.itemsize} bytes; expected {MAX_LABEL_BYTES} at most")
    values = np.array(labels["values"], dtype=dtype)
    if values.ndim != 1:
        raise ValueError(f"labels have {values.ndim} dimensions; expected a list")
    return values


def history_to_json(history: pd.DataFrame) -> dict[str, list[Any]]:
    """Return the columns of a table of losses; JSON has no NaN, and None stands for it."""
    return {
        name: [None if isinstance(one, float) and math.isnan(one) else one for one in column]
        for name, column in history.to_dict(orient="list").items()
    }


def history_from_json(history: dict[str, list[Any]]) -> pd.DataFrame:
    """Return the table of which `history_to_json` stored the columns."""
    return pd.DataFrame(history)


def _is_whole(header: dict[str, Any]) -> bool:
    rest = {name: value for name, value in header.items() if name != "seal"}
    try:
        return header.get("seal") == seal(rest)
    except (ValueError, RecursionError):
        return False
