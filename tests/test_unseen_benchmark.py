"""The benchmark on unseen patients keeps its groups apart, and counts as it says."""

import numpy as np
import pandas as pd
import pytest
import unseen_data
from unseen_summary import summary


@pytest.fixture(params=["cohort", "bonn", "chbmit"])
def units(request, monkeypatch):
    """All units of a data set, by split."""
    if request.param != "cohort":
        monkeypatch.setattr(unseen_data, "DATA_FOLDER", request.getfixturevalue("data_folder"))
    return {s: list(unseen_data.DATA[request.param](s, 0)) for s in ("development", "final")}


def test_no_group_is_both_in_training_and_in_the_test(units):
    for unit in units["development"] + units["final"]:
        for test in unit.tests.values():
            assert not set(test.groups) & set(unit.train.groups)
            assert set(np.unique(test.y)) == set(np.unique(unit.train.y))


def test_development_and_final_share_no_test_group(units):
    of = {
        split: {g for u in found for t in u.tests.values() for g in t.groups}
        for split, found in units.items()
    }
    assert not of["development"] & of["final"]


def test_known_background_is_earlier_than_what_is_scored(units):
    for unit in units["final"]:
        for group, background in unit.background.items():
            test = unit.tests[group]
            assert (test.y == "normal").sum() == len(background)
            assert not (test.X[:, None] == background[None]).all(axis=(2, 3)).any()


def lines(method, f1, **more):
    """A line for each of two patients and two seeds."""
    base = {"benchmark": "unseen", "data": "d", "regime": "r", "split": "final", "fold": 0}
    scores = {"macro_auc": 0.5, "average_precision": 0.5, "brier": 0.5, "ece": 0.5}
    return [
        {**base, **scores, "seed": seed, "group": g, "method": method, "macro_f1": v, **more}
        for seed in (0, 1)
        for g, v in f1.items()
    ]


def test_the_summary_compares_with_none_and_the_best_other():
    none, ros = lines("none", {"a": 0.5, "b": 0.6}), lines("ros", {"a": 0.6, "b": 0.7})
    geneeg = lines("geneeg", {"a": 0.7, "b": 0.9})
    found = pd.DataFrame(summary(none + ros + geneeg, "final"))
    f1 = found[(found["score"] == "macro_f1") & (found["method"] == "geneeg")].set_index("minus")
    assert f1.loc["none", "mean"] == pytest.approx(0.25)
    assert f1.loc["ros", "mean"] == pytest.approx(0.15)
    assert (f1["n_groups"] == 2).all()


def test_the_summary_says_how_often_the_gate_was_right():
    helped = lines("none", {"a": 0.5}) + lines("geneeg", {"a": 0.6})
    gated = lines("geneeg-gated", {"a": 0.5}, gate_kept="plain")
    (report,) = [f for f in summary(helped + gated, "final") if "gate" in f]
    assert (report["refused"], report["rightly_refused"], report["rightly_kept"]) == (2, 0, 0)


def test_a_database_of_too_few_patients_is_an_error():
    few = unseen_data.Windows(
        np.zeros((4, 1, 8)), np.array(["a", "b"] * 2), np.array(list("ppqq")), 8
    )
    with pytest.raises(ValueError, match=r"at least 3 patients"):
        next(unseen_data.database("siena", few, "development", 0))
