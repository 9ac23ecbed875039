"""What fitting 1,000 windows of 16 channels x 1,024 samples costs, and sampling such windows.

    python -m benchmarks.generator_speed

One JSON line: seconds of a fit at default settings, windows a second, GFLOP a window, and beside
them the machine's own rate of float32 matrix products in the same run, with all its threads. The
numbers mean little where anything else is running.
"""

from pathlib import Path

from benchmarks.fidelity.data import Windows
from benchmarks.fidelity.methods import fitted
from benchmarks.json_lines import write
from geneeg_sk.datasets import make_eeg_cohort

RESULTS = Path(__file__).parent / "results" / "generator_speed.jsonl"
CHANNELS = ["Fp1", "F7", "T7", "P7", "O1", "F3", "C3", "P3"]
CHANNELS += ["Fp2", "F8", "T8", "P8", "O2", "F4", "C4", "P4"]


def main():
    n_windows = {"normal": 84, "preictal": 25, "ictal": 16}
    made = make_eeg_cohort(n_patients=8, n_windows=n_windows, channels=CHANNELS, random_state=0)
    train = Windows(made.X, made.y, made.metadata.recording, made.groups, made.sfreq)
    _, cost = fitted(train, seed=0)
    line = {"benchmark": "generator_speed", "shape": list(made.X.shape), **cost}
    write(RESULTS, [line])


if __name__ == "__main__":
    main()
