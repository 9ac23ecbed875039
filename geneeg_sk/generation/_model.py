"""The fitted model: what sampling needs, in numbers instead of labels."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..datasets import WindowRows
from ._conditions import ConditionPrior
from ._corrections import Corrections
from ._descriptors import Descriptors, Standardizer
from ._matching import match_powers
from ._noise import ObservationNoise
from ._normalizer import Normalizer, blocks
from ._profiles import Profiles
from .networks._autoencoder import VAE
from .networks._denoiser import Denoiser
from .networks._device import mixed_precision, run_in_threads
from .networks._diffusion import (
    SIGMA_MAX,
    SOLVER_STEPS,
    dpm_solver,
    guide,
    karras_sigmas,
    sigmas_from,
)

# Windows are drawn in blocks of this size, each with a seed of its own, and always whole blocks
# are computed: so that the first windows are the same, to the bit, however many are asked for.
BLOCK = 64

# Patients and anchors of the prior are drawn by an additive recurrence (Roberts 2018, R2) instead
# of at random: a hundred windows then cover the training windows as evenly as chance would in
# thousands, and the first ones are still the same however many are asked for.
RECURRENCE = np.array([0.7548776662466927, 0.5698402909980532])


def noise_level(strength: float) -> float:
    """The noise level at which this share of a latent's variance is noise, at most the highest."""
    return min(float(np.sqrt(strength / max(1 - strength, 1e-9))), SIGMA_MAX)


