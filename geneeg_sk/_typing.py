"""Types of what the public functions are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import mne

# Windows: (n_windows, n_channels, n_times) or (n_windows, n_times) in microvolts, or mne.Epochs.
WindowsLike: TypeAlias = "ArrayLike | mne.BaseEpochs"
