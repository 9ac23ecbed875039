"""Comparisons of augmentation: fair, resumable, and honest about failures."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import interrupted
import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.over_sampling.base import BaseOverSampler
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny import TINY

from geneeg_sk.features import EEGFeatures
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.model_selection import SamplerComparison, compare_samplers
from geneeg_sk.over_sampling import FourierSurrogateSampler, GenEEGSampler

ROOT = Path(__file__).parents[1]
MODEL = make_pipeline(
    EEGFeatures(sfreq=64.0, average=True), StandardScaler(), LogisticRegression(max_iter=200)
)


class Failing(BaseOverSampler):
    """Always fails."""

    _parameter_constraints = {"sampling_strategy": "no_validation"}
    __metadata_request__fit_resample = {"groups": True}

    def fit_resample(self, X, y, *, groups=None):
        raise RuntimeError("nothing works here")

    def _fit_resample(self, X, y):
        raise NotImplementedError

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def compare(cohort, candidates, **options):
    options = {"cv": 2, "n_repeats": 2, "random_state": 0, **options}
    return compare_samplers(candidates, MODEL, cohort.X, cohort.y, cohort.groups, **options)


def without_times(frame):
    return frame.drop(columns="fit_seconds", errors="ignore")


@pytest.fixture(scope="module")
def candidates():
    return {
        "none": None,
        "weights": clone(MODEL).set_params(logisticregression__class_weight="balanced"),
        "random": RandomOverSampler(),
        "surrogates": FourierSurrogateSampler(),
    }


@pytest.fixture(scope="module")
def comparison(cohort, candidates):
    return compare(cohort, candidates)


def test_there_is_a_row_for_each_candidate_fold_and_seed(comparison, candidates, cohort):
    frame = comparison.results
    assert len(frame) == len(candidates) * 2 * 2
    assert not frame.duplicated(["candidate", "fold", "seed"]).any()
    assert (frame["error"] == "").all()
    columns = "accuracy macro_f1 macro_auc f1_ictal f1_normal f1_preictal brier ece fit_seconds"
    assert frame[columns.split()].notna().all(axis=None)
    assert frame.query("candidate == 'none'")["n_synthetic"].eq(0).all()
    assert frame.query("candidate == 'surrogates'")["n_synthetic"].gt(0).all()
    assert len(comparison.scores_by_patient) == len(candidates) * 4 * 2
    assert (
        comparison.scores_by_patient.groupby("candidate")["n_windows"]
        .sum()
        .eq(2 * len(cohort.X))
        .all()
    )


def test_folds_seeds_and_targets_are_the_same_for_every_candidate(comparison):
    frame = comparison.results
    for _, fold in frame.groupby("fold"):
        assert fold["test_groups"].map(tuple).nunique() == 1
        assert fold["n_train"].nunique() == 1
    assert frame.groupby("candidate")["seed"].agg(set).map(frozenset).nunique() == 1
    augmented = frame[frame["candidate"].isin(["random", "surrogates"])]
    assert augmented.groupby("fold")["n_synthetic"].nunique().eq(1).all()


def test_two_processes_give_what_one_gives(cohort, candidates, comparison):
    twice = compare(cohort, candidates, n_jobs=2)
    pd.testing.assert_frame_equal(without_times(twice.results), without_times(comparison.results))
    pd.testing.assert_frame_equal(twice.scores_by_patient, comparison.scores_by_patient)


def test_scores_of_one_candidate_are_those_of_sklearn(cohort, comparison):
    from sklearn.metrics import f1_score, roc_auc_score

    row = comparison.results.iloc[0]
    test = np.isin(cohort.groups, row["test_groups"])
    model = clone(MODEL).set_params(logisticregression__random_state=row["seed"])
    model.fit(cohort.X[~test], cohort.y[~test])
    y = cohort.y[test]
    assert row["macro_f1"] == pytest.approx(
        f1_score(y, model.predict(cohort.X[test]), average="macro")
    )
    proba = model.predict_proba(cohort.X[test])
    assert row["macro_auc"] == pytest.approx(roc_auc_score(y, proba, multi_class="ovr"))


def test_a_seed_reaches_the_sampler(cohort, comparison):
    """Different seeds give different surrogates, and so different scores."""
    rows = comparison.results.query("candidate == 'surrogates' and fold == 0")
    assert rows["brier"].nunique() == 2


def test_a_failing_candidate_is_recorded_and_does_not_stop_the_others(cohort):
    with pytest.warns(UserWarning, match=r"'broken' 2 times \(RuntimeError: nothing works"):
        result = compare(cohort, {"broken": Failing(), "none": None}, n_repeats=1)
    frame = result.results.set_index("candidate")
    assert frame.loc["broken", "error"].eq("RuntimeError: nothing works here").all()
    assert frame.loc["broken", "macro_f1"].isna().all()
    assert frame.loc["none", "macro_f1"].notna().all()
    with pytest.warns(UserWarning, match="4 patients"):
        summary = result.summary()
    assert summary.loc["broken", "n_failed"] == 2
    assert np.isnan(summary.loc["broken", "macro_f1"])


def test_smote_fails_with_advice_where_a_state_is_too_small(cohort):
    few = (cohort.y != "ictal") | (np.arange(len(cohort.y)) % 4 == 0)
    small = type(cohort)(X=cohort.X[few], y=cohort.y[few], groups=cohort.groups[few])
    with pytest.warns(UserWarning, match="failed"):
        result = compare(small, {"SMOTE": SMOTE(k_neighbors=30)}, n_repeats=1)
    assert result.results["error"].str.contains("set k_neighbors of SMOTE below").all()


class Counting(LogisticRegression):
    """Counts its fits, and is killed at the fourth."""

    fits = 0
    killed_at = None

    def fit(self, X, y):
        if Counting.fits == Counting.killed_at:
            raise KeyboardInterrupt
        Counting.fits += 1
        return super().fit(X, y)


def test_a_killed_comparison_goes_on_where_it_was(cohort, tmp_path, monkeypatch):
    def run():
        model = make_pipeline(
            EEGFeatures(sfreq=64.0, average=True), StandardScaler(), Counting(max_iter=200)
        )
        return compare_samplers(
            {"none": None, "random": RandomOverSampler()},
            model,
            *(cohort.X, cohort.y, cohort.groups),
            cv=2,
            n_repeats=2,
            random_state=0,
            store=tmp_path / "deep" / "rows.jsonl",
        )

    monkeypatch.setattr(Counting, "fits", 0)
    monkeypatch.setattr(Counting, "killed_at", 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(KeyboardInterrupt):
            run()
        store = tmp_path / "deep" / "rows.jsonl"
        assert len(store.read_text().splitlines()) == 3
        # a kill in the middle of a line
        with store.open("a") as file:
            file.write('{"key": "abc", "val')
        monkeypatch.setattr(Counting, "killed_at", None)
        resumed = run()
        assert Counting.fits == 8
        again = run()
    assert Counting.fits == 8
    pd.testing.assert_frame_equal(again.results, resumed.results)
    whole = [json.loads(line) for line in store.read_text().splitlines() if line.endswith("}")]
    assert len(whole) == 8
    store.unlink()
    fresh = run()
    pd.testing.assert_frame_equal(without_times(fresh.results), without_times(resumed.results))
    pd.testing.assert_frame_equal(fresh.scores_by_patient, resumed.scores_by_patient)


def test_the_first_fold_of_a_sampler_is_kept_on_request(cohort, tmp_path):
    candidates = {"none": None, "surrogates": FourierSurrogateSampler()}
    options = {"store": tmp_path / "rows.jsonl", "keep": "surrogates", "n_repeats": 1}
    first, again = (compare(cohort, candidates, **options) for _ in range(2))
    assert compare(cohort, candidates, n_repeats=1).kept is None
    row = first.results.query("candidate == 'surrogates' and fold == 0").iloc[0]
    for kept in (first.kept, again.kept):  # the second time, all other fits come from the store
        assert len(kept.X_synthetic) == len(kept.y_synthetic) == row["n_synthetic"]
        assert sorted(set(cohort.groups[kept.test])) == row["test_groups"]
        assert not set(cohort.groups[kept.train]) & set(cohort.groups[kept.test])
        X, y = clone(kept.sampler).fit_resample(cohort.X[kept.train], cohort.y[kept.train])
        np.testing.assert_array_equal(X[len(kept.train) :], kept.X_synthetic)
        np.testing.assert_array_equal(y[len(kept.train) :], kept.y_synthetic)
    pd.testing.assert_frame_equal(again.results, first.results)  # with its times
    with pytest.raises(ValueError, match="keep='none'"):
        compare(cohort, candidates, keep="none")


def test_a_store_serves_only_what_is_the_same(cohort, tmp_path):
    store = tmp_path / "rows.jsonl"
    options = {"store": store, "n_repeats": 1}
    compare(cohort, {"random": RandomOverSampler()}, **options)
    n = len(store.read_text().splitlines())
    compare(cohort, {"renamed": RandomOverSampler()}, **options)
    assert len(store.read_text().splitlines()) == n
    compare(cohort, {"random": RandomOverSampler(shrinkage=0.1)}, **options)
    assert len(store.read_text().splitlines()) == 2 * n
    other = type(cohort)(X=cohort.X + 1, y=cohort.y, groups=cohort.groups)
    compare(other, {"random": RandomOverSampler()}, **options)
    assert len(store.read_text().splitlines()) == 3 * n


def test_another_file_is_not_taken_for_a_store(cohort, tmp_path):
    (tmp_path / "notes.txt").write_text("dear diary\n")
    with pytest.raises(ValueError, match="not a store"):
        compare(cohort, {"none": None}, store=tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "dear diary\n"


def test_a_store_needs_a_seed_that_comes_again(cohort, tmp_path):
    with pytest.raises(ValueError, match="has to be an int"):
        compare(cohort, {"none": None}, store=tmp_path / "rows", random_state=None)


def test_a_frozen_generator_that_knows_test_patients_is_named(cohort):
    known = cohort.groups == cohort.groups[0]
    generator = clone(TINY).fit(cohort.X[known], cohort.y[known], groups=cohort.groups[known])
    candidate = GenEEGSampler(generator=FrozenEstimator(generator), quality=None)
    with pytest.warns(UserWarning, match=rf"'ours'.*{cohort.groups[0]}.*test folds"):
        result = compare(cohort, {"ours": candidate}, n_repeats=1)
    assert (result.results["error"] == "").all()


class Spy:
    """Remembers which windows were shown to whom, by the marker in their first sample."""

    seen: dict = {}

    def note(self, X):
        X = np.asarray(X)
        Spy.seen.setdefault(type(self).__name__, []).append(
            set(np.round(X.reshape(len(X), -1)[:, 0]).astype(int).tolist())
        )


class SpyingScaler(Spy, TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.note(X)
        self.fitted_ = True
        return self

    def transform(self, X):
        return X.reshape(len(X), -1)[:, 1:9] / 100

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class SpyingSampler(Spy, RandomOverSampler):
    def fit_resample(self, X, y, **params):
        self.note(X)
        return super().fit_resample(X, y, **params)


class SpyingGenerator(Spy, type(TINY)):
    def fit(self, X, y, *, groups=None):
        self.note(X)
        assert groups is not None
        return super().fit(X, y, groups=groups)


def test_sampler_generator_and_scaler_see_the_training_fold_only(cohort, monkeypatch):
    monkeypatch.setattr(Spy, "seen", {})
    patients = np.unique(cohort.groups)
    X = cohort.X.copy()
    marker = 1000 * (1 + np.searchsorted(patients, cohort.groups))
    X[:, 0, 0] = marker
    generator = SpyingGenerator(**TINY.get_params())
    folds = list(GroupKFold(2).split(X, cohort.y, cohort.groups))
    result = compare_samplers(
        {
            "sampler": SpyingSampler(),
            "ours": GenEEGSampler(generator=generator, quality=None),
        },
        make_pipeline(SpyingScaler(), LogisticRegression(max_iter=50)),
        *(X, cohort.y, cohort.groups),
        cv=folds,
        n_repeats=1,
        random_state=0,
    )
    assert result.results["error"].eq("").all(), result.results["error"].tolist()
    of_training = [set(marker[train].tolist()) for train, _ in folds]
    assert Spy.seen["SpyingSampler"] == of_training
    assert Spy.seen["SpyingGenerator"] == of_training
    of_testing = [set(marker[test].tolist()) for _, test in folds]
    scaler = Spy.seen["SpyingScaler"]
    assert len(scaler) == 2 * len(folds)
    assert not any(seen & of_testing[k // 2] for k, seen in enumerate(scaler))


def test_a_splitter_that_tears_patients_apart_is_refused(cohort):
    with pytest.raises(ValueError, match="respects groups"):
        compare(cohort, {"none": None}, cv=KFold(2, shuffle=True, random_state=0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": [1, 2]}, "groups has 2 entries"),
        ({"groups": None}, "expected the patient of every window"),
        ({"y": ["a"]}, "inconsistent numbers of samples"),
        ({"X": np.full((120, 2, 8), np.nan)}, "inconsistent|NaN"),
        ({"candidates": {}}, "candidates is empty"),
        ({"candidates": {"x": 3}}, "candidate 'x' is 3"),
        ({"baselines": ["SMOTE"]}, "expected some of"),
    ],
)
def test_bad_input_is_named(cohort, change, message):
    given = {"X": cohort.X, "y": cohort.y, "groups": cohort.groups, "candidates": {"none": None}}
    given |= change
    with pytest.raises(ValueError, match=message):
        compare_samplers(estimator=MODEL, cv=2, **given)


def test_further_scores_are_columns(cohort):
    result = compare(cohort, {"none": None}, n_repeats=1, scoring=["balanced_accuracy"])
    assert result.results["balanced_accuracy"].between(0, 1).all()
    assert result.scores_by_patient["balanced_accuracy"].between(0, 1).all()


def hand_made(scores, baselines=None):
    """A comparison of given macro F1: candidate -> score of each patient, a patient a fold."""
    rows = [
        {"candidate": name, "fold": k, "seed": 0, "group": f"p{k}", "macro_f1": value}
        for name, values in scores.items()
        for k, value in enumerate(values)
    ]
    patients = pd.DataFrame(rows).assign(n_windows=10)
    frame = patients.drop(columns="group").assign(
        n_train=90, n_test=10, error="", fit_seconds=1.0, n_synthetic=0
    )
    return SamplerComparison(frame, patients, baselines=baselines)


def test_the_summary_pairs_patients():
    rng = np.random.default_rng(0)
    none = rng.uniform(0.3, 0.9, size=10)  # patients differ much more than candidates
    gain = 0.05 + 0.02 * rng.normal(size=10)
    summary = hand_made({"none": none, "other": none + 0.01, "ours": none + gain}).summary()
    row = summary.loc["ours"]
    assert row["vs_none"] == pytest.approx(gain.mean())
    assert row["vs_none_low"] < gain.mean() < row["vs_none_high"]
    assert row["vs_none_low"] > 0.02
    assert row["vs_none_wilcoxon"] < 0.05
    assert row["vs_none_t"] < 0.05
    assert np.isnan(summary.loc["none", "vs_none"])


def test_candidates_are_compared_with_each_baseline_and_with_the_best_of_them():
    scores = {"none": [0.5] * 6, "good": [0.6] * 6, "a": [0.7] * 6, "b": [0.8] * 6}
    summary = hand_made(scores, baselines=["none", "good"]).summary()
    best = {"none": "good", "good": "none", "a": "good", "b": "good"}
    assert summary["best_baseline"].to_dict() == best
    differences = summary.loc["a", ["vs_none", "vs_good", "vs_best"]].tolist()
    assert differences == pytest.approx([0.2, 0.1, 0.1])


@pytest.mark.parametrize(
    ("names", "baseline"), [(["SMOTE", "none"], "none"), (["SMOTE", "ADASYN"], "SMOTE")]
)
def test_the_baseline_is_none_or_the_first_where_no_other_is_named(names, baseline):
    comparison = hand_made(dict.fromkeys(names, [0.5] * 6))
    assert comparison.baselines == (baseline,)
    assert f"vs_{baseline}" in comparison.summary()
    assert "vs_best" not in comparison.summary()


def test_a_notebook_shows_scores_with_intervals_and_escapes_names():
    name = "<script>alert(1)</script>"
    comparison = hand_made({"none": [0.5, 0.6] * 3, name: [0.6, 0.8] * 3})
    html = comparison._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert re.search(r"<td>\+0\.150 \(\+0\.1\d\d to \+0\.\d{3}\)</td>", html)
    assert "2 candidates on 6 patients" in html
    assert "Too few" not in html
    assert "Too few" in hand_made({"none": [0.5] * 3})._repr_html_()


def test_few_patients_are_warned_of():
    with pytest.warns(UserWarning, match="3 patients"):
        hand_made({"none": [0.5, 0.6, 0.7], "ours": [0.5, 0.7, 0.8]}).summary()


def test_an_unknown_baseline_is_refused():
    for baselines in (["SMOTE"], []):
        with pytest.raises(ValueError, match="baselines"):
            hand_made({"none": [0.5] * 6}, baselines=baselines)


def test_a_state_nobody_has_is_left_out_and_auc_is_nan():
    rows = np.arange(12)
    groups = np.repeat(["p0", "p1", "p2"], 4)
    y = np.array(["a", "a", "b", "b"] * 2 + ["a"] * 4)
    X = np.random.default_rng(0).normal(size=(12, 1, 8))
    X[:, 0, 0] = np.where(y == "a", 10, -10)

    class FirstSample(SpyingScaler):
        def transform(self, X):
            return X.reshape(len(X), -1)[:, :1]

    model = make_pipeline(FirstSample(), LogisticRegression())
    result = compare_samplers(
        {"none": None}, model, X[rows], y, groups, cv=3, n_repeats=1, random_state=0
    )
    patient = result.scores_by_patient.set_index("group").loc["p2"]
    assert patient["macro_f1"] == 1
    assert patient["f1_a"] == 1
    assert np.isnan(patient["f1_b"])
    assert np.isnan(patient["macro_auc"])


def test_the_table_is_written_whole(comparison, tmp_path):
    comparison.to_csv(tmp_path / "new" / "results.csv")
    table = pd.read_csv(tmp_path / "new" / "results.csv")
    assert len(table) == len(comparison.results)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["results.csv"]


def scorer_of(text, takes="model, X, y"):
    """Return the scorer of this code, named `share` whatever it does."""
    space = {"__name__": __name__}
    exec(f"def share({takes}):\n    return {text}", space)
    return space["share"]


def scaled(factor):
    def share(model, X, y):
        return factor * float(np.mean(model.predict(X) == y))

    return share


def test_a_changed_scorer_is_computed_and_an_unchanged_one_found(cohort, tmp_path):
    store = tmp_path / "rows.jsonl"
    scorers = [scorer_of("1.0"), scorer_of("2.0"), scaled(3), scaled(4)]
    scorers += [make_scorer(scorer_of("5.0", "y, y_pred")), scorer_of("(lambda: 6.0)()")]
    for number, scorer in enumerate(scorers, start=1):
        for _ in range(2):
            result = compare(cohort, {"none": None}, scoring={"s": scorer}, store=store)
            assert len(store.read_text().splitlines()) == 4 * number
    assert result.results["s"].eq(6.0).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_scores_that_are_no_numbers_are_kept_and_come_back(cohort, tmp_path, value):
    options = {"scoring": {"s": scorer_of(f"float('{value}')")}, "store": tmp_path / "rows.jsonl"}
    first = compare(cohort, {"none": None}, **options)
    again = compare(cohort, {"none": None}, **options)
    assert first.results["error"].eq("").all()
    pd.testing.assert_frame_equal(again.results, first.results)
    np.testing.assert_array_equal(
        again.scores_by_patient["s"], np.full(len(again.scores_by_patient), value)
    )


def test_a_flipped_bit_in_a_store_never_gives_another_table(cohort, tmp_path):
    store = tmp_path / "rows.jsonl"
    expected = without_times(compare(cohort, {"none": None}, n_repeats=1, store=store).results)
    whole = store.read_bytes()
    rng = np.random.default_rng(0)
    for at in rng.integers(len(whole), size=60).tolist():
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(rng.integers(8))
        store.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*lines of .* are damaged")
            result = compare(cohort, {"none": None}, n_repeats=1, store=store)
        pd.testing.assert_frame_equal(without_times(result.results), expected)


def test_damaged_rows_are_named_and_computed_again(cohort, tmp_path):
    store = tmp_path / "rows.jsonl"
    compare(cohort, {"none": None}, n_repeats=1, store=store)
    store.write_text(store.read_text().replace('"accuracy": 0', '"accuracy": 1', 1))
    with pytest.warns(UserWarning, match=r"1 lines of .* are damaged"):
        compare(cohort, {"none": None}, n_repeats=1, store=store)
    assert len(store.read_text().splitlines()) == 3


FOREIGN = [
    '{"key": "abc", "value": 3}\n',
    '{"key": ["abc"], "value": {"row": {}, "patients": []}}\n',
    '{"key": "abc", "value": {"row": {"macro_f1": 1}}, "sha256": "00"}\n',
    '{"key": {}, "value": 1, "sha256": {}}\n',
    "[1, 2]\n3\n",
    "[" * 100_000,
]


@pytest.mark.parametrize("content", FOREIGN, ids=range(len(FOREIGN)))
def test_foreign_rows_are_refused_and_stay_as_they_were(cohort, tmp_path, content):
    (tmp_path / "rows.jsonl").write_text(content)
    with pytest.raises(ValueError, match="is not a store of compare_samplers"):
        compare(cohort, {"none": None}, store=tmp_path / "rows.jsonl")
    assert (tmp_path / "rows.jsonl").read_text() == content
    with pytest.raises(ValueError, match="is not a file"):
        compare(cohort, {"none": None}, store=tmp_path)


def test_a_comparison_with_a_saved_generator_is_found_again(cohort, tmp_path):
    fitted = clone(TINY).fit(cohort.X, cohort.y)
    fitted.save(tmp_path / "generator")
    clone(TINY).set_params(random_state=1).fit(cohort.X, cohort.y).save(tmp_path / "another")
    store = tmp_path / "rows.jsonl"

    def n_rows(generator):
        candidate = GenEEGSampler(generator=FrozenEstimator(generator), quality=None)
        compare(cohort, {"ours": candidate}, n_repeats=1, store=store)
        return len(store.read_text().splitlines())

    assert n_rows(LatentDiffusionGenerator.load(tmp_path / "generator")) == 2
    assert n_rows(LatentDiffusionGenerator.load(tmp_path / "generator")) == 2
    assert n_rows(fitted) == 2
    assert n_rows(LatentDiffusionGenerator.load(tmp_path / "another")) == 4


CONTENT = """
import numpy as np
import torch
from sklearn.base import clone
from sklearn.metrics import get_scorer
from geneeg_sk.datasets._content import content_hash
from tiny import TINY

