"""Learning the parts of the model one after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.covariance import ledoit_wolf

from ..datasets import WindowRows
from ._denoiser import Denoiser
from ._descriptors import Descriptors, profile_of
from ._device import compile_network, mixed_precision
from ._diffusion import SOLVER_STEPS, denoising_loss, draw_sigmas
from ._equalizer import Averages, Equalizer
from ._frontend import Frontend, blocks
from ._losses import autoencoder_terms
from ._model import BLOCK, LatentDiffusion, Population, Standardizer
from ._prior import ConditionPrior
from ._residual import ResidualStatistics, Trust
from ._training import draw_rows, optimize
from ._vae import VAE, latent_channels_for, strides_for

LR_VAE, LR_DIFFUSION = 2e-3, 2e-3
DROP_CONDITION = 0.1
DROP_PROFILE = 0.15
LATENT_JITTER = 0.05  # so that the decoder has seen what is slightly off the manifold
EQUALIZER_WINDOWS = 256  # generated, of each state, at most, to compare spectra
EQUALIZER_ROUNDS = 3  # because one correction disturbs the other
PROFILE_WINDOWS = 16  # background windows of one training-time draw of a profile
VALIDATION_SHARE, MAX_VALIDATION = 0.1, 256
MIN_FOR_VALIDATION = 20  # windows of a state from which some can be spared


@dataclass
class TrainingSet:
    """Windows with state and patient as numbers; minibatches are copied, never the whole."""

    X: np.ndarray | WindowRows  # (n, n_channels, n_times)
    state: np.ndarray  # (n,)
    patient: np.ndarray  # (n,)
    is_background: np.ndarray  # (n,), bool
    n_states: int
    n_patients: int

    def windows(self, rows: np.ndarray | slice) -> np.ndarray:
        """Return some of the windows as an array."""
        return np.asarray(self.X[rows])

    @property
    def counts(self) -> np.ndarray:
        """Windows of each state and patient, shape (n_states, n_patients)."""
        counts = np.zeros((self.n_states, self.n_patients), int)
        np.add.at(counts, (self.state, self.patient), 1)
        return counts

    @property
    def weights(self) -> np.ndarray:
        """Half the weight by class balance, because the minority is small; sum 1."""
        counts = np.bincount(self.state, minlength=self.n_states)
        balanced = 1 / (counts[self.state] * (counts > 0).sum())
        return 0.5 / len(self.state) + 0.5 * balanced

    def split(self, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
        """Rows for training and for validation; a small state goes to training whole."""
        valid = []
        for s in range(self.n_states):
            rows = np.flatnonzero(self.state == s)
            n = int(VALIDATION_SHARE * len(rows)) if len(rows) >= MIN_FOR_VALIDATION else 0
            n = min(n, MAX_VALIDATION // self.n_states)
            valid.append(rng.choice(rows, n, replace=False) if n else rows[:0])
        held_out = np.sort(np.concatenate(valid))
        return np.setdiff1d(np.arange(len(self.state)), held_out), held_out


@dataclass
class Budget:
    """What the user set: sizes, steps, and where to compute."""

    latent_channels: int
    width: int
    vae_steps: int
    diffusion_steps: int
    batch_size: int
    loss_weights: dict[str, float]
    device: torch.device
    verbose: int


def new_model(data: TrainingSet, budget: Budget) -> LatentDiffusion:
    """Learn all that needs no network: rotation, descriptors, profiles; networks are untrained."""
    strides = strides_for(data.X.shape[2])
    stride = strides[0] * strides[1]
    frontend = Frontend.fit(data.X, data.weights, stride)
    descriptors = Descriptors.fit(frontend, data.X, data.weights)
    described = descriptors(frontend, data.X)
    n_components, q = frontend.n_components, described.shape[1]
    n_latent = latent_channels_for(budget.latent_channels, n_components, stride)
    profiles = patient_profiles(data, described)
    background = described[data.is_background]
    scale = Standardizer.fit(background)
    n_condition = data.n_states + profiles.shape[1] + q + 1
    return LatentDiffusion(
        n_states=data.n_states,
        frontend=frontend,
        descriptors=descriptors,
        scale_descriptors=Standardizer.fit(described),
        scale_profiles=scale,
        profiles=profiles,
        population=fit_population(profiles, background),
        vae=VAE(n_components, n_latent, budget.width, strides).to(budget.device),
        latent_mean=np.zeros((n_latent, 1), np.float32),
        latent_std=np.ones((n_latent, 1), np.float32),
        residual=None,
        prior=fit_prior(data, described, profiles, scale),
        equalizer=Equalizer.flat(
            data.n_states, data.X.shape[1], frontend.n_times, descriptors.edges
        ),
        denoiser=Denoiser(n_latent, budget.width, n_condition).to(budget.device),
    )


def patient_profiles(data: TrainingSet, described: np.ndarray) -> np.ndarray:
    """Each patient's profile; that of all background for a patient without any."""
    profiles = np.tile(profile_of(described[data.is_background]), (data.n_patients, 1))
    for p in range(data.n_patients):
        own = described[data.is_background & (data.patient == p)]
        if len(own):
            profiles[p] = profile_of(own)
    return profiles


