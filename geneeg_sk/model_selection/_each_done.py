"""Tasks of a comparison on joblib's workers, in the order in which they are done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.parallel import Parallel

from geneeg_sk._workers import (
    check_dask_workers,
    is_lost,
    is_lost_scheduler,
    own_share,
    warn_of_threads,
)
from geneeg_sk.datasets import WindowRows
from geneeg_sk.model_selection._task import Labels, Scorers, Task, run_task

ATTEMPTS = 3  # in a row of which none finishes a task


def run_numbered(
    k: int,
    task: Task,
    candidate: BaseEstimator | None,
    estimator: BaseEstimator,
    X: np.ndarray | WindowRows,
    labels: Labels,
    scorers: Scorers,
) -> tuple[int, dict[str, Any] | OSError | ValueError]:
    """Return the number and what `run_task` does, or why this worker cannot read windows."""
    if isinstance(X, WindowRows):
        try:
            X[0]
        except (OSError, ValueError) as error:
            return k, error
    with own_share():
        return k, run_task(task, candidate, estimator, X, labels, scorers)


def each_done(
    todo: Iterable[int], job: Callable[[int], tuple[Any, ...]], *, n_jobs: int | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and result of each task that is done.

    Parameters
    ----------
    todo : iterable of int
        Numbers of tasks.
    job : callable
        Returns `run_numbered` with its arguments for such a number, as joblib takes it.
    n_jobs : int or None
        As in joblib.

    Raises
    ------
    ValueError
        If a worker of dask lacks this version of the package.
    OSError
        If a worker cannot read the windows, or the scheduler is lost.
    """
    left = dict.fromkeys(todo)
    n_failed = 0
    warn_of_threads()
    while left:
        check_dask_workers()
        try:
            for k, result in Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
                map(job, list(left))
            ):
                if isinstance(result, Exception):
                    raise result
                n_failed = 0
                del left[k]
                yield k, result
        except Exception as error:
            if is_lost_scheduler(error):
                raise ConnectionError(
                    "the connection to dask's scheduler is lost. Start it and this comparison "
                    "again: with the same store, it goes on where it was."
                ) from error
            n_failed += 1
            # Windows that were in the memory of workers that are gone have to be sent again.
            if not is_lost(error) or n_failed == ATTEMPTS:
                raise
