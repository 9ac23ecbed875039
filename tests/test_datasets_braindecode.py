"""Data sets of braindecode, or of stand-ins with the same attributes where it is not installed."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from test_datasets_files import FAST
from test_datasets_quirks import MODERN, write_sines

from geneeg_sk.datasets import load_bids, load_braindecode

mne = pytest.importorskip("mne")
pytest.importorskip("edfio")

EVENTS = "onset\tduration\teventType\n30\t20\tsz_foc_ia\n"


def braindecode():
    try:
        from braindecode import datasets, preprocessing
    except Exception as reason:  # it fails to import beside some builds of torch
        pytest.skip(f"braindecode cannot be imported: {reason}")
    return datasets, preprocessing


class Concat:
    """What BaseConcatDataset is to us."""

    def __init__(self, datasets):
        self.datasets = datasets


class Windows:
    """What EEGWindowsDataset is to us: it cuts windows from a Raw when they are asked for."""

    def __init__(self, raw, metadata, description):
        self.raw, self.metadata, self.description = raw, metadata, pd.Series(description)
        self.crop_inds = metadata.to_numpy()[:, :3]

    def __len__(self):
        return len(self.metadata)

    def __getitem__(self, k):
        row = self.metadata.iloc[k]
        x = self.raw.get_data(start=row.i_start_in_trial, stop=row.i_stop_in_trial)
        return x.astype("float32"), int(row.target), [k, 0, 0]


def noise(seed=0, annotated=True):
    info = mne.create_info(["C3", "C4"], 100, "eeg", verbose="ERROR")
    x = np.random.default_rng(seed).normal(0, 30e-6, (2, 6000))
    raw = mne.io.RawArray(x, info, verbose="ERROR")
    if annotated:
        raw.set_annotations(mne.Annotations([20, 40], [8, 4], ["seizure", "bckg"]))
    return raw


def stand_in_windows():
    starts = np.arange(0, 6000, 400)
    table = pd.DataFrame(
        {
            "i_window_in_trial": range(len(starts)),
            "i_start_in_trial": starts,
            "i_stop_in_trial": starts + 400,
            "target": (starts >= 2000).astype(int),
        }
    )
    return Concat([Windows(noise(k), table, {"subject": f"{k:02d}"}) for k in range(2)])


def real_windows():
    datasets, preprocessing = braindecode()
    records = [datasets.RawDataset(noise(k), description={"subject": f"{k:02d}"}) for k in range(2)]
    windows = preprocessing.create_fixed_length_windows(
        datasets.BaseConcatDataset(records),
        window_size_samples=400,
        window_stride_samples=400,
        drop_last_window=True,
    )
    for one in windows.datasets:
        one.y = (one.metadata["i_start_in_trial"] >= 2000).astype(int).tolist()
    return windows


@pytest.mark.parametrize("make", [stand_in_windows, real_windows])
def test_windows_are_taken_as_they_are_in_microvolts(make):
    windows = load_braindecode(make())
    assert windows.X.shape == (30, 2, 400)
    assert windows.X.dtype == np.float32
    for k, row in windows.metadata.iterrows():
        raw = noise(int(row["patient"]))
        first = round(row["onset"] * 100)
        cut = raw.get_data(start=first, stop=first + 400) * 1e6
        np.testing.assert_allclose(windows.X[k], cut, rtol=1e-5)
    assert windows.y.tolist() == ([0] * 5 + [1] * 10) * 2
    assert windows.groups.tolist() == ["00"] * 15 + ["01"] * 15
    assert (windows.sfreq, windows.info.ch_names) == (100, ["C3", "C4"])
    with pytest.raises(TypeError, match=r"\['length'\] cannot be changed"):
        load_braindecode(make(), length=2.0)


def test_epochs_of_braindecode_are_taken_too():
    datasets, preprocessing = braindecode()
    records = [datasets.RawDataset(noise(0), description={"subject": "00"})]
    windows = preprocessing.create_windows_from_events(
        datasets.BaseConcatDataset(records),
        mapping={"seizure": 1, "bckg": 0},
        window_size_samples=400,
        window_stride_samples=400,
        drop_last_window=True,
        use_mne_epochs=True,
    )
    taken = load_braindecode(windows)
    assert taken.metadata["onset"].tolist() == [20, 24, 40]
    assert taken.y.tolist() == [1, 1, 0]


def bids_folder(folder):
    stem = folder / "sub-01/ses-01/eeg/sub-01_ses-01_task-szMonitoring_run-00"
    write_sines(stem.parent / f"{stem.name}_eeg.edf", [f"{name}-Avg" for name in MODERN])
    (stem.parent / f"{stem.name}_events.tsv").write_text(EVENTS)
    (stem.parent / f"{stem.name}_eeg.json").write_text('{"PowerLineFrequency": 50}')
    (folder / "participants.tsv").write_text("participant_id\tage\nsub-01\t30\n")
    (folder / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.7.0"}')
    return stem.parent / f"{stem.name}_eeg.edf"


def stand_in_siena(folder):
    path = next(folder.rglob("*.edf"))
    raw = mne.io.read_raw_edf(path, verbose="ERROR")
    raw.set_annotations(mne.Annotations([30], [20], ["n/a"]))  # as mne-bids has eventType
    return Concat([SimpleNamespace(raw=raw, description=pd.Series({"subject": "01"}))])


def real_siena(folder):
    return braindecode()[0].SIENA(root=folder)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("make", [stand_in_siena, real_siena])
def test_recordings_in_bids_give_what_the_loader_of_bids_gives(tmp_path, make):
    bids_folder(tmp_path)
    taken, loaded = load_braindecode(make(tmp_path), **FAST), load_bids(tmp_path, **FAST)
    np.testing.assert_array_equal(taken.X, loaded.X)
    assert taken.y.tolist() == loaded.y.tolist()
    assert taken.groups.tolist() == loaded.groups.tolist()
    assert taken.info.ch_names == loaded.info.ch_names


def test_recordings_without_a_file_have_their_seizures_in_annotations():
    records = [SimpleNamespace(raw=noise(), description=pd.Series({"subject": 7}))]
    windows = load_braindecode(Concat(records), channels=["C4"], **FAST)
    assert windows.seizures[["onset", "duration"]].to_numpy().tolist() == [[20, 8]]
    assert set(windows.groups) == {"7"}
    records[0].raw = noise(annotated=False)
    with pytest.raises(ValueError, match="its seizures are unknown"):
        load_braindecode(Concat(records), channels=["C4"], **FAST)


def test_what_cannot_be_taken_over_is_refused():
    with pytest.raises(TypeError, match=r"got list; expected recordings or windows"):
        load_braindecode([1, 2])
    anonymous = Concat([SimpleNamespace(raw=noise(), description=None)])
    with pytest.raises(ValueError, match="no 'subject' in its description"):
        load_braindecode(anonymous, **FAST)
    scaled = stand_in_windows()
    for one in scaled.datasets:
        one.raw._data *= 1e6
    with pytest.raises(ValueError, match="leave out the step that multiplies by 1e6"):
        load_braindecode(scaled)
    scaled.datasets[0].raw.info = mne.create_info(["C3", "C4"], 50, "eeg", verbose="ERROR")
    with pytest.raises(ValueError, match="differ in channels or sampling frequency"):
        load_braindecode(scaled)


@pytest.mark.parametrize("date", [None, 0])
def test_annotations_of_a_cropped_recording_keep_their_place(date):
    raw = noise()
    raw.annotations.append(53.0, 1.0, "BAD_movement")
    raw.set_meas_date(date)
    one = SimpleNamespace(raw=raw.crop(10), description={"subject": "00"})
    windows = load_braindecode(Concat([one]), channels=["C3"], step=4.0, **FAST | {"postictal": 0})
    table = windows.metadata
    assert table.query("state == 'ictal'")["onset"].tolist() == [8.0, 12.0, 16.0]
    assert windows.dropped["annotated as bad"] == 1
    assert 40.0 not in table["onset"].tolist()
