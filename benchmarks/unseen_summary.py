"""Paired differences between methods, over groups, from the lines of the benchmark."""

import warnings

import numpy as np
import pandas as pd
from unseen_methods import OPPONENTS

from geneeg_sk.model_selection import paired_summary

SCORES = ("macro_f1", "macro_auc", "average_precision", "brier", "ece")


def frame(lines, split):
    """The lines of one split as a table; of final trainings only those that all methods had."""
    table = pd.DataFrame(lines)
    if not len(table):
        return table
    table = table[table["split"] == split]
    if split == "final":
        wanted = table.groupby(["data", "regime"])["method"].transform("nunique")
        had = table.groupby(["data", "regime", "fold", "seed"])["method"].transform("nunique")
        table = table[wanted == had]
    return table


def summary(lines, split):
    """Differences of each data set and regime: minus none, best other, SMOTE and ADASYN."""
    table = frame(lines, split)
    if not len(table):
        return
    for (data, regime), part in table.groupby(["data", "regime"], sort=False):
        name = {"benchmark": "unseen summary", "split": split, "data": data, "regime": regime}
        means = part.groupby("method")["macro_f1"].mean()
        for method, other in dict.fromkeys(comparisons(means)):
            whole = other == "none" or (method, other) == ("geneeg-prior", "geneeg")
            for score in SCORES if whole else SCORES[:1]:
                found = difference(part, method, other, score)
                if found is not None:
                    yield {**name, "score": score, "method": method, "minus": other, **found}
        yield from gate(part, name)


def comparisons(means):
    """Pairs of a method and what it is compared with."""
    for method in means.index:
        if method != "none":
            yield method, "none"
    others = means.reindex(OPPONENTS).dropna()
    for method in [m for m in means.index if m.startswith("geneeg")]:
        for other in dict.fromkeys([others.idxmax(), "smote", "adasyn"]):
            if other in others:
                yield method, other
    for method in [m for m in means.index if m.startswith(("geneeg-personal", "geneeg-prior"))]:
        if "geneeg" in means:
            yield method, "geneeg"


def difference(part, method, other, score):
    """Mean of the paired differences over groups, with its 95 % interval; None without pairs."""
    index = ["fold", "seed", "group"]
    scores = part.set_index(["method", *index])[score].astype(float)
    a, b = scores.loc[method], scores.loc[other]
    pairs = pd.concat([a, b], axis=1, keys=["a", "b"], join="inner").dropna()
    if not len(pairs):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of few groups: their number is there
        found = paired_summary(pairs["a"], pairs["b"], groups=pairs.index.get_level_values("group"))
    kept = {name: round(float(found[name]), 4) for name in ("mean", "low", "high", "p_value")}
    by_group = (pairs["a"] - pairs["b"]).groupby("group").mean()
    return {
        "n_groups": int(found["n_patients"]),
        "n_seeds": int(pairs.index.get_level_values("seed").nunique()),
        **{name: None if np.isnan(value) else value for name, value in kept.items()},
        "better_in": round(float((by_group > 0).mean()), 3),
    }


def gate(part, name):
    """How often the gate kept the plain classifier, and whether that was right."""
    trainings = part[part["method"] == "geneeg-gated"].drop_duplicates(["fold", "seed"])
    if not len(trainings):
        return
    f1 = part.pivot_table("macro_f1", ["fold", "seed"], "method")
    if not {"geneeg", "none"} <= set(f1.columns):
        return
    gain = (f1["geneeg"] - f1["none"]).reindex(
        pd.MultiIndex.from_frame(trainings[["fold", "seed"]])
    )
    refused = trainings["gate_kept"].to_numpy() == "plain"
    yield {
        **name,
        "gate": "geneeg-gated",
        "n_trainings": len(trainings),
        "refused": int(refused.sum()),
        "rightly_refused": int((refused & (gain.to_numpy() <= 0)).sum()),
        "rightly_kept": int((~refused & (gain.to_numpy() > 0)).sum()),
        "could_not_ask": int(trainings["gate_reason"].notna().sum())
        if "gate_reason" in trainings
        else 0,
    }
