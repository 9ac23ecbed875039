"""Results of benchmarks: one JSON line each, appended as they come, and read again."""

import json

import numpy as np


def read(path):
    """The lines of a file; none where there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def write(path, lines):
    """Print lines and append them, each as soon as it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for line in lines:
            text = json.dumps(plain(line))
            print(text, flush=True)
            file.write(text + "\n")
            file.flush()


def plain(value):
    """Rounded numbers; null for what is not defined."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return round(float(value), 4) if np.isfinite(value) else None
    return value
