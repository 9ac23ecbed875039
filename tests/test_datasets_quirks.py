"""Databases as they really are: hand-written lists, odd channels, several montages, damage."""

import os
import re
import shutil
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_datasets_files import CHB, FAST, MONTAGE, write_noise

from geneeg_sk.datasets import describe, load_bids, load_chbmit, load_siena, read_seizures
from geneeg_sk.inspection import TimelineDisplay

mne = pytest.importorskip("mne")
edfio = pytest.importorskip("edfio")

ELECTRODES = [
    *("Fp1", "F3", "C3", "P3", "O1", "F7", "T3", "T5", "Fz", "Cz", "Pz"),
    *("Fp2", "F4", "C4", "P4", "O2", "F8", "T4", "T6"),
]
BLOCK = (
    "Seizure n {n}\nFile name: {name}\nRegistration start time: {start}\n"
    "Registration end time: 11.00.00\nSeizure start time: {onset}\nSeizure end time: {end}\n\n"
)


def siena_list(folder, patient="PN01", **changes):
    given = {"n": 1, "name": f"{patient}-1.edf", "start": "10.00.00"}
    given |= {"onset": "10.10.00", "end": "10.11.00"} | changes
    folder.mkdir(exist_ok=True, parents=True)
    (folder / f"Seizures-list-{patient}.txt").write_text(BLOCK.format(**given))


def write_sines(path, channels, sfreq=128, seconds=60, starts=None):
    """Write a recording in which each electrode is a sine of its own against one reference."""
    t = np.arange(seconds * sfreq) / sfreq
    path.parent.mkdir(parents=True, exist_ok=True)
    signals = [
        edfio.EdfSignal(
            wave(t, name),
            sfreq,
            label=name,
            physical_dimension="uV",
            physical_range=(-500, 500),
        )
        for name in channels
    ]
    kwargs = {} if starts is None else {"starttime": starts}
    edfio.Edf(signals, **kwargs).write(path)


def potential(t, electrode):
    number = sorted(map(str.upper, MODERN)).index(MODERN_OF.get(electrode, electrode).upper())
    return (20 + 3 * number) * np.sin(2 * np.pi * (2 + number) * t)


MODERN_OF = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
MODERN = [MODERN_OF.get(name, name) for name in ELECTRODES]


def wave(t, name):
    bare = name.removeprefix("EEG ").removesuffix("-Avg")
    plus, _, minus = bare.partition("-")
    if plus.upper() not in map(str.upper, [*ELECTRODES, *MODERN]):
        return 50 * np.sin(2 * np.pi * t)
    return potential(t, plus) - (potential(t, minus) if minus and minus != "CS2" else 0)


@pytest.fixture
def three(tmp_path):
    """The same minute of the same brain as Siena, CHB-MIT and BIDS would have it."""
    write_sines(tmp_path / "siena/PN01/PN01-1.edf", [f"EEG {e}" for e in ELECTRODES] + ["EKG", "1"])
    siena_list(tmp_path / "siena/PN01", onset="10.00.30", end="10.00.50")
    write_sines(tmp_path / "chbmit/chb05/chb05_01.edf", [*MONTAGE[::-1], "-", "T8-P8", "VNS"])
    (tmp_path / "chbmit/chb05/chb05-summary.txt").write_text(
        "File Name: chb05_01.edf\nSeizure Start Time: 30 seconds\nSeizure End Time: 50 seconds\n"
    )
    stem = tmp_path / "bids/sub-01/eeg/sub-01_task-szMonitoring"
    write_sines(stem.parent / f"{stem.name}_eeg.edf", [f"{e}-Avg" for e in MODERN])
    (stem.parent / f"{stem.name}_events.tsv").write_text(
        "onset\tduration\teventType\n30\t20\tsz_foc_ia\n"
    )
    return {
        "siena": lambda **kw: load_siena(tmp_path / "siena", **FAST, **kw),
        "chbmit": lambda **kw: load_chbmit(tmp_path / "chbmit", **FAST, **kw),
        "bids": lambda **kw: load_bids(tmp_path / "bids", **FAST, **kw),
    }


def test_common_channels_are_the_same_signals_in_the_same_order_from_all_databases(three):
    windows = {name: load() for name, load in three.items()}
    first = windows["chbmit"]
    assert [name.upper() for name in first.info.ch_names] == MONTAGE
    for other in windows.values():
        assert other.info.ch_names == first.info.ch_names
        assert other.y.tolist() == first.y.tolist()
        np.testing.assert_allclose(other.X, first.X, atol=0.1)  # steps of 16 bits


