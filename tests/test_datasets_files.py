"""Loaders, the store, and the way back to MNE."""

import json
from datetime import date
from inspect import signature

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from geneeg_sk.classification import detect_seizures
from geneeg_sk.cli._windows import windows as cut_in_the_shell
from geneeg_sk.datasets import (
    load_bids,
    load_braindecode,
    load_chbmit,
    load_siena,
    make_eeg_cohort,
    make_windows,
    read_seizures,
    read_windows,
    to_epochs,
    write_edf,
    write_windows,
)

mne = pytest.importorskip("mne")
edfio = pytest.importorskip("edfio")

CHB = """Data Sampling Rate: 256 Hz

File Name: {name}
File Start Time: 23:21:32
File End Time: 24:21:32
Number of Seizures in File: 2
Seizure 1 Start Time:             20 seconds
Seizure 1 End Time:               40 seconds
Seizure 2 Start Time:  70 seconds
Seizure 2 End Time: 80 seconds
"""

MONTAGE = [
    *("FP1-F7", "F7-T7", "T7-P7", "P7-O1", "FP1-F3", "F3-C3", "C3-P3", "P3-O1"),
    *("FP2-F4", "F4-C4", "C4-P4", "P4-O2", "FP2-F8", "F8-T8", "T8-P8", "P8-O2"),
    *("FZ-CZ", "CZ-PZ"),
]

FAST = {"verbose": False, "preictal": 20, "postictal": 5, "min_distance": 20, "l_freq": None}


def write_noise(path, channels, sfreq=128, seconds=100, seed=0):
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    signals = [
        edfio.EdfSignal(
            30 * rng.standard_normal(seconds * sfreq),
            sfreq,
            label=name,
            physical_dimension="uV",
            physical_range=(-500, 500),
        )
        for name in channels
    ]
    patient = edfio.Patient(code="X", name="Secret", birthdate=date(1980, 1, 1))
    edfio.Edf(signals, patient=patient).write(path)


@pytest.fixture
def chbmit(tmp_path):
    """Two patients in CHB-MIT's layout, one recording each, both with two seizures."""
    for patient in ("chb05", "chb21"):
        name = f"{patient}_01.edf"
        write_noise(tmp_path / patient / name, [*MONTAGE, "-", ".", "T8-P8", "P7-T7", "ECG"])
        (tmp_path / patient / f"{patient}-summary.txt").write_text(CHB.format(name=name.upper()))
    return tmp_path


def test_the_excerpt_gives_two_states_by_default(data_folder):
    windows = load_chbmit(data_folder / "chbmit-excerpt", verbose=False)
    assert set(windows.y) == {"preictal", "ictal"}
    assert windows.X.shape[1:] == (18, 1024)
    assert windows.X.dtype == np.float32
    assert set(windows.groups) == {"chb01"}
    assert windows.metadata["recording"].nunique() == 4
    assert [name.upper() for name in windows.info.ch_names] == MONTAGE
    assert 5 < np.median(windows.X.std(axis=2)) < 300


def test_signals_come_as_the_file_has_them_when_nothing_is_filtered(data_folder):
    folder = data_folder / "chbmit-excerpt"
    windows = load_chbmit(folder, l_freq=None, h_freq=None, verbose=False)
    raw = mne.io.read_raw_edf(folder / "chb01/chb01_03.edf", verbose="ERROR")
    k = windows.metadata.query("recording == 'chb01/chb01_03.edf' and onset == 20").index[0]
    expected = raw.get_data(picks=["FP1-F7"], start=20 * 256, stop=24 * 256)[0] * 1e6
    np.testing.assert_allclose(windows.X[k, 0], expected, rtol=1e-4, atol=1e-3)


def test_seizures_of_every_layout_are_found(data_folder):
    with pytest.warns(UserWarning, match=r"PN00\.txt, line 58"):
        table = read_seizures(data_folder / "formats")
    assert table.groupby("patient").size().to_dict() == {
        "PN00": 5,
        "PN16": 2,
        "bids": 3,
        "chb05": 5,
    }
    first = table.query("patient == 'chb05'").iloc[0]
    assert (first["onset"], first["duration"], first["line"]) == (417, 115, 59)
    third = table.query("recording == 'siena/PN00/PN00-3.edf'").iloc[0]
    assert (third["onset"], third["duration"]) == (765, 60)
    assert table.query("patient == 'PN16'")["duration"].tolist() == [123, 107]
    assert table.query("patient == 'bids'")["onset"].tolist() == [36.89, 304.56, 1023.45]