def fit_prior(
    data: TrainingSet,
    described: np.ndarray,
    profiles: np.ndarray,
    scale: Standardizer,
) -> ConditionPrior:
    """The joint distribution of descriptors given state and profile."""
    return ConditionPrior.fit(described, data.state, data.patient, scale(profiles), profiles)


def fit_population(profiles: np.ndarray, background: np.ndarray) -> Population:
    """A normal distribution over patients; of windows, where patients are too few for one."""
    sample = profiles if len(profiles) > 2 else background
    covariance = ledoit_wolf(sample)[0] if len(sample) > 1 else np.zeros((sample.shape[1],) * 2)
    jitter = 1e-9 * np.eye(len(covariance))
    return Population(profiles.mean(axis=0), np.linalg.cholesky(covariance + jitter))


def fit_autoencoder(
    data: TrainingSet,
    budget: Budget,
    model: LatentDiffusion,
    rows: tuple[np.ndarray, np.ndarray],
    generator: torch.Generator,
    history: list[dict[str, Any]],
) -> bool:
    """Train the autoencoder on minibatches of components; tell whether it was interrupted."""
    train, valid = rows
    weights = torch.from_numpy(data.weights[train])
    edges = torch.from_numpy(model.descriptors.edges)
    vae = model.vae
    latent_shape = len(model.latent_mean), model.frontend.n_padded // vae.stride

    def components(chosen: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(model.components(data.windows(chosen))).to(budget.device)

    def terms() -> dict[str, torch.Tensor]:
        x = components(train[draw_rows(weights, budget.batch_size, generator)])
        noise = torch.randn((len(x), *latent_shape), generator=generator).to(budget.device)
        with mixed_precision(budget.device):
            mean, log_variance = vae.encode(x)
            y = vae.decode(mean + (log_variance / 2).exp() * noise)
        mean, log_variance, y = mean.float(), log_variance.float(), y.float()
        return autoencoder_terms(x, y, mean, log_variance, edges, budget.loss_weights, generator)

    @torch.no_grad()
    def validate(network: VAE) -> float:
        x = components(valid)
        return float(((network.decode(network.encode(x)[0]) - x) ** 2).mean())

    model.vae, interrupted = optimize(
        vae,
        terms,
        validate if len(valid) else None,
        stage="autoencoder",
        n_steps=budget.vae_steps,
        lr=LR_VAE,
        history=history,
        verbose=budget.verbose,
    )
    return interrupted


@torch.no_grad()
def fit_observation(data: TrainingSet, model: LatentDiffusion, device: torch.device) -> np.ndarray:
    """Encode every window once; learn the latents' scale and what decoding loses.

    Returns the standardized latents, shape (n, latent_channels, positions), float32.
    """
    latents = []
    trust = Trust()
    for chosen in blocks(len(data.X), 128):
        unit, _ = model.frontend.unit(data.windows(chosen))
        x = torch.from_numpy(model.frontend.components(unit))
        latents.append(model.vae.encode(x.to(device))[0].cpu().numpy())
        trust.add(unit, _decode(model, latents[-1], device))
    lost = ResidualStatistics(data.n_states, model.descriptors.edges, trust.gain())
    for chosen, z in zip(blocks(len(data.X), 128), latents):
        lost.add(
            model.frontend.unit(data.windows(chosen))[0],
            _decode(model, z, device),
            data.state[chosen],
        )
    z = np.concatenate(latents)
    model.residual = lost.noise()
    mean = np.einsum("n,ncp->c", data.weights, z) / z.shape[2]
    variance = np.einsum("n,ncp->c", data.weights, (z - mean[:, None]) ** 2) / z.shape[2]
    model.latent_mean = mean[:, None].astype(np.float32)
    model.latent_std = np.sqrt(np.maximum(variance, 1e-8))[:, None].astype(np.float32)
    return (z - model.latent_mean) / model.latent_std


def _decode(model: LatentDiffusion, latents: np.ndarray, device: torch.device) -> np.ndarray:
    components = model.vae.decode(torch.from_numpy(latents).to(device)).cpu().numpy()
    return model.frontend.channels(components)


def fit_denoiser(
    data: TrainingSet,
    budget: Budget,
    model: LatentDiffusion,
    rows: tuple[np.ndarray, np.ndarray],
    rng: np.random.RandomState,
    generator: torch.Generator,
    history: list[dict[str, Any]],
) -> bool:
    """Train the diffusion on cached latents; tell whether it was interrupted."""
    train, valid = rows
    weights = torch.from_numpy(data.weights[train])
    latents = torch.from_numpy(fit_observation(data, model, budget.device))
    described = model.descriptors(model.frontend, data.X)
    draw_profiles = make_profile_sampler(data, model, described, rng)
    denoiser = model.denoiser
    assert denoiser is not None  # only an interrupted training leaves none
    fast_denoiser = compile_network(denoiser, budget.device)
    of_profile = slice(model.n_states, model.n_states + model.profiles.shape[1])

    def condition(chosen: np.ndarray) -> torch.Tensor:
        profiles = draw_profiles(chosen)
        return torch.from_numpy(model.condition(data.state[chosen], profiles, described[chosen]))

    def terms() -> dict[str, torch.Tensor]:
        chosen = train[draw_rows(weights, budget.batch_size, generator)]
        clean = latents[chosen]
        clean = clean + LATENT_JITTER * torch.randn(clean.shape, generator=generator)
        c = condition(chosen)
        dropped = torch.rand((2, len(c), 1), generator=generator)
        c[:, of_profile] *= dropped[0] >= DROP_PROFILE
        c *= dropped[1] >= DROP_CONDITION
        noise = torch.randn(clean.shape, generator=generator)
        sigma = draw_sigmas(len(c), generator)
        inputs = (part.to(budget.device) for part in (clean, sigma, noise, c))
        with mixed_precision(budget.device):
            return {"denoising": denoising_loss(fast_denoiser, *inputs).mean()}

    model.denoiser, interrupted = optimize(
        denoiser,
        terms,
        _make_validation(latents[valid], condition(valid), budget.device) if len(valid) else None,
        stage="diffusion",
        n_steps=budget.diffusion_steps,
        lr=LR_DIFFUSION,
        history=history,
        verbose=budget.verbose,
    )
    return interrupted


def fit_equalizer(
    data: TrainingSet, model: LatentDiffusion, seed: int, device: torch.device
) -> None:
    """Compare generated windows with those of training, state by state, and learn the filter."""
    edges = model.equalizer.edges
    for s in range(data.n_states):
        own = np.flatnonzero(data.state == s)
        real = (model.frontend.unit(data.windows(own[rows]))[0] for rows in blocks(len(own), 128))
        wanted = Averages.of(real, edges)
        state = np.full(min(EQUALIZER_WINDOWS, max(len(own), BLOCK)), s)
        for k in range(EQUALIZER_ROUNDS):
            drawn, described = model.sample(
                state, None, seed + k, guidance=1.0, solver_steps=SOLVER_STEPS, device=device
            )
            model.equalizer.calibrate(s, described, model.descriptors(model.frontend, drawn))
            got = Averages.of([model.frontend.unit(drawn)[0]], edges)
            model.equalizer.correct(s, wanted, got)


def _make_validation(
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


def make_profile_sampler(
    data: TrainingSet, model: LatentDiffusion, described: np.ndarray, rng: np.random.RandomState
) -> Callable[[np.ndarray], np.ndarray]:
    """A function that draws a profile for each row from other background windows of its patient.

    In use a profile comes from a handful of windows that are not those to be generated; training
    has to match that, or the model learns to read the target from the profile.
    """
    background = [
        np.flatnonzero(data.is_background & (data.patient == p)) for p in range(data.n_patients)
    ]

    def draw(chosen: np.ndarray) -> np.ndarray:
        drawn = model.profiles[data.patient[chosen]].copy()
        picked = np.zeros((len(chosen), PROFILE_WINDOWS), dtype=int)
        known = np.zeros(len(chosen), dtype=bool)
        for i, row in enumerate(chosen):
            others = background[data.patient[row]]
            own = int(data.is_background[row])
            if len(others) > own:
                at = rng.randint(len(others) - own, size=PROFILE_WINDOWS)
                # The target window itself is stepped over.
                picked[i] = others[at + own * (at >= np.searchsorted(others, row))]
                known[i] = True
        drawn[known] = profile_of(described[picked[known]])
        return drawn

    return draw