def test_electrodes_are_given_where_they_were_recorded_and_refused_where_not(three):
    for name in ("siena", "bids"):
        assert three[name](channels=["T3", "O1"]).info.ch_names == ["T7", "O1"]
    with pytest.raises(ValueError, match=r"chb05_01\.edf lacks channels \['T7'\]"):
        three["chbmit"](channels=["T3", "O1-P3"])


def test_derivations_follow_by_subtraction_also_reversed_and_along_a_chain(three):
    t = np.arange(60 * 128) / 128
    for name in three:
        windows = three[name](channels=["O1-P3", "Fp1-C3"], h_freq=None)
        k = windows.metadata.index[windows.metadata["onset"] == 40][0]
        at = slice(40 * 128, 44 * 128)
        for signal, (plus, minus) in zip(windows.X[k], [("O1", "P3"), ("Fp1", "C3")]):
            expected = potential(t, plus) - potential(t, minus)
            np.testing.assert_allclose(signal, expected[at], atol=0.1)


def test_a_referential_montage_among_bipolar_ones_gives_the_same_derivations(tmp_path):
    folder = tmp_path / "chb12"
    write_sines(folder / "chb12_06.edf", MONTAGE)
    write_sines(folder / "chb12_27.edf", [f"{e.upper()}-CS2" for e in MODERN])
    seizure = "Seizure Start Time: 30 seconds\nSeizure End Time: 50 seconds\n"
    (folder / "chb12-summary.txt").write_text(
        "Channels in EDF Files:\nChannel 1: FP1-F7\n\nFile Name: chb12_06.edf\n"
        f"Number of Seizures in File: 1\n{seizure}\nChannels changed:\nChannel 1: F7-CS2\n"
        f"\nFile Name: chb12_27.edf\nNumber of Seizures in File: 1\n{seizure}"
    )
    windows = load_chbmit(tmp_path, **FAST)
    first, second = (
        windows.X[windows.metadata["recording"] == name] for name in windows.recordings["recording"]
    )
    np.testing.assert_allclose(first, second, atol=0.1)


def test_signals_are_re_referenced_before_they_are_cut(three):
    raw = three["siena"](channels=ELECTRODES)
    average = three["siena"](channels=ELECTRODES, reference="average")
    np.testing.assert_allclose(average.X, raw.X - raw.X.mean(axis=1, keepdims=True), atol=0.1)
    cz = three["siena"](channels=["C3", "C4"], reference=["Cz"])
    k = [raw.info.ch_names.index(name) for name in ("C3", "C4", "Cz")]
    np.testing.assert_allclose(cz.X, raw.X[:, k[:2]] - raw.X[:, k[2:]], atol=0.1)
    with pytest.raises(ValueError, match="Fp1-F7 is a derivation"):
        three["siena"](reference="average")
    with pytest.raises(ValueError, match=r"lacks channels \['M1'\]"):
        three["siena"](channels=["C3"], reference=["M1"])


def test_filters_leave_no_edges_in_windows(three, tmp_path):
    """A sine cut after filtering is a sine; filtered after cutting, its ends would bend."""
    whole = {**FAST, "l_freq": 1.0}
    windows = load_siena(tmp_path / "siena", channels=["C3"], notch=50, **whole)
    t = np.arange(60 * 128) / 128
    for x, onset in zip(windows.X[:, 0], windows.metadata["onset"]):
        if 8 <= onset <= 48:
            expected = potential(t, "C3")[round(onset * 128) :][:512]
            np.testing.assert_allclose(x, expected, atol=0.2)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"chanels": ["C3"]}, TypeError, "unexpected keyword argument 'chanels'"),
        ({"notch": [50, 100]}, ValueError, "notch=.* below half the sampling frequency, 64 Hz"),
        ({"h_freq": 64}, ValueError, "h_freq=64 Hz must lie below"),
        ({"sfreq": 0}, ValueError, "sfreq must be positive"),
        ({"length": -1}, ValueError, "length must be a positive"),
        ({"channels": "all"}, ValueError, "channels must be 'common' or a list"),
        ({"channels": ["T3", "T7"]}, ValueError, "each once"),
        ({"reference": "linked"}, ValueError, "reference must be 'average' or"),
    ],
)
def test_wrong_options_are_named_whatever_is_done_with_errors_of_data(
    three, options, error, message
):
    for on_error in ("raise", "warn"):
        with pytest.raises(error, match=message):
            three["bids"](on_error=on_error, **options)


