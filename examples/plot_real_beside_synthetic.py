"""
Real beside synthetic seizures
==============================

How to look at generated windows, and how to measure them. Pictures look convincing too easily, so
the last step is a test with a reference. The training is short for the page, so it is no surprise
that the test tells these seizures from real ones.
"""

# %%
# Two sessions of the same patients
# ---------------------------------
# The generator is trained on one session. Synthetic windows are compared with another session,
# and never with the training windows: those would reward copies.

import matplotlib.pyplot as plt
import numpy as np

from geneeg_sk import LatentDiffusionGenerator, make_eeg_cohort
from geneeg_sk.inspection import EmbeddingDisplay, SpectraDisplay, TracesDisplay
from geneeg_sk.metrics import c2st

settings = {
    "n_patients": 10,
    "n_windows": {"normal": 20, "preictal": 4, "ictal": 20},
    "channels": ["Fz", "C3", "C4", "Pz"],
    "sfreq": 64,
    "length": 2,
    "random_state": 0,
}
training = make_eeg_cohort(**settings)
fresh = make_eeg_cohort(**settings, session=1)
third = make_eeg_cohort(**settings, session=2)
generator = LatentDiffusionGenerator(
    sfreq=64, width=16, vae_steps=80, diffusion_steps=200, random_state=0
)
generator.fit(training.X, training.y, groups=training.groups)

ictal = fresh.y == "ictal"
patients = fresh.groups[ictal]
real = fresh.X[ictal]
synthetic = generator.sample(["ictal"] * len(patients), groups=patients, random_state=0)

# %%
# Traces
# ------

figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
TracesDisplay.from_windows(real, synthetic, sfreq=64, ch_names=settings["channels"], ax=ax)

# %%
# Spectra
# -------

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
SpectraDisplay.from_windows(real, synthetic, sfreq=64, ax=ax)

# %%
# Features, in two dimensions
# ---------------------------

figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
EmbeddingDisplay.from_windows(real, synthetic, sfreq=64, ax=ax)

# %%
# A test, and its reference
# -------------------------
# ``c2st`` trains a classifier to tell the two apart, and returns its area under the curve: 0.5
# means that it cannot. Real windows of a third session take the place of the synthetic ones for
# the reference. An area above the reference, with an interval that does not reach it, means: told.

others = third.X[third.y == "ictal"]
options = {
    "sfreq": 64,
    "on": "windows",
    "groups": patients,
    "synthetic_groups": patients,
    "random_state": 0,
}
areas = {
    "synthetic": c2st(real, synthetic, **options),
    "other real": c2st(real, others, **options),
}
figure, ax = plt.subplots(figsize=(7, 2.2), layout="constrained")
for row, (name, area) in enumerate(areas.items()):
    low, high = area.interval
    print(f"{name}: AUC {float(area):.2f}, 95 % interval {low:.2f} to {high:.2f}")
    ax.plot([low, high], [row, row], "C0", linewidth=3)
    ax.plot(float(area), row, "C0o")
ax.axvline(0.5, color="0.5", linestyle=":")
ax.set(yticks=np.arange(2), yticklabels=list(areas), xlabel="AUC: real told from …", xlim=(0, 1.02))
ax.set_ylim(-0.5, 1.5)
plt.show()