@pytest.mark.filterwarnings("ignore:.*have no file", "ignore:.*one hour earlier")
@pytest.mark.parametrize(("layout", "load"), [("chbmit", load_chbmit), ("siena", load_siena)])
def test_annotations_beyond_the_recording_are_an_error_that_names_both(data_folder, layout, load):
    with pytest.raises(ValueError, match=r"\.edf \(annotated in .* line \d+\) lasts 2 s, but"):
        load(data_folder / "formats" / layout, verbose=False)


def test_chbmit_with_numbered_seizures_and_names_in_another_case(chbmit):
    table = read_seizures(chbmit)
    assert table["recording"].tolist() == ["chb05/chb05_01.edf"] * 2 + ["chb21/chb21_01.edf"] * 2
    assert table["onset"].tolist() == [20, 70, 20, 70]
    assert table["seizure"].tolist() == [1, 2, 1, 2]
    assert set(table["patient"]) == {"chb05", "chb01"}  # chb21 is chb01


def test_repeated_and_dummy_channels_are_left_out(chbmit):
    windows = load_chbmit(chbmit, **FAST)
    assert [name.upper() for name in windows.info.ch_names] == MONTAGE
    assert set(windows.groups) == {"chb05", "chb01"}
    assert "Secret" not in repr(dict(windows.info))
    assert windows.info["subject_info"] is None


def test_channels_can_be_named_in_any_spelling_and_order(chbmit):
    windows = load_chbmit(chbmit, channels=["T4-T6", "FP1-F7"], **FAST)
    assert windows.info.ch_names == ["T8-P8", "Fp1-F7"]


def test_only_the_patients_asked_for_are_loaded(chbmit):
    assert set(load_chbmit(chbmit, patients=["chb05"], **FAST).groups) == {"chb05"}
    with pytest.raises(ValueError, match="unknown patients"):
        load_chbmit(chbmit, patients=["chb99"], **FAST)


def test_a_missing_channel_is_an_error_that_names_the_recording(chbmit):
    write_noise(chbmit / "chb21/chb21_01.edf", ["FP1-F7"])
    with pytest.raises(ValueError, match=r"chb21_01.edf lacks channels \['T7-P7'\]"):
        load_chbmit(chbmit, channels=["FP1-F7", "T7-P7"], **FAST)
    with pytest.raises(
        ValueError, match=r"chb21_01.edf lacks channels \['F7-T7', .*it has \['Fp1-F"
    ):
        load_chbmit(chbmit, **FAST)
    assert load_chbmit(chbmit, channels=["FP1-F7"], **FAST).info.ch_names == ["Fp1-F7"]


def test_of_different_sampling_frequencies_the_lowest_is_taken_with_a_warning(chbmit):
    write_noise(chbmit / "chb21/chb21_01.edf", MONTAGE, sfreq=256)
    with pytest.warns(UserWarning, match=r"chb21_01.edf: 256 Hz\); all are resampled to 128 Hz"):
        windows = load_chbmit(chbmit, **FAST)
    assert windows.X.shape[2] == 512
    assert windows.recordings["sfreq"].tolist() == [128, 256]
    assert load_chbmit(chbmit, sfreq=100, **FAST).X.shape[2] == 400


@pytest.mark.parametrize(
    ("size", "message"),
    [(0, "is empty"), (100, "not an EDF"), (2000, "not an EDF"), (9000, "truncated")],
)
def test_a_damaged_edf_is_an_error_that_names_it(chbmit, size, message):
    path = chbmit / "chb21/chb21_01.edf"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=f"chb21_01.edf.*{message}"):
        load_chbmit(chbmit, **FAST)


def test_a_file_that_is_no_edf_is_an_error_that_names_it(chbmit):
    (chbmit / "chb21/chb21_01.edf").write_text("hello " * 1000)
    with pytest.raises(ValueError, match=r"chb21_01\.edf is not an EDF file"):
        load_chbmit(chbmit, **FAST)