def test_mains_hum_is_notched_out(tmp_path):
    write_sines(tmp_path / "PN01-1.edf", ["EEG C3", "EEG C4"], sfreq=256)
    path = tmp_path / "PN01-1.edf"
    edf = edfio.read_edf(path)
    t = np.arange(60 * 256) / 256
    signal = edf.signals[0]
    signal.update_data(signal.data + 80 * np.sin(2 * np.pi * 50 * t))
    edf.write(path)
    siena_list(tmp_path, onset="10.00.30", end="10.00.50")
    options = FAST | {"h_freq": 100, "channels": ["C3"]}
    hum = {}
    for notch in (None, 50):
        X = load_siena(tmp_path, notch=notch, **options).X[2:-2, 0]
        hum[notch] = np.abs(np.fft.rfft(X))[:, 200].mean()  # bin of 50 Hz in windows of 4 s
    assert hum[50] < hum[None] / 50


@pytest.mark.parametrize(
    ("patient", "listed", "on_disk"),
    [
        ("PN06", "PNO6-1.edf", "PN06-1.edf"),
        ("PN01", "PN01.edf", "PN01-1.edf"),
        ("PN11", "PN11-.edf", "PN11-1.edf"),
        ("PN02", "PN02_01 .edf", "PN02-1.EDF"),
    ],
)
def test_misspelled_names_find_their_file_with_a_warning(tmp_path, patient, listed, on_disk):
    write_noise(tmp_path / on_disk, ["EEG C3"], seconds=2)
    siena_list(tmp_path, patient, name=listed)
    with pytest.warns(UserWarning, match=rf"line 2: {re.escape(listed)} .*{on_disk} is taken"):
        table = read_seizures(tmp_path)
    assert table["recording"].tolist() == [on_disk]


@pytest.mark.parametrize(
    ("patient", "listed", "on_disk"),
    [("PN01", "PN01.edf", ["PN01-1.edf", "PN01-2.edf"]), ("PN05", "PN05-1.edf", ["PN05-10.edf"])],
)
def test_a_name_that_may_mean_several_files_or_another_is_not_guessed(
    tmp_path, patient, listed, on_disk
):
    for name in on_disk:
        write_noise(tmp_path / name, ["EEG C3"], seconds=2)
    siena_list(tmp_path, patient, name=listed)
    assert read_seizures(tmp_path)["recording"].tolist() == [listed]


@pytest.mark.parametrize(
    ("changes", "onset", "duration"),
    [
        ({"onset": "1 0.10.00"}, 600, 60),
        ({"onset": "10:10.00"}, 600, 60),
        ({"onset": "10.10.00 (CLINICAL ONSET)"}, 600, 60),
        ({"onset": "10.10.00 (CLINICAL ONSET); 10.10.06 (ELECTRIC ONSET)"}, 606, 54),
        ({"end": "10.11.04 opure 10.10.43"}, 600, 64),
        ({"onset": "10.10.00,5", "end": "10.11.00.75"}, 600.5, 60.25),
    ],
)
@pytest.mark.filterwarnings("ignore:.*is taken")
def test_times_as_people_write_them(tmp_path, changes, onset, duration):
    siena_list(tmp_path, **changes)
    (row,) = read_seizures(tmp_path).itertuples()
    assert (row.onset, row.duration) == (onset, duration)


def test_what_was_read_into_a_time_is_warned_about(tmp_path):
    siena_list(tmp_path, onset="10.10.00 (CLINICAL ONSET); 10.10.06 (ELECTRIC ONSET)")
    with pytest.warns(UserWarning, match=r"PN01\.txt, line 5: .*10\.10\.06 is taken"):
        read_seizures(tmp_path)


@pytest.mark.parametrize("text", ["", "soon", "10.10", "10.61.00", "99.10.00", "10.10.00 7"])
def test_times_that_could_mean_anything_are_an_error_with_file_and_line(tmp_path, text):
    siena_list(tmp_path, onset=text)
    with pytest.raises(ValueError, match=r"PN01\.txt, line 5: expected a time"):
        read_seizures(tmp_path)


def test_registration_before_the_seizures_is_shared_by_them(tmp_path):
    (tmp_path / "Seizures-list-PN01.txt").write_text(
        "File name: PN01-1.edf\nRegistration start time: 19.00.44\n"
        "Registration end time: 08.30.18\n\nSeizure n 1\nStart time: 21:51:02\n"
        "End time: 21:51:56\n\nSeizure n 2\nStart time: 07:53:17\nEnd time: 07:54:31\n"
    )
    table = read_seizures(tmp_path)
    assert table["onset"].tolist() == [10218, 46353]
    assert table["duration"].tolist() == [54, 74]


