"""Where a training goes on that was killed: one folder a stage, replaced whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._sealed import SealedFolder

SAVED = SealedFolder("checkpoint", "geneeg_sk.generation.checkpoint", version=1, arrays="state")


@dataclass(frozen=True)
class Checkpoint:
    """The stages of one training in a folder.

    Parameters
    ----------
    folder : Path
    key : str
        Hash of windows and settings: a training goes on from its own stages alone.
    """

    folder: Path
    key: str

    def check_place(self) -> None:
        """Raise an error, before any work, if stages could not be written into the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for stage in ("autoencoder", "diffusion"):
            SAVED.check_place(self.folder / stage)

    def write(self, stage: str, content: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Write the state of a stage in the place of its earlier one, whole or not at all."""
        SAVED.write(self.folder / stage, {"key": self.key, **content}, arrays)

    def read(self, stage: str) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """Read the last state of a stage; None if it has not begun.

        Raises
        ------
        ValueError
            If it is damaged, or that of another training.
        """
        folder = self.folder / stage
        try:
            content, arrays = SAVED.read(folder)
        except FileNotFoundError:
            return None
        if content.get("key") != self.key:
            raise ValueError(
                f"{folder} is the checkpoint of a training on other windows or with other "
                "settings. Give another folder, or remove this one."
            )
        return content, arrays
