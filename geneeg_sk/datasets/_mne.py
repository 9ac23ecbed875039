"""Windows back to MNE: epochs in volts, and EDF files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .._checks import VOLT, check_finite, refuse_masked
from .._files import write_whole

if TYPE_CHECKING:
    import mne


def to_epochs(
    X: ArrayLike, info: mne.Info, y: ArrayLike | None = None, metadata: pd.DataFrame | None = None
) -> mne.EpochsArray:
    """Return windows as ``mne.EpochsArray``, in volts.

    Parameters
    ----------
    X : array-like of shape (n_windows, n_channels, n_times)
        Windows in microvolts.
    info : mne.Info
        Their channels and sampling frequency, as loaders return it.
    y : array-like of shape (n_windows,), default=None
        States; they become the epochs' events, so that ``epochs["ictal"]`` works.
    metadata : pandas.DataFrame, default=None
        One row per window; becomes ``epochs.metadata``.

    Returns
    -------
    epochs : mne.EpochsArray
        One epoch a window, without baseline correction.

    Raises
    ------
    ValueError
        If shapes do not match, or `X` holds NaN or infinity.

    Examples
    --------
    >>> from geneeg_sk.datasets import make_eeg_cohort, to_epochs
    >>> cohort = make_eeg_cohort(n_patients=1, sfreq=64, random_state=0)
    >>> len(to_epochs(cohort.X, cohort.info, cohort.y)["ictal"])
    12
    """
    import mne

    X = _check(X, info, y)
    if metadata is not None and len(metadata) != len(X):
        raise ValueError(f"metadata has {len(metadata)} rows for {len(X)} windows.")
    names = np.full(len(X), "window") if y is None else np.asarray(y).astype(str)
    states, codes = np.unique(names, return_inverse=True)
    events = np.column_stack([np.arange(len(X)) * X.shape[2], np.zeros(len(X), int), codes + 1])
    return mne.EpochsArray(
        X / VOLT,
        info,
        events=events,
        event_id={state: k + 1 for k, state in enumerate(states.tolist())},
        tmin=0.0,
        baseline=None,
        metadata=None if metadata is None else metadata.reset_index(drop=True),
        verbose="ERROR",
    )


def write_edf(path: str | Path, X: ArrayLike, y: ArrayLike, info: mne.Info) -> None:
    """Write windows one after another into an EDF+ file, each annotated with its state.

    The file appears when it is complete; an older one of that name is replaced. EDF stores samples
    in 16 bits, scaled to the range of each channel.

    Parameters
    ----------
    path : str or Path
        File to write, ending in ``.edf``.
    X : array-like of shape (n_windows, n_channels, n_times)
        Windows in microvolts.
    y : array-like of shape (n_windows,)
        State of each window.
    info : mne.Info
        Channels and sampling frequency.

    Raises
    ------
    ValueError
        If `path` does not end in ``.edf``, shapes do not match, or `X` holds NaN or infinity.

    Examples
    --------
    >>> import tempfile
    >>> from geneeg_sk.datasets import make_eeg_cohort, write_edf
    >>> cohort = make_eeg_cohort(n_patients=1, sfreq=64, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_edf(f"{folder}/cohort.edf", cohort.X, cohort.y, cohort.info)
    """
    import mne

    path = Path(path)
    if path.suffix.lower() != ".edf":
        raise ValueError(f"path must end in .edf, got {path.name}.")
    X = _check(X, info, y)
    n_windows, n_channels, n_times = X.shape
    signal = X.transpose(1, 0, 2).reshape(n_channels, n_windows * n_times) / VOLT
    raw = mne.io.RawArray(signal, info.copy(), verbose="ERROR")
    length = n_times / info["sfreq"]
    onsets = np.arange(n_windows) * length
    raw.set_annotations(mne.Annotations(onsets, length, np.asarray(y).astype(str)))
    with write_whole(path) as part:
        mne.export.export_raw(part, raw, fmt="edf", verbose="ERROR")


def _check(X: ArrayLike, info: mne.Info, y: ArrayLike | None) -> np.ndarray:
    refuse_masked(X, "X")
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 3 or not len(X) or X.shape[1] != len(info.ch_names):
        raise ValueError(
            f"X has shape {X.shape}; expected at least one window of {len(info.ch_names)} channels "
            "as in info: (n_windows, n_channels, n_times)."
        )
    if y is not None and np.shape(y) != (len(X),):
        raise ValueError(
            f"y has shape {np.shape(y)} for {len(X)} windows; expected one state each."
        )
    check_finite(X)
    return X
