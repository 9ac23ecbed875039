"""Channels as a clinician expects them: their order, and where they are on the head."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geneeg_sk.datasets._channels import COMMON, standard_name

if TYPE_CHECKING:
    import mne

# Rows of the 10-10 system from front to back (Jurcak et al. 2007).
ROWS = ["Fp", "AF", "F", "FT,FC", "T,C", "TP,CP", "P", "PO", "O", "I,N,A,M"]
ROW_OF = {letters: k for k, row in enumerate(ROWS) for letters in row.split(",")}
MONTAGE = "standard_1005"
APART = 1e-3  # meters: electrodes nearer than this are one place


def sort_clinically(names: Sequence[str]) -> list[int]:
    """Return the order in which channels are read: numbers of `names`, the first at the top.

    Electrodes go from front to back, and from left to right in each row; derivations in the order
    of the longitudinal bipolar montage; what is neither comes last, in the order given.

    >>> names = ["EKG", "O1", "C4", "Cz", "Fp2", "T3", "Fp1"]
    >>> [names[k] for k in sort_clinically(names)]
    ['Fp1', 'Fp2', 'T3', 'Cz', 'C4', 'O1', 'EKG']
    """
    return sorted(range(len(names)), key=lambda k: (_rank(names[k]), k))


def _rank(name: str) -> tuple[float, ...]:
    standard = standard_name(name)
    if standard is None:
        return (3,)
    if standard in COMMON:
        return (1, COMMON.index(standard))
    poles = standard.split("-")
    places = [_row_and_column(pole) for pole in poles]
    return (0 if len(poles) == 1 else 2, *(number for place in places for number in place))


def _row_and_column(electrode: str) -> tuple[int, int]:
    """Row from the front; column from the left, the midline 0."""
    letters, number = re.fullmatch(r"([A-Za-z]+?)(z|\d+)", electrode).groups()  # type: ignore[union-attr]
    column = 0 if number == "z" else int(number)
    return ROW_OF[letters], -column if column % 2 else column


def locate_channels(names: Sequence[str]) -> tuple[list[int], mne.Info]:
    """Return the channels that have a place on the head, and an ``mne.Info`` with it.

    A derivation is put halfway between its electrodes; of channels at one place, the first is
    kept.
    """
    import mne

    poles = {k: (standard_name(name) or name).split("-") for k, name in enumerate(names)}
    electrodes = list(dict.fromkeys(pole for pair in poles.values() for pole in pair))
    head = mne.create_info(electrodes, 1.0, "eeg", verbose="ERROR")
    head.set_montage(MONTAGE, on_missing="ignore", verbose="ERROR")
    place_of = {channel["ch_name"]: channel["loc"][:3] for channel in head["chs"]}
    found: dict[int, np.ndarray] = {}
    for k, pair in poles.items():
        place = np.mean([place_of[pole] for pole in pair], axis=0)  # NaN where one is not known
        nearest = min((np.linalg.norm(place - other) for other in found.values()), default=np.inf)
        if np.isfinite(place).all() and nearest > APART:
            found[k] = place
    info = mne.create_info([names[k] for k in found], 1.0, "eeg", verbose="ERROR")
    if found:
        places = {names[k]: place for k, place in found.items()}
        info.set_montage(mne.channels.make_dig_montage(places, coord_frame="head"))
    return list(found), info
