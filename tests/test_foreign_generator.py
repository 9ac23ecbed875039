"""Any generative model can stand in for ours: what it has to have, and what it may leave out."""

import warnings

import mne
import numpy as np
import pytest
import sklearn
from imblearn.pipeline import Pipeline
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny import TINY

from geneeg_sk.classification import AugmentedClassifier, CNNBiLSTMClassifier
from geneeg_sk.datasets import WindowRows
from geneeg_sk.features import EEGFeatures
from geneeg_sk.generation import WindowGenerator
from geneeg_sk.model_selection import compare_samplers
from geneeg_sk.over_sampling import FillGap, GenEEGSampler, augment_rows


class Gaussian(BaseEstimator):
    """Noise with each state's spread in each channel: `fit`, `sample`, and nothing else."""

    def __init__(self, gain=1.0):
        self.gain = gain

    def fit(self, X, y, *, groups=None):
        self.n_times_seen_ = X.shape[2]
        self.spread_ = {state: X[y == state].std(axis=(0, 2)) for state in np.unique(y)}
        return self

    def sample(self, y, *, groups=None, random_state=None):
        spread = self.gain * np.stack([self.spread_[state] for state in y])[:, :, None]
        rng = np.random.default_rng(random_state)
        return spread * rng.standard_normal((*spread.shape[:2], self.n_times_seen_))


class Loudness(Gaussian):
    """The same, and it imitates patients, whose profile is the spread of each channel."""

    def profile(self, X_background):
        return X_background.std(axis=(0, 2))

    def sample(self, y, *, groups=None, profiles=None, random_state=None):
        made = super().sample(y, random_state=random_state)
        if profiles is None:
            return made
        return made / made.std(axis=2, keepdims=True) * np.asarray(profiles)[:, :, None]


class FictitiousLoudness(Loudness):
    """The same, also of fictitious patients."""

    def fit(self, X, y, *, groups=None):
        self.loudest_ = np.abs(X).max(axis=(0, 2))
        return super().fit(X, y, groups=groups)

    def virtual_profiles(self, n, *, random_state=None):
        return np.tile(self.loudest_, (n, 1))


class Seeded(Gaussian):
    """Has the parameters that the sampler sets where they are None."""

    def __init__(self, random_state=None, sfreq=None):
        self.random_state, self.sfreq = random_state, sfreq
        self.gain = 1.0


class Kept(Gaussian):
    """Is kept in a folder, and counts its trainings."""

    trainings: list = []

    def fit(self, X, y, *, groups=None):
        Kept.trainings.append(len(X))
        return super().fit(X, y, groups=groups)

    def save(self, folder):
        folder.mkdir(parents=True)
        np.savez(folder / "spread.npz", n_times=self.n_times_seen_, **self.spread_)

    @classmethod
    def load(cls, folder):
        content = dict(np.load(folder / "spread.npz"))
        generator = cls()
        generator.n_times_seen_ = int(content.pop("n_times"))
        generator.spread_ = content
        return generator


class TooShort(Gaussian):
    """Makes windows that lack their last sample."""

    def sample(self, y, *, groups=None, random_state=None):
        return super().sample(y, random_state=random_state)[:, :, :-1]


class Unseeded(Gaussian):
    def sample(self, y):
        raise NotImplementedError


class WithoutGroups(Gaussian):
    def fit(self, X, y):
        raise NotImplementedError


class Stranger:
    """From a package that knows nothing of scikit-learn."""

    def fit(self, X, y, *, groups=None):
        self.shape = X.shape[1:]
        return self

    def sample(self, y, *, groups=None, random_state=None):
        return np.random.default_rng(random_state).normal(size=(len(y), *self.shape))


def sampler(generator, **params):
    params = {"sampling_strategy": FillGap(1), "quality": None, "random_state": 0, **params}
    return GenEEGSampler(generator=generator, **params)


def features():
    return make_pipeline(
        EEGFeatures(sfreq=64, average=True), StandardScaler(), LogisticRegression(max_iter=500)
    )


