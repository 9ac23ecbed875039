"""Tables on the terminal."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from sklearn.utils import Bunch

    from geneeg_sk.model_selection import SamplerComparison


# Where output goes into a file or a pipe, there is no width to fit.
WIDE = 200


def print_counts(metadata: pd.DataFrame) -> None:
    """Print how many windows there are of each patient and state."""
    counts = metadata.groupby(["patient", "state"]).size().unstack(fill_value=0)
    table = Table("patient", *map(str, counts.columns), title="Windows")
    for patient, row in counts.iterrows():
        table.add_row(escape(str(patient)), *(str(n) for n in row))
    _console().print(table)


def print_comparison(comparison: SamplerComparison, *, unit: str) -> None:
    """Print scores of each candidate, and its paired differences in macro F1."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        summary = comparison.summary()
    scores = ["accuracy", "macro_f1", "macro_auc"]
    scores += [name for name in summary if name.startswith("f1_") and not name.endswith("_spread")]
    table = Table(
        "candidate",
        *(name.replace("_", " ") for name in scores),
        "fit, s",
        *(["macro F1 − none"] if "vs_none" in summary else []),
        *(["macro F1 − best baseline", "which is"] if "vs_best" in summary else []),
        title=f"Mean ± spread over {unit}s; differences paired by {unit}, with 95 % interval",
    )
    for name, row in summary.iterrows():
        cells = [_mean_and_spread(row[s], row[f"{s}_spread"]) for s in scores]
        cells.append("–" if pd.isna(row["fit_seconds"]) else f"{row['fit_seconds']:.1f}")
        if "vs_none" in summary:
            cells.append(_difference(row, "vs_none"))
        if "vs_best" in summary:
            best = row["best_baseline"]
            cells += [_difference(row, "vs_best"), "–" if pd.isna(best) else escape(str(best))]
        failed = f" [red]({row['n_failed']} failed)[/red]" if row["n_failed"] else ""
        table.add_row(escape(str(name)) + failed, *cells)
    console = _console()
    console.print(table)
    for one in caught:
        console.print(f"Note: {one.message}".replace("patients:", f"{unit}s:"), markup=False)
    if unit == "recording":
        console.print(
            "Note: folds are by recording; a patient may be in training and test, so that nothing "
            "here is about new patients."
        )
    _print_failures(console, comparison.results)
    sureness = _say_how_sure(summary, comparison.baselines[0], unit)
    console.print(sureness, markup=False, soft_wrap=True)


def print_detections(found: Mapping[Path, Bunch]) -> None:
    """Print the seizures that were detected in each recording."""
    table = Table("recording", "hours", "onset, s", "duration, s", "confidence", title="Detections")
    for recording, one in found.items():
        hours = f"{one.duration / 3600:.2f}"
        for event in one.events.itertuples():
            cells = (f"{x:.1f}" for x in (event.onset, event.duration))
            table.add_row(escape(str(recording)), hours, *cells, f"{event.confidence:.2f}")
        if one.events.empty:
            table.add_row(escape(str(recording)), hours, "–", "–", "–")
    _console().print(table)


def _say_how_sure(summary: pd.DataFrame, baseline: str, unit: str) -> str:
    """Say how small a difference so many patients can show, and which ones they do show."""
    low, high = (summary[f"vs_{baseline}_{end}"] for end in ("low", "high"))
    if not (high - low).notna().any():
        return f"How sure is this? Not at all: there is no interval over so few {unit}s."
    above, below = (
        ", ".join(f"“{name}”" for name in summary.index[beyond]) for beyond in (low > 0, high < 0)
    )
    reach = ((high - low) / 2).median()
    return (
        f"How sure is this? With {int(summary['n_patients'].max())} {unit}s a difference in macro "
        f"F1 to “{baseline}” is typically known to ±{reach:.2f}. The whole interval is above zero "
        f"for {above or 'no candidate'}, and below for "
        f"{below or 'no candidate'}. To halve the intervals takes four times as many {unit}s, "
        "and another seed may turn the order round."
    )


def _print_failures(console: Console, frame: pd.DataFrame) -> None:
    failed = frame[frame["error"] != ""]
    for name, errors in failed.groupby("candidate", sort=False)["error"]:
        console.print(f"{name} failed in {len(errors)} fit(s): {errors.iloc[0]}", markup=False)


def _mean_and_spread(mean: float, spread: float) -> str:
    if pd.isna(mean):
        return "–"
    return f"{mean:.3f}" + ("" if pd.isna(spread) else f" ± {spread:.3f}")


def _difference(row: pd.Series, name: str) -> str:
    if pd.isna(row[name]):
        return "–"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:+.3f}" + ("" if pd.isna(low) else f" ({low:+.3f} to {high:+.3f})")


def _console() -> Console:
    width = None if os.isatty(1) else WIDE
    return Console(width=width, highlight=False)
