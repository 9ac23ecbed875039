"""Sets of windows to compare: checks, and the features they are compared in."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_array

from geneeg_sk._checks import as_microvolts, check_finite, resolve_sfreq
from geneeg_sk._typing import WindowsLike
from geneeg_sk.features import EEGFeatures
from geneeg_sk.features._eeg_features import FEATURES
from geneeg_sk.features._spectrum import BANDS
from geneeg_sk.preprocessing._base import BLOCK_BYTES, iter_blocks

# Features that span decades, and are compared as logarithms.
LOG_FEATURES = (*(f"{band}_power" for band in BANDS), "hjorth_activity", "line_length")
QUIET = 1e-4  # of the median: 40 dB below it, a feature is as good as absent


def check_sets(sfreq: float, **sets: WindowsLike) -> list[np.ndarray]:
    """Return sets of windows, sampled at `sfreq` Hz, as arrays of three dimensions, in µV.

    Raises
    ------
    ValueError
        If a set does not hold windows, holds NaN or infinity, has other channels or times than
        the first, or is an ``mne.Epochs`` of another sampling frequency.
    """
    if not sfreq > 0:
        raise ValueError(f"sfreq={sfreq}; expected the sampling frequency in Hz, above 0.")
    resolve_sfreq(sfreq, *sets.values())
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


def _check_set(name: str, X: WindowsLike) -> np.ndarray:
    windows = check_array(
        as_microvolts(X),
        allow_nd=True,
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
        input_name=name,
    )
    if windows.ndim > 3 or windows.shape[-1] == 0:
        raise ValueError(
            f"{name} has shape {windows.shape}; expected windows of shape (n_windows, n_channels, "
            "n_times), or (n_windows, n_times) for one channel."
        )
    windows = windows[:, None, :] if windows.ndim == 2 else windows
    try:
        check_finite(windows)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return windows


def compute_features(*sets: np.ndarray, sfreq: float, average: bool = False) -> list[np.ndarray]:
    """Return the EEGFeatures of each set, float64, shape (n_windows, n_features)."""
    features = EEGFeatures(sfreq=sfreq, average=average).fit(sets[0])
    return [features.transform(X).astype(np.float64) for X in sets]


def thin(limit: int, **sets: np.ndarray) -> list[np.ndarray]:
    """Return at most `limit` windows of each set, evenly spaced, with a warning where it is fewer.

    Evenly spaced, because windows lie sorted by patient and time: each keeps its share, and the
    same windows are always taken.
    """
    for name, X in sets.items():
        if len(X) > limit:
            warnings.warn(
                f"{limit} of the {len(X)} windows of {name} are compared, evenly spaced: the cost "
                "grows with the square of their number.",
                UserWarning,
                stacklevel=3,
            )
    return [X[pick_evenly(len(X), limit)] for X in sets.values()]


def pick_evenly(n: int, limit: int) -> slice | np.ndarray:
    """Index of `limit` of `n` rows, evenly spaced, or of all where there are no more."""
    return slice(None) if n <= limit else np.linspace(0, n - 1, limit).astype(int)


def iter_centered(X: np.ndarray, block_bytes: int = BLOCK_BYTES) -> Iterator[np.ndarray]:
    """Yield blocks of windows in double precision, without the mean of each channel."""
    for block in iter_blocks(X, block_bytes):
        x = X[block].astype(np.float64)
        x -= x.mean(axis=2, keepdims=True)
        yield x


def embed(real: np.ndarray, *others: np.ndarray, sfreq: float) -> list[np.ndarray]:
    """Return each set as points: its EEGFeatures, standardized on the real windows.

    Features of each channel; powers, activity and line length as logarithms, for on a linear scale
    a few loud windows would decide everything. A feature that is constant in `real` is left as 0
    there.
    """
    points = compute_features(real, *others, sfreq=sfreq)
    in_decades = np.tile([name in LOG_FEATURES for name in FEATURES], real.shape[1])
    least = np.maximum(QUIET * np.median(points[0][:, in_decades], axis=0), np.finfo(float).tiny)
    for X in points:
        X[:, in_decades] = np.log(np.maximum(X[:, in_decades], least))
    scaler = StandardScaler().fit(points[0])
    return [scaler.transform(X) for X in points]