def resampled(aug, cohort, groups=True):
    return aug.fit_resample(cohort.X, cohort.y, groups=cohort.groups if groups else None)


def loudness_by_patient(cohort):
    """Mean spread of each channel, by patient, over the background."""
    background = cohort.y == "normal"
    return {
        p: cohort.X[background & (cohort.groups == p)].std(axis=(0, 2))
        for p in np.unique(cohort.groups)
    }


@pytest.mark.parametrize("generator", [TINY, Gaussian(), Stranger()])
def test_two_methods_make_a_generator(generator):
    assert isinstance(generator, WindowGenerator)
    assert not isinstance(LogisticRegression(), WindowGenerator)


def test_the_windows_are_those_of_the_foreign_generator(cohort):
    aug = sampler(Gaussian())
    X, y = resampled(aug, cohort)
    assert X.dtype == cohort.X.dtype
    assert_array_equal(X[: len(cohort.X)], cohort.X)
    assert set(np.unique(y, return_counts=True)[1]) == {np.count_nonzero(cohort.y == "normal")}
    made, states = X[aug.is_synthetic_], y[aug.is_synthetic_]
    for state in np.unique(states):
        real = cohort.X[cohort.y == state].std(axis=(0, 2))
        np.testing.assert_allclose(made[states == state].std(axis=(0, 2)), real, rtol=0.1)
    assert_array_equal(resampled(clone(aug), cohort)[0], X)


def test_a_smaller_ratio_gives_the_first_windows_of_a_larger_one(cohort):
    few, many = (
        resampled(sampler(Gaussian(), sampling_strategy={"ictal": n}), cohort) for n in (30, 50)
    )
    assert_array_equal(many[0][: len(few[0])], few[0])


def test_in_a_pipeline_it_is_cloned_and_fitted_on_every_fold(cohort):
    generator = Gaussian()
    pipe = Pipeline([("augment", sampler(generator)), ("classify", features())])
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            pipe,
            cohort.X,
            cohort.y,
            params={"groups": cohort.groups},
            cv=GroupKFold(2),
            error_score="raise",
        )
        other = pipe.set_params(augment__generator__gain=1e6)
        other.fit(cohort.X, cohort.y, groups=cohort.groups)
    assert np.isfinite(scores).all()
    assert not hasattr(generator, "spread_")
    assert other["augment"].generator_.gain == 1e6


def test_it_is_compared_with_others(cohort):
    candidates = {"none": None, "gaussian": sampler(Gaussian())}
    comparison = compare_samplers(
        candidates,
        features(),
        cohort.X,
        cohort.y,
        cohort.groups,
        cv=2,
        n_repeats=1,
        random_state=0,
    )
    with pytest.warns(UserWarning, match="4 patients"):
        summary = comparison.summary()
    assert set(summary.index) == set(candidates)
    assert np.isfinite(summary["macro_f1"]).all()


def test_it_fills_rows_while_they_are_read(cohort):
    generator = Gaussian().fit(cohort.X, cohort.y)
    rows = WindowRows(cohort.X)
    X, y = augment_rows(rows, cohort.y, generator, groups=cohort.groups, random_state=0)
    assert X.shape == (len(y), *cohort.X.shape[1:])
    new = np.arange(len(cohort.X), len(y))
    made = np.asarray(X[new])
    loud = cohort.X[cohort.y == "ictal"].std(axis=(0, 2))
    np.testing.assert_allclose(made[y[new] == "ictal"].std(axis=(0, 2)), loud, rtol=0.1)


def test_by_default_patients_are_left_to_a_generator_without_profiles(cohort):
    aug = sampler(Gaussian())
    resampled(aug, cohort)
    assert set(aug.provenance_["profile"]) == {"pooled"}


