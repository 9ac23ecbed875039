"""The common checks of scikit-learn and imbalanced-learn, over every public estimator."""

import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.utils.estimator_checks import estimator_checks_generator as sampler_checks
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import estimator_checks_generator
from tiny import CACHE, TINY

import geneeg_sk
from geneeg_sk.classification import (
    AugmentedClassifier,
    CNNBiLSTMClassifier,
    MinibatchAugmentation,
    SequentialClassifier,
)
from geneeg_sk.features import EEGFeatures
from geneeg_sk.over_sampling import (
    FourierSurrogateSampler,
    GenEEGSampler,
    WindowedSampler,
)
from geneeg_sk.preprocessing import (
    ArtifactRepairer,
    BackgroundScaler,
    BandpassFilter,
    ChannelPicker,
    NotchFilter,
    Rereferencer,
    Resampler,
    WindowScaler,
)

NET = CNNBiLSTMClassifier(n_filters=4, n_hidden=8, batch_size=16, random_state=0)

# Trains anew each time.
UNCACHED = GenEEGSampler(generator=clone(TINY), quality=None, random_state=0)
SAMPLERS = [
    UNCACHED,
    GenEEGSampler(generator=clone(TINY), memory=CACHE.name, random_state=0),
    FourierSurrogateSampler(random_state=0),
    WindowedSampler(sampler=RandomOverSampler(random_state=0)),
    WindowedSampler(sampler=SMOTE(random_state=0)),
]
TRANSFORMERS = [
    ArtifactRepairer(),
    BackgroundScaler(),
    BandpassFilter(),
    BandpassFilter(sfreq=100.0),
    ChannelPicker(),
    EEGFeatures(),
    EEGFeatures(sfreq=100.0, average=True),
    NotchFilter(),
    NotchFilter(freqs=20.0, sfreq=100.0),
    Rereferencer(),
    Resampler(),
    Resampler(sfreq=100.0, target_sfreq=50.0),
    WindowScaler(),
]
OTHERS = [
    clone(TINY),
    clone(NET),
    AugmentedClassifier(LogisticRegression(), FourierSurrogateSampler(random_state=0)),
]

# SequentialClassifier is not here: it needs the patient of every window, which checks do not give.
NEED_GROUPS = [SequentialClassifier]

# Parameters of a classifier, and no estimators.
PARAMETERS = [MinibatchAugmentation]


# Sparse windows make no sense, and the samplers' tag says so. The array API check runs only under
# an environment variable that has to be set before SciPy is loaded.
NOT_APPLICABLE = {"check_samplers_pandas_sparse", "check_array_api_input"}
# What comes first is the patient's background: another order, or a part, is another recording.
ORDER_MATTERS = {
    BackgroundScaler: {"check_methods_sample_order_invariance", "check_methods_subset_invariance"}
}


def name_of(check):
    return getattr(check, "func", check).__name__


def applicable(generate, estimators):
    return [
        pytest.param(
            estimator,
            check,
            id=f"{type(estimator).__name__}-{name_of(check)}",
            marks=[pytest.mark.slow] if given is UNCACHED else [],
        )
        for given in estimators
        for estimator, check in generate(given)
        if name_of(check) not in NOT_APPLICABLE | ORDER_MATTERS.get(type(estimator), set())
    ]


@pytest.mark.parametrize(
    ("estimator", "check"),
    applicable(estimator_checks_generator, [*SAMPLERS, *TRANSFORMERS, *OTHERS]),
)
@pytest.mark.filterwarnings("ignore:AugmentedClassifier got no groups")
@pytest.mark.filterwarnings("ignore:A single channel", "ignore:The sampling frequency")
def test_scikit_learn_s_checks_pass(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("estimator", "check"), applicable(sampler_checks, SAMPLERS))
def test_imbalanced_learn_s_checks_pass(estimator, check):
    check(estimator)


def test_every_public_estimator_is_checked():
    checked = {type(e) for e in [*SAMPLERS, *TRANSFORMERS, *OTHERS]} | {*NEED_GROUPS, *PARAMETERS}
    public = set()
    for package in ("preprocessing", "features", "generation", "over_sampling", "classification"):
        module = getattr(geneeg_sk, package)
        public |= {getattr(module, name) for name in module.__all__}
    public = {cls for cls in public if isinstance(cls, type) and hasattr(cls, "get_params")}
    assert public == checked