def test_recordings_without_annotations_and_annotations_without_recordings_are_told(chbmit):
    (chbmit / "chb05/chb05_01.edf").rename(chbmit / "chb05/other.edf")
    with (
        pytest.warns(UserWarning, match="have no file: chb05/CHB05_01.EDF"),
        pytest.warns(UserWarning, match=r"not annotated and not loaded: other\.edf"),
    ):
        assert set(load_chbmit(chbmit, **FAST).groups) == {"chb01"}


@pytest.mark.parametrize(
    ("function", "other"),
    [
        (load_chbmit, set()),
        (load_siena, set()),
        (load_bids, set()),
        (load_braindecode, set()),
        (cut_in_the_shell, {"channels"}),  # text, with commas
        (detect_seizures, {"channels", "step"}),  # those of training, and of detections
    ],
)
def test_defaults_are_the_same_everywhere(function, other):
    def defaults(where):
        return {name: one.default for name, one in signature(where).parameters.items()}

    known = defaults(load_chbmit) | defaults(make_windows)
    shared = {name: default for name, default in defaults(function).items() if name in known}
    assert {"length", "sfreq"} <= set(shared)
    for name in set(shared) - other:
        assert shared[name] == known[name], name


def test_a_mistyped_parameter_is_an_error(chbmit):
    with pytest.raises(TypeError, match="lenght"):
        load_chbmit(chbmit, lenght=4.0, verbose=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "File Name: a.edf\nNumber of Seizures in File: 1\n",
            r"line 2: the number of seizures is not",
        ),
        ("Seizure Start Time: 1 seconds", "line 1: a seizure before"),
        ("File Name: a.edf\nSeizure Start Time: soon", "line 2: expected seconds"),
        (
            "File Name: a.edf\nSeizure Start Time: 9 seconds\nSeizure End Time: 8 seconds",
            "line 3: a seizure ends",
        ),
    ],
)
def test_a_summary_that_makes_no_sense_is_an_error_with_its_line(tmp_path, text, message):
    (tmp_path / "chb01-summary.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_seizures(tmp_path)


def test_siena_across_midnight(tmp_path):
    (tmp_path / "Seizures-list-PN01.txt").write_text(
        "Seizure n 1\nFile name: PN01-1.edf\nRegistration start time: 23.30.00\n"
        "Registration end time: 01.00.00\nSeizure start time: 23.59.30\n"
        "Seizure end time:00.00.40\n\nSeizure n 2\nFile name: PN01-1.edf\n"
        "Registration start time: 23.30.00\nRegistration end time: 01.00.00\n"
        "Seizure start time: 24.10.00\nSeizure end time: 0.11.00\n"
    )
    table = read_seizures(tmp_path)
    assert table["onset"].tolist() == [1770, 2400]
    assert table["duration"].tolist() == [70, 60]


def test_siena_times_that_cannot_be_repaired_are_an_error(tmp_path):
    (tmp_path / "Seizures-list-PN01.txt").write_text(
        "Seizure n 1\nFile name: PN01-1.edf\nRegistration start time: 10.00.00\n"
        "Registration end time: 11.00.00\nSeizure start time: 12.00.00\n"
        "Seizure end time: 12.01.00\n"
    )
    with pytest.raises(ValueError, match=r"PN01\.txt, line 6: the seizure does not lie within"):
        read_seizures(tmp_path)


def test_siena_loads_old_names_and_leaves_out_what_is_no_eeg(tmp_path):
    write_noise(tmp_path / "PN02/PN02-1.edf", ["EEG T3", "EEG Fc1", "1", "EKG EKG", "MK"])
    electrodes = {"channels": ["T3", "FC1"]}
    (tmp_path / "PN02/Seizures-list-PN02.txt").write_text(
        "Seizure n 1\nFile name: PN02-1.edf \nRegistration start time: 10.00.00\n"
        "Registration end time: 10.01.40\nSeizure start time: 10.00.30\n"
        "Seizure end time: 10.00.50\n"
    )
    with pytest.raises(ValueError, match=r"lacks channels .*it has \['T7', 'FC1'\]"):
        load_siena(tmp_path, **FAST)
    windows = load_siena(tmp_path, **electrodes, **FAST)
    assert windows.info.ch_names == ["T7", "FC1"]
    assert set(windows.y) == {"normal", "preictal", "ictal"}
    assert set(windows.groups) == {"PN02"}


def test_bids_takes_seizures_and_knows_recordings_without(tmp_path):
    for subject, events in {
        "01": "onset\tduration\teventType\n30\t20\tsz_foc_ia\n80\t1\tbckg\n",
        "02": "onset\tduration\teventType\n0\t100\tbckg\n",
    }.items():
        folder = tmp_path / f"sub-{subject}" / "eeg"
        write_noise(folder / f"sub-{subject}_task-szMonitoring_eeg.edf", ["C3-Avg", "C4-Avg"])
        (folder / f"sub-{subject}_task-szMonitoring_events.tsv").write_text(events)
    windows = load_bids(tmp_path, channels=["C3", "C4"], **FAST)
    assert windows.info.ch_names == ["C3", "C4"]
    states = pd.crosstab(windows.groups, windows.y)
    assert states.loc["02", "normal"] == 25
    assert states.loc["01", "ictal"] > 5


def test_a_folder_without_annotations_says_what_was_expected(tmp_path):
    for read in (read_seizures, load_chbmit, load_siena, load_bids):
        with pytest.raises(FileNotFoundError, match="expected"):
            read(tmp_path)
        with pytest.raises(FileNotFoundError, match="not a folder"):
            read(tmp_path / "nowhere")


@pytest.mark.parametrize("mmap", [True, False])
def test_a_store_gives_back_what_was_written(cohort, tmp_path, mmap):
    write_windows(tmp_path / "store", cohort)
    back = read_windows(tmp_path / "store", mmap=mmap)
    np.testing.assert_array_equal(back.X, cohort.X)
    assert back.X.dtype == np.float32
    np.testing.assert_array_equal(back.y, cohort.y)
    np.testing.assert_array_equal(back.groups, cohort.groups)
    pd.testing.assert_frame_equal(back.metadata, cohort.metadata, check_dtype=False)
    assert (back.sfreq, back.info.ch_names) == (cohort.sfreq, cohort.info.ch_names)
    assert isinstance(back.X, np.memmap) == mmap
    assert [p.name for p in tmp_path.iterdir()] == ["store"]


def test_a_store_is_replaced_only_when_asked(cohort, tmp_path):
    write_windows(tmp_path / "store", cohort)
    with pytest.raises(FileExistsError, match="overwrite"):
        write_windows(tmp_path / "store", cohort)
    write_windows(tmp_path / "store", cohort, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["store"]


def test_a_folder_that_is_no_store_is_never_replaced(cohort, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "header.json").write_text('{"chapter": 1}')
    with pytest.raises(FileExistsError, match="choose another folder"):
        write_windows(tmp_path / "thesis", cohort, overwrite=True)
    assert (tmp_path / "thesis" / "header.json").read_text() == '{"chapter": 1}'


def truncate(store):
    path = store / "X.npy"
    path.write_bytes(path.read_bytes()[:1000])


def change_header(**changes):
    def change(store):
        header = json.loads((store / "header.json").read_text())
        (store / "header.json").write_text(json.dumps(header | changes))

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "damaged"),
        (lambda store: (store / "X.npy").unlink(), "damaged"),
        (lambda store: (store / "metadata.parquet").write_bytes(b"no"), "damaged"),
        (lambda store: (store / "header.json").write_text("{"), "damaged"),
        (change_header(shape=[1, 2, 3]), "damaged"),
        (change_header(version=99), "version 99"),
        (change_header(format="other"), "not a store of windows"),
    ],
)
def test_a_damaged_store_is_an_error(cohort, tmp_path, damage, message):
    write_windows(tmp_path / "store", cohort)
    damage(tmp_path / "store")
    with pytest.raises(ValueError, match=message):
        read_windows(tmp_path / "store")


