"""Are seizures found, how soon, and how often is there an alarm without one?"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.validation import check_consistent_length, column_or_1d
from timescoring.annotations import Annotation
from timescoring.scoring import EventScoring

from geneeg_sk._typing import Label

# The conventions of SzCORE (Dan et al. 2024), in seconds.
TOLERANCE_BEFORE = 30.0  # a detection so early still counts
TOLERANCE_AFTER = 60.0  # a detection so late still counts
MIN_OVERLAP = 0.0  # any overlap counts
MERGE_WITHIN = 90.0  # events nearer to each other are one
SPLIT_ABOVE = 300.0  # longer events are several

RESOLUTION = 10  # Hz, at which `timescoring` compares
OVERSHOOT = 1.0  # seconds that annotations may exceed a recording, by rounding
DAY = 24.0  # hours
KEY = ["patient", "recording"]
COUNTS = ["n_recordings", "hours", "n_seizures", "n_detected", "n_false_alarms"]
SCORES = ["sensitivity", "precision", "f1", "false_alarms_per_day", "latency"]


def event_scores(
    true: pd.DataFrame, detected: pd.DataFrame, recordings: pd.DataFrame
) -> pd.DataFrame:
    """Score detected seizures against annotated ones, per patient and overall.

    Scores follow SzCORE [1]_ and are computed by its package ``timescoring``: a seizure is found
    if anything is detected between 30 s before and 60 s after it; a detection that meets no
    seizure so widened is a false alarm. Before that, events less than 90 s apart are merged, and
    events longer than 300 s split into parts that count one by one.

    Parameters
    ----------
    true, detected : DataFrame
        A row an event: ``patient``, ``recording``, ``onset`` and ``duration``, in seconds from the
        start of the recording. `true` may come from ``read_seizures``.
    recordings : DataFrame
        One row for each recording that was searched, also those without seizures: ``patient``,
        ``recording``, ``duration`` (seconds).

    Returns
    -------
    scores : DataFrame
        Rows ``("patient", name)`` for each patient; ``("overall", "mean")``, the mean over
        patients, each of the same weight, as SzCORE reports; and ``("overall", "pooled")``, all
        recordings taken as one. Columns:

        - ``n_recordings``, ``hours``, ``n_seizures``, ``n_detected``, ``n_false_alarms``: counts,
          of events as merged and split;
        - ``sensitivity``: part of the seizures that is found, 0 to 1;
        - ``precision``: n_detected / (n_detected + n_false_alarms), 0 to 1;
        - ``f1``: their harmonic mean, 0 to 1;
        - ``false_alarms_per_day``: in 24 h of recording, from 0;
        - ``latency``: seconds from the onset of a seizure to that of the first detection which
          overlaps it, or, where none does, of the first within the tolerances; at least -30. The
          median over seizures. Negative: before the annotated onset.

    Raises
    ------
    ValueError
        If a table lacks a column or names a recording twice, an event belongs to no recording,
        lies outside it by more than 1 s or is shorter than 0.1 s, or a number is missing.

    Warns
    -----
    UndefinedMetricWarning
        If a score is not defined for some patients: it is NaN there, and the mean is over the
        others. Sensitivity needs a seizure, precision a detection or a found seizure, F1 either,
        latency a found seizure.

    See Also
    --------
    window_event_scores : The same from predicted states of windows.

    Notes
    -----
    The latency is where in the signal a detection begins, not when an alarm could have rung: a
    window must be over before it is classified, and smoothing looks ahead.

    References
    ----------
    .. [1] Dan, J. et al. (2024). SzCORE: seizure community open-source research evaluation
       framework for the validation of electroencephalography-based automated seizure detection
       algorithms. Epilepsia. https://doi.org/10.1111/epi.18113

    Examples
    --------
    One hour with one seizure, found 5 s after its onset, and one false alarm:

    >>> import pandas as pd
    >>> from geneeg_sk.metrics import event_scores
    >>> names = {"patient": "P01", "recording": "a.edf"}
    >>> recordings = pd.DataFrame({**names, "duration": [3600.0]})
    >>> true = pd.DataFrame({**names, "onset": [1000.0], "duration": [40.0]})
    >>> detected = pd.DataFrame({**names, "onset": [1005.0, 2000.0], "duration": [20.0, 20.0]})
    >>> scores = event_scores(true, detected, recordings)
    >>> scores.loc[("patient", "P01"), ["sensitivity", "precision", "latency"]].to_dict()
    {'sensitivity': 1.0, 'precision': 0.5, 'latency': 5.0}
    >>> float(scores.loc[("overall", "pooled"), "false_alarms_per_day"])
    24.0
    """
    recordings = _check_recordings(recordings)
    return _score(true, detected, recordings.assign(covered=recordings["duration"]))


def window_event_scores(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    metadata: pd.DataFrame,
    *,
    length: float,
    state: Label = "ictal",
) -> pd.DataFrame:
    """Score predicted states of windows by the seizures they make, per patient and overall.

    Neighboring windows of a state become one event (`events_from_windows`), and those are scored
    as in `event_scores`.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_windows,)
        True and predicted state of each window.
    metadata : DataFrame with n_windows rows
        ``patient``, ``recording`` and ``onset`` (seconds) of each window, as from `make_windows`.
    length : float
        Length of a window, in seconds.
    state : label, default="ictal"
        State that is to be found.

    Returns
    -------
    scores : DataFrame
        As from `event_scores`; ``hours`` is the time that windows cover.

    Raises
    ------
    ValueError
        If lengths differ, a column is missing, there is no window, or `length` is not positive.

    Warns
    -----
    UndefinedMetricWarning
        As in `event_scores`.

    Notes
    -----
    Windows that were left out, for example around seizures, can neither find a seizure nor raise a
    false alarm, and onsets are known only to the precision of a window. Scores of a continuous
    recording (`detect_seizures`, `event_scores`) are more reliable.

    Examples
    --------
    >>> import pandas as pd
    >>> from geneeg_sk.metrics import window_event_scores
    >>> metadata = pd.DataFrame({"patient": "P01", "recording": "a", "onset": [0.0, 4, 8, 12]})
    >>> y_true = ["normal", "ictal", "ictal", "normal"]
    >>> y_pred = ["normal", "normal", "ictal", "normal"]
    >>> scores = window_event_scores(y_true, y_pred, metadata, length=4.0)
    >>> scores.loc[("overall", "pooled"), ["sensitivity", "latency"]].to_dict()
    {'sensitivity': 1.0, 'latency': 4.0}
    """
    true = events_from_windows(y_true, metadata, length=length, state=state)
    if metadata.empty:
        raise ValueError("metadata has no row; expected the place of at least one window.")
    detected = events_from_windows(y_pred, metadata, length=length, state=state)
    rows = [
        (*key, float(onsets.max()) + length, float(np.diff(_join_windows(onsets, length)).sum()))
        for key, onsets in metadata.groupby(KEY, sort=False)["onset"]
    ]
    recordings = pd.DataFrame(rows, columns=[*KEY, "duration", "covered"])
    return _score(true, detected, recordings)


def events_from_windows(
    y: ArrayLike, metadata: pd.DataFrame, *, length: float, state: Label = "ictal"
) -> pd.DataFrame:
    """Join windows of a state that touch or overlap into events.

    Parameters
    ----------
    y : array-like of shape (n_windows,)
        State of each window, true or predicted.
    metadata : DataFrame with n_windows rows
        ``patient``, ``recording`` and ``onset`` (seconds) of each window.
    length : float
        Length of a window, in seconds.
    state : label, default="ictal"
        State of which events are made.

    Returns
    -------
    events : DataFrame
        ``patient``, ``recording``, ``onset``, ``duration`` (seconds), sorted within a recording.

    Raises
    ------
    ValueError
        If lengths differ, a column is missing, or `length` is not positive.

    Examples
    --------
    >>> import pandas as pd
    >>> from geneeg_sk.metrics import events_from_windows
    >>> metadata = pd.DataFrame({"patient": "P01", "recording": "a", "onset": [0.0, 4, 8, 20]})
    >>> y = ["normal", "ictal", "ictal", "ictal"]
    >>> events_from_windows(y, metadata, length=4.0)[["onset", "duration"]].to_numpy().tolist()
    [[4.0, 8.0], [20.0, 4.0]]
    """
    if not 0 < length < np.inf:
        raise ValueError(f"length={length!r}; expected the length of a window, in seconds.")
    _check_columns(metadata, [*KEY, "onset"], "metadata")
    y = column_or_1d(y)
    check_consistent_length(y, metadata)
    rows = [
        (*key, onset, end - onset)
        for key, onsets in metadata[y == state].groupby(KEY, sort=False)["onset"]
        for onset, end in _join_windows(onsets, length)
    ]
    events = pd.DataFrame(rows, columns=[*KEY, "onset", "duration"])
    return events.astype({"onset": float, "duration": float})


def _join_windows(onsets: pd.Series, length: float) -> np.ndarray:
    """Return onset and end of what windows cover, shape (n, 2)."""
    onsets = np.asarray(onsets, dtype=float)
    return _merge(np.column_stack([onsets, onsets + length]), 0.0)


def _merge(spans: np.ndarray, gap: float) -> np.ndarray:
    """Merge spans that overlap, touch, or are less than `gap` seconds apart; sorted."""
    tiny = 1e-6  # seconds: rounding must not tear windows apart
    merged: list[list[float]] = []
    for onset, end in spans[np.argsort(spans[:, 0])].tolist():
        if merged and (onset <= merged[-1][1] + tiny or onset - merged[-1][1] < gap):
            merged[-1][1] = max(end, merged[-1][1])
        else:
            merged.append([onset, end])
    return np.array(merged).reshape(-1, 2)


def _check_columns(table: pd.DataFrame, columns: list[str], name: str) -> None:
    if not isinstance(table, pd.DataFrame) or not set(columns) <= set(table):
        got = list(table) if isinstance(table, pd.DataFrame) else type(table).__name__
        raise ValueError(f"{name} must be a DataFrame with the columns {columns}; got {got}.")


def _check_recordings(recordings: pd.DataFrame) -> pd.DataFrame:
    _check_columns(recordings, [*KEY, "duration"], "recordings")
    if recordings.empty:
        raise ValueError("recordings has no row; expected each recording that was searched.")
    twice = recordings[recordings.duplicated(KEY)]
    if len(twice):
        raise ValueError(f"recordings names {tuple(twice.iloc[0][KEY])} twice; expected once.")
    wrong = recordings[~(recordings["duration"] * RESOLUTION >= 1)]
    if len(wrong):
        raise ValueError(
            f"recording {wrong.iloc[0]['recording']} has the duration "
            f"{wrong.iloc[0]['duration']}; expected seconds."
        )
    return recordings[[*KEY, "duration"]]


def _read_spans(
    events: pd.DataFrame, recordings: pd.DataFrame, name: str
) -> dict[tuple[Label, Label], np.ndarray]:
    """Return onset and end of the events of each recording, sorted, merged where they overlap."""
    _check_columns(events, [*KEY, "onset", "duration"], name)
    durations = recordings.set_index(KEY)["duration"]
    spans = {}
    for key, rows in events.groupby(KEY, sort=False, dropna=False):
        if key not in durations:
            raise ValueError(
                f"{name} has an event in {key}, which is not among recordings. Add the recording, "
                "or leave its events out."
            )
        limit = float(durations[key])
        onset, duration = rows[["onset", "duration"]].to_numpy(float).T
        fits = (onset >= 0) & (onset < limit) & (onset + duration <= limit + OVERSHOOT)
        wrong = ~(fits & (duration * RESOLUTION >= 1 - 1e-6))
        if wrong.any():
            raise ValueError(
                f"{name} has an event in {key} with onset {onset[wrong][0]:g} s and duration "
                f"{duration[wrong][0]:g} s; expected at least {1 / RESOLUTION:g} s within the "
                f"{limit:g} s of the recording, in seconds from its start."
            )
        spans[key] = _merge(np.column_stack([onset, np.minimum(onset + duration, limit)]), 0.0)
    return spans


def _score(true: pd.DataFrame, detected: pd.DataFrame, recordings: pd.DataFrame) -> pd.DataFrame:
    """Count recording by recording, add up by patient, and score the sums."""
    true_spans = _read_spans(true, recordings, "true")
    detected_spans = _read_spans(detected, recordings, "detected")
    counts: dict[Label, pd.Series] = {}
    latencies: dict[Label, list[float]] = {}
    none = np.empty((0, 2))
    for row in recordings.itertuples():
        key = (row.patient, row.recording)
        ref, hyp = true_spans.get(key, none), detected_spans.get(key, none)
        found = _count(ref, hyp, row.duration)
        one = pd.Series([1, row.covered / 3600, *found], COUNTS, dtype=float)
        counts[row.patient] = counts.get(row.patient, 0) + one
        latencies.setdefault(row.patient, []).extend(_measure_latencies(ref, hyp))

    scores = pd.DataFrame(
        {name: _compute_scores(counts[name], latencies[name]) for name in counts}
    ).T
    _warn_of_undefined(scores)
    overall = {
        "mean": scores.mean(),
        "pooled": _compute_scores(
            sum(counts.values()), [s for one in latencies.values() for s in one]
        ),
    }
    parts = {"patient": scores, "overall": pd.DataFrame(overall).T}
    return pd.concat(parts, names=["level", "name"])


def _count(ref: np.ndarray, hyp: np.ndarray, duration: float) -> tuple[int, int, int]:
    """Return the number of seizures, of found ones and of false alarms in one recording."""
    n_samples = round(duration * RESOLUTION)
    parameters = EventScoring.Parameters(
        toleranceStart=TOLERANCE_BEFORE,
        toleranceEnd=TOLERANCE_AFTER,
        minOverlap=MIN_OVERLAP,
        maxEventDuration=SPLIT_ABOVE,
        minDurationBetweenEvents=MERGE_WITHIN,
    )
    both = (Annotation(list(map(tuple, x.tolist())), RESOLUTION, n_samples) for x in (ref, hyp))
    scoring = EventScoring(*both, parameters)
    return scoring.refTrue, scoring.tp, scoring.fp


def _measure_latencies(ref: np.ndarray, hyp: np.ndarray) -> list[float]:
    """Return the seconds from each seizure's onset to that of what is detected of it."""
    found = []
    for onset, end in _merge(ref, MERGE_WITHIN):
        in_seizure = (hyp[:, 1] > onset) & (hyp[:, 0] < end)
        in_tolerance = (hyp[:, 1] > onset - TOLERANCE_BEFORE) & (hyp[:, 0] < end + TOLERANCE_AFTER)
        meets = in_seizure if in_seizure.any() else in_tolerance
        if meets.any():
            found.append(max(float(hyp[meets, 0].min() - onset), -TOLERANCE_BEFORE))
    return found


def _compute_scores(counts: pd.Series, latencies: list[float]) -> pd.Series:
    """Return counts and the scores that follow; NaN where one is not defined."""
    n_seizures, found, false = counts[["n_seizures", "n_detected", "n_false_alarms"]]
    scores = [
        _divide(found, n_seizures),
        _divide(found, found + false),
        _divide(2 * found, found + n_seizures + false),
        DAY * false / counts["hours"],
        float(np.median(latencies)) if latencies else np.nan,
    ]
    return pd.concat([counts, pd.Series(scores, SCORES)])


def _divide(part: float, whole: float) -> float:
    return part / whole if whole else np.nan


def _warn_of_undefined(scores: pd.DataFrame) -> None:
    undefined = {s: scores.index[scores[s].isna()].astype(str).tolist() for s in SCORES}
    shown = [
        f"{score} of {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
        for score, names in undefined.items()
        if names
    ]
    if shown:
        warnings.warn(
            f"not defined, NaN, and left out of the mean over patients: {'; '.join(shown)}. "
            "Sensitivity needs a seizure, precision a detection, latency a found seizure.",
            UndefinedMetricWarning,
            stacklevel=4,
        )
