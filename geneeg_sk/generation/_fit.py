"""From windows to a model: each stage learns one part from what the stages before have learned.

untrained     normalizer, descriptors, profiles, distribution of conditions; random networks
autoencoder   windows to latents and back
noise         what decoding loses; scale of the latents
denoiser      latents, under conditions
corrections   what generated windows lack, beside real ones
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from .._seeding import MAX_SEED
from ._conditions import ConditionPrior
from ._corrections import Averages, Corrections
from ._data import TrainingSet
from ._descriptors import Descriptors, Standardizer
from ._model import BLOCK, LatentDiffusion
from ._noise import NoiseStatistics, ReconstructionGain
from ._normalizer import Normalizer, blocks
from ._profiles import Profiles, training_profiles
from .networks._autoencoder import VAE, latent_channels_for, loss_terms, strides_for
from .networks._denoiser import Denoiser
from .networks._device import compile_network, mixed_precision
from .networks._diffusion import denoising_loss, draw_sigmas
from .networks._training import Training, draw_rows, optimize

LR_VAE, LR_DIFFUSION = 2e-3, 2e-3
DROP_CONDITION = 0.1
DROP_PROFILE = 0.15
LATENT_JITTER = 0.05  # so that the decoder has seen what is slightly off the manifold
CORRECTION_WINDOWS = 256  # generated, of each state, at most, to be compared with real ones
CORRECTION_ROUNDS = 3  # because one correction disturbs the other


@dataclass
class Settings:
    """What the user set: sizes, steps, and where to compute."""

    latent_channels: int
    width: int
    vae_steps: int
    diffusion_steps: int
    batch_size: int
    device: torch.device
    verbose: int


def untrained(data: TrainingSet, settings: Settings) -> LatentDiffusion:
    """Learn all that needs no network; the networks are random."""
    strides = strides_for(data.X.shape[2])
    stride = strides[0] * strides[1]
    normalizer = Normalizer.fit(data.X, data.weights, stride)
    descriptors = Descriptors.fit(normalizer, data.X, data.weights)
    described = descriptors(normalizer, data.X)
    profiles = Profiles.fit(data, described)
    n_components, q = normalizer.n_components, described.shape[1]
    n_latent = latent_channels_for(settings.latent_channels, n_components, stride)
    n_condition = data.n_states + profiles.n_profile + q + 1
    n_channels, n_times = data.X.shape[1:]
    return LatentDiffusion(
        normalizer=normalizer,
        vae=VAE(n_components, n_latent, settings.width, strides).to(settings.device),
        latent_mean=np.zeros((n_latent, 1), np.float32),
        latent_std=np.ones((n_latent, 1), np.float32),
        noise=None,
        corrections=Corrections.none(data.n_states, n_channels, n_times, descriptors.edges),
        denoiser=Denoiser(n_latent, settings.width, n_condition).to(settings.device),
        descriptors=descriptors,
        scale_descriptors=Standardizer.fit(described),
        prior=fit_prior(data, described, profiles),
        profiles=profiles,
    )


def fit_prior(data: TrainingSet, described: np.ndarray, profiles: Profiles) -> ConditionPrior:
    """The joint distribution of descriptors given state and profile."""
    known = profiles.known
    return ConditionPrior.fit(described, data.state, data.patient, profiles.scale(known), known)


def fit(
    model: LatentDiffusion, data: TrainingSet, settings: Settings, training: Training
) -> LatentDiffusion:
    """Train the networks of `model`, and learn what depends on them.

    After Ctrl-C the model is what was learned by then, and `training` says so.
    """
    for stage in (fit_autoencoder, fit_noise, fit_denoiser, fit_corrections):
        try:
            model = stage(model, data, settings, training)
        except KeyboardInterrupt:
            training.interrupted = True
        if training.interrupted:
            can_sample = stage in (fit_denoiser, fit_corrections)
            return model if can_sample else replace(model, denoiser=None)
    return model


def fit_autoencoder(
    model: LatentDiffusion, data: TrainingSet, settings: Settings, training: Training
) -> LatentDiffusion:
    """Train the autoencoder on minibatches of components."""
    weights = torch.from_numpy(data.weights[training.rows])
    latent_shape = len(model.latent_mean), model.positions
    device, generator = settings.device, training.generator

    def components(chosen: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(model.components(data.windows(chosen))).to(device)

    def terms() -> dict[str, torch.Tensor]:
        x = components(training.rows[draw_rows(weights, settings.batch_size, generator)])
        noise = torch.randn((len(x), *latent_shape), generator=generator).to(device)
        with mixed_precision(device):
            mean, log_variance = model.vae.encode(x)
            y = model.vae.decode(mean + (log_variance / 2).exp() * noise)
        return loss_terms(x, y.float(), mean.float(), log_variance.float())

    @torch.no_grad()
    def validate(network: VAE) -> float:
        x = components(training.valid)
        return float(((network.decode(network.encode(x)[0]) - x) ** 2).mean())

    vae = optimize(
        model.vae,
        terms,
        validate if len(training.valid) else None,
        stage="autoencoder",
        n_steps=settings.vae_steps,
        lr=LR_VAE,
        training=training,
    )
    return replace(model, vae=vae)


@torch.no_grad()
def fit_noise(
    model: LatentDiffusion, data: TrainingSet, settings: Settings, training: Training
) -> LatentDiffusion:
    """Encode every window once; learn the latents' scale and what decoding loses."""
    device, positions = settings.device, model.positions
    z = np.empty((len(data.X), len(model.latent_mean), positions), np.float32)
    gain = ReconstructionGain()
    for rows in blocks(len(data.X), 128):
        unit, _ = model.normalizer.unit(data.windows(rows))
        z[rows] = model.encode_unit(unit, device)
        gain.add(unit, model.decode(z[rows], device))
    lost = NoiseStatistics(data.n_states, model.descriptors.edges, gain.wiener())
    for rows in blocks(len(data.X), 128):
        unit, _ = model.normalizer.unit(data.windows(rows))
        lost.add(unit, model.decode(z[rows], device), data.state[rows])
    # In place: of many windows, latents are what takes most memory.
    mean = np.einsum("n,ncp->c", data.weights, z) / positions
    latent_mean = mean[:, None].astype(np.float32)
    z -= latent_mean
    variance = np.einsum("n,ncp,ncp->c", data.weights, z, z) / positions
    latent_std = np.sqrt(np.maximum(variance, 1e-8))[:, None].astype(np.float32)
    z /= latent_std
    training.latents = z
    return replace(model, noise=lost.noise(), latent_mean=latent_mean, latent_std=latent_std)


