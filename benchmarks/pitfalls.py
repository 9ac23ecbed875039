"""What common mistakes are worth, in score, on real EEG.

    python benchmarks/pitfalls.py            # docs/pitfalls.md quotes what it prints

One JSON line for each pitfall, on the screen and in benchmarks/results/pitfalls.jsonl: the median
over seeds of the score that the mistake gives and of that of the right way. A seed draws the
recordings of a small study from the Bonn windows: 40 between seizures, 8 in seizures, 6 windows of
each. The other recordings are ``unseen``: what the classifier is worth in the end.
"""

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedGroupKFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    train_test_split,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer

from geneeg_sk import (
    CNNBiLSTMClassifier,
    EEGFeatures,
    FillGap,
    FourierSurrogateSampler,
    WindowedSampler,
)
from geneeg_sk.metrics import expected_calibration_error

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("GENEEG_DATA", ROOT / "../shared/data"))
RESULTS = ROOT / "benchmarks/results/pitfalls.jsonl"
SFREQ = 173.61


def study(seed, *, between=40, seizure=8, each=6):
    """Windows, states and recordings of a small study, and those of all other recordings."""
    data = np.load(DATA / "bonn-windows.npz")
    kept = np.isin(data["bonn_set"], list("CDE")) & (data["chunk"] <= each)
    X, recording = data["X"][kept].astype(np.float32), data["segment"][kept]
    y = np.where(data["bonn_set"][kept] == "E", "seizure", "between")
    rng = np.random.default_rng(seed)
    chosen = np.concatenate(
        [
            rng.choice(np.unique(recording[y == state]), n, replace=False)
            for state, n in {"between": between, "seizure": seizure}.items()
        ]
    )
    own = np.isin(recording, chosen)
    return X[own], y[own], recording[own], X[~own], y[~own]


def chbmit_clips(length=2):
    """Windows of `length` s before and in seizures of CHB-MIT, their states and recordings."""
    clips = np.load(DATA / "chbmit-excerpt/clips.npz")
    rows = np.isin(clips["state"], ["preictal", "ictal"])
    n = 10 // length
    X = clips["X"][rows].reshape(rows.sum(), 23, n, -1).swapaxes(1, 2)
    return (
        X.reshape(-1, 23, X.shape[-1]),
        np.repeat(clips["state"][rows], n),
        np.repeat(clips["record"][rows], n),
    )


def macro_f1(y, predicted):
    return f1_score(y, predicted, average="macro")


def forest(seed, sampler=None, *, sfreq=SFREQ, n_trees=100):
    """A random forest on the twelve features, behind `sampler`."""
    return Pipeline(
        [
            ("augment", WindowedSampler(sampler=sampler)),
            ("features", EEGFeatures(sfreq=sfreq)),
            ("classify", RandomForestClassifier(n_trees, random_state=seed)),
        ]
    )


def logistic():
    return make_pipeline(EEGFeatures(sfreq=SFREQ), PowerTransformer(), LogisticRegression())


def by_window(seed, n=4):
    return StratifiedKFold(n, shuffle=True, random_state=seed)


def by_recording(seed, n=4):
    return StratifiedGroupKFold(n, shuffle=True, random_state=seed)


def augmenting_before_splitting(seed, sampler):
    """One window of each recording: only augmentation can leak. Balanced accuracy."""
    X, y, _, X_new, y_new = study(seed, each=1)
    sampler = WindowedSampler(sampler=sampler(seed))
    X_res, y_res = sampler.fit_resample(X, y)
    leaky = cross_val_predict(forest(seed), X_res, y_res, cv=by_window(seed))
    fair = cross_val_predict(forest(seed, sampler), X, y, cv=by_window(seed))
    unseen = forest(seed, sampler).fit(X, y).predict(X_new)
    return {
        "wrong": balanced_accuracy_score(y_res, leaky),
        "right": balanced_accuracy_score(y, fair),
        "unseen": balanced_accuracy_score(y_new, unseen),
    }


def windows_on_both_sides(seed):
    """Macro F1."""
    X, y, recording, X_new, y_new = study(seed)
    wrong = cross_val_predict(forest(seed), X, y, cv=by_window(seed))
    right = cross_val_predict(
        forest(seed), X, y, cv=by_recording(seed), params={"groups": recording}
    )
    unseen = forest(seed).fit(X, y).predict(X_new)
    return {
        "wrong": macro_f1(y, wrong),
        "right": macro_f1(y, right),
        "unseen": macro_f1(y_new, unseen),
    }


