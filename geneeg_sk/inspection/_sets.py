"""Real and synthetic windows to look at: one check for all pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from geneeg_sk._checks import is_mne, resolve_sfreq
from geneeg_sk._typing import WindowsLike
from geneeg_sk.metrics._sets import check_sets, pick_evenly

MAX_SHOWN = 2000  # windows of a set: a curve over more looks the same


def check_pair(
    real: WindowsLike | None, synthetic: WindowsLike | None, sfreq: float | None
) -> tuple[dict[str, np.ndarray], float]:
    """Return ``{"real": X, "synthetic": X}``, without what is None, and the sampling frequency.

    Raises
    ------
    ValueError
        If a set does not hold windows, the two differ in shape, or no sampling frequency is known.
    """
    given = {"real": real, "synthetic": synthetic}
    given = {name: X for name, X in given.items() if X is not None}
    if not given:
        raise ValueError("Neither real nor synthetic windows were given; expected at least one.")
    sfreq = resolve_sfreq(sfreq, *given.values())
    if sfreq is None:
        raise ValueError("The sampling frequency is not known: pass sfreq=... in Hz.")
    return dict(zip(given, check_sets(sfreq, **given))), sfreq


def get_channel_names(
    real: WindowsLike | None,
    synthetic: WindowsLike | None,
    ch_names: Sequence[str] | None,
    n_channels: int,
) -> list[str]:
    """Return `ch_names`, or the names in an ``mne.Epochs``, or ``ch0``, ``ch1``, ...

    Raises
    ------
    ValueError
        If there are not as many names as channels.
    """
    for X in (real, synthetic):
        if ch_names is None and is_mne(X):
            ch_names = X.ch_names
    if ch_names is None:
        return [f"ch{i}" for i in range(n_channels)]
    if len(ch_names) != n_channels:
        raise ValueError(f"ch_names has {len(ch_names)} names for {n_channels} channels.")
    return [str(name) for name in ch_names]


def thin_sets(sets: dict[str, np.ndarray], limit: int) -> dict[str, np.ndarray]:
    """Keep at most `limit` windows of each set, evenly spaced, so that each patient has a share."""
    return {name: X[pick_evenly(len(X), limit)] for name, X in sets.items()}


def label_with_count(name: str, n_shown: int, n_windows: int) -> str:
    """Say how many windows a set has, and how many of them were taken.

    >>> label_with_count("real", 20, 20), label_with_count("real", 2000, 20000)
    ('real (20 windows)', 'real (2,000 of 20,000 windows)')
    """
    taken = "" if n_shown == n_windows else f"{n_shown:,} of "
    return f"{name} ({taken}{n_windows:,} windows)"
