"""Anonymous resident memory of training on a fold of a store that is larger than that.

    python benchmarks/memory.py --what classifier --gigabytes 5
    python benchmarks/memory.py --what generator --gigabytes 5

Simulated windows are written to a store part by part, a GroupKFold over patients gives a fold as
row numbers, and the estimator is fitted on it; the classifier then predicts the other patients.
RssAnon of ``/proc/self/status`` is sampled all the while: pages of the memory map are the page
cache's, which gives them back when others need them, and do not count. One JSON line, also
appended to ``benchmarks/results/memory.jsonl``. The store is deleted. Linux only.
"""

import argparse
import contextlib
import json
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.model_selection import GroupKFold
from sklearn.utils import Bunch

from geneeg_sk.classification import CNNBiLSTMClassifier
from geneeg_sk.datasets import WindowRows, cached_windows, make_eeg_cohort, read_windows
from geneeg_sk.generation import LatentDiffusionGenerator

RESULTS = Path(__file__).parent / "results/memory.jsonl"
BAR = 3.0  # GB
N_PATIENTS = 10


def rss_anon():
    """Return the anonymous resident memory of this process, in GB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024 / 1e9


class Peaks:
    """The largest RssAnon and the seconds of each phase."""

    def __init__(self):
        self.gigabytes, self.seconds = {}, {}

    @contextlib.contextmanager
    def phase(self, name):
        """Sample every 20 ms, in a thread, while the block runs."""
        peak, is_over, start = rss_anon(), threading.Event(), time.perf_counter()

        def sample():
            nonlocal peak
            while not is_over.wait(0.02):
                peak = max(peak, rss_anon())

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
            self.gigabytes[name] = round(max(peak, rss_anon()), 3)
            self.seconds[name] = round(time.perf_counter() - start, 1)


def recordings(gigabytes):
    """Yield the windows of patients, a part at a time, until there are so many gigabytes."""
    counts = {"normal": 200, "preictal": 60, "ictal": 40}
    patient = make_eeg_cohort(n_patients=1, n_windows=counts, sfreq=256.0, random_state=0)
    rng = np.random.default_rng(0)
    for k in range(round(gigabytes * 1e9 / patient.X.nbytes)):
        # No two windows are the same, so that nothing on the way can make use of that.
        gain = rng.uniform(0.5, 2, size=(len(patient.X), 1, 1)).astype(np.float32)
        noise = rng.standard_normal(patient.X.shape, dtype=np.float32)
        name = f"p{k % N_PATIENTS}"
        yield Bunch(
            X=gain * patient.X + noise,
            y=patient.y,
            groups=np.full(len(patient.X), name),
            metadata=patient.metadata.assign(patient=name),
            info=patient.info,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", choices=["classifier", "generator"], default="classifier")
    parser.add_argument("--gigabytes", type=float, default=5.0)
    parser.add_argument("--epochs", type=int, default=1, help="of the classifier")
    parser.add_argument("--steps", type=int, default=300, help="of each stage of the generator")
    parser.add_argument("--folder", default=None, help="where there is room for the store")
    args = parser.parse_args()
    torch.set_num_threads(1)
    peaks = Peaks()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        with peaks.phase("write"):
            parameters = {"gigabytes": args.gigabytes}
            cached_windows(folder, lambda: recordings(args.gigabytes), parameters)
        (store,) = Path(folder).iterdir()
        with peaks.phase("verify"):
            windows = read_windows(store)
        X, y, groups = WindowRows(windows.X), windows.y, windows.groups
        train, test = next(GroupKFold(5).split(X, y, groups))
        with peaks.phase("fit"):
            if args.what == "classifier":
                fitted = CNNBiLSTMClassifier(max_epochs=args.epochs, random_state=0)
                fitted.fit(X[train], y[train])
            else:
                fitted = LatentDiffusionGenerator(
                    sfreq=windows.sfreq,
                    vae_steps=args.steps,
                    diffusion_steps=args.steps,
                    random_state=0,
                )
                fitted.fit(X[train], y[train], groups=groups[train])
        with peaks.phase("use"):
            if args.what == "classifier":
                score = round(fitted.score(X[test], y[test]), 4)
            else:
                score = None
                fitted.sample(y[test][:256], random_state=0)
    result = {
        "benchmark": "memory",
        "what": args.what,
        "store_gb": round(X.nbytes / 1e9, 3),
        "fold_gb": round(X[train].nbytes / 1e9, 3),
        "windows": len(X),
        "window": list(X.shape[1:]),
        "rss_anon_gb": peaks.gigabytes,
        "seconds": peaks.seconds,
        "accuracy": score,
        "bar_gb": BAR,
        "reached": max(peaks.gigabytes.values()) <= BAR,
    }
    line = json.dumps(result)
    print(line, flush=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


if __name__ == "__main__":
    main()
