"""The methods: one classifier, one target, as many steps for all."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.frozen import FrozenEstimator

from benchmarks.unseen_patients import levers
from benchmarks.unseen_patients.augment import ABLATIONS, STRENGTHS, OnTheFlyClassifier
from benchmarks.unseen_patients.described import DescribedSurrogates
from benchmarks.unseen_patients.quilted import QuiltedSampler
from benchmarks.unseen_patients.recolored import RecoloredSampler
from geneeg_sk.classification import AugmentedClassifier, CNNBiLSTMClassifier
from geneeg_sk.classification._blend import Blend
from geneeg_sk.cli._candidates import BenchmarkBudget, benchmark_candidates
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.over_sampling import FillGap, GenEEGSampler, WindowedSampler

# The classifier of every method, and how long it is trained: so many steps of the optimizer,
# however many windows a method adds.
CLASSIFIER = {"n_filters": 8, "n_hidden": 32, "kernel_size": 32, "batch_size": 32, "lr": 4e-3}
STEPS = 800
EPOCHS = 8  # into which the steps are divided

SMOTE_NEIGHBORS = {"smote": 5, "smote-k3": 3, "smote-k10": 10}
# Over-samplers of `geneeg-sk benchmark`, by their names there.
OPPONENTS = {
    "ros": "RandomOverSampler",
    "adasyn": "ADASYN",
    "surrogate": "FourierSurrogateSampler",
    **dict.fromkeys(SMOTE_NEIGHBORS, "SMOTE"),
}
AUGMENTATIONS = {
    "augment": STRENGTHS["medium"],
    **{f"augment-{name}": how for name, how in {**STRENGTHS, **ABLATIONS}.items()},
}
ENSEMBLE_SEEDS = (101, 102)
# What differs from the public default of GenEEGSampler, by the name of a lever.
GENEEG = {
    "balanced": {"patient_mix": "balanced"},
    "described": {"patient_mix": "virtual"},
    "virtual": {"patient_mix": "virtual"},
    "virtual-quarter": {"patient_mix": "virtual", "sampling_strategy": FillGap(0.25)},
}
CHEAP = ("none", "class_weight", "ros", "smote", "adasyn", "surrogate", "augment", "ensemble")
# Chosen in development; what the generator adds to the same at the same cost is the last but one.
CHOSEN = ("scaled", "scaled+augment", "scaled+augment+twice", "scaled+augment+virtual+blend")
# What earlier versions measured, whose code is no longer here; the last is the chosen recipe.
BEFORE = (
    *("geneeg-before", "geneeg-unfiltered-virtual", "geneeg-half", "geneeg-gated-before"),
    "scaled+augment+virtual-before+blend",
)
# What development tries beside these: settings of the methods that have one.
TUNED = (
    "none",
    *("smote", "smote-k3", "smote-k10"),
    *("augment-weak", "augment-medium", "augment-strong", "augment-mixup"),
)
ABLATED = tuple(f"augment-{name}" for name in ABLATIONS)


@dataclass(frozen=True)
class Settings:
    """What all trainings of a task have in common."""

    seed: int
    steps: int
    cache: Path
    generator_params: tuple = ()  # less training than the default, for a trial
    frozen: object = None  # a fitted generator to be used instead of fitting one

    def classifier(self, kind=CNNBiLSTMClassifier, **more):
        """The classifier of every method, unfitted."""
        params = {
            **CLASSIFIER,
            "max_epochs": EPOCHS,
            "epoch_steps": max(1, self.steps // EPOCHS),
            "random_state": self.seed,
        }
        return kind(**params | more)


def fit(method, train, settings):
    """A classifier trained on windows, with `predict_proba` and `classes_`."""
    if method == "ensemble":
        seeds = (settings.seed + seed for seed in ENSEMBLE_SEEDS)
        members = [settings.classifier(random_state=seed) for seed in seeds]
        return Blend([member.fit(train.X, train.y) for member in members])
    if levers.is_recipe(method) and method not in CHEAP:
        return levers.fit(method, train, settings, sampler_of)
    if method in AUGMENTATIONS:
        model = settings.classifier(OnTheFlyClassifier)
        model.set_augmentations(AUGMENTATIONS[method], train.sfreq, train.channels)
        return model.fit(train.X, train.y)
    if method in ("none", "class_weight"):
        weight = "balanced" if method == "class_weight" else None
        return settings.classifier(class_weight=weight).fit(train.X, train.y)
    model = AugmentedClassifier(
        settings.classifier(), sampler_of(method, train, settings), gate=None, early_stopping=False
    )
    return model.fit(train.X, train.y, groups=train.groups)


def sampler_of(method, train, settings):
    """The over-sampler of a method, which fills the gap to the largest state."""
    if method in GENEEG:
        return generating(method, train, settings)
    if method == "recolored":
        return RecoloredSampler(random_state=settings.seed)
    if method == "quilted":
        return QuiltedSampler(sfreq=train.sfreq, random_state=settings.seed)
    return opponent(method, train, settings)


def opponent(method, train, settings):
    """An over-sampler as `geneeg-sk benchmark` compares it."""
    rarest = int(np.unique(train.y, return_counts=True)[1].min())
    candidates = benchmark_candidates(
        settings.classifier(), sfreq=train.sfreq, smallest=rarest, budget=BenchmarkBudget()
    )
    sampler = candidates[OPPONENTS[method]].set_params(random_state=settings.seed)
    if method in SMOTE_NEIGHBORS:
        sampler.set_params(k_neighbors=min(SMOTE_NEIGHBORS[method], rarest - 1))
    return WindowedSampler(sampler=sampler)


def generating(method, train, settings):
    """GenEEGSampler of a recipe."""
    generator = LatentDiffusionGenerator(sfreq=train.sfreq, **dict(settings.generator_params))
    if method == "described":
        generator = DescribedSurrogates()
    if settings.frozen is not None:
        generator = FrozenEstimator(settings.frozen)
    return GenEEGSampler(
        generator=generator,
        memory=None if method == "described" else str(settings.cache),
        random_state=settings.seed,
        **GENEEG[method],
    )


def fit_or_fall_back(method, train, settings):
    """The method, or what is left where it cannot add windows; and notes on the training.

    ADASYN finds no window to add where no rare one lies among others.
    """
    try:
        model = fit(method, train, settings)
    except (ValueError, RuntimeError) as error:
        reasons = ("neighbours", "neighbors", "No samples")
        if method != "adasyn" or not any(reason in str(error) for reason in reasons):
            raise
        return fit("none", train, settings), {"fell_back": True}
    return model, notes(model)


def notes(model):
    """What the sampler refused."""
    rates = getattr(getattr(model, "sampler_", None), "rejection_rate_", None)
    if rates is None:
        return {}
    return {"refused": {str(state): float(rate) for state, rate in rates.mean(axis=1).items()}}


def refit_of(method, model, about, settings):
    """How to train the same on a part of the training patients, with half of the steps.

    Samplers are fitted anew. A generator is not: it stays the one that knows all training patients,
    because a new one for each fold would triple the cost.
    """
    generator = getattr(getattr(model, "sampler_", None), "generator_", None)
    if about.get("fell_back"):
        method = "none"
    half = Settings(
        settings.seed,
        settings.steps // 2,
        settings.cache,
        settings.generator_params,
        frozen=generator,
    )

    def refit(part):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return fit_or_fall_back(method, part, half)[0]

    return refit