torch.set_num_threads(1)
y = ["ictal", "normal"] * 8
X = np.random.default_rng(0).normal(size=(16, 2, 64))
fitted = clone(TINY).fit(X, y)
names = lambda x: x in {"ictal", "normal", "preictal"}
found = content_hash(fitted, names, get_scorer("roc_auc"), {"b", "a"})
"""


def run_beside(code, **options):
    """Start Python with this code, which can import what is beside this file."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PYTHONHASHSEED": "1"}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.Popen(command, cwd=ROOT, env=environment, **options)


def test_a_hash_of_content_is_the_same_in_another_process():
    here = {}
    exec(CONTENT, here)
    printed, errors = run_beside(f"{CONTENT}print(found)").communicate()
    assert printed == f"{here['found']}\n", errors


def test_ctrl_c_ends_a_comparison_in_processes_which_then_goes_on(tmp_path, monkeypatch):
    store = tmp_path / "rows.jsonl"
    code = f"from interrupted import compare; compare({str(store)!r}, n_jobs=2)"
    # Shells have processes in the background ignore Ctrl-C, and what these start would inherit it.
    heeding = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    first = run_beside(code, start_new_session=True, **heeding)
    while first.poll() is None and not (store.exists() and "\n" in store.read_text()):
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does it: to the workers, too
    _, errors = first.communicate(timeout=120)
    assert first.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
    before = store.read_text()
    assert 0 < before.count("\n") < 16
    monkeypatch.setattr(interrupted, "SECONDS", 0)
    assert interrupted.compare(store).results["error"].eq("").sum() == 16
    assert store.read_text().startswith(before)
    assert store.read_text().count("\n") == 16
