"""What happens with many windows and many states."""

import cProfile
import pstats
import tracemalloc

import numpy as np
import pytest
from sklearn.base import clone
from tiny import TINY


def windows(n):
    return np.random.default_rng(0).normal(scale=20, size=(n, 1, 2))


def test_a_patient_with_one_window_among_thousands_can_be_sampled():
    """Of thousands of windows of a state some are kept, but none of a patient is too few."""
    X = windows(4100)
    groups = np.full(4100, "many")
    groups[1] = "one"
    generator = clone(TINY).fit(X, np.full(4100, "normal"), groups=groups)
    made = generator.sample(["normal"] * 2, groups=["one", "many"])
    assert made.shape == (2, 1, 2)
    assert np.isfinite(made).all()


def cost_of_fit(n_windows, n_states):
    """Calls of functions, and most memory in bytes: neither depends on what else runs."""
    number = np.arange(n_windows)
    data = windows(n_windows), number % n_states
    profile = cProfile.Profile()
    profile.runcall(clone(TINY).fit, *data, groups=number // n_states % 4)
    tracemalloc.start()
    clone(TINY).fit(*data, groups=number // n_states % 4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return np.array([pstats.Stats(profile).total_calls, peak])


@pytest.mark.slow
@pytest.mark.parametrize("larger", [(4000, 2), (1000, 8)], ids=["windows", "states"])
def test_the_cost_of_a_fit_grows_no_faster_than_windows_or_states(larger):
    cost_of_fit(64, 2)  # what is imported or built once
    assert (cost_of_fit(*larger) <= 5 * cost_of_fit(1000, 2)).all()
