"""The scores of a comparison as a table of text, and as HTML."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geneeg_sk.metrics._registry import METRICS

if TYPE_CHECKING:
    from geneeg_sk.model_selection._comparison import SamplerComparison

# columns of a table of their own, so that both fit a page
COST = [METRICS["brier"].label, METRICS["ece"].label, "patients", "fit (s)", "failed fits"]


def make_score_table(comparison: SamplerComparison) -> pd.DataFrame:
    """Return a row of text for each candidate, in the order of the comparison."""
    baseline = comparison.baselines[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few patients: who shows the table says so
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


def write_html(table: pd.DataFrame, *, header: bool = True, wrap: bool = False) -> str:
    """Return a table of text as HTML, escaped, in a box that scrolls where it is too wide."""
    with pd.option_context("display.max_colwidth", None):
        html = table.to_html(index=False, header=header, border=0, escape=True, justify="left")
    return f'<div class="scroll{" wrap" if wrap else ""}">{html}</div>'


def format_signed(value: float) -> str:
    """Write a difference with its sign.

    >>> format_signed(-0.0312), format_signed(-0.0001)
    ('−0.031', '+0.000')
    """
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")  # + 0.0: no negative zero


def format_interval(low: float, high: float) -> str:
    """Write an interval of differences.

    >>> format_interval(-0.01, 0.02), format_interval(float("nan"), float("nan"))
    ('−0.010 to +0.020', 'no interval')
    """
    return f"{format_signed(low)} to {format_signed(high)}" if np.isfinite(low) else "no interval"


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
