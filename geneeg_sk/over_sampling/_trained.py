"""A cache of trained generators in their own format: reading it runs no code."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import BaseEstimator

from geneeg_sk._version import __version__

FOLDER = "geneeg_sk"  # in the folder that `memory` names


def cache_folder(memory: str | Path | joblib.Memory | None) -> Path | None:
    """Return the folder that `memory` (text, path or ``joblib.Memory``) names; None without one.

    Raises
    ------
    ValueError
        If it names none.
    """
    location = getattr(memory, "location", None) if hasattr(memory, "cache") else memory
    if location is None and (memory is None or hasattr(memory, "location")):
        return None
    if not isinstance(location, str | Path):
        raise ValueError(
            f"memory={memory!r} has no folder as its location; expected the name of a folder, or a "
            "joblib.Memory."
        )
    return Path(location) / FOLDER


def fit_or_load(
    generator: BaseEstimator,
    X: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None,
    cache: Path | None,
) -> BaseEstimator:
    """Fit `generator`, or read the one that was fitted on the same windows before.

    Raises
    ------
    ValueError
        If there is a cache, and the generator cannot be saved.
    """
    if cache is None:
        generator.fit(X, y, groups=groups)
        return generator
    kind = type(generator)
    if not (hasattr(kind, "save") and hasattr(kind, "load")):
        raise ValueError(
            f"memory keeps generators by their methods save and load, which {kind.__name__} does "
            "not have. Leave memory out."
        )
    name = f"{kind.__module__}.{kind.__qualname__}"
    # The key must not depend on how the same numbers lie in memory, or in which file.
    data = [np.ascontiguousarray(X), y, groups]
    place = cache / joblib.hash([name, generator.get_params(), *data, __version__])
    try:
        return kind.load(place)
    except FileNotFoundError:
        pass
    except ValueError as error:
        warnings.warn(f"{error} It is trained again now.", stacklevel=2)
        shutil.rmtree(place, ignore_errors=True)
    generator.fit(X, y, groups=groups)
    try:
        generator.save(place)
    except OSError as error:
        warnings.warn(f"the trained generator is not kept: {error}", stacklevel=2)
    return generator