def test_the_header_of_the_recording_knows_better_when_it_started(tmp_path):
    from datetime import time

    write_sines(tmp_path / "PN01-1.edf", ["EEG C3"], seconds=2, starts=time(9, 59, 50))
    siena_list(tmp_path)
    with pytest.warns(UserWarning, match=r"line 3: .* starts at 09\.59\.50, which is taken"):
        assert read_seizures(tmp_path)["onset"].tolist() == [610]


def test_decimal_commas_are_understood(tmp_path):
    write_noise(tmp_path / "sub-1_eeg.edf", MONTAGE, seconds=60)
    events = "onset\tduration\teventType\n30,5\t20,25\tsz\n"
    (tmp_path / "sub-1_events.tsv").write_text(events)
    (tmp_path / "chb09-summary.txt").write_text(
        "File Name: chb09_01.edf\nSeizure 1 Start Time: 12,5 secs\nSeizure 1 End Time: 20 seconds"
    )
    with pytest.raises(ValueError, match=r"line 2: expected seconds.*'12,5 secs'"):
        read_seizures(tmp_path)
    (tmp_path / "chb09-summary.txt").write_text(
        "File Name: chb09_01.edf\nSeizure 1 Start Time: 12,5 seconds\nSeizure 1 End Time: 20"
    )
    assert read_seizures(tmp_path)["onset"].tolist() == [12.5, 30.5]
    path = tmp_path / "sub-1_eeg.edf"
    plain = load_bids(tmp_path, **FAST).X
    content = path.read_bytes()
    assert content.count(b"-500    ") == 18
    path.write_bytes(content.replace(b"-500    ", b"-500,0  "))
    np.testing.assert_array_equal(load_bids(tmp_path, **FAST).X, plain)


def test_an_ecg_that_was_sampled_faster_does_not_change_the_eeg(tmp_path):
    def signal(name, sfreq):
        noise = np.random.default_rng(0).normal(0, 30, 60 * sfreq)
        return edfio.EdfSignal(
            noise, sfreq, label=name, physical_dimension="uV", physical_range=(-500, 500)
        )

    signals = [signal("C3", 128), signal("C4", 128), signal("ECG", 512)]
    edfio.Edf(signals).write(tmp_path / "sub-1_eeg.edf")
    (tmp_path / "sub-1_events.tsv").write_text("onset\tduration\teventType\n30\t20\tsz\n")
    windows = load_bids(tmp_path, channels=["C3", "C4"], **FAST)
    assert windows.sfreq == 128


def test_bids_folders_beside_the_data_are_not_entered(three, tmp_path):
    shutil.copytree(tmp_path / "bids/sub-01", tmp_path / "bids/derivatives/sub-01")
    assert len(three["bids"]().recordings) == 1


def test_a_description_counts_all_and_the_timeline_shows_all(three):
    windows = three["siena"]()
    table = describe(windows)
    assert table.loc["PN01", "hours"] == pytest.approx(60 / 3600)
    assert table.loc["all", "seizures"] == 1
    for state, n in pd.Series(windows.y).value_counts().items():
        assert table.loc["PN01", state] == n
    display = TimelineDisplay.from_windows(windows, "PN01")
    drawn = sum(len(c.get_paths()) for c in display.ax_.collections if c.get_label()[0] != "_")
    assert drawn == len(windows.X)
    display.figure_.savefig("/dev/null", format="png")
    with pytest.raises(ValueError, match=r"expected one of \['PN01'\]"):
        TimelineDisplay.from_windows(windows, "PN02")


def test_windows_that_do_not_tell_their_origin_are_refused(cohort):
    with pytest.raises(ValueError, match="no table of recordings and seizures"):
        describe(cohort)
    with pytest.raises(ValueError, match="no table of recordings and seizures"):
        TimelineDisplay.from_windows(cohort)


