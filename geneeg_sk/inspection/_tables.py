"""Tables of the report."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from geneeg_sk.inspection._benchmark import signed, span
from geneeg_sk.model_selection._comparison import SamplerComparison

# columns of a table of their own, so that both fit a page
COST = ["Brier", "ECE", "patients", "fit (s)", "failed fits"]
HEADINGS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "macro_auc": "macro AUC",
    "brier": "Brier",
    "ece": "ECE",
}

# name, question that it answers, value of a perfect generator
WINDOW_SCORES = {
    "c2st_windows": ("AUC of a test on signals", "real?", "0.5"),
    "c2st_features": ("AUC of a test on features", "real?", "0.5"),
    "ks": ("mean KS distance", "real?", "0"),
    "precision": ("precision", "real?", "1"),
    "rhythm": ("KS distance of rhythm", "real?", "0"),
    "spikes": ("windows with sharp discharges", "real?", "as real"),
    "recall": ("recall", "diverse?", "1"),
    "coverage": ("coverage", "diverse?", "1"),
    "copies": ("share of near copies", "private?", "0"),
    "membership": ("membership inference AUC", "private?", "0.5"),
}


def score_table(comparison: SamplerComparison, baseline: str) -> pd.DataFrame:
    """One row of text for each candidate, in the order of the comparison."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few patients: the verdict says so
        summary = comparison.summary([baseline])
    n_fits = comparison.frame.groupby("candidate").size()
    table = pd.DataFrame(index=summary.index)
    table.index.name = "method"
    table["patients"] = summary["n_patients"].astype(str)
    table["Δ macro F1"] = [_difference(row, f"vs_{baseline}") for _, row in summary.iterrows()]
    for name in [str(c) for c in summary if f"{c}_spread" in summary]:
        heading = HEADINGS.get(name, name.replace("f1_", "F1 ", 1))
        table[heading] = [
            _mean_spread(*pair) for pair in zip(summary[name], summary[f"{name}_spread"])
        ]
    table["fit (s)"] = [_number(seconds, ".1f") for seconds in summary["fit_seconds"]]
    table["failed fits"] = [
        f"{n} of {n_fits[name]}" if n else "0" for name, n in summary["n_failed"].items()
    ]
    return table.reset_index()


def window_table(scores: pd.DataFrame) -> pd.DataFrame:
    """One row of text for each state and score of synthetic windows."""
    rows = []
    for _, row in scores.iterrows():
        name, question, perfect = WINDOW_SCORES[row["score"]]
        rows.append(
            {
                "state": str(row["state"]),
                "score": name,
                "synthetic": _with_interval(row, "value"),
                "real in their place": _with_interval(row, "floor"),
                "perfect": perfect,
                "question": question,
                "windows": f"{row['n_real']} real, {row['n_synthetic']} synthetic",
            }
        )
    return pd.DataFrame(rows)


def _with_interval(row: pd.Series, name: str) -> str:
    return f"{row[name]:.2f} ({row[f'{name}_low']:.2f} to {row[f'{name}_high']:.2f})"


def error_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Each error of each candidate once, with how often it occurred."""
    errors = frame["error"].fillna("")
    failed = frame.assign(error=errors)[errors != ""]
    table = failed.groupby(["candidate", "error"], sort=False).size().reset_index(name="times")
    return table.rename(columns={"candidate": "method"}).astype(str)


def describe(how: Mapping[str, Any], prefix: str = "") -> pd.DataFrame:
    """Flatten nested dicts into rows of name and value.

    >>> describe({"seed": 0, "versions": {"numpy": "2.4"}}).to_numpy().tolist()
    [['seed', '0'], ['versions: numpy', '2.4']]
    """
    rows: list[list[str]] = []
    for name, value in how.items():
        if isinstance(value, Mapping):
            rows += describe(value, f"{prefix}{name}: ").to_numpy().tolist()
        else:
            rows.append([f"{prefix}{name}", str(value)])
    return pd.DataFrame(rows, columns=["name", "value"])


def html_table(table: pd.DataFrame, *, header: bool = True, wrap: bool = False) -> str:
    """HTML of a table of text, escaped, in a box that scrolls where it is too wide."""
    with pd.option_context("display.max_colwidth", None):
        html = table.to_html(index=False, header=header, border=0, escape=True, justify="left")
    return f'<div class="scroll{" wrap" if wrap else ""}">{html}</div>'


def _difference(row: pd.Series, column: str) -> str:
    value = row[column]
    if not np.isfinite(value):
        return "–"
    return f"{signed(value)} ({span(row[f'{column}_low'], row[f'{column}_high'])})"


def _mean_spread(mean: float, spread: float) -> str:
    if not np.isfinite(mean):
        return "–"
    return f"{mean:.3f} ± {spread:.3f}" if np.isfinite(spread) else f"{mean:.3f}"


def _number(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else "–"