def windows_on_both_sides_focus(seed):
    """Two sets of recordings between seizures, from the focus (D) or opposite (C). Macro F1."""
    data = np.load(DATA / "bonn-windows.npz")
    kept = np.isin(data["bonn_set"], list("CD")) & (data["chunk"] <= 6)
    X, y, recording = (data[key][kept] for key in ("X", "bonn_set", "segment"))
    own = np.isin(recording, np.random.default_rng(seed).permutation(np.unique(recording))[:50])
    X = X.astype(np.float32)
    wrong = cross_val_predict(forest(seed), X[own], y[own], cv=by_window(seed))
    right = cross_val_predict(
        forest(seed), X[own], y[own], cv=by_recording(seed), params={"groups": recording[own]}
    )
    unseen = forest(seed).fit(X[own], y[own]).predict(X[~own])
    return {
        "wrong": macro_f1(y[own], wrong),
        "right": macro_f1(y[own], right),
        "unseen": macro_f1(y[~own], unseen),
    }


def windows_on_both_sides_chbmit(seed):
    """Macro F1."""
    X, y, recording = chbmit_clips()
    model = forest(seed, sfreq=256)
    wrong = cross_val_predict(model, X, y, cv=by_window(seed, 5))
    right = cross_val_predict(model, X, y, cv=by_recording(seed, 5), params={"groups": recording})
    return {"wrong": macro_f1(y, wrong), "right": macro_f1(y, right)}


def early_stopping(seed):
    """Macro F1 of the network on unseen recordings, and on what stopped it."""
    X, y, recording, X_new, y_new = study(seed)
    sampler = FourierSurrogateSampler(random_state=seed)
    network = CNNBiLSTMClassifier(max_epochs=20, patience=5, random_state=seed)

    # Both networks may see the same recordings; only what stops them differs.
    train, valid = next(by_recording(seed).split(X, y, recording))
    X_res, y_res = sampler.fit_resample(X[train], y[train])

    X_train, X_valid, y_train, y_valid = train_test_split(
        X_res, y_res, stratify=y_res, random_state=seed
    )
    wrong = network.fit(X_train, y_train, X_valid=X_valid, y_valid=y_valid)
    result = {
        "wrong": macro_f1(y_new, wrong.predict(X_new)),
        "wrong_validation": macro_f1(y_valid, wrong.predict(X_valid)),
        "wrong_epochs": len(wrong.history_),
    }

    right = network.fit(X_res, y_res, X_valid=X[valid], y_valid=y[valid])
    return {
        **result,
        "right": macro_f1(y_new, right.predict(X_new)),
        "right_validation": macro_f1(y[valid], right.predict(X[valid])),
        "right_epochs": len(right.history_),
    }


def tuning_on_the_test_recordings(seed):
    """Macro F1."""
    X, y, recording, X_new, y_new = study(seed)
    ratios = [FillGap(fraction) for fraction in (0, 0.25, 0.5, 1, 2)]
    model = forest(seed, FourierSurrogateSampler(random_state=seed), n_trees=30)
    search = GridSearchCV(
        model,
        {"augment__sampling_strategy": ratios},
        cv=by_recording(seed, 3),
        scoring="f1_macro",
    ).fit(X, y, groups=recording)
    nested = cross_val_score(
        search, X, y, cv=by_recording(seed, 3), scoring="f1_macro", params={"groups": recording}
    )
    return {
        "wrong": search.best_score_,
        "right": nested.mean(),
        "unseen": macro_f1(y_new, search.predict(X_new)),
    }


def judging_by_accuracy(seed):
    """One seizure window in 25; a detector that never finds one, and a forest."""
    X, y, recording, _, _ = study(seed, between=96, seizure=4)
    never = DummyClassifier(strategy="most_frequent")
    result = {}
    for name, model in {"never": never, "forest": forest(seed)}.items():
        predicted = cross_val_predict(
            model, X, y, cv=by_recording(seed), params={"groups": recording}
        )
        result[f"{name}_accuracy"] = accuracy_score(y, predicted)
        result[f"{name}_macro_f1"] = macro_f1(y, predicted)
        result[f"{name}_seizure_f1"] = f1_score(y, predicted, pos_label="seizure")
    return {"wrong": result["never_accuracy"], "right": result["never_macro_f1"], **result}


