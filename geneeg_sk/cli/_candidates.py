"""The candidates of the benchmark: ours, and those it has to beat."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from imblearn.over_sampling import ADASYN, SMOTE, RandomOverSampler
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import BaseCrossValidator, GroupKFold, LeaveOneGroupOut
from sklearn.pipeline import make_pipeline

from geneeg_sk.classification import AugmentedClassifier, CNNBiLSTMClassifier, MinibatchAugmentation
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.over_sampling import FillGap, FourierSurrogateSampler, GenEEGSampler
from geneeg_sk.preprocessing import BackgroundScaler

# Temporal filters span a quarter of a second: long enough for a cycle of theta.
FILTER_SECONDS = 0.25
NEIGHBORS = 5  # the default of SMOTE and ADASYN
# What development on unseen patients chose, without the generator and with it.
SIMPLE = "scaled, augmented"
RECIPE = "scaled, augmented, GenEEG blend"


CLASSIFIER, GENERATOR = CNNBiLSTMClassifier(), LatentDiffusionGenerator()  # for their defaults


@dataclass(frozen=True)
class BenchmarkBudget:
    """How long things are trained, by default as long as the estimators are by themselves."""

    epochs: int = CLASSIFIER.max_epochs
    vae_steps: int = GENERATOR.vae_steps
    diffusion_steps: int = GENERATOR.diffusion_steps

    def override(self, **given: int | None) -> BenchmarkBudget:
        """Return a budget in which what is given, and not None, is changed."""
        return replace(self, **{name: n for name, n in given.items() if n is not None})


# Minutes on two cores, for a first look: both networks would still improve.
QUICK = BenchmarkBudget(epochs=12, vae_steps=150, diffusion_steps=600)


def benchmark_classifier(sfreq: float, budget: BenchmarkBudget) -> CNNBiLSTMClassifier:
    """Return the unfitted classifier that every candidate of the benchmark trains."""
    kernel_size = max(round(FILTER_SECONDS * sfreq), 1)
    return CNNBiLSTMClassifier(kernel_size=kernel_size, max_epochs=budget.epochs)


def benchmark_candidates(
    estimator: BaseEstimator, *, sfreq: float, smallest: int, budget: BenchmarkBudget
) -> dict[str, BaseEstimator | None]:
    """Return what the benchmark compares, all with the same target: every state as large as any.

    The last two scale each patient by the beginning of the recording, and change the windows of
    every minibatch: once without the generator, and once averaged with a second classifier that is
    also trained with generated windows.

    Parameters
    ----------
    estimator : classifier with `class_weight` and `augment`
        As given to `compare_samplers`.
    sfreq : float
        Sampling frequency of the windows, in Hz.
    smallest : int
        Windows of the rarest state in any training fold (`smallest_state`): SMOTE and ADASYN need
        more windows than neighbors.
    budget : BenchmarkBudget
        Training steps of the generator.
    """
    target = FillGap(1.0)
    k = max(min(NEIGHBORS, smallest - 1), 1)
    generator = LatentDiffusionGenerator(
        sfreq=sfreq, vae_steps=budget.vae_steps, diffusion_steps=budget.diffusion_steps
    )
    net = clone(estimator).set_params(augment=MinibatchAugmentation())
    virtual = GenEEGSampler(
        sampling_strategy=target, generator=clone(generator), patient_mix="virtual"
    )
    scaler = BackgroundScaler(sfreq=sfreq)
    return {
        "none": None,
        "class weights": clone(estimator).set_params(class_weight="balanced"),
        "RandomOverSampler": RandomOverSampler(sampling_strategy=target),
        "SMOTE": SMOTE(sampling_strategy=target, k_neighbors=k),
        "ADASYN": ADASYN(sampling_strategy=target, n_neighbors=k),
        "FourierSurrogateSampler": FourierSurrogateSampler(sampling_strategy=target),
        "GenEEGSampler": GenEEGSampler(sampling_strategy=target, generator=generator),
        SIMPLE: make_pipeline(scaler, net),
        # Trained on all training patients, as the one above is.
        RECIPE: make_pipeline(scaler, AugmentedClassifier(net, virtual, early_stopping=False)),
    }


def group_folds(groups: ArrayLike, n_folds: int) -> BaseCrossValidator:
    """Return a splitter by group: each group a fold of its own where there are few.

    Raises
    ------
    ValueError
        If there is one group only.
    """
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise ValueError(
            f"all windows are of one group, {np.unique(groups).tolist()}: nothing unseen is left "
            "to test on. Give windows of at least two patients, or group by recording."
        )
    return LeaveOneGroupOut() if n_groups <= n_folds else GroupKFold(n_folds)


def smallest_state(y: np.ndarray, folds: Iterable[tuple[np.ndarray, np.ndarray]]) -> int:
    """Return how many windows the rarest state has in the training fold that has fewest."""
    return min(int(np.unique(y[train], return_counts=True)[1].min()) for train, _ in folds)
