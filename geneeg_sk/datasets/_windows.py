"""From a continuous recording with annotated seizures to labeled windows."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import Bunch

from .._checks import STATES, VOLT, check_scale
from ._options import Amplitude, Step, WindowingOptions

if TYPE_CHECKING:
    import mne

SCALE_WINDOWS = 64  # of a recording, by which its scale is judged
PART_SAMPLES = 1 << 14  # of a recording to read at a time: little enough for the cache
# "seizure", "sz_foc", "ictal"; not "preictal", "post-ictal", "interictal", "no seizure".
SEIZURE = (
    r"(?<![a-z])(?<!pre[-_ ])(?<!post[-_ ])(?<!inter[-_ ])(?<!no )(?<!non[-_ ])(sz|seiz|ictal)"
)


def make_windows(
    raw: mne.io.BaseRaw,
    *,
    length: float = WindowingOptions.length,
    step: Step = WindowingOptions.step,
    preictal: float = WindowingOptions.preictal,
    preictal_offset: float = WindowingOptions.preictal_offset,
    postictal: float = WindowingOptions.postictal,
    min_distance: float = WindowingOptions.min_distance,
    min_overlap: float = WindowingOptions.min_overlap,
    reject: Amplitude | None = WindowingOptions.reject,
    flat: Amplitude = WindowingOptions.flat,
    seizures: ArrayLike | pd.DataFrame | None = None,
    pattern: str = SEIZURE,
    patient: str | None = None,
    recording: str | None = None,
) -> Bunch:
    """Cut a recording into windows and label each by its state.

    A window is, in this order:

    - *ictal* if at least `min_overlap` of it lies in seizures; dropped if it overlaps a seizure by
      less than that;
    - dropped within `postictal` seconds after a seizure, also if another seizure follows;
    - dropped within `preictal_offset` seconds before a seizure, and *preictal* if it lies wholly
      within the `preictal` seconds before that;
    - dropped if nearer than `min_distance` to any seizure, and *normal* otherwise.

    Parameters
    ----------
    raw : mne.io.Raw
        Continuous EEG, already filtered. EEG channels are used, without ``info["bads"]``.
        Windows that overlap an annotation that starts with "bad" are dropped.
    length : float, default=4.0
        Length of a window in seconds.
    step : float or dict of state to float, default=None
        Seconds from one window to the next, for all states or by state. By default `length`, and
        half of it for ictal windows. The windows of each state lie on a grid that starts at the
        beginning of the recording.
    preictal, preictal_offset, postictal, min_distance : float, default=300.0, 0.0, 300.0 and 900.0
        Zones around seizures, in seconds; see above.
    min_overlap : float, default=0.5
        Smallest part of an ictal window that lies in seizures, above 0 and at most 1.
    reject, flat : float or dict, default=None and 0.0
        Windows with a channel whose peak-to-peak amplitude is larger than `reject`, or not larger
        than `flat`, are dropped: numbers in microvolts, or ``{"eeg": volts}`` as in MNE.
    seizures : array-like of shape (n, 2) or DataFrame, default=None
        Onset and duration of each seizure in seconds from the start of `raw`, or a DataFrame with
        these columns (see `read_seizures`); an empty one for a recording without seizures. By
        default they are taken from ``raw.annotations``.
    pattern : str
        Regular expression, case-insensitive: annotations whose description contains it are
        seizures. By default "seizure", "sz..." and "ictal", but not "preictal" and the like.
    patient : str, default=None
        Patient of the recording; by default ``info["subject_info"]["his_id"]``, else "unknown".
    recording : str, default=None
        Name of the recording; by default its file name, else ``info["description"]``.

    Returns
    -------
    windows : sklearn.utils.Bunch
        X : ndarray of shape (n_windows, n_channels, n_times), float32
            Windows in microvolts, in order of time.
        y, groups : ndarray of str, shape (n_windows,)
            State and patient.
        metadata : pandas.DataFrame
            ``patient``, ``recording``, ``onset`` (seconds from the start), ``seizure`` (the one
            that the window lies in or before; missing for normal windows), ``state``.
        recordings : pandas.DataFrame
            ``patient``, ``recording``, ``duration`` (seconds), ``sfreq`` (Hz, as recorded).
        seizures : pandas.DataFrame
            ``patient``, ``recording``, ``seizure``, ``onset`` and ``duration`` (seconds).
        info : mne.Info
            Of the channels in `X`.
        sfreq : float
            Sampling frequency in Hz.
        dropped : dict of str to int
            How many positions on the grids of all states gave no window, by reason.

    Raises
    ------
    ValueError
        If there are no annotations, or none of a seizure, and `seizures` is not given; if a seizure
        has no duration or lies outside the recording; if the recording is shorter than a window;
        if the signal has NaN or infinity, cannot be scalp EEG (typical windows swing over less
        than 0.1 or more than 20,000 µV), or a channel is flat throughout; if a parameter is out
        of range.

    Warns
    -----
    UserWarning
        If a seizure lasts beyond the end of the recording, seizures overlap (they are taken for
        one), typical windows swing over less than 1 or more than 5,000 µV, or no window is left.

    Examples
    --------
    >>> from geneeg_sk.datasets import make_eeg_cohort, make_windows
    >>> cohort = make_eeg_cohort(n_patients=1, sfreq=64, continuous=True, random_state=0)
    >>> windows = make_windows(cohort.raws[0], preictal=28, postictal=10, min_distance=30)
    >>> sorted(windows.metadata["state"].unique())
    ['ictal', 'normal', 'preictal']
    """
    patient = patient or patient_of(raw)
    recording = recording or name_of(raw)
    options = WindowingOptions(
        length=length,
        step=step,
        preictal=preictal,
        preictal_offset=preictal_offset,
        postictal=postictal,
        min_distance=min_distance,
        min_overlap=min_overlap,
        reject=reject,
        flat=flat,
    )
    signal, info = _signal(raw, recording)
    if seizures is None:
        seizures = annotated_seizures(raw, pattern, recording)
    return cut_windows(
        signal,
        info,
        seizures,
        bad_stretches(raw.annotations, raw.first_time),
        patient=patient,
        recording=recording,
        options=options,
    )


def cut_windows(
    signal: np.ndarray,
    info: mne.Info,
    seizures: ArrayLike | pd.DataFrame,
    bad: Sequence[tuple[float, float]],
    *,
    patient: str,
    recording: str,
    options: WindowingOptions,
) -> Bunch:
    """Do what `make_windows` does with a signal in microvolts, float32, and bad stretches of it."""
    sfreq = float(info["sfreq"])
    n_samples = round(options.length * sfreq)
    if n_samples < 1 or signal.shape[1] < n_samples:
        raise ValueError(
            f"recording {recording} lasts {signal.shape[1] / sfreq:g} s, less than one window of "
            f"{options.length:g} s; expected a longer recording or a smaller length."
        )
    _refuse_flat(signal, info, recording)
    spans = check_seizures(seizures, signal.shape[1] / sfreq, recording)

    grids = _grids(signal.shape[1], n_samples, sfreq, options.steps)
    starts = np.unique(np.concatenate(list(grids.values())))
    verdicts, which = label(starts / sfreq, n_samples / sfreq, spans, options)
    windows = np.lib.stride_tricks.sliding_window_view(signal, n_samples, axis=1)
    some = np.linspace(0, windows.shape[1] - 1, SCALE_WINDOWS).astype(int)
    check_scale(windows[:, some], f"recording {recording}")
    on_grid = np.zeros(len(starts), bool)
    for state, grid in grids.items():
        on_grid |= (verdicts == state) & np.isin(starts, grid)
    for k in np.flatnonzero(on_grid):
        verdicts[k] = _fault(windows[:, starts[k]], options) or verdicts[k]
    verdicts[on_grid & _overlap(starts / sfreq, n_samples / sfreq, bad)] = "annotated as bad"

    keep = on_grid & np.isin(verdicts, STATES)
    dropped = Counter(verdicts[~np.isin(verdicts, STATES)].tolist())
    if not keep.any():
        warnings.warn(f"no window left of recording {recording}: {dict(dropped)}", stacklevel=2)
    metadata = pd.DataFrame(
        {
            "patient": patient,
            "recording": recording,
            "onset": starts[keep] / sfreq,
            "seizure": [f"{recording}-S{k + 1}" if k >= 0 else None for k in which[keep]],
            "state": verdicts[keep].astype("U8"),
        }
    ).astype({"seizure": "string"})
    known = pd.DataFrame(
        {
            "patient": patient,
            "recording": recording,
            "seizure": [f"{recording}-S{k + 1}" for k in range(len(spans))],
            "onset": spans[:, 0],
            "duration": spans[:, 1] - spans[:, 0],
        }
    )
    return Bunch(
        X=np.ascontiguousarray(windows.transpose(1, 0, 2)[starts[keep]]),
        y=verdicts[keep].astype("U8"),
        groups=np.full(keep.sum(), patient),
        metadata=metadata,
        recordings=pd.DataFrame(
            {
                "patient": [patient],
                "recording": [recording],
                "duration": [signal.shape[1] / sfreq],
                "sfreq": [sfreq],
            }
        ),
        seizures=known,
        info=info,
        sfreq=sfreq,
        dropped=dict(dropped),
    )


def label(
    starts: np.ndarray, length: float, seizures: np.ndarray, options: WindowingOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Return the state of each window, or why it is dropped, and the seizure that decides it.

    `starts` in seconds, `seizures` of shape (n, 2): onset and end, sorted, apart. The seizure is
    -1 for normal windows.
    """
    verdicts = np.full(len(starts), "normal", dtype=object)
    which = np.full(len(starts), -1)
    if not len(seizures):
        return verdicts, which
    first, last = starts[:, None], starts[:, None] + length
    onset, end = seizures.T
    tiny = 1e-9  # seconds: rounding must not decide
    inside = np.clip(np.minimum(last, end) - np.maximum(first, onset), 0, None)
    inside[inside < tiny] = 0
    before = np.where(last <= onset + tiny, onset - last, np.inf)  # window to next seizure
    after = np.where(first >= end - tiny, first - end, np.inf)  # last seizure to window
    to_next, to_last = before.min(axis=1), after.min(axis=1)
    following = before.argmin(axis=1)

    verdicts[np.minimum(to_next, to_last) < options.min_distance - tiny] = "near a seizure"
    wide = options.preictal_offset + options.preictal
    is_preictal = to_next + length <= wide + tiny
    verdicts[is_preictal] = "preictal"
    which[is_preictal] = following[is_preictal]
    verdicts[to_next < options.preictal_offset - tiny] = "preictal offset"
    verdicts[to_last < options.postictal - tiny] = "postictal"
    overlap = inside.sum(axis=1)
    verdicts[overlap > 0] = "touches a seizure"
    is_ictal = overlap >= options.min_overlap * length - tiny
    verdicts[is_ictal] = "ictal"
    which[is_ictal] = inside.argmax(axis=1)[is_ictal]
    return verdicts, which


