"""Windows from other processes."""

from __future__ import annotations

import tempfile
import uuid
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils import Bunch

from .._files import workplace
from .._workers import check_dask_workers

Item = TypeVar("Item")


def make_each(
    make: Callable[[Item], Bunch | Exception],
    items: Sequence[Item],
    *,
    n_jobs: int | None,
    verbose: bool,
    beside: Path | None,
) -> Iterator[tuple[Item, Bunch | Exception]]:
    """Yield each item with what `make` returns for it, made in `n_jobs` processes.

    From other processes, `X` comes as a file, in the folder `beside` or, if it is None, in that for
    temporary files; from a machine that does not see it, through the network. `make` may return an
    exception, which then can be raised, or not, in this process. What it warns about is warned
    about here: in another process it would be lost.
    """
    from .._bar import Bar

    with ExitStack() as stack:
        temporary = None
        if effective_n_jobs(n_jobs) > 1:
            check_dask_workers()
            temporary = stack.enter_context(_temporary() if beside is None else workplace(beside))
        jobs = (delayed(_make_in_process)(make, item, temporary) for item in items)
        results = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
        stack.callback(_stop, results)
        shown = Bar(
            zip(items, results),
            desc="recordings",
            unit="file",
            total=len(items),
            disable=not verbose,
        )
        for item, (part, messages) in shown:
            for message in messages:
                warnings.warn(message, stacklevel=5)
            yield item, _open_stored(part)


@contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="geneeg-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _stop(results: Generator[object, None, None]) -> None:
    with warnings.catch_warnings():  # that results were made which nobody asks for any more
        warnings.simplefilter("ignore", UserWarning)
        results.close()


def _make_in_process(
    make: Callable[[Item], Bunch | Exception], item: Item, temporary: Path | None
) -> tuple[Bunch | Exception, list[str]]:
    """Return what `make` does and warns about; `X` as a file in `temporary`, if it is here.

    Windows would go from process to process through a pipe, in small pieces, copied four times.
    Its name is drawn at random: on another machine, there is no such folder by chance.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        part = make(item)
    if temporary is not None and temporary.is_dir() and isinstance(part, Bunch) and len(part.X):
        path = temporary / f"{uuid.uuid4().hex}.npy"
        np.save(path, part.X)
        part.X = path
    return part, [str(w.message) for w in caught if issubclass(w.category, UserWarning)]


def _open_stored(part: Bunch | Exception) -> Bunch | Exception:
    if isinstance(part, Bunch) and isinstance(part.X, Path):
        path, part.X = part.X, np.load(part.X, mmap_mode="r")
        with suppress(OSError):  # Windows keeps the file of a map until the end
            path.unlink()
    return part
