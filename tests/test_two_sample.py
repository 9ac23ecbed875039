"""The two-sample test says how sure it is and what it could have seen."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from geneeg_sk.metrics import _power, c2st

SFREQ = 64.0
TABLE = {
    "cohort": {"c2st_windows": {"20": {}, "50": {"other_patients": 1.0, "rhythm_irregular": 0.1}}},
    "bonn": {},
}


def noise(n, n_channels=2, n_times=128, *, seed=0, scale=20.0):
    return np.random.default_rng(seed).normal(scale=scale, size=(n, n_channels, n_times))


@pytest.fixture
def table(monkeypatch):
    monkeypatch.setattr(_power, "_table", lambda: TABLE)


@pytest.mark.parametrize("on", ["features", "windows"])
def test_the_result_is_a_number_with_an_interval_around_it(on, table):
    result = c2st(noise(40), 1.2 * noise(30, seed=1), sfreq=SFREQ, on=on, random_state=0)
    assert isinstance(result, float)
    assert result == result.auc
    assert result.interval[0] <= result <= result.interval[1]
    assert (result.n, result.n_groups) == (30, None)


def test_the_result_survives_pickling(table):
    result = c2st(noise(60), noise(60, seed=1), sfreq=SFREQ, on="windows", random_state=0)
    again = pickle.loads(pickle.dumps(result))
    assert again == result
    assert vars(again) == vars(result)


def test_more_windows_give_a_narrower_interval(table):
    widths = [
        np.diff(c2st(noise(n), noise(n, seed=1), sfreq=SFREQ, random_state=0).interval)
        for n in (20, 200)
    ]
    assert widths[1] < 0.7 * widths[0]


def test_groups_that_stick_together_give_a_wider_interval(table):
    """Windows of a group are nearly the same: ten groups are ten observations."""
    few = np.repeat(noise(10), 20, axis=0) + noise(200, seed=1, scale=0.1)
    groups = np.repeat(np.arange(10), 20)
    other = noise(200, seed=2)
    grouped = c2st(few, other, sfreq=SFREQ, groups=groups, random_state=0)
    alone = c2st(noise(200), other, sfreq=SFREQ, random_state=0)
    assert np.diff(grouped.interval) > 1.5 * np.diff(alone.interval)


def test_what_can_be_seen_is_that_of_the_largest_number_of_windows_tried(table):
    seen = c2st(noise(70), noise(60, seed=1), sfreq=SFREQ, on="windows", random_state=0)
    assert seen.detectable == {"other_patients": 1.0, "rhythm_irregular": 0.1}
    assert not seen.blind


@pytest.mark.parametrize(
    ("n", "groups"),
    [(15, None), (30, None), (60, np.repeat([0, 1, 2], 20))],
    ids=["fewer than tried", "nothing seen", "three groups"],
)
def test_a_blind_test_warns_instead_of_calming(n, groups, table):
    with pytest.warns(UserWarning, match="not known to tell even windows of other patients"):
        result = c2st(
            noise(n), noise(n, seed=1), sfreq=SFREQ, on="windows", groups=groups, random_state=0
        )
    assert result.blind
    assert result.detectable == {}


def test_what_is_seen_all_the_same_needs_no_warning(table):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = c2st(noise(15), 9 * noise(15, seed=1), sfreq=SFREQ, on="windows", random_state=0)
    assert result > 0.95


def test_of_a_classifier_of_ones_own_nothing_is_known(table):
    result = c2st(
        noise(20), noise(20, seed=1), sfreq=SFREQ, estimator=LogisticRegression(), random_state=0
    )
    assert result.detectable is None
    assert not result.blind


def test_the_table_that_is_shipped_knows_surrogates_and_other_patients():
    """With 200 windows the test on windows sees what the eye sees at once."""
    seen = _power.look_up_detectable("c2st_windows", 200, one_channel=False)
    assert seen["phases_randomized"] <= 1.0
    assert seen["other_patients"] <= 1.0
    assert _power.look_up_detectable("c2st_windows", 5, one_channel=False) == {}