def test_by_default_patients_are_balanced_with_profiles(cohort):
    aug = sampler(Loudness(), sampling_strategy={"ictal": 20 + 64})
    X, _ = resampled(aug, cohort)
    counts = aug.provenance_["profile"].value_counts()
    assert set(counts) == {16}
    loudness = loudness_by_patient(cohort)
    wanted = np.stack([loudness[p] for p in aug.provenance_["profile"]])
    np.testing.assert_allclose(X[aug.is_synthetic_].std(axis=2), wanted, rtol=1e-4)
    resampled(aug, cohort, groups=False)
    assert set(aug.provenance_["profile"]) == {"pooled"}


def test_a_patient_without_background_gets_the_mean_profile(cohort):
    patients = np.unique(cohort.groups)
    kept = (cohort.groups != patients[0]) | (cohort.y != "normal")
    X, y, groups = cohort.X[kept], cohort.y[kept], cohort.groups[kept]
    aug = sampler(Loudness())
    made = aug.fit_resample(X, y, groups=groups)[0][aug.is_synthetic_]
    of_first = made[aug.provenance_["profile"] == patients[0]]
    loudness = loudness_by_patient(cohort)
    mean = np.mean([loudness[p] for p in patients[1:]], axis=0)
    np.testing.assert_allclose(of_first.std(axis=2), np.tile(mean, (len(of_first), 1)), rtol=1e-4)


def test_fictitious_patients_are_named_after_the_nearest(cohort):
    aug = sampler(FictitiousLoudness(), patient_mix="virtual")
    X, _ = resampled(aug, cohort)
    assert set(aug.provenance_["profile"]) == {"virtual"}
    loudness = loudness_by_patient(cohort)
    loudest = np.abs(cohort.X).max(axis=(0, 2))
    np.testing.assert_allclose(
        X[aug.is_synthetic_].std(axis=2), np.tile(loudest, (aug.is_synthetic_.sum(), 1)), rtol=1e-4
    )
    spread = np.std(list(loudness.values()), axis=0)
    nearest = min(loudness, key=lambda p: (((loudest - loudness[p]) / spread) ** 2).sum())
    assert set(aug.provenance_["nearest_patient"]) == {nearest}


