"""A fitted classifier on continuous recordings: detections, events on disk, their picture."""

import hashlib
import json
import pickle
import re
import runpy
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import edfio
import matplotlib
import mne
import numpy as np
import pandas as pd
import pytest
from sealing import forge
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from typer.testing import CliRunner

from geneeg_sk.classification import _detector, detect_seizures
from geneeg_sk.cli import app
from geneeg_sk.datasets import (
    _preparer,
    load_bids,
    load_braindecode,
    load_chbmit,
    make_eeg_cohort,
    make_windows,
    read_seizures,
    write_events,
)
from geneeg_sk.features import EEGFeatures
from geneeg_sk.inspection import EventTimelineDisplay
from geneeg_sk.metrics import event_scores
from geneeg_sk.preprocessing import BackgroundScaler

matplotlib.use("agg")

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/guide/detect.md").read_text(encoding="utf-8")

SZ = pd.DataFrame({"onset": [10.0], "duration": [10.0]})
NEAR = {"preictal": 5, "postictal": 0, "min_distance": 5}
AS_IT_IS = {"l_freq": None, "h_freq": None}


class Recorder(ClassifierMixin, BaseEstimator):
    """Keep the windows it is shown; call those ictal whose first channel swings widely."""

    def __init__(self, limit=100.0):
        self.limit = limit
        self.classes_ = np.array(["ictal", "normal"])
        self.seen_ = []

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        self.seen_.append(X)
        ictal = (np.ptp(X[:, 0], axis=1) > self.limit).astype(float)
        return np.column_stack([ictal, 1 - ictal])


def bursts(*spans, seconds=300, sfreq=64.0, n_channels=2):
    """A quiet recording with large waves in some spans (onset, end)."""
    times = np.arange(int(seconds * sfreq)) / sfreq
    signal = np.random.default_rng(0).normal(0, 5, (n_channels, len(times)))
    for onset, end in spans:
        inside = (times >= onset) & (times < end)
        signal[:, inside] += 200 * np.sin(2 * np.pi * 5 * times[inside])
    names = ["Fz", "Cz", "Pz", *(f"EEG{k}" for k in range(3, n_channels))][:n_channels]
    return mne.io.RawArray(signal / 1e6, mne.create_info(names, sfreq, "eeg"), verbose="ERROR")


def spans_of(detection):
    events = detection.events
    return list(zip(events["onset"], events["onset"] + events["duration"]))


def test_a_burst_is_found_where_it_is():
    raw = bursts((100, 140), (200, 230))
    detection = detect_seizures(raw, Recorder(), **AS_IT_IS)
    np.testing.assert_allclose(spans_of(detection), [(100, 140), (200, 230)], atol=4)
    assert (detection.events["confidence"] > 0.5).all()
    assert detection.probability[120] == 1
    assert detection.probability[10] == 0


@pytest.mark.parametrize("n_windows", [3, 10, 1000])
def test_windows_scaled_by_the_background_are_those_of_the_scaler(n_windows):
    raw = bursts((100, 140))
    model = Recorder()
    options = {"length": 2.0, "step": 2.0, "background_windows": n_windows, **AS_IT_IS}
    detect_seizures(raw, model, **options)
    X = (raw.get_data() * 1e6).astype(np.float32).reshape(2, -1, 128).transpose(1, 0, 2)
    expected = BackgroundScaler(sfreq=64, n_windows=n_windows).fit_transform(X)
    np.testing.assert_allclose(np.concatenate(model.seen_), expected, rtol=1e-4, atol=1e-3)


def test_a_background_of_no_windows_is_refused():
    with pytest.raises(ValueError, match="background_windows must be 1 or more, got 0"):
        detect_seizures(bursts(), Recorder(), background_windows=0, **AS_IT_IS)


@pytest.mark.parametrize("n_channels", [1, 64])
def test_one_channel_will_do_and_so_will_64(n_channels):
    raw = bursts((100, 140), n_channels=n_channels)
    detection = detect_seizures(raw, Recorder(), channels=raw.ch_names, **AS_IT_IS)
    np.testing.assert_allclose(spans_of(detection), [(100, 140)], atol=4)


