"""The generator without its networks: what do they add?

Descriptors of a window (its amplitude, band powers and entropy of each channel) are drawn as the
generator draws them, for the profile of a patient. The waveforms come from a real window of the
state that is much like that, with its phases made random; gains give it the powers and the entropy
that were drawn. No network is trained.
"""

import numpy as np
import torch
from sklearn.base import BaseEstimator

from geneeg_sk._checks import background_state
from geneeg_sk.generation._data import TrainingSet
from geneeg_sk.generation._filtering import continued_spectrum, cut, interpolate_gain
from geneeg_sk.generation._fit import Settings, untrained
from geneeg_sk.generation._matching import power_gain
from geneeg_sk.generation._profiles import profile_of
from geneeg_sk.over_sampling._surrogate import randomize_phases

N_NEAREST = 16  # windows, of which one is drawn
# Of networks that are never used.
UNUSED = Settings(4, 8, 0, 0, 1, torch.device("cpu"), 0)


class DescribedSurrogates(BaseEstimator):
    """Phase-randomized windows with the descriptors that `LatentDiffusionGenerator` draws."""

    def fit(self, X, y, *, groups):
        """Learn descriptors, profiles and their distributions."""
        self.classes_, state = np.unique(y, return_inverse=True)
        patients, patient = np.unique(groups, return_inverse=True)
        is_background = y == background_state(y)
        data = TrainingSet(X, state, patient, is_background, len(self.classes_), len(patients))
        self.model_ = untrained(data, UNUSED)
        self.state_, self.n_channels_, self.n_times_ = state, *X.shape[1:]
        self.unit_ = self.model_.normalizer.unit(X)[0]
        self.described_ = self._scaled(self.model_.describe(X))
        return self

    def profile(self, X):
        """The profile of a patient, from background windows."""
        return profile_of(self.model_.describe(X))

    def virtual_profiles(self, n, *, random_state=None):
        """Profiles of patients who do not exist."""
        rng = np.random.default_rng(random_state)
        known = self.model_.profiles
        return known.draw_virtual(rng.standard_normal((n, known.n_profile)))

    def sample(self, y, *, profiles, groups=None, random_state=None):
        """One window for each state in `y`, of patients with these profiles."""
        rng = np.random.default_rng(random_state)
        state = np.searchsorted(self.classes_, y)
        prior, normalizer = self.model_.prior, self.model_.normalizer
        normal = rng.standard_normal((len(state), prior.n_normal))
        standard = self.model_.profiles.scale(profiles)
        wanted = prior.draw(state, standard, profiles, rng.random(len(state)), normal)
        sources = [self._near(s, one, rng) for s, one in zip(state, self._scaled(wanted))]
        unit = normalizer.unit(randomize_phases(self.unit_[sources], rng))[0]
        gain = power_gain(self.model_.descriptors, unit, wanted)
        spectrum = continued_spectrum(unit) * interpolate_gain(gain, self.n_times_)
        unit = normalizer.unit(cut(spectrum, self.n_times_))[0]
        return normalizer.windows(unit, wanted[:, 0])

    def _scaled(self, described):
        """Descriptors in standard deviations, without the amplitude."""
        return self.model_.scale_descriptors(described)[:, 1:]

    def _near(self, state, wanted, rng):
        own = np.flatnonzero(self.state_ == state)
        distance = ((self.described_[own] - wanted) ** 2).sum(axis=1)
        return own[rng.choice(np.argsort(distance)[:N_NEAREST])]
