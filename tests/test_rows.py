"""Windows on disk: a fold is row numbers, and training from it is training from memory."""

import json
import pickle
import re
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.utils import _safe_indexing
from tiny import TINY

from geneeg_sk.classification import CNNBiLSTMClassifier
from geneeg_sk.datasets import WindowRows, read_windows, write_windows
from geneeg_sk.over_sampling import FillGap, augment_rows

NET = CNNBiLSTMClassifier(
    n_filters=4, n_hidden=8, max_epochs=3, batch_size=16, device="cpu", random_state=0
)


@pytest.fixture(scope="module")
def stored(cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows") / "windows"
    write_windows(folder, cohort)
    return read_windows(folder)


@pytest.fixture
def rows(stored):
    return WindowRows(stored.X)


# what indexing gives


def keys(n):
    """What may stand in the brackets, for `n` windows."""
    index = st.integers(-n, n - 1)
    return st.one_of(
        index,
        st.slices(n),
        st.lists(index, max_size=9).map(lambda chosen: np.array(chosen, dtype=int)),
        st.lists(st.booleans(), min_size=n, max_size=n).map(np.array),
        st.lists(index, min_size=1, max_size=5),
    )


@settings(max_examples=200, deadline=None)
@given(data=st.data(), n_sources=st.integers(1, 3))
def test_indexing_gives_what_an_array_gives(data, n_sources):
    parts = [np.arange(k * 100, k * 100 + 30.0).reshape(5, 2, 3) for k in range(n_sources)]
    whole = np.concatenate(parts)
    first = data.draw(keys(len(whole)))
    rows = WindowRows(*parts)[first]
    expected = whole[first]
    np.testing.assert_array_equal(np.asarray(rows), expected)
    if expected.ndim == 3:
        assert (rows.shape, rows.dtype, len(rows)) == (expected.shape, whole.dtype, len(expected))
        assert rows.nbytes == expected.nbytes
        if len(expected):
            second = data.draw(keys(len(expected)))
            np.testing.assert_array_equal(np.asarray(rows[second]), expected[second])


def test_what_is_out_of_range_or_inside_a_window_is_refused(rows):
    with pytest.raises(IndexError):
        rows[len(rows)]
    with pytest.raises(IndexError):
        rows[np.array([0, len(rows)])]
    with pytest.raises(IndexError):
        rows[np.ones(3, dtype=bool)]
    with pytest.raises(IndexError, match=r"np.asarray\(X\[rows\]\)\[:, channels\]"):
        rows[:, 0]
    assert rows[2:4, ...].shape == rows[2:4, :, :].shape == (2, 4, 128)


def test_windows_can_be_gone_through(rows, stored):
    np.testing.assert_array_equal(np.stack(list(rows[:3])), stored.X[:3])


def test_sources_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="different channels or times"):
        WindowRows(np.zeros((2, 3, 4)), np.zeros((2, 3, 5)))
    with pytest.raises(ValueError, match="expected one or more of shape"):
        WindowRows(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="expected one or more of shape"):
        WindowRows()


def test_choosing_and_looking_reads_nothing_but_what_is_asked(tmp_path):
    X = np.lib.format.open_memmap(
        tmp_path / "X.npy", mode="w+", dtype=np.float32, shape=(4000, 8, 256)
    )
    X.flush()
    stored = np.load(tmp_path / "X.npy", mmap_mode="r")
    tracemalloc.start()
    fold = WindowRows(stored)[np.arange(0, 4000, 2)]
    np.asarray(fold[[5, 3]])
    whole = np.asarray(WindowRows(stored)[100:3000])  # neighbors are a view of the map
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.shares_memory(whole, stored)
    assert peak < stored.nbytes / 50


def test_an_array_without_a_copy_is_given_only_where_there_is_one(rows):
    assert np.asarray(rows, copy=False).shape == rows.shape
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(rows[::2], copy=False)
    assert np.array(rows[:2]).flags.writeable
    assert np.asarray(rows[:2], dtype=np.float64).dtype == np.float64


