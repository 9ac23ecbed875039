"""``geneeg-sk report``: one HTML page of a benchmark, or of real beside synthetic windows."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geneeg_sk.cli._shown import read_shown
from geneeg_sk.cli._stored import windows_at

if TYPE_CHECKING:
    import mne
    import numpy as np


def report(
    folder: Annotated[Path, typer.Argument(help="Results of a benchmark, or real windows.")],
    synthetic: Annotated[Path | None, typer.Argument(help="Synthetic windows.")] = None,
    out: Annotated[Path | None, typer.Option(help="Default: report.html in the folder.")] = None,
) -> None:
    """Write an HTML report of a benchmark, or of real beside synthetic windows.

    Windows are window stores, or what `sample` wrote as .npz.
    """
    from geneeg_sk.inspection import make_report

    if synthetic is None:
        out = out or folder / "report.html"
        make_report(out, **_read_benchmark(folder))
    else:
        out = out or Path("report.html")
        make_report(out, **_read_both(folder, synthetic), title="Real and synthetic EEG")
    typer.echo(out)


def _read_benchmark(folder: Path) -> dict[str, Any]:
    """Return what a report of a benchmark's folder shows."""
    from geneeg_sk.cli._run import read_results

    return {
        "comparison": read_results(folder),
        "metadata": _read_how(folder / "how.json"),
        "title": "Augmentation on unseen patients",
        **read_shown(folder),
    }


def _read_how(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_bytes()))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}. Delete it, or run again.") from error


def _read_both(folder: Path, synthetic: Path) -> dict[str, Any]:
    """Return what a report of real beside synthetic windows shows."""
    real, info, groups = _read_states(folder)
    fake, _, _ = _read_states(synthetic)
    both = [state for state in fake if state in real]
    if not both:
        raise ValueError(
            f"{folder} has states {list(real)}, {synthetic} has {list(fake)}: none is in both."
        )
    return {
        "real": {state: real[state] for state in both},
        "synthetic": {state: fake[state] for state in both},
        "groups": None if groups is None else {state: groups[state] for state in both},
        "info": info,
        "metadata": {
            "real": str(folder),
            "synthetic": str(synthetic),
            "left out, for it is in one only": ", ".join(sorted(set(real) ^ set(fake)))
            or "nothing",
            "command": shlex.join(["geneeg-sk", *sys.argv[1:]]),
        },
    }


def _read_states(
    path: Path,
) -> tuple[dict[str, np.ndarray], mne.Info, dict[str, np.ndarray] | None]:
    """Return the windows of each state, their ``mne.Info``, and their patients if known."""
    from geneeg_sk.cli._run import by_state

    X, y, info, groups = windows_at(path)
    return by_state(X, y), info, None if groups is None else by_state(groups, y)
