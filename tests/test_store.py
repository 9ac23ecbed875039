"""Windows written once, in parts, with checksums, and used again."""

import json
import multiprocessing
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from geneeg_sk.datasets import cached_windows, make_eeg_cohort, read_windows, write_windows

mne = pytest.importorskip("mne")


def part(n_windows, patient="p1", seed=0, channels=("C3", "C4"), sfreq=64.0, dtype=np.float32):
    """Windows of one recording, as `make_windows` returns them."""
    rng = np.random.default_rng(seed)
    y = np.array(["normal", "ictal"] * n_windows)[:n_windows]
    metadata = pd.DataFrame({"patient": patient, "onset": np.arange(n_windows), "state": y})
    return Bunch(
        X=(20 * rng.standard_normal((n_windows, len(channels), 128))).astype(dtype),
        y=y,
        groups=np.full(n_windows, patient),
        metadata=metadata,
        info=mne.create_info(list(channels), sfreq, "eeg", verbose="ERROR"),
        dropped={"flat channel": n_windows},
    )


def test_parts_are_written_one_behind_the_other(tmp_path):
    parts = [part(3), part(0, "p2"), part(2, "p3", seed=1)]
    write_windows(tmp_path / "store", iter(parts))
    back = read_windows(tmp_path / "store")
    np.testing.assert_array_equal(back.X, np.concatenate([p.X for p in parts]))
    assert back.groups.tolist() == ["p1"] * 3 + ["p3"] * 2
    assert back.y.tolist() == ["normal", "ictal", "normal", "normal", "ictal"]
    assert back.metadata["onset"].tolist() == [0, 1, 2, 0, 1]
    assert back.dropped == {"flat channel": 5}
    assert not back.X.flags.writeable


