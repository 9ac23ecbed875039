"""From a classifier of windows to seizures in a continuous recording."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.ndimage import uniform_filter1d
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from geneeg_sk._typing import Label
from geneeg_sk.datasets._edf import open_recording
from geneeg_sk.datasets._options import PreparationOptions, WindowingOptions
from geneeg_sk.datasets._preparer import RecordingPreparer
from geneeg_sk.datasets._windows import name_of, patient_of
from geneeg_sk.preprocessing._background import background_gain, filter_windows

if TYPE_CHECKING:
    import mne

DESCRIPTION = "sz"  # of annotations; SzCORE's name for a seizure of any kind
BLOCK_VALUES = 2**23  # of windows that are in memory at once: 32 MiB in single precision
ADVICE = "A detector needs the channels that its classifier was trained on."
# A slip of the keyboard must not fill the memory.
MAX_SMOOTHING = 3600.0  # seconds


def detect_seizures(
    raw: mne.io.BaseRaw | str | Path,
    estimator: BaseEstimator,
    *,
    length: float = WindowingOptions.length,
    step: float = 1.0,
    smoothing: float = 10.0,
    threshold: float = 0.5,
    state: Label = "ictal",
    channels: Sequence[str] | None = None,
    sfreq: float | None = None,
    l_freq: float | None = PreparationOptions.l_freq,
    h_freq: float | None = PreparationOptions.h_freq,
    notch: float | Sequence[float] | None = PreparationOptions.notch,
    reference: str | Sequence[str] | None = PreparationOptions.reference,
    background_windows: int | None = None,
    patient: str | None = None,
    recording: str | None = None,
) -> Bunch:
    """Run a fitted classifier over a continuous recording to detect seizures.

    The signal is filtered and resampled by the same code as in the loaders (`load_chbmit`), so that
    windows are exactly those of training. It is cut into overlapping windows, and each is
    classified. The probability at a moment is the mean over the windows that contain it, smoothed
    by a moving average; where it reaches `threshold`, there is a detection. The recording is
    processed in blocks, so that memory does not grow with its duration.

    Parameters
    ----------
    raw : mne.io.Raw, str or Path
        Recording, not filtered yet (or pass ``l_freq=None, h_freq=None``), or an EDF or BDF file.
        Its annotations are ignored, except those of gaps (MNE's "EDGE" and "BAD_ACQ_SKIP"), across
        which nothing is filtered.
    estimator : classifier
        Fitted on windows of these channels, `length` and sampling frequency, in microvolts, and
        with ``predict_proba``, such as a pipeline.
    length : float, default=4.0
        Length of a window, in seconds, as in training.
    step : float, default=1.0
        Seconds from one window to the next, at most `length`; the resolution of detections.
    smoothing : float, default=10.0
        Seconds of the moving average; 0 for none. The default is the minimum duration of an
        electrographic seizure [1]_: with a threshold of 0.5, anything shorter than half of it is
        not detected.
    threshold : float, default=0.5
        Smallest probability that counts as a detection, above 0 and at most 1.
    state : label, default="ictal"
        State to detect.
    channels : list of str, default=None
        Channels in the order of training, such as ``windows.info.ch_names``; those that the
        recording lacks are derived from others, as loaders do it. By default all EEG channels
        without ``info["bads"]``.
    sfreq : float, default=None
        Resample to this frequency, in Hz; by default kept.
    l_freq, h_freq : float or None, default=0.5 and 45.0
        Edges of the band-pass filter, in Hz (MNE's: zero phase, FIR).
    notch : float or list of float, default=None
        Frequencies to notch out, in Hz.
    reference : "average" or list of str, default=None
        Electrodes whose mean is subtracted, as in training; by default none.
    background_windows : int, default=None
        For an estimator that was trained on windows scaled by
        :class:`~geneeg_sk.preprocessing.BackgroundScaler`: how many windows at the beginning of the
        recording, without overlap, are the background (``n_windows`` there). None does not scale.
    patient, recording : str, default=None
        Names for ``events``; by default those that `make_windows` would give.

    Returns
    -------
    detection : sklearn.utils.Bunch
        annotations : mne.Annotations
            A "sz" for each detection, for ``raw.set_annotations``.
        events : pandas.DataFrame
            One row per detection: ``patient``, ``recording``, ``onset``, ``duration`` (seconds from
            the start), ``confidence`` (mean probability in it); for `event_scores` and
            `write_events`.
        times : ndarray of shape (n_steps,)
            Where each step begins, in seconds.
        probability : ndarray of shape (n_steps,)
            Smoothed probability of `state` during each step. The last step is as long as there is
            signal.
        threshold : float
            As given.
        duration : float
            Of the recording, in seconds.
        patient, recording : str
            As in ``events``.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator has no ``predict_proba``.
    ValueError
        If a parameter is out of range, `state` is unknown to the estimator, a channel is missing,
        the recording is shorter than a window or has NaN or infinity, a file cannot be read, or
        windows do not fit the estimator.

    Warns
    -----
    UserWarning
        If a channel is flat throughout.

    See Also
    --------
    geneeg_sk.metrics.event_scores : Score the detections.
    geneeg_sk.datasets.write_events : Write them as BIDS events.
    geneeg_sk.inspection.EventTimelineDisplay : Draw them.

    References
    ----------
    .. [1] Hirsch, L. J. et al. (2021). American Clinical Neurophysiology Society's standardized
       critical care EEG terminology: 2021 version. Journal of Clinical Neurophysiology 38, 1-29.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from geneeg_sk.classification import detect_seizures
    >>> from geneeg_sk.datasets import make_eeg_cohort
    >>> from geneeg_sk.features import EEGFeatures
    >>> cohort = make_eeg_cohort(n_patients=1, sfreq=64, continuous=True, random_state=0)
    >>> clf = make_pipeline(EEGFeatures(sfreq=64), StandardScaler(), LogisticRegression())
    >>> clf = clf.fit(cohort.X, cohort.y)
    >>> detection = detect_seizures(cohort.raws[0], clf, l_freq=None, h_freq=None)
    >>> seizure = cohort.raws[0].annotations[0]
    >>> bool(abs(detection.annotations[0]["onset"] - seizure["onset"]) < 10)
    True
    """
    _check_numbers(length, step, smoothing, threshold)
    if background_windows is not None and background_windows < 1:
        raise ValueError(f"background_windows must be 1 or more, got {background_windows!r}.")
    column = _column(estimator, state)
    if isinstance(raw, str | Path):
        raw = open_recording(Path(raw))
    patient, recording = patient or patient_of(raw), recording or name_of(raw)
    options = PreparationOptions(
        channels=_good_channels(raw, recording) if channels is None else list(channels),
        sfreq=sfreq,
        l_freq=l_freq,
        h_freq=h_freq,
        notch=notch,
        reference=reference,
    )
    source = RecordingPreparer(raw, recording, options, advice=ADVICE)
    grid = _Grid(source, length, step)
    blocks = grid.blocks()
    if background_windows is not None:
        gain = background_gain(grid.beginning(background_windows), grid.sfreq)
        blocks = (filter_windows(X, gain) for X in blocks)
    proba = np.concatenate([estimator.predict_proba(X)[:, column] for X in blocks])
    if source.flat:
        warnings.warn(
            f"recording {recording} has flat channels {source.flat}: nothing was recorded there, "
            "which the classifier may never have seen.",
            stacklevel=2,
        )

    probability = smooth(proba, overlap=grid.overlap, size=smoothing / grid.step_seconds)
    times = np.arange(len(probability)) * grid.step_seconds
    rows = [
        (patient, recording, onset, end - onset, confidence)
        for onset, end, confidence in _runs(probability, times, source.duration, threshold)
    ]
    columns = ["patient", "recording", "onset", "duration", "confidence"]
    numbers = dict.fromkeys(columns[2:], float)
    events = pd.DataFrame(rows, columns=columns).astype(numbers)
    return Bunch(
        annotations=_annotations(raw, events),
        events=events,
        times=times,
        probability=probability,
        threshold=threshold,
        duration=source.duration,
        patient=patient,
        recording=recording,
    )


def smooth(proba: np.ndarray, *, overlap: int, size: float) -> np.ndarray:
    """Return the probability in each step: mean over windows that hold it, then a moving average.

    A window spans `overlap` steps, and the average about `size` of them: the nearest odd number.
    """
    each = np.ones(overlap)
    mean = np.convolve(proba, each) / np.convolve(np.ones(len(proba)), each)
    return uniform_filter1d(mean, 2 * max(round((size - 1) / 2), 0) + 1, mode="nearest")


class _Grid:
    """The overlapping windows of a recording, in samples."""

    def __init__(self, source: RecordingPreparer, length: float, step: float):
        sfreq = source.options.sfreq
        self.source, self.sfreq = source, source.own_sfreq if sfreq is None else float(sfreq)
        self.n_samples = round(length * self.sfreq)
        self.step = max(round(step * self.sfreq), 1)
        self.step_seconds = self.step / self.sfreq
        self.overlap = max(round(self.n_samples / self.step), 1)
        if self.n_samples < 1 or source.n_times(self.sfreq) < self.n_samples:
            raise ValueError(
                f"recording {source.recording} lasts {source.duration:g} s, less than one window "
                f"of {length:g} s; expected a longer recording or a smaller length."
            )

    def beginning(self, n_windows: int) -> np.ndarray:
        """Return the first windows, without overlap: fewer where the recording is shorter."""
        wanted, signal = n_windows * self.n_samples, []
        for block in self.source.blocks(self.sfreq):
            signal.append(block)
            if sum(one.shape[1] for one in signal) >= wanted:
                break
        joined = np.concatenate(signal, axis=1)[:, :wanted]
        whole = joined.shape[1] // self.n_samples * self.n_samples
        return joined[:, :whole].reshape(len(joined), -1, self.n_samples).transpose(1, 0, 2)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all windows in order, as many at once as memory is meant for."""
        size = max(BLOCK_VALUES // (len(self.source.names) * self.n_samples), 1)
        rest = np.empty((len(self.source.names), 0), np.float32)
        for block in self.source.blocks(self.sfreq):
            signal = np.concatenate([rest, block], axis=1)
            n_windows = max(1 + (signal.shape[1] - self.n_samples) // self.step, 0)
            for first in range(0, n_windows, size):
                last = min(first + size, n_windows) - 1
                part = signal[:, first * self.step : last * self.step + self.n_samples]
                windows = np.lib.stride_tricks.sliding_window_view(part, self.n_samples, axis=1)
                yield np.ascontiguousarray(windows[:, :: self.step].transpose(1, 0, 2))
            rest = signal[:, n_windows * self.step :]


def _good_channels(raw: mne.io.BaseRaw, recording: str) -> list[str]:
    import mne

    channels = [raw.ch_names[k] for k in mne.pick_types(raw.info, eeg=True, exclude="bads")]
    if not channels:
        raise ValueError(
            f"recording {recording} has no good EEG channel; its channels are {raw.ch_names}. "
            "Set their types with raw.set_channel_types, or name channels."
        )
    return channels


def _column(estimator: BaseEstimator, state: Label) -> int:
    """Return which column of the estimator's probabilities is that of `state`."""
    check_is_fitted(estimator)
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"{type(estimator).__name__} has no predict_proba; a detector needs probabilities. "
            "Put it into a CalibratedClassifierCV."
        )
    classes = np.asarray(estimator.classes_).tolist()
    if state not in classes:
        raise ValueError(f"state={state!r} is not among the classes {classes} of the estimator.")
    return classes.index(state)


def _check_numbers(length: float, step: float, smoothing: float, threshold: float) -> None:
    if not 0 < length < np.inf:
        raise ValueError(f"length must be a positive number of seconds, got {length!r}.")
    if not 0 < step <= length:
        raise ValueError(
            f"step={step!r}; expected seconds above 0 and at most length={length:g}, so that no "
            "part of the recording is left out."
        )
    if not 0 <= smoothing <= MAX_SMOOTHING:
        raise ValueError(f"smoothing must be 0 to {MAX_SMOOTHING:g} seconds, got {smoothing!r}.")
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1, got {threshold!r}.")


def _runs(
    probability: np.ndarray, times: np.ndarray, duration: float, threshold: float
) -> Iterator[tuple[float, float, float]]:
    """Yield onset, end and mean probability of each run of steps that reaches the threshold."""
    edges = np.diff(np.concatenate([[0], probability >= threshold, [0]]).astype(int))
    borders = np.append(times, duration)
    for first, last in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)):
        yield borders[first], borders[last], probability[first:last].mean()


def _annotations(raw: mne.io.BaseRaw, events: pd.DataFrame) -> mne.Annotations:
    """Return detections as ``raw.set_annotations`` takes them."""
    import mne

    orig_time = raw.annotations.orig_time
    # Without a time of day, it adds the start of the recording itself.
    origin = raw.first_time if orig_time is not None else 0.0
    return mne.Annotations(
        events["onset"].to_numpy() + origin,
        events["duration"].to_numpy(),
        DESCRIPTION,
        orig_time=orig_time,
    )
