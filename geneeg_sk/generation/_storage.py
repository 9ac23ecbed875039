"""Saving and loading a fitted model without pickle: safetensors for numbers, JSON for the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import torch
from torch import nn

from .._sealed import SealedFolder
from ._corrections import CORRECTIONS
from ._model import LatentDiffusion
from ._normalizer import MARGIN
from .networks._training import below

SAVED = SealedFolder("generator", "geneeg_sk.LatentDiffusionGenerator", version=10, arrays="arrays")


def write_folder(folder: str | Path, model: LatentDiffusion, header: dict[str, Any]) -> None:
    """Write model and header into `folder`, whole or not at all.

    Raises
    ------
    FileExistsError
        If `folder` exists and holds something else than a saved generator.
    """
    arrays: dict[str, np.ndarray] = {}
    numbers: dict[str, Any] = {}
    _pack(model, arrays, numbers)
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
        model = _unpack(LatentDiffusion, arrays, header["numbers"])
        _check_header(header, model)
    except Exception as error:  # whoever wrote it by hand may have written anything
        raise ValueError(f"{folder} is not a complete generator: {error!r}.") from error
    return model, header


def _pack(
    part: object, arrays: dict[str, np.ndarray], numbers: dict[str, Any], prefix: str = ""
) -> None:
    """Put what a dataclass holds into `arrays` and `numbers`, under dotted names."""
    assert is_dataclass(part)
    for field in fields(part):
        name, value = prefix + field.name, getattr(part, field.name)
        if isinstance(value, nn.Module):
            numbers[name] = value.sizes
            for key, tensor in value.state_dict().items():
                arrays[f"{name}.{key}"] = tensor.cpu().numpy()
        elif is_dataclass(value):
            _pack(value, arrays, numbers, f"{name}.")
        elif isinstance(value, np.ndarray):
            arrays[name] = np.ascontiguousarray(value)
        else:
            numbers[name] = value


def _unpack(
    kind: Any, arrays: dict[str, np.ndarray], numbers: dict[str, Any], prefix: str = ""
) -> Any:
    """Return an object of a dataclass of what `_pack` put under dotted names."""
    values: dict[str, Any] = {}
    for field, hint in get_type_hints(kind).items():
        name = prefix + field
        (kind_of_field, *_) = get_args(hint) or (hint,)  # without "or None"
        if issubclass(kind_of_field, nn.Module):
            values[field] = _network(kind_of_field, numbers[name], below(name, arrays))
        elif is_dataclass(kind_of_field):
            values[field] = _unpack(kind_of_field, arrays, numbers, f"{name}.")
        else:
            value = arrays[name] if kind_of_field is np.ndarray else numbers[name]
            values[field] = tuple(value) if isinstance(value, list) else value  # JSON has no tuples
    return kind(**values)


def _network(
    kind: type[nn.Module], sizes: Sequence[int], weights: dict[str, np.ndarray]
) -> nn.Module:
    """Return a network with `weights`; no memory is taken for sizes that are not theirs."""
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
    normalizer, noise, stride = model.normalizer, model.noise, model.vae.stride
    assert noise is not None  # a part of every saved model
    n_times = normalizer.n_times
    n_states, n_patients = len(header["classes"]["values"]), len(header["patients"]["values"])
    holds = {
        "shape": header["shape"] == [len(normalizer.to_channels), n_times],
        "n_times": noise.gain.shape == (len(normalizer.to_channels), n_times // 2 + 1),
        "n_padded": normalizer.n_padded == -(-n_times // stride) * stride + 2 * MARGIN * stride,
        "floor": 0 < normalizer.floor < math.inf,
        "smoothing": 1 <= model.descriptors.smoothing <= n_times,
        "classes": n_states == model.n_states == len(noise.amplitude),
        "background": header["background"] in range(n_states),
        "patients": n_patients <= len(model.profiles.known),
        "counts": np.shape(header["counts"]) == (n_states, n_patients) or not n_patients,
        "corrections": set(model.corrections.left_out) <= set(CORRECTIONS),
        "dtype": header["dtype"] in ("float16", "float32", "float64"),
        "sfreq": header["sfreq"] is None or 0 < header["sfreq"] < math.inf,
    }
    wrong = [name for name, is_right in holds.items() if not is_right]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} of the header and the arrays do not fit together")
