"""Speed of CNNBiLSTMClassifier beside its earlier network, in one run.

    python -m benchmarks.speed.classifier            # windows a second
    python -m benchmarks.speed.classifier --scores   # macro F1 and AUC of patients never seen

One JSON line for each setting. Both networks are trained by the public classifier, in turns; a
second counts as wall time and as processor time, which other work on the machine changes less.
Beside them stands the machine's own rate of float32 matrix products. With ``OMP_NUM_THREADS=1``
this is the speed of one process of the other benchmarks.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import f1_score, roc_auc_score
from torch import nn

from benchmarks.json_lines import write
from geneeg_sk.classification import CNNBiLSTM, CNNBiLSTMClassifier
from geneeg_sk.classification._cnn_bilstm import POWER_FLOOR, SQUASH_ABOVE
from geneeg_sk.datasets import make_eeg_cohort

RESULTS = Path(__file__).parents[1] / "results" / "speed_classifier.jsonl"

SMALL = {"n_filters": 8, "n_hidden": 32, "kernel_size": 32}
N_WINDOWS = {"normal": 40, "preictal": 10, "ictal": 6}

# Parameters of the classifier and sampling frequency of windows of 4 s: the defaults, then those
# of the other benchmarks with minibatches of several sizes and as many windows seen.
SETTINGS = {
    "default": ({}, 256),
    "small, batch 16": ({**SMALL, "batch_size": 16}, 128),
    "small, batch 32": ({**SMALL, "batch_size": 32, "lr": 4e-3}, 128),
    "small, batch 64": ({**SMALL, "batch_size": 64, "lr": 4e-3}, 128),
}


class EarlierNetwork(CNNBiLSTM):
    """The network as it was: mixtures of channels, a convolution of interleaved signals."""

    def __init__(self, n_channels, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.spatial = nn.Conv1d(n_channels, n_channels, 1, bias=False)
        nn.init.dirac_(self.spatial.weight)

    def forward(self, X):
        X = SQUASH_ABOVE * torch.asinh(X / (SQUASH_ABOVE * self.scale))
        X = self.spatial(F.pad(X, (0, -X.shape[-1] % (self.stride * self.pool))))
        power = self.log_power(X)  # (n, c, f, T)
        pooled = torch.cat([power.mean(1), power.amax(1), power.std(1, correction=0)], dim=1)
        # Dropout comes after the change of axes, so that both networks drop the same values.
        sequence = self.norm_pooled(pooled).transpose(1, 2).contiguous()  # (n, T, 3 f)
        hidden, _ = self.lstm(self.dropout(sequence))  # (n, T, 2 h)
        summary = torch.cat([hidden.mean(1), hidden.amax(1)], dim=1)
        return self.linear(self.dropout(summary))

    def log_power(self, X):
        n, c, t = X.shape
        interleaved = X.reshape(n * c, -1, self.stride).transpose(1, 2)  # (n c, s, t / s)
        filtered = self.temporal(interleaved)[..., : t // self.stride]  # (n c, f, t / s)
        power = F.avg_pool1d(filtered.square(), self.pool)  # (n c, f, T)
        power = self.norm(torch.log(power + POWER_FLOOR))
        return power.reshape(n, c, *power.shape[1:])


class EarlierClassifier(CNNBiLSTMClassifier):
    """The classifier with the earlier network and optimizer."""

    def _build_net(self, X, *args, **kwargs):
        net = super()._build_net(X, *args, **kwargs)
        earlier = {"module": EarlierNetwork, "module__n_channels": X.shape[1]}
        return net.set_params(**earlier, optimizer__fused=False)


CLASSIFIERS = {"before": EarlierClassifier, "after": CNNBiLSTMClassifier}


# --- speed ---------------------------------------------------------------------------------------


def measure_speed(name, n_windows, repeats, passes=10):
    """Yield a line on training and one on prediction: windows a second, before and after."""
    params, sfreq = SETTINGS[name]
    rng = np.random.default_rng(0)
    X = 30 * rng.standard_normal((n_windows, 19, 4 * sfreq), dtype=np.float32)
    y = np.arange(n_windows) % 3
    rates, gflops = {}, []
    for turn in range(repeats + 1):
        gflops.append(matrix_rate())
        for which, kind in CLASSIFIERS.items():
            classifier = kind(max_epochs=passes, random_state=turn, device="cpu", **params)
            for task, work in [("train", classifier.fit), ("predict", classifier.predict_proba)]:
                n_seen, args = (
                    (passes * n_windows, (X, y)) if task == "train" else (n_windows, (X,))
                )
                seconds = timed(work, *args)
                if turn:  # the first warms up
                    rates.setdefault((task, which), []).append(n_seen / seconds)
    for task in ("train", "predict"):
        yield {
            "benchmark": "speed_classifier",
            "task": task,
            "setting": name,
            "window": list(X.shape[1:]),
            "threads": torch.get_num_threads(),
            "repeats": repeats,
            "gemm_gflops": float(np.median(gflops)),
            **summary(rates[task, "before"], rates[task, "after"]),
        }


def summary(before, after):
    """Median and range of windows a second, by the wall clock and by the processor's."""
    line = {}
    for which, rates in [("before", np.array(before)), ("after", np.array(after))]:
        for column, clock in enumerate(["second", "cpu_second"]):
            line[f"{which}_windows_per_{clock}"] = np.median(rates[:, column]).round().item()
            line[f"{which}_windows_per_{clock}_range"] = spread(rates[:, column])
    line["speedup"] = float(np.median(np.divide(after, before)[:, 0]))
    line["speedup_cpu"] = float(np.median(np.divide(after, before)[:, 1]))
    return line