@pytest.mark.parametrize(
    ("generator", "params", "message"),
    [
        (Gaussian(), {"patient_mix": "balanced"}, "'balanced' .* Gaussian .* a method profile and"),
        (Gaussian(), {"patient_mix": "proportional"}, "argument profiles of its method sample"),
        (Loudness(), {"patient_mix": "virtual"}, "not have a method virtual_profiles. Use"),
        (Gaussian(), {"guidance": 2.0}, r"guidance=2.0 .* Gaussian does not. Leave guidance out"),
        (Gaussian(), {"solver_steps": 5}, r"solver_steps=5 .* Leave solver_steps out"),
        (Unseeded(), {}, "method sample of Unseeded does not take random_state"),
        (WithoutGroups(), {}, "method fit of WithoutGroups does not take groups"),
        (Stranger(), {}, "Stranger has no get_params .*FrozenEstimator"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_trained(cohort, generator, params, message):
    aug = sampler(generator, **params)
    with pytest.raises(ValueError, match=message):
        resampled(aug, cohort)
    assert not hasattr(aug, "generator_")


def test_memory_names_what_cannot_be_kept(cohort, tmp_path):
    with pytest.raises(ValueError, match="save and load, which Gaussian does not have"):
        resampled(sampler(Gaussian(), memory=str(tmp_path)), cohort)


def test_memory_keeps_one_that_can_be_saved(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr(Kept, "trainings", [])
    few, many = (
        resampled(sampler(Kept(), memory=str(tmp_path), sampling_strategy=FillGap(part)), cohort)
        for part in (0.5, 1)
    )
    assert len(Kept.trainings) == 1
    assert_array_equal(many[0], resampled(sampler(Kept()), cohort)[0])
    assert len(few[0]) < len(many[0])


def test_seed_and_sampling_frequency_are_set_where_there_are_such_parameters(cohort):
    info = mne.create_info(["Fz", "C3", "C4", "Pz"], 64.0, "eeg")
    epochs = mne.EpochsArray(cohort.X * 1e-6, info, verbose="error")
    aug = sampler(Seeded())
    aug.fit_resample(epochs, cohort.y)
    assert aug.generator_.sfreq == 64.0
    assert isinstance(aug.generator_.random_state, int)
    aug = sampler(Seeded(random_state=3, sfreq=128.0))
    aug.fit_resample(epochs, cohort.y)
    assert aug.generator_.get_params() == {"random_state": 3, "sfreq": 128.0}
    sampler(Gaussian()).fit_resample(epochs, cohort.y)


def test_windows_of_another_shape_are_refused(cohort):
    n = cohort.X.shape[2]
    with pytest.raises(ValueError, match=rf"TooShort made .* {n - 1}\).* expected \(64, 4, {n}\)"):
        resampled(sampler(TooShort()), cohort)
    generator = TooShort().fit(cohort.X, cohort.y)
    X, _ = augment_rows(cohort.X, cohort.y, generator, random_state=0)
    with pytest.raises(ValueError, match=rf"TooShort made .* expected \(128, 4, {n}\)"):
        np.asarray(X[np.array([len(X) - 1])])


def test_rows_name_what_is_missing_at_once(cohort):
    with pytest.raises(ValueError, match="method sample of Unseeded does not take groups"):
        augment_rows(cohort.X, cohort.y, Unseeded())


def test_what_cannot_be_eeg_is_refused_as_from_our_generator(cohort):
    with pytest.raises(ValueError, match="20 candidates in turn"):
        resampled(sampler(Gaussian(gain=1e6), quality="plausible"), cohort)


@pytest.mark.parametrize("generator", [Gaussian(), Stranger()])
def test_a_frozen_one_is_used_as_it_is(cohort, generator):
    generator = generator.fit(cohort.X[::2], cohort.y[::2])
    aug = clone(sampler(FrozenEstimator(generator)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X, _ = resampled(aug, cohort)
    assert aug.generator_ is generator
    assert X[aug.is_synthetic_].shape[1:] == cohort.X.shape[1:]


def test_a_frozen_one_has_to_be_fitted_and_to_suit_the_windows(cohort):
    with pytest.raises(NotFittedError):
        resampled(sampler(FrozenEstimator(Gaussian())), cohort)
    generator = Gaussian().fit(cohort.X[:, :3], cohort.y)
    with pytest.raises(ValueError, match=r"Gaussian made .*\(64, 3, .* expected \(64, 4, "):
        resampled(sampler(FrozenEstimator(generator)), cohort)
    generator.classes_ = ["ictal", "normal"]
    with pytest.raises(ValueError, match=r"fitted on states .* also have \['preictal'\]"):
        resampled(sampler(FrozenEstimator(generator)), cohort)


def test_a_bare_fitted_one_is_warned_about(cohort):
    bare = sampler(Gaussian().fit(cohort.X, cohort.y))
    with pytest.warns(UserWarning, match="will be cloned and fitted again"):
        clone(bare)


def test_a_classifier_is_adapted_to_a_patient_by_a_foreign_profile(cohort):
    net = CNNBiLSTMClassifier(n_filters=4, n_hidden=8, max_epochs=1, batch_size=16, random_state=0)
    background = cohort.X[cohort.y == "normal"][:4]
    clf = AugmentedClassifier(net, sampler(Loudness()), gate=None)
    clf.fit(cohort.X, cohort.y, groups=cohort.groups)
    before = clf.predict_proba(cohort.X)
    assert not np.array_equal(clf.personalize(background).predict_proba(cohort.X), before)
    assert_array_equal(clf.predict_proba(cohort.X), before)
    clf = AugmentedClassifier(net, sampler(Gaussian()), gate=None)
    assert not hasattr(clf.fit(cohort.X, cohort.y, groups=cohort.groups), "personalize")
