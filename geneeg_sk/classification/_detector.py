"""From a classifier of windows to seizures in a continuous recording."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import uniform_filter1d
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from geneeg_sk._checks import as_microvolts
from geneeg_sk.datasets._channels import Montage
from geneeg_sk.datasets._edf import open_recording
from geneeg_sk.datasets._options import HIGHEST_SFREQ, PreparationOptions, WindowingOptions
from geneeg_sk.datasets._windows import name_of, patient_of

DESCRIPTION = "sz"  # of annotations; SzCORE's name for a seizure of any kind
BLOCK_VALUES = 2**23  # of windows that are in memory at once: 32 MiB in single precision
PADDING = 100  # samples on either side in resampling, at least; as MNE has it
MARGIN = 10.0  # seconds beside a block, for notch filter and resampling
# A slip of the keyboard must not fill the memory.
LONGEST_SMOOTHING = 3600.0  # seconds


def detect_seizures(
    raw: Any,
    estimator: Any,
    *,
    length: float = WindowingOptions.length,
    step: float = 1.0,
    smoothing: float = 10.0,
    threshold: float = 0.5,
    state: Any = "ictal",
    channels: Sequence[str] | None = None,
    sfreq: float | None = None,
    l_freq: float | None = PreparationOptions.l_freq,
    h_freq: float | None = PreparationOptions.h_freq,
    notch: float | Sequence[float] | None = PreparationOptions.notch,
    reference: str | Sequence[str] | None = PreparationOptions.reference,
    patient: str | None = None,
    recording: str | None = None,
) -> Bunch:
    """Run a fitted classifier over a continuous recording and say where it sees seizures.

    The signal is filtered and resampled as the loaders do it (`load_chbmit`), cut into windows
    that overlap, and each window classified. The probability at a moment is the mean over the
    windows that hold it, smoothed by a moving average; where it reaches `threshold`, there is a
    detection. The recording is read and worked through in blocks, so that memory does not grow
    with its duration.

    Parameters
    ----------
    raw : mne.io.Raw, str or Path
        Recording, not filtered yet (or pass ``l_freq=None, h_freq=None``), or an EDF or BDF file.
        Its annotations are not looked at.
    estimator : classifier
        Fitted on windows of these channels, `length` and sampling frequency, in microvolts, and
        with ``predict_proba``; a pipeline, say.
    length : float, default=4.0
        Length of a window, in seconds, as in training.
    step : float, default=1.0
        Seconds from one window to the next, at most `length`; the resolution of detections.
    smoothing : float, default=10.0
        Seconds of the moving average; 0 for none. By default the least duration of an
        electrographic seizure [1]_: with a threshold of 0.5, what lasts less than half as long
        is no detection.
    threshold : float, default=0.5
        Probability from which there is a detection, above 0 and at most 1.
    state : label, default="ictal"
        State that is looked for.
    channels : list of str, default=None
        Channels in the order of training, such as ``windows.info.ch_names``; those that the
        recording lacks are derived from others, as loaders do it. By default all EEG channels
        without ``info["bads"]``.
    sfreq : float, default=None
        Resample to this frequency, in Hz; by default kept.
    l_freq, h_freq : float or None, default=0.5 and 45.0
        Edges of the band-pass filter, in Hz (zero phase, FIR).
    notch : float or list of float, default=None
        Frequencies to notch out, in Hz.
    reference : "average" or list of str, default=None
        Electrodes whose mean is subtracted, as in training; by default none.
    patient, recording : str, default=None
        Names for ``events``; by default those that `make_windows` would give.

    Returns
    -------
    detection : sklearn.utils.Bunch
        annotations : mne.Annotations
            A "sz" for each detection, for ``raw.set_annotations``.
        events : pandas.DataFrame
            A row a detection: ``patient``, ``recording``, ``onset``, ``duration`` (seconds from
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
    geneeg_sk.metrics.event_scores : How good the detections are.
    geneeg_sk.datasets.write_events : Detections as BIDS events.
    geneeg_sk.inspection.EventTimelineDisplay : Their picture.

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
    column = _column(estimator, state)
    if isinstance(raw, str | Path):
        raw = open_recording(Path(raw))
    patient, recording = patient or patient_of(raw), recording or name_of(raw)
    source = _Source(raw, recording, channels, reference, sfreq, (l_freq, h_freq), notch)
    grid = _Grid(source, length, step)
    proba = np.concatenate([estimator.predict_proba(X)[:, column] for X in grid.blocks()])
    source.warn_of_flat()

    probability = smoothed(proba, overlap=grid.overlap, size=smoothing / grid.step_seconds)
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


def smoothed(proba: np.ndarray, *, overlap: int, size: float) -> np.ndarray:
    """Return the probability in each step: mean over windows that hold it, then a moving average.

    A window spans `overlap` steps, and the average about `size` of them: the nearest odd number.
    """
    each = np.ones(overlap)
    mean = np.convolve(proba, each) / np.convolve(np.ones(len(proba)), each)
    return uniform_filter1d(mean, 2 * max(round((size - 1) / 2), 0) + 1, mode="nearest")


class _Source:
    """A recording from which any stretch can be had as training windows were prepared."""

    def __init__(self, raw, recording, channels, reference, sfreq, band, notch):
        self.raw, self.recording, self.band, self.notch = raw, recording, band, notch
        self.names, self.read, self.weights = _channels(raw, recording, channels, reference)
        own = float(raw.info["sfreq"])
        self.sfreq = own if sfreq is None else float(sfreq)
        if not 0 < self.sfreq <= HIGHEST_SFREQ:
            raise ValueError(
                f"sfreq must be positive, in Hz, and at most {HIGHEST_SFREQ:g}, got {sfreq!r}."
            )
        self.ratio = _fraction(self.sfreq) / _fraction(own)
        self.duration = raw.n_times / own
        self.n_times = round(raw.n_times * self.ratio)
        self.margin = round(MARGIN * own) + _half_filter(own, *band)
        self.flat = np.ones(len(self.names), bool)

    def stretch(self, first: int, last: int) -> np.ndarray:
        """Return samples first to last, after resampling, in microvolts: (n_channels, n)."""
        # Stretches begin where a sample before resampling is one after it.
        unit = self.ratio.denominator
        start = max(int(first / self.ratio) - self.margin, 0) // unit * unit
        stop = -(-(int(last / self.ratio) + 1 + self.margin) // unit) * unit
        part = self._prepared(start, min(stop, self.raw.n_times))
        begin = first - int(start * self.ratio)
        return as_microvolts(part)[:, begin : begin + last - first].astype(np.float32)

    def _prepared(self, start: int, stop: int) -> Any:
        import mne

        signal = self.raw.get_data(self.read, start, stop)
        self._check_finite(signal, start)
        signal = self.weights @ signal
        self.flat &= signal.min(axis=1) == signal.max(axis=1)
        info = mne.create_info(self.names, self.raw.info["sfreq"], "eeg", verbose="ERROR")
        part = mne.io.RawArray(signal, info, verbose="ERROR")
        if self.band != (None, None):
            part.filter(*self.band, verbose="ERROR")
        if self.notch is not None:
            part.notch_filter(self.notch, verbose="ERROR")
        if self.ratio != 1:
            # MNE's own padding would shift each stretch by another fraction of a sample.
            unit = self.ratio.denominator
            part.resample(self.sfreq, npad=-(-PADDING // unit) * unit, verbose="ERROR")
        return part

    def _check_finite(self, signal: np.ndarray, start: int) -> None:
        finite = np.isfinite(signal)
        if not finite.all():
            channel, sample = np.argwhere(~finite)[0]
            raise ValueError(
                f"recording {self.recording} contains NaN or infinity: first in channel "
                f"{self.read[channel]} at "
                f"{(start + sample) / self.raw.info['sfreq']:g} s. Repair or drop it."
            )

    def warn_of_flat(self) -> None:
        if self.flat.any():
            names = [name for name, flat in zip(self.names, self.flat) if flat]
            warnings.warn(
                f"recording {self.recording} has flat channels {names}: nothing was recorded "
                "there, which the classifier may never have seen.",
                stacklevel=3,
            )


class _Grid:
    """The overlapping windows of a recording, in samples."""

    def __init__(self, source: _Source, length: float, step: float):
        self.source = source
        self.n_samples = round(length * source.sfreq)
        self.step = max(round(step * source.sfreq), 1)
        self.step_seconds = self.step / source.sfreq
        self.overlap = max(round(self.n_samples / self.step), 1)
        if self.n_samples < 1 or source.n_times < self.n_samples:
            raise ValueError(
                f"recording {source.recording} lasts {source.duration:g} s, less than one window "
                f"of {length:g} s; expected a longer recording or a smaller length."
            )
        self.n_windows = 1 + (source.n_times - self.n_samples) // self.step

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all windows in order, as many at once as memory is meant for."""
        size = max(BLOCK_VALUES // (len(self.source.names) * self.n_samples), 1)
        for first in range(0, self.n_windows, size):
            last = min(first + size, self.n_windows) - 1
            signal = self.source.stretch(first * self.step, last * self.step + self.n_samples)
            windows = np.lib.stride_tricks.sliding_window_view(signal, self.n_samples, axis=1)
            yield np.ascontiguousarray(windows[:, :: self.step].transpose(1, 0, 2))


def _channels(
    raw: Any, recording: str, channels: Sequence[str] | None, reference: Any
) -> tuple[list[str], list[str], np.ndarray]:
    """Return the channels wanted, those to read, and the weights that make the first of them."""
    import mne

    if channels is None:
        channels = [raw.ch_names[k] for k in mne.pick_types(raw.info, eeg=True, exclude="bads")]
        if not channels:
            raise ValueError(
                f"recording {recording} has no good EEG channel; its channels are {raw.ch_names}. "
                "Set their types with raw.set_channel_types, or name channels."
            )
    way = PreparationOptions(channels=channels, reference=reference)
    if reference is None and set(channels) <= set(raw.ch_names):
        return list(channels), list(channels), np.eye(len(channels))
    montage = Montage(raw.ch_names)
    missing = montage.lacking(dict.fromkeys([*way.wanted, *(way.against or ())]))
    if missing:
        raise ValueError(
            f"recording {recording} lacks channels {missing}; it has {raw.ch_names}. A detector "
            "needs the channels that its classifier was trained on."
        )
    return way.wanted, *montage.matrix(way.wanted, way.against)


def _column(estimator: Any, state: Any) -> int:
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
    if not 0 <= smoothing <= LONGEST_SMOOTHING:
        raise ValueError(
            f"smoothing must be 0 to {LONGEST_SMOOTHING:g} seconds, got {smoothing!r}."
        )
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1, got {threshold!r}.")


def _fraction(sfreq: float) -> Fraction:
    return Fraction(sfreq).limit_denominator(1000)


def _half_filter(sfreq: float, l_freq: float | None, h_freq: float | None) -> int:
    """Return how many samples on either side a sample of the filtered signal depends on."""
    if l_freq is None and h_freq is None:
        return 0
    import mne

    return len(mne.filter.create_filter(None, sfreq, l_freq, h_freq, verbose="ERROR")) // 2


def _runs(
    probability: np.ndarray, times: np.ndarray, duration: float, threshold: float
) -> Iterator[tuple[float, float, float]]:
    """Yield onset, end and mean probability of each run of steps that reaches the threshold."""
    edges = np.diff(np.concatenate([[0], probability >= threshold, [0]]).astype(int))
    borders = np.append(times, duration)
    for first, last in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)):
        yield borders[first], borders[last], probability[first:last].mean()


def _annotations(raw: Any, events: pd.DataFrame) -> Any:
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