def check_seizures(
    seizures: ArrayLike | pd.DataFrame, duration: float, recording: str
) -> np.ndarray:
    """Return onset and end of each seizure, sorted and merged where they overlap.

    Raises
    ------
    ValueError
        If a seizure has no duration or lies outside the `duration` seconds of the recording.
    """
    if isinstance(seizures, pd.DataFrame):
        seizures = seizures[["onset", "duration"]]
    table = np.asarray(seizures, dtype=float)
    if not table.size:
        return np.empty((0, 2))
    if table.ndim != 2 or table.shape[1] != 2 or not np.isfinite(table).all():
        raise ValueError(
            f"seizures of recording {recording} must be rows of onset and duration in seconds, "
            f"got {seizures!r}."
        )
    if (table[:, 1] <= 0).any():
        raise ValueError(
            f"recording {recording} has a seizure without a duration, at "
            f"{table[table[:, 1] <= 0][0, 0]:g} s; give every seizure its duration in seconds."
        )
    spans = np.column_stack([table[:, 0], table.sum(axis=1)])
    outside = (spans[:, 0] >= duration) | (spans[:, 0] < 0)
    if outside.any():
        onset, end = spans[outside][0]
        raise ValueError(
            f"recording {recording} lasts {duration:g} s, but a seizure is annotated from "
            f"{onset:g} to {end:g} s. The file is cut short, or the annotations are of another "
            "recording, or in clock time; expected seconds from the start of this recording."
        )
    if (spans[:, 1] > duration + 1).any():
        warnings.warn(
            f"recording {recording} lasts {duration:g} s, but a seizure is annotated until "
            f"{spans[:, 1].max():g} s: the part that is recorded is used.",
            stacklevel=3,
        )
    return _merge_spans(np.minimum(spans, duration), recording)


