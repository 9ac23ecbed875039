"""``geneeg-sk benchmark``: compare ways of augmentation on unseen patients."""

from __future__ import annotations

import json
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geneeg_sk._files import check_writable, write_whole
from geneeg_sk._version import __version__
from geneeg_sk.cli import _options as options
from geneeg_sk.cli._doctor import versions
from geneeg_sk.cli._options import budget_of, load_windows, one_source
from geneeg_sk.cli._scheduler import Scheduler, on_cluster
from geneeg_sk.cli._shown import MAX_SHOWN, SETS, write_shown
from geneeg_sk.datasets._options import WindowingOptions

if TYPE_CHECKING:
    from geneeg_sk.cli._run import Benchmark
    from geneeg_sk.model_selection import SamplerComparison


class Groups(StrEnum):
    """What must not be split between training and test."""

    patient = "patient"
    recording = "recording"


def benchmark(
    cohort: Annotated[bool, typer.Option("--cohort", help="A simulated cohort.")] = False,
    chbmit: options.Chbmit = None,
    siena: options.Siena = None,
    bids: options.Bids = None,
    windows: Annotated[Path | None, typer.Option(help="Window store.")] = None,
    groups: Annotated[Groups, typer.Option(help="Never split between folds.")] = Groups.patient,
    quick: Annotated[bool, typer.Option("--quick", help="A first look, in minutes.")] = False,
    folds: Annotated[int | None, typer.Option(min=2, help="Default: 5, quick 3.")] = None,
    repeats: Annotated[int | None, typer.Option(min=1, help="Default: 3, quick 1.")] = None,
    seed: options.Seed = 0,
    out: Annotated[Path, typer.Option(help="Folder of results.")] = Path("out/benchmark"),
    jobs: Annotated[int | None, typer.Option(help="Processes; default: one per core.")] = None,
    scheduler: Scheduler = None,
    length: options.Length = WindowingOptions.length,
    sfreq: options.Sfreq = None,
    channels: options.Channels = None,
    patients: options.Patients = None,
    preictal: options.Preictal = WindowingOptions.preictal,
    postictal: options.Postictal = WindowingOptions.postictal,
    min_distance: options.Distance = WindowingOptions.min_distance,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of the classifier.")] = None,
    vae_steps: options.VaeSteps = None,
    diffusion_steps: options.DiffusionSteps = None,
) -> None:
    """Compare methods of augmentation on unseen patients; writes tables and a report.

    Run it again with the same folder to continue an interrupted run.
    """
    source = one_source(cohort=cohort or None, chbmit=chbmit, siena=siena, bids=bids, win=windows)
    check_writable(out)
    with on_cluster(scheduler):
        bunch = load_windows(
            source,
            length=length,
            sfreq=sfreq,
            channels=channels,
            patients=patients,
            preictal=preictal,
            postictal=postictal,
            min_distance=min_distance,
            quick=quick,
            seed=seed,
            n_jobs=None if scheduler is None else -1,
        )

    from geneeg_sk.cli._run import Benchmark, group_labels
    from geneeg_sk.cli._tables import print_comparison, print_counts

    budget = budget_of(quick, epochs=epochs, vae_steps=vae_steps, diffusion_steps=diffusion_steps)
    run = Benchmark(
        bunch,
        group_labels(bunch, groups.value),
        out=out,
        budget=budget,
        n_folds=folds or (3 if quick else 5),
        n_repeats=repeats or (1 if quick else 3),
        seed=seed,
    )
    print_counts(bunch.metadata)
    with on_cluster(scheduler):
        comparison = run.run(keep=True, n_jobs=jobs or _cores())
    print_comparison(comparison, unit=groups.value)
    how = _how(run, comparison, groups.value)
    with write_whole(out / "how.json") as part:
        part.write_text(json.dumps(how, indent=1))
    if (comparison.results["error"] != "").all():
        typer.secho(f"Error: every candidate failed; see {out / 'results.csv'}", err=True, fg="red")
        raise typer.Exit(1)
    _report_benchmark(run, comparison, how, out / "report.html")
    for name in ("results.csv", "patients.csv", "report.html"):
        typer.echo(out / name)


def _cores() -> int:
    import joblib

    return min(joblib.cpu_count(), 8)


def _report_benchmark(
    run: Benchmark, comparison: SamplerComparison, how: dict[str, str], out: Path
) -> None:
    """Keep what the report shows, and write it."""
    from geneeg_sk.inspection import make_report
    from geneeg_sk.metrics._sets import pick_evenly

    shown = run.windows_for_report(comparison)
    if shown:
        for name in SETS:
            shown[name] = {
                str(state): X[pick_evenly(len(X), MAX_SHOWN)]
                for state, X in shown[name].items()
                if len(X)
            }
        shown["info"] = run.windows.info
        write_shown(out.parent, shown)
    make_report(out, comparison=comparison, metadata=how, **shown)


def _how(run: Benchmark, comparison: SamplerComparison, groups: str) -> dict[str, str]:
    """Say how the table was made, in words that a report can show."""
    counts = run.windows.metadata["state"].value_counts()
    how = {
        "data": str(run.windows.get("DESCR", "")).strip(),
        "windows": ", ".join(f"{n} {state}" for state, n in counts.items()),
        "folds": f"{len(run.folds)}, by {groups}; {run.n_repeats} seed(s) from {run.seed}",
        "classifier": repr(run.estimator),
        "command": shlex.join(["geneeg-sk", *sys.argv[1:]]),
        "geneeg_sk": __version__,
        **{name: str(known) for name, known in versions().items()},
    }
    how |= {f"candidate {n}": " ".join(repr(one).split()) for n, one in run.candidates.items()}
    failed = comparison.results[comparison.results["error"] != ""]
    how |= {f"failed: {row.candidate}, fold {row.fold}": row.error for row in failed.itertuples()}
    return how
