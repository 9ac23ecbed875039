"""Made-up results of a benchmark and windows, for tests of pictures and of the report."""

import numpy as np
import pandas as pd

from geneeg_sk.model_selection import SamplerComparison

STATES = ("ictal", "normal", "preictal")


def a_comparison(gains, *, n_patients=8, failing=(), noise=0.01):
    """A comparison of 2 seeds and 4 folds, each candidate with a gain; "Ours" is no baseline."""
    rng = np.random.default_rng(0)
    skill = rng.uniform(0.5, 0.7, n_patients)
    results, patients = [], []
    for seed in (0, 1):
        for fold in range(4):
            tested = [p for p in range(n_patients) if p % 4 == fold]
            for name, gain in gains.items():
                key = {"candidate": name, "fold": fold, "seed": seed}
                f1 = {p: skill[p] + gain + rng.normal(0, noise) for p in tested}
                fit = {"fit_seconds": 2.0, "n_train": 60, "n_test": 20, "n_synthetic": 10}
                if name in failing:
                    nothing = dict.fromkeys(all_scores(0), np.nan)
                    results.append(key | nothing | fit | {"error": "ValueError: <b>too few</b>"})
                    continue
                results.append(key | all_scores(np.mean([*f1.values()])) | fit | {"error": ""})
                patients += [
                    key | {"group": f"P{p}", "n_windows": 9} | all_scores(f1[p]) for p in tested
                ]
    baselines = [name for name in gains if name != "Ours"]
    return SamplerComparison(pd.DataFrame(results), pd.DataFrame(patients), baselines=baselines)


def all_scores(f1):
    names = ["accuracy", "macro_f1", "macro_auc", *(f"f1_{s}" for s in STATES), "brier", "ece"]
    return dict.fromkeys(names, f1)


def some_windows():
    """Real and synthetic windows of two states, drawn from the same distribution."""
    rng = np.random.default_rng(0)

    def draw(n, scale):
        return (scale * rng.normal(size=(n, 3, 128))).astype(np.float32)

    real = {"normal": draw(40, 20.0), "ictal": draw(16, 80.0)}
    return real, {"normal": draw(20, 20.0), "ictal": draw(12, 80.0)}
