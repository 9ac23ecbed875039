"""What joblib's workers need to give what one process gives, above all those of dask."""

from __future__ import annotations

import os
import pkgutil
import warnings
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from joblib import parallel_config
from joblib.parallel import get_active_backend

from ._version import __version__

if TYPE_CHECKING:
    from distributed import Client

VERSION_NAME = "geneeg_sk._version:__version__"
LOST_SCHEDULER = "scheduler-connection-lost"  # dask's word for it


def dask_client() -> Client | None:
    """Return the client whose workers joblib uses now, or None where these are not dask's."""
    return getattr(get_active_backend()[0], "client", None)


def check_dask_workers() -> None:
    """Raise an error if dask's workers would fail, or compute with other code than this process.

    Raises
    ------
    ValueError
        If a worker lacks the package, or has another version of it.
    """
    client = dask_client()
    if client is None:
        return
    # A function of Python's own, which any worker has.
    versions = client.run(pkgutil.resolve_name, VERSION_NAME, on_error="return")
    for worker, found in versions.items():
        if found != __version__:
            has = (
                f"cannot import geneeg_sk ({found})"
                if isinstance(found, Exception)
                else f"has geneeg_sk {found}"
            )
            raise ValueError(
                f"dask's worker {worker} {has}, but this process has {__version__}. Install the "
                "same version, with the same constraints, for all workers and the scheduler."
            )


def warn_of_threads() -> None:
    """Warn if dask's workers would run several trainings in one process."""
    client = dask_client()
    threads = {} if client is None else client.nthreads()
    in_this_process = sum(n for worker, n in threads.items() if worker.startswith("inproc://"))
    n_threads = max([in_this_process, *threads.values()], default=1)
    if n_threads > 1:
        warnings.warn(
            f"dask's workers run up to {n_threads} tasks at once in threads of one process, which "
            "has only one random stream of torch: results may differ from those of one process. "
            "Start workers in processes of their own, with --nthreads 1.",
            stacklevel=4,
        )


@contextmanager
def own_share() -> Iterator[None]:
    """Keep to the share of a worker of dask; elsewhere, do nothing.

    A task is what is spread over the cluster: what runs inside makes no further tasks. And a
    thread of a worker is a core: torch and BLAS, which would take all cores of the machine, get
    one, unless ``OMP_NUM_THREADS`` says what the worker was given.
    """
    if dask_client() is None:
        yield
        return
    import torch
    from threadpoolctl import threadpool_limits

    with ExitStack() as stack:
        stack.enter_context(parallel_config("sequential"))
        if "OMP_NUM_THREADS" not in os.environ:
            stack.enter_context(threadpool_limits(1))
            torch.set_num_threads(1)
        yield


def is_lost(error: BaseException) -> bool:
    """Tell whether tasks are gone with a worker of dask that held their data."""
    return isinstance(error, CancelledError) and not is_lost_scheduler(error)


def is_lost_scheduler(error: BaseException) -> bool:
    """Tell whether tasks are gone because dask's scheduler is."""
    return isinstance(error, CancelledError) and LOST_SCHEDULER in str(error)