def fit_denoiser(
    model: LatentDiffusion, data: TrainingSet, settings: Settings, training: Training
) -> LatentDiffusion:
    """Train the diffusion on latents."""
    assert model.denoiser is not None  # an earlier stage's work, as the latents
    assert training.latents is not None
    weights = torch.from_numpy(data.weights[training.rows])
    latents = torch.from_numpy(training.latents)
    described = model.describe(data.X)
    draw_profiles = training_profiles(data, model.profiles.known, described, training.rng)
    device, generator = settings.device, training.generator
    denoiser = compile_network(model.denoiser, device)
    of_profile = slice(model.n_states, model.n_states + model.profiles.n_profile)

    def condition(chosen: np.ndarray) -> torch.Tensor:
        profiles = draw_profiles(chosen)
        return torch.from_numpy(model.condition(data.state[chosen], profiles, described[chosen]))

    def terms() -> dict[str, torch.Tensor]:
        chosen = training.rows[draw_rows(weights, settings.batch_size, generator)]
        clean = latents[chosen]
        clean = clean + LATENT_JITTER * torch.randn(clean.shape, generator=generator)
        c = condition(chosen)
        dropped = torch.rand((2, len(c), 1), generator=generator)
        c[:, of_profile] *= dropped[0] >= DROP_PROFILE
        c *= dropped[1] >= DROP_CONDITION
        noise = torch.randn(clean.shape, generator=generator)
        sigma = draw_sigmas(len(c), generator)
        inputs = (part.to(device) for part in (clean, sigma, noise, c))
        with mixed_precision(device):
            return {"denoising": denoising_loss(denoiser, *inputs).mean()}

    valid = training.valid
    trained = optimize(
        model.denoiser,
        terms,
        _validation(latents[valid], condition(valid), device) if len(valid) else None,
        stage="diffusion",
        n_steps=settings.diffusion_steps,
        lr=LR_DIFFUSION,
        training=training,
    )
    return replace(model, denoiser=trained)


def _validation(
    latents: torch.Tensor, condition: torch.Tensor, device: torch.device
) -> Callable[[Denoiser], float]:
    """The loss on held-out latents, always with the same noise, so that steps compare."""
    frozen = torch.Generator().manual_seed(0)
    noise = torch.randn(latents.shape, generator=frozen).to(device)
    sigma = draw_sigmas(len(latents), frozen).to(device)
    latents, condition = latents.to(device), condition.to(device)

    @torch.no_grad()
    def validate(network: Denoiser) -> float:
        return float(denoising_loss(network, latents, sigma, noise, condition).mean())

    return validate


def fit_corrections(
    model: LatentDiffusion, data: TrainingSet, settings: Settings, training: Training
) -> LatentDiffusion:
    """Compare generated windows with those of training, state by state."""
    seed = int(training.rng.randint(MAX_SEED))
    model = replace(model, corrections=copy.deepcopy(model.corrections))
    edges = model.descriptors.edges
    for s in range(data.n_states):
        own = np.flatnonzero(data.state == s)
        windows = (data.windows(own[rows]) for rows in blocks(len(own), 128))
        real = Averages.of((model.normalizer.unit(X)[0] for X in windows), edges)
        state = np.full(min(CORRECTION_WINDOWS, max(len(own), BLOCK)), s)
        for k in range(CORRECTION_ROUNDS):
            made = model.sample(state, None, seed + k, device=settings.device)
            model.corrections.fit(s, real, Averages.of([model.normalizer.unit(made)[0]], edges))
    return model
