"""Every example runs as it stands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
LIMIT = 300  # seconds; on a quiet core each takes less than one minute


def run(name, *args, cwd):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *args],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        cwd=cwd,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert not list(cwd.iterdir()), "an example must leave nothing behind"
    return done.stdout


def test_all_examples_are_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PRINTS)


PRINTS = {
    "plot_quickstart.py": "macro F1 on unseen patients",
    "plot_ratio_grid.py": "chosen FillGap(",
    "plot_against_smote.py": "GenEEGSampler",
    "plot_frozen_generator.py": "augmented: macro F1 on unseen patients",
    "plot_foreign_generator.py": "augmented: macro F1 on unseen patients",
    "plot_own_recordings.py": "macro F1 on unseen patients",
    "plot_new_patient.py": "The profile has",
    "plot_real_beside_synthetic.py": "other real: AUC",
    "plot_detection.py": "false_alarms_per_day",
    "plot_dask.py": "same table: True",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PRINTS)
def test_the_example_runs_and_prints_its_result(name, tmp_path):
    if name == "plot_dask.py":
        pytest.importorskip("distributed", reason="needs dask: install the extra 'dask'")
        if sys.platform == "win32":
            pytest.skip("SubprocessCluster is not for Windows")
    assert PRINTS[name] in run(name, cwd=tmp_path)
