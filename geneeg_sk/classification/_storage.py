"""A fitted CNN-BiLSTM on disk without pickle: safetensors for weights, JSON for the rest."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geneeg_sk._device import resolve_device
from geneeg_sk._sealed import SealedFolder
from geneeg_sk._seeding import seeded
from geneeg_sk.classification._classifier import CNNBiLSTMClassifier
from geneeg_sk.classification._cnn_bilstm import CNNBiLSTM
from geneeg_sk.classification._minibatch_augmentation import MinibatchAugmentation

SAVED = SealedFolder("detector", "geneeg_sk detector", version=2, arrays="weights")

# What `detect_seizures` may be told by a saved detector, beside the classifier.
PREPARATION = {"length", "channels", "sfreq", "l_freq", "h_freq"}
MOST_VALUES = 2**24  # of a window: 64 MiB


def write_detector(
    folder: str | Path, classifier: CNNBiLSTMClassifier, windows: dict[str, Any]
) -> None:
    """Write a fitted classifier, and how its windows were made, into a folder.

    The detector is there when it is complete; an earlier one in its place is replaced.

    Parameters
    ----------
    folder : str or Path
        Folder to write.
    classifier : CNNBiLSTMClassifier
        Fitted.
    windows : dict
        What `detect_seizures` has to know to prepare a recording: `length`, `channels`, `sfreq`,
        `l_freq`, `h_freq`.

    Raises
    ------
    FileExistsError
        If `folder` exists and holds something else.
    TypeError
        If the classifier was trained with a function of one's own as `augment`.
    """
    weights = classifier.net_.module_.state_dict()
    header = {
        "parameters": {**classifier.get_params(deep=False), "augment": augment_to_json(classifier)},
        "classes": classifier.classes_.tolist(),
        "n_channels": classifier.n_channels_,
        "n_times": classifier.n_times_,
        "windows": windows,
    }
    SAVED.write(folder, header, {k: v.cpu().contiguous().numpy() for k, v in weights.items()})


def augment_to_json(classifier: CNNBiLSTMClassifier) -> dict[str, float] | None:
    """Return the parameters of the augmentation, or None without one."""
    if classifier.augment is None:
        return None
    if not isinstance(classifier.augment, MinibatchAugmentation):
        raise TypeError(
            f"augment={classifier.augment!r} is code, which is never saved. It is not needed to "
            "predict: classifier.set_params(augment=None), then save."
        )
    return classifier.augment.get_params()


def read_detector(folder: str | Path) -> tuple[CNNBiLSTMClassifier, dict[str, Any]]:
    """Read what `write_detector` wrote. Nothing in the folder is ever executed.

    Raises
    ------
    FileNotFoundError
        If there is no detector in `folder`.
    ValueError
        If it is damaged, or written by another version.
    """
    header, weights = SAVED.read(folder)
    try:
        _check_preparation(header)
        return _restored(header, weights), header["windows"]
    except Exception as error:  # whoever wrote it by hand may have written anything
        raise ValueError(f"{folder} is not a complete detector: {error!r}.") from error


def _check_preparation(header: dict[str, Any]) -> None:
    """Raise a ValueError where recordings could not be cut into the classifier's windows."""
    windows, n_channels, n_times = (header[k] for k in ("windows", "n_channels", "n_times"))
    if set(windows) != PREPARATION:
        raise ValueError(f"windows names {sorted(windows)}; expected {sorted(PREPARATION)}")
    numbers = [windows[name] for name in ("length", "sfreq", "l_freq", "h_freq")]
    if any(one is not None and not 0 < one < math.inf for one in numbers):
        raise ValueError(f"windows holds {numbers}; expected positive numbers")
    if round(windows["length"] * windows["sfreq"]) != n_times:
        raise ValueError(f"length and sfreq do not make {n_times} samples")
    if [type(name) for name in windows["channels"]] != [str] * n_channels:
        raise ValueError(f"expected the names of {n_channels} channels")
    if not 0 < n_channels * n_times <= MOST_VALUES:
        raise ValueError(f"windows of {n_channels} x {n_times} samples; at most {MOST_VALUES}")


def _restored(header: dict[str, Any], weights: dict[str, np.ndarray]) -> CNNBiLSTMClassifier:
    classifier = CNNBiLSTMClassifier(**header["parameters"])
    if classifier.augment is not None:
        classifier.augment = MinibatchAugmentation(**classifier.augment)
    classifier._validate_params()
    classifier.classes_ = np.array(header["classes"])
    classifier.n_channels_, classifier.n_times_ = header["n_channels"], header["n_times"]
    classifier.n_features_in_ = header["n_channels"]
    _check_shapes(classifier, weights)
    device = resolve_device(classifier.device)
    # Only shapes matter here: all that training found is in the weights.
    X = np.zeros((1, classifier.n_channels_, classifier.n_times_), np.float32)
    with seeded(0, device):
        net = classifier._build_net(X, np.arange(len(classifier.classes_)), device)
        net.initialize()
    net.module_.load_state_dict({name: torch.from_numpy(one) for name, one in weights.items()})
    classifier.net_ = net
    return classifier


def _check_shapes(classifier: CNNBiLSTMClassifier, weights: dict[str, np.ndarray]) -> None:
    """Compare sizes with the weights before memory is taken for them."""
    with torch.device("meta"):
        network = CNNBiLSTM(
            classifier.n_times_,
            len(classifier.classes_),
            n_filters=classifier.n_filters,
            kernel_size=classifier.kernel_size,
            n_hidden=classifier.n_hidden,
        )
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    if shapes != {name: array.shape for name, array in weights.items()}:
        raise ValueError("weights are not those of a network of these parameters")