def _merge_spans(spans: np.ndarray, recording: str) -> np.ndarray:
    """Return seizures in order of time, and those that overlap as one."""
    merged: list[list[float]] = []
    for onset, end in spans[np.argsort(spans[:, 0], kind="stable")].tolist():
        if merged and onset < merged[-1][1]:
            warnings.warn(
                f"recording {recording}: seizures at {merged[-1][0]:g} s and {onset:g} s overlap, "
                "and are taken for one.",
                stacklevel=4,
            )
        if merged and onset <= merged[-1][1]:
            merged[-1][1] = max(end, merged[-1][1])
        else:
            merged.append([onset, end])
    return np.array(merged)


def _signal(raw: mne.io.BaseRaw, recording: str) -> tuple[np.ndarray, mne.Info]:
    """Return the EEG channels in microvolts, checked, and their info."""
    import mne

    picks = mne.pick_types(raw.info, eeg=True, exclude="bads")
    if not len(picks):
        raise ValueError(
            f"recording {recording} has no good EEG channel; its channels are {raw.ch_names}. "
            "Set their types with raw.set_channel_types."
        )
    signal = read_signal(raw, picks, recording=recording, in_parts=bool(raw.preload))
    return signal, mne.pick_info(raw.info, picks)


def read_signal(
    raw: mne.io.BaseRaw,
    picks: Sequence[int | str] | np.ndarray,
    weights: np.ndarray | None = None,
    *,
    recording: str,
    start: int = 0,
    stop: int | None = None,
    in_parts: bool,
) -> np.ndarray:
    """Return channels, or weighted sums of them, in microvolts, float32.

    MNE has float64: read in parts, that is never there as a whole.

    Raises
    ------
    ValueError
        If the signal has NaN or infinity.
    """
    stop = raw.n_times if stop is None else stop
    step = PART_SAMPLES if in_parts else max(stop - start, 1)
    signal = np.empty((len(picks if weights is None else weights), stop - start), np.float32)
    for first in range(start, stop, step):
        last = min(first + step, stop)
        part = raw.get_data(picks=picks, start=first, stop=last)
        finite = np.isfinite(part)
        if not finite.all():
            channel, sample = np.argwhere(~finite)[0]
            names = [one if isinstance(one, str) else raw.ch_names[one] for one in picks]
            seconds = (first + sample) / raw.info["sfreq"]
            raise ValueError(
                f"recording {recording} contains NaN or infinity: first in channel "
                f"{names[channel]} at {seconds:g} s. Repair or drop it."
            )
        if weights is not None:
            part = weights @ part
        np.multiply(part, VOLT, out=signal[:, first - start : last - start], casting="same_kind")
    return signal


