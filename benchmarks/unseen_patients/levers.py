"""What might pay on unseen patients, alone and together: tried on development cohorts only.

A recipe is named after its levers, "scaled+augment+virtual" say. Of its windows

- `scaled`: `BackgroundScaler`, by each patient's first ten windows, without their labels;
- `ros`, `surrogate`, `balanced` (GenEEGSampler, patients in turn), `virtual` (profiles of new
  patients): rare states are filled up by this sampler; `virtual-quarter`: a quarter of the gap;
  `recolored`: real windows of the state with the covariance of another patient's background in
  place of their own patient's, no generator; `quilted`: the same of windows quilted from pieces of
  real ones; of two samplers each fills half of the gap;
  `described`: the generator without its networks, with profiles of new patients;
- `fresh`: another set of synthetic windows for each epoch; `fading`: in each epoch more of them are
  replaced by real ones, until none is left in the last;
- `augment`: minibatches are augmented on the fly;
- `blend`: the probabilities of this classifier and of the same without sampler are averaged;
- `twice`: the probabilities of two such classifiers of other seeds are averaged;
- `context`: probabilities are averaged over a window and the two before it in its recording.
"""

from dataclasses import replace
from itertools import count

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from benchmarks.unseen_patients.augment import STRENGTHS, OnTheFlyClassifier
from geneeg_sk.classification import CNNBiLSTMClassifier
from geneeg_sk.classification._blend import Blend
from geneeg_sk.over_sampling import FillGap
from geneeg_sk.preprocessing import BackgroundScaler

SAMPLERS = (
    *("ros", "surrogate", "recolored", "quilted", "described"),
    *("balanced", "virtual", "virtual-quarter"),
)
CHANGES = ("scaled", "augment", "fresh", "fading", "blend", "twice", "context")
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
    "scaled+augment+recolored+blend",
    "scaled+augment+quilted+blend",
    "scaled+augment+described+blend",
    "scaled+augment+balanced+blend",
    "scaled+augment+virtual+fresh+blend",
    "scaled+augment+virtual+fading+blend",
    "scaled+augment+virtual+recolored+blend",
    "scaled+augment+virtual+recolored+fresh+blend",
    "scaled+augment+virtual-quarter+blend",
    "context",
    "scaled+augment+context",
    "scaled+augment+virtual+blend+context",
)
N_CONTEXT = 3  # windows


def is_recipe(method):
    return set(method.split("+")) <= {*SAMPLERS, *CHANGES}


def prepared(method, windows, n_background):
    """The windows as a recipe sees them, in training and in the test."""
    if "scaled" not in method.split("+"):
        return windows
    scaler = BackgroundScaler(sfreq=windows.sfreq, n_windows=n_background)
    return replace(windows, X=scaler.fit_transform(np.asarray(windows.X), groups=windows.groups))


def in_context(method, proba, windows):
    """Probabilities (n_windows, n_states) of windows in recordings, as a recipe gives them."""
    if "context" not in method.split("+"):
        return proba
    recording, onset = (windows.metadata[name].to_numpy() for name in ("recording", "onset"))
    order = np.lexsort((onset, recording))
    by_recording = pd.DataFrame(proba[order]).groupby(recording[order])
    mean = by_recording.rolling(N_CONTEXT, min_periods=1).mean().droplevel(0).sort_index()
    averaged = np.empty_like(proba)
    averaged[order] = mean.to_numpy()
    return averaged


def fit(method, train, settings, sampler_of):
    """A classifier trained by a recipe; `sampler_of` makes the sampler of a name."""
    levers = method.split("+")
    plain = (train.X, train.y)
    members = []
    seeds = (settings.seed, settings.seed + 101) if "twice" in levers else (settings.seed,)
    samplers = [sampler_of(name, train, settings) for name in levers if name in SAMPLERS]
    if samplers:
        augmented = filled_up(samplers, train)
        n_epochs = settings.classifier().max_epochs
        more = later_windows(levers, samplers, train, augmented, n_epochs)
        members.append(trained(levers, train, augmented, settings, more))
    if "blend" in levers or not members:
        members += [trained(levers, train, plain, replace(settings, seed=s)) for s in seeds]
    model = Blend(members)
    model.sampler_ = samplers[0] if samplers else None
    return model


def filled_up(samplers, train):
    """The windows with synthetic ones of all samplers, as many of each."""
    if len(samplers) > 1:
        for sampler in samplers:
            sampler.set_params(sampling_strategy=FillGap(1 / len(samplers)))
    X, y = [train.X], [train.y]
    for sampler in samplers:
        X_filled, y_filled = sampler.fit_resample(train.X, train.y, groups=train.groups)
        X.append(X_filled[sampler.is_synthetic_])
        y.append(y_filled[sampler.is_synthetic_])
    return np.concatenate(X), np.concatenate(y)


def later_windows(levers, samplers, train, augmented, n_epochs):
    """What takes the place of the synthetic windows, epoch by epoch; None: they stay."""
    if "fresh" in levers:
        return further_sets(samplers, train)
    if "fading" in levers:
        return fading_sets(*augmented, len(train.y), n_epochs, samplers[0].random_state)
    return None


def fading_sets(X, y, n_real, n_epochs, seed):
    """Yield the synthetic windows, each time more of them replaced by real ones of their state."""
    rng = np.random.default_rng(seed)
    made, states = X[n_real:].copy(), y[n_real:]
    order = rng.permutation(len(made))
    for part in np.array_split(order, n_epochs - 1):
        for row in part:
            made[row] = X[rng.choice(np.flatnonzero(y[:n_real] == states[row]))]
        yield made


def further_sets(samplers, train):
    """Yield synthetic windows of the same states, from the same generators, again and again."""
    samplers = [clone(sampler).set_params(**generator_of(sampler)) for sampler in samplers]
    for k in count(1):
        X = []
        for sampler in samplers:
            again = clone(sampler).set_params(random_state=sampler.random_state + k)
            filled, _ = again.fit_resample(train.X, train.y, groups=train.groups)
            X.append(filled[again.is_synthetic_])
        yield np.concatenate(X)


def generator_of(sampler):
    """The parameter that keeps a sampler's generator from being trained again."""
    if not hasattr(sampler, "generator_"):
        return {}
    return {"generator": FrozenEstimator(sampler.generator_)}


def trained(levers, train, windows, settings, more=None):
    if "augment" not in levers:
        return settings.classifier(CNNBiLSTMClassifier).fit(*windows)
    model = settings.classifier(OnTheFlyClassifier)
    model.set_augmentations(STRENGTHS["medium"], train.sfreq, train.channels, more)
    return model.fit(*windows)
