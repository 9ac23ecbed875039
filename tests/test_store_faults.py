"""Stores that are cut short, damaged, malicious, or replaced while somebody reads."""

import hashlib
import json
import multiprocessing
import os
import signal
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch
from test_store import part

from geneeg_sk.datasets import (
    cached_windows,
    make_eeg_cohort,
    read_windows,
    to_epochs,
    write_edf,
    write_events,
    write_windows,
)

FORK = multiprocessing.get_context("fork")


def numbered(number, n_windows=6):
    """Windows that tell in samples, labels and tables of which store they are."""
    bunch = part(n_windows, f"p{number}")
    bunch.X[:] = number + 1
    bunch.y[:] = f"{number}"
    return bunch


def number_of(windows):
    """Return the number of a store, after a check that all of it is of one."""
    (number,) = set(np.unique(windows.X).astype(int) - 1)
    assert set(windows.y) == {f"{number}"}
    assert set(windows.groups) == {f"p{number}"}
    return number


def die_at(step, die):
    """Return an ``os.replace`` whose call number `step` does not happen."""
    calls, replace = [], os.replace

    def replace_or_die(*names):
        calls.append(names)
        if len(calls) == step:
            die()
        replace(*names)

    return replace_or_die


def interrupt():
    raise KeyboardInterrupt


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


# An overwrite moves: the folder, which fails, the array, the table, the header.
@pytest.mark.parametrize("step", [1, 2, 3, 4])
@pytest.mark.parametrize("die", [interrupt, kill])
def test_an_overwrite_that_is_cut_short_leaves_the_old_store(tmp_path, monkeypatch, step, die):
    write_windows(tmp_path / "store", numbered(0))

    def overwrite():
        monkeypatch.setattr(os, "replace", die_at(step, die))
        write_windows(tmp_path / "store", numbered(1), overwrite=True)

    if die is kill:
        process = FORK.Process(target=overwrite)
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    else:
        with pytest.raises(KeyboardInterrupt):
            overwrite()
        assert [p.name for p in tmp_path.iterdir()] == ["store"]
        monkeypatch.undo()
    assert number_of(read_windows(tmp_path / "store")) == 0
    write_windows(tmp_path / "store", numbered(2), overwrite=True)
    assert number_of(read_windows(tmp_path / "store")) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["store"]
    assert len(list((tmp_path / "store").iterdir())) == 3


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_not(tmp_path):
    def killed():
        yield part(3)
        kill()

    process = FORK.Process(target=write_windows, args=(tmp_path / "a", killed()))
    process.start()
    process.join()
    assert len(list(tmp_path.iterdir())) == 1

    def slow():
        yield part(3)
        (left,) = tmp_path.iterdir()  # that of the killed process is gone, this one's is there
        write_windows(tmp_path / "b", part(2))
        assert left.exists()

    write_windows(tmp_path / "c", slow())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b", "c"]


@pytest.mark.parametrize("verify", [True, False])
def test_who_reads_while_a_store_is_replaced_gets_all_of_one(tmp_path, verify):
    def write_again_and_again():
        for number in range(1, 10_000):
            write_windows(tmp_path / "store", numbered(number % 100), overwrite=True)

    write_windows(tmp_path / "store", numbered(0))
    process = FORK.Process(target=write_again_and_again, daemon=True)
    process.start()
    try:
        read = [number_of(read_windows(tmp_path / "store", verify=verify)) for _ in range(100)]
    finally:
        process.kill()
        process.join()
    assert len(set(read)) > 3


def test_windows_that_are_mapped_stay_what_they_were_when_the_store_is_replaced(tmp_path):
    write_windows(tmp_path / "store", numbered(0))
    before = read_windows(tmp_path / "store")
    write_windows(tmp_path / "store", numbered(1), overwrite=True)
    assert number_of(before) == 0
    assert number_of(read_windows(tmp_path / "store", mmap=False)) == 1


def test_the_user_s_own_files_in_a_store_outlive_overwrites_and_ours_do_not(tmp_path):
    store = tmp_path / "store"
    write_windows(store, numbered(0))
    own = {"notes.npy", "labels.parquet", "X-mine.npy", "figures"}
    for name in own - {"figures"}:
        (store / name).write_bytes(b"mine")
    (store / "figures").mkdir()
    for number in (1, 2):
        write_windows(store, numbered(number), overwrite=True)
    assert number_of(read_windows(store, mmap=False)) == 2
    names = {path.name for path in store.iterdir()}
    assert own <= names
    assert len(names - own) == 3  # header, array, table