def test_smoothing_drops_what_is_short_and_closes_short_gaps():
    raw = bursts((50, 51), (100, 130), (132, 160))
    rough = detect_seizures(raw, Recorder(), length=1.0, smoothing=0, **AS_IT_IS)
    smooth = detect_seizures(raw, Recorder(), length=1.0, **AS_IT_IS)
    assert len(rough.events) == 3
    np.testing.assert_allclose(spans_of(smooth), [(100, 160)], atol=2)


def test_every_moment_has_the_mean_probability_of_the_windows_that_hold_it():
    proba = np.array([0.0, 1.0, 0.0, 0.0, 1.0])
    expected = [0, 1 / 2, 1 / 3, 1 / 3, 1 / 3, 1 / 2, 1]
    found = _detector.smooth(proba, overlap=3, size=0)
    np.testing.assert_allclose(found, expected)
    assert _detector.smooth(np.ones(50), overlap=4, size=10) == pytest.approx(1)


def test_an_event_may_begin_and_end_with_the_recording():
    raw = bursts((0, 61), seconds=60.7)
    detection = detect_seizures(raw, Recorder(), **AS_IT_IS)
    assert spans_of(detection) == [(0, pytest.approx(detection.duration))]
    assert detection.duration == raw.n_times / 64


@pytest.mark.parametrize("block", [None, 13.0])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sfreq": 128.0},
        {"sfreq": 100.0, "notch": 45.0, "h_freq": 40.0},
        {"l_freq": None, "h_freq": None},
        {"channels": ["Fp1-C3", "P7-O1"], "l_freq": 1.0},
    ],
)
def test_windows_are_those_that_the_loader_trains_on(data_folder, monkeypatch, options, block):
    if block is not None:
        monkeypatch.setattr(_preparer, "BLOCK_SECONDS", block)
        monkeypatch.setattr(_detector, "BLOCK_VALUES", 2**16)
    windows = load_chbmit(data_folder / "chbmit-excerpt", step=1.0, verbose=False, **options)
    path = data_folder / "chbmit-excerpt/chb01/chb01_16.edf"
    recorder = Recorder()
    detect_seizures(path, recorder, **options | {"channels": windows.info.ch_names})
    seen = np.concatenate(recorder.seen_)
    rows = windows.metadata["recording"].str.contains("_16")
    at = windows.metadata.loc[rows, "onset"].astype(int)
    assert rows.sum() > 10
    np.testing.assert_array_equal(seen[at], windows.X[rows])
    assert seen.dtype == np.float32


def test_windows_against_the_average_are_those_that_the_loader_trains_on(tmp_path):
    raw = bursts((100, 140), n_channels=3)
    raw.export(tmp_path / "sub-1_eeg.edf", verbose="ERROR")
    write_events(tmp_path / "sub-1_events.tsv", SZ, duration=raw.times[-1])
    options = {"channels": ["Fz", "Cz", "Pz"], "reference": "average", "h_freq": 30.0}
    windows = load_bids(tmp_path, step=1.0, verbose=False, **options, **NEAR)
    recorder = Recorder()
    detect_seizures(tmp_path / "sub-1_eeg.edf", recorder, **options)
    seen = np.concatenate(recorder.seen_)
    at = windows.metadata["onset"].astype(int)
    np.testing.assert_array_equal(seen[at], windows.X)


