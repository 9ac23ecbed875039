"""The names of channels beside a saved generator, which its windows lack."""

from __future__ import annotations

import json
from pathlib import Path

from geneeg_sk._files import seal, write_whole

CHANNELS = "channels.json"


def write_channels(folder: Path, names: list[str]) -> None:
    """Keep the names of channels beside a generator, sealed and bound to it."""
    content = {"channels": names, "generator": _seal_of(folder)}
    text = json.dumps({"seal": seal(content), **content})
    with write_whole(folder / CHANNELS) as part:
        part.write_text(text)


def read_channels(folder: Path) -> list[str] | None:
    """Return the names beside a generator; None without, or where they are of an earlier one."""
    path = folder / CHANNELS
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
        if content.pop("seal") != seal(content):
            raise ValueError("its content is not what its seal says")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}. Delete it, or fit again.") from error
    return content["channels"] if content["generator"] == _seal_of(folder) else None


def _seal_of(folder: Path) -> str:
    return json.loads((folder / "generator.json").read_bytes())["seal"]
