"""Options that several commands have, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sklearn.utils import Bunch

    from geneeg_sk.cli._candidates import BenchmarkBudget

Chbmit = Annotated[Path | None, typer.Option(help="Folder in CHB-MIT's layout.")]
Siena = Annotated[Path | None, typer.Option(help="Folder in Siena's layout.")]
Bids = Annotated[Path | None, typer.Option(help="BIDS folder with seizure events.")]
Length = Annotated[float, typer.Option(help="Length of a window, in seconds.")]
Sfreq = Annotated[float | None, typer.Option(max=1e5, help="Resample to this frequency, in Hz.")]
Channels = Annotated[str | None, typer.Option(help="Names, comma-separated.")]
Patients = Annotated[str | None, typer.Option(help="Only these, comma-separated.")]
Preictal = Annotated[float, typer.Option(help="Seconds before a seizure that are preictal.")]
Postictal = Annotated[float, typer.Option(help="Seconds after a seizure that are left out.")]
Distance = Annotated[float, typer.Option(help="Seconds between seizures and normal windows.")]
Seed = Annotated[int, typer.Option(help="Random seed.")]
VaeSteps = Annotated[int | None, typer.Option(min=1, help="Steps of the autoencoder.")]
DiffusionSteps = Annotated[int | None, typer.Option(min=1, help="Steps of the diffusion model.")]


def one_source(**sources: Any) -> tuple[str, Any]:
    """Return the one source that was given, by name."""
    given = [(name, value) for name, value in sources.items() if value is not None]
    if len(given) != 1:
        names = ", ".join(f"--{'windows' if name == 'win' else name}" for name in sources)
        raise typer.BadParameter(f"give exactly one of {names}; got {len(given)}.")
    return given[0]


def load_windows(source: tuple[str, Any], **options: Any) -> Bunch:
    """Return the windows of a source; options that do not concern it are left out."""
    from geneeg_sk import datasets

    name, path = source
    quick, seed = options.pop("quick", False), options.pop("seed", 0)
    n_jobs = options.pop("n_jobs", None)
    if name == "win":
        return datasets.read_windows(path)
    if name == "cohort":
        sfreq = options["sfreq"] or (128.0 if quick else 256.0)
        return datasets.make_eeg_cohort(
            n_patients=6 if quick else 8,
            sfreq=sfreq,
            length=options["length"],
            random_state=seed,
        )
    load = {
        "chbmit": datasets.load_chbmit,
        "siena": datasets.load_siena,
        "bids": datasets.load_bids,
    }[name]
    for key in ("channels", "patients"):
        text = options.pop(key)
        if text is not None:
            options[key] = [part.strip() for part in text.split(",") if part.strip()]
    return load(path, n_jobs=n_jobs, **options)


def budget_of(quick: bool, **given: int | None) -> BenchmarkBudget:
    """Return how long to train, with what was given, and not None, in place of the defaults."""
    from geneeg_sk.cli._candidates import QUICK, BenchmarkBudget

    return (QUICK if quick else BenchmarkBudget()).override(**given)
