"""Tables of the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from geneeg_sk.metrics._registry import METRICS

QUESTIONS = {
    **dict.fromkeys(
        ("c2st_windows", "c2st_features", "ks", "precision", "rhythm", "spikes"), "real?"
    ),
    **dict.fromkeys(("recall", "coverage"), "diverse?"),
    **dict.fromkeys(("copies", "membership"), "private?"),
}


def window_table(scores: pd.DataFrame) -> pd.DataFrame:
    """One row of text for each state and score of synthetic windows."""
    rows = []
    for _, row in scores.iterrows():
        metric = METRICS[row["score"]]
        rows.append(
            {
                "state": str(row["state"]),
                "score": metric.label,
                "synthetic": _with_interval(row, "value"),
                "real in their place": _with_interval(row, "reference"),
                "range": metric.range,
                "better": metric.better,
                "question": QUESTIONS[row["score"]],
                "windows": f"{row['n_real']} real, {row['n_synthetic']} synthetic",
            }
        )
    return pd.DataFrame(rows)


def _with_interval(row: pd.Series, name: str) -> str:
    return f"{row[name]:.2f} ({row[f'{name}_low']:.2f} to {row[f'{name}_high']:.2f})"


def error_table(results: pd.DataFrame) -> pd.DataFrame:
    """Each error of each candidate once, with how often it occurred."""
    errors = results["error"].fillna("")
    failed = results.assign(error=errors)[errors != ""]
    table = failed.groupby(["candidate", "error"], sort=False).size().reset_index(name="times")
    return table.rename(columns={"candidate": "method"}).astype(str)


def flatten(how: Mapping[str, Any], prefix: str = "") -> pd.DataFrame:
    """Flatten nested dicts into rows of name and value.

    >>> flatten({"seed": 0, "versions": {"numpy": "2.4"}}).to_numpy().tolist()
    [['seed', '0'], ['versions: numpy', '2.4']]
    """
    rows: list[list[str]] = []
    for name, value in how.items():
        if isinstance(value, Mapping):
            rows += flatten(value, f"{prefix}{name}: ").to_numpy().tolist()
        else:
            rows.append([f"{prefix}{name}", str(value)])
    return pd.DataFrame(rows, columns=["name", "value"])
