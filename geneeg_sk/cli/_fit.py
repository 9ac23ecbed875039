"""``geneeg-sk fit``: train a generator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from geneeg_sk.cli._channels import write_channels
from geneeg_sk.cli._options import DiffusionSteps, Seed, VaeSteps


def fit(
    windows: Annotated[Path, typer.Argument(help="Window store, as `windows` writes it.")],
    out: Annotated[Path, typer.Option(help="Folder of the generator to write.")],
    vae_steps: VaeSteps = None,
    diffusion_steps: DiffusionSteps = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Keep the training here; after a kill, the command goes on."),
    ] = None,
    profiles: Annotated[bool, typer.Option(help="Keep ids and profiles of patients.")] = True,
    seed: Seed = 0,
) -> None:
    """Train a generator on stored windows and save it."""
    from geneeg_sk.datasets import read_windows
    from geneeg_sk.generation import LatentDiffusionGenerator
    from geneeg_sk.generation._storage import SAVED

    SAVED.check_place(out)
    bunch = read_windows(windows)
    steps: dict[str, Any] = {"vae_steps": vae_steps, "diffusion_steps": diffusion_steps}
    generator = LatentDiffusionGenerator(
        sfreq=float(bunch.sfreq),
        random_state=seed,
        verbose=1,
        **{name: n for name, n in steps.items() if n is not None},
    )
    generator.fit(bunch.X, bunch.y, groups=bunch.groups, checkpoint=checkpoint)
    generator.save(out, profiles=profiles)
    write_channels(out, list(bunch.info.ch_names))
    states = ", ".join(map(str, generator.classes_))
    typer.echo(f"generator of {states} in {out}")
