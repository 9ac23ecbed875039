"""The checks of input that the whole package shares."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import _num_samples, validate_data

VOLT = 1e6  # microvolts

BACKGROUND = "normal"


def is_mne(X: Any) -> bool:
    """Tell whether `X` is an MNE object that holds signals (``Raw``, ``Epochs``)."""
    return hasattr(X, "get_data") and hasattr(X, "info")


def as_microvolts(X: Any) -> Any:
    """Return the signals of an MNE object in microvolts; anything else as it came.

    This is the one place where volts become microvolts.
    """
    return X.get_data() * VOLT if is_mne(X) else X


def native_floats(X: Any) -> Any:
    """Return arrays of floats in the byte order of this machine; anything else as it came."""
    if isinstance(X, np.ndarray) and X.dtype.kind == "f" and not X.dtype.isnative:
        return X.astype(X.dtype.newbyteorder("="))
    return X


def sfreq_of(X: Any, sfreq: float | None) -> float | None:
    """Return `sfreq`, or that of an MNE object where it is None.

    Raises
    ------
    ValueError
        If both are known and differ.
    """
    if not is_mne(X):
        return sfreq
    own = float(X.info["sfreq"])
    if sfreq is not None and not np.isclose(sfreq, own):
        raise ValueError(f"sfreq={sfreq} Hz, but X was sampled at {own} Hz. Resample, or correct.")
    return own


def check_windows(estimator: Any, X: Any, *, reset: bool) -> np.ndarray:
    """Validate windows and return them as an array of shape (n_windows, n_channels, n_times).

    A 2-D `X` is one channel; ``mne.Epochs`` become microvolts; float32 and float64 are kept, all
    else becomes float64. With ``reset=True`` the number of channels and times is stored on
    `estimator` (``n_features_in_``, ``n_channels_``, ``n_times_``), otherwise compared with it.

    Raises
    ------
    ValueError
        If `X` is not 2-D or 3-D, is empty, holds NaN or infinity (the message says where), or
        has other channels or times than the estimator was fitted on.
    """
    X = validate_data(
        estimator,
        native_floats(as_microvolts(X)),
        reset=reset,
        allow_nd=True,
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
    )
    return check_shape(estimator, X, reset=reset)


def check_shape(estimator: Any, X: np.ndarray, *, reset: bool) -> np.ndarray:
    """Check dimensions and finiteness of a validated `X`; return it in three dimensions."""
    if X.ndim > 3:
        raise ValueError(
            f"X has {X.ndim} dimensions, expected windows of shape (n_windows, n_channels, "
            "n_times), or (n_windows, n_times) for one channel."
        )
    X = X[:, None, :] if X.ndim == 2 else X
    if X.shape[2] == 0:
        raise ValueError("X has windows of 0 samples; expected at least 1.")
    check_finite(X)
    if reset:
        estimator.n_channels_, estimator.n_times_ = X.shape[1:]
    elif X.shape[1:] != (estimator.n_channels_, estimator.n_times_):
        raise ValueError(
            f"X has windows of {X.shape[1]} channels and {X.shape[2]} times, but "
            f"{type(estimator).__name__} was fitted on {estimator.n_channels_} channels and "
            f"{estimator.n_times_} times. Cut and pick the windows in the same way for both."
        )
    return X


def check_finite(X: np.ndarray) -> None:
    """Raise a ValueError that names the first window, channel and sample that is NaN or inf."""
    # A finite sum proves that all is well, without a mask as large as X.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(X.sum(dtype=np.float64)):
            return
    bad = ~np.isfinite(X)
    if not bad.any():
        return
    window, channel, sample = np.argwhere(bad)[0]
    kind = "NaN" if np.isnan(X[window, channel, sample]) else "infinity"
    raise ValueError(
        f"Input X contains {kind}: first in window {window}, channel {channel}, sample {sample}; "
        f"{bad.any(axis=(1, 2)).sum()} of {len(X)} windows have NaN or infinity. "
        "Drop these windows, or repair them before."
    )


def check_groups(groups: Any, n_windows: int) -> np.ndarray | None:
    """Return `groups` (the patient of each window) as a 1-D array, or None.

    Raises
    ------
    ValueError
        If `groups` is not one-dimensional or has another length than the windows.
    """
    if groups is None:
        return None
    n_groups = _num_samples(groups)
    if n_groups != n_windows:
        # A pipeline hands metadata on as they came, also to steps after one that added rows.
        after_a_sampler = (
            " If this step comes after an over-sampler, groups cannot follow the added windows: "
            "put both into an AugmentedClassifier, which splits by patient before it augments."
        )
        raise ValueError(
            f"groups has {n_groups} entries for {n_windows} windows; expected the patient of "
            f"every window, one entry each.{after_a_sampler if n_groups < n_windows else ''}"
        )
    groups = np.asarray(groups)
    if groups.ndim != 1:
        raise ValueError(f"groups has {groups.ndim} dimensions; expected one patient per window.")
    return groups


def background_state(y: np.ndarray, background: Any = "auto") -> Any:
    """Return the label of the background: the state that is plentiful and describes a patient.

    ``"auto"`` means ``"normal"`` where there is such a label, else the majority.

    Raises
    ------
    ValueError
        If `background` is not a label of `y`.
    """
    labels, counts = np.unique(y, return_counts=True)
    if isinstance(background, str) and background == "auto":
        named = labels[labels == BACKGROUND] if labels.dtype.kind in "OUT" else labels[:0]
        return named[0] if len(named) else labels[counts.argmax()]
    if background not in labels:
        raise ValueError(
            f"background={background!r} is not among the states {labels.tolist()}. "
            "Name one of them, or 'auto'."
        )
    return background
