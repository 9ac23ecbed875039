"""A recording before it is cut: channels derived, filtered, resampled."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ._channels import Montage
from ._edf import can_be_read_in_parts
from ._filtering import design_kernel, filter_signal, margin_of
from ._options import PreparationOptions
from ._windows import read_signal

if TYPE_CHECKING:
    import mne

BLOCK_SECONDS = 600.0  # of the recording that are prepared at once
GAPS = ("edge", "bad_acq_skip")  # MNE's names for seams and for what was not recorded


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

    def __init__(
        self, raw: mne.io.BaseRaw, recording: str, options: PreparationOptions, *, advice: str
    ):
        import mne

        self.raw, self.recording, self.options = raw, recording, options
        self.own_sfreq = float(raw.info["sfreq"])
        self.duration = raw.n_times / self.own_sfreq
        self.names = options.wanted
        read, self._weights = self._derivation(advice)
        self._read = [raw.ch_names.index(name) for name in read]  # MNE is slower by name
        noted = raw.annotations
        # From the start of the recording; MNE counts from before a crop.
        self.annotations = mne.Annotations(
            noted.onset - raw.first_time, noted.duration, noted.description
        )
        self._stretches = _between_gaps(self.annotations, self.own_sfreq, raw.n_times)
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
        return part[:, begin : begin + last - first]

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
        """Filter and resample the signal from sample `start` on, not across gaps."""
        kernel, ratio = self._kernel, self._ratio(sfreq)
        inside = np.clip(self._stretches - start, 0, signal.shape[1])
        inside = inside[inside[:, 0] < inside[:, 1]]
        if len(kernel) > 1 and not np.array_equal(inside, [[0, signal.shape[1]]]):
            for first, last in inside:
                signal[:, first:last] = filter_signal(signal[:, first:last], kernel, Fraction(1))
            kernel = np.ones(1)
        if len(kernel) == 1 and ratio == 1:
            return signal
        return filter_signal(signal, kernel, ratio)

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
    def _kernel(self) -> np.ndarray:
        options = self.options
        notch = () if options.notch is None else np.atleast_1d(options.notch).tolist()
        return design_kernel(self.own_sfreq, options.l_freq, options.h_freq, tuple(notch))

    def _margin(self, sfreq: float) -> int:
        """Return how many samples beside a block decide about its own."""
        if sfreq == self.own_sfreq and len(self._kernel) == 1:
            return 0
        return margin_of(self._kernel, self._ratio(sfreq))

    def _ratio(self, sfreq: float) -> Fraction:
        return _fraction(sfreq) / _fraction(self.own_sfreq)


def _fraction(sfreq: float) -> Fraction:
    return Fraction(sfreq).limit_denominator(1000)


def _between_gaps(annotations: mne.Annotations, sfreq: float, n_times: int) -> np.ndarray:
    """Return first and last sample of all stretches without a gap: where MNE stops a filter."""
    stretches, first = [], 0
    for one in annotations:
        if one["description"].lower().startswith(GAPS):
            stretches.append((first, round(one["onset"] * sfreq)))
            first = max(first, round((one["onset"] + one["duration"]) * sfreq))
    return np.array([*stretches, (first, n_times)])
