"""Tables of the report."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from geneeg_sk.inspection._benchmark import format_interval, format_signed
from geneeg_sk.metrics._registry import METRICS
from geneeg_sk.model_selection._comparison import SamplerComparison

# columns of a table of their own, so that both fit a page
COST = [METRICS["brier"].label, METRICS["ece"].label, "patients", "fit (s)", "failed fits"]
QUESTIONS = {
    **dict.fromkeys(
        ("c2st_windows", "c2st_features", "ks", "precision", "rhythm", "spikes"), "real?"
    ),
    **dict.fromkeys(("recall", "coverage"), "diverse?"),
    **dict.fromkeys(("copies", "membership"), "private?"),
}


def score_table(comparison: SamplerComparison, baseline: str) -> pd.DataFrame:
    """One row of text for each candidate, in the order of the comparison."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few patients: the verdict says so
        summary = comparison.summary()
    n_fits = comparison.results.groupby("candidate").size()
    table = pd.DataFrame(index=summary.index)
    table.index.name = "method"
    table["patients"] = summary["n_patients"].astype(str)
    table["Δ macro F1"] = [_difference(row, f"vs_{baseline}") for _, row in summary.iterrows()]
    for name in [str(c) for c in summary if f"{c}_spread" in summary]:
        heading = METRICS[name].label if name in METRICS else name.replace("f1_", "F1 ", 1)
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


def html_table(table: pd.DataFrame, *, header: bool = True, wrap: bool = False) -> str:
    """HTML of a table of text, escaped, in a box that scrolls where it is too wide."""
    with pd.option_context("display.max_colwidth", None):
        html = table.to_html(index=False, header=header, border=0, escape=True, justify="left")
    return f'<div class="scroll{" wrap" if wrap else ""}">{html}</div>'


def _difference(row: pd.Series, column: str) -> str:
    value = row[column]
    if not np.isfinite(value):
        return "–"
    return (
        f"{format_signed(value)} ({format_interval(row[f'{column}_low'], row[f'{column}_high'])})"
    )


def _mean_spread(mean: float, spread: float) -> str:
    if not np.isfinite(mean):
        return "–"
    return f"{mean:.3f} ± {spread:.3f}" if np.isfinite(spread) else f"{mean:.3f}"


def _number(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else "–"
