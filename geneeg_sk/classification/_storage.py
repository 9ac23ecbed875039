"""A fitted CNN-BiLSTM on disk without pickle: safetensors for weights, JSON for the rest."""

from __future__ import annotations

import math
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geneeg_sk._device import resolve_device
from geneeg_sk._sealed import (
    SealedFolder,
    history_from_json,
    history_to_json,
    labels_from_json,
    labels_to_json,
)
from geneeg_sk._seeding import seeded
from geneeg_sk.classification._classifier import CNNBiLSTMClassifier
from geneeg_sk.classification._cnn_bilstm import CNNBiLSTM
from geneeg_sk.classification._minibatch_augmentation import MinibatchAugmentation

CLASSIFIER = SealedFolder(
    "classifier", "geneeg_sk.CNNBiLSTMClassifier", version=1, arrays="weights"
)
DETECTOR = SealedFolder("detector", "geneeg_sk detector", version=3, arrays="weights")

# What `detect_seizures` may be told by a saved detector, beside the classifier.
PREPARATION = {"length", "channels", "sfreq", "l_freq", "h_freq"}
MAX_VALUES = 2**24  # of a window: 64 MiB


def write_classifier(folder: str | Path, classifier: CNNBiLSTMClassifier) -> None:
    """Write a fitted classifier into a folder; see `CNNBiLSTMClassifier.save`."""
    CLASSIFIER.write(folder, *_pack(classifier))


def read_classifier(
    folder: str | Path, kind: type[CNNBiLSTMClassifier] = CNNBiLSTMClassifier
) -> CNNBiLSTMClassifier:
    """Read what `write_classifier` wrote; see `CNNBiLSTMClassifier.load`."""
    header, weights = CLASSIFIER.read(folder)
    try:
        return _restore(kind, header, weights)
    except Exception as error:  # whoever wrote it by hand may have written anything
        raise ValueError(f"{folder} is not a complete classifier: {error!r}.") from error


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
        If `augment` of the classifier is a function.
    """
    header, weights = _pack(classifier)
    DETECTOR.write(folder, {**header, "windows": windows}, weights)


def read_detector(folder: str | Path) -> tuple[CNNBiLSTMClassifier, dict[str, Any]]:
    """Read what `write_detector` wrote. Nothing in the folder is ever executed.

    Raises
    ------
    FileNotFoundError
        If there is no detector in `folder`.
    ValueError
        If it is damaged, or written by another version.
    """
    header, weights = DETECTOR.read(folder)
    try:
        _check_preparation(header)
        return _restore(CNNBiLSTMClassifier, header, weights), header["windows"]
    except Exception as error:  # whoever wrote it by hand may have written anything
        raise ValueError(f"{folder} is not a complete detector: {error!r}.") from error


def _pack(classifier: CNNBiLSTMClassifier) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header and the weights that are stored."""
    header = {
        "parameters": _parameters_to_json(classifier),
        "classes": labels_to_json(classifier.classes_),
        "n_channels": classifier.n_channels_,
        "n_times": classifier.n_times_,
        "n_features_in": classifier.n_features_in_,
        "history": history_to_json(classifier.history_),
    }
    weights = classifier.net_.module_.state_dict()
    return header, {name: one.cpu().contiguous().numpy() for name, one in weights.items()}


def _parameters_to_json(classifier: CNNBiLSTMClassifier) -> dict[str, Any]:
    """Return the parameters as numbers, text, lists and dicts."""
    parameters = classifier.get_params(deep=False)
    parameters["augment"] = _augment_to_json(classifier)
    if isinstance(parameters["class_weight"], dict):  # in JSON, all keys would become text
        parameters["class_weight"] = list(parameters["class_weight"].items())
    if not isinstance(parameters["random_state"], Integral | None):
        parameters["random_state"] = None  # the state of a generator is not a setting
    return _plain(parameters)


def _augment_to_json(classifier: CNNBiLSTMClassifier) -> dict[str, float] | None:
    """Return the parameters of the augmentation, or None without one."""
    if classifier.augment is None:
        return None
    if not isinstance(classifier.augment, MinibatchAugmentation):
        raise TypeError(
            f"augment={classifier.augment!r} is code, which is never saved. It is not needed to "
            "predict: classifier.set_params(augment=None), then save."
        )
    return classifier.augment.get_params()


def _plain(value: Any) -> Any:
    """Return a value with Python's numbers in the place of NumPy's."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


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


def _restore(
    kind: type[CNNBiLSTMClassifier], header: dict[str, Any], weights: dict[str, np.ndarray]
) -> CNNBiLSTMClassifier:
    parameters = dict(header["parameters"])
    if parameters["augment"] is not None:
        parameters["augment"] = MinibatchAugmentation(**parameters["augment"])
    if isinstance(parameters["class_weight"], list):
        parameters["class_weight"] = dict(parameters["class_weight"])
    classifier = kind(**parameters)
    classifier._validate_params()
    classifier.classes_ = labels_from_json(header["classes"])
    classifier.n_channels_, classifier.n_times_ = header["n_channels"], header["n_times"]
    classifier.n_features_in_ = header["n_features_in"]
    classifier.history_ = history_from_json(header["history"])
    _check_shapes(classifier, weights)
    device = _present_device(classifier.device)
    # Only shapes matter here: all that training found is in the weights.
    X = np.zeros((1, classifier.n_channels_, classifier.n_times_), np.float32)
    with seeded(0, device):
        net = classifier._build_net(X, np.arange(len(classifier.classes_)), device)
        net.initialize()
    net.module_.load_state_dict({name: torch.from_numpy(one) for name, one in weights.items()})
    classifier.net_ = net
    return classifier


def _check_shapes(classifier: CNNBiLSTMClassifier, weights: dict[str, np.ndarray]) -> None:
    """Compare sizes with the weights, and with a limit, before memory is taken for them."""
    n_channels, n_times = classifier.n_channels_, classifier.n_times_
    if not (n_channels > 0 and n_times > 0 and n_channels * n_times <= MAX_VALUES):
        raise ValueError(f"windows of {n_channels} x {n_times} samples; at most {MAX_VALUES}")
    with torch.device("meta"):
        network = CNNBiLSTM(
            n_times,
            len(classifier.classes_),
            n_filters=classifier.n_filters,
            kernel_size=classifier.kernel_size,
            n_hidden=classifier.n_hidden,
        )
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    if shapes != {name: array.shape for name, array in weights.items()}:
        raise ValueError("weights are not those of a network of these parameters")


def _present_device(name: str) -> torch.device:
    """Return the device that is asked for; the CPU where that is CUDA, and there is none."""
    device = resolve_device(name)
    is_missing = device.type == "cuda" and not torch.cuda.is_available()
    return torch.device("cpu") if is_missing else device
