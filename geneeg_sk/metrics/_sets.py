"""Sets of windows to compare: checks, and the features they are compared in."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from geneeg_sk._checks import as_microvolts, check_finite
from geneeg_sk.features import EEGFeatures
from geneeg_sk.preprocessing._base import resolve_sfreq


def check_sets(sfreq: float, **sets: Any) -> list[np.ndarray]:
    """Return sets of windows, sampled at `sfreq` Hz, as arrays of three dimensions, in µV.

    Raises
    ------
    ValueError
        If a set is no set of windows, holds NaN or infinity, has other channels or times than
        the first, or is an ``mne.Epochs`` of another sampling frequency.
    """
    if not sfreq > 0:
        raise ValueError(f"sfreq={sfreq}; expected the sampling frequency in Hz, above 0.")
    for X in sets.values():
        resolve_sfreq(sfreq, X)
    windows = [_check_set(name, X) for name, X in sets.items()]
    first, *others = sets
    for name, X in zip(others, windows[1:]):
        if X.shape[1:] != windows[0].shape[1:]:
            raise ValueError(
                f"{name} has windows of {X.shape[1]} channels and {X.shape[2]} times, but {first} "
                f"has {windows[0].shape[1]} channels and {windows[0].shape[2]} times. "
                "Cut and pick the windows in the same way for both."
            )
    return windows


def _check_set(name: str, X: Any) -> np.ndarray:
    X = check_array(
        as_microvolts(X),
        allow_nd=True,
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
        input_name=name,
    )
    if X.ndim > 3 or X.shape[-1] == 0:
        raise ValueError(
            f"{name} has shape {X.shape}; expected windows of shape (n_windows, n_channels, "
            "n_times), or (n_windows, n_times) for one channel."
        )
    X = X[:, None, :] if X.ndim == 2 else X
    try:
        check_finite(X)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return X


def describe(*sets: np.ndarray, sfreq: float, average: bool = False) -> list[np.ndarray]:
    """Return the EEGFeatures of each set, float64, shape (n_windows, n_features)."""
    features = EEGFeatures(sfreq=sfreq, average=average).fit(sets[0])
    return [features.transform(X).astype(np.float64) for X in sets]
