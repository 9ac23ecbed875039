"""A recording before it is cut: channels derived, filtered, resampled."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._channels import Montage
from ._edf import can_be_read_in_parts
from ._options import PreparationOptions
from ._windows import read_signal

FILTER_BYTES = 1 << 24  # of float64 to filter at once


def prepared(
    raw: Any, montage: Montage, options: PreparationOptions, sfreq: float
) -> tuple[np.ndarray, Any]:
    """Return the channels asked for, in that order, and the annotations of the recording.

    In microvolts, shape (n_channels, n_times), float32; annotations count from the start.
    """
    import mne

    names, weights = montage.matrix(options.wanted, options.against)
    is_plain = np.array_equal(weights, np.eye(len(names)))
    in_parts = can_be_read_in_parts(raw)
    signal = read_signal(raw, names, None if is_plain else weights, in_parts=in_parts)
    noted = raw.annotations
    annotations = mne.Annotations(noted.onset - raw.first_time, noted.duration, noted.description)
    own = float(raw.info["sfreq"])
    return _filtered(signal, annotations, own, options, sfreq), annotations


def _filtered(
    signal: np.ndarray,
    annotations: Any,
    own_sfreq: float,
    options: PreparationOptions,
    sfreq: float,
) -> np.ndarray:
    """Filter and resample with MNE, a few channels at a time.

    It works in float64, which for all channels at once would take several times the memory.
    """
    import mne

    out = signal if sfreq == own_sfreq else None
    n_channels = max(1, FILTER_BYTES // (8 * signal.shape[1]))
    for first in range(0, len(signal), n_channels):
        some = slice(first, first + n_channels)
        info = mne.create_info(options.wanted[some], own_sfreq, "eeg", verbose="ERROR")
        raw = mne.io.RawArray(signal[some].astype(np.float64), info, copy=None, verbose="ERROR")
        raw.set_annotations(annotations, emit_warning=False)
        raw.filter(options.l_freq, options.h_freq, verbose="ERROR")
        if options.notch is not None:
            raw.notch_filter(options.notch, verbose="ERROR")
        if sfreq != own_sfreq:
            raw.resample(sfreq, verbose="ERROR")
        if out is None:
            out = np.empty((len(signal), raw.n_times), np.float32)
        out[some] = raw.get_data()
    assert out is not None  # there is at least one channel
    return out
