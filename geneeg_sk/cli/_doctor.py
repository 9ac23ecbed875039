"""``geneeg-sk doctor``: what runs where, for reports of bugs."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from geneeg_sk._version import __version__

# Numbers depend on these.
PACKAGES = (
    *("torch", "scikit-learn", "imbalanced-learn", "skorch", "mne"),
    *("numpy", "scipy", "pandas", "joblib"),
)
OPTIONAL = ("braindecode", "triton")  # for `load_braindecode`; to compile networks on CUDA


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print versions and hardware for a bug report."""
    found = {
        "geneeg_sk": __version__,
        "Python": platform.python_version(),
        **versions(),
        "platform": platform.platform(),
        **_computing(),
        "optional packages missing": [name for name in OPTIONAL if not _version(name)],
    }
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    width = max(map(len, found)) + 2
    for name, value in found.items():
        shown = ", ".join(value) or "none" if isinstance(value, list) else value
        typer.echo(f"{name:{width}}{'missing' if shown is None else shown}")


def versions() -> dict[str, str | None]:
    """Return the versions of the packages that numbers depend on; None for one that is missing."""
    return {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _computing() -> dict[str, str | int]:
    """Return what there is to compute on; why not, where torch is broken."""
    try:
        import joblib
        import torch

        from geneeg_sk._device import resolve_device

        device = str(resolve_device("auto"))
        name = f" ({torch.cuda.get_device_name()})" if device == "cuda" else ""
        return {
            "cores": joblib.cpu_count(),
            "torch threads": torch.get_num_threads(),
            "device": device + name,
        }
    except (ImportError, OSError, RuntimeError) as error:
        return {"device": f"unknown: {error}"}
