"""Saving and loading a fitted model without pickle: safetensors for numbers, JSON for the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._sealed import SealedFolder
from ._denoiser import Denoiser
from ._descriptors import Descriptors
from ._equalizer import Equalizer
from ._frontend import MARGIN, Frontend
from ._model import LatentDiffusion, Population, Standardizer
from ._prior import ConditionPrior
from ._residual import ResidualNoise
from ._vae import VAE

if TYPE_CHECKING:
    from torch import nn

SAVED = SealedFolder("generator", "geneeg_sk.LatentDiffusionGenerator", version=7, arrays="arrays")

PARTS: dict[str, type] = {
    "frontend": Frontend,
    "descriptors": Descriptors,
    "scale_descriptors": Standardizer,
    "scale_profiles": Standardizer,
    "population": Population,
    "residual": ResidualNoise,
    "prior": ConditionPrior,
    "equalizer": Equalizer,
}


def write_folder(folder: str | Path, model: LatentDiffusion, header: dict[str, Any]) -> None:
    """Write model and header into `folder`, whole or not at all.

    Raises
    ------
    FileExistsError
        If `folder` exists and holds something else than a saved generator.
    """
    arrays, numbers = _pack(model)
    SAVED.write(folder, {"numbers": numbers, **header}, arrays)


def read_folder(folder: str | Path) -> tuple[LatentDiffusion, dict[str, Any]]:
    """Read what `write_folder` wrote. Nothing in the folder is ever executed.

    Raises
    ------
    FileNotFoundError
        If there is no generator in `folder`.
    ValueError
        If it is damaged, something else, or written by another version.
    """
    header, arrays = SAVED.read(folder)
    try:
        model = _unpack(arrays, header["numbers"])
        _check_header(header, model)
    except Exception as error:  # whoever wrote it by hand may have written anything
        raise ValueError(f"{folder} is not a complete generator: {error!r}.") from error
    return model, header


def _pack(model: LatentDiffusion) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    arrays = {name: getattr(model, name) for name in ("profiles", "latent_mean", "latent_std")}
    numbers: dict[str, Any] = {"n_states": model.n_states}
    for part in PARTS:
        assert is_dataclass(getattr(model, part))
        for field in fields(getattr(model, part)):
            value = getattr(getattr(model, part), field.name)
            is_array = isinstance(value, np.ndarray)
            (arrays if is_array else numbers)[f"{part}.{field.name}"] = value
    for part in ("vae", "denoiser"):
        network = getattr(model, part)
        numbers[part] = network.sizes
        for name, tensor in network.state_dict().items():
            arrays[f"{part}.{name}"] = tensor.cpu().numpy()
    return {name: np.ascontiguousarray(value) for name, value in arrays.items()}, numbers


def _unpack(arrays: dict[str, np.ndarray], numbers: dict[str, Any]) -> LatentDiffusion:
    values = {**numbers, **arrays}
    parts: dict[str, Any] = {
        part: kind(**{f.name: values[f"{part}.{f.name}"] for f in fields(kind)})
        for part, kind in PARTS.items()
    }
    for part, kind in (("vae", VAE), ("denoiser", Denoiser)):
        start = f"{part}."
        weights = {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}
        parts[part] = _network(kind, numbers[part], weights)
    plain = {name: values[name] for name in ("n_states", "profiles", "latent_mean", "latent_std")}
    return LatentDiffusion(**plain, **parts)


def _network(
    kind: type[nn.Module], sizes: Sequence[int], weights: dict[str, np.ndarray]
) -> nn.Module:
    """Return a network with `weights`; no memory is taken for sizes that are not theirs."""
    import torch

    with torch.device("meta"):
        network = kind(*sizes)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: array.shape for name, array in weights.items()}
    if found != shapes:
        raise ValueError(f"weights are not those of a {kind.__name__} of sizes {sizes}")
    network = network.to_empty(device="cpu")
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return network.eval()


def _check_header(header: dict[str, Any], model: LatentDiffusion) -> None:
    """Raise a ValueError where numbers of the header are not those of the arrays.

    Sampling takes as much memory as these numbers say.
    """
    frontend, residual, stride = model.frontend, model.residual, model.vae.stride
    assert residual is not None  # a part of every saved model
    n_times = frontend.n_times
    n_states, n_patients = len(header["classes"]["values"]), len(header["patients"]["values"])
    holds = {
        "shape": header["shape"] == [len(frontend.to_channels), n_times],
        "n_times": residual.trust.shape == (len(frontend.to_channels), n_times // 2 + 1),
        "n_padded": frontend.n_padded == -(-n_times // stride) * stride + 2 * MARGIN * stride,
        "floor": 0 < frontend.floor < math.inf,
        "smoothing": 1 <= model.descriptors.smoothing <= max(n_times, 1),
        "classes": n_states == model.n_states == len(residual.amplitude),
        "background": header["background"] in range(n_states),
        "patients": n_patients <= len(model.profiles),
        "counts": np.shape(header["counts"]) == (n_states, n_patients) or not n_patients,
        "dtype": header["dtype"] in ("float16", "float32", "float64"),
        "sfreq": header["sfreq"] is None or 0 < header["sfreq"] < math.inf,
    }
    wrong = [name for name, is_right in holds.items() if not is_right]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} of the header and the arrays do not fit together")
