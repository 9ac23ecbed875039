"""A fitted CNN-BiLSTM on disk without pickle: safetensors for weights, JSON for the rest."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from geneeg_sk._version import __version__
from geneeg_sk.classification._classifier import CNNBiLSTMClassifier
from geneeg_sk.classification._training import resolve_device, seeded

FORMAT, VERSION = "geneeg_sk detector", 1
HEADER, WEIGHTS = "detector.json", "weights.safetensors"


def write_detector(
    folder: str | Path, classifier: CNNBiLSTMClassifier, windows: dict[str, Any]
) -> None:
    """Write a fitted classifier, and how its windows were made, into a folder.

    The folder appears when it is complete; an earlier detector in its place is replaced.

    Parameters
    ----------
    folder : str or Path
        Folder to write.
    classifier : CNNBiLSTMClassifier
        Fitted.
    windows : dict
        What `detect_seizures` has to know to prepare a recording: its `length`, `channels`, ...

    Raises
    ------
    FileExistsError
        If `folder` exists and holds something else.
    """
    folder = Path(folder)
    check_place(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder.parent) as workplace:
        staged = Path(workplace) / "detector"
        staged.mkdir()
        weights = classifier.net_.module_.state_dict()
        save_file({k: v.cpu().contiguous() for k, v in weights.items()}, staged / WEIGHTS)
        header = {
            "format": FORMAT,
            "version": VERSION,
            "geneeg_sk": __version__,
            "sha256": _sha256(staged / WEIGHTS),
            "parameters": classifier.get_params(),
            "classes": classifier.classes_.tolist(),
            "n_channels": classifier.n_channels_,
            "n_times": classifier.n_times_,
            "windows": windows,
        }
        (staged / HEADER).write_text(json.dumps(header, indent=1), encoding="utf-8")
        if folder.exists():
            os.replace(folder, Path(workplace) / "old")
        os.replace(staged, folder)


def read_detector(folder: str | Path) -> tuple[CNNBiLSTMClassifier, dict[str, Any]]:
    """Read what `write_detector` wrote. Nothing in the folder is ever executed.

    Raises
    ------
    FileNotFoundError
        If there is no detector in `folder`.
    ValueError
        If it is damaged, or written by a later version.
    """
    folder = Path(folder)
    if not all((folder / name).is_file() for name in (HEADER, WEIGHTS)):
        raise FileNotFoundError(f"no detector in {folder}: expected {HEADER} and {WEIGHTS}.")
    try:
        header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
        version = header["version"] if header["format"] == FORMAT else None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / HEADER} is damaged or no detector: {error!r}.") from error
    if version != VERSION:
        raise ValueError(
            f"{folder} is a {header['format']} of version {header['version']}, this geneeg_sk "
            f"reads a {FORMAT} of version {VERSION}. Update geneeg_sk, or train again."
        )
    if header.get("sha256") != _sha256(folder / WEIGHTS):
        raise ValueError(
            f"{folder / WEIGHTS} is damaged: its checksum is not the one in {HEADER}. Copy or "
            "train it again."
        )
    try:
        return _restored(header, load_file(folder / WEIGHTS)), header["windows"]
    except (KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ValueError(f"{folder} is not a complete detector: {error}.") from error


def check_place(folder: Path) -> None:
    """Raise a FileExistsError if there is something else than a detector in a folder."""
    if folder.exists() and not (folder / HEADER).is_file():
        raise FileExistsError(f"{folder} exists and is no detector. Choose another folder.")


def _restored(header: dict[str, Any], weights: dict[str, Any]) -> CNNBiLSTMClassifier:
    classifier = CNNBiLSTMClassifier(**header["parameters"])
    classifier.classes_ = np.array(header["classes"])
    classifier.n_channels_, classifier.n_times_ = header["n_channels"], header["n_times"]
    classifier.n_features_in_ = header["n_channels"]
    device = resolve_device(classifier.device)
    # Only shapes matter here: all that training found is in the weights.
    X = np.zeros((1, classifier.n_channels_, classifier.n_times_), np.float32)
    with seeded(0, device):
        net = classifier._build_net(X, np.arange(len(classifier.classes_)), device)
        net.initialize()
    net.module_.load_state_dict(weights)
    classifier.net_ = net
    return classifier


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