def calibration(seed, model):
    """On unseen recordings at the study's rate of seizures: plain, augmented, threshold moved."""
    X, y, recording, X_new, y_new = study(seed)
    X_new, y_new = at_rate(X_new, y_new, np.mean(y == "seizure"), seed)
    augmented = Pipeline(
        [("augment", FourierSurrogateSampler(random_state=seed)), ("classify", model(seed))]
    )
    moved = TunedThresholdClassifierCV(model(seed), scoring="f1_macro", cv=by_recording(seed))
    result = {}
    for name, fitted in {
        "plain": model(seed).fit(X, y),
        "augmented": augmented.fit(X, y),
        "threshold": moved.fit(X, y, groups=recording),
    }.items():
        seizure = fitted.predict_proba(X_new)[:, 1]
        result[f"{name}_macro_f1"] = macro_f1(y_new, fitted.predict(X_new))
        result[f"{name}_brier"] = brier_score_loss(y_new == "seizure", seizure)
        result[f"{name}_ece"] = expected_calibration_error(y_new == "seizure", seizure)
        result[f"{name}_mean_probability"] = seizure.mean()
        result[f"{name}_average_precision"] = average_precision_score(y_new == "seizure", seizure)
    return {
        "wrong": result["augmented_brier"],
        "right": result["plain_brier"],
        "rate": np.mean(y_new == "seizure"),
        **result,
    }


def at_rate(X, y, rate, seed):
    """All windows between seizures, and so many in seizures that these are `rate` of all."""
    between, seizure = np.flatnonzero(y == "between"), np.flatnonzero(y == "seizure")
    n = round(rate / (1 - rate) * len(between))
    rows = np.r_[between, np.random.default_rng(seed).choice(seizure, n, replace=False)]
    return X[rows], y[rows]


def groups_that_stop_outside(seed):
    """A search whose inner folds know no recordings, and one whose do. Macro F1, unseen."""
    X, y, recording, X_new, y_new = study(seed)
    model = make_pipeline(EEGFeatures(sfreq=SFREQ), PowerTransformer(), KNeighborsClassifier())
    grid = {"kneighborsclassifier__n_neighbors": [1, 3, 5, 9, 15, 25]}
    search = {
        "wrong": GridSearchCV(model, grid, cv=by_window(seed), scoring="f1_macro").fit(X, y),
        "right": GridSearchCV(model, grid, cv=by_recording(seed), scoring="f1_macro").fit(
            X, y, groups=recording
        ),
    }
    result = {}
    for name, fitted in search.items():
        result[name] = macro_f1(y_new, fitted.predict(X_new))
        result[f"{name}_promised"] = fitted.best_score_
        result[f"{name}_neighbors"] = fitted.best_params_["kneighborsclassifier__n_neighbors"]
    return result


def groups_without_routing(seed):
    """How many recordings the sampler knows of: the step's groups are dropped in silence."""
    X, y, recording, _, _ = study(seed, each=1)
    model = forest(seed, FourierSurrogateSampler(random_state=seed))

    def known():
        return model["augment"].provenance_.get("patient", pd.Series(dtype=str)).nunique()

    with sklearn.config_context(enable_metadata_routing=False):
        model.fit(X, y, augment__groups=recording)
    wrong = known()
    model.fit(X, y, groups=recording)
    return {"wrong": wrong, "right": known()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many; at least 5 for a median")
    parser.add_argument("--only", help="names that hold this, not written to the results")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lines = []
    with sklearn.config_context(enable_metadata_routing=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        for name, pitfall in PITFALLS.items():
            if arguments.only and arguments.only not in name:
                continue
            start = time.perf_counter()
            frame = pd.DataFrame([pitfall(seed) for seed in range(arguments.seeds)])
            line = {"pitfall": name, "seeds": arguments.seeds}
            line |= frame.median().round(3).to_dict()
            if "wrong" in frame:
                line["seeds_wrong_above_right"] = int((frame.wrong > frame.right).sum())
            lines.append(json.dumps(line))
            print(lines[-1], flush=True)
            print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)
    if not arguments.only:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text("\n".join(lines) + "\n")


PITFALLS = {
    "augment first: RandomOverSampler": lambda seed: augmenting_before_splitting(
        seed, lambda seed: RandomOverSampler(random_state=seed)
    ),
    "augment first: SMOTE": lambda seed: augmenting_before_splitting(
        seed, lambda seed: SMOTE(k_neighbors=3, random_state=seed)
    ),
    "augment first: FourierSurrogateSampler": lambda seed: augmenting_before_splitting(
        seed, lambda seed: FourierSurrogateSampler(random_state=seed)
    ),
    "both sides": windows_on_both_sides,
    "both sides: focus": windows_on_both_sides_focus,
    "both sides: CHB-MIT": windows_on_both_sides_chbmit,
    "early stopping": early_stopping,
    "tuning on test": tuning_on_the_test_recordings,
    "accuracy": judging_by_accuracy,
    "calibration: forest": lambda seed: calibration(seed, forest),
    "calibration: logistic": lambda seed: calibration(seed, lambda seed: logistic()),
    "groups stop outside": groups_that_stop_outside,
    "groups without routing": groups_without_routing,
}

if __name__ == "__main__":
    main()
