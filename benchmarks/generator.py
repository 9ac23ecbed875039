"""How close, how diverse and how cheap the generator's windows are, beside real ones.

    python benchmarks/generator.py                     # the simulated cohort
    python benchmarks/generator.py --bonn PATH.npz     # windows of the Bonn database

One JSON line for each state: synthetic windows, Fourier surrogates and the training windows
themselves (the floor) against held-out windows of the same recordings, every second window being
held out; then one line on cost, with this machine's own float32 matrix rate in the same run.
"""

import argparse
import json
import time

import numpy as np
import psutil
import torch

from geneeg_sk.datasets import make_eeg_cohort
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.metrics import c2st, ks_by_feature, near_copies, nearest_neighbour_ratio
from geneeg_sk.metrics import spectral_distance as log_spectral_distance
from geneeg_sk.over_sampling import FourierSurrogateSampler


def cohort(seed):
    """Windows, states, patients, recordings and sampling frequency of a simulated cohort."""
    n_windows = {"normal": 60, "preictal": 40, "ictal": 40}
    data = make_eeg_cohort(n_patients=6, n_windows=n_windows, random_state=seed)
    return data.X, data.y, np.asarray(data.groups), data.metadata.recording.to_numpy(), data.sfreq


def bonn(path, seed, most=500):
    """The same of the Bonn windows: healthy, between seizures, seizure; no patients are known."""
    data = np.load(path)
    y = np.array(["normal", "normal", "preictal", "preictal", "ictal"])
    y = y[np.searchsorted(list("ABCDE"), data["bonn_set"])]
    rng = np.random.default_rng(seed)
    rows = np.concatenate(
        [rng.permutation(np.flatnonzero(y == s))[: 2 * most] for s in np.unique(y)]
    )
    rows = rows[np.lexsort((data["chunk"][rows], data["segment"][rows]))]
    return data["X"][rows], y[rows], None, data["segment"][rows], 173.61


def every_second(recordings):
    """A mask of every second window of each recording."""
    train = np.zeros(len(recordings), bool)
    for recording in np.unique(recordings):
        train[np.flatnonzero(recordings == recording)[::2]] = True
    return train


def scores(held_out, windows, train, sfreq):
    """Every score of `windows` against held-out real ones."""
    ks = ks_by_feature(held_out, windows, sfreq=sfreq)
    spectrum = log_spectral_distance(held_out, windows, sfreq=sfreq)
    result = {
        "ks_mean": ks["statistic"].mean(),
        "ks_max": ks["statistic"].max(),
        "ks_rejected": float(ks["rejected"].mean()),
        "lsd_db": spectrum["mean"],
        "lsd_db_worst_band": spectrum.drop("mean").max(),
        "c2st_features": c2st(held_out, windows, sfreq=sfreq, random_state=0),
    }
    if windows is not train:
        ratio = nearest_neighbour_ratio(windows, train, held_out, sfreq=sfreq)
        result |= {"nn_ratio": ratio, "near_copies": near_copies(windows, train, sfreq=sfreq)}
    return {name: round(float(value), 4) for name, value in result.items()}


def surrogates(X, n):
    """Fourier surrogates of windows `X`, by way of the sampler that makes them."""
    y = np.r_[np.zeros(len(X), int), 1]
    sampler = FourierSurrogateSampler(sampling_strategy={0: len(X) + n}, random_state=0)
    resampled, _ = sampler.fit_resample(np.concatenate([X, X[:1]]), y)
    return resampled[sampler.is_synthetic_]


def gemm_gflops(n=1024, repeats=10):
    """The machine's own rate of float32 matrix products, in GFLOP per second."""
    a = torch.rand(n, n)
    a @ a
    start = time.perf_counter()
    for _ in range(repeats):
        a @ a
    return 2 * n**3 * repeats / (time.perf_counter() - start) / 1e9


def gflop_per_window(generator, n=64):
    """Counted floating-point operations of one window, all solver steps and decoding."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        generator.sample([generator.classes_[0]] * n)
    return counter.get_total_flops() / n / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bonn", help="npz file with X, bonn_set, segment and chunk")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--params", type=json.loads, default={}, help="of the generator, as JSON")
    arguments = parser.parse_args()
    name = "bonn" if arguments.bonn else "cohort"
    data = bonn(arguments.bonn, arguments.seed) if arguments.bonn else cohort(arguments.seed)
    X, y, groups, recordings, sfreq = data
    train = every_second(recordings)
    of_train = None if groups is None else groups[train]

    start = time.perf_counter()
    generator = LatentDiffusionGenerator(
        sfreq=sfreq, random_state=arguments.seed, verbose=1, **arguments.params
    ).fit(X[train], y[train], groups=of_train)
    fit_seconds = time.perf_counter() - start

    common = {"benchmark": "generator", "data": name, "seed": arguments.seed}
    sampling_seconds, n_sampled = 0.0, 0
    for state in np.unique(y):
        held_out, own = X[~train & (y == state)], X[train & (y == state)]
        wanted = None if groups is None else groups[~train & (y == state)]
        start = time.perf_counter()
        synthetic = generator.sample([state] * len(held_out), groups=wanted, random_state=1)
        sampling_seconds += time.perf_counter() - start
        n_sampled += len(synthetic)
        line = {**common, "state": str(state), "n_train": len(own)}
        for method, windows in {
            "geneeg": synthetic,
            "surrogate": surrogates(own, len(held_out)),
            "floor": own,
        }.items():
            line[method] = scores(held_out, windows, own, sfreq)
        print(json.dumps(line), flush=True)
    cost = {
        "fit_s": round(fit_seconds, 1),
        "windows_per_s": round(n_sampled / sampling_seconds, 1),
        "gflop_per_window": round(gflop_per_window(generator), 4),
        "gemm_gflops": round(gemm_gflops(), 1),
        "parameters": sum(
            p.numel()
            for network in (generator.model_.vae, generator.model_.denoiser)
            for p in network.parameters()
        ),
        "threads": torch.get_num_threads(),
        "load": round(psutil.getloadavg()[0] / psutil.cpu_count(), 2),
        "window": list(X.shape[1:]),
    }
    print(json.dumps({**common, "cost": cost}), flush=True)


if __name__ == "__main__":
    main()
