"""Further patients without forgetting the earlier ones (generative replay, Shin et al. 2017)."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch

from ._data import TrainingSet
from ._fit import fit_prior
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
    X = model.sample(state, model.profiles.known[patient], seed, device=device)
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
    described = model.describe(data.X)
    profiles = model.profiles.extend(data, described)
    prior = fit_prior(data, described, profiles)
    # Training changes networks in place.
    return replace(copy.deepcopy(model), profiles=profiles, prior=prior)
