"""Saving and loading a fitted model without pickle: safetensors for numbers, JSON for the rest."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from .._version import __version__
from ._denoiser import Denoiser
from ._descriptors import Descriptors
from ._equaliser import Equaliser
from ._frontend import Frontend
from ._model import LatentDiffusion, Population, Standardiser
from ._prior import ConditionPrior
from ._profile_encoder import ProfileEncoder
from ._residual import ResidualNoise
from ._vae import VAE

FORMAT, FORMAT_VERSION = "geneeg_sk.LatentDiffusionGenerator", 4
HEADER, ARRAYS = "generator.json", "arrays.safetensors"

PARTS: dict[str, type] = {
    "frontend": Frontend,
    "descriptors": Descriptors,
    "scale_descriptors": Standardiser,
    "encoder": ProfileEncoder,
    "scale_profiles": Standardiser,
    "population": Population,
    "residual": ResidualNoise,
    "prior": ConditionPrior,
    "equaliser": Equaliser,
}


def write_folder(folder: str | Path, model: LatentDiffusion, header: dict[str, Any]) -> None:
    """Write model and header into `folder`, whole or not at all.

    Raises
    ------
    FileExistsError
        If `folder` exists and holds something else than a saved generator.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / HEADER).exists() and any(folder.iterdir()):
        raise FileExistsError(
            f"{folder} exists and is not a saved generator. Choose another folder, or empty it."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    arrays, numbers = _pack(model)
    staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        save_file(arrays, staged / ARRAYS)
        header = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "geneeg_sk": __version__,
            "sha256": _sha256(staged / ARRAYS),
            "numbers": numbers,
            **header,
        }
        (staged / HEADER).write_text(json.dumps(header, indent=1))
        staged.chmod(0o755)
        _replace(staged, folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def read_folder(folder: str | Path) -> tuple[LatentDiffusion, dict[str, Any]]:
    """Read what `write_folder` wrote. Nothing in the folder is ever executed.

    Raises
    ------
    FileNotFoundError
        If there is no generator in `folder`.
    ValueError
        If it is damaged, something else, or written by a newer version.
    """
    folder = Path(folder)
    for name in (HEADER, ARRAYS):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"no saved generator in {folder}: {name} is missing. Expected a folder written by "
                "LatentDiffusionGenerator.save."
            )
    try:
        header = json.loads((folder / HEADER).read_text())
        foreign = header.get("format") != FORMAT
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{folder / HEADER} is damaged: {error}. Save it again.") from error
    if foreign:
        raise ValueError(f"{folder / HEADER} is not of a LatentDiffusionGenerator.")
    if header["format_version"] > FORMAT_VERSION:
        raise ValueError(
            f"{folder} was written by geneeg_sk {header.get('geneeg_sk')}, in format "
            f"{header['format_version']}; this is {__version__}, which reads up to format "
            f"{FORMAT_VERSION}. Upgrade geneeg_sk."
        )
    if header["format_version"] < FORMAT_VERSION:
        raise ValueError(
            f"{folder} was written in format {header['format_version']}, before the model was what "
            f"it is in format {FORMAT_VERSION}. Fit the generator again."
        )
    if header.get("sha256") != _sha256(folder / ARRAYS):
        raise ValueError(
            f"{folder / ARRAYS} is damaged: its checksum is not the one in {HEADER}. "
            "Copy or save it again."
        )
    try:
        return _unpack(load_file(folder / ARRAYS), header["numbers"]), header
    except (KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ValueError(f"{folder} is not a complete generator: {error}.") from error


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
    import torch

    values = {**numbers, **arrays}
    parts: dict[str, Any] = {
        part: kind(**{f.name: values[f"{part}.{f.name}"] for f in fields(kind)})
        for part, kind in PARTS.items()
    }
    for part, kind in (("vae", VAE), ("denoiser", Denoiser)):
        network = kind(*numbers[part])
        start = f"{part}."
        network.load_state_dict(
            {
                k.removeprefix(start): torch.from_numpy(v)
                for k, v in arrays.items()
                if k.startswith(start)
            }
        )
        parts[part] = network.eval()
    plain = {name: values[name] for name in ("n_states", "profiles", "latent_mean", "latent_std")}
    return LatentDiffusion(**plain, **parts)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace(staged: Path, folder: Path) -> None:
    """Put `staged` in the place of `folder`; the old one goes last."""
    if not folder.exists():
        os.replace(staged, folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    os.replace(folder, old / folder.name)
    os.replace(staged, folder)
    shutil.rmtree(old)
