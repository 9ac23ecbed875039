"""Every form of `sampling_strategy`, for each sampler, and labels of any kind."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut
from tiny import TINY

from geneeg_sk.over_sampling import (
    FillGap,
    FourierSurrogateSampler,
    GenEEGSampler,
    WindowedSampler,
)

COUNTS = {"normal": 12, "preictal": 7, "ictal": 4}
RNG = np.random.default_rng(0)
Y = RNG.permutation(np.repeat(list(COUNTS), list(COUNTS.values())))
X = RNG.normal(size=(len(Y), 2, 32)).astype(np.float32)

FROZEN = FrozenEstimator(clone(TINY).fit(X, Y))
SAMPLERS = {
    "ours": GenEEGSampler(generator=FROZEN, quality=None, random_state=0),
    "surrogates": FourierSurrogateSampler(random_state=0),
    "windowed": WindowedSampler(
        sampler=RandomOverSampler(random_state=0), sampling_strategy="auto"
    ),
    "inside": WindowedSampler(sampler=FourierSurrogateSampler(random_state=0)),
}


@pytest.fixture(params=SAMPLERS)
def sampler(request):
    return clone(SAMPLERS[request.param])


def trained_here(sampler):
    """The same sampler, with a generator that learns the labels it is given."""
    return (
        sampler.set_params(generator=clone(TINY))
        if "generator" in sampler.get_params()
        else (sampler)
    )


def twelve_of_each(y):
    return dict.fromkeys(np.unique(y).tolist(), 12)


def resampled(sampler, strategy, X=X, y=Y):
    X_res, y_res = sampler.set_params(sampling_strategy=strategy).fit_resample(X, y)
    assert_array_equal(X_res[: len(X)], X)
    assert_array_equal(y_res[: len(y)], y)
    counts = Counter(y_res.tolist())
    generated = {state: n for state, n in sampler.n_synthetic_.items() if n}
    wanted = {state: n for state, n in sampler.sampling_strategy_.items() if n}
    assert generated == wanted == dict(counts - Counter(y.tolist()))
    return dict(counts)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("minority", {**COUNTS, "ictal": 12}),
        ("not minority", {**COUNTS, "preictal": 12}),
        ("not majority", dict.fromkeys(COUNTS, 12)),
        ("all", dict.fromkeys(COUNTS, 12)),
        ("auto", dict.fromkeys(COUNTS, 12)),
        ({"ictal": 9}, {**COUNTS, "ictal": 9}),
        ({"ictal": 4, "normal": 15}, {**COUNTS, "normal": 15}),
        pytest.param(twelve_of_each, dict.fromkeys(COUNTS, 12), id="a function"),
        (FillGap(0), COUNTS),
        (FillGap(0.5), {"normal": 12, "preictal": 9, "ictal": 8}),
        (FillGap(1), dict.fromkeys(COUNTS, 12)),
        (FillGap(2), {"normal": 12, "preictal": 17, "ictal": 20}),
    ],
    ids=str,
)
def test_each_form_gives_the_counts_that_imbalanced_learn_gives(sampler, strategy, expected):
    assert resampled(sampler, strategy) == expected
    reference = RandomOverSampler(sampling_strategy=strategy, random_state=0)
    assert Counter(reference.fit_resample(X[:, 0], Y)[1].tolist()) == expected


@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_a_float_is_the_ratio_of_two_states(sampler, ratio):
    two = Y != "preictal"
    counts = resampled(sampler, ratio, X[two], Y[two])
    assert counts == {"normal": 12, "ictal": round(12 * ratio)}


REFUSED = {
    "a list": (["ictal"], "'sampling_strategy' parameter of"),
    "the majority": ("majority", "'sampling_strategy' parameter of"),
    "another word": ("most", "'sampling_strategy' parameter of"),
    "a negative ratio": (-0.5, "'sampling_strategy' parameter of"),
    "a ratio above one": (1.5, "'sampling_strategy' parameter of"),
    "a ratio of three states": (0.5, "only when the type of target is binary"),
    "fewer than there are": ({"normal": 3}, "should be greater or equal"),
    "a state that is not there": ({"sleep": 30}, "not present in the data|is/are not present"),
}


@pytest.mark.parametrize(("strategy", "message"), REFUSED.values(), ids=REFUSED)
def test_what_imbalanced_learn_refuses_is_refused_alike(sampler, strategy, message):
    sampler.set_params(sampling_strategy=strategy)
    with pytest.raises(ValueError, match=message):
        sampler.fit_resample(X, Y)
    reference = RandomOverSampler(sampling_strategy=strategy)
    with pytest.raises(ValueError, match=message):
        reference.fit_resample(X[:, 0], Y)


def test_a_float_raises_on_a_fold_that_is_at_the_ratio_and_fill_gap_does_not(sampler):
    y = np.tile(["a", "b"], 11)
    sampler = trained_here(sampler)
    with pytest.raises(ValueError, match="remove samples from the minority class"):
        sampler.set_params(sampling_strategy=0.5).fit_resample(X[:22], y)
    assert resampled(sampler, FillGap(0.5), X[:22], y) == {"a": 11, "b": 11}


def test_a_frozen_generator_serves_a_fold_without_one_of_its_states():
    two = Y != "preictal"
    assert resampled(clone(SAMPLERS["ours"]), "auto", X[two], Y[two]) == {"normal": 12, "ictal": 12}


@pytest.mark.parametrize("missing", ["preictal", "ictal"])
def test_folds_that_lack_a_state_are_balanced_among_the_others(sampler, missing):
    """Leave one patient out, of whom alone a state is known: the other fold has all three."""
    groups = np.where(np.isin(Y, missing), 0, np.arange(len(Y)) % 3)
    pipeline = make_pipeline(sampler, DummyClassifier())
    grid = {f"{pipeline.steps[0][0]}__sampling_strategy": [FillGap(0.5), FillGap(1), "auto"]}
    search = GridSearchCV(pipeline, grid, cv=LeaveOneGroupOut(), error_score="raise")
    with sklearn.config_context(enable_metadata_routing=True):
        search.fit(X, Y, groups=groups)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


KINDS = {
    "str": np.array(["a", "b", "c"]),
    "object": np.array(["a", "b", "c"], dtype=object),
    "long str": np.array(["a", "bb", "c" * 40]),
    "int": np.array([0, 1, 2]),
    "int8": np.array([-1, 0, 7], dtype=np.int8),
    "unsigned": np.array([1, 2, 250], dtype=np.uint8),
    "float": np.array([0.0, 1.0, 2.0]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strategy", ["minority", FillGap(1)], ids=str)
def test_labels_of_any_kind_keep_kind_and_counts(sampler, kind, strategy):
    y = KINDS[kind][pd.Series(Y).map({"normal": 0, "preictal": 1, "ictal": 2}).to_numpy()]
    sampler = trained_here(sampler).set_params(sampling_strategy=strategy)
    _, y_res = sampler.fit_resample(X, y)
    assert y_res.dtype == y.dtype
    expected = [12, 7, 12] if strategy == "minority" else [12, 12, 12]
    assert [int((y_res == label).sum()) for label in KINDS[kind]] == expected
    assert list(sampler.provenance_["state"]) == list(y_res[len(y) :])


@pytest.mark.parametrize("strategy", ["auto", 1.0, FillGap(1), {True: 19}], ids=str)
def test_bool_labels_stay_bool(sampler, strategy):
    y = Y == "ictal"
    assert resampled(trained_here(sampler), strategy, X, y) == {True: 19, False: 19}
    assert sampler.fit_resample(X, y)[1].dtype == bool


def test_five_states_are_five_states(sampler):
    y = np.repeat([3, 1, 4, 15, 9], [9, 5, 4, 3, 2])
    assert resampled(trained_here(sampler), FillGap(1), X, y) == dict.fromkeys([3, 1, 4, 15, 9], 9)


def test_a_series_comes_back_as_one(sampler):
    _, y_res = sampler.fit_resample(X, pd.Series(Y, name="state"))
    assert (type(y_res), y_res.name) == (pd.Series, "state")


@pytest.mark.parametrize("name", ["ours", "surrogates", "inside"])
def test_how_many_another_state_gets_changes_no_window(name):
    sampler = clone(SAMPLERS[name])
    few = sampler.set_params(sampling_strategy={"ictal": 9}).fit_resample(X, Y)[0][len(X) :]
    both = {"ictal": 9, "preictal": 12}
    X_res, y_res = sampler.set_params(sampling_strategy=both).fit_resample(X, Y)
    assert_array_equal(X_res[len(X) :][y_res[len(X) :] == "ictal"], few)
