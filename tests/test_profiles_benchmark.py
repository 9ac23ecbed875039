"""How likely a new patient is, as the benchmark on profiles reports it."""

import numpy as np
import pytest

from benchmarks.profiles.density import leave_one_out_log_likelihood


def test_a_shrunk_covariance_foresees_patients_better_than_none():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(12, 1))
    profiles = common + 0.2 * rng.normal(size=(12, 30))
    shrunk, diagonal = (
        leave_one_out_log_likelihood(profiles, kind) for kind in ("shrunk", "diagonal")
    )
    assert shrunk.shape == (12,)
    assert shrunk.mean() > diagonal.mean()
    with pytest.raises(ValueError, match="got 2 profiles; expected at least 3"):
        leave_one_out_log_likelihood(profiles[:2])
