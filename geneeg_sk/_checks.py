"""The checks of input that the whole package shares."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeGuard, TypeVar, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _num_samples, validate_data

from geneeg_sk._typing import Label, WindowsLike

if TYPE_CHECKING:
    import mne

Given = TypeVar("Given")

VOLT = 1e6  # microvolts
# Microvolts beyond any amplifier; squares and their sums still fit single precision.
LARGEST = 1e10
# Typical swings of windows, peak to peak, in microvolts. Scalp EEG has 20 to 500: a unit that is
# wrong by a thousand leaves USUAL, and nearly always POSSIBLE.
USUAL, POSSIBLE = (1.0, 5e3), (0.1, 2e4)

STATES = ("normal", "preictal", "ictal")
BACKGROUND = "normal"

DEFAULT_SFREQ = 256.0  # Hz, the rate of CHB-MIT; used with a warning where no other is known


def is_mne(X: object) -> TypeGuard[mne.io.BaseRaw | mne.BaseEpochs]:
    """Tell whether `X` is an MNE object that holds signals (``Raw``, ``Epochs``)."""
    return hasattr(X, "get_data") and hasattr(X, "info")


def as_microvolts(X: Given) -> Given | np.ndarray:
    """Return the signals of an MNE object in microvolts; anything else as it came.

    This is the one place where volts become microvolts.

    Raises
    ------
    ValueError
        If `X` is a masked array with masked samples.
    """
    refuse_masked(X, "X")
    return X.get_data() * VOLT if is_mne(X) else X


def refuse_masked(values: object, name: str) -> None:
    """Raise a ValueError if an array hides some of its values, which NumPy and others would use."""
    if np.ma.is_masked(values):
        raise ValueError(
            f"{name} is a masked array with {np.ma.count_masked(values)} masked values, and the "
            "mask would be ignored. Drop the windows that have some, or fill them."
        )


def native_floats(X: Given) -> Given | np.ndarray:
    """Return arrays of floats in the byte order of this machine; anything else as it came."""
    if isinstance(X, np.ndarray) and X.dtype.kind == "f" and not X.dtype.isnative:
        return X.astype(X.dtype.newbyteorder("="))
    return X


@overload
def resolve_sfreq(sfreq: float | None, *sources: object, default: float) -> float: ...
@overload
def resolve_sfreq(sfreq: float | None, *sources: object) -> float | None: ...
def resolve_sfreq(
    sfreq: float | None, *sources: object, default: float | None = None
) -> float | None:
    """Return the sampling frequency in Hz: the given one, or that of MNE objects or ``mne.Info``.

    Where nobody knows it, `default` is taken, with a warning if it is not None. Arrays, and None,
    may stand among the sources: they have no sampling frequency.

    Raises
    ------
    ValueError
        If two that are known differ.
    """
    for source in sources:
        info = source.info if is_mne(source) else source
        if not (isinstance(info, Mapping) and hasattr(info, "ch_names")):
            continue  # a sparse matrix may be a mapping, too
        own = float(info["sfreq"])
        if sfreq is not None and not np.isclose(sfreq, own):
            what = "the Epochs are sampled at" if is_mne(source) else "info says"
            raise ValueError(
                f"sfreq={sfreq:g} Hz, but {what} {own:g} Hz. Leave sfreq=None to use theirs, or "
                "resample them."
            )
        sfreq = own
    if sfreq is None and default is not None:
        warnings.warn(
            f"The sampling frequency is not known and taken to be {default:g} Hz: an array does "
            "not carry one. Pass sfreq=... in Hz.",
            UserWarning,
            stacklevel=4,
        )
        return default
    return None if sfreq is None else float(sfreq)


def check_windows(estimator: BaseEstimator, X: WindowsLike, *, reset: bool) -> np.ndarray:
    """Validate windows and return them as an array of shape (n_windows, n_channels, n_times).

    A 2-D `X` is one channel; ``mne.Epochs`` become microvolts; float32 and float64 are kept, all
    else becomes float64. With ``reset=True`` the number of channels and times is stored on
    `estimator` (``n_features_in_``, ``n_channels_``, ``n_times_``), otherwise compared with it.

    Raises
    ------
    ValueError
        If `X` is not 2-D or 3-D, is empty, holds NaN, infinity, masked or impossibly large
        samples (the message says where), or has other channels or times than the estimator was
        fitted on.
    """
    windows = validate_data(
        estimator,
        native_floats(as_microvolts(X)),
        reset=reset,
        allow_nd=True,
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
    )
    return check_shape(estimator, windows, reset=reset)


def check_shape(estimator: BaseEstimator, X: np.ndarray, *, reset: bool) -> np.ndarray:
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


def check_finite(X: np.ndarray, numbers: np.ndarray | None = None) -> None:
    """Raise a ValueError if a sample is NaN or inf, or so large that it cannot be microvolts.

    The message names the first window, channel and sample; `numbers` are those of the windows,
    where `X` is a part of them.
    """
    # In blocks that fit the cache, and without a mask as large as X.
    if all(map(_is_plausible, np.split(X, range(256, len(X), 256)))):
        return
    bad = ~(np.abs(X) <= np.float64(LARGEST))
    window, channel, sample = np.argwhere(bad)[0]
    value = X[window, channel, sample]
    if np.isfinite(value):
        kind, advice = f"{value:.3g}", f"No amplifier gives more than {LARGEST:g} µV. "
    else:
        kind, advice = "NaN" if np.isnan(value) else "infinity", ""
    raise ValueError(
        f"Input X contains {kind}: first in window {window if numbers is None else numbers[window]}"
        f", channel {channel}, sample {sample}; {bad.any(axis=(1, 2)).sum()} of {len(X)} windows "
        f"have such samples. {advice}Drop these windows, or repair them before."
    )


def _is_plausible(X: np.ndarray) -> bool:
    with np.errstate(invalid="ignore"):  # NaN is neither below nor above
        return not X.size or (float(X.min()) >= -LARGEST and float(X.max()) <= LARGEST)


def check_scale(X: np.ndarray, what: str) -> None:
    """Raise a ValueError if windows cannot be scalp EEG in microvolts; warn if they hardly can."""
    swing = _typical_swing(X)
    if USUAL[0] <= swing <= USUAL[1]:
        return
    message = (
        f"a typical window of {what} swings over {swing:.3g} µV, expected 20 to 500 of scalp EEG. "
        "Is the unit in the header of the file right? Signals of MNE and braindecode are in volts: "
        "leave out the step that multiplies by 1e6."
    )
    if not POSSIBLE[0] <= swing <= POSSIBLE[1]:
        raise ValueError(message)
    warnings.warn(message, stacklevel=3)


def _typical_swing(X: np.ndarray) -> float:
    """Return the median over windows and channels that are not flat, peak to peak."""
    swings = np.ptp(X, axis=2)
    return float(np.median(swings[swings > 0])) if swings.any() else USUAL[0]


def doubts_about(X: np.ndarray) -> str:
    """Return what is odd about windows and may be why nothing can be learned from them, or ""."""
    flat = np.argwhere(np.ptp(X, axis=2) == 0)
    swing = _typical_swing(X)
    if len(flat):
        return (
            f"{len(set(flat[:, 0].tolist()))} of the {len(X)} real windows have flat channels, the "
            f"first channel {flat[0, 1]}: leave out that channel, or these windows."
        )
    if not USUAL[0] <= swing <= USUAL[1]:
        return (
            f"A typical real window swings over {swing:.3g} µV, expected 20 to 500 of scalp EEG: "
            "give X in microvolts."
        )
    return ""


def check_labels(labels: ArrayLike, name: str) -> np.ndarray:
    """Return labels as a 1-D array; `name` is what they are called in messages.

    Raises
    ------
    ValueError
        If they are not one-dimensional, or one is missing (None, NaN, masked): all windows without
        a label would count as one more patient or state.
    """
    refuse_masked(labels, name)
    # As objects first: NumPy makes the text "nan" of a NaN among texts.
    values = np.asarray(labels, dtype=None if hasattr(labels, "dtype") else object)
    if np.ndim(values) != 1:
        raise ValueError(f"{name} has {np.ndim(values)} dimensions; expected one entry per window.")
    missing = np.flatnonzero(pd.isna(values))
    if len(missing):
        raise ValueError(
            f"{name} has no entry for {len(missing)} of {len(values)} windows, first for window "
            f"{missing[0]} ({values[missing[0]]}). Name it, or drop these windows."
        )
    return np.asarray(labels)


def check_groups(groups: ArrayLike | None, n_windows: int) -> np.ndarray | None:
    """Return `groups` (the patient of each window) as a 1-D array, or None.

    Raises
    ------
    ValueError
        If `groups` is not one-dimensional, has another length than the windows, or lacks the
        patient of a window.
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
    return check_labels(groups, "groups")


def background_state(y: np.ndarray, background: Label = "auto") -> Label:
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
