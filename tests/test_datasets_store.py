"""Loaders that keep windows on disk."""

import shutil
import tempfile
import tracemalloc
import weakref
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import test_datasets_files
import test_datasets_quirks
from test_datasets_files import CHB, FAST, MONTAGE, write_noise

from geneeg_sk.datasets import load_braindecode, load_chbmit, read_windows

mne = pytest.importorskip("mne")

chbmit, three = test_datasets_files.chbmit, test_datasets_quirks.three


def assert_same_windows(some, others):
    for name in ("X", "y", "groups"):
        np.testing.assert_array_equal(some[name], others[name])
        assert some[name].dtype == others[name].dtype
    for name in ("metadata", "recordings", "seizures", "left_out"):
        pd.testing.assert_frame_equal(some[name], others[name])
    for name in ("DESCR", "dropped", "sfreq"):
        assert some[name] == others[name]
    assert some.info.ch_names == others.info.ch_names


@pytest.mark.parametrize("layout", ["siena", "chbmit", "bids"])
def test_windows_from_a_store_are_those_of_memory(three, tmp_path, layout):
    load, store = three[layout], tmp_path / "store"
    first = load(store=store)
    assert isinstance(first.X, np.memmap)
    assert not first.X.flags.writeable
    again = load(store=store)
    assert again.X.filename == first.X.filename
    in_memory = load()
    assert in_memory.DESCR
    for windows in (first, again, read_windows(next(store.iterdir()))):
        assert_same_windows(windows, in_memory)


def test_processes_give_the_same_windows_of_real_recordings(data_folder, tmp_path, monkeypatch):
    (tmp_path / "between").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "between"))
    folder = data_folder / "chbmit-excerpt"
    alone = load_chbmit(folder, verbose=False)
    assert alone.metadata["recording"].nunique() == 4
    assert_same_windows(load_chbmit(folder, n_jobs=2, verbose=False), alone)
    store = tmp_path / "store"
    assert_same_windows(load_chbmit(folder, store=store, n_jobs=2, verbose=False), alone)
    assert list((tmp_path / "between").iterdir()) == []


def test_a_long_recording_takes_little_more_memory_than_its_windows(tmp_path):
    write_noise(tmp_path / "chb05/chb05_01.edf", MONTAGE, seconds=2400)
    (tmp_path / "chb05/chb05-summary.txt").write_text("File Name: chb05_01.edf\n")
    options = FAST | {"l_freq": 0.5, "store": tmp_path / "store"}
    tracemalloc.start()
    windows = load_chbmit(tmp_path, **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The signal, its windows, and some megabytes to filter; float64 of all would be 2 more.
    assert peak < 3.5 * windows.X.nbytes
    raw = mne.io.read_raw_edf(tmp_path / "chb05/chb05_01.edf", preload=True, verbose="ERROR")
    expected = raw.filter(0.5, 45.0, verbose="ERROR").get_data() * 1e6
    whole = np.moveaxis(windows.X, 0, 1).reshape(len(MONTAGE), -1)
    np.testing.assert_allclose(whole, expected[:, : whole.shape[1]], atol=1e-4)


def test_a_store_is_read_without_opening_a_recording_until_something_changes(
    chbmit, tmp_path, monkeypatch
):
    store = tmp_path / "store"
    first = load_chbmit(chbmit, store=store, **FAST)
    with monkeypatch.context() as patched:
        patched.setattr(mne.io, "read_raw_edf", None)
        assert_same_windows(load_chbmit(chbmit, store=store, length=4.0, **FAST), first)
    assert len(load_chbmit(chbmit, store=store, length=2.0, **FAST).X) > len(first.X)
    assert len(list(store.iterdir())) == 2
    write_noise(chbmit / "chb05" / "chb05_01.edf", MONTAGE, seed=9)
    changed = load_chbmit(chbmit, store=store, **FAST)
    assert not np.array_equal(changed.X, first.X)
    summary = chbmit / "chb05" / "chb05-summary.txt"
    summary.write_text(summary.read_text().replace("80 seconds", "84 seconds"))
    assert load_chbmit(chbmit, store=store, **FAST).seizures["duration"].tolist()[1] == 14.0
    assert len(list(store.iterdir())) == 4


def test_what_a_store_leaves_out_is_said_every_time(chbmit, tmp_path):
    (chbmit / "chb05" / "chb05_01.edf").write_bytes(b"")
    options = FAST | {"store": tmp_path / "store", "on_error": "warn"}
    for _ in range(2):
        with pytest.warns(UserWarning, match="1 files were left out"):
            windows = load_chbmit(chbmit, **options)
        assert windows.left_out["recording"].tolist() == ["chb05/chb05_01.edf"]
        assert "Files left out: 1." in windows.DESCR
    with pytest.raises(ValueError, match="is empty"):
        load_chbmit(chbmit, **options | {"on_error": "raise"})


def test_a_store_is_written_one_recording_after_the_other(chbmit, tmp_path, monkeypatch):
    """Nothing is left of one that breaks off, and what was read is let go of."""
    from geneeg_sk.datasets import _loading

    alive, most = [], []

    def watched(*args, cut=_loading._cut_recording, **options):
        part = cut(*args, **options)
        alive.append(weakref.ref(part.X))
        most.append(sum(ref() is not None for ref in alive))
        return part

    monkeypatch.setattr(_loading, "_cut_recording", watched)
    source = chbmit / "chb05" / "chb05-summary.txt"
    block = source.read_text()
    for k in range(2, 7):
        shutil.copy(chbmit / "chb05" / "chb05_01.edf", chbmit / "chb05" / f"chb05_{k:02d}.edf")
        block += CHB.format(name=f"chb05_{k:02d}.edf")
    source.write_text(block)
    assert len(load_chbmit(chbmit, store=tmp_path / "store", **FAST).recordings) == 7
    assert max(most) <= 3


def test_data_sets_of_braindecode_have_no_files_to_go_by():
    one = SimpleNamespace(raw=None, description={"subject": "1"})
    with pytest.raises(TypeError, match="unexpected keyword argument 'store'"):
        load_braindecode(SimpleNamespace(datasets=[one]), store="x")


def test_windows_of_braindecode_are_cut_already():
    one = SimpleNamespace(metadata=None, crop_inds=None, description={"subject": "1"})
    with pytest.raises(TypeError, match=r"cut already: \['channels', 'step'\] cannot be changed"):
        load_braindecode(SimpleNamespace(datasets=[one]), channels=["C3"], step=2.0, length=4.0)