def _refuse_flat(signal: np.ndarray, info: mne.Info, recording: str) -> None:
    is_flat = signal.min(axis=1) == signal.max(axis=1)
    flat = [name for name, one in zip(info.ch_names, is_flat) if one]
    if flat:
        raise ValueError(
            f"recording {recording} has flat channels {flat}: nothing was recorded there. Leave "
            "them out (channels=, raw.drop_channels, or raw.info['bads'])."
        )


def annotated_seizures(raw: mne.io.BaseRaw, pattern: str, recording: str) -> np.ndarray:
    """Return onset and duration of the annotations whose description holds `pattern`.

    Raises
    ------
    ValueError
        If there are none.
    """
    annotations = raw.annotations
    advice = (
        "Set raw.annotations, or pass seizures= (rows of onset and duration in seconds, see "
        "read_seizures); for a recording that is known to be free of seizures, seizures=[]."
    )
    if not len(annotations):
        raise ValueError(
            f"recording {recording} has no annotations, so that its seizures are unknown. {advice}"
        )
    is_seizure = [bool(re.search(pattern, d, re.IGNORECASE)) for d in annotations.description]
    if not any(is_seizure):
        raise ValueError(
            f"recording {recording} has no annotation of a seizure (pattern {pattern!r}), only "
            f"{sorted(set(annotations.description))}. {advice}"
        )
    # MNE counts from before the crop, whether there is a time of day or not.
    onsets = annotations.onset - raw.first_time
    return np.column_stack([onsets, annotations.duration])[is_seizure]


def bad_stretches(annotations: mne.Annotations, origin: float) -> list[tuple[float, float]]:
    """Return onset and end, in seconds after `origin`, of what is annotated as bad."""
    return [
        (one["onset"] - origin, one["onset"] - origin + one["duration"])
        for one in annotations
        if one["description"].lower().startswith("bad")
    ]


def _overlap(
    starts: np.ndarray, length: float, stretches: Iterable[tuple[float, float]]
) -> np.ndarray:
    overlap = np.zeros(len(starts), bool)
    for onset, end in stretches:
        overlap |= (starts < end) & (starts + length > onset)
    return overlap


def _grids(
    n_times: int, n_samples: int, sfreq: float, steps: dict[str, float]
) -> dict[str, np.ndarray]:
    return {
        state: np.arange(0, n_times - n_samples + 1, max(1, round(seconds * sfreq)))
        for state, seconds in steps.items()
    }


def _fault(window: np.ndarray, options: WindowingOptions) -> str | None:
    """Return why a window of shape (n_channels, n_times) cannot be used, or None."""
    swing = window.max(axis=1) - window.min(axis=1)
    if swing.min() <= options.smallest:
        return "flat channel"
    return "amplitude above reject" if swing.max() > options.largest else None


def patient_of(raw: mne.io.BaseRaw) -> str:
    subject = raw.info["subject_info"] or {}
    return str(subject.get("his_id") or "unknown")


def name_of(raw: mne.io.BaseRaw) -> str:
    files: Iterable[str | Path] = [name for name in raw.filenames if name is not None]
    return next((Path(name).name for name in files), raw.info["description"] or "recording")
