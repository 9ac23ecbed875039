"""The fitted model: what sampling needs, in numbers instead of labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ._denoiser import Denoiser
from ._descriptors import Descriptors
from ._device import mixed_precision, run_in_threads
from ._diffusion import dpm_solver, guide, karras_sigmas
from ._equalizer import Equalizer
from ._filtering import continued_spectrum, cut, interpolate_gain
from ._frontend import Frontend, blocks
from ._prior import ConditionPrior
from ._residual import ResidualNoise
from ._vae import VAE

# Windows are drawn in blocks of this size, each with a seed of its own, and always whole blocks
# are computed: so that the first windows are the same, to the bit, however many are asked for.
BLOCK = 64

CORRECTION_ROUNDS = 3

# Patients and anchors of the prior are drawn by an additive recurrence (Roberts 2018, R2) instead
# of at random: a hundred windows then cover the training windows as evenly as chance would in
# thousands, and the first ones are still the same however many are asked for.
RECURRENCE = np.array([0.7548776662466927, 0.5698402909980532])


@dataclass
class Standardizer:
    """Center and spread of each column; columns without spread are left at zero."""

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> Standardizer:
        std = values.std(axis=0)
        return cls(values.mean(axis=0), np.where(std > 1e-9, std, 1.0))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return (values - self.mean) / self.std


@dataclass
class Population:
    """Profiles as a normal distribution, for when no single patient's may be used."""

    mean: np.ndarray
    factor: np.ndarray

    def draw(self, normal: np.ndarray) -> np.ndarray:
        return self.mean + normal @ self.factor.T


