"""Windows on disk: stores, and what `sample` wrote as .npz."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mne
    import numpy as np
    from numpy.lib.npyio import NpzFile


def windows_at(path: Path) -> tuple[np.ndarray, np.ndarray, mne.Info, np.ndarray | None]:
    """Return windows, states, ``mne.Info``, and patients if known, of a store or .npz."""
    from geneeg_sk.datasets import read_windows

    if path.suffix != ".npz":
        bunch = read_windows(path)
        return bunch.X, bunch.y, bunch.info, bunch.groups
    import mne

    with open_npz(path, ("X", "y", "sfreq", "channels")) as arrays:
        info = mne.create_info(arrays["channels"].tolist(), float(arrays["sfreq"]), "eeg")
        return arrays["X"], arrays["y"], info, None


@contextmanager
def open_npz(path: Path, needed: Iterable[str]) -> Iterator[NpzFile]:
    """Open a file of arrays; whatever is wrong with it becomes a clear error."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = sorted(set(needed) - set(arrays))
            if missing:
                raise ValueError(f"{missing} are missing")
            yield arrays
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path} is damaged, or not written by geneeg-sk: {error}. Write it again."
        ) from error
