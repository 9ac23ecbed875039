"""CNNBiLSTMClassifier beside a random forest on EEGFeatures, on patients neither has seen.

    python benchmarks/classifier.py --seeds 0 1 2

One JSON line for each simulated cohort and classifier: macro F1 of the pooled predictions for
unseen patients (GroupKFold), its mean over patients, seconds to fit. The network's hyper-parameters
were chosen on the cohorts of seeds 100 and 101. `speed/classifier.py` measures its speed.
"""

import argparse
import json
import time

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline

from geneeg_sk.classification import CNNBiLSTMClassifier
from geneeg_sk.datasets import make_eeg_cohort
from geneeg_sk.features import EEGFeatures

SFREQ = 256.0


def forest(average):
    """Return the opponent: a random forest on the twelve features."""
    return make_pipeline(
        EEGFeatures(sfreq=SFREQ, average=average),
        RandomForestClassifier(300, class_weight="balanced", random_state=0),
    )


def evaluate(name, classifier, seed, n_splits):
    """Print the macro F1 of a classifier on unseen patients of one cohort."""
    cohort = make_eeg_cohort(sfreq=SFREQ, random_state=seed)
    X, y, groups = cohort.X, cohort.y, np.asarray(cohort.groups)
    predicted = np.empty_like(y)
    seconds = 0.0
    for train, test in GroupKFold(n_splits).split(X, y, groups):
        start = time.perf_counter()
        fitted = clone(classifier).fit(X[train], y[train])
        seconds += time.perf_counter() - start
        predicted[test] = fitted.predict(X[test])
    each = [
        f1_score(y[groups == patient], predicted[groups == patient], average="macro")
        for patient in np.unique(groups)
    ]
    result = {
        "benchmark": "unseen patients",
        "classifier": name,
        "cohort_seed": seed,
        "n_windows": len(X),
        "macro_f1": round(f1_score(y, predicted, average="macro"), 4),
        "macro_f1_mean_over_patients": round(float(np.mean(each)), 4),
        "fit_seconds": round(seconds, 1),
    }
    print(json.dumps(result), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--splits", type=int, default=4)
    parser.add_argument("--params", type=json.loads, default={}, help="of CNNBiLSTMClassifier")
    args = parser.parse_args()
    for seed in args.seeds:
        evaluate("CNNBiLSTM", CNNBiLSTMClassifier(random_state=0, **args.params), seed, args.splits)
        evaluate("forest on channel features", forest(False), seed, args.splits)
        evaluate("forest on averaged features", forest(True), seed, args.splits)


if __name__ == "__main__":
    main()
