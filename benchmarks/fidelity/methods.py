"""Synthetic windows for the fidelity benchmark, by the generator and its opponents.

Each method gets training windows and a set of windows that it has to give as many of.
"""

import resource
import threading
import time
from contextlib import contextmanager

import numpy as np
import psutil
import torch
from imblearn.over_sampling import SMOTE
from sklearn.metrics import pairwise_distances_argmin
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.fidelity.data import Windows
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.over_sampling import FourierSurrogateSampler, WindowedSampler

METHODS = ("geneeg", "surrogate", "smote", "training", "floor")


def from_generator(generator, wanted, seed):
    """Generated windows of the states and patients of `wanted`."""
    X = generator.sample(wanted.y, groups=wanted.patients, random_state=seed + 1)
    return Windows(X, wanted.y, None, wanted.patients, wanted.sfreq)


def from_surrogates(train, wanted, seed):
    """Phase-randomized training windows, which keep recording and patient."""
    sampler = FourierSurrogateSampler(random_state=seed)
    X, y = from_sampler(sampler, train, wanted)
    return Windows(X, y, *labels(train, sampler.provenance_["source"].to_numpy()), train.sfreq)


def from_smote(train, wanted, seed):
    """Sums of two neighboring training windows, with recording and patient of the nearer one."""
    fewest = np.unique(train.y, return_counts=True)[1].min()
    inner = SMOTE(k_neighbors=int(min(5, fewest - 1)), random_state=seed)
    X, y = from_sampler(WindowedSampler(sampler=inner), train, wanted)
    source = np.empty(len(y), int)
    for state in np.unique(y):
        own, made = np.flatnonzero(train.y == state), y == state
        a, b = (part.reshape(len(part), -1) for part in (X[made], train.X[own]))
        source[made] = own[pairwise_distances_argmin(a, b)]
    return Windows(X, y, *labels(train, source), train.sfreq)


def labels(windows, rows):
    """Recordings and patients of rows."""
    chosen = windows[rows]
    return chosen.recordings, chosen.patients


def from_sampler(sampler, train, wanted):
    """As many windows of each state as wanted, from an over-sampler of the training windows."""
    counts = {s: (train.y == s).sum() + (wanted.y == s).sum() for s in np.unique(wanted.y)}
    sampler.set_params(sampling_strategy={s: int(n) for s, n in counts.items()})
    X, y = sampler.fit_resample(train.X, train.y)
    return X[len(train) :], y[len(train) :]


def from_training(train, wanted, seed):
    """Training windows drawn again: all of them before one comes twice."""
    rng = np.random.default_rng(seed)
    rows = [
        np.resize(rng.permutation(np.flatnonzero(train.y == state)), (wanted.y == state).sum())
        for state in np.unique(wanted.y)
    ]
    return train[np.concatenate(rows)]


# --- cost --------------------------------------------------------------------------------------


@contextmanager
def peak_memory(cost, every=0.05):
    """Most resident memory during the block beyond that before it, in MB, as ``peak_mb``."""
    process, stop = psutil.Process(), threading.Event()
    before = peak = process.memory_info().rss

    def watch():
        nonlocal peak
        while not stop.wait(every):
            peak = max(peak, process.memory_info().rss)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        cost["peak_mb"] = (peak - before) / 2**20


def fitted(train, seed, **parameters):
    """A generator, and what it cost to fit and costs to sample."""
    cost = {}
    generator = LatentDiffusionGenerator(sfreq=train.sfreq, random_state=seed, **parameters)
    start, computed = time.perf_counter(), time.process_time()
    with peak_memory(cost):
        generator.fit(train.X, train.y, groups=train.patients)
    cost["fit_s"] = time.perf_counter() - start
    cost["fit_cpu_s"] = time.process_time() - computed
    states = np.resize(generator.classes_, 256)
    generator.sample(states[:64], random_state=0)
    start = time.perf_counter()
    generator.sample(states, random_state=0)
    cost["windows_per_s"] = len(states) / (time.perf_counter() - start)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what other threads compute would not be counted
    with FlopCounterMode(display=False) as counter:
        generator.sample(states[:64], random_state=0)
    torch.set_num_threads(threads)
    cost["gflop_per_window"] = counter.get_total_flops() / 64 / 1e9
    model = generator.model_
    networks = (*model.vae.parameters(), *model.denoiser.parameters())
    cost["parameters"] = sum(p.numel() for p in networks)
    cost["gemm_gflops"] = matrix_rate()
    cost["threads"] = threads
    cost["process_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return generator, cost


def matrix_rate(n=1024, repeats=10):
    """Float32 matrix products of this machine, in GFLOP/s, the best of a few."""
    a = torch.randn(n, n)
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best / 1e9
