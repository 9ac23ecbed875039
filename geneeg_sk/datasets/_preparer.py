"""A recording before it is cut: channels derived, filtered, resampled."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from scipy.fft import next_fast_len

from ._channels import Montage
from ._edf import can_be_read_in_parts
from ._options import PreparationOptions
from ._windows import read_signal

BLOCK_SECONDS = 600.0  # of the recording that are prepared at once
MARGIN = 10.0  # seconds beside a block, for notch filter and resampling
PADDING = 100  # samples on either side in resampling, at least; as MNE has it
FILTER_BYTES = 1 << 24  # of float64 to filter at once


class RecordingPreparer:
    """The signal of a recording, prepared for cutting, for loaders and detectors alike.

    The signal is prepared in blocks of fixed length from the start of the recording, each with a
    margin that keeps edge effects of the filters out. Memory does not grow with the recording, and
    loaders and detectors get exactly the same samples.

    Parameters
    ----------
    raw : mne.io.Raw
        Recording, of which nothing but the header is read here.
    recording : str
        Its name, for messages.
    options : PreparationOptions
        What happens to it.
    advice : str
        What to do where channels are missing.

    Raises
    ------
    ValueError
        If it lacks channels that are asked for.
    """

    def __init__(self, raw: Any, recording: str, options: PreparationOptions, *, advice: str):
        import mne

        self.raw, self.recording, self.options = raw, recording, options
        self.own_sfreq = float(raw.info["sfreq"])
        self.duration = raw.n_times / self.own_sfreq
        self.names = options.wanted
        self._read, self._weights = self._derivation(advice)
        noted = raw.annotations
        # From the start of the recording; MNE counts from before a crop.
        self.annotations = mne.Annotations(
            noted.onset - raw.first_time, noted.duration, noted.description
        )
        self._in_parts = can_be_read_in_parts(raw)
        self._lowest = np.full(len(self.names), np.inf)
        self._highest = -self._lowest

    @property
    def flat(self) -> list[str]:
        """Names of the channels that are constant in all blocks so far."""
        return [name for name, k in zip(self.names, self._lowest == self._highest) if k]

    def n_times(self, sfreq: float) -> int:
        """Return how many samples there are at a sampling frequency."""
        return round(self.raw.n_times * self._ratio(sfreq))

    def signal(self, sfreq: float) -> np.ndarray:
        """Return the whole signal at a sampling frequency, in microvolts.

        Shape (n_channels, n_times), float32.
        """
        signal = np.empty((len(self.names), self.n_times(sfreq)), np.float32)
        first = 0
        for block in self.blocks(sfreq):
            signal[:, first : first + block.shape[1]] = block
            first += block.shape[1]
        return signal

    def blocks(self, sfreq: float) -> Iterator[np.ndarray]:
        """Yield the signal as `signal` returns it, block by block."""
        n_times, size = self.n_times(sfreq), round(BLOCK_SECONDS * sfreq)
        whole = None if self._in_parts else self._read_signal(0, self.raw.n_times)
        for first in range(0, n_times, size):
            yield self._block(first, min(first + size, n_times), sfreq, whole)

    def _block(self, first: int, last: int, sfreq: float, whole: np.ndarray | None) -> np.ndarray:
        """Return samples `first` to `last`, counted at `sfreq`."""
        ratio, margin = self._ratio(sfreq), self._margin(sfreq)
        # Blocks begin where a sample before resampling is one after it.
        unit = ratio.denominator
        start = max(int(first / ratio) - margin, 0) // unit * unit
        stop = -(-(int(last / ratio) + 1 + margin) // unit) * unit
        stop = min(stop, self.raw.n_times)
        part = self._read_signal(start, stop) if whole is None else whole[:, start:stop].copy()
        np.minimum(self._lowest, part.min(axis=1), out=self._lowest)
        np.maximum(self._highest, part.max(axis=1), out=self._highest)
        part = self._filter(part, start, sfreq)
        begin = first - int(start * ratio)
        part = part[:, begin : begin + last - first]
        missing = last - first - part.shape[1]  # one at the end, where MNE rounds down
        return np.pad(part, ((0, 0), (0, missing)), "edge") if missing else part

    def _read_signal(self, start: int, stop: int) -> np.ndarray:
        """Return the channels asked for as recorded, in microvolts, float32."""
        return read_signal(
            self.raw,
            self._read,
            self._weights,
            recording=self.recording,
            start=start,
            stop=stop,
            in_parts=self._in_parts,
        )

    def _filter(self, signal: np.ndarray, start: int, sfreq: float) -> np.ndarray:
        """Filter and resample with MNE, a few channels at a time.

        It works in float64, which for all channels at once would take several times the memory.
        """
        import mne

        options, is_resampled = self.options, sfreq != self.own_sfreq
        if not is_resampled and not self._is_filtered:
            return signal
        noted = self.annotations
        onsets = noted.onset - start / self.own_sfreq
        annotations = mne.Annotations(onsets, noted.duration, noted.description)
        padding = _padding(signal.shape[1], self._ratio(sfreq))
        out = None if is_resampled else signal
        n_channels = max(1, FILTER_BYTES // (8 * signal.shape[1]))
        for first in range(0, len(signal), n_channels):
            some = slice(first, first + n_channels)
            info = mne.create_info(self.names[some], self.own_sfreq, "eeg", verbose="ERROR")
            part = mne.io.RawArray(signal[some].astype(np.float64), info, verbose="ERROR")
            part.set_annotations(annotations, emit_warning=False)  # filters stop at gaps
            part.filter(options.l_freq, options.h_freq, verbose="ERROR")
            if options.notch is not None:
                part.notch_filter(options.notch, verbose="ERROR")
            if is_resampled:
                part.resample(sfreq, npad=padding, verbose="ERROR")
            if out is None:
                out = np.empty((len(signal), part.n_times), np.float32)
            out[some] = part.get_data()
        assert out is not None  # there is at least one channel
        return out

    def _derivation(self, advice: str) -> tuple[list[str], np.ndarray | None]:
        """Return the channels to read, and the weights that make those asked for; None for ones."""
        options, names = self.options, self.raw.ch_names
        named = options.wanted if isinstance(options.channels, str) else list(options.channels)
        if options.reference is None and set(named) <= set(names):
            return named, None
        montage = Montage(names)
        lacking = montage.find_missing(
            dict.fromkeys([*options.wanted, *(options.reference_channels or ())])
        )
        if lacking:
            raise ValueError(
                f"recording {self.recording} lacks channels {lacking}; it has "
                f"{list(montage.channels) or names}. {advice}"
            )
        read, weights = montage.matrix(options.wanted, options.reference_channels)
        return read, None if np.array_equal(weights, np.eye(len(read))) else weights

    @property
    def _is_filtered(self) -> bool:
        options = self.options
        return any(one is not None for one in (options.l_freq, options.h_freq, options.notch))

    def _margin(self, sfreq: float) -> int:
        """Return how many samples beside a block decide about its own."""
        if sfreq == self.own_sfreq and not self._is_filtered:
            return 0
        options = self.options
        return round(MARGIN * self.own_sfreq) + _half_filter(
            self.own_sfreq, options.l_freq, options.h_freq
        )

    def _ratio(self, sfreq: float) -> Fraction:
        return _fraction(sfreq) / _fraction(self.own_sfreq)


def _fraction(sfreq: float) -> Fraction:
    return Fraction(sfreq).limit_denominator(1000)


def _padding(n_times: int, ratio: Fraction) -> int:
    """Return how many samples to put on either side of a block to resample it.

    MNE's own choice would shift each block by another fraction of a sample. Of those that do not,
    the first is taken with which Fourier transforms are fast.
    """
    unit = ratio.denominator
    least = -(-PADDING // unit) * unit
    for padding in range(least, least + n_times // 20, unit):
        total = n_times + 2 * padding
        if all(next_fast_len(n) == n for n in (total, round(total * ratio))):
            return padding
    return least


@cache
def _half_filter(sfreq: float, l_freq: float | None, h_freq: float | None) -> int:
    """Return how many samples on either side a sample of the filtered signal depends on."""
    if l_freq is None and h_freq is None:
        return 0
    import mne

    return len(mne.filter.create_filter(None, sfreq, l_freq, h_freq, verbose="ERROR")) // 2
