"""
A generator from another package
================================

Any generative model can make the windows of ``GenEEGSampler``. It needs two methods, ``fit`` and
``sample``, as in :class:`~geneeg_sk.generation.WindowGenerator`. Of the packages that we looked at,
eeggan 2.0 and synthcity 0.2 need an older PyTorch than this one, ydata-synthetic 2.0 needs
TensorFlow, and tsgm 0.1 brings more than twenty further packages, so a small generator in the code
below stands for them.
"""

# %%
# Two methods
# -----------
# A variational autoencoder in the manner of TimeVAE [1]_: convolutions turn a window into a few
# latent numbers, and transposed convolutions turn these back. The state is an input of both.
#
# .. [1] Desai et al. (2021). TimeVAE: a variational auto-encoder for multivariate time series
#        generation.

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import sklearn
import torch
from imblearn.pipeline import Pipeline
from scipy.signal import welch
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from torch import nn
from torch.nn import functional as F

from geneeg_sk import EEGFeatures, FillGap, GenEEGSampler, make_eeg_cohort
from geneeg_sk.generation import WindowGenerator


class TimeVAE(BaseEstimator):
    """A conditional variational autoencoder of windows; their length is a multiple of 8."""

    def __init__(self, *, n_latents=16, width=32, steps=400, random_state=None):
        self.n_latents, self.width, self.steps = n_latents, width, steps
        self.random_state = random_state

    def fit(self, X, y, *, groups=None):
        """Learn windows of each state; patients are not told apart."""
        self.classes_, state = np.unique(y, return_inverse=True)
        self.scale_ = X.std(axis=(0, 2))[:, None]
        windows = torch.as_tensor(X / self.scale_, dtype=torch.float32)
        states = F.one_hot(torch.as_tensor(state)).float()
        rng = check_random_state(self.random_state)
        with torch.random.fork_rng():  # leaves the global generator as it is
            torch.manual_seed(rng.randint(2**31 - 1))
            self._build(X.shape[1], X.shape[2])
            self._train(windows, states)
        return self

    def sample(self, y, *, groups=None, random_state=None):
        """Decode latents that are drawn from the standard normal distribution."""
        rng = check_random_state(self.random_state if random_state is None else random_state)
        z = torch.as_tensor(rng.standard_normal((len(y), self.n_latents)), dtype=torch.float32)
        state = torch.as_tensor(np.searchsorted(self.classes_, y))
        with torch.no_grad():
            windows = self.decoder_(torch.cat([z, F.one_hot(state, len(self.classes_))], dim=1))
        return windows.numpy() * self.scale_

    def _build(self, n_channels, n_times):
        width, n_states = self.width, len(self.classes_)
        sizes = [n_channels, width, width, width]
        down = [nn.Conv1d(a, b, 4, 2, 1) for a, b in pairwise(sizes)]
        up = [nn.ConvTranspose1d(b, a, 4, 2, 1) for a, b in pairwise(sizes)][::-1]
        flat = width * n_times // 8
        self.encoder_ = nn.Sequential(*[m for d in down for m in (d, nn.ReLU())], nn.Flatten())
        self.latent_ = nn.Linear(flat + n_states, 2 * self.n_latents)
        self.decoder_ = nn.Sequential(
            nn.Linear(self.n_latents + n_states, flat),
            nn.Unflatten(1, (width, n_times // 8)),
            *[m for u in up for m in (nn.ReLU(), u)],
        )

    def _train(self, windows, states):
        networks = nn.ModuleList([self.encoder_, self.latent_, self.decoder_])
        optimizer = torch.optim.Adam(networks.parameters(), lr=2e-3)
        for _ in range(self.steps):
            rows = torch.randint(len(windows), (64,))
            x, s = windows[rows], states[rows]
            mean, log_var = self.latent_(torch.cat([self.encoder_(x), s], dim=1)).chunk(2, dim=1)
            z = mean + torch.randn_like(mean) * (log_var / 2).exp()
            error = (self.decoder_(torch.cat([z, s], dim=1)) - x).square().sum(dim=(1, 2)) / 2
            divergence = (mean.square() + log_var.exp() - 1 - log_var).sum(dim=1) / 2
            optimizer.zero_grad()
            (error + divergence).mean().backward()
            optimizer.step()


print("It is a WindowGenerator:", isinstance(TimeVAE(), WindowGenerator))

# %%
# In a pipeline
# -------------
# In every training fold the sampler clones the generator, gives it a seed, fits it, and fills the
# gap with its windows. This generator has no profiles of patients, so ``patient_mix="auto"`` leaves
# the patients to it.

sklearn.set_config(enable_metadata_routing=True)  # so that groups reach the sampler

cohort = make_eeg_cohort(n_patients=4, sfreq=64, length=2, random_state=0)
sampler = GenEEGSampler(sampling_strategy=FillGap(1.0), generator=TimeVAE(), random_state=0)
classifier = make_pipeline(
    EEGFeatures(sfreq=64, average=True), StandardScaler(), LogisticRegression(max_iter=500)
)
models = {
    "plain": classifier,
    "augmented": Pipeline([("augment", sampler), ("classify", classifier)]),
}
for name, model in models.items():
    scores = cross_val_score(
        model,
        cohort.X,
        cohort.y,
        params={"groups": cohort.groups},
        cv=GroupKFold(2),
        scoring="f1_macro",
        error_score="raise",
    )
    print(f"{name}: macro F1 on unseen patients {scores.round(3)}")

# %%
# Look at what it makes
# ---------------------
# The sampler refuses windows that cannot be EEG, and keeps windows that are merely unlike it. These
# have far too little power above 8 Hz: the squared error makes an autoencoder smooth away what it
# cannot predict. Here the classifier gets worse with them. Look at what a new generator makes, and
# compare scores, before you use it: :func:`~geneeg_sk.model_selection.compare_samplers` takes it
# like any other.

X, y = sampler.fit_resample(cohort.X, cohort.y, groups=cohort.groups)
print(sampler.rejection_rate_)
real, synthetic = (X[(y == "ictal") & (sampler.is_synthetic_ == made)] for made in (False, True))

figure, (traces, spectra) = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
for windows, color, label in ((real, "k", "real"), (synthetic, "C0", "TimeVAE")):
    traces.plot(np.arange(X.shape[2]) / 64, windows[0, 0], color, label=label)
    frequencies, power = welch(windows, 64, nperseg=64)
    spectra.semilogy(frequencies[1:-2], np.median(power, axis=(0, 1))[1:-2], color, label=label)
traces.set(xlabel="time (s)", ylabel="first channel (µV)", title="one seizure window")
spectra.set(xlabel="frequency (Hz)", ylabel="power (µV²/Hz)", title="all seizure windows")
spectra.legend()
plt.show()