@pytest.fixture
def many(tmp_path):
    """A patient with eight recordings, of which four are damaged, each in its own way."""
    folder = tmp_path / "chb07"
    names = [f"chb07_{k:02d}.edf" for k in range(1, 9)]
    for name in names:
        write_noise(folder / name, MONTAGE)
    seizure = "Number of Seizures in File: 1\nSeizure Start Time: {} seconds\n"
    summary = "".join(
        f"File Name: {name}\n" + seizure.format(20) + "Seizure End Time: 40 seconds\n\n"
        for name in names
    )
    (folder / "chb07-summary.txt").write_text(summary)
    truncated, empty, no_edf, short = (folder / name for name in names[2:6])
    truncated.write_bytes(truncated.read_bytes()[:30_000])
    empty.write_bytes(b"")
    no_edf.write_bytes(b"<html>" * 5000)
    write_noise(short, MONTAGE, seconds=10)
    (tmp_path / "chb08").mkdir()
    (tmp_path / "chb08/chb08-summary.txt").write_text("File Name: a.edf\nSeizure Start Time: ?\n")
    return tmp_path


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_damaged_files_among_good_ones_are_left_out_and_summed_up(many, n_jobs):
    with pytest.raises(ValueError, match="chb08-summary"):
        load_chbmit(many, **FAST)
    with pytest.warns(UserWarning, match="5 files were left out") as caught:
        windows = load_chbmit(many, on_error="warn", n_jobs=n_jobs, **FAST)
    (summary,) = [str(w.message) for w in caught if "left out" in str(w.message)]
    reasons = dict(windows.left_out.itertuples(index=False))
    for name, reason in {
        "chb07/chb07_03.edf": "truncated",
        "chb07/chb07_04.edf": "empty",
        "chb07/chb07_05.edf": "not an EDF file",
        "chb07/chb07_06.edf": r"lasts 10 s, but",
        "chb08/chb08-summary.txt": "line 2: expected seconds",
    }.items():
        assert reason in reasons[name]
        assert name in summary
    assert windows.recordings["recording"].tolist() == [
        f"chb07/chb07_0{k}.edf" for k in (1, 2, 7, 8)
    ]
    assert windows.metadata["recording"].nunique() == 4


def test_where_nothing_is_left_the_error_says_why(many):
    for path in (many / "chb07").glob("*.edf"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"no recording can be used.*9 files(.|\n)*is empty"):
        load_chbmit(many, on_error="warn", **FAST)
    with pytest.raises(ValueError, match="on_error must be"):
        load_chbmit(many, on_error="ignore", **FAST)


def edit(path, at, content):
    data = bytearray(path.read_bytes())
    data[at : at + len(content)] = content
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("at", "content", "message"),
    [
        (184, b"9999    ", "header is damaged|damaged header"),
        (236, b"20      ", "holds 100 records, but its header announces 20"),
        (236, b"200     ", "truncated"),
        (236, b"many    ", "header is damaged"),
        (252, b"3   ", "header is damaged|damaged header"),
        (252, b"-5  ", "header is damaged"),
        (252, b"0   ", "header is damaged"),
    ],
)
def test_wrong_counts_in_a_header_are_an_error_that_names_the_file(tmp_path, at, content, message):
    (tmp_path / "chb05-summary.txt").write_text(CHB.format(name="chb05_01.edf"))
    path = tmp_path / "chb05_01.edf"
    write_noise(path, MONTAGE)
    edit(path, at, content)
    with pytest.raises(ValueError, match=rf"chb05_01\.edf.*({message})"):
        load_chbmit(tmp_path, **FAST)


def test_a_recording_that_was_never_closed_is_read_to_its_end(tmp_path):
    (tmp_path / "chb05-summary.txt").write_text(CHB.format(name="chb05_01.edf"))
    path = tmp_path / "chb05_01.edf"
    write_noise(path, MONTAGE)
    expected = load_chbmit(tmp_path, **FAST)
    edit(path, 236, b"-1      ")
    np.testing.assert_array_equal(load_chbmit(tmp_path, **FAST).X, expected.X)


@pytest.mark.parametrize("gap", [0, 7])
def test_gaps_in_a_discontinuous_recording_are_an_error_that_says_where(tmp_path, gap):
    path = tmp_path / "sub-1_eeg.edf"
    noise = np.random.default_rng(0).normal(0, 30, 60 * 128)
    signal = edfio.EdfSignal(
        noise, 128, label="C3", physical_dimension="uV", physical_range=(-500, 500)
    )
    annotations = [edfio.EdfAnnotation(30, 20, "sz")]
    edfio.Edf([signal], annotations=annotations).write(path)
    (tmp_path / "sub-1_events.tsv").write_text("onset\tduration\teventType\n30\t20\tsz\n")
    edit(path, 192, b"EDF+D")
    data = path.read_bytes()
    for second in reversed(range(40, 60)):
        old, new = (f"+{t}\x14\x14".encode() for t in (second, second + gap))
        assert data.count(old) == 1
        data = data.replace(old, new)
    path.write_bytes(data)
    options = FAST | {"channels": ["C3"]}
    if gap:
        with pytest.raises(
            ValueError, match=r"discontinuous \(EDF\+D\): 7 s are missing 40 s after"
        ):
            load_bids(tmp_path, **options)
    else:
        assert len(load_bids(tmp_path, **options).X)


