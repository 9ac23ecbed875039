"""Scores of seizures as events: hand-computed cases of the conventions of SzCORE."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import UndefinedMetricWarning
from timescoring.annotations import Annotation
from timescoring.scoring import EventScoring

from geneeg_sk.datasets import make_eeg_cohort, make_windows, read_seizures
from geneeg_sk.metrics import event_scores, events_from_windows, window_event_scores

HOUR = 3600.0
undefined = pytest.mark.filterwarnings("ignore:not defined")


def events(*spans, patient="P", recording="a"):
    """Events from (onset, end)."""
    return pd.DataFrame(
        [(patient, recording, float(onset), float(end - onset)) for onset, end in spans],
        columns=["patient", "recording", "onset", "duration"],
    )


def recordings(*rows):
    rows = rows or [("P", "a", HOUR)]
    return pd.DataFrame(rows, columns=["patient", "recording", "duration"])


def score(true, detected, *rows):
    return event_scores(true, detected, recordings(*rows)).loc[("overall", "pooled")]


# true, detected, then seizures, found, false alarms: all in one hour
CASES = {
    "one second of overlap is enough": ([(1000, 1040)], [(1039, 1041)], 1, 1, 0),
    "29 s before still counts": ([(1000, 1040)], [(960, 971)], 1, 1, 0),
    "31 s before does not": ([(1000, 1040)], [(960, 969)], 1, 0, 1),
    "59 s after still counts": ([(1000, 1040)], [(1099, 1110)], 1, 1, 0),
    "61 s after does not": ([(1000, 1040)], [(1101, 1110)], 1, 0, 1),
    "detections 89 s apart are one alarm": ([], [(100, 110), (199, 210)], 0, 0, 1),
    "detections 91 s apart are two alarms": ([], [(100, 110), (201, 210)], 0, 0, 2),
    "seizures 89 s apart are one": ([(100, 110), (199, 210)], [(105, 106)], 1, 1, 0),
    "seizures 91 s apart are two": ([(100, 110), (201, 210)], [(105, 106)], 2, 1, 0),
    "a seizure of 11 min counts three times": ([(1000, 1660)], [(1010, 1020)], 3, 1, 0),
    "an alarm of 11 min counts three times": ([], [(1000, 1660)], 0, 0, 3),
    "nested detections are one": ([], [(100, 200), (120, 130)], 0, 0, 1),
    "order does not matter": ([(2000, 2040), (100, 140)], [(2001, 2002), (101, 102)], 2, 2, 0),
    "at the very end": ([(3590, 3600)], [(3595, 3600)], 1, 1, 0),
}


@undefined
@pytest.mark.parametrize("case", CASES)
def test_counts_are_those_worked_out_by_hand(case):
    true, detected, *expected = CASES[case]
    found = score(events(*true), events(*detected))
    assert found[["n_seizures", "n_detected", "n_false_alarms"]].tolist() == expected


def test_scores_follow_from_the_counts():
    true = events((500, 540), (1500, 1540), (2500, 2540))
    detected = events((505, 530), (1497, 1500), (2000, 2010))
    found = score(true, detected)
    assert found["sensitivity"] == pytest.approx(2 / 3)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["false_alarms_per_day"] == 24
    assert found["hours"] == 1
    assert found["latency"] == pytest.approx((5 - 3) / 2)


def test_the_latency_is_that_of_the_detection_which_meets_the_seizure_itself():
    seizure = events((1000, 1040))
    assert score(seizure, events((972, 980), (1004, 1030)))["latency"] == 4
    assert score(seizure, events((972, 980), (990, 1030)))["latency"] == -10
    assert score(seizure, events((972, 980)))["latency"] == -28
    assert score(seizure, events((1090, 1100)))["latency"] == 90


def test_a_latency_is_at_least_the_tolerance_and_never_that_of_a_gap_that_merging_filled():
    assert score(events((1000, 1040)), events((900, 1010)))["latency"] == -30
    assert score(events((1000, 1040)), events((960, 965), (1020, 1030)))["latency"] == 20


@undefined
def test_patients_weigh_the_same_in_the_mean_and_events_in_the_pool():
    table = recordings(("A", "1", HOUR), ("A", "2", HOUR), ("B", "1", 2 * HOUR))
    true = pd.concat(
        [
            events((100, 140), (1000, 1040), patient="A", recording="1"),
            events((100, 140), patient="A", recording="2"),
            events((100, 140), patient="B", recording="1"),
        ]
    )
    detected = pd.concat(
        [
            events((110, 120), (1004, 1010), (3000, 3010), patient="A", recording="1"),
            events((101, 120), patient="A", recording="2"),
        ]
    )
    scores = event_scores(true, detected, table)
    a, b = scores.loc[("patient", "A")], scores.loc[("patient", "B")]
    assert (a["sensitivity"], b["sensitivity"]) == (1, 0)
    assert (a["n_recordings"], a["hours"], a["n_false_alarms"]) == (2, 2, 1)
    assert (a["false_alarms_per_day"], b["false_alarms_per_day"]) == (12, 0)
    assert a["latency"] == 4  # the median of 10, 4 and 1
    assert scores.loc[("overall", "mean"), "sensitivity"] == 0.5
    assert scores.loc[("overall", "pooled"), "sensitivity"] == 0.75
    assert scores.loc[("overall", "mean"), "false_alarms_per_day"] == 6
    assert scores.loc[("overall", "pooled"), "false_alarms_per_day"] == 6


def test_an_undefined_score_is_nan_is_named_and_stays_out_of_the_mean():
    table = recordings(("A", "1", HOUR), ("B", "1", HOUR))
    true = events((100, 140), patient="A", recording="1")
    detected = events((110, 120), patient="A", recording="1")
    with pytest.warns(UndefinedMetricWarning, match="sensitivity of B; precision of B; f1 of B"):
        scores = event_scores(true, detected, table)
    b = scores.loc[("patient", "B")]
    assert b[["sensitivity", "precision", "f1", "latency"]].isna().all()
    assert b["false_alarms_per_day"] == 0
    assert scores.loc[("overall", "mean"), "sensitivity"] == 1


def test_a_missed_seizure_and_a_false_alarm_have_an_f1_of_zero():
    with pytest.warns(UndefinedMetricWarning, match="latency of P"):
        found = score(events((1000, 1040)), events((100, 110)))
    assert found[["sensitivity", "precision", "f1"]].tolist() == [0, 0, 0]


spans = st.lists(
    st.tuples(st.integers(0, 3400), st.integers(1, 600)).map(lambda s: (s[0], sum(s))), max_size=8
)


@undefined
@settings(max_examples=60, deadline=None)
@given(true=spans, detected=spans)
def test_scores_of_one_recording_are_those_of_timescoring_on_masks(true, detected):
    duration = 4000

    def mask(some):
        sampled = np.zeros(duration, bool)
        for onset, end in some:
            sampled[onset:end] = True
        return Annotation(sampled, 1)

    expected = EventScoring(mask(true), mask(detected))
    found = score(events(*true), events(*detected), ("P", "a", duration))
    np.testing.assert_allclose(
        found[["sensitivity", "precision", "f1", "false_alarms_per_day"]].to_numpy(float),
        [expected.sensitivity, expected.precision, expected.f1, expected.fpRate],
    )


@undefined
@settings(max_examples=30, deadline=None)
@given(true=spans.filter(len))
def test_the_truth_itself_is_perfect(true):
    found = score(events(*true), events(*true), ("P", "a", 4000))
    assert found[["sensitivity", "precision", "f1"]].tolist() == [1, 1, 1]
    assert found["n_false_alarms"] == 0
    assert found["latency"] == 0


@pytest.mark.parametrize(
    ("true", "detected", "rows", "message"),
    [
        (events((0, 5)), events((0, 5), recording="b"), [], "detected has an event in .*'b'"),
        (events((5000, 5010)), events(), [], "within the 3600 s"),
        (events((10, 10)), events(), [], "at least 0.1 s"),
        (events((-5, 10)), events(), [], "onset -5 s"),
        (events((0, float("nan"))), events(), [], "duration nan"),
        (events(), events(), [("P", "a", 1.0), ("P", "a", 2.0)], "twice"),
        (events(), events(), [("P", "a", float("nan"))], "duration nan; expected seconds"),
        (events().drop(columns="patient"), events(), [], "true must be a DataFrame with"),
    ],
)
def test_what_cannot_be_scored_is_refused(true, detected, rows, message):
    with pytest.raises(ValueError, match=message):
        event_scores(true, detected, recordings(*rows))


def test_annotations_may_exceed_a_recording_by_rounding():
    assert score(events((3590, 3600.5)), events((3595, 3600)))["n_detected"] == 1


def windows(onsets, recording="a"):
    return pd.DataFrame(
        {"patient": "P", "recording": recording, "onset": np.asarray(onsets, float)}
    )


def test_windows_that_touch_or_overlap_become_one_event():
    metadata = windows([0, 2, 4, 8, 12, 20])
    y = np.array(["ictal", "ictal", "normal", "ictal", "ictal", "ictal"])
    found = events_from_windows(y, metadata, length=4.0)
    assert found[["onset", "duration"]].to_numpy().tolist() == [[0, 6], [8, 8], [20, 4]]
    shuffled = np.random.default_rng(0).permutation(6)
    again = events_from_windows(y[shuffled], metadata.iloc[shuffled], length=4.0)
    pd.testing.assert_frame_equal(found, again)


def test_recordings_are_kept_apart_and_other_states_make_other_events():
    metadata = pd.concat([windows([0, 4]), windows([8], "b")])
    found = events_from_windows([1, 2, 2], metadata, length=4.0, state=2)
    assert found["recording"].tolist() == ["a", "b"]
    assert found["onset"].tolist() == [4, 8]
    assert events_from_windows([1, 1, 1], metadata, length=4.0, state=2).empty


@undefined
def test_time_that_no_window_covers_does_not_count_as_searched():
    # One false alarm in two separate halves of an hour.
    onsets = np.r_[np.arange(0, 1800, 4.0), np.arange(10000, 11800, 4.0)]
    y_true = np.full(len(onsets), "normal")
    y_pred = y_true.copy().astype("U8")
    y_pred[10] = "ictal"
    found = window_event_scores(y_true, y_pred, windows(onsets), length=4.0)
    pooled = found.loc[("overall", "pooled")]
    assert pooled["hours"] == 1
    assert pooled["false_alarms_per_day"] == 24


@undefined
def test_windows_of_a_recording_give_the_seizure_that_they_were_cut_from():
    raw = make_eeg_cohort(n_patients=1, sfreq=64, continuous=True, random_state=0).raws[0]
    cut = make_windows(raw, preictal=28, postictal=10, min_distance=30, step=1.0)
    found = events_from_windows(cut.y, cut.metadata, length=4.0)
    assert len(found) == 1
    assert abs(found["onset"][0] - raw.annotations.onset[0]) <= 3
    perfect = window_event_scores(cut.y, cut.y, cut.metadata, length=4.0)
    assert perfect.loc[("overall", "pooled"), ["sensitivity", "precision", "latency"]].tolist() == [
        *(1, 1, 0)
    ]


def test_tables_of_a_database_can_be_scored_as_they_are(data_folder):
    true = read_seizures(data_folder / "chbmit-excerpt")
    table = recordings(*((r.patient, r.recording, 61.0) for r in true.itertuples()))
    scores = event_scores(true, true, table)
    assert scores.loc[("patient", "chb01"), ["n_seizures", "n_detected", "f1"]].tolist() == [
        4,
        4,
        1,
    ]


def test_windows_without_their_place_are_refused():
    with pytest.raises(ValueError, match="metadata must be a DataFrame with the columns"):
        events_from_windows(["ictal"], pd.DataFrame({"onset": [0.0]}), length=4.0)
    with pytest.raises(ValueError, match="no row"):
        window_event_scores([], [], windows([]), length=4.0)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        events_from_windows(["ictal"], windows([0, 4]), length=4.0)
    with pytest.raises(ValueError, match="length=0"):
        events_from_windows(["ictal"], windows([0]), length=0)
