"""``geneeg-sk windows``: from recordings to a store of windows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geneeg_sk.cli import _options as options
from geneeg_sk.cli._options import load_windows, one_source
from geneeg_sk.cli._scheduler import Scheduler, on_cluster
from geneeg_sk.datasets._options import WindowingOptions

if TYPE_CHECKING:
    from sklearn.utils import Bunch


def windows(
    out: Annotated[Path, typer.Option(help="Folder of the window store to write.")],
    chbmit: options.Chbmit = None,
    siena: options.Siena = None,
    bids: options.Bids = None,
    length: options.Length = WindowingOptions.length,
    sfreq: options.Sfreq = None,
    channels: options.Channels = None,
    patients: options.Patients = None,
    preictal: options.Preictal = WindowingOptions.preictal,
    postictal: options.Postictal = WindowingOptions.postictal,
    min_distance: options.Distance = WindowingOptions.min_distance,
    scheduler: Scheduler = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier store.")] = False,
) -> None:
    """Cut recordings into labeled windows and store them."""
    source = one_source(chbmit=chbmit, siena=siena, bids=bids)
    _refuse_existing(out, overwrite)
    from geneeg_sk.cli._tables import print_counts
    from geneeg_sk.datasets import read_windows, write_windows

    def load() -> Iterator[Bunch]:
        yield load_windows(
            source,
            length=length,
            sfreq=sfreq,
            channels=channels,
            patients=patients,
            preictal=preictal,
            postictal=postictal,
            min_distance=min_distance,
            n_jobs=None if scheduler is None else -1,
        )

    # The folder is looked at before the first recording is.
    with on_cluster(scheduler):
        write_windows(out, load(), overwrite=overwrite)
    table = read_windows(out, verify=False).metadata
    print_counts(table)
    typer.echo(f"{len(table)} windows in {out}")


def _refuse_existing(out: Path, overwrite: bool) -> None:
    """Say before the recordings are read, not after, that there is no place to write."""
    if out.exists() and not overwrite:
        raise FileExistsError(f"{out} exists; choose another folder, or --overwrite a store.")
