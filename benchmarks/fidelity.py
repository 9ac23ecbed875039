"""Can synthetic windows be told from real ones, are they diverse, or copies, and what do they cost?

    python benchmarks/fidelity.py --data bonn --n-train 500 --seed 0
    python benchmarks/fidelity.py --ablations            # one data set, one size, one seed

One JSON line for each state and method is printed and appended to `--out`; lines that are there
are not computed again. `synthetic` compares the method's windows, `floor` the training windows,
with held-out windows of the same recordings; `unseen` does so with whole recordings held out.
"""

import argparse
import resource
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import numpy as np
import psutil
import torch
from fidelity_data import DATA, held_out, rarest
from fidelity_scores import conditioning, memorisation, similarity
from imblearn.over_sampling import SMOTE
from json_lines import read, write
from torch.utils.flop_counter import FlopCounterMode

from geneeg_sk.generation import LatentDiffusionGenerator, _frontend
from geneeg_sk.metrics import c2st, ks_by_feature
from geneeg_sk.over_sampling import FourierSurrogateSampler, WindowedSampler

SIZES = (20, 100, 500)
LEAST_UNSEEN = 10  # windows, to be compared with
RESULTS = Path(__file__).parent / "results" / "fidelity.jsonl"


# --- methods: training windows in, a function from requested rows to windows out ---------------


def geneeg(train, seed, **parameters):
    generator = LatentDiffusionGenerator(sfreq=train.sfreq, random_state=seed, **parameters)
    return generator.fit(train.X, train.y, groups=train.patients)


def from_generator(generator, wanted, seed, **how):
    groups = wanted.patients
    return generator.sample(wanted.y, groups=groups, random_state=seed + 1, **how)


def from_vae_prior(generator, wanted, train, seed):
    """Latents from the standard normal distribution, amplitudes from training windows."""
    rng = np.random.default_rng(seed)
    shape = generator.encode(train.X[:1]).shape[1:]
    log_rms = np.log(np.sqrt((train.X.astype(float) ** 2).mean(axis=(1, 2))))
    drawn = np.array([rng.choice(log_rms[train.y == s]) for s in wanted.y])
    return generator.decode(rng.standard_normal((len(wanted), *shape)), drawn)


def mean_decode(generator, wanted, seed):
    """What is sampled without the noise that the decoder's mean lacks, nor the mean spectrum."""
    model = generator.model_
    silent = replace(model.residual, amplitude=0 * model.residual.amplitude)
    flat = replace(model.equaliser, gain=np.ones_like(model.equaliser.gain))
    generator.model_ = replace(model, residual=silent, equaliser=flat)
    try:
        return from_generator(generator, wanted, seed)
    finally:
        generator.model_ = model


def from_sampler(sampler, train, wanted):
    """As many windows of each state as wanted, from an over-sampler of the training windows."""
    counts = {s: (train.y == s).sum() + (wanted.y == s).sum() for s in np.unique(wanted.y)}
    sampler.set_params(sampling_strategy={s: int(n) for s, n in counts.items()})
    X, y = sampler.fit_resample(train.X, train.y)
    X, y = X[len(train) :], y[len(train) :]
    out = np.empty((len(wanted), *X.shape[1:]), X.dtype)
    for state in counts:
        out[wanted.y == state] = X[y == state]
    return out


def smote(train, wanted, seed):
    fewest = np.unique(train.y, return_counts=True)[1].min()
    inner = SMOTE(k_neighbors=int(min(5, fewest - 1)), random_state=seed)
    return from_sampler(WindowedSampler(sampler=inner), train, wanted)


# --- lines -------------------------------------------------------------------------------------


def lines(name, data, train, between, unseen, method, synthetic, cost, floors):
    """One line for each state."""
    how = conditioning(train, between, synthetic, between.y, between.patients)
    for state in np.unique(train.y):
        t, b, u = (part[part.y == state] for part in (train, between, unseen))
        made = synthetic[between.y == state]
        if state not in floors:
            # Copies of itself are no floor: held-out windows are, as close as real ones come.
            floors[state] = similarity(b.X, t.X, t.sfreq, b.recordings)
            floors[state] |= memorisation(b.X, b.X, t.X, t.sfreq)
        scores = similarity(b.X, made, t.sfreq, b.recordings)
        line = {
            **name,
            "state": str(state),
            "method": method,
            "n_state": len(t),
            "synthetic": scores | memorisation(b.X, made, t.X, t.sfreq),
            "floor": floors[state],
            "conditioning": how,
            "cost": cost,
            "versions": {p: version(p) for p in ("geneeg-sk", "torch", "numpy", "scikit-learn")},
        }
        if len(u) >= LEAST_UNSEEN:
            line["unseen"] = {"synthetic": beside(u, made), "floor": beside(u, t.X)}
        yield line


