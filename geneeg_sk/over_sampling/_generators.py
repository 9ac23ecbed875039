"""What is asked of a generator, which may be of another package; see `WindowGenerator`."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from geneeg_sk.generation import WindowGenerator

NO_VALUE = {"guidance": 1.0, "solver_steps": None}  # of the options that only some generators have


def takes(function: Callable[..., object], name: str) -> bool:
    """Tell whether a function can be called with this keyword.

    >>> takes(np.linspace, "num"), takes(np.linspace, "groups"), takes(dict, "groups")
    (True, False, True)
    """
    try:
        parameters = signature(function).parameters
    except ValueError:  # compiled functions may have none: the call will tell
        return True
    return name in parameters or any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values())


def check_takes(generator: WindowGenerator, method: str, name: str) -> None:
    """Raise a ValueError if a method of the generator cannot be called with this keyword."""
    if not takes(getattr(generator, method), name):
        raise ValueError(
            f"the method {method} of {type(generator).__name__} does not take {name}, as "
            "geneeg_sk.generation.WindowGenerator asks for. Add this keyword; it may be ignored."
        )


def check_trainable(generator: WindowGenerator) -> None:
    """Raise a ValueError if the generator cannot be cloned and fitted."""
    if not (hasattr(generator, "get_params") and hasattr(generator, "set_params")):
        raise ValueError(
            f"{type(generator).__name__} has no get_params and set_params, so that it cannot be "
            "cloned and trained on the windows. Let it inherit from sklearn.base.BaseEstimator, or "
            "train it yourself and give sklearn.frozen.FrozenEstimator(generator)."
        )
    check_takes(generator, "fit", "groups")


def check_makes(generator: WindowGenerator, method: str) -> None:
    """Raise a ValueError if the generator cannot make windows by this method."""
    if not hasattr(generator, method):
        raise ValueError(
            f"method={method!r} needs a generator with a method {method}, which "
            f"{type(generator).__name__} does not have. Use method='sample'."
        )
    check_takes(generator, method, "random_state")


def check_profiles(generator: WindowGenerator, mix: str, method: str = "sample") -> None:
    """Raise a ValueError that names what the generator lacks for this `patient_mix`."""
    missing = missing_for_profiles(generator, method) if mix != "pooled" else []
    if mix == "virtual" and not hasattr(generator, "virtual_profiles"):
        missing.append("a method virtual_profiles")
    if missing:
        raise ValueError(
            f"patient_mix={mix!r} needs profiles of patients, but {type(generator).__name__} does "
            f"not have {' and '.join(missing)}. Use patient_mix='pooled', which leaves the "
            "patients to the generator; 'auto' does so by itself."
        )


def missing_for_profiles(generator: WindowGenerator, method: str = "sample") -> list[str]:
    """Return what a generator lacks to imitate patients by their profiles."""
    missing = [] if hasattr(generator, "profile") else ["a method profile"]
    if not takes(getattr(generator, method), "profiles"):
        missing.append(f"an argument profiles of its method {method}")
    return missing


def sampling_options(generator: WindowGenerator, method: str, **options: Any) -> dict[str, Any]:
    """Return the options that a method of the generator takes.

    Raises
    ------
    ValueError
        If it does not take one that has a value.
    """
    function = getattr(generator, method)
    taken = {name: value for name, value in options.items() if takes(function, name)}
    for name, value in options.items():
        if name not in taken and value != NO_VALUE[name]:
            raise ValueError(
                f"{name}={value!r} is for generators whose method {method} takes {name}, which "
                f"that of {type(generator).__name__} does not. Leave {name} out."
            )
    return taken


def check_made(
    made: ArrayLike, n: int, shape: tuple[int, ...], generator: WindowGenerator
) -> np.ndarray:
    """Return what a generator made as an array, if it is `n` windows of this shape."""
    made = np.asarray(made)
    if made.shape != (n, *shape) or made.dtype.kind not in "fiu":
        raise ValueError(
            f"{type(generator).__name__} made an array of shape {made.shape} and type "
            f"{made.dtype}; expected {(n, *shape)}, {n} windows like those of training, as real "
            "numbers."
        )
    return made