def test_overlapping_seizures_are_one_with_a_warning(tmp_path):
    write_noise(tmp_path / "sub-1_eeg.edf", ["C3"])
    (tmp_path / "sub-1_events.tsv").write_text(
        "onset\tduration\teventType\n30\t20\tsz\n40\t20\tsz\n"
    )
    with pytest.warns(UserWarning, match="seizures at 30 s and 40 s overlap") as caught:
        windows = load_bids(tmp_path, channels=["C3"], **FAST)
    assert len(caught) == 1
    assert windows.seizures[["onset", "duration"]].to_numpy().tolist() == [[30, 30]]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_what_shows_only_in_the_signal_stops_the_loader_or_is_left_out(tmp_path, n_jobs):
    for k in range(6):
        write_noise(tmp_path / f"sub-{k}_eeg.edf", ["C3"])
        (tmp_path / f"sub-{k}_events.tsv").write_text("onset\tduration\teventType\n30\t20\tsz\n")
    flat = edfio.EdfSignal(
        np.zeros(12800), 128, label="C3", physical_dimension="uV", physical_range=(-500, 500)
    )
    edfio.Edf([flat]).write(tmp_path / "sub-1_eeg.edf")
    options = FAST | {"channels": ["C3"], "n_jobs": n_jobs}
    with pytest.raises(ValueError, match=r"sub-1_eeg\.edf has flat channels \['C3'\]"):
        load_bids(tmp_path, **options)
    with pytest.warns(UserWarning, match="1 files were left out"):
        windows = load_bids(tmp_path, on_error="warn", **options)
    assert set(windows.groups) == {"0", "2", "3", "4", "5"}


def test_stretches_that_a_recording_calls_bad_are_not_taken(tmp_path):
    noise = np.random.default_rng(0).normal(0, 30, 60 * 128)
    signal = edfio.EdfSignal(
        noise, 128, label="C3", physical_dimension="uV", physical_range=(-500, 500)
    )
    edfio.Edf([signal], annotations=[edfio.EdfAnnotation(9, 2, "BAD_movement")]).write(
        tmp_path / "sub-1_eeg.edf"
    )
    (tmp_path / "sub-1_events.tsv").write_text("onset\tduration\teventType\n40\t20\tsz\n")
    windows = load_bids(tmp_path, channels=["C3"], sfreq=100, **FAST | {"min_distance": 0})
    assert windows.dropped["annotated as bad"] == 1
    assert windows.metadata["onset"].tolist()[:3] == [0, 4, 12]


def test_a_recording_that_is_listed_twice_is_taken_once_with_a_warning(tmp_path):
    write_noise(tmp_path / "chb02_01.edf", ["FP1-F7"])
    (tmp_path / "chb02-summary.txt").write_text(2 * CHB.format(name="chb02_01.edf"))
    with pytest.warns(UserWarning, match=r"line 13: .*is listed a second time") as caught:
        windows = load_chbmit(tmp_path, channels=["FP1-F7"], **FAST)
    assert len(caught) == 1
    assert len(windows.recordings) == 1
    assert windows.seizures["onset"].tolist() == [20, 70]


@pytest.mark.filterwarnings("ignore:no window left")
def test_windows_of_small_amplitude_are_dropped_and_counted(tmp_path):
    write_noise(tmp_path / "sub-1_eeg.edf", ["C3"])
    (tmp_path / "sub-1_events.tsv").write_text("onset\tduration\teventType\n30\t20\tsz\n")
    options = FAST | {"channels": ["C3"], "min_distance": 0}
    kept = load_bids(tmp_path, **options)
    for flat in (500.0, {"eeg": 500e-6}):
        with pytest.raises(ValueError, match=f"'flat channel': {len(kept.X)}"):
            load_bids(tmp_path, flat=flat, **options)
    with pytest.raises(ValueError, match="flat"):
        load_bids(tmp_path, flat=-1, **options)


# Fuzz: nothing but a ValueError that names the file, whatever is in it.

