"""``--scheduler``: the same command on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

Scheduler = Annotated[
    str | None,
    typer.Option(help="Of dask, such as tcp://host:8786: its workers do the work."),
]


@contextmanager
def on_cluster(scheduler: str | None) -> Iterator[None]:
    """Let joblib use the workers of a scheduler of dask within the block; None: this machine.

    Raises
    ------
    ValueError
        If dask is not installed.
    OSError
        If the scheduler cannot be reached, or has no workers.
    """
    if scheduler is None:
        yield
        return
    from joblib import parallel_config

    try:
        from distributed import Client
    except ImportError as error:
        raise ValueError(
            "--scheduler needs dask: python -m pip install 'geneeg-sk[dask]'."
        ) from error
    with Client(scheduler, set_as_default=False) as client:
        if not client.nthreads():
            raise ConnectionError(
                f"the scheduler {scheduler} has no workers. Start some: dask worker {scheduler} "
                "--nthreads 1 --nworkers -1."
            )
        with parallel_config("dask", client=client):
            yield