@dataclass
class LatentDiffusion:
    """Everything learned, in the order in which the data take it."""

    n_states: int
    frontend: Frontend
    descriptors: Descriptors
    scale_descriptors: Standardizer
    scale_profiles: Standardizer
    profiles: np.ndarray  # (n_patients, n_profile), not standardized
    population: Population
    vae: VAE
    latent_mean: np.ndarray  # (latent_channels, 1)
    latent_std: np.ndarray
    prior: ConditionPrior
    equalizer: Equalizer
    residual: ResidualNoise | None = None  # None until the autoencoder is trained
    denoiser: Denoiser | None = None

    def components(self, X: np.ndarray) -> np.ndarray:
        """What the autoencoder sees of windows, shape (n, n_components, n_padded)."""
        return self.frontend.components(self.frontend.unit(X)[0])

    def condition(
        self, state: np.ndarray, profiles: np.ndarray, described: np.ndarray
    ) -> np.ndarray:
        """One row for each window: state, profile, descriptors, and 1 for 'there is one'."""
        return np.column_stack(
            [
                np.eye(self.n_states)[state],
                np.clip(self.scale_profiles(profiles), -4, 4),
                np.clip(self.scale_descriptors(described), -4, 4),
                np.ones(len(state)),
            ]
        ).astype(np.float32)

    def without_patients(self) -> LatentDiffusion:
        """A copy without profiles and without what the prior knows of single patients."""
        return replace(self, profiles=self.profiles[:0], prior=self.prior.without_patients())

    @torch.no_grad()
    def encode(self, X: np.ndarray, device: torch.device) -> np.ndarray:
        """Standardized latents (n, latent_channels, positions), float32."""
        parts = []
        for rows in blocks(len(X), BLOCK):
            mean, _ = self.vae.encode(torch.from_numpy(self.components(X[rows])).to(device))
            parts.append((mean.cpu().numpy() - self.latent_mean) / self.latent_std)
        return np.concatenate(parts)

    @torch.no_grad()
    def decode(self, z: np.ndarray, device: torch.device) -> np.ndarray:
        """Mean windows (n, n_channels, n_times) of standardized latents, of about unit RMS."""
        latents = (z * self.latent_std + self.latent_mean).astype(np.float32)
        components = self.vae.decode(torch.from_numpy(latents).to(device)).cpu().numpy()
        return self.frontend.channels(components)

    def draw_profiles(
        self, state: np.ndarray, uniform: np.ndarray, normal: np.ndarray
    ) -> np.ndarray:
        """Profiles from the population: patients in proportion to their windows of the state."""
        if not len(self.profiles):
            return self.population.draw(normal)
        upto = self.prior.shares.cumsum(axis=1)[state]
        patient = (uniform[:, None] >= upto).sum(axis=1)
        return self.profiles[np.minimum(patient, len(self.profiles) - 1)]

    def sample(
        self,
        state: np.ndarray,
        profiles: np.ndarray | None,
        seed: int,
        *,
        guidance: float,
        solver_steps: int,
        device: torch.device,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Windows (n, n_channels, n_times) in microvolts, float32, and the descriptors drawn."""
        shape = (len(state), len(self.frontend.to_channels), self.frontend.n_times)
        out = np.empty(shape, np.float32)
        described = np.empty((len(state), self.prior.means.shape[1]))
        start = np.random.default_rng([seed, len(RECURRENCE)]).random(len(RECURRENCE))

        def fill(number: int, rows: slice) -> None:
            n = rows.stop - rows.start
            filled = np.r_[np.arange(rows.start, rows.stop), np.full(BLOCK - n, rows.start)]
            chosen = None if profiles is None else profiles[filled]
            rng = np.random.default_rng([seed, number])
            even = (start + RECURRENCE * np.arange(rows.start, rows.start + BLOCK)[:, None]) % 1
            windows, drawn = self._sample_block(
                state[filled], chosen, even, rng, guidance, solver_steps, device
            )
            out[rows], described[rows] = windows[:n], drawn[:n]

        run_in_threads(fill, list(enumerate(blocks(len(state), BLOCK))), device)
        return out, described

    @torch.no_grad()
    def _sample_block(
        self,
        state: np.ndarray,
        profiles: np.ndarray | None,
        even: np.ndarray,
        rng: np.random.Generator,
        guidance: float,
        solver_steps: int,
        device: torch.device,
    ) -> tuple[np.ndarray, np.ndarray]:
        assert self.denoiser is not None  # only an interrupted training leaves none
        assert self.residual is not None
        # Everything random is drawn first and for whole blocks: row i gets the same numbers
        # whatever the other rows are.
        normal = rng.standard_normal((BLOCK, len(self.scale_profiles.mean)))
        descriptors = rng.standard_normal((BLOCK, self.prior.n_normal))
        positions = self.frontend.n_padded // self.vae.stride
        noise = rng.standard_normal((BLOCK, len(self.latent_mean), positions), dtype=np.float32)
        n_freqs = self.frontend.n_times // 2 + 1
        n_channels = len(self.frontend.to_channels)
        lost = rng.standard_normal((BLOCK, n_channels, n_freqs, 2), np.float32)

        if profiles is None:
            profiles = self.draw_profiles(state, even[:, 0], normal)
        described = self.prior.draw(
            state,
            self.scale_profiles(profiles),
            profiles,
            even[:, 1],
            descriptors,
        )
        condition = torch.from_numpy(self.condition(state, profiles, described)).to(device)
        with mixed_precision(device):
            z = dpm_solver(
                guide(self.denoiser, condition, guidance),
                torch.from_numpy(noise).to(device),
                karras_sigmas(solver_steps).to(device),
            )
        unit = self.residual.add(self.decode(z.cpu().numpy(), device), state, lost)
        unit = self._correct(unit, state, described)
        return self.frontend.windows(unit, described[:, 0]), described

    def _correct(self, unit: np.ndarray, state: np.ndarray, described: np.ndarray) -> np.ndarray:
        """Give windows the band powers drawn, and what their state has on the average.

        Each correction undoes a part of the others, so that a few rounds are needed. The course
        comes first: what it does to fast and weak frequencies is then made good.
        """
        n_times = unit.shape[2]
        unit = self.equalizer.shape(unit, state)
        wanted = self.equalizer.request(described, state)
        gain = self.equalizer.gain[state]
        for _ in range(CORRECTION_ROUNDS):
            spectrum = continued_spectrum(unit) * interpolate_gain(gain, n_times)
            unit = cut(self.equalizer.mix(spectrum, state), n_times)
            unit = self.descriptors.correct_shape(unit, wanted)
            gain = self.descriptors.correction_gain(unit, wanted)
        unit = cut(continued_spectrum(unit) * interpolate_gain(gain, n_times), n_times)
        return self.frontend.unit(self.equalizer.shift(unit, state))[0]