KEYS = [
    *("File Name:", "File name:", "Number of Seizures in File:", "Seizure Start Time:"),
    *("Seizure End Time:", "Seizure 2 Start Time:", "Seizure 2 End Time:", "Seizure n 1"),
    *("Registration start time:", "Registration end time:", "Start time:", "End time:"),
    *("onset\tduration\teventType", "30\t20\tsz", "sz\tsz\tsz", "nan\tinf\tsz", "\t\tsz", ""),
]
VALUES = st.one_of(
    st.sampled_from(
        [
            *("PN01-1.edf", "../../etc/passwd", "/", "", ".", "10.00.00", "10.59.00", "1 0.10.00"),
            *("24.00.00", "10,5 seconds", "5 seconds", "9" * 400, "1e9", "-3", "٣ seconds", "\x00"),
            *("10.10.00 (CLINICAL); 10.10.06 (ELECTRIC)", "0", "3", "²"),
        ]
    ),
    st.text(max_size=12),
)
LINES = st.lists(st.tuples(st.sampled_from(KEYS), VALUES).map(" ".join), max_size=12)


@pytest.mark.parametrize("name", ["chb01-summary.txt", "Seizures-list-PN01.txt", "a_events.tsv"])
@pytest.mark.filterwarnings("ignore:.*line [0-9]+")
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.one_of(LINES.map("\n".join), st.text(), st.binary()))
@example(content=b"\xff\xfe\x00")
@example(content="File Name: a.edf\nNumber of Seizures in File: " + "9" * 5000)
def test_annotations_give_a_table_or_an_error_that_names_the_file(tmp_path, name, content):
    content = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    (tmp_path / name).write_bytes(content)
    try:
        table = read_seizures(tmp_path)
    except (ValueError, FileNotFoundError) as raised:
        error = raised
    else:
        assert np.isfinite(table[["onset", "duration"]].to_numpy()).all()
        assert (table["duration"] > 0).all()
        assert not table["recording"].str.contains("/").any()
        return
    nothing_listed = isinstance(error, FileNotFoundError) and "no annotations" in str(error)
    assert nothing_listed or re.search(rf"{re.escape(name)}, line \d+: ", str(error))


