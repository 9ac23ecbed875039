"""How recordings are prepared and cut into windows: all parameters, with defaults and checks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from ._channels import COMMON, standard_name

MAX_SFREQ = 1e5  # Hz; a slip of the keyboard must not fill the memory

Step: TypeAlias = float | Mapping[str, float] | None
Amplitude: TypeAlias = float | Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class WindowingOptions:
    """How a signal is cut into windows, and these are labeled; see `make_windows`."""

    length: float = 4.0
    step: Step = None
    preictal: float = 300.0
    preictal_offset: float = 0.0
    postictal: float = 300.0
    min_distance: float = 900.0
    min_overlap: float = 0.5
    reject: Amplitude | None = None
    flat: Amplitude = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.length < math.inf:
            raise ValueError(f"length must be a positive number of seconds, got {self.length!r}.")
        if not all(0 < seconds < math.inf for seconds in self.steps.values()):
            raise ValueError(f"step must be a positive number of seconds, got {self.step!r}.")
        for name in ("preictal", "preictal_offset", "postictal", "min_distance"):
            seconds = getattr(self, name)
            if not seconds >= 0:
                raise ValueError(f"{name} must be 0 or more seconds, got {seconds!r}.")
        if not 0 < self.min_overlap <= 1:
            raise ValueError(
                f"min_overlap must be above 0 and at most 1, got {self.min_overlap!r}."
            )
        for name, limit in (("reject", self.largest), ("flat", self.smallest)):
            if not limit >= 0:
                given = getattr(self, name)
                raise ValueError(f"{name} must be 0 or more microvolts, got {given!r}.")

    @cached_property
    def steps(self) -> dict[str, float]:
        """Seconds from one window to the next, by state."""
        from .._checks import STATES

        if self.step is not None and not isinstance(self.step, Mapping):
            return dict.fromkeys(STATES, self.step)
        given = self.step or {}
        unknown = set(given) - set(STATES)
        if unknown:
            raise ValueError(f"step names unknown states {sorted(unknown)}; expected {STATES}.")
        usual = {"normal": self.length, "preictal": self.length, "ictal": self.length / 2}
        return usual | dict(given)

    @cached_property
    def smallest(self) -> float:
        """Peak-to-peak amplitude up to which a channel is flat, in microvolts."""
        return _microvolts(self.flat)

    @cached_property
    def largest(self) -> float:
        """Peak-to-peak amplitude beyond which a window is dropped, in microvolts."""
        return math.inf if self.reject is None else _microvolts(self.reject)


@dataclass(frozen=True, kw_only=True)
class PreparationOptions:
    """What happens to a recording before it is cut; see `load_chbmit`."""

    channels: str | Sequence[str] = "common"
    sfreq: float | None = None
    l_freq: float | None = 0.5
    h_freq: float | None = 45.0
    notch: float | Sequence[float] | None = None
    reference: str | Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.sfreq is not None and not 0 < self.sfreq <= MAX_SFREQ:
            raise ValueError(
                f"sfreq must be positive, in Hz, and at most {MAX_SFREQ:g}, got {self.sfreq!r}."
            )
        if len(set(self.wanted)) < len(self.wanted) or not self.wanted:
            raise ValueError(
                f"channels must name at least one channel, each once; got {self.channels}."
            )
        if isinstance(self.reference, str) and self.reference != "average":
            raise ValueError(
                f"reference must be 'average' or a list of electrodes, got {self.reference!r}."
            )
        derivations = [name for name in self.wanted if "-" in name]
        if self.reference is not None and derivations:
            raise ValueError(
                f"reference={self.reference!r} concerns electrodes, but {derivations[0]} is a "
                "derivation, which has none. Leave it out, or name electrodes in channels=."
            )

    @cached_property
    def wanted(self) -> list[str]:
        """The channels of the windows."""
        if isinstance(self.channels, str):
            if self.channels != "common":
                raise ValueError(
                    f"channels must be 'common' or a list of names, got {self.channels!r}."
                )
            return list(COMMON)
        return [standard_name(name) or name for name in self.channels]

    @cached_property
    def reference_channels(self) -> list[str] | None:
        """The electrodes of the reference."""
        if self.reference is None or isinstance(self.reference, str):
            return self.wanted if self.reference else None
        return [standard_name(name) or name for name in self.reference]

    def check_sfreq(self, lowest: float) -> None:
        """Raise a ValueError if a filter does not fit the sampling frequency."""
        if self.notch is not None and np.max(self.notch) >= lowest / 2:
            raise ValueError(
                f"notch={self.notch} Hz must lie below half the sampling frequency, "
                f"{lowest / 2:g} Hz."
            )
        if self.h_freq is not None and self.h_freq >= lowest / 2:
            raise ValueError(
                f"h_freq={self.h_freq:g} Hz must lie below half the sampling frequency, "
                f"{lowest / 2:g} Hz."
            )


def split_options(options: Mapping[str, Any]) -> tuple[PreparationOptions, WindowingOptions]:
    """Return what a loader was given, by what it concerns."""
    own = {one.name for one in fields(PreparationOptions)}
    return (
        PreparationOptions(**{name: value for name, value in options.items() if name in own}),
        WindowingOptions(**{name: value for name, value in options.items() if name not in own}),
    )


def _microvolts(limit: Amplitude) -> float:
    if not isinstance(limit, Mapping):
        return float(limit)
    from .._checks import VOLT

    if set(limit) != {"eeg"}:
        raise ValueError(
            f"reject or flat is {dict(limit)}; it must be {{'eeg': volts}}, or a number in "
            "microvolts."
        )
    return limit["eeg"] * VOLT
