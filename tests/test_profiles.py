"""What describes a patient."""

import numpy as np
import pytest
from sklearn.base import clone
from tiny import TINY

N_CHANNELS, N_TIMES = 4, 96


def background(patient, n, seed=0):
    """Noise whose loudness and color in each channel are the patient's own."""
    own = np.random.default_rng([7, patient])
    rng = np.random.default_rng([seed, patient])
    color = own.uniform(0.1, 0.9, size=(N_CHANNELS, 1))
    white = rng.normal(size=(n, N_CHANNELS, N_TIMES + 1))
    loudness = own.uniform(10, 40, size=(N_CHANNELS, 1)) * rng.uniform(0.7, 1.4, size=(n, 1, 1))
    return (loudness * (white[..., 1:] + color * white[..., :-1])).astype(np.float32)


def patients(numbers, n=20):
    X = np.concatenate([background(p, n) for p in numbers])
    return X, np.full(len(X), "normal"), np.repeat([f"p{p}" for p in numbers], n)


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
