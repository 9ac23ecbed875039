"""
A new patient
=============

Of a new patient there is background EEG, and no seizure yet. The generator describes the patient
by a profile and draws seizures that fit. The training is short for the page.
"""

# %%
# Patients with seizures, and one without
# ---------------------------------------
# Four patients are in training. Of the fifth we use twenty background windows only.

import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import welch

from geneeg_sk import LatentDiffusionGenerator, make_eeg_cohort

sfreq = 64
cohort = make_eeg_cohort(n_patients=5, sfreq=sfreq, length=2, random_state=1)
patients = np.unique(cohort.groups)
new = cohort.groups == patients[-1]
generator = LatentDiffusionGenerator(
    sfreq=sfreq, width=16, vae_steps=60, diffusion_steps=150, random_state=0
)
generator.fit(cohort.X[~new], cohort.y[~new], groups=cohort.groups[~new])

background = cohort.X[new & (cohort.y == "normal")]
seen, kept_back = background[:20], background[20:]
profile = generator.profile(seen)
print("The profile has", profile.size, "numbers, from", len(seen), "windows of background.")

# %%
# Does the profile fit?
# ---------------------
# Background drawn for the profile, beside background of this patient that was not used, and
# beside background drawn without a profile. Lines are medians over windows and channels.


def spectrum(X):
    """Frequencies, and the median power over windows and channels in dB."""
    frequencies, power = welch(X, sfreq, nperseg=64)
    return frequencies[1:-4], 10 * np.log10(np.median(power, axis=(0, 1)))[1:-4]


drawn = {
    "new patient, background kept back": kept_back,
    "generated for the profile": generator.sample(
        ["normal"] * 40, profiles=profile, random_state=0
    ),
    "generated without a profile": generator.sample(["normal"] * 40, random_state=0),
}
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for (label, X), style in zip(drawn.items(), ("k", "C0", "C0:")):
    ax.plot(*spectrum(X), style, label=label, linewidth=2)
ax.set(xlabel="frequency (Hz)", ylabel="power (dB re 1 µV²/Hz)")
ax.legend()
for label, X in drawn.items():
    print(f"{label}: {np.std(X):.0f} µV")

# %%
# Seizures for the new patient
# ----------------------------
# The same profile, another state. The patient's real seizures were not used in training. They are
# drawn here only to compare.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained", sharey=True)
real = cohort.X[new & (cohort.y == "ictal")][:4]
seizures = generator.sample(["ictal"] * 4, profiles=profile, random_state=0)
time = np.arange(real.shape[2]) / sfreq
for ax, X, title in zip(axes, (real, seizures), ("real, never shown", "generated")):
    ax.plot(time, X[:, 0].T + 400 * np.arange(len(X)), linewidth=0.8)
    ax.set(title=f"Seizures of the new patient: {title}", xlabel="time (s)")
axes[0].set_ylabel(f"{cohort.info.ch_names[0]}, four windows (µV)")
plt.show()