def beside(unseen, windows):
    """Scores against recordings of which nothing was in training."""
    X, sfreq = unseen.X, unseen.sfreq
    return {
        "ks_mean": ks_by_feature(X, windows, sfreq=sfreq)["statistic"].mean(),
        "c2st_features": c2st(X, windows, sfreq=sfreq, random_state=0),
    }


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
    start = time.perf_counter()
    with peak_memory(cost):
        generator = geneeg(train, seed, **parameters)
    cost["fit_s"] = time.perf_counter() - start
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
    cost["threads"] = torch.get_num_threads()
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


# --- runs --------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", nargs="+", choices=list(DATA), default=list(DATA))
    parser.add_argument("--n-train", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--seed", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--ablations", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    for data in arguments.data:
        windows = DATA[data](0)
        sizes = sorted({min(n, rarest(windows)) for n in arguments.n_train})
        for n_train in sizes:
            for seed in arguments.seed:
                run = ablate if arguments.ablations else compare
                run(data, windows, n_train, seed, arguments.out)


def split(windows, n_train, seed):
    train, between, unseen = (windows[rows] for rows in held_out(windows, n_train, seed))
    return train, between, unseen


def compare(data, windows, n_train, seed, out):
    """The generator and its opponents on one split."""
    train, between, unseen = split(windows, n_train, seed)
    name = {"benchmark": "fidelity", "data": data, "n_train": n_train, "seed": seed}
    methods = ("geneeg", "surrogate")
    if seed == 0:  # the others are far behind, and judged once
        methods += ("smote", "vae_prior", "mean_decode")
    left = [m for m in methods if not recorded(out, name, m)]
    if not left:
        return
    generator, cost = fitted(train, seed)
    surrogate = FourierSurrogateSampler(random_state=seed)
    made = {
        "geneeg": lambda: from_generator(generator, between, seed),
        "surrogate": lambda: from_sampler(surrogate, train, between),
        "smote": lambda: smote(train, between, seed),
        "vae_prior": lambda: from_vae_prior(generator, between, train, seed),
        "mean_decode": lambda: mean_decode(generator, between, seed),
    }
    floors: dict = {}
    for method in left:
        paid = cost if method == "geneeg" else {}
        made_lines = lines(name, data, train, between, unseen, method, made[method](), paid, floors)
        write(out, list(made_lines))  # all states or none


def ablate(data, windows, n_train, seed, out):
    """Parts of the model left out or made larger, one at a time."""
    train, between, unseen = split(windows, n_train, seed)
    name = {"benchmark": "fidelity", "data": data, "n_train": n_train, "seed": seed}
    floors: dict = {}

    def record(method, synthetic, cost):
        write(out, list(lines(name, data, train, between, unseen, method, synthetic, cost, floors)))

    generator, cost = None, {}
    for method, how in SAMPLING.items():
        if recorded(out, name, method):
            continue
        if generator is None:
            generator, cost = fitted(train, seed)
        record(method, from_generator(generator, between, seed, **how), cost)
    for method, parameters in TRAINING.items():
        if not recorded(out, name, method):
            other, its_cost = fitted(train, seed, **parameters)
            record(method, from_generator(other, between, seed), its_cost)
    for method, (part, replacement) in FRONTENDS.items():
        if not recorded(out, name, method):
            with patch.object(_frontend, part, replacement):
                other, its_cost = fitted(train, seed)
                record(method, from_generator(other, between, seed), its_cost)


SAMPLING = {f"solver_steps={n}": {"solver_steps": n} for n in (4, 8, 32)}
SAMPLING |= {f"guidance={g}": {"guidance": g} for g in (1.5, 2.5)}
TERMS = ("spectral", "band_power", "covariance", "difference", "kl")
TRAINING = {f"without_{term}": {"loss_weights": {term: 0}} for term in TERMS}
TRAINING |= {f"latent_channels={n}": {"latent_channels": n} for n in (8, 32)}


def unscaled(X):
    """The front end then divides windows by nothing."""
    return np.ones(len(X))


FRONTENDS = {
    "without_amplitude": ("root_mean_square", unscaled),
    "without_rotation": (
        "principal_axes",
        lambda covariance: (np.diag(covariance), np.eye(len(covariance))),
    ),
}


def recorded(out, name, method):
    """Whether `out` has lines of this run and method."""
    wanted = {**name, "method": method}
    return any(all(line[key] == value for key, value in wanted.items()) for line in read(out))


if __name__ == "__main__":
    main()