@dataclass(frozen=True)
class LatentDiffusion:
    """Everything learned, in the order in which sampling takes it, from right to left.

    `noise` and `denoiser` are None until they are learned.
    """

    normalizer: Normalizer
    vae: VAE
    latent_mean: np.ndarray  # (latent_channels, 1)
    latent_std: np.ndarray
    noise: ObservationNoise | None
    corrections: Corrections
    denoiser: Denoiser | None
    descriptors: Descriptors
    scale_descriptors: Standardizer
    prior: ConditionPrior
    profiles: Profiles

    @property
    def n_states(self) -> int:
        return len(self.prior.means)

    @property
    def positions(self) -> int:
        """Length of the sequence of latents."""
        return self.normalizer.n_padded // self.vae.stride

    def describe(self, X: np.ndarray | WindowRows) -> np.ndarray:
        """Descriptors (n, n_descriptors) of windows in microvolts."""
        return self.descriptors(self.normalizer, X)

    def components(self, X: np.ndarray) -> np.ndarray:
        """What the autoencoder sees of windows, shape (n, n_components, n_padded)."""
        return self.normalizer.components(self.normalizer.unit(X)[0])

    def condition(
        self, state: np.ndarray, profiles: np.ndarray | None, described: np.ndarray
    ) -> np.ndarray:
        """One row for each window: state, profile, descriptors, and 1 for 'there is one'.

        Where patients are unknown their profiles are zeros, as in a part of training.
        """
        n_profile = self.profiles.n_profile
        known = np.zeros((len(state), n_profile))
        if profiles is not None:
            known = np.clip(self.profiles.scale(profiles), -4, 4)
        return np.column_stack(
            [
                np.eye(self.n_states)[state],
                known,
                np.clip(self.scale_descriptors(described), -4, 4),
                np.ones(len(state)),
            ]
        ).astype(np.float32)

    def without_patients(self) -> LatentDiffusion:
        """A copy without profiles and without what the prior knows of single patients."""
        return replace(
            self, profiles=self.profiles.without_patients(), prior=self.prior.without_patients()
        )

    @torch.no_grad()
    def encode(self, X: np.ndarray, device: torch.device) -> np.ndarray:
        """Standardized latents (n, latent_channels, positions), float32."""
        units = (self.normalizer.unit(X[rows])[0] for rows in blocks(len(X), BLOCK))
        return np.concatenate([self.encode_unit(unit, device) for unit in units])

    @torch.no_grad()
    def encode_unit(self, unit: np.ndarray, device: torch.device) -> np.ndarray:
        """Standardized latents of a block of windows of unit RMS."""
        components = torch.from_numpy(self.normalizer.components(unit)).to(device)
        return (self.vae.encode(components)[0].cpu().numpy() - self.latent_mean) / self.latent_std

    @torch.no_grad()
    def decode(self, z: np.ndarray, device: torch.device) -> np.ndarray:
        """Mean windows (n, n_channels, n_times) of standardized latents, of about unit RMS.

        Without what the decoder shows at frequencies that it cannot know, once that is learned.
        """
        latents = (z * self.latent_std + self.latent_mean).astype(np.float32)
        components = self.vae.decode(torch.from_numpy(latents).to(device)).cpu().numpy()
        unit = self.normalizer.channels(components)
        return unit if self.noise is None else self.noise.filter(unit)

    def sample(
        self,
        state: np.ndarray,
        profiles: np.ndarray | None,
        seed: int,
        *,
        guidance: float = 1.0,
        solver_steps: int = SOLVER_STEPS,
        device: torch.device,
    ) -> np.ndarray:
        """Windows (n, n_channels, n_times) in microvolts, float32."""
        noise = self.noise
        assert noise is not None  # a part of every model that can sample
        start = np.random.default_rng([seed, len(RECURRENCE)]).random(len(RECURRENCE))
        sigmas = karras_sigmas(solver_steps)
        latent_shape = BLOCK, len(self.latent_mean), self.positions

        def make(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            s = state[rows]
            even = (start + RECURRENCE * rows[:, None]) % 1
            of_profiles = rng.standard_normal((BLOCK, self.profiles.n_profile))
            of_descriptors = rng.standard_normal((BLOCK, self.prior.n_normal))
            latents = rng.standard_normal(latent_shape, np.float32)
            if profiles is None:
                chosen = self.profiles.draw(s, even[:, 0], of_profiles)
            else:
                chosen = profiles[rows]
            standard = self.profiles.scale(chosen)
            described = self.prior.draw(s, standard, chosen, even[:, 1], of_descriptors)
            condition = self.condition(s, chosen, described)
            unit = self.decode(self._denoise(latents, sigmas, condition, guidance, device), device)
            unit = self.correct(unit + noise.draw(s, rng, unit.shape[2]), s, described)
            return self.normalizer.windows(unit, described[:, 0])

        return self._by_blocks(make, len(state), seed, device)

    def _by_blocks(
        self,
        make: Callable[[np.ndarray, np.random.Generator], np.ndarray],
        n: int,
        seed: int,
        device: torch.device,
    ) -> np.ndarray:
        """Windows (n, n_channels, n_times), of which `make` returns a whole block for its rows.

        It has to draw for whole blocks: row i then gets the same numbers whatever the others are.
        """
        out = np.empty((n, len(self.normalizer.to_channels), self.normalizer.n_times), np.float32)

        def fill(number: int, rows: slice) -> None:
            own = np.arange(rows.start, rows.stop)
            whole = np.r_[own, np.full(BLOCK - len(own), rows.start)]
            out[rows] = make(whole, np.random.default_rng([seed, number]))[: len(own)]

        run_in_threads(fill, list(enumerate(blocks(n, BLOCK))), device)
        return out

    def vary(
        self,
        X: np.ndarray,
        state: np.ndarray,
        own: np.ndarray | None,
        wanted: np.ndarray | None,
        strength: float,
        seed: int,
        *,
        solver_steps: int,
        device: torch.device,
    ) -> np.ndarray:
        """Variations of windows in microvolts, float32.

        `own` are the profiles of the windows' patients, `wanted` those of the patients that they
        are moved to, both (n, n_profile); without the latter they stay where they are.
        """
        noise = self.noise
        assert noise is not None
        profiles = own if wanted is None else wanted
        sigma = noise_level(strength)

        def make(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            s = state[rows]
            mine, theirs, asked = (p if p is None else p[rows] for p in (own, wanted, profiles))
            unit, described = self._moved(X[rows], s, mine, theirs)
            z = self.encode_unit(unit, device)
            added = rng.standard_normal(z.shape, np.float32)
            varied = z
            if strength > 0:
                condition = self.condition(s, asked, described)
                sigmas = sigmas_from(sigma, solver_steps)
                varied = self._denoise(z / sigma + added, sigmas, condition, 1.0, device)
            filled = np.sqrt(1 - strength) * (unit - self.decode(z, device))
            filled += np.sqrt(strength) * noise.draw(s, rng, unit.shape[2])
            unit = (self.decode(varied, device) + filled).astype(np.float32)
            unit = match_powers(self.descriptors, unit, described)
            return self.normalizer.windows(self.normalizer.unit(unit)[0], described[:, 0])

        return self._by_blocks(make, len(X), seed, device)

    def _moved(
        self,
        X: np.ndarray,
        state: np.ndarray,
        own: np.ndarray | None,
        wanted: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Windows at unit RMS, filtered to what another patient would have, and descriptors."""
        unit, _ = self.normalizer.unit(X)
        described = self.describe(X)
        if own is None or wanted is None:
            return unit, described
        described = described + self._expected(state, wanted) - self._expected(state, own)
        moved = match_powers(self.descriptors, unit, described)
        return self.normalizer.unit(moved)[0], described

    @torch.no_grad()
    def _denoise(
        self,
        start: np.ndarray,
        sigmas: torch.Tensor,
        condition: np.ndarray,
        guidance: float,
        device: torch.device,
    ) -> np.ndarray:
        """Latents (n, latent_channels, positions) from noisy ones, divided by ``sigmas[0]``."""
        assert self.denoiser is not None  # only an interrupted training leaves none
        with mixed_precision(device):
            z = dpm_solver(
                guide(self.denoiser, torch.from_numpy(condition).to(device), guidance),
                torch.from_numpy(start.astype(np.float32, copy=False)).to(device),
                sigmas.to(device),
            )
        return z.cpu().numpy()

    def _expected(self, state: np.ndarray, profiles: np.ndarray) -> np.ndarray:
        """Mean descriptors of windows of these states of patients with these profiles."""
        return self.prior.expected(state, self.profiles.scale(profiles), profiles)

    def correct(self, unit: np.ndarray, state: np.ndarray, described: np.ndarray) -> np.ndarray:
        """Give windows of unit RMS, drawn with these descriptors, what they lack."""
        unit = self.corrections(unit, state, described, self.descriptors)
        return self.normalizer.unit(unit)[0]

    def without(self, corrections: Collection[str]) -> LatentDiffusion:
        """A copy that leaves out corrections, named as in `CORRECTIONS`."""
        return replace(self, corrections=replace(self.corrections, left_out=tuple(corrections)))