def spread(rates):
    return [rates.min().round().item(), rates.max().round().item()]


def timed(work, *args):
    """Return seconds by the wall clock and by the processor's."""
    start = time.perf_counter(), time.process_time()
    work(*args)
    return np.array([time.perf_counter() - start[0], time.process_time() - start[1]])


def matrix_rate(size=1024):
    """Return the rate of float32 matrix products, in GFLOP/s: the best of some."""
    A = torch.randn(size, size)
    return 2e-9 * size**3 / min(timed(torch.mm, A, A)[0] for _ in range(5))


# --- scores --------------------------------------------------------------------------------------


def measure_scores(name, n_seen):
    """Yield scores on 20 patients after training on 8 others, for five such cohorts."""
    params, sfreq = SETTINGS[name]
    test = cohort(20, sfreq, 3500)
    for k in range(5):
        train = cohort(8, sfreq, 1000 + k)
        for which, kind in CLASSIFIERS.items():
            classifier = kind(random_state=k, **params)
            if name != "default":
                steps = n_seen // classifier.batch_size
                classifier.set_params(max_epochs=16, epoch_steps=steps // 16)
            start = time.process_time()
            classifier.fit(train.X, train.y)
            yield {
                "benchmark": "scores_classifier",
                "setting": name,
                "lr": classifier.lr,
                "windows_seen": n_seen if name != "default" else 20 * len(train.y),
                "cohort": k,
                "which": which,
                "fit_cpu_seconds": time.process_time() - start,
                **scores(classifier, test),
            }


def cohort(n_patients, sfreq, seed):
    made = make_eeg_cohort(
        n_patients=n_patients, n_windows=N_WINDOWS, sfreq=sfreq, random_state=seed
    )
    made.X = made.X.astype(np.float32)
    return made


def scores(classifier, test):
    """Return macro F1 and one-vs-rest macro AUC, each the mean over patients."""
    proba, patients = classifier.predict_proba(test.X), np.asarray(test.groups)
    predicted = classifier.classes_[proba.argmax(axis=1)]
    f1, auc = [], []
    for patient in np.unique(patients):
        its = patients == patient
        f1.append(f1_score(test.y[its], predicted[its], average="macro"))
        auc.append(roc_auc_score(test.y[its], proba[its], multi_class="ovr"))
    return {"macro_f1": np.mean(f1), "macro_auc": np.mean(auc)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--scores", action="store_true")
    parser.add_argument("--windows", type=int, default=640, help="in a pass")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seen", type=int, default=25_600, help="windows of a small training")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    for name in args.settings:
        if args.scores:
            write(args.out, measure_scores(name, args.seen))
        else:
            write(args.out, measure_speed(name, args.windows, args.repeats))


if __name__ == "__main__":
    main()
