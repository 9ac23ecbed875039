"""Names of EEG channels: one spelling for what recordings spell in many ways."""

from __future__ import annotations

import re
from collections.abc import Iterable

OLD_NAMES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}

_ELECTRODE = re.compile(r"(FP|AF|FC|FT|CP|TP|PO|F|C|T|P|O|I|N|A|M)(Z|\d{1,2})", re.IGNORECASE)
_PREFIX = re.compile(r"^EEG[\s_]+", re.IGNORECASE)
_REFERENCE = re.compile(r"-(REF|LE|AR|AVG|CAR|G2)$", re.IGNORECASE)
_REPEATED = re.compile(r"-\d$")  # MNE numbers channels that bear the same name


def standard_name(name: str) -> str | None:
    """Return an electrode or derivation in 10-10 spelling, or None if it is neither.

    >>> [standard_name(name) for name in ("FP1-F7", "EEG T3-REF", "Fc5 ", "T8-P8-1", "EKG 1")]
    ['Fp1-F7', 'T7', 'FC5', 'T8-P8', None]
    """
    bare = _REPEATED.sub("", _REFERENCE.sub("", _PREFIX.sub("", name.strip())))
    parts = [_electrode(part.strip()) for part in bare.split("-")]
    if len(parts) > 2 or None in parts:
        return None
    return "-".join(part for part in parts if part)


def standard_channels(names: Iterable[str]) -> dict[str, str]:
    """Map standard names to the names in a file; of channels that occur twice, the first."""
    found: dict[str, str] = {}
    for name in names:
        standard = standard_name(name)
        if standard is not None:
            found.setdefault(standard, name)
    return found


def _electrode(name: str) -> str | None:
    match = _ELECTRODE.fullmatch(name)
    if not match:
        return None
    region, place = match.groups()
    region = "Fp" if region.upper() == "FP" else region.upper()
    name = region + place.lower()
    return OLD_NAMES.get(name, name)
