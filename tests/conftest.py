import os
from pathlib import Path

import pytest
import torch

from geneeg_sk.datasets import make_eeg_cohort

# Tiny networks gain nothing from a second thread, and lose a lot where other processes run.
torch.set_num_threads(1)

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data_folder():
    """The folder with real EEG; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("GENEEG_DATA", ROOT / "../shared/data")).resolve()
    if not (folder / "README.md").exists():
        pytest.skip(f"no real EEG at {folder}: set GENEEG_DATA to the folder that holds it")
    return folder


@pytest.fixture(scope="session")
def cohort():
    """A small cohort: 4 patients, 3 states, 4 channels, windows of 2 s at 64 Hz."""
    return make_eeg_cohort(
        n_patients=4,
        n_windows={"normal": 16, "preictal": 6, "ictal": 5},
        channels=["Fz", "C3", "C4", "Pz"],
        sfreq=64.0,
        length=2.0,
        random_state=0,
    )
