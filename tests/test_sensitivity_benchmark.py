"""The benchmark of sensitivity: damage that is damage, and power that is counted right."""

import numpy as np
import pytest

from benchmarks.sensitivity.damages import DAMAGES, MIXTURES, trial
from benchmarks.sensitivity.page import shipped
from benchmarks.sensitivity.pools import Pool, Windows, draw
from benchmarks.sensitivity.run import (
    N_CHECK,
    N_INTERVAL,
    N_REPEATS,
    interval,
    key,
    merged,
    n_undamaged,
    powers,
    read_values,
    share_outside,
)

SFREQ = 128.0


def windows(seed, patients="ABCD", sessions=(0, 1), n=6, n_times=256):
    """Slow waves with spikes, of a few patients."""
    rng = np.random.default_rng(seed)
    total = len(patients) * len(sessions) * n
    X = np.cumsum(rng.standard_normal((total, 4, n_times)), axis=2)
    bump = 40 * np.exp(-0.5 * ((np.arange(n_times) - 128) / 2.0) ** 2)
    X[:, 0] += bump
    patient = np.repeat(list(patients), len(sessions) * n)
    session = np.tile(np.repeat(sessions, n), len(patients))
    recording = np.char.add(patient, session.astype(str))
    return Windows(X.astype(np.float32), patient, recording, session)


@pytest.fixture(scope="module")
def pool():
    parts = [windows(k) for k in range(3)]
    return Pool("tiny", SFREQ, *parts, windows(3, patients="EF"), None)


@pytest.mark.parametrize("damage", [*DAMAGES, *MIXTURES])
def test_damage_keeps_shape_and_type_and_its_source(damage, pool):
    before = pool.trial.X.copy()
    rng = np.random.default_rng(0)
    made = trial(pool, damage, 0.67, pool.draw("training", 12, rng), 12, rng)
    assert made.shape == (12, 4, 256)
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    np.testing.assert_array_equal(pool.trial.X, before)


@pytest.mark.parametrize("damage", DAMAGES)
def test_stronger_damage_changes_more(damage, pool):
    function, strengths = DAMAGES[damage]
    X = pool.trial.X
    changes = []
    for strength in strengths:
        made = function(X, SFREQ, strength, np.random.default_rng(0))
        changes.append(np.sqrt(((made - X) ** 2).mean()))
    assert 0 < changes[0] < changes[1] < changes[2]


def test_phases_move_and_spectra_and_what_channels_share_stay(pool):
    X = pool.trial.X.astype(float)
    made = DAMAGES["phases_randomized"][0](X, SFREQ, 1.0, np.random.default_rng(0))
    a, b = np.fft.rfft(X, axis=2), np.fft.rfft(made, axis=2)
    np.testing.assert_allclose(np.abs(b), np.abs(a), atol=1e-6 * np.abs(a).max())
    np.testing.assert_allclose(
        b[:, 0] * b[:, 1].conj(), a[:, 0] * a[:, 1].conj(), atol=1e-6 * np.abs(a).max() ** 2
    )


def test_copies_are_of_the_training_windows_at_hand(pool):
    rng = np.random.default_rng(0)
    train = pool.draw("training", 12, rng)
    made = trial(pool, "copies_of_training", 0.33, train, 12, rng)
    copied = [any(np.array_equal(x, t) for t in train.X) for x in made]
    assert sum(copied) == 4


def test_patients_that_are_missing_are_missing(pool):
    names = {x.tobytes(): p for x, p in zip(pool.trial.X, pool.trial.patients)}
    made = trial(pool, "patients_missing", 0.5, None, 12, np.random.default_rng(0))
    assert len({names[x.tobytes()] for x in made}) == 2


def test_windows_are_drawn_evenly_over_patients_and_from_few_sessions():
    drawn = draw(windows(0), 24, np.random.default_rng(0))
    _, counts = np.unique(drawn.patients, return_counts=True)
    assert counts.tolist() == [6, 6, 6, 6]
    assert len(np.unique(drawn.recordings)) == 4
    assert len(np.unique(drawn.X.reshape(24, -1), axis=0)) == 24


def test_the_interval_holds_95_percent_of_new_values_whatever_their_distribution():
    rng = np.random.default_rng(0)
    for draw_values in (rng.standard_normal, rng.standard_exponential, rng.standard_cauchy):
        for n in (200, 1000):
            outside = []
            for _ in range(2000):
                low, high = interval(draw_values(n_undamaged(n)[0]))
                outside.append(share_outside(draw_values(1), low, high))
            assert np.mean(outside) == pytest.approx(0.05, abs=0.015)


def test_what_is_not_defined_is_not_seen():
    assert share_outside(np.array([np.nan, 5.0, 0.0, -5.0]), -1, 1) == 0.5


def made_up(damaged):
    """Values of one measure, without damage between 0 and 1."""
    rng = np.random.default_rng(0)
    unit = {"data": "cohort", "n": 200, "state": "ictal"}
    for repeat in range(N_INTERVAL + N_CHECK):
        value = {"c2st_windows": float(rng.uniform())}
        yield {**unit, "damage": "", "strength": 0.0, "repeat": repeat, "values": value}
    for strength, share in damaged.items():
        for repeat in range(N_REPEATS):
            value = {"c2st_windows": 2.0 if repeat < share * N_REPEATS else 0.5}
            about = {"damage": "rhythm_irregular", "strength": strength, "repeat": repeat}
            yield {**unit, **about, "values": value}


def test_power_is_the_share_of_damaged_sets_outside():
    lines = list(powers(list(made_up({0.02: 0.1, 0.05: 0.85, 0.1: 1.0}))))
    assert [line["power"] for line in lines] == [0.1, 0.85, 1.0]
    assert all(line["false_alarms"] < 0.15 for line in lines)
    assert all(line["measure"] == "c2st_windows" and line["n"] == 200 for line in lines)


def test_a_damage_is_known_only_when_it_was_tried_often_enough():
    found = list(made_up({0.1: 1.0}))
    assert list(powers(found[:-1])) == []
    assert list(powers(found[5:])) == []


def test_the_table_knows_the_faintest_strength_that_is_seen():
    import pandas as pd

    table = pd.DataFrame(powers(list(made_up({0.02: 0.1, 0.05: 0.85, 0.1: 1.0}))))
    assert shipped(table)["cohort"] == {"c2st_windows": {"200": {"rhythm_irregular": 0.05}}}


def test_a_line_that_a_kill_cut_off_is_measured_again(tmp_path):
    (tmp_path / "values-0-1.jsonl").write_text('{"data": "cohort", "n": 20, "da')
    assert read_values(tmp_path) == []


def test_units_are_told_apart():
    keys = {key(unit) for unit in made_up({0.02: 0.1, 0.05: 0.85})}
    assert len(keys) == N_INTERVAL + N_CHECK + 2 * N_REPEATS


def test_lines_whose_values_are_gone_are_kept():
    lines = list(powers(list(made_up({0.02: 0.1, 0.05: 0.85}))))
    other = {**lines[0], "n": 20, "power": 0.3}
    found = merged([other, {**lines[0], "power": 0.7}], lines)
    assert found == [other, *lines]
