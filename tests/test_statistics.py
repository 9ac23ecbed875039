import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from geneeg_sk.metrics import paired_summary
from geneeg_sk.metrics._statistics import (
    bootstrap_interval,
    cliffs_delta,
    cohens_dz,
    corrected_t_test,
    holm,
)


def pairs(n, gain=0.05, seed=0):
    rng = np.random.default_rng(seed)
    baseline = rng.uniform(0.4, 0.9, n)
    return baseline + gain + rng.normal(0, 0.03, n), baseline


def test_the_summary_is_scipys_on_the_patients():
    a, b = pairs(12)
    found = paired_summary(a, b)
    assert found["mean"] == pytest.approx((a - b).mean())
    assert found["p_value"] == pytest.approx(stats.wilcoxon(a, b).pvalue)
    assert found["cohens_dz"] == pytest.approx(stats.ttest_rel(a, b).statistic / np.sqrt(12))
    assert found["low"] < found["mean"] < found["high"]


def test_windows_of_a_patient_do_not_count_as_patients():
    a, b = pairs(8)
    once = paired_summary(a, b)
    often = paired_summary(np.repeat(a, 50), np.repeat(b, 50), groups=np.repeat(np.arange(8), 50))
    np.testing.assert_allclose(once, often)


def test_one_or_few_patients_warn_and_six_do_not():
    with pytest.warns(UserWarning, match="5 patients: intervals over fewer than 6"):
        paired_summary(*pairs(5))
    with pytest.warns(UserWarning, match="1 patients"):
        found = paired_summary([0.5, 0.7], [0.4, 0.5], groups=["a", "a"])
    assert np.isnan(found["low"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        paired_summary(*pairs(6))


def test_overlapping_training_sets_make_the_test_more_careful():
    a, b = pairs(10)
    d = a - b
    plain = stats.ttest_1samp(d, 0).pvalue
    # Nadeau and Bengio: with no overlap left, the correction is that of the plain test
    assert corrected_t_test(d, 0.0) == pytest.approx(plain)
    t = stats.ttest_1samp(d, 0).statistic / np.sqrt(1 + 10 * 0.25)
    found = paired_summary(a, b, test_share=0.25)["p_value"]
    assert found == pytest.approx(2 * stats.t.sf(abs(t), df=9))
    assert found > plain


def test_the_corrected_test_keeps_its_level_where_the_plain_one_does_not():
    # equally good predictors, 15 random splits of the same 60 patients each time
    rng = np.random.default_rng(0)
    rejected = np.zeros(2)
    for _ in range(200):
        scores = rng.normal(size=60)
        d = np.array([scores[rng.permutation(60)[:15]].mean() for _ in range(15)])
        rejected += [stats.ttest_1samp(d, 0).pvalue < 0.05, corrected_t_test(d, 1 / 3) < 0.05]
    assert rejected[0] / 200 > 0.2
    assert rejected[1] / 200 < 0.1


@pytest.mark.parametrize(
    ("a", "b", "delta"), [([2, 3], [0, 1], 1), ([1, 2], [1, 2], 0), ([3, 4], [1, 4], 0.25)]
)
def test_cliffs_delta_of_worked_examples(a, b, delta):
    assert cliffs_delta(a, b) == delta


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=20),
    st.lists(st.integers(-5, 5), min_size=1, max_size=20),
)
def test_cliffs_delta_is_the_count_over_pairs(a, b):
    assert cliffs_delta(a, b) == pytest.approx(np.sign(np.subtract.outer(a, b)).mean())


def test_differences_that_are_all_the_same():
    assert cohens_dz(np.zeros(4)) == 0
    assert cohens_dz(np.full(4, 0.1)) == np.inf
    assert np.isnan(cohens_dz(np.array([0.1])))


def test_bootstrap_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(100):
        low, high = bootstrap_interval(rng.normal(1, 1, size=40))
        covered += low < 1 < high
    assert 88 <= covered <= 100


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_rejects_what_its_steps_reject(p_values):
    p = np.array(p_values)
    adjusted = holm(p)
    order = np.argsort(p, kind="stable")
    rejected = np.zeros(len(p), bool)
    for step, k in enumerate(order):  # Holm 1979, step by step
        if p[k] * (len(p) - step) > 0.05:
            break
        rejected[k] = True
    np.testing.assert_array_equal(adjusted <= 0.05, rejected)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([0.1, np.nan], [0.1, 0.2], "scores has shape .* or holds NaN"),
        ([0.1, 0.2], [0.1], "2 scores for 1 of the baseline"),
        ([], [], "scores has shape"),
    ],
)
def test_scores_that_are_no_pairs_are_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        paired_summary(a, b)