# scikit-learn and joblib


def test_folds_are_rows(rows, stored):
    for train, test in GroupKFold(2).split(rows, stored.y, stored.groups):
        fold = _safe_indexing(rows, train)
        assert isinstance(fold, WindowRows)
        np.testing.assert_array_equal(fold.rows, train)
        np.testing.assert_array_equal(np.asarray(fold), stored.X[train])
        np.testing.assert_array_equal(np.asarray(_safe_indexing(rows, test)), stored.X[test])


def test_an_estimator_that_knows_nothing_of_it_gets_an_array(rows, stored):
    scores = cross_validate(
        DummyClassifier(), rows, stored.y, groups=stored.groups, cv=GroupKFold(2)
    )
    assert len(scores["test_score"]) == 2


def test_what_is_pickled_is_the_file_s_name_and_the_rows(rows, stored):
    fold = WindowRows(rows[::2], rows[5:7])
    content = pickle.dumps(fold)
    assert len(content) < 4000 < fold.nbytes / 20
    again = pickle.loads(content)
    np.testing.assert_array_equal(np.asarray(again), np.asarray(fold))
    assert (again.shape, again.dtype) == (fold.shape, fold.dtype)


def test_a_part_of_a_map_and_an_array_survive_pickle_too(stored):
    for source in [stored.X[3:9], np.array(stored.X[:4])]:
        again = pickle.loads(pickle.dumps(WindowRows(source)))
        np.testing.assert_array_equal(np.asarray(again), source)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_rows_in_any_order_survive_pickle(data):
    whole = WindowRows(np.arange(30.0).reshape(15, 1, 2))
    rows = whole[np.array(data.draw(st.lists(st.integers(0, 14))), dtype=int)]
    again = pickle.loads(pickle.dumps(rows))
    np.testing.assert_array_equal(again.rows, rows.rows)
    assert again.rows.dtype == rows.rows.dtype
    np.testing.assert_array_equal(np.asarray(again), np.asarray(rows))


def test_a_file_that_is_gone_is_named_when_it_is_read(stored, tmp_path):
    np.save(tmp_path / "X.npy", stored.X)
    content = pickle.dumps(WindowRows(np.load(tmp_path / "X.npy", mmap_mode="r")))
    (tmp_path / "X.npy").unlink()
    again = pickle.loads(content)  # elsewhere, an error here might not be passed on
    with pytest.raises(
        FileNotFoundError, match=r"cannot read .*X\.npy.* keep the store in a folder"
    ):
        again[0]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_pages_that_were_read_are_given_back_and_views_stay(tmp_path):
    X = np.lib.format.open_memmap(
        tmp_path / "X.npy", mode="w+", dtype=np.float32, shape=(1000, 16, 1024)
    )
    X[:] = np.arange(1000)[:, None, None]
    X.flush()
    rows = WindowRows(np.load(tmp_path / "X.npy", mmap_mode="r"))

    def mapped():
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(re.search(r"RssFile:\s+(\d+)", status)[1])

    first, before = np.asarray(rows[:3]), mapped()
    for places, block in rows.stored_blocks():
        assert block[:, 0, 0].tolist() == places.tolist()
    assert mapped() - before < rows.nbytes / 4
    assert first[:, 0, 0].tolist() == [0, 1, 2]