def test_a_link_to_a_store_stays_one_when_it_is_overwritten(tmp_path):
    write_windows(tmp_path / "there" / "store", numbered(0))
    (tmp_path / "link").symlink_to(tmp_path / "there" / "store")
    write_windows(tmp_path / "link", numbered(1), overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert number_of(read_windows(tmp_path / "there" / "store")) == 1


def test_files_follow_the_umask(tmp_path):
    cohort = make_eeg_cohort(n_patients=1, n_windows={"normal": 2}, sfreq=64.0, random_state=0)
    events = pd.DataFrame({"onset": [1.0], "duration": [2.0]})
    old = os.umask(0o027)
    try:
        for _ in range(2):
            write_windows(tmp_path / "store", cohort, overwrite=True)
        write_edf(tmp_path / "a.edf", cohort.X, cohort.y, cohort.info)
        write_events(tmp_path / "a_events.tsv", events, duration=9.0)
    finally:
        os.umask(old)
    modes = {p.name: p.stat().st_mode & 0o777 for p in tmp_path.rglob("*")}
    assert modes.pop("store") == 0o750
    assert set(modes.values()) == {0o640}


@pytest.mark.parametrize("name", ["y", "groups"])
@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_labels_are_refused(tmp_path, name, missing):
    bunch = part(2)
    bunch[name] = np.array(["p10", missing], dtype=object)
    with pytest.raises(ValueError, match=rf"{name} has no entry for 1 of 2 windows.* window 1"):
        write_windows(tmp_path / "store", bunch)
    assert list(tmp_path.iterdir()) == []


def test_labels_come_back_in_full(tmp_path):
    bunch = part(2)
    bunch.groups = np.array(["p10", "p1"], dtype=object)
    write_windows(tmp_path / "store", bunch)
    assert read_windows(tmp_path / "store").groups.tolist() == ["p10", "p1"]


def test_masked_windows_are_refused(tmp_path):
    bunch = part(2)
    bunch.X = np.ma.masked_greater(bunch.X, 30)
    with pytest.raises(ValueError, match="X is a masked array"):
        write_windows(tmp_path / "store", bunch)


def test_no_changed_bit_of_a_header_gives_other_windows(tmp_path):
    write_windows(tmp_path / "store", part(3))
    path = tmp_path / "store" / "header.json"
    content, expected = path.read_bytes(), read_windows(tmp_path / "store")
    rng = np.random.default_rng(0)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            back = read_windows(tmp_path / "store", verify=False)
        except ValueError:
            continue
        assert (back.info.ch_names, back.sfreq) == (expected.info.ch_names, expected.sfreq)
        np.testing.assert_array_equal(back.X, expected.X)


def rewritten(folder, **changes):
    """Change a header and make its checksum right, as a malicious writer would."""
    from geneeg_sk.datasets._store_header import read_header

    header = read_header(folder) | changes
    text = json.dumps(header, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    (folder / "header.json").write_text(json.dumps(header | {"sha256": digest}))


@pytest.mark.parametrize(
    "changes",
    [
        {"sfreq": float("nan")},
        {"sfreq": float("inf")},
        {"sfreq": -64.0},
        {"shape": [3, 2, 200_000_000]},
        {"shape": [3, 2]},
        {"shape": [3, 2, -128]},
        {"shape": [3, 2, True]},
        {"channels": ["C3", "C3"]},
        {"channels": ["C3"]},
        {"dtype": "<U100000000"},
        {"dtype": "|O"},
        {"dtype": "<f8"},
        {"dtype": "<,4"},  # NumPy parses it as Python, and raises a SyntaxError
        {"dtype": 4},
        {"tables": {"metadata": 200_000_000}},
        {"tables": {"metadata": 3, "../../metadata": 3}},
        {"suffix": "/../x"},
        {"files": {}},
        {"descr": None},
        {"dropped": {"flat": "3"}},
        {"dropped": [3]},
    ],
)
def test_a_header_with_impossible_values_is_refused_before_memory_is_taken(tmp_path, changes):
    write_windows(tmp_path / "store", part(3))
    rewritten(tmp_path / "store", **changes)
    tracemalloc.start()
    with pytest.raises(ValueError, match="damaged"):
        read_windows(tmp_path / "store", mmap=False, verify=False)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["descr", "dropped", "sfreq", "files", "suffix"])
def test_a_header_that_lacks_something_is_refused(tmp_path, name):
    from geneeg_sk.datasets._store_header import write_header

    write_windows(tmp_path / "store", part(3))
    header = json.loads((tmp_path / "store/header.json").read_text())
    write_header(tmp_path / "store", {k: v for k, v in header.items() if k not in (name, "sha256")})
    with pytest.raises(ValueError, match="damaged"):
        read_windows(tmp_path / "store")


def grow(path):
    os.truncate(path, 1 << 40)


def link_to_zeros(path):
    path.unlink()
    path.symlink_to("/dev/zero")


def pipe(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("file", ["header.json", "X.npy", "metadata.parquet"])
@pytest.mark.parametrize("damage", [grow, link_to_zeros, pipe])
@pytest.mark.timeout(20)
def test_files_that_never_end_are_refused_unread(tmp_path, file, damage):
    write_windows(tmp_path / "store", part(3))
    damage(tmp_path / "store" / file)
    with pytest.raises((ValueError, FileNotFoundError), match=r"damaged|has no header\.json"):
        read_windows(tmp_path / "store")
    if file == "header.json" and damage is not grow:
        with pytest.raises(FileExistsError, match="choose another folder"):
            write_windows(tmp_path / "store", part(3), overwrite=True)


def test_an_array_of_another_dtype_or_shape_is_refused_before_memory_is_taken(tmp_path):
    write_windows(tmp_path / "store", part(3))
    path = tmp_path / "store" / "X.npy"
    content = path.read_bytes()
    for shape, dtype in (((3, 2, 200_000_000), "<f4"), ((3, 2, 128), "<U100000000")):
        with path.open("r+b") as file:
            about = {"descr": dtype, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, about)
        assert path.stat().st_size == len(content)
        tracemalloc.start()
        with pytest.raises(ValueError, match=r"X\.npy has shape"):
            read_windows(tmp_path / "store", mmap=False, verify=False)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
        tracemalloc.stop()


def test_a_table_with_labels_that_fill_the_memory_is_refused(tmp_path):
    bunch = part(20)
    bunch.y = np.array(["normal"] * 19 + ["x" * 2000])
    with pytest.raises(ValueError, match="y has an entry of more than 1000 characters"):
        write_windows(tmp_path / "store", bunch)
    write_windows(tmp_path / "store", part(20))
    path = tmp_path / "store" / "metadata.parquet"
    table = pd.read_parquet(path)
    table.loc[0, "state"] = "x" * 40_000_000
    table.to_parquet(path)
    files = json.loads((tmp_path / "store" / "header.json").read_text())["files"]
    files["metadata.parquet"]["bytes"] = path.stat().st_size
    rewritten(tmp_path / "store", files=files)
    with pytest.raises(ValueError, match="a table of 20 rows"):
        read_windows(tmp_path / "store", verify=False)


def test_of_two_processes_the_second_reads_what_the_first_wrote_meanwhile(tmp_path):
    def long_work():
        cached_windows(tmp_path, lambda: part(5), {})  # the other process comes first
        return part(5)

    assert len(cached_windows(tmp_path, long_work, {}).X) == 5


def cut_header(store):
    (store / "header.json").write_text("{")


def flip_in_format(store):
    path = store / "header.json"
    path.write_text(path.read_text().replace("geneeg_sk windows", "geneeg_sk windowr"))


def remove_header(store):
    (store / "header.json").unlink()


@pytest.mark.parametrize("damage", [cut_header, flip_in_format, remove_header])
def test_windows_with_a_damaged_header_are_made_anew_once(tmp_path, damage):
    cached_windows(tmp_path, lambda: part(5), {})
    (store,) = tmp_path.iterdir()
    damage(store)
    with pytest.warns(UserWarning, match="made again"):
        again = cached_windows(tmp_path, lambda: part(5), {})
    np.testing.assert_array_equal(again.X, part(5).X)
    assert len(list(store.iterdir())) == 3
    cached_windows(tmp_path, lambda: 1 / 0, {})  # is not called


def test_a_store_whose_header_is_damaged_can_be_overwritten(tmp_path):
    write_windows(tmp_path / "store", numbered(0))
    cut_header(tmp_path / "store")
    write_windows(tmp_path / "store", numbered(1), overwrite=True)
    assert number_of(read_windows(tmp_path / "store")) == 1


def test_parameters_may_be_infinite(tmp_path):
    parameters = {"reject": float("inf"), "flat": np.array([np.nan, 1.0]), "at": Path("x")}
    cached_windows(tmp_path, lambda: part(5), parameters)
    (store,) = tmp_path.iterdir()
    header = json.loads((store / "header.json").read_text())
    assert header["parameters"] == {"reject": "inf", "flat": ["nan", 1.0], "at": "x"}
    cached_windows(tmp_path, lambda: 1 / 0, parameters)


def test_windows_of_impossible_amplitude_are_not_stored(tmp_path):
    bad = Bunch(**part(4))
    bad.X[2, 1, 5] = 3e38
    with pytest.raises(ValueError, match=r"3e\+38: first in window 2, channel 1, sample 5"):
        write_windows(tmp_path / "store", [part(3), bad])


def test_masked_samples_are_not_exported(cohort, tmp_path):
    X = np.ma.masked_greater(cohort.X, 100)
    with pytest.raises(ValueError, match="masked array"):
        to_epochs(X, cohort.info)
    with pytest.raises(ValueError, match="masked array"):
        write_edf(tmp_path / "a.edf", X, cohort.y, cohort.info)
