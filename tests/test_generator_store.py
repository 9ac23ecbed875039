"""A generator fitted on windows of a store is that of the array, and keeps no copy of them."""

import tracemalloc

import numpy as np
import pytest
from sklearn.base import clone
from tiny import TINY

from geneeg_sk.datasets import WindowRows, read_windows, write_windows


@pytest.fixture(scope="module")
def stored(cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows") / "windows"
    write_windows(folder, cohort)
    return read_windows(folder)


@pytest.mark.parametrize(
    ("dtype", "with_groups"),
    [(np.float32, True), (np.float64, False), (np.dtype(">f4"), True), (np.float16, False)],
)
def test_samples_are_bit_identical_to_those_after_fitting_on_the_array(
    stored, tmp_path, dtype, with_groups
):
    np.save(tmp_path / "X.npy", stored.X.astype(dtype))
    rows = WindowRows(np.load(tmp_path / "X.npy", mmap_mode="r"))
    X = np.load(tmp_path / "X.npy")
    fold = np.flatnonzero(np.arange(len(X)) % 5 > 0)
    y, groups = stored.y[fold], stored.groups[fold] if with_groups else None
    from_disk = clone(TINY).fit(rows[fold], y, groups=groups)
    in_memory = clone(TINY).fit(X[fold], y, groups=groups)
    asked = {"groups": groups[::7]} if with_groups else {}
    samples = [one.sample(y[::7], random_state=1, **asked) for one in (from_disk, in_memory)]
    np.testing.assert_array_equal(*samples)
    assert samples[0].dtype == samples[1].dtype
    np.testing.assert_array_equal(from_disk.profiles_, in_memory.profiles_)
    losses = [one.history_.select_dtypes("number").to_numpy() for one in (from_disk, in_memory)]
    np.testing.assert_array_equal(*losses)
    for name in ("n_features_in_", "n_channels_", "n_times_"):
        assert getattr(from_disk, name) == getattr(in_memory, name)


def test_later_patients_may_come_from_a_store_too(stored):
    first = stored.groups == stored.groups[0]
    rows, y, groups = WindowRows(stored.X), stored.y, stored.groups
    samples = []
    for X in (rows, np.array(stored.X)):
        generator = clone(TINY).fit(X[first], y[first], groups=groups[first])
        generator.partial_fit(X[~first], y[~first], groups=groups[~first])
        samples.append(generator.sample(y[:5], random_state=0))
    np.testing.assert_array_equal(*samples)


@pytest.mark.slow
def test_a_fold_is_never_in_memory_as_a_whole(tmp_path):
    shape = (16_000, 4, 256)
    X = np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", dtype=np.float32, shape=shape)
    rng = np.random.default_rng(0)
    for block in np.array_split(X, 20):
        block[:] = rng.standard_normal(block.shape, dtype=np.float32)
    X.flush()
    rows = WindowRows(np.load(tmp_path / "X.npy", mmap_mode="r"))[::2]
    y = np.tile(["ictal", "normal"], len(rows) // 2)
    generator = clone(TINY).set_params(vae_steps=1, diffusion_steps=1)
    generator.fit(rows[:64], y[:64])
    tracemalloc.start()
    generator.fit(rows, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows.nbytes
    assert rows.nbytes > 32_000_000


def test_what_cannot_be_fitted_is_refused_with_its_place(stored):
    X = np.array(stored.X)
    X[7, 1, 5] = np.nan
    with pytest.raises(ValueError, match="NaN: first in window 7, channel 1, sample 5"):
        clone(TINY).fit(WindowRows(X), stored.y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(TINY).fit(WindowRows(X)[:7], stored.y)