def test_pickled_arrays_are_never_loaded(cohort, tmp_path):
    write_windows(tmp_path / "store", cohort)
    np.save(tmp_path / "store" / "X.npy", np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="damaged"):
        read_windows(tmp_path / "store")


def test_a_store_that_cannot_be_finished_leaves_nothing(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr(pd.DataFrame, "to_parquet", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_windows(tmp_path / "store", cohort)
    assert list(tmp_path.iterdir()) == []


def test_epochs_are_in_volts_and_found_by_state(cohort):
    epochs = to_epochs(cohort.X, cohort.info, cohort.y, cohort.metadata)
    np.testing.assert_allclose(epochs.get_data() * 1e6, cohort.X, rtol=1e-5)
    assert len(epochs["ictal"]) == (cohort.y == "ictal").sum()
    assert epochs.metadata["patient"].tolist() == cohort.groups.tolist()
    assert epochs.info["sfreq"] == 64


def test_edf_gives_back_signals_and_states(cohort, tmp_path):
    write_edf(tmp_path / "windows.edf", cohort.X, cohort.y, cohort.info)
    raw = mne.io.read_raw_edf(tmp_path / "windows.edf", verbose="ERROR")
    n, _, n_times = cohort.X.shape
    signal = raw.get_data()[:, : n * n_times].reshape(4, n, n_times).transpose(1, 0, 2) * 1e6
    np.testing.assert_allclose(signal, cohort.X, atol=np.ptp(cohort.X) / 2**15)
    assert raw.ch_names == cohort.info.ch_names
    assert raw.annotations.description.tolist() == cohort.y.tolist()
    np.testing.assert_allclose(raw.annotations.onset, np.arange(n) * 2.0, atol=1e-3)
    assert [p.name for p in tmp_path.iterdir()] == ["windows.edf"]


def test_edf_of_windows_that_do_not_fill_a_record_keeps_every_sample(tmp_path):
    cohort = make_eeg_cohort(
        n_patients=1, n_windows={"normal": 3}, sfreq=64.0, length=1.1, random_state=0
    )
    write_edf(tmp_path / "windows.edf", cohort.X, cohort.y, cohort.info)
    raw = mne.io.read_raw_edf(tmp_path / "windows.edf", verbose="ERROR")
    signal = cohort.X.transpose(1, 0, 2).reshape(19, -1)
    assert raw.n_times >= signal.shape[1]
    read = raw.get_data()[:, : signal.shape[1]] * 1e6
    np.testing.assert_allclose(read, signal, atol=np.ptp(signal) / 2**15)
    states = [d for d in raw.annotations.description if not d.startswith("BAD")]
    assert states == ["normal"] * 3


@pytest.mark.parametrize("change", [{"X": np.zeros((2, 3, 4))}, {"y": ["normal"]}])
def test_what_does_not_fit_info_is_refused(cohort, change, tmp_path):
    given = {"X": cohort.X, "y": cohort.y, "info": cohort.info} | change
    with pytest.raises(ValueError, match="shape"):
        to_epochs(**given)
    with pytest.raises(ValueError, match="shape"):
        write_edf(tmp_path / "a.edf", **given)
    assert list(tmp_path.iterdir()) == []


def test_windows_with_nan_are_neither_stored_nor_exported(cohort, tmp_path):
    X = cohort.X.copy()
    X[3, 1, 5] = np.nan
    place = "window 3, channel 1, sample 5"
    with pytest.raises(ValueError, match=place):
        to_epochs(X, cohort.info)
    with pytest.raises(ValueError, match=place):
        write_edf(tmp_path / "a.edf", X, cohort.y, cohort.info)
    with pytest.raises(ValueError, match=place):
        write_windows(tmp_path / "store", Bunch(**(dict(cohort) | {"X": X})))
    assert list(tmp_path.iterdir()) == []


def test_an_old_edf_stays_when_writing_fails(cohort, tmp_path, monkeypatch):
    write_edf(tmp_path / "a.edf", cohort.X, cohort.y, cohort.info)
    before = (tmp_path / "a.edf").read_bytes()
    monkeypatch.setattr(mne.export, "export_raw", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_edf(tmp_path / "a.edf", cohort.X, cohort.y, cohort.info)
    assert (tmp_path / "a.edf").read_bytes() == before
