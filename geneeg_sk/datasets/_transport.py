"""Windows from other processes."""

from __future__ import annotations

import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils import Bunch


def make_each(
    make: Callable[[Any], Bunch | Exception],
    items: Sequence[Any],
    *,
    n_jobs: int | None,
    verbose: bool,
) -> Iterator[tuple[Any, Bunch | Exception]]:
    """Yield each item with what `make` returns for it, made in `n_jobs` processes.

    `make` may return an exception, which then can be raised, or not, in this process. What it warns
    about is warned about here: in another process it would be lost.
    """
    from tqdm.auto import tqdm

    with ExitStack() as stack:
        temporary = None
        if effective_n_jobs(n_jobs) > 1:
            folder = tempfile.TemporaryDirectory(prefix="geneeg-", ignore_cleanup_errors=True)
            temporary = Path(stack.enter_context(folder))
        jobs = (delayed(_make_in_process)(make, item, temporary) for item in items)
        results = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
        stack.callback(_stop, results)
        shown = tqdm(
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


def _stop(results: Any) -> None:
    with warnings.catch_warnings():  # that results were made which nobody asks for any more
        warnings.simplefilter("ignore", UserWarning)
        results.close()


def _make_in_process(
    make: Callable[[Any], Bunch | Exception], item: Any, temporary: Path | None
) -> tuple[Bunch | Exception, list[str]]:
    """Return what `make` does and warns about; `X` as a file in the folder `temporary`, if any.

    Windows would go from process to process through a pipe, in small pieces, copied four times.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        part = make(item)
    if temporary is not None and isinstance(part, Bunch) and len(part.X):
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
