"""The time left of a comparison: what each candidate costs, and not the number of fits."""

import math
import os
import re
import signal
import sys

import pytest
from imblearn.over_sampling import RandomOverSampler
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from geneeg_sk._bar import Bar
from geneeg_sk.features import EEGFeatures
from geneeg_sk.model_selection import compare_samplers
from geneeg_sk.model_selection._time_left import estimate_seconds_left

MODEL = make_pipeline(EEGFeatures(sfreq=64.0, average=True), StandardScaler(), LogisticRegression())


def test_every_candidate_costs_what_its_own_fits_did():
    finished = {"none": [1.0, 3.0], "generator": [40.0]}
    assert estimate_seconds_left(finished, {"none": 3, "generator": 2}, n_jobs=1) == 3 * 2 + 2 * 40


def test_a_cheap_fit_does_not_change_what_the_dear_ones_will_take():
    left = {"none": 1, "generator": 5}
    before = estimate_seconds_left({"none": [2.0], "generator": [40.0]}, left, n_jobs=1)
    after = estimate_seconds_left(
        {"none": [2.0, 2.0], "generator": [40.0]}, {**left, "none": 0}, n_jobs=1
    )
    assert before - after == 2


def test_a_candidate_without_a_finished_fit_costs_the_mean_of_the_others():
    finished = {"none": [1.0, 1.0, 1.0], "generator": [39.0], "new": []}
    assert estimate_seconds_left(finished, {"new": 2, "newer": 1}, n_jobs=1) == 3 * 20


def test_failed_fits_say_nothing():
    finished = {"none": [2.0, math.nan], "broken": [math.nan]}
    assert estimate_seconds_left(finished, {"none": 1, "broken": 1}, n_jobs=1) == 4
    assert estimate_seconds_left({"broken": [math.nan]}, {"none": 1}, n_jobs=1) is None


def test_processes_share_the_fits_but_not_the_last_one():
    finished = {"none": [1.0], "generator": [30.0]}
    assert estimate_seconds_left(finished, {"none": 10, "generator": 3}, n_jobs=4) == 30
    assert estimate_seconds_left(finished, {"none": 20, "generator": 3}, n_jobs=2) == 55


@pytest.mark.parametrize("finished", [{}, {"none": [3.0]}])
def test_nothing_is_left_at_the_end(finished):
    assert estimate_seconds_left(finished, {"none": 0}, n_jobs=2) == 0


def test_nothing_is_said_before_a_fit_is_finished():
    assert estimate_seconds_left({}, {"none": 4}, n_jobs=1) is None


def compare(cohort, candidates, **options):
    options = {"cv": 2, "n_repeats": 1, "random_state": 0, "verbose": 1, **options}
    return compare_samplers(candidates, MODEL, cohort.X, cohort.y, cohort.groups, **options)


def test_the_bar_counts_every_fit_and_ends_with_no_time_left(cohort, tmp_path, capsys):
    def lines(**options):
        candidates = {"none": None, "random": RandomOverSampler()}
        compare(cohort, candidates, store=tmp_path / "rows.jsonl", **options)
        return [line for line in re.split(r"[\r\n]", capsys.readouterr().err) if line]

    first, resumed = lines(), lines(keep="random")
    assert "0/4" in first[0]
    assert "4/4" in first[-1]
    assert "00:00 left, last" in first[-1]
    # Only the fit that is kept is done again.
    assert "3/4" in resumed[0]
    assert "4/4" in resumed[-1]
    assert "00:00 left, last random" in resumed[-1]


@pytest.fixture
def asked(monkeypatch):
    """After each fit: how many are finished, and how many are left, of each candidate."""
    known = []

    def note(finished, left, n_jobs):
        known.append(({name: len(seconds) for name, seconds in finished.items()}, dict(left)))

    monkeypatch.setattr("geneeg_sk.model_selection._time_left.estimate_seconds_left", note)
    return known


def test_a_resumed_comparison_knows_what_its_finished_fits_took(cohort, tmp_path, asked):
    """Otherwise the first fit of another candidate would say what all that are left cost."""
    store = tmp_path / "rows.jsonl"
    compare(cohort, {"none": None}, store=store)
    compare(cohort, {"none": None, "random": RandomOverSampler()}, store=store)
    assert asked[2] == ({"none": 2, "random": 1}, {"random": 1})


class Stopped(RandomOverSampler):
    """Somebody presses Ctrl-C."""

    def fit_resample(self, X, y, **params):
        raise KeyboardInterrupt


def test_the_bar_says_so_while_the_cost_of_a_candidate_is_a_guess(cohort, capsys):
    with pytest.raises(KeyboardInterrupt):
        compare(cohort, {"none": None, "other": Stopped()})
    last = capsys.readouterr().err.splitlines()[-1]
    assert "left at a guess, last none" in last.split("\r")[-1]


def test_every_candidate_has_a_fit_before_any_has_two(cohort, asked):
    """So that soon every candidate's cost is known."""
    compare(cohort, {"none": None, "random": RandomOverSampler(), "again": None})
    assert asked[2] == (dict.fromkeys(["none", "random", "again"], 1),) * 2


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed as on POSIX")
@pytest.mark.timeout(60)
def test_a_fork_that_is_killed_while_it_draws_its_bar_stops_no_bar_here(cohort):
    locks = tqdm.get_lock(), Bar.get_lock()
    pid = os.fork()
    if pid == 0:
        for lock in locks:
            lock.acquire()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert len(compare(cohort, {"none": None}).results) == 2
