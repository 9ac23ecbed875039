"""Real and synthetic windows to look at: one check for all pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from geneeg_sk._checks import is_mne, sfreq_of
from geneeg_sk.metrics._sets import check_sets


def check_pair(
    real: Any, synthetic: Any, sfreq: float | None
) -> tuple[dict[str, np.ndarray], float]:
    """Return ``{"real": X, "synthetic": X}``, without what is None, and the sampling frequency.

    Raises
    ------
    ValueError
        If a set is no set of windows, the two differ in shape, or no sampling frequency is known.
    """
    given = {"real": real, "synthetic": synthetic}
    given = {name: X for name, X in given.items() if X is not None}
    if not given:
        raise ValueError("Neither real nor synthetic windows were given; expected at least one.")
    for X in given.values():
        sfreq = sfreq_of(X, sfreq)
    if sfreq is None:
        raise ValueError("The sampling frequency is not known: pass sfreq=... in Hz.")
    return dict(zip(given, check_sets(sfreq, **given))), float(sfreq)


def names_of_channels(real: Any, synthetic: Any, ch_names: Any, n_channels: int) -> list[str]:
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
