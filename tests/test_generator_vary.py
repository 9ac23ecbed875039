"""Variations of real windows: by the generator, and as an over-sampler."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from tiny import TINY

from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.over_sampling import FillGap, GenEEGSampler


@pytest.fixture(scope="module")
def fitted(cohort):
    return clone(TINY).fit(cohort.X, cohort.y, groups=cohort.groups)


def correlations(A, B):
    return np.array([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(A, B)])


def sampler(**params):
    params = {"generator": clone(TINY), "quality": None, "random_state": 0, **params}
    return GenEEGSampler(method="vary", **params)


# --- the generator ------------------------------------------------------------------------------


def test_strength_zero_gives_the_windows_themselves(fitted, cohort):
    before = cohort.X.copy()
    varied = fitted.vary(cohort.X, cohort.y, strength=0)
    assert varied.dtype == cohort.X.dtype
    assert_allclose(varied, cohort.X, atol=1e-4 * np.abs(cohort.X).max())
    assert_array_equal(cohort.X, before)


def test_one_channel_too(cohort):
    X = cohort.X[:, :1].astype(np.float64)
    generator = clone(TINY).fit(X, cohort.y)
    varied = generator.vary(X, cohort.y, strength=0)
    assert varied.dtype == np.float64
    assert_allclose(varied, X, atol=1e-4 * np.abs(X).max())
    assert generator.vary(X, cohort.y, strength=1).shape == X.shape


def test_the_stronger_the_less_is_left_of_a_window(fitted, cohort):
    left = [
        correlations(fitted.vary(cohort.X, cohort.y, strength=s), cohort.X).mean()
        for s in (0, 0.2, 0.5, 0.8, 1)
    ]
    assert np.all(np.diff(left) < -0.02)
    assert left[0] > 0.999
    assert abs(left[-1]) < 0.1


def test_loudness_and_band_powers_stay_those_of_the_window(fitted, cohort):
    X = cohort.X[::8]
    varied = fitted.vary(X, cohort.y[::8], strength=1)
    assert_allclose(varied.std(axis=(1, 2)), X.std(axis=(1, 2)), rtol=0.03)
    # The profile of one window is what describes it: loudness, band powers, and three a channel.
    powers = slice(1, -3 * X.shape[1])
    own, other = (np.array([fitted.profile(x[None])[powers] for x in Z]) for Z in (X, varied))
    assert np.corrcoef(own.ravel(), other.ravel())[0, 1] > 0.97


def test_windows_come_to_resemble_the_patients_they_are_moved_to(fitted, cohort):
    first, last = fitted.patients_[0], fitted.patients_[-1]
    own = (cohort.groups == first) & (cohort.y == "normal")
    X, y, groups = cohort.X[own], cohort.y[own], cohort.groups[own]
    target = fitted.profiles_[-1]
    moved = fitted.vary(X, y, strength=0.2, groups=groups, profiles=target)
    spread = fitted.profiles_.std(axis=0) + 0.1

    def distance(windows):
        return np.linalg.norm((fitted.profile(windows) - target) / spread)

    there = cohort.X[(cohort.groups == last) & (cohort.y == "normal")]
    assert distance(there) < 0.01
    assert distance(moved) < 0.5 * distance(X)
    # One profile a window gives the same.
    each = np.tile(target, (len(X), 1))
    assert_array_equal(fitted.vary(X, y, strength=0.2, groups=groups, profiles=each), moved)


def test_the_first_windows_do_not_depend_on_the_others(fitted, cohort):
    whole = fitted.vary(cohort.X, cohort.y, strength=0.5, random_state=3)
    part = fitted.vary(cohort.X[:70], cohort.y[:70], strength=0.5, random_state=3)
    assert_array_equal(part, whole[:70])
    again = fitted.vary(cohort.X, cohort.y, strength=0.5, random_state=3)
    assert_array_equal(again, whole)
    other = fitted.vary(cohort.X, cohort.y, strength=0.5, random_state=4)
    assert not np.array_equal(other, whole)


def test_a_loaded_generator_varies_alike_and_one_without_patients_in_place(
    fitted, cohort, tmp_path
):
    X, y, groups = cohort.X[:8], cohort.y[:8], cohort.groups[:8]
    expected = fitted.vary(X, y, strength=0.5, groups=groups, profiles=fitted.profiles_[0])
    fitted.save(tmp_path / "whole")
    loaded = LatentDiffusionGenerator.load(tmp_path / "whole")
    assert_array_equal(
        loaded.vary(X, y, strength=0.5, groups=groups, profiles=fitted.profiles_[0]), expected
    )
    fitted.save(tmp_path / "anonymous", profiles=False)
    anonymous = LatentDiffusionGenerator.load(tmp_path / "anonymous")
    assert_allclose(anonymous.vary(X, y, strength=0), X, atol=1e-4 * np.abs(X).max())
    with pytest.raises(ValueError, match="knows none"):
        anonymous.vary(X, y, strength=0.5, groups=groups)


def test_bad_requests_are_refused(fitted, cohort):
    X, y, groups = cohort.X[:4], cohort.y[:4], cohort.groups[:4]
    for strength in (-0.1, 1.1, np.nan, "half"):
        with pytest.raises(ValueError, match="strength"):
            fitted.vary(X, y, strength=strength)
    with pytest.raises(ValueError, match="profiles is given without groups"):
        fitted.vary(X, y, strength=0.5, profiles=fitted.profiles_[0])
    with pytest.raises(ValueError, match="unknown state"):
        fitted.vary(X, ["asleep"] * 4, strength=0.5)
    with pytest.raises(ValueError, match="unknown patient"):
        fitted.vary(X, y, strength=0.5, groups=["nobody"] * 4)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        fitted.vary(X, y[:3], strength=0.5)
    with pytest.raises(ValueError, match="profiles has shape"):
        fitted.vary(X, y, strength=0.5, groups=groups, profiles=np.zeros(3))
    with pytest.raises(ValueError, match="expecting 4 features"):
        fitted.vary(X[:, :2], y, strength=0.5)
    with pytest.raises(NotFittedError):
        clone(TINY).vary(X, y, strength=0.5)


# --- the over-sampler ---------------------------------------------------------------------------


def test_each_synthetic_window_names_the_real_one_it_was_made_of(cohort):
    aug = sampler(patient_mix="pooled", strength=0)
    X, y = aug.fit_resample(cohort.X, cohort.y, groups=cohort.groups)
    assert_array_equal(X[: len(cohort.X)], cohort.X)
    assert cohort.X[0].tobytes() not in pickle.dumps(aug)  # no EEG of patients stays with it
    source = aug.provenance_["source"].to_numpy()
    assert_array_equal(cohort.y[source], y[aug.is_synthetic_])
    made = X[aug.is_synthetic_]
    assert_allclose(made, cohort.X[source], atol=1e-4 * np.abs(cohort.X).max())


def test_patients_who_have_the_state_serve_equally_often(cohort):
    patients = np.unique(cohort.groups)
    ictal = cohort.y == "ictal"
    few = ~ictal | np.isin(cohort.groups, patients[:2])
    every_second = np.arange(len(few)) % 2 == 1
    some = few & ~(ictal & (cohort.groups == patients[0]) & every_second)
    X, y, groups = cohort.X[some], cohort.y[some], cohort.groups[some]
    aug = sampler(sampling_strategy=FillGap(4), strength=0.2)
    aug.fit_resample(X, y, groups=groups)
    made = aug.provenance_.query("state == 'ictal'")
    shares = np.unique(groups[made["source"].to_numpy()], return_counts=True)
    assert shares[0].tolist() == patients[:2].tolist()
    assert 0.35 < shares[1][0] / shares[1].sum() < 0.65


def test_smaller_ratios_are_exact_prefixes_of_larger_ones(cohort, fitted):
    def ictal(fraction):
        aug = sampler(generator=FrozenEstimator(fitted), sampling_strategy=FillGap(fraction))
        X, y = aug.fit_resample(cohort.X, cohort.y, groups=cohort.groups)
        return X[aug.is_synthetic_ & (y == "ictal")]

    small, large = ictal(0.5), ictal(1.0)
    assert 0 < len(small) < len(large)
    assert_array_equal(small, large[: len(small)])


def test_what_cannot_be_varied_is_said_before_the_training(cohort):
    class Plain(BaseEstimator):
        def fit(self, X, y, *, groups=None):
            raise AssertionError("trained for nothing")

        def sample(self, y, *, groups=None, random_state=None):
            raise AssertionError("sampled for nothing")

    with pytest.raises(ValueError, match="method='vary' needs a generator with a method vary"):
        sampler(generator=Plain()).fit_resample(cohort.X, cohort.y, groups=cohort.groups)
    with pytest.raises(ValueError, match=r"guidance=2\.0 is for generators whose method vary"):
        sampler(guidance=2.0).fit_resample(cohort.X, cohort.y, groups=cohort.groups)
    with pytest.raises(ValueError, match="strength"):
        sampler(strength=2).fit_resample(cohort.X, cohort.y, groups=cohort.groups)


def test_windows_of_patients_that_a_frozen_generator_does_not_know_are_refused(cohort, fitted):
    others = np.char.add("other-", cohort.groups.astype(str))
    with pytest.raises(ValueError, match="unknown patient"):
        sampler(generator=FrozenEstimator(fitted)).fit_resample(cohort.X, cohort.y, groups=others)
