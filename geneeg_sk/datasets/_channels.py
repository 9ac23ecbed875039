"""Channels: one spelling for what recordings spell in many ways, and derivations from them."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

import numpy as np

# The longitudinal bipolar montage ("double banana") of the 10-20 system: what CHB-MIT recorded,
# and what follows from Siena's and SzCORE's electrodes by subtraction.
COMMON = (
    *("Fp1-F7", "F7-T7", "T7-P7", "P7-O1", "Fp1-F3", "F3-C3", "C3-P3", "P3-O1"),
    *("Fp2-F4", "F4-C4", "C4-P4", "P4-O2", "Fp2-F8", "F8-T8", "T8-P8", "P8-O2"),
    *("Fz-Cz", "Cz-Pz"),
)

OLD_NAMES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}

_ELECTRODE = re.compile(r"(FP|AF|FC|FT|CP|TP|PO|F|C|T|P|O|I|N|A|M)(Z|\d{1,2})", re.IGNORECASE)
_PREFIX = re.compile(r"^EEG[\s_]+", re.IGNORECASE)
_REFERENCE = re.compile(r"-(REF|LE|AR|AVG|CAR|G2|CS2)$", re.IGNORECASE)
_REPEATED = re.compile(r"-\d$")  # MNE numbers channels that bear the same name


def standard_name(name: str) -> str | None:
    """Return an electrode or derivation in 10-10 spelling, or None if it is neither.

    >>> [standard_name(name) for name in ("FP1-F7", "EEG T3-REF", "Fc5 ", "T8-P8-1", "EKG 1")]
    ['Fp1-F7', 'T7', 'FC5', 'T8-P8', None]
    """
    poles = _poles(name)
    if poles is None:
        return None
    plus, minus, _ = poles
    return f"{plus}-{minus}" if minus else plus


def standard_channels(names: Iterable[str]) -> dict[str, str]:
    """Map standard names to the names in a file; of channels that occur twice, the first."""
    found: dict[str, str] = {}
    for name in names:
        standard = standard_name(name)
        if standard is not None:
            found.setdefault(standard, name)
    return found


class Montage:
    """The channels of a recording, and how those asked for follow from them.

    Each channel is a difference of potentials, an edge between two electrodes (or an electrode and
    the reference). What is asked for is another difference: a path along such edges.

    Examples
    --------
    >>> Montage(["EEG F3-REF", "EEG C3-REF", "P3-C3"]).derive("C3-P3")
    {'P3-C3': -1.0}
    >>> Montage(["EEG F3-REF", "EEG C3-REF", "P3-C3"]).derive("F3-P3")
    {'EEG F3-REF': 1.0, 'EEG C3-REF': -1.0, 'P3-C3': -1.0}
    """

    def __init__(self, names: Iterable[str]):
        self.channels = standard_channels(names)
        self._edges: dict[str, dict[str, tuple[str, float]]] = defaultdict(dict)
        for name in self.channels.values():
            plus, minus, reference = _poles(name) or ("", "", "")
            minus = minus or f"reference {reference}"
            self._edges[plus].setdefault(minus, (name, 1.0))
            self._edges[minus].setdefault(plus, (name, -1.0))

    def derive(self, wanted: str) -> dict[str, float] | None:
        """Return the weight of each channel of the file in `wanted`, or None if it lacks some.

        Of all ways, the shortest. A single electrode is taken against whatever reference it was
        recorded.
        """
        if wanted in self.channels:
            return {self.channels[wanted]: 1.0}
        first, _, last = wanted.partition("-")
        if not last:
            return None
        arrived: dict[str, dict[str, float]] = {first: {}}
        queue = deque([first])
        while queue and last not in arrived:
            here = queue.popleft()
            for there, (name, sign) in self._edges.get(here, {}).items():
                if there not in arrived:
                    arrived[there] = arrived[here] | {name: sign}
                    queue.append(there)
        return arrived.get(last)

    def find_missing(self, wanted: Iterable[str]) -> list[str]:
        """Return which of the channels asked for the recording cannot give."""
        return [name for name in wanted if self.derive(name) is None]

    def matrix(
        self, wanted: Sequence[str], reference: Sequence[str] | None
    ) -> tuple[list[str], np.ndarray]:
        """Return the channels to read, and the weights that make those asked for of them.

        With `reference`, the mean of these electrodes is subtracted.
        """
        rows = [self.derive(name) or {} for name in [*wanted, *(reference or ())]]
        read = list(dict.fromkeys(name for row in rows for name in row))
        weights = np.array([[row.get(name, 0.0) for name in read] for row in rows])
        weights, against = np.split(weights, [len(wanted)])
        return read, weights - against.mean(axis=0) if reference else weights


def _poles(name: str) -> tuple[str, str, str] | None:
    """Return both electrodes of a channel ("" where there is one) and the reference that it names.

    >>> _poles("FP1-F7"), _poles("EEG T3-REF"), _poles("EKG")
    (('Fp1', 'F7', ''), ('T7', '', 'REF'), None)
    """
    bare = _PREFIX.sub("", _REPEATED.sub("", name.strip()))
    reference = _REFERENCE.search(bare)
    plus, *others = (_electrode(part.strip()) for part in _REFERENCE.sub("", bare).split("-"))
    if plus is None or None in others or len(others) > 1:
        return None
    return plus, "".join(map(str, others)), reference[1].upper() if reference else ""


def _electrode(name: str) -> str | None:
    match = _ELECTRODE.fullmatch(name)
    if not match:
        return None
    region, place = match.groups()
    region = "Fp" if region.upper() == "FP" else region.upper()
    name = region + place.lower()
    return OLD_NAMES.get(name, name)
