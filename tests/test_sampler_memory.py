"""One training for each fold: the cache of trained generators, and generators that are frozen."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
import sklearn
from imblearn.pipeline import Pipeline
from joblib import Memory, Parallel, delayed
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from tiny import TINY

from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.over_sampling import FillGap, GenEEGSampler, _trained


@pytest.fixture
def trainings(monkeypatch):
    """How many windows each training in this process was given."""
    counted = []
    fit = LatentDiffusionGenerator.fit

    def counting(self, X, y, *, groups=None):
        counted.append(len(X))
        return fit(self, X, y, groups=groups)

    monkeypatch.setattr(LatentDiffusionGenerator, "fit", counting)
    return counted


def sampler(memory=None, **params):
    params = {"generator": clone(TINY), "quality": None, "random_state": 0, **params}
    return GenEEGSampler(memory=None if memory is None else str(memory), **params)


def few(cohort):
    return cohort.X[::2, :2, ::2], cohort.y[::2], cohort.groups[::2]


def resampled(aug, cohort):
    X, y, groups = few(cohort)
    return aug.fit_resample(X, y, groups=groups)[0]


def flat(X):
    return X.reshape(len(X), -1)[:, ::8]


def pipeline(aug):
    return Pipeline(
        [
            ("augment", aug),
            ("flat", FunctionTransformer(flat)),
            ("scale", StandardScaler()),
            ("classify", LogisticRegression()),
        ]
    )


def search(aug, grid, cohort, **options):
    X, y, groups = few(cohort)
    grid = {f"augment__{name}": values for name, values in grid.items()}
    found = GridSearchCV(pipeline(aug), grid, cv=GroupKFold(3), error_score="raise", **options)
    with sklearn.config_context(enable_metadata_routing=True):
        return found.fit(X, y, groups=groups)


def cached(folder):
    return sorted(folder.rglob("generator.json"))


SAMPLING = {
    "sampling_strategy": [FillGap(0.25), FillGap(1)],
    "guidance": [1.0, 2.0],
    "solver_steps": [2, 4],
    "patient_mix": ["balanced", "pooled"],
    "quality": [None, "plausible"],
}


@pytest.mark.slow
def test_a_grid_over_what_only_matters_when_sampling_trains_once_per_fold(
    cohort, trainings, tmp_path
):
    for name, values in SAMPLING.items():
        search(sampler(tmp_path), {name: values}, cohort)
        assert len(trainings) == 4, name  # three folds and the refit; nothing for the next grids


def test_a_grid_over_a_frozen_generator_trains_nothing(cohort, tmp_path, trainings):
    X, y, groups = few(cohort)
    clone(TINY).fit(X, y, groups=groups).save(tmp_path / "corpus")
    trainings.clear()
    loaded = LatentDiffusionGenerator.load(tmp_path / "corpus")
    grid = {name: SAMPLING[name] for name in ("guidance", "solver_steps")}
    found = search(sampler(generator=FrozenEstimator(loaded)), grid, cohort)
    assert trainings == []
    assert found.best_estimator_["augment"].generator_ is loaded


def test_a_loaded_generator_that_is_not_frozen_is_warned_about(cohort, tmp_path):
    X, y, _ = few(cohort)
    clone(TINY).fit(X, y).save(tmp_path / "corpus")
    bare = sampler(generator=LatentDiffusionGenerator.load(tmp_path / "corpus"))
    with pytest.warns(UserWarning, match="FrozenEstimator"):
        clone(pipeline(bare))


def test_guidance_and_steps_do_change_the_windows(cohort, tmp_path):
    plain = resampled(sampler(tmp_path), cohort)
    for changed in ({"guidance": 3.0}, {"solver_steps": 1}):
        assert not np.array_equal(resampled(sampler(tmp_path, **changed), cohort), plain)


def test_the_cache_gives_the_windows_of_a_training(cohort, trainings, tmp_path):
    without = resampled(sampler(), cohort)
    for _ in range(2):
        assert_array_equal(resampled(sampler(tmp_path), cohort), without)
    assert len(trainings) == 2


@pytest.mark.slow
def test_whatever_changes_the_training_trains_again(cohort, trainings, tmp_path):
    X, y, groups = few(cohort)
    changes = [
        (sampler(tmp_path), X, y, groups),
        (sampler(tmp_path, generator=clone(TINY).set_params(width=9)), X, y, groups),
        (sampler(tmp_path, generator=clone(TINY).set_params(random_state=1)), X, y, groups),
        (sampler(tmp_path), X + np.float32(1), y, groups),
        (sampler(tmp_path), X, y[::-1], groups),
        (sampler(tmp_path), X, y, groups[::-1]),
        (sampler(tmp_path), X, y, None),
    ]
    for _ in range(2):
        for aug, *data, patients in changes:
            aug.fit_resample(*data, groups=patients)
    assert len(trainings) == len(changes)


def test_the_same_windows_elsewhere_in_memory_or_on_disk_are_found_again(
    cohort, trainings, tmp_path
):
    X, y, groups = few(cohort)
    np.save(tmp_path / "X.npy", X)
    same = [X, X.copy(), np.asfortranarray(X), np.load(tmp_path / "X.npy", mmap_mode="r")]
    for windows in same:
        sampler(tmp_path / "cache").fit_resample(windows, y, groups=groups)
    assert len(trainings) == 1


def test_another_version_of_the_code_trains_again(cohort, trainings, tmp_path, monkeypatch):
    resampled(sampler(tmp_path), cohort)
    monkeypatch.setattr(_trained, "__version__", "0.0.0.another")
    resampled(sampler(tmp_path), cohort)
    assert len(trainings) == 2


DAMAGE = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "all but the last byte": lambda data: data[:-1],
    "something else": lambda data: b"\x80\x04not a pickle at all",
    "zeros from the middle on": lambda data: data[: len(data) // 2].ljust(len(data), b"\0"),
    "zeros": lambda data: bytes(len(data)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["generator.json", "arrays-*.safetensors"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_file_that_a_kill_left_half_written_is_trained_anew(
    cohort, trainings, tmp_path, damage, name
):
    expected = resampled(sampler(tmp_path), cohort)
    (file,) = tmp_path.rglob(name)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.warns(UserWarning, match="trained again"):
        assert_array_equal(resampled(sampler(tmp_path), cohort), expected)
    assert len(trainings) == 2
    assert_array_equal(resampled(sampler(tmp_path), cohort), expected)
    assert len(trainings) == 2  # the cache is whole again


@pytest.mark.slow
def test_a_flipped_bit_never_changes_samples(cohort, tmp_path):
    expected = resampled(sampler(tmp_path), cohort)
    rng = np.random.default_rng(0)
    for _ in range(20):
        file = rng.choice(sorted(path for path in tmp_path.rglob("*") if path.is_file()))
        damaged = bytearray(file.read_bytes())
        damaged[rng.integers(len(damaged))] ^= 1 << int(rng.integers(8))
        file.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="(?s).*trained again")
            assert_array_equal(resampled(sampler(tmp_path), cohort), expected)


def test_nothing_in_the_cache_is_unpickled(cohort, tmp_path, monkeypatch):
    expected = resampled(sampler(tmp_path), cohort)
    assert {path.suffix for path in tmp_path.rglob("*.*")} == {".json", ".safetensors"}
    (header,) = cached(tmp_path)

    def refuse(*_, **__):
        raise AssertionError("unpickled")

    for module in ("pickle", "joblib.numpy_pickle", "torch"):
        monkeypatch.setattr(f"{module}.load", refuse)
    assert_array_equal(resampled(sampler(tmp_path), cohort), expected)
    for name in ("output.pkl", "func_code.py", "metadata.json"):
        (header.parent / name).write_bytes(b"evil")
    assert_array_equal(resampled(sampler(tmp_path), cohort), expected)


def test_a_joblib_memory_names_the_folder_too(cohort, trainings, tmp_path):
    expected = resampled(sampler(), cohort)
    for memory in (Memory(tmp_path, verbose=0), Memory(str(tmp_path)), str(tmp_path)):
        aug = sampler().set_params(memory=memory)
        assert_array_equal(resampled(aug, cohort), expected)
    assert len(trainings) == 2
    assert_array_equal(resampled(sampler().set_params(memory=Memory(None)), cohort), expected)
    assert len(trainings) == 3


def test_a_cache_that_cannot_be_written_does_not_cost_the_training(cohort, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.warns(UserWarning, match="is not kept"):
        X = resampled(sampler(tmp_path / "file"), cohort)
    assert_array_equal(X, resampled(sampler(), cohort))


class Unsaveable(BaseEstimator):
    """A generator by protocol only."""

    def __init__(self, sfreq=None, random_state=None):
        self.sfreq, self.random_state = sfreq, random_state

    def fit(self, X, y, *, groups=None):
        return self

    def sample(self, y, **_):
        raise NotImplementedError


def test_a_generator_that_cannot_be_saved_is_refused_with_memory(cohort, tmp_path):
    with pytest.raises(ValueError, match="save and load, which Unsaveable does not have"):
        resampled(sampler(tmp_path, generator=Unsaveable()), cohort)


def test_nothing_half_trained_is_kept_when_training_is_interrupted(
    cohort, tmp_path, monkeypatch, trainings
):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("geneeg_sk.generation._fit.fit_denoiser", interrupted)
        with pytest.raises(KeyboardInterrupt):
            resampled(sampler(tmp_path), cohort)
    assert cached(tmp_path) == []
    assert_array_equal(resampled(sampler(tmp_path), cohort), resampled(sampler(), cohort))


@pytest.mark.slow
def test_two_processes_share_the_cache_and_agree(cohort, tmp_path):
    grid = {"sampling_strategy": [FillGap(0.25), FillGap(0.5), FillGap(1)]}
    alone = search(sampler(), grid, cohort)
    both = search(sampler(tmp_path), grid, cohort, n_jobs=2)
    assert_array_equal(both.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert len(cached(tmp_path)) == 4  # three folds and the refit
    racing = Parallel(n_jobs=2)(
        delayed(resampled)(sampler(tmp_path / "race"), cohort) for _ in range(4)
    )
    for one in racing:
        assert_array_equal(one, racing[0])
    assert len(cached(tmp_path / "race")) == 1


@pytest.mark.parametrize("quality", [None, "plausible"])
def test_smaller_ratios_are_exact_prefixes_also_where_windows_are_refused(
    cohort, tmp_path, quality
):
    X, y, groups = few(cohort)
    states = {}
    for fraction in (0.5, 1.0, 3.0):
        aug = sampler(tmp_path, quality=quality, sampling_strategy=FillGap(fraction))
        X_res, y_res = aug.fit_resample(X, y, groups=groups)
        new, labels = X_res[aug.is_synthetic_], y_res[aug.is_synthetic_]
        for state in ("ictal", "preictal"):
            rows = new[labels == state], aug.provenance_[labels == state].reset_index(drop=True)
            states.setdefault(state, []).append(rows)
    for found in states.values():
        for (few_, told), (many, told_of_many) in pairwise(found):
            assert 0 < len(few_) < len(many)
            assert_array_equal(few_, many[: len(few_)])
            assert told.equals(told_of_many[: len(told)])


def test_a_fitted_pipeline_tells_how_many_windows_were_generated(cohort, tmp_path):
    X, y, groups = few(cohort)
    with sklearn.config_context(enable_metadata_routing=True):
        fitted = pipeline(sampler(tmp_path, sampling_strategy=FillGap(0.5)))
        fitted.set_params(memory=str(tmp_path / "pipeline")).fit(X, y, groups=groups)
    told = fitted["augment"].n_synthetic_
    assert set(told) == set(y)
    assert told["normal"] == 0
    assert told == {**told, **fitted["augment"].provenance_["state"].value_counts().to_dict()}
    assert sum(told.values()) == fitted["augment"].is_synthetic_.sum() > 0
    assert set(fitted["augment"].rejection_rate_.index) == {"ictal", "preictal"}
