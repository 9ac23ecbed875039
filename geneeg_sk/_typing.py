"""Types of what functions are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import mne

# Windows: (n_windows, n_channels, n_times) or (n_windows, n_times) in microvolts, or mne.Epochs.
WindowsLike: TypeAlias = "ArrayLike | mne.BaseEpochs"

# Windows of each state. Any is a label: a Mapping of Label would refuse a dict of str.
WindowsByState: TypeAlias = "Mapping[Any, np.ndarray | mne.BaseEpochs]"

# A state or a patient.
Label: TypeAlias = str | int | float | np.generic

# As scikit-learn takes it.
RandomStateLike: TypeAlias = int | np.random.RandomState | None

# As imbalanced-learn takes it.
SamplingStrategy: TypeAlias = (
    float | str | Mapping[Any, int] | Callable[[np.ndarray], Mapping[Any, int]]
)


class WindowSource(Protocol):
    """What holds windows, or makes them, and gives those of some rows."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: np.ndarray, /) -> np.ndarray: ...