# the classifier


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.dtype(">f4")])
def test_training_from_disk_is_bit_identical_to_training_from_memory(stored, tmp_path, dtype):
    np.save(tmp_path / "X.npy", stored.X.astype(dtype))
    rows = WindowRows(np.load(tmp_path / "X.npy", mmap_mode="r"))
    X = np.asarray(stored.X).astype(dtype)
    train, test = next(GroupKFold(2).split(X, stored.y, stored.groups))
    valid, test = test[::2], test[1::2]
    options = {"y_valid": stored.y[valid]}
    from_disk = clone(NET).fit(rows[train], stored.y[train], X_valid=rows[valid], **options)
    in_memory = clone(NET).fit(X[train], stored.y[train], X_valid=X[valid], **options)
    np.testing.assert_array_equal(
        from_disk.predict_proba(rows[test]), in_memory.predict_proba(X[test])
    )
    losses = ["train_loss", "valid_loss"]
    np.testing.assert_array_equal(from_disk.history_[losses], in_memory.history_[losses])
    np.testing.assert_array_equal(
        from_disk.partial_fit(rows[test], stored.y[test]).predict_proba(X),
        in_memory.partial_fit(X[test], stored.y[test]).predict_proba(rows),
    )
    assert from_disk.n_features_in_ == in_memory.n_features_in_


def test_cross_validation_by_patient_in_two_processes_is_that_of_the_array(rows, stored):
    scores = [
        cross_validate(
            NET, X, stored.y, groups=stored.groups, cv=GroupKFold(2), scoring="neg_log_loss",
            n_jobs=2, error_score="raise",
        )["test_score"]
        for X in (rows, np.asarray(stored.X))
    ]  # fmt: skip
    np.testing.assert_array_equal(*scores)


