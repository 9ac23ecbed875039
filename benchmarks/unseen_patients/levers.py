"""What might pay on unseen patients, alone and together: tried on development cohorts only.

A recipe is named after its levers, "scaled+augment+virtual" say. Of its windows

- `scaled`: `BackgroundScaler`, by each patient's first ten windows, without their labels;
- `ros`, `surrogate`, `balanced` (GenEEGSampler, patients in turn), `virtual` (profiles of new
  patients): rare states are filled up by this sampler; `virtual-quarter`: a quarter of the gap;
- `augment`: minibatches are augmented on the fly;
- `blend`: the probabilities of this classifier and of the same without sampler are averaged;
- `twice`: the probabilities of two such classifiers of other seeds are averaged.
"""

from dataclasses import replace

import numpy as np

from benchmarks.unseen_patients.augment import STRENGTHS, OnTheFlyClassifier
from geneeg_sk.classification import CNNBiLSTMClassifier
from geneeg_sk.classification._blend import Blend
from geneeg_sk.preprocessing import BackgroundScaler

SAMPLERS = ("ros", "surrogate", "balanced", "virtual", "virtual-quarter")
RECIPES = (
    "scaled+augment",
    "scaled",
    "scaled+augment+virtual",
    "scaled+augment+virtual+blend",
    "scaled+augment+twice",
    "scaled+augment+ros",
    "scaled+augment+virtual-quarter",
    "augment+virtual",
    "augment+virtual+blend",
    "augment+twice",
)


def is_recipe(method):
    return set(method.split("+")) <= {*SAMPLERS, "scaled", "augment", "blend", "twice"}


def prepared(method, windows):
    """The windows as a recipe sees them, in training and in the test."""
    if "scaled" not in method.split("+"):
        return windows
    scaler = BackgroundScaler(sfreq=windows.sfreq)
    return replace(windows, X=scaler.fit_transform(np.asarray(windows.X), groups=windows.groups))


def fit(method, train, settings, sampler_of):
    """A classifier trained by a recipe; `sampler_of` makes the sampler of a name."""
    levers = method.split("+")
    plain, sampler = (train.X, train.y), None
    members = []
    seeds = (settings.seed, settings.seed + 101) if "twice" in levers else (settings.seed,)
    for name in set(levers) & set(SAMPLERS):
        sampler = sampler_of(name, train, settings)
        augmented = sampler.fit_resample(*plain, groups=train.groups)
        members.append(trained(levers, train, augmented, settings))
    if "blend" in levers or not members:
        members += [trained(levers, train, plain, replace(settings, seed=s)) for s in seeds]
    model = Blend(members)
    model.sampler_ = sampler
    return model


def trained(levers, train, windows, settings):
    if "augment" not in levers:
        return settings.classifier(CNNBiLSTMClassifier).fit(*windows)
    model = settings.classifier(OnTheFlyClassifier)
    model.set_augmentations(STRENGTHS["medium"], train.sfreq, train.channels)
    return model.fit(*windows)
