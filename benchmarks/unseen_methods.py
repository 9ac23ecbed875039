"""The methods of the benchmark on unseen patients: one classifier, one target, equal steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from imblearn.over_sampling import ADASYN, SMOTE, RandomOverSampler

from geneeg_sk.classification import AugmentedClassifier, CNNBiLSTMClassifier
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.over_sampling import (
    Diversity,
    FillGap,
    FourierSurrogateSampler,
    GenEEGSampler,
    LabelConfidence,
    Realism,
    WindowedSampler,
)

TARGET = FillGap(1.0)
OPPONENTS = ("none", "class_weight", "ros", "smote", "adasyn", "surrogate")
# Far fewer than the defaults (800 and 3000), so that the whole run fits 40 minutes of one core.
STEPS = {"vae_steps": 200, "diffusion_steps": 600}

EPOCHS, EPOCH_STEPS = 4, 100


@dataclass
class Settings:
    """Whether this is only a trial, and where trained generators are kept."""

    quick: bool
    cache: Path


def classifier(settings, seed, **more):
    """The CNN-BiLSTM of every method: 400 steps, however many windows there are."""
    steps = 25 if settings.quick else EPOCH_STEPS
    return CNNBiLSTMClassifier(
        n_filters=8,
        n_hidden=32,
        kernel_size=32,
        batch_size=16,
        max_epochs=EPOCHS,
        epoch_steps=steps,
        random_state=seed,
        **more,
    )


def generator(settings, unit):
    """Trained once for a training set and seed; `Settings.cache` keeps it for all variants."""
    return LatentDiffusionGenerator(sfreq=unit.train.sfreq, random_state=unit.seed, **STEPS)


# --- opponents ---------------------------------------------------------------------------------


def smote(unit):
    return WindowedSampler(sampler=SMOTE(k_neighbors=neighbours(unit), random_state=unit.seed))


def adasyn(unit):
    return WindowedSampler(sampler=ADASYN(n_neighbors=neighbours(unit), random_state=unit.seed))


def ros(unit):
    return WindowedSampler(sampler=RandomOverSampler(random_state=unit.seed))


def surrogate(unit):
    return FourierSurrogateSampler(random_state=unit.seed)


def neighbours(unit):
    """Five, as usual, or as many as the rarest state allows."""
    return int(min(5, np.unique(unit.train.y, return_counts=True)[1].min() - 1))


SAMPLERS = {"ros": ros, "smote": smote, "adasyn": adasyn, "surrogate": surrogate}

# --- the generator, and what differs from it in each variant -------------------------------------

VARIANTS: dict[str, dict] = {
    "geneeg": {},
    "geneeg-gated": {"gate": "validated"},
    "geneeg-virtual": {"sampler__patient_mix": "virtual"},
    "geneeg-quality-none": {"sampler__quality": None},
    "geneeg-confidence": {"sampler__quality": [Realism(0.01), LabelConfidence(0.5)]},
    "geneeg-diverse": {"sampler__quality": [Realism(0.01), Diversity(0.01)]},
    "geneeg-prior": {"prior_correction": True},
    "geneeg-half": {"sampler__sampling_strategy": FillGap(0.5)},
    "geneeg-quarter": {"sampler__sampling_strategy": FillGap(0.25)},
    "geneeg-guided": {"sampler__guidance": 1.5},
    "geneeg-half-weighted": {
        "sampler__sampling_strategy": FillGap(0.5),
        "estimator__class_weight": "balanced",
    },
    "geneeg-half-virtual": {
        "sampler__sampling_strategy": FillGap(0.5),
        "sampler__patient_mix": "virtual",
    },
}


def augmented(unit, settings, sampler, **params):
    """A sampler before the classifier; no patients are set aside, as none are for `none`."""
    return AugmentedClassifier(
        classifier(settings, unit.seed), sampler, gate=None, early_stopping=False
    ).set_params(**params)


def geneeg(unit, settings, **params):
    sampler = GenEEGSampler(
        sampling_strategy=TARGET,
        generator=generator(settings, unit),
        memory=str(settings.cache),
        random_state=unit.seed,
    )
    return augmented(unit, settings, sampler, **params)


# --- fitted methods, and what they predict -----------------------------------------------------


def fitted(unit, method, settings):
    """A classifier trained on the unit's training windows."""
    train = unit.train
    if method in ("none", "class_weight"):
        weight = "balanced" if method == "class_weight" else None
        return classifier(settings, unit.seed, class_weight=weight).fit(train.X, train.y)
    if method in SAMPLERS:
        sampler = SAMPLERS[method](unit).set_params(sampling_strategy=TARGET)
        model = augmented(unit, settings, sampler)
    else:
        model = geneeg(unit, settings, **VARIANTS.get(method, {}))
    return model.fit(train.X, train.y, groups=train.groups)


def predictions(unit, method, settings) -> Iterator[tuple]:
    """Group, predicted states, probabilities, their columns, and notes on the training."""
    model, about = fitted_or_plain(unit, method, settings)
    for group, test in unit.tests.items():
        own = model
        if method in PERSONAL:
            own = PERSONAL[method](model, unit, unit.background[group])
        yield group, own.predict(test.X), own.predict_proba(test.X), own.classes_, about


def fitted_or_plain(unit, method, settings):
    """The method, or the plain classifier where `quality` refuses nearly everything; and notes."""
    try:
        model = fitted(unit, method, settings)
    except ValueError as error:
        if "refused" not in str(error):
            raise
        return fitted(unit, "none", settings), {"fell_back": str(error)}
    return model, notes(model)


def notes(model):
    """What the gate said, and what the sampler refused."""
    about = {}
    report = getattr(model, "gate_report_", {})
    for name in ("difference", "standard_error", "reason"):
        if name in report:
            about[f"gate_{name}"] = report[name]
    if "difference" in report or "reason" in report:
        about["gate_kept"] = report["kept"]
    refused = getattr(getattr(model, "sampler_", None), "rejection_rate_", None)
    if refused:
        about["refused"] = {str(state): float(rate) for state, rate in refused.items()}
    return about


# --- for one patient ---------------------------------------------------------------------------


def as_shipped(model, unit, background):
    return model.personalize(background)


def in_style(model, background, states, n, seed):
    """Synthetic windows of each state in the style of a patient."""
    made = model.sampler_.generator_
    wanted = np.repeat(states, n)
    profile = made.profile(background)
    return made.sample(wanted, profiles=profile, random_state=seed), wanted


def with_synthetic_background(model, unit, background):
    """As many synthetic windows of every state, background too: no state is only real."""
    X, y = in_style(model, background, model.classes_, len(background), unit.seed)
    normal = np.full(len(background), model.background_)
    return model.estimator_.fine_tuned(np.concatenate([background, X]), np.concatenate([normal, y]))


def with_rehearsal(model, unit, background):
    """Also real windows of training patients, as many of each state."""
    X, y = in_style(model, background, model.classes_, len(background), unit.seed)
    rng = np.random.default_rng(unit.seed)
    rows = np.concatenate(
        [
            rng.choice(np.flatnonzero(unit.train.y == state), len(background))
            for state in model.classes_
        ]
    )
    normal = np.full(len(background), model.background_)
    X = np.concatenate([background, X, unit.train.X[rows]])
    return model.estimator_.fine_tuned(X, np.concatenate([normal, y, unit.train.y[rows]]))


PERSONAL = {
    "geneeg-personalized": as_shipped,
    "geneeg-personal-background": with_synthetic_background,
    "geneeg-personal-rehearsal": with_rehearsal,
}
METHODS = (*OPPONENTS, *VARIANTS, *PERSONAL)
