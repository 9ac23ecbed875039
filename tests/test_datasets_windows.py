import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geneeg_sk.datasets import make_windows

mne = pytest.importorskip("mne")

SFREQ = 32.0


def recording(seconds, seizures=(), description="seizure", channels=("C3", "C4")):
    """White noise of 20 µV with annotated seizures, (onset, duration) each."""
    info = mne.create_info(list(channels), SFREQ, "eeg", verbose="ERROR")
    noise = np.random.default_rng(0).standard_normal((len(channels), round(seconds * SFREQ)))
    raw = mne.io.RawArray(noise * 20e-6, info, verbose="ERROR")
    onsets, durations = np.array(seizures).reshape(-1, 2).T
    raw.set_annotations(mne.Annotations(onsets, durations, [description] * len(onsets)))
    return raw


def onsets_of(windows, state):
    return windows.metadata.query("state == @state")["onset"].tolist()


NEAR = {"preictal": 20, "postictal": 10, "min_distance": 30}


def test_windows_are_exact_cuts_in_microvolts():
    raw = recording(100, [(60, 20)])
    windows = make_windows(raw, **NEAR)
    assert windows.X.dtype == np.float32
    for window, onset in zip(windows.X, windows.metadata["onset"]):
        start = round(onset * SFREQ)
        cut = raw.get_data(start=start, stop=start + 128) * 1e6
        np.testing.assert_allclose(window, cut, rtol=1e-5)


def test_zones_around_a_seizure_decide_the_state():
    windows = make_windows(recording(200, [(102, 20)]), step=4.0, preictal_offset=6, **NEAR)
    assert onsets_of(windows, "ictal") == [100, 104, 108, 112, 116, 120]
    # Within the 20 s that end 6 s before the onset.
    assert onsets_of(windows, "preictal") == [76, 80, 84, 88, 92]
    # 30 s away from the seizure on either side.
    assert onsets_of(windows, "normal") == [*range(0, 69, 4), *range(152, 197, 4)]
    assert windows.dropped == {"near a seizure": 6, "postictal": 2, "preictal offset": 1}


def test_the_middle_of_a_long_seizure_is_ictal():
    windows = make_windows(recording(400, [(100, 200)]), step=4.0, **NEAR)
    assert onsets_of(windows, "ictal") == list(range(100, 300, 4))


def test_a_window_that_only_touches_a_seizure_is_dropped():
    windows = make_windows(recording(120, [(63, 20)]), step=4.0, **NEAR)
    assert 60.0 not in windows.metadata["onset"].tolist()
    assert windows.dropped["touches a seizure"] == 1
    lenient = make_windows(recording(120, [(63, 20)]), step=4.0, min_overlap=0.25, **NEAR)
    assert 60.0 in onsets_of(lenient, "ictal")


def test_what_follows_a_seizure_closely_is_not_preictal_of_the_next():
    windows = make_windows(recording(160, [(60, 20), (100, 20)]), step=4.0, **NEAR)
    between = [onset for onset in onsets_of(windows, "preictal") if onset >= 80]
    assert between == [92, 96]


def test_every_state_may_have_its_own_step():
    step = {"normal": 8, "ictal": 1}
    windows = make_windows(recording(200, [(100, 20)]), step=step, **NEAR)
    assert set(np.diff(onsets_of(windows, "ictal"))) == {1}
    assert {8} <= set(np.diff(onsets_of(windows, "normal")))
    assert set(np.diff(onsets_of(windows, "preictal"))) == {4}


@settings(max_examples=40, deadline=None)
@given(
    onset=st.integers(10, 150),
    duration=st.integers(3, 120),
    min_overlap=st.sampled_from([0.1, 0.5, 0.75, 1.0]),
)
def test_ictal_windows_are_those_that_lie_enough_in_a_seizure(onset, duration, min_overlap):
    windows = make_windows(
        recording(300, [(onset, duration)]), step=2.0, min_overlap=min_overlap, **NEAR
    )
    starts = np.arange(0, 297, 2.0)
    inside = np.minimum(starts + 4, onset + duration) - np.maximum(starts, onset)
    assert onsets_of(windows, "ictal") == starts[inside >= min_overlap * 4].tolist()
    others = windows.metadata.query("state != 'ictal'")["onset"]
    assert not ((others < onset + duration) & (others + 4 > onset)).any()


