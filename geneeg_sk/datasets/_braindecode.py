"""Windows from the data sets of braindecode, continuous or cut."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from .._checks import VOLT, check_finite, check_scale
from ._bids import ENDING, read_events
from ._left_out import LeftOut
from ._listing import find_beside
from ._loading import Recording, cut_all, join_parts
from ._options import Amplitude, PreparationOptions, Step, WindowingOptions, split_options
from ._windows import SEIZURE, annotated_seizures

if TYPE_CHECKING:
    import mne
    from braindecode.datasets.base import BaseConcatDataset, RecordDataset


def load_braindecode(
    dataset: BaseConcatDataset,
    *,
    patients: Sequence[str] | None = None,
    channels: str | Sequence[str] = PreparationOptions.channels,
    sfreq: float | None = PreparationOptions.sfreq,
    l_freq: float | None = PreparationOptions.l_freq,
    h_freq: float | None = PreparationOptions.h_freq,
    notch: float | Sequence[float] | None = PreparationOptions.notch,
    reference: str | Sequence[str] | None = PreparationOptions.reference,
    length: float = WindowingOptions.length,
    step: Step = WindowingOptions.step,
    preictal: float = WindowingOptions.preictal,
    preictal_offset: float = WindowingOptions.preictal_offset,
    postictal: float = WindowingOptions.postictal,
    min_distance: float = WindowingOptions.min_distance,
    min_overlap: float = WindowingOptions.min_overlap,
    reject: Amplitude | None = WindowingOptions.reject,
    flat: Amplitude = WindowingOptions.flat,
    on_error: str = "raise",
    n_jobs: int | None = None,
    verbose: bool = True,
) -> Bunch:
    """Convert a data set of braindecode, of recordings or of windows.

    Continuous recordings (``BIDSDataset``, and so braindecode's ``SIENA`` and ``CHBMIT``; any
    ``BaseConcatDataset`` of ``RawDataset``) are prepared and cut as `load_chbmit` does. Their
    seizures are read from the ``*_events.tsv`` beside the file, where there is one, because MNE's
    annotations do not keep its SzCORE terms; otherwise from the annotations.

    Windows that braindecode has cut are taken as they are, and their targets become `y`. All
    parameters but `dataset` concern recordings, and have to keep their defaults for such windows.

    Parameters
    ----------
    dataset : braindecode.datasets.BaseConcatDataset
        Recordings or windows, in volts as braindecode reads them. Each has its patient in the
        description, as ``"subject"``.
    patients : list of str, default=None
        Load only these; by default all.
    channels : "common" or list of str, default="common"
        Electrodes or derivations, in this order; ``"common"`` stands for the 18 derivations of the
        longitudinal bipolar montage. See `load_chbmit`.
    sfreq : float, default=None
        Resample to this frequency, in Hz. By default the recordings' own, or the lowest of these.
    l_freq, h_freq : float or None, default=0.5 and 45.0
        Edges of the band-pass filter of the continuous signal, in Hz (MNE's: zero phase, FIR).
    notch : float or list of float, default=None
        Frequencies to notch out, in Hz.
    reference : "average" or list of str, default=None
        Measure electrodes against the mean of all `channels`, or of these electrodes.
    length : float, default=4.0
        Length of a window, in seconds.
    step : float or dict of state to float, default=None
        Seconds from one window to the next. By default `length`, and half of it for ictal windows.
    preictal, preictal_offset, postictal, min_distance : float, default=300.0, 0.0, 300.0 and 900.0
        Zones around seizures, in seconds; `make_windows` says what each is.
    min_overlap : float, default=0.5
        Smallest part of an ictal window that lies in seizures, above 0 and at most 1.
    reject, flat : float or dict, default=None and 0.0
        Drop windows with a channel whose peak-to-peak amplitude is above `reject`, or not above
        `flat`, in microvolts; see `make_windows`.
    on_error : {"raise", "warn"}, default="raise"
        What to do where a recording or an annotation file cannot be used: raise an error, or leave
        it out and list it in one warning and in ``windows.left_out``.
    n_jobs : int, default=None
        Recordings to read at a time, in processes of joblib; by default one.
    verbose : bool, default=True
        Show a progress bar.

    Returns
    -------
    windows : sklearn.utils.Bunch
        As `load_chbmit` returns it. From windows, without `recordings` and `seizures`, which are
        not known; ``"state"`` in `metadata` is the target.

    Raises
    ------
    TypeError
        If `dataset` is of another kind, or options are given for windows.
    ValueError
        If a description lacks the subject, if windows differ in channels, length or sampling
        frequency, hold NaN or infinity, or are not in volts; and as in `load_chbmit`.

    Examples
    --------
    With braindecode installed::

        from braindecode.datasets import SIENA

        windows = load_braindecode(SIENA("BIDS_Siena", subjects=["00", "03"]), sfreq=128)
    """
    options = {name: value for name, value in locals().items() if name != "dataset"}
    records = list(getattr(dataset, "datasets", None) or [dataset])
    if all(hasattr(one, "metadata") and hasattr(one, "crop_inds") for one in records):
        defaults = signature(load_braindecode).parameters
        changed = [
            name
            for name, value in options.items()
            if not np.array_equal(value, defaults[name].default)
        ]
        if changed:
            raise TypeError(f"windows are cut already: {changed} cannot be changed any more.")
        windows = _take_windows(records)
    elif all(hasattr(one, "raw") and not hasattr(one, "metadata") for one in records):
        windows = _cut_recordings(records, **options)
    else:
        raise TypeError(
            f"got {type(dataset).__name__}; expected recordings or windows of braindecode "
            "(BaseConcatDataset), all of one kind."
        )
    return windows


def _cut_recordings(
    records: Sequence[RecordDataset],
    *,
    patients: Sequence[str] | None,
    on_error: str,
    n_jobs: int | None,
    verbose: bool,
    **options: Any,
) -> Bunch:
    (preparation, windowing), left_out = split_options(options), LeftOut(on_error)
    recordings = []
    for number, one in enumerate(records):
        patient, name = _patient(one, number), _name(one, number)
        if patients is None or patient in patients:
            with left_out.when_wrong(name):
                seizures, annotated_in = _seizures(one.raw, name)
                open_raw = partial(getattr, one, "raw")
                recordings.append(Recording(name, patient, seizures, annotated_in, open_raw))
    parts = cut_all(
        recordings,
        preparation,
        windowing,
        "braindecode",
        left_out,
        n_jobs=n_jobs,
        verbose=verbose,
    )
    windows = join_parts(parts)
    left_out.warn()
    return windows


def _seizures(raw: mne.io.BaseRaw, name: str) -> tuple[list[tuple[float, float]], str]:
    """Return onset and duration of each seizure, and where they are annotated."""
    path = _path(raw)
    stem = path.stem.removesuffix("eeg") if path is not None else ""
    events = find_beside(path, stem + ENDING) if path is not None and path.exists() else None
    if events is None:
        return [tuple(span) for span in annotated_seizures(raw, SEIZURE, name).tolist()], ""
    found = read_events(events)
    return [(s.onset, s.duration) for s in found], str(events)


def _take_windows(records: Sequence[RecordDataset]) -> Bunch:
    import mne

    infos = [_mne_object(one).info for one in records]
    kinds = {(tuple(info.ch_names), float(info["sfreq"])) for info in infos}
    if len(kinds) > 1:
        raise ValueError(
            f"windows differ in channels or sampling frequency: {sorted(kinds)[:2]}. Pick the same "
            "channels and resample all recordings before they are cut."
        )
    ((names, sfreq),) = kinds
    windows = [one[k][0] for one in records for k in range(len(one))]
    shapes = {np.shape(window) for window in windows}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError(
            f"windows have shapes {sorted(shapes)}; expected one, (n_channels, n_times)."
        )
    X = np.stack(windows).astype(np.float32) * np.float32(VOLT)
    check_finite(X)
    check_scale(X, "braindecode")
    tables = [_table(one, number, sfreq) for number, one in enumerate(records)]
    metadata = pd.concat(tables, ignore_index=True)
    info = mne.create_info(list(names[: X.shape[1]]), sfreq, "eeg", verbose="ERROR")
    info.set_montage("standard_1005", on_missing="ignore", verbose="ERROR")
    return Bunch(
        X=X,
        y=np.array(metadata["state"].tolist()),
        groups=np.array(metadata["patient"].tolist()),
        metadata=metadata,
        info=info,
        sfreq=sfreq,
        dropped={},
        DESCR=(
            f"braindecode: {len(X)} windows of {X.shape[2] / sfreq:g} s from {len(records)} "
            f"recordings, {X.shape[1]} channels, {sfreq:g} Hz, microvolts."
        ),
    )


def _table(one: RecordDataset, number: int, sfreq: float) -> pd.DataFrame:
    """Return a row for each window of a recording."""
    # Windows of a Raw count samples of it, those of Epochs only within their trial.
    is_raw = getattr(one, "raw", None) is not None
    first = one.metadata["i_start_in_trial"] if is_raw else one.windows.events[:, 0]
    return pd.DataFrame(
        {
            "patient": _patient(one, number),
            "recording": _name(one, number),
            "onset": np.asarray(first, dtype=float) / sfreq,
            "seizure": pd.array([None] * len(one), dtype="string"),
            "state": [one[k][1] for k in range(len(one))],
        }
    )


def _mne_object(one: RecordDataset) -> mne.io.BaseRaw | mne.BaseEpochs:
    raw = getattr(one, "raw", None)
    return one.windows if raw is None else raw


def _patient(one: RecordDataset, number: int) -> str:
    subject = None if one.description is None else one.description.get("subject")
    if subject is None:
        raise ValueError(
            f"recording {number} of the data set has no 'subject' in its description; give it one "
            "with set_description({'subject': ...})."
        )
    return str(subject)


def _name(one: RecordDataset, number: int) -> str:
    path = _path(getattr(one, "raw", None))
    return path.name if path is not None else f"recording {number}"


def _path(raw: mne.io.BaseRaw | None) -> Path | None:
    files = [] if raw is None else [f for f in raw.filenames if f is not None]
    return Path(files[0]) if files else None
