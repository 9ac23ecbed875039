"""Further patients without forgetting the earlier ones (generative replay, Shin et al. 2017)."""

from __future__ import annotations

import copy

import numpy as np
import torch

from ._diffusion import SOLVER_STEPS
from ._fitting import TrainingSet, fit_population, fit_prior, patient_profiles
from ._model import LatentDiffusion


def add_replay(
    data: TrainingSet,
    model: LatentDiffusion,
    counts: np.ndarray,
    *,
    renumber: np.ndarray,
    background: int,
    seed: int,
    device: torch.device,
) -> TrainingSet:
    """New windows behind as many generated ones of each earlier state and patient as there were.

    `renumber` gives the new patients' numbers behind the earlier ones.
    """
    state, patient = (
        np.repeat(index, counts.ravel()) for index in map(np.ravel, np.indices(counts.shape))
    )
    X, _ = model.sample(
        state, model.profiles[patient], seed, guidance=1.0, solver_steps=SOLVER_STEPS, device=device
    )
    return TrainingSet(
        X=np.concatenate([X.astype(data.X.dtype), data.X]),
        state=np.concatenate([state, data.state]),
        patient=np.concatenate([patient, renumber[data.patient]]),
        is_background=np.concatenate([state == background, data.is_background]),
        n_states=data.n_states,
        n_patients=max(counts.shape[1], renumber.max() + 1),
    )


def extend_model(data: TrainingSet, model: LatentDiffusion) -> LatentDiffusion:
    """A copy of `model` that knows all patients of `data`; rotation and scales stay as they are."""
    model = copy.deepcopy(model)
    described = model.descriptors(model.frontend, data.X)
    profiles = patient_profiles(data, described)
    profiles[: len(model.profiles)] = model.profiles
    model.profiles = profiles
    windows = described[data.is_background]
    model.population = fit_population(profiles, windows)
    model.prior = fit_prior(data, described, profiles, model.scale_profiles)
    return model