def test_windows_of_channels_of_different_rates_are_those_that_the_loader_trains_on(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(_preparer, "BLOCK_SECONDS", 13.0)
    rng = np.random.default_rng(0)
    signals = [
        edfio.EdfSignal(rng.normal(0, 30, 60 * rate), rate, label=name, physical_dimension="uV")
        for name, rate in (("C3", 128), ("C4", 64))
    ]
    edfio.Edf(signals).write(tmp_path / "sub-1_eeg.edf")
    write_events(tmp_path / "sub-1_events.tsv", SZ, duration=60.0)
    options = {"channels": ["C4", "C3"], "h_freq": 30.0}
    windows = load_bids(tmp_path, step=1.0, verbose=False, **options, **NEAR)
    recorder = Recorder()
    detect_seizures(tmp_path / "sub-1_eeg.edf", recorder, **options)
    at = windows.metadata["onset"].astype(int)
    np.testing.assert_array_equal(np.concatenate(recorder.seen_)[at], windows.X)


def test_gaps_that_are_annotated_are_filtered_alike_by_loader_and_detector():
    parts = [bursts((10, 20), seconds=60), bursts(seconds=60)]
    raw = mne.concatenate_raws(parts, verbose="ERROR")  # annotates the seam
    raw._data[:, raw.n_times // 2 :] += 1e-3
    raw.annotations.append(10, 10, "seizure")
    raw.set_meas_date(None)
    dataset = SimpleNamespace(datasets=[SimpleNamespace(raw=raw, description={"subject": "1"})])
    options = {"channels": ["Fz", "Cz"], "h_freq": 30.0}
    windows = load_braindecode(dataset, step=1.0, verbose=False, **options, **NEAR)
    recorder = Recorder()
    detect_seizures(raw, recorder, **options)
    at = windows.metadata["onset"].astype(int)
    np.testing.assert_array_equal(np.concatenate(recorder.seen_)[at], windows.X)
    assert np.abs(windows.X).max() < 300  # else the step of 1,000 µV would ring


@pytest.mark.parametrize(
    ("sfreq", "target"), [(64.0, None), (64.0, 32.0), (173.61, 128.0), (100.0, 64.0)]
)
def test_blocks_leave_no_seam(monkeypatch, sfreq, target):
    raw = bursts((100, 140), seconds=400, sfreq=sfreq)
    whole, blocks = Recorder(), Recorder()
    options = {"sfreq": target, "h_freq": 14.0, "notch": 10.0}
    one = detect_seizures(raw, whole, **options)
    monkeypatch.setattr(_preparer, "BLOCK_SECONDS", 60.0)
    other = detect_seizures(raw, blocks, **options)
    assert len(whole.seen_) == 1
    assert len(blocks.seen_) > 5
    found, expected = np.concatenate(blocks.seen_), whole.seen_[0]
    tolerance = 1e-3 if target is None else 0.5  # µV, of 400: resampling has no finite kernel
    np.testing.assert_allclose(found, expected, atol=tolerance)
    pd.testing.assert_frame_equal(one.events, other.events)


def test_memory_does_not_grow_with_the_recording(monkeypatch, tmp_path):
    monkeypatch.setattr(_detector, "BLOCK_VALUES", 2**16)
    peaks = []
    for seconds in (600, 3600):
        path = tmp_path / f"{seconds}.edf"
        bursts(seconds=seconds).export(path, verbose="ERROR")
        model = QuietModel()
        tracemalloc.start()
        detect_seizures(path, model, channels=["Fz", "Cz"], h_freq=30)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


class QuietModel(Recorder):
    def predict_proba(self, X):
        self.seen_.clear()
        return super().predict_proba(X)


@pytest.mark.parametrize("meas_date", [None, 946684800])
@pytest.mark.parametrize("first_samp", [0, 640])
def test_annotations_lie_where_the_signal_is(meas_date, first_samp):
    burst = bursts((100, 140))
    raw = mne.io.RawArray(burst.get_data(), burst.info, first_samp=first_samp, verbose="ERROR")
    raw.set_meas_date(meas_date)
    detection = detect_seizures(raw, Recorder(), **AS_IT_IS)
    raw.set_annotations(detection.annotations)
    assert list(raw.annotations.description) == ["sz"]
    part = raw.crop_by_annotations(verbose="ERROR")[0].get_data() * 1e6
    assert np.ptp(part[0, 640:-640]) > 350


def test_make_windows_understands_the_annotations():
    raw = bursts((100, 140))
    raw.set_annotations(detect_seizures(raw, Recorder(), **AS_IT_IS).annotations)
    cut = make_windows(raw, preictal=20, postictal=0, min_distance=30)
    ictal = cut.metadata.query("state == 'ictal'")["onset"]
    assert 96 <= ictal.min() < 104
    assert 132 <= ictal.max() < 142


def test_channels_are_found_by_name_and_derived_where_they_are_missing():
    raw = bursts((100, 140), n_channels=3)
    raw.rename_channels({"Fz": "EEG FZ-REF", "Cz": "EEG CZ-REF", "Pz": "EEG PZ-REF"})
    recorder = Recorder()
    detect_seizures(raw, recorder, channels=["Cz-Pz", "Fz-Cz"], **AS_IT_IS)
    signal = raw.get_data()[:, :256] * 1e6
    np.testing.assert_allclose(recorder.seen_[0][0][0], signal[1] - signal[2], rtol=1e-5)
    detect_seizures(raw, recorder, channels=["Pz"], reference=["Fz", "Cz"], **AS_IT_IS)
    expected = signal[2] - signal[:2].mean(axis=0)
    np.testing.assert_allclose(recorder.seen_[-1][0][0], expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match=r"lacks channels \['O1'\]"):
        detect_seizures(raw, recorder, channels=["O1"], **AS_IT_IS)


def test_bad_channels_stay_out_where_none_are_named():
    raw = bursts()
    raw.info["bads"] = ["Fz"]
    recorder = Recorder()
    detect_seizures(raw, recorder, **AS_IT_IS)
    assert recorder.seen_[0].shape[1] == 1
    raw.info["bads"] = ["Fz", "Cz"]
    with pytest.raises(ValueError, match="no good EEG channel"):
        detect_seizures(raw, recorder, **AS_IT_IS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": 5.0}, "at most length=4"),
        ({"step": 0}, "step=0"),
        ({"length": 0}, "length"),
        ({"length": 400, "step": 1, **AS_IT_IS}, "less than one window"),
        ({"threshold": 0}, "threshold"),
        ({"smoothing": -1}, "smoothing"),
        ({"smoothing": 1e9}, "smoothing must be 0 to 3600"),
        ({"sfreq": 1e12}, "sfreq must be positive, in Hz, and at most"),
        ({"state": "asleep"}, "asleep.*'ictal', 'normal'"),
        ({"sfreq": -1}, "sfreq"),
        ({"channels": []}, "at least one"),
    ],
)
def test_parameters_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        detect_seizures(bursts(), Recorder(), **options)


def test_estimators_that_cannot_detect_are_refused():
    windows = np.random.default_rng(0).normal(size=(20, 256))
    y = ["ictal", "normal"] * 10
    with pytest.raises(NotFittedError):
        detect_seizures(bursts(), make_pipeline(EEGFeatures(sfreq=64), LogisticRegression()))
    with pytest.raises(TypeError, match="CalibratedClassifierCV"):
        detect_seizures(bursts(), LinearSVC().fit(windows, y))
    features = make_pipeline(EEGFeatures(sfreq=64), LogisticRegression()).fit(windows[:, None], y)
    with pytest.raises(ValueError, match="has 2 features"):
        detect_seizures(bursts(), features, h_freq=30)


def test_missing_samples_are_named_and_flat_channels_warned_of():
    raw = bursts()
    raw._data[1, 6400] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity: first in channel Cz at 100 s"):
        detect_seizures(raw, Recorder(), **AS_IT_IS)
    raw._data[1] = 0
    with pytest.warns(UserWarning, match=r"flat channels \['Cz'\]"):
        detect_seizures(raw, Recorder(), **AS_IT_IS)


def test_a_truncated_file_is_named(data_folder, tmp_path):
    whole = (data_folder / "chbmit-excerpt/chb01/chb01_04.edf").read_bytes()
    (tmp_path / "cut.edf").write_bytes(whole[:100_000])
    with pytest.raises(ValueError, match=r"cut\.edf is truncated"):
        detect_seizures(tmp_path / "cut.edf", Recorder())


# Events on disk


def test_events_come_back_from_a_bids_folder(tmp_path):
    raw = bursts((100, 140), (200, 230), n_channels=3)
    detection = detect_seizures(raw, Recorder(), **AS_IT_IS)
    folder = tmp_path / "sub-01" / "eeg"
    folder.mkdir(parents=True)
    raw.export(folder / "sub-01_task-rest_eeg.edf", verbose="ERROR")
    target = folder / "sub-01_task-rest_events.tsv"
    write_events(target, detection.events, duration=detection.duration)
    table = read_seizures(tmp_path)
    np.testing.assert_allclose(table["onset"], detection.events["onset"], atol=0.005)
    np.testing.assert_allclose(table["duration"], detection.events["duration"], atol=0.005)
    assert table["patient"].unique().tolist() == ["01"]
    zones = {"preictal": 20, "postictal": 0, "min_distance": 20}
    loaded = load_bids(tmp_path, channels=["Fz", "Cz"], h_freq=30, verbose=False, **zones)
    assert loaded.metadata["seizure"].nunique() == 2
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == []


def test_the_columns_are_those_of_szcore(data_folder, tmp_path):
    model = (data_folder / "formats/bids-events.tsv").read_text().splitlines()
    raw = bursts((100, 140))
    raw.set_meas_date(946684800)  # 2000-01-01
    detection = detect_seizures(raw, Recorder(), **AS_IT_IS)
    path = tmp_path / "x_events.tsv"
    start = raw.info["meas_date"]
    write_events(path, detection.events, duration=detection.duration, start=start)
    header, row = path.read_text().splitlines()
    assert header == model[0]
    cells, expected = row.split("\t"), model[1].split("\t")
    assert cells[2] == expected[2] == "sz"
    assert cells[5] == expected[5] == "2000-01-01 00:00:00"
    assert cells[6] == "300.00"
    assert 0.5 <= float(cells[3]) <= 1


def test_a_recording_without_seizures_is_written_as_searched(tmp_path):
    path = tmp_path / "sub-02_events.tsv"
    write_events(path, pd.DataFrame(columns=["onset", "duration"]), duration=3600)
    assert path.read_text().splitlines()[1].split("\t")[:4] == ["0.00", "3600.00", "bckg", "n/a"]
    assert read_seizures(tmp_path).empty


def test_events_that_cannot_be_are_not_written(tmp_path):
    good = pd.DataFrame({"onset": [1.0], "duration": [2.0]})
    path = tmp_path / "x_events.tsv"
    write_events(path, good, duration=60)
    before = path.read_text()
    for wrong, message in [
        (good.assign(onset=-1.0), "onset -1"),
        (good.assign(duration=70.0), "within the 60 s"),
        (good.assign(onset=np.nan), "onset nan"),
        (good.drop(columns="onset"), "lack the columns"),
    ]:
        with pytest.raises(ValueError, match=message):
            write_events(path, wrong, duration=60)
    assert path.read_text() == before
    with pytest.raises(ValueError, match=r"\.tsv"):
        write_events(tmp_path / "x.csv", good, duration=60)


# On real seizures, and simulated ones


def test_a_seizure_of_the_fourth_recording_is_found_by_training_on_three(data_folder):
    folder = data_folder / "chbmit-excerpt"
    windows = load_chbmit(folder, sfreq=128, step=1.0, verbose=False)
    path = folder / "chb01/chb01_16.edf"
    train = ~windows.metadata["recording"].str.contains("_16").to_numpy()
    clf = make_pipeline(
        EEGFeatures(sfreq=128),
        StandardScaler(),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    ).fit(windows.X[train], windows.y[train])
    name = "chb01/chb01_16.edf"
    detection = detect_seizures(
        path,
        clf,
        channels=windows.info.ch_names,
        sfreq=128,
        patient="chb01",
        recording=name,
    )
    true = read_seizures(folder).query("recording == @name")
    searched = pd.DataFrame([("chb01", name, detection.duration)])
    searched.columns = ["patient", "recording", "duration"]
    scores = event_scores(true, detection.events, searched)
    assert scores.loc[("patient", "chb01"), "sensitivity"] == 1


def test_seizures_of_a_new_simulated_patient_are_found_without_false_alarms():
    cohort = make_eeg_cohort(n_patients=4, sfreq=64, continuous=True, random_state=0)
    train = np.isin(cohort.groups, np.unique(cohort.groups)[:3])
    clf = make_pipeline(
        EEGFeatures(sfreq=64, average=True),
        StandardScaler(),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    ).fit(cohort.X[train], cohort.y[train])
    new = [raw for raw in cohort.raws if raw.info["subject_info"]["his_id"] == "P04"]
    names = [{"patient": "P04", "recording": str(k)} for k in range(len(new))]
    found = [detect_seizures(raw, clf, h_freq=31, **name) for raw, name in zip(new, names)]
    true = [
        {**name, "onset": a["onset"], "duration": a["duration"]}
        for raw, name in zip(new, names)
        for a in raw.annotations
        if a["description"] == "seizure"
    ]
    searched = pd.DataFrame([{**n, "duration": one.duration} for n, one in zip(names, found)])
    events = pd.concat([one.events for one in found])
    scores = event_scores(pd.DataFrame(true), events, searched).loc[("patient", "P04")]
    assert scores["n_seizures"] == len(true) >= 2
    assert scores[["sensitivity", "precision"]].tolist() == [1, 1]
    assert abs(scores["latency"]) < 15


@pytest.mark.slow
def test_the_page_shows_what_the_example_prints(data_folder, monkeypatch, capsys):
    folder = str(data_folder / "chbmit-excerpt")
    monkeypatch.setattr(sys, "argv", ["plot_detection.py", folder])
    runpy.run_path(str(ROOT / "examples/plot_detection.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed in re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    # and the sums below it are those of its lines
    annotated, detected = zip(*re.findall(r"annotated (.*); detected (.*)", printed))
    seizure = np.zeros((4, 61), bool)
    found = np.zeros((4, 61), bool)
    for mask, lines in ((seizure, annotated), (found, detected)):
        for row, line in zip(mask, lines):
            for onset, end in re.findall(r"(\d+)-(\d+) s", line):
                row[int(onset) : int(end)] = True
    shown = f"of {seizure.sum()} s of seizure, {(seizure & found).sum()} are"
    assert shown in " ".join(PAGE.split())
    before = ~seizure & (np.arange(61) < 10)
    shown = f"of the {before.sum()} s before seizures, {(before & found).sum()},"
    assert shown in " ".join(PAGE.split())


def test_an_always_on_detector_would_score_as_well_on_the_excerpt(data_folder):
    windows = load_chbmit(data_folder / "chbmit-excerpt", step=1.0, verbose=False)
    always = windows.recordings.assign(onset=0.0)
    scores = event_scores(windows.seizures, always, windows.recordings)
    assert (scores.loc[("overall", "pooled"), ["sensitivity", "precision", "f1"]] == 1).all()


@pytest.mark.slow
def test_code_on_the_page_runs(data_folder, monkeypatch):
    monkeypatch.setenv("GENEEG_DATA", str(data_folder))
    namespace = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(block, "detection.md", "exec"), namespace)
    assert namespace["scores"].loc[("patient", "chb01"), "n_seizures"] == 1


# Their picture


def heights(ax):
    """The rows of bars, by their label: where they begin and end."""
    ticks = dict(zip((t.get_text() for t in ax.get_yticklabels()), ax.get_yticks()))
    found = {}
    for name in ("annotated", "detected"):
        bars = [c for c in ax.collections if name in ticks and len(c.get_paths())]
        for collection in bars:
            box = collection.get_paths()[0].get_extents()
            if box.y0 < ticks[name] < box.y1:
                paths = [path.get_extents() for path in collection.get_paths()]
                found[name] = [(box.x0, box.x1) for box in paths]
    return found


def test_the_timeline_shows_seizures_detections_and_probability_in_time():
    detection = detect_seizures(bursts((100, 140), (200, 230)), Recorder(), **AS_IT_IS)
    seizures = pd.DataFrame({"onset": [101.0], "duration": [38.0]})
    ax = EventTimelineDisplay.from_detection(detection, seizures).ax_
    assert ax.get_xlabel() == "time (min)"
    assert ax.get_xlim() == (0, 5)
    rows = heights(ax)
    np.testing.assert_allclose(rows["annotated"], [(101 / 60, 139 / 60)])
    np.testing.assert_allclose(rows["detected"], np.array(spans_of(detection)) / 60)
    line = ax.lines[0]
    np.testing.assert_allclose(line.get_xdata(), np.append(detection.times, 300) / 60)
    np.testing.assert_array_equal(line.get_ydata()[:-1], detection.probability)
    assert "threshold 0.5" in [t.get_text() for t in ax.get_yticklabels()]


@pytest.mark.parametrize(("seconds", "unit"), [(60, "s"), (600, "min"), (86400, "h")])
def test_the_unit_of_time_follows_the_recording(seconds, unit):
    display = EventTimelineDisplay(
        detected=pd.DataFrame({"onset": [10.0], "duration": [20.0]}),
        times=np.arange(seconds),
        probability=np.zeros(seconds),
        threshold=0.5,
        duration=float(seconds),
    )
    assert display.plot().ax_.get_xlabel() == f"time ({unit})"


def test_a_timeline_without_annotations_has_no_row_for_them_and_takes_given_axes():
    from matplotlib.figure import Figure

    detection = detect_seizures(bursts((100, 140)), Recorder(), **AS_IT_IS)
    figure = Figure()
    display = EventTimelineDisplay.from_detection(detection, ax=figure.subplots())
    assert display.figure_ is figure
    assert set(heights(display.ax_)) == {"detected"}
    nothing = pd.DataFrame(columns=["onset", "duration"])
    labels = EventTimelineDisplay.from_detection(detection, nothing).ax_.get_yticklabels()
    assert "annotated" in [t.get_text() for t in labels]


def test_a_timeline_is_of_one_recording():
    detection = detect_seizures(bursts((100, 140)), Recorder(), **AS_IT_IS)
    two = pd.DataFrame({"recording": ["a", "b"], "onset": [1.0, 2.0], "duration": [1.0, 1.0]})
    with pytest.raises(ValueError, match="2 recordings"):
        EventTimelineDisplay.from_detection(detection, two)
    with pytest.raises(ValueError, match="'onset' and 'duration'"):
        EventTimelineDisplay.from_detection(detection, two[["recording", "onset"]].head(1))


# From the shell


def run(*args, code=0):
    result = CliRunner().invoke(app, list(map(str, args)), env={"COLUMNS": "200"})
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def excerpt(data_folder, tmp_path_factory):
    """The recordings, a store of windows of them, and a detector trained on it."""
    folder = tmp_path_factory.mktemp("detect")
    cut = ["--sfreq", 128, "--channels", "Fp1-F7,F7-T7,T7-P7,P7-O1", "--length", 2]
    run("windows", "--chbmit", data_folder / "chbmit-excerpt", "--out", folder / "windows", *cut)
    recordings = sorted((data_folder / "chbmit-excerpt/chb01").glob("*.edf"))
    args = ["--windows", folder / "windows", "--save", folder / "detector", "--epochs", 3]
    printed = run("detect", *recordings[:2], *args, "--out", folder / "events")
    return folder, recordings, printed


def test_a_store_and_recordings_become_events(excerpt):
    folder, recordings, printed = excerpt
    written = sorted((folder / "events").iterdir())
    assert [p.name for p in written] == ["chb01_03_events.tsv", "chb01_04_events.tsv"]
    for recording, target in zip(recordings, written):
        assert recording.name in printed
        table = pd.read_csv(target, sep="\t")
        assert set(table["eventType"]) <= {"sz", "bckg"}
        assert (table["dateTime"].str.len() == 19).all()
    assert read_seizures(folder / "events")["source"].isin([p.name for p in written]).all()


def test_a_saved_detector_finds_the_same(excerpt):
    folder, recordings, _ = excerpt
    run("detect", *recordings[:2], "--detector", folder / "detector", "--out", folder / "again")
    for path in (folder / "events").iterdir():
        assert (folder / "again" / path.name).read_text() == path.read_text()
    header = json.loads((folder / "detector/detector.json").read_text())
    assert header["windows"]["length"] == 2
    assert header["windows"]["sfreq"] == 128


def test_settings_of_the_detector_reach_it(excerpt):
    folder, recordings, _ = excerpt
    args = ["--detector", folder / "detector", "--threshold", 1.0, "--out", folder / "none"]
    printed = run("detect", recordings[0], *args, "--smoothing", 0, "--step", 2)
    table = pd.read_csv(folder / "none/chb01_03_events.tsv", sep="\t")
    assert table["eventType"].tolist() == ["bckg"]
    assert "–" in printed


class Payload:
    """Would leave a mark if anybody unpickled it."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (self.mark, "w"))


def test_a_detector_that_is_something_else_is_refused_and_never_run(excerpt, tmp_path):
    folder, recordings, _ = excerpt
    detector = tmp_path / "detector"
    detector.mkdir()
    args = ["detect", recordings[0], "--detector", detector, "--out", tmp_path / "out"]
    assert "no saved detector in" in run(*args, code=1)
    mark = tmp_path / "mark"
    evil = pickle.dumps(Payload(str(mark)))
    (whole,) = (folder / "detector").glob("weights-*.safetensors")
    header = detector / "detector.json"
    header.write_bytes((folder / "detector/detector.json").read_bytes())
    assert "is missing" in run(*args, code=1)
    (detector / whole.name).write_bytes(evil)
    assert "damaged" in run(*args, code=1)
    checksum = hashlib.sha256(evil).hexdigest()
    (detector / f"weights-{checksum[:16]}.safetensors").write_bytes(evil)
    forge(header, lambda content: content.update(sha256=checksum))
    assert "holds no arrays" in run(*args, code=1)
    forge(header, lambda content: content.update(format_version=99))
    assert "in format 99" in run(*args, code=1)
    (detector / "detector.json").write_text("{")
    assert "damaged" in run(*args, code=1)
    assert not mark.exists()
    assert not (tmp_path / "out").exists()


def test_bad_input_gets_one_clear_line_before_anything_is_trained(excerpt, tmp_path):
    folder, recordings, _ = excerpt
    store, out = ["--windows", folder / "windows"], ["--out", tmp_path / "out"]
    detector = ["--detector", folder / "detector"]
    assert "exactly one of" in run("detect", recordings[0], *out, code=2)
    assert "exactly one of" in run("detect", recordings[0], *store, *detector, *out, code=2)
    assert "no such recording" in run("detect", tmp_path / "x.edf", *store, *out, code=1)
    save = ["--save", tmp_path / "x"]
    assert "--save" in run("detect", recordings[0], *detector, *out, *save, code=2)
    assert "is not a saved detector" in run(
        "detect", recordings[0], *store, *out, "--save", folder / "windows", code=1
    )
    same = tmp_path / recordings[0].name
    same.write_bytes(recordings[0].read_bytes())
    assert "same name" in run("detect", recordings[0], same, *store, *out, code=1)
    assert "not a store" in run("detect", recordings[0], "--windows", tmp_path, *out, code=1)
    assert not (tmp_path / "out").exists()


def test_help_names_the_command():
    assert "detect" in run("--help")
    assert "--threshold" in run("detect", "--help")
