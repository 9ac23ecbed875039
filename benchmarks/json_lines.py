"""Results of benchmarks: one JSON line each, appended as they come, and read again."""

import fcntl
import json
import os

import numpy as np


def read(path):
    """The lines of a file, without a last one that was cut off; none where there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines(True) if line.endswith("\n")]


def write(path, lines):
    """Print lines and append them, each as soon as it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for line in lines:
            text = json.dumps(plain(line))
            print(text, flush=True)
            file.write(text + "\n")
            file.flush()


def append(path, lines):
    """Append lines all at once, also where several processes do so; after a cut-off line, anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(plain(line)) + "\n" for line in lines).encode()
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        forget_cut_off_line(file)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def forget_cut_off_line(file):
    """Shorten a file to its last line break."""
    file.seek(0)
    written = file.read()
    if not written.endswith(b"\n"):
        file.truncate(written.rfind(b"\n") + 1)
        file.seek(0, os.SEEK_END)


def plain(value):
    """Rounded numbers; null for what is not defined."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return round(float(value), 4) if np.isfinite(value) else None
    return value