def test_windows_that_are_too_large_are_dropped_and_counted():
    raw = recording(100, [(60, 20)])
    raw._data[1, round(9 * SFREQ)] = 1e-3
    for reject in (500.0, {"eeg": 500e-6}):
        windows = make_windows(raw, reject=reject, **NEAR)
        assert 8.0 not in onsets_of(windows, "normal")
        assert windows.dropped["amplitude above reject"] == 1


def test_windows_annotated_as_bad_are_dropped():
    raw = recording(100, [(60, 20)])
    raw.annotations.append(9.0, 1.0, "BAD_movement")
    windows = make_windows(raw, **NEAR)
    assert 8.0 not in onsets_of(windows, "normal")
    assert windows.dropped["annotated as bad"] == 1


@pytest.mark.parametrize("date", [None, 0])
def test_annotations_of_a_cropped_recording_keep_their_place(date):
    raw = recording(100, [(60, 20)])
    raw.annotations.append(25.0, 1.0, "BAD_movement")
    raw.set_meas_date(date)
    windows = make_windows(raw.copy().crop(20), **NEAR)
    assert onsets_of(windows, "ictal")[0] == 40.0 - 2.0
    assert windows.dropped["annotated as bad"] == 1
    assert 4.0 not in onsets_of(windows, "normal")


@pytest.mark.parametrize("description", ["Seizure", "sz_foc_ia", "focal seizure", "Ictal", "SZ"])
def test_usual_names_of_seizures_are_understood(description):
    windows = make_windows(recording(100, [(60, 20)], description), **NEAR)
    assert onsets_of(windows, "ictal")


@pytest.mark.parametrize("description", ["preictal", "post-ictal", "Interictal", "no seizure"])
def test_what_is_not_a_seizure_is_not_taken_for_one(description):
    with pytest.raises(ValueError, match="no annotation of a seizure"):
        make_windows(recording(100, [(60, 20)], description), **NEAR)


def test_without_annotations_the_error_says_how_to_get_them():
    with pytest.raises(ValueError, match=r"read_seizures.*seizures=\[\]"):
        make_windows(recording(100))


def test_a_recording_known_to_be_free_of_seizures_is_all_normal():
    windows = make_windows(recording(100), seizures=[])
    assert set(windows.y) == {"normal"}
    assert len(windows.X) == 25
    assert windows.dropped == {}
    assert windows.metadata["seizure"].isna().all()


def test_a_recording_shorter_than_a_window_is_refused():
    with pytest.raises(ValueError, match="lasts 3 s, less than one window of 4 s"):
        make_windows(recording(3), seizures=[])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (np.nan, "NaN or infinity: first in channel C4 at 5 s"),
        (np.inf, "NaN or infinity"),
    ],
)
def test_what_is_not_a_number_is_refused_and_located(damage, message):
    raw = recording(100, [(60, 20)])
    raw._data[1, round(5 * SFREQ)] = damage
    with pytest.raises(ValueError, match=message):
        make_windows(raw)


def test_a_flat_channel_is_refused_unless_it_is_marked_bad():
    raw = recording(100, [(60, 20)])
    raw._data[1] = 0
    with pytest.raises(ValueError, match=r"flat channels \['C4'\]"):
        make_windows(raw, **NEAR)
    raw.info["bads"] = ["C4"]
    assert make_windows(raw, **NEAR).info.ch_names == ["C3"]


@pytest.mark.parametrize(
    ("seizures", "message"),
    [
        ([(200, 10)], "lasts 100 s, but a seizure is annotated from 200 to 210 s"),
        ([(20, 0)], "without a duration"),
        ([(20, np.nan)], "onset and duration"),
    ],
)
def test_impossible_seizures_are_refused(seizures, message):
    with pytest.raises(ValueError, match=message):
        make_windows(recording(100), seizures=seizures)


def test_a_seizure_beyond_the_end_is_warned_about():
    with pytest.warns(UserWarning, match="the part that is recorded is used"):
        windows = make_windows(recording(100), seizures=[(90, 30)], **NEAR)
    assert onsets_of(windows, "ictal")[-1] == 96


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"length": 0}, "length"),
        ({"preictal": -1}, "preictal"),
        ({"min_overlap": 0}, "min_overlap"),
        ({"step": 0}, "step"),
        ({"step": {"sleep": 1}}, "unknown states"),
        ({"reject": {"eog": 1e-4}}, "reject"),
    ],
)
def test_wrong_parameters_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        make_windows(recording(100, [(60, 20)]), **wrong)
