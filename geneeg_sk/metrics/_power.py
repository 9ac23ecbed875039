"""What a measure is known to see with how many windows: the table of the sensitivity benchmark."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

POWER = 0.8  # share of trials in which a damage was seen, from which on it counts as seen


def look_up_detectable(measure: str, n: int, *, one_channel: bool) -> dict[str, float]:
    """Return the faintest strength of every damage that a measure sees with `n` windows of a set.

    From ``power.json``, which ``benchmarks/sensitivity`` writes: measured on simulated EEG of 19
    channels, and for one channel on the seizures of Bonn, with the recordings of the real windows
    as groups. Between the numbers of windows that were tried, the smaller counts; below the
    smallest, nothing is known to be seen.
    """
    table = _table()["bonn" if one_channel else "cohort"].get(measure, {})
    tried = [int(size) for size in table if int(size) <= n]
    return dict(table[str(max(tried))]) if tried else {}


@cache
def _table() -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    return json.loads(files("geneeg_sk.metrics").joinpath("power.json").read_text())
