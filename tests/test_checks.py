"""What every estimator refuses before it computes, and what it says."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from tiny import TINY

from geneeg_sk.classification import CNNBiLSTMClassifier
from geneeg_sk.datasets import WindowRows
from geneeg_sk.features import EEGFeatures
from geneeg_sk.over_sampling import FourierSurrogateSampler, GenEEGSampler
from geneeg_sk.preprocessing import WindowScaler

SAMPLERS = [
    GenEEGSampler(generator=TINY, solver_steps=2, random_state=0),
    FourierSurrogateSampler(random_state=0),
]


def use(estimator, X, y):
    """Give windows to an estimator of whatever kind."""
    estimator = clone(estimator)
    return (
        estimator.fit_resample(X, y) if hasattr(estimator, "fit_resample") else estimator.fit(X, y)
    )


EVERY_KIND = [
    *SAMPLERS,
    TINY,
    EEGFeatures(sfreq=64),
    WindowScaler(),
    CNNBiLSTMClassifier(max_epochs=1),
]


def kind(estimator):
    return type(estimator).__name__


@pytest.mark.parametrize("estimator", EVERY_KIND, ids=kind)
def test_masked_samples_are_refused(cohort, estimator):
    X = np.ma.masked_greater(cohort.X, 100)
    with pytest.raises(ValueError, match=rf"X is a masked array with {X.mask.sum()} masked values"):
        use(estimator, X, cohort.y)
    use(estimator, np.ma.masked_greater(cohort.X, 1e9), cohort.y)  # none is masked


@pytest.mark.parametrize("value", [3e38, -3e38, 1e12])
@pytest.mark.parametrize("estimator", EVERY_KIND, ids=kind)
def test_samples_that_no_amplifier_gives_are_refused_with_their_place(cohort, estimator, value):
    X = cohort.X.copy()
    X[3, 1, 5] = value
    with pytest.raises(ValueError, match=r"first in window 3, channel 1, sample 5; 1 of .* µV"):
        use(estimator, X, cohort.y)


def test_samples_that_no_amplifier_gives_are_refused_also_on_disk(cohort):
    X = cohort.X.copy()
    X[3, 1, 5] = 3e38
    with pytest.raises(ValueError, match="first in window 3, channel 1, sample 5"):
        CNNBiLSTMClassifier(max_epochs=1).fit(WindowRows(X), cohort.y)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
@pytest.mark.parametrize(
    "holder",
    [
        list,
        lambda g: pd.Series(g, index=[*range(len(g))][::-1]),
        lambda g: np.array(g, dtype=object),
    ],
)
def test_groups_without_a_patient_are_refused(cohort, missing, holder):
    groups = cohort.groups.tolist()
    groups[4:6] = [missing, missing]
    with pytest.raises(
        ValueError, match=r"groups has no entry for 2 of .* windows, first for .* 4"
    ):
        FourierSurrogateSampler().fit_resample(cohort.X, cohort.y, groups=holder(groups))


def test_groups_of_numbers_with_nan_or_a_mask_are_refused(cohort):
    groups = np.unique(cohort.groups, return_inverse=True)[1].astype(float)
    masked = np.ma.masked_equal(groups, 2)
    groups[groups == 2] = np.nan
    for wrong, message in ((groups, "groups has no entry"), (masked, "groups is a masked array")):
        with pytest.raises(ValueError, match=message):
            FourierSurrogateSampler().fit_resample(cohort.X, cohort.y, groups=wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: 1e6 * X, "swings over .* µV, expected 20 to 500 of scalp EEG: give X in micro"),
        (lambda X: np.where(np.arange(4)[:, None] == 2, 1e5, X), "flat channels, the first .* 2:"),
    ],
)
def test_nothing_found_to_keep_is_put_down_to_the_data_where_they_are_odd(cohort, change, message):
    X = change(cohort.X).astype(np.float32)
    with pytest.raises(ValueError, match=message) as refused:
        use(SAMPLERS[0], X, cohort.y)
    assert "longer" not in str(refused.value)