def test_only_one_part_is_in_memory_at_a_time(tmp_path):
    tracemalloc.start()
    write_windows(tmp_path / "store", (part(1000, f"p{k}") for k in range(20)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = (tmp_path / "store" / "X.npy").stat().st_size
    assert size > 20_000_000
    assert peak < size / 3


def test_further_tables_come_back_joined(tmp_path):
    parts = [part(2), part(3)]
    for k, bunch in enumerate(parts):
        bunch.recordings = pd.DataFrame({"recording": [f"r{k}"], "duration": [k + 0.5]})
        bunch.seizures = pd.DataFrame({"onset": [1.0] * k}, dtype=float)
    write_windows(tmp_path / "store", parts)
    back = read_windows(tmp_path / "store")
    assert back.recordings["recording"].tolist() == ["r0", "r1"]
    assert back.recordings["duration"].tolist() == [0.5, 1.5]
    assert back.seizures["onset"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": ("C3", "Cz")}, "same channels"),
        ({"sfreq": 100.0}, "same sfreq"),
        ({"dtype": np.float64}, "same dtype"),
    ],
)
def test_parts_that_do_not_fit_are_refused_and_leave_nothing(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        write_windows(tmp_path / "store", [part(3), part(3, **changes)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("parts", [[], [part(0)]])
def test_no_window_is_an_error(tmp_path, parts):
    with pytest.raises(ValueError, match="no window to write"):
        write_windows(tmp_path / "store", parts)
    assert list(tmp_path.iterdir()) == []


def test_nan_in_any_part_is_refused_with_its_place(tmp_path):
    bad = part(4)
    bad.X[2, 1, 5] = np.nan
    with pytest.raises(ValueError, match="window 2, channel 1, sample 5"):
        write_windows(tmp_path / "store", [part(3), bad])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["X.npy", "metadata.parquet"])
def test_one_changed_bit_is_noticed(tmp_path, file):
    write_windows(tmp_path / "store", part(50))
    path = tmp_path / "store" / file
    content = bytearray(path.read_bytes())
    # In the middle of the samples; in the table, in the name of the program that wrote it.
    place = content.find(b"parquet-cpp") if file.endswith("parquet") else len(content) // 2
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{file} is not what was written"):
        read_windows(tmp_path / "store")
    assert len(read_windows(tmp_path / "store", verify=False).X) == 50


class Maker:
    """Counts how often windows are made."""

    def __init__(self, n_windows=5):
        self.n_windows, self.calls = n_windows, 0

    def __call__(self):
        self.calls += 1
        return part(self.n_windows)


def test_windows_are_made_once_for_each_combination_of_parameters(tmp_path):
    make = Maker()
    first = cached_windows(tmp_path, make, {"length": 4.0, "step": {"ictal": 2}})
    again = cached_windows(tmp_path, make, {"step": {"ictal": 2}, "length": np.float64(4)})
    assert make.calls == 1
    assert isinstance(again.X, np.memmap)
    assert not again.X.flags.writeable
    np.testing.assert_array_equal(first.X, again.X)
    cached_windows(tmp_path, make, {"length": 2.0, "step": {"ictal": 2}})
    assert make.calls == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_parameters_are_kept_beside_the_windows(tmp_path):
    cached_windows(tmp_path, Maker(), {"l_freq": 0.5, "folder": tmp_path})
    (store,) = tmp_path.iterdir()
    header = json.loads((store / "header.json").read_text())
    assert header["parameters"] == {"l_freq": 0.5, "folder": str(tmp_path)}


def test_a_changed_recording_makes_the_windows_anew(tmp_path):
    recording, make = tmp_path / "a.edf", Maker()
    recording.write_bytes(b"one")
    for _ in range(2):
        cached_windows(tmp_path / "cache", make, {}, sources=[recording])
    assert make.calls == 1
    recording.write_bytes(b"other")
    cached_windows(tmp_path / "cache", make, {}, sources=[recording])
    assert make.calls == 2
    with pytest.raises(FileNotFoundError):
        cached_windows(tmp_path / "cache", make, {}, sources=[tmp_path / "gone.edf"])


def test_a_damaged_store_is_made_anew_with_a_warning(tmp_path):
    make = Maker()
    expected = np.array(cached_windows(tmp_path, make, {}).X)
    (store,) = tmp_path.iterdir()
    content = (store / "X.npy").read_bytes()
    (store / "X.npy").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.warns(UserWarning, match="damaged: X.npy is not what was written"):
        again = cached_windows(tmp_path, make, {})
    np.testing.assert_array_equal(again.X, expected)
    assert make.calls == 2
    assert list(tmp_path.iterdir()) == [store]


def test_an_interrupted_call_leaves_nothing_that_a_later_one_could_take(tmp_path):
    def interrupted():
        yield part(5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_windows(tmp_path, interrupted, {})
    assert list(tmp_path.iterdir()) == []
    make = Maker()
    cached_windows(tmp_path, make, {})
    assert make.calls == 1


def test_parameters_without_a_lasting_text_are_refused(tmp_path):
    with pytest.raises(TypeError, match="expected numbers, text"):
        cached_windows(tmp_path, Maker(), {"filter": lambda x: x})


def test_a_store_that_another_process_finished_meanwhile_is_read(tmp_path):
    def slow():
        yield part(5)
        cached_windows(tmp_path, Maker(), {})  # the other one comes first

    assert len(cached_windows(tmp_path, slow, {}).X) == 5
    assert len(list(tmp_path.iterdir())) == 1


def _fill(folder):
    cached_windows(folder, lambda: (part(200, seed=k) for k in range(5)), {"any": 1})


def test_processes_that_start_together_agree(tmp_path):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_fill, args=(tmp_path,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    (store,) = tmp_path.iterdir()
    assert len(read_windows(store).X) == 1000


def test_a_whole_cohort_comes_back(tmp_path):
    params = {"n_patients": 2, "sfreq": 64, "length": 2, "random_state": 0}
    cohort = make_eeg_cohort(**params)
    stored = cached_windows(tmp_path, lambda: make_eeg_cohort(**params), params)
    np.testing.assert_array_equal(stored.X, cohort.X)
    np.testing.assert_array_equal(stored.y, cohort.y)
    assert stored.DESCR == cohort.DESCR
