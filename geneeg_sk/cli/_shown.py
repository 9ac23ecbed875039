"""What a report of a benchmark shows beside its tables, kept in the folder of results.

With it `geneeg-sk report` can make the whole page again. It holds EEG of patients.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from geneeg_sk._files import write_whole
from geneeg_sk.cli._stored import open_npz

SHOWN, HISTORY = "report-windows.npz", "history.csv"
SETS = ("real", "groups", "holdout", "synthetic")
MAX_SHOWN = 200  # windows of each state and set that are kept: as many as are scored


def write_shown(folder: Path, shown: dict[str, Any]) -> None:
    """Store the windows of a report and the history, so that `report` can make it again."""
    import numpy as np

    info = shown["info"]
    arrays = {"sfreq": info["sfreq"], "channels": np.array(info.ch_names)}
    arrays |= {f"{name}/{state}": X for name in SETS for state, X in shown[name].items()}
    with write_whole(folder / SHOWN) as part:
        np.savez_compressed(part, **arrays)
    with write_whole(folder / HISTORY) as part:
        shown["history"].to_csv(part, index=False)


def read_shown(folder: Path) -> dict[str, Any]:
    """Return what `write_shown` stored, for `make_report`; nothing where it is not there."""
    import mne

    from geneeg_sk.model_selection._comparison import read_csv

    if not (folder / SHOWN).is_file():
        return {}
    found: dict[str, Any] = {name: {} for name in SETS}
    with open_npz(folder / SHOWN, ("channels", "sfreq")) as arrays:
        for key in arrays:
            name, _, state = key.partition("/")
            if state:
                found[name][state] = arrays[key]
        names, sfreq = arrays["channels"].tolist(), float(arrays["sfreq"])
        found["info"] = mne.create_info(names, sfreq, "eeg", verbose="ERROR")
    if (folder / HISTORY).is_file():
        found["history"] = read_csv(folder / HISTORY, ["stage"], ["step", "loss"])
    return found