@pytest.mark.filterwarnings("ignore:.*line [0-9]+")
@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_real_annotations_with_a_few_wrong_characters_are_read_or_refused(
    data_folder, tmp_path, data
):
    source = data.draw(
        st.sampled_from(
            [
                "formats/siena/PN00/Seizures-list-PN00.txt",
                "formats/siena/PN16/Seizures-list-PN16.txt",
                "formats/chbmit/chb05/chb05-summary.txt",
                "formats/bids-events.tsv",
            ]
        )
    )
    content = bytearray((data_folder / source).read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[at] = data.draw(st.integers(0, 255))
    folder = tmp_path / "fuzz"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    name = source.rsplit("/", 1)[-1]
    (folder / name).write_bytes(bytes(content))
    message = f"{name}, line 0: "
    try:
        read_seizures(folder)
    except ValueError as raised:
        message = str(raised)
    assert re.search(rf"{re.escape(name)}, line \d+: ", message)


EVENTS = "onset\tduration\teventType\n30\t20\tsz\n"


def write_bids(folder, amplitude=30.0, unit="uV", limits=(-500, 500), events=EVENTS):
    """Write a recording of one channel, C3, and its events."""
    noise = np.random.default_rng(0).normal(0, amplitude, 60 * 128)
    signal = edfio.EdfSignal(noise, 128, label="C3", physical_dimension=unit, physical_range=limits)
    edfio.Edf([signal]).write(folder / "sub-1_eeg.edf")
    (folder / "sub-1_events.tsv").write_text(events, encoding="utf-8")


def overwrite(path, at, text):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(text)


@pytest.mark.parametrize("unit", ["uv", "UV", "nV", "pV", "%", "mmHg", "MV", "microV", ""])
def test_units_that_would_be_taken_for_volts_are_refused(tmp_path, unit):
    write_bids(tmp_path, unit=unit)
    with pytest.raises(ValueError, match=rf"channel C3 in the unit '{unit}'; expected 'uV'"):
        load_bids(tmp_path, channels=["C3"], **FAST)


@pytest.mark.parametrize(("unit", "factor"), [("uV", 1), ("mV", 1e-3), ("V", 1e-6), (b"\xb5V", 1)])
def test_units_that_are_understood_give_the_same_microvolts(tmp_path, unit, factor):
    shown = unit if isinstance(unit, str) else "uV"
    write_bids(tmp_path, 30 * factor, shown, (-500 * factor, 500 * factor))
    if shown != unit:
        overwrite(tmp_path / "sub-1_eeg.edf", 256 + 96, unit)
    windows = load_bids(tmp_path, channels=["C3"], **FAST | {"h_freq": None})
    np.testing.assert_allclose(windows.X.std(), 30, rtol=0.05)


@pytest.mark.parametrize(
    ("at", "number"),
    [(104, "500"), (104, "nan"), (104, "x"), (112, "-500"), (120, "32767"), (128, "-32768")],
)
def test_limits_that_give_no_scale_are_refused(tmp_path, at, number):
    write_bids(tmp_path)
    overwrite(tmp_path / "sub-1_eeg.edf", 256 + at, number.ljust(8).encode())
    with pytest.raises(ValueError, match="channel C3 with physical and digital limits"):
        load_bids(tmp_path, channels=["C3"], **FAST)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_records_without_duration_are_refused(tmp_path, seconds):
    write_bids(tmp_path)
    overwrite(tmp_path / "sub-1_eeg.edf", 244, seconds.ljust(8).encode())
    with pytest.raises(ValueError, match="damaged header: its records last"):
        load_bids(tmp_path, channels=["C3"], **FAST)


@pytest.mark.parametrize("factor", [1e-6, 1e-4, 1e3, 1e4])
def test_amplitudes_that_cannot_be_scalp_eeg_are_refused(tmp_path, factor):
    write_bids(tmp_path, 30 * factor, limits=(-500 * factor, 500 * factor))
    with pytest.raises(ValueError, match=r"sub-1_eeg\.edf swings over .* µV, expected 20 to 500"):
        load_bids(tmp_path, channels=["C3"], **FAST)


@pytest.mark.parametrize("factor", [4e-3, 50])
def test_amplitudes_that_hardly_are_scalp_eeg_are_warned_about(tmp_path, factor):
    write_bids(tmp_path, 30 * factor, limits=(-500 * factor, 500 * factor))
    with pytest.warns(UserWarning, match=r"sub-1_eeg\.edf swings over .* µV, expected 20 to 500"):
        load_bids(tmp_path, channels=["C3"], **FAST)


@pytest.mark.parametrize("quote", ['"', "'"])
def test_quotation_marks_in_events_do_not_hide_seizures(tmp_path, quote):
    cells = [f"{quote}{cell}{quote}" for cell in ("onset", "duration", "eventType", 30, 20, "sz")]
    write_bids(tmp_path, events="\t".join(cells[:3]) + "\n" + "\t".join(cells[3:]) + "\n")
    assert read_seizures(tmp_path)[["onset", "duration"]].to_numpy().tolist() == [[30, 20]]
    assert "ictal" in load_bids(tmp_path, channels=["C3"], **FAST).y


@pytest.mark.parametrize("row", ["30 20 sz", "30", "30\t20"])
def test_a_row_that_lacks_cells_is_an_error_that_names_it(tmp_path, row):
    write_bids(tmp_path, events=EVENTS + "\n" + row)
    with pytest.raises(ValueError, match=r"sub-1_events\.tsv, line 4: expected 3 cells"):
        read_seizures(tmp_path)


def test_events_that_only_mention_a_seizure_are_warned_about(tmp_path):
    write_bids(tmp_path, events=EVENTS + "40\t5\tfocal seizure\n50\t5\tpostictal\n")
    with pytest.warns(UserWarning, match=r"\['focal seizure'\] are not taken for seizures"):
        assert len(read_seizures(tmp_path)) == 1


def test_many_blanks_in_a_list_take_no_time(tmp_path):
    blanks = " " * 32_000
    write_noise(tmp_path / "chb01_01.edf", MONTAGE)
    for text in (f"Seizure{blanks}1 Start", f"File Name: a{blanks}b"):
        (tmp_path / "chb01-summary.txt").write_text(f"File Name: chb01_01.edf\n{text}\n")
        siena_list(tmp_path, onset=f"10.10.00{blanks}", name=f"PN01{blanks}1.edf")
        began = time.perf_counter()
        read_seizures(tmp_path)
        assert time.perf_counter() - began < 5


def test_an_annotation_file_of_gigabytes_is_refused_unread(tmp_path):
    (tmp_path / "chb01-summary.txt").touch()
    os.truncate(tmp_path / "chb01-summary.txt", 1 << 40)
    with pytest.raises(ValueError, match=r"line 1: no list of seizures has more than"):
        read_seizures(tmp_path)