def test_a_fold_is_never_in_memory_as_a_whole(tmp_path):
    shape = (12_000, 4, 256)
    X = np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", dtype=np.float32, shape=shape)
    X[:] = np.random.default_rng(0).standard_normal((1, 4, 256), dtype=np.float32)
    X.flush()
    rows = WindowRows(np.load(tmp_path / "X.npy", mmap_mode="r"))[::2]
    y = np.tile(["ictal", "normal"], len(rows) // 2)
    clf = CNNBiLSTMClassifier(n_filters=2, kernel_size=8, n_hidden=2, max_epochs=1, device="cpu")
    clf.fit(rows[:64], y[:64])
    tracemalloc.start()
    clf.fit(rows, y).predict(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows.nbytes / 2
    assert rows.nbytes > 24_000_000


@pytest.mark.parametrize(
    ("bad", "kind"), [(np.nan, "NaN"), (np.inf, "infinity"), (1e300, "1e\\+300")]
)
def test_windows_that_are_not_finite_are_refused_with_their_place(bad, kind):
    X = np.random.default_rng(0).normal(size=(4000, 2, 600))  # more than one block
    X[3900, 1, 17] = bad
    y = np.tile(["ictal", "normal"], 2000)
    with pytest.raises(ValueError, match=f"{kind}.*: first in window 1899, channel 1, sample 17"):
        clone(NET).fit(WindowRows(X)[2001:], y[2001:])


def test_other_windows_than_in_training_and_none_at_all_are_refused(rows, stored):
    clf = clone(NET).fit(rows, stored.y)
    with pytest.raises(ValueError, match=r"100 times, but .* fitted on 4 channels and 128 times"):
        clf.predict(WindowRows(np.zeros((3, 4, 100))))
    with pytest.raises(ValueError, match="minimum of 1 is required"):
        clf.predict(rows[:0])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(NET).fit(rows, stored.y[:-1])


# augmentation inside the training loop


@pytest.fixture(scope="module")
def generator(cohort):
    return clone(TINY).fit(cohort.X, cohort.y, groups=cohort.groups)


def test_augmented_rows_are_the_real_ones_and_what_the_strategy_asks_for(rows, stored, generator):
    X, y = augment_rows(rows, stored.y, generator, groups=stored.groups, random_state=0)
    counts = np.unique(y, return_counts=True)[1]
    assert counts.tolist() == [counts.max()] * 3
    n_real = len(rows)
    np.testing.assert_array_equal(np.asarray(X[:n_real]), stored.X)
    np.testing.assert_array_equal(y[:n_real], stored.y)
    synthetic = np.asarray(X[n_real:])
    assert synthetic.dtype == stored.X.dtype
    assert np.isfinite(synthetic).all()
    assert (synthetic.std(axis=(1, 2)) > 0).all()
    same, _ = augment_rows(rows, stored.y, generator, groups=stored.groups, random_state=0)
    np.testing.assert_array_equal(np.asarray(same[n_real:]), synthetic)
    assert not np.array_equal(np.asarray(X[n_real:]), synthetic)  # new ones in every epoch


def test_a_classifier_trains_on_real_and_generated_windows_and_repeats(rows, stored, generator):
    train = np.flatnonzero(stored.groups != stored.groups[0])
    proba = []
    for _ in range(2):
        X, y = augment_rows(
            rows[train],
            stored.y[train],
            generator,
            sampling_strategy=FillGap(0.5),
            random_state=1,
        )
        clf = clone(NET).fit(X, y)
        assert sum(b["train_batch_size"] for b in clf.net_.history[0, "batches"]) == len(y)
        proba.append(clf.predict_proba(rows))
    np.testing.assert_array_equal(*proba)


def test_synthetic_windows_take_as_much_memory_as_a_pool_and_not_as_their_number(rows, stored):
    class Noise:
        n_channels_, n_times_ = rows.shape[1:]
        n_asked = 0

        def sample(self, y, *, groups, random_state):
            self.n_asked += len(y)
            rng = np.random.default_rng(random_state)
            return rng.standard_normal((len(y), *rows.shape[1:]), dtype=np.float32)

    noise = Noise()
    y = stored.y
    wanted = dict.fromkeys(np.unique(y).tolist(), 20_000)
    tracemalloc.start()
    X, y = augment_rows(rows, y, noise, sampling_strategy=wanted)
    assert (len(X), noise.n_asked) == (60_000, 0)
    assert X.nbytes > 120_000_000
    for start in range(len(rows), 2000, 32):
        np.asarray(X[start : start + 32])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert noise.n_asked < 2500
    assert peak < 8_000_000


def test_a_balanced_fold_is_left_alone_and_nonsense_is_refused(rows, stored, generator):
    some = np.concatenate([np.flatnonzero(stored.y == s)[:3] for s in np.unique(stored.y)])
    X, y = augment_rows(rows[some], stored.y[some], generator)
    assert len(X) == len(y) == 9
    with pytest.raises(ValueError, match="one class only"):
        augment_rows(rows[:4], ["ictal"] * 4, generator)
    with pytest.raises(ValueError, match="expected one state each"):
        augment_rows(rows, stored.y[:-1], generator)
    with pytest.raises(ValueError, match="groups has 3 entries"):
        augment_rows(rows, stored.y, generator, groups=stored.groups[:3])
    with pytest.raises(ValueError, match="different channels or times"):
        augment_rows(np.zeros((len(rows), 4, 60)), stored.y, generator)


# the page on it

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_page_on_memory_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/guide/scale.md").read_text(encoding="utf-8")
    namespace = {}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(compile(block, "scale.md", "exec"), namespace)
    assert capsys.readouterr().out.endswith("False\n")


@pytest.mark.parametrize(
    ("what", "name"),
    [("classifier", "CNNBiLSTMClassifier"), ("generator", "LatentDiffusionGenerator")],
)
def test_the_numbers_on_the_page_were_measured(what, name):
    page = (ROOT / "docs/guide/scale.md").read_text(encoding="utf-8")
    lines = (ROOT / "benchmarks/results/memory.jsonl").read_text(encoding="utf-8").splitlines()
    measured = [line for line in map(json.loads, lines) if line["what"] == what][-1]
    gigabytes = measured["rss_anon_gb"]
    assert max(gigabytes.values()) <= measured["bar_gb"]
    for number in (measured["store_gb"], measured["fold_gb"], gigabytes["verify"]):
        assert f"{number:.1f} GB" in page
    assert f"| `{name}` | {gigabytes['fit']:.2f} GB | {gigabytes['use']:.2f} GB |" in page
