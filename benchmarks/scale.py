"""A comparison on a store that fits no worker: peak memory of all processes, bytes of a task.

    python -m benchmarks.scale --gigabytes 20 --folder FOLDER

Two workers of dask, in processes of their own with a limit of 3 GB each, compare three candidates
that train from `WindowRows`. The store's file is sparse: a window in 64 is simulated, the others
are zeros, so that it takes little room on the disk, and as much as it says to read. Training is a
few minibatches, because memory is asked about here, and not accuracy.

First, a small store is compared as an array and as rows, which has to give the same table: that is
the baseline. Peaks are the kernel's (VmHWM) and count mapped pages, as dask does. One JSON line for
each of the three, also appended to ``benchmarks/results/scale.jsonl``. Linux only.
"""

import argparse
import os
import pickle
import tempfile
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
import torch
from distributed import Client
from distributed.deploy.subprocess import SubprocessCluster
from sklearn.base import clone

from benchmarks.json_lines import write
from geneeg_sk.classification import CNNBiLSTMClassifier, MinibatchAugmentation
from geneeg_sk.datasets import WindowRows, make_eeg_cohort
from geneeg_sk.model_selection import _compare, compare_samplers

RESULTS = Path(__file__).parent / "results/scale.jsonl"
N_CHANNELS, N_TIMES = 19, 1024  # four seconds at 256 Hz: 78 kB
N_PATIENTS, N_TESTED = 50, 100
EVERY = 64
LIMIT = 3.0  # GB of a worker
NET = CNNBiLSTMClassifier(max_epochs=1, epoch_steps=4, batch_size=16, device="cpu")
CANDIDATES = {
    "none": None,
    "class weights": clone(NET).set_params(class_weight="balanced"),
    "minibatch augmentation": clone(NET).set_params(augment=MinibatchAugmentation()),
}


def peak():
    """Return process number and peak of the resident memory, in GB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return os.getpid(), round(int(line.split()[1]) * 1024 / 1e9, 3)


def make_store(path, gigabytes):
    """Write a sparse file of windows, and return states and patients."""
    n_windows = round(gigabytes * 1e9 / (4 * N_CHANNELS * N_TIMES))
    counts = {"normal": 200, "preictal": 60, "ictal": 40}
    patient = make_eeg_cohort(n_patients=1, n_windows=counts, sfreq=256.0, random_state=0)
    shape = (n_windows, N_CHANNELS, N_TIMES)
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    which = np.random.default_rng(0).integers(len(patient.X), size=n_windows)
    for k in range(0, n_windows, EVERY):
        X[k] = patient.X[which[k]]
    X.flush()
    groups = np.sort(np.arange(n_windows) % N_PATIENTS)
    return patient.y[which], np.array([f"patient-{k:03}" for k in range(N_PATIENTS)])[groups]


def compare_on_cluster(X, y, groups, folder):
    """Return the table, and what it cost."""
    tested = groups == groups[0]
    fold = np.flatnonzero(~tested), np.flatnonzero(tested)[:N_TESTED]
    n_bytes = []
    each_done = _compare.each_done

    def weigh(todo, job, **options):
        function, arguments, keywords = job(next(iter(todo)))
        small = [one for one in arguments if not isinstance(one, np.ndarray)]
        n_bytes.extend([len(pickle.dumps((function, small, keywords))), X.nbytes])
        return each_done(todo, job, **options)

    Path("/proc/self/clear_refs").write_text("5")  # the peak of this process starts anew
    options = {"memory_limit": f"{LIMIT}GB", "local_directory": str(folder)}
    with (
        SubprocessCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, worker_kwargs=options
        ) as cluster,
        Client(cluster) as client,
        joblib.parallel_config("dask"),
    ):
        client.wait_for_workers(2)
        first = {pid for pid, _ in client.run(peak).values()}
        _compare.each_done, began = weigh, time.perf_counter()
        try:
            table = compare_samplers(
                CANDIDATES, NET, X, y, groups, cv=[fold], n_repeats=1, random_state=0, verbose=1
            ).results
        finally:
            _compare.each_done = each_done
        seconds = time.perf_counter() - began
        peaks = client.run(peak).values()
        scheduler = client.run_on_scheduler(peak)[1]
    assert (table["error"] == "").all(), table["error"].tolist()
    return table.drop(columns="fit_seconds"), {
        "rows": isinstance(X, WindowRows),
        "store_gb": round(X.nbytes / 1e9, 3),
        "fold_gb": round(X[:1].nbytes * len(fold[0]) / 1e9, 3),
        "fits": len(table),
        "bytes_of_a_task": n_bytes[0],
        "bytes_sent_once_to_a_worker": 0 if isinstance(X, WindowRows) else n_bytes[1],
        "worker_peak_gb": sorted(gigabytes for _, gigabytes in peaks),
        "scheduler_peak_gb": scheduler,
        "client_peak_gb": peak()[1],
        "limit_gb": LIMIT,
        "killed_workers": len(first - {pid for pid, _ in peaks}),
        "seconds": round(seconds, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=20.0)
    parser.add_argument("--small", type=float, default=0.5, help="gigabytes of the baseline")
    parser.add_argument("--folder", default=None, help="where there is room for the store")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", UserWarning)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = Path(folder) / "small.npy"
        y, groups = make_store(path, args.small)
        X = np.load(path, mmap_mode="r")
        table, cost = compare_on_cluster(WindowRows(X), y, groups, folder)
        expected, baseline = compare_on_cluster(np.array(X), y, groups, folder)
        same = {"same_table": bool(table.equals(expected))}
        write(RESULTS, [{"benchmark": "scale", **line, **same} for line in (baseline, cost)])
        path = Path(folder) / "large.npy"
        y, groups = make_store(path, args.gigabytes)
        _, cost = compare_on_cluster(WindowRows(np.load(path, mmap_mode="r")), y, groups, folder)
        largest = max(cost["worker_peak_gb"])
        within = largest < LIMIT and cost["bytes_of_a_task"] <= 1_000_000
        write(RESULTS, [{"benchmark": "scale", **cost, "reached": within}])


if __name__ == "__main__":
    main()
