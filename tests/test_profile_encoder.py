"""What describes a patient."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from tiny import TINY

from geneeg_sk.generation import LatentDiffusionGenerator

LEARNED = clone(TINY).set_params(profile_encoder="learned")
N_CHANNELS, N_TIMES = 4, 96


def background(patient, n, seed=0):
    """Noise whose loudness and colour in each channel are the patient's own."""
    own = np.random.default_rng([7, patient])
    rng = np.random.default_rng([seed, patient])
    colour = own.uniform(0.1, 0.9, size=(N_CHANNELS, 1))
    white = rng.normal(size=(n, N_CHANNELS, N_TIMES + 1))
    loudness = own.uniform(10, 40, size=(N_CHANNELS, 1)) * rng.uniform(0.7, 1.4, size=(n, 1, 1))
    return (loudness * (white[..., 1:] + colour * white[..., :-1])).astype(np.float32)


def patients(numbers, n=20):
    X = np.concatenate([background(p, n) for p in numbers])
    return X, np.full(len(X), "normal"), np.repeat([f"p{p}" for p in numbers], n)


@pytest.fixture(scope="module")
def learned():
    X, y, groups = patients(range(6))
    return clone(LEARNED).fit(X, y, groups=groups)


def test_a_learned_profile_is_short_and_does_what_profiles_do(learned, tmp_path):
    assert learned.profiles_.shape == (6, 16)
    profile = learned.profile(background(1, 8, seed=1))
    X = learned.sample(["normal"] * 3, profiles=profile, random_state=0)
    assert X.shape == (3, N_CHANNELS, N_TIMES)
    assert learned.virtual_profiles(2, random_state=0).shape == (2, 16)
    learned.save(tmp_path / "g")
    loaded = LatentDiffusionGenerator.load(tmp_path / "g")
    assert_array_equal(loaded.sample(["normal"] * 3, profiles=profile, random_state=0), X)
    assert_array_equal(loaded.profile(background(1, 8, seed=1)), profile)


def test_other_windows_of_a_patient_give_nearly_the_same_learned_profile(learned):
    again = np.stack([learned.profile(background(p, 10, seed=1)) for p in range(6)])
    distance = ((again[:, None] - learned.profiles_[None]) ** 2).sum(axis=2)
    assert_array_equal(distance.argmin(axis=1), np.arange(6))


def test_further_patients_are_described_as_the_first_ones_were(learned):
    X, y, groups = patients([8])
    generator = clone(LEARNED).fit(*patients(range(6))[:2], groups=patients(range(6))[2])
    generator.partial_fit(X, y, groups=groups)
    assert generator.profiles_.shape == (7, 16)
    assert_array_equal(generator.profiles_[:6], learned.profiles_)


def test_three_patients_are_too_few_to_learn_what_patients_differ_in():
    X, y, groups = patients(range(3))
    with pytest.raises(ValueError, match=r"at least 4 patients, got 3.*'descriptors'"):
        clone(LEARNED).fit(X, y, groups=groups)
    with pytest.raises(ValueError, match="got 1"):
        clone(LEARNED).fit(X, y)


def test_background_of_a_patient_never_seen_is_as_their_profile_says():
    X, y, groups = patients(range(5))
    generator = clone(TINY).fit(X, y, groups=groups)
    new = background(30, 16)
    quiet, loud = (
        generator.sample(["normal"] * 64, profiles=generator.profile(f * new), random_state=0)
        for f in (1.0, 3.0)
    )
    assert np.median(loud.std(axis=(1, 2)) / quiet.std(axis=(1, 2))) == pytest.approx(3, rel=0.2)
    ours, theirs = (np.log(part.std(axis=2)).mean(axis=0) for part in (quiet, new))
    known = np.log(X.std(axis=2)).mean(axis=0)
    assert np.abs(ours - theirs).mean() < 0.5 * np.abs(known - theirs).mean()
