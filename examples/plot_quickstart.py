"""
Quickstart
==========

Augmentation inside cross-validation over patients, from raw windows to scores. The training is
short for the page: the scores below say nothing about the method.
"""

# %%
# A cohort
# --------
# Four simulated patients. ``X`` has shape ``(n_windows, n_channels, n_times)`` and is in
# microvolts, ``y`` is the clinical state of each window, ``groups`` its patient. Seizures are
# rare.

import matplotlib.pyplot as plt
import pandas as pd
import sklearn
from imblearn.pipeline import Pipeline
from sklearn.model_selection import GroupKFold, cross_validate

from geneeg_sk import (
    CNNBiLSTMClassifier,
    FillGap,
    GenEEGSampler,
    LatentDiffusionGenerator,
    make_eeg_cohort,
)
from geneeg_sk.inspection import TracesDisplay

sklearn.set_config(enable_metadata_routing=True)  # so that groups reach the sampler

cohort = make_eeg_cohort(n_patients=4, sfreq=64, length=2, random_state=0)
print(cohort.X.shape, pd.Series(cohort.y).value_counts().to_dict())

# %%
# A pipeline
# ----------
# The sampler stands before the classifier. It trains a generator on the training windows of each
# fold, and adds half of what the rare states lack. ``vae_steps``, ``diffusion_steps`` and
# ``max_epochs`` are small here; leave them out for results.

generator = LatentDiffusionGenerator(sfreq=64, width=16, vae_steps=40, diffusion_steps=100)
sampler = GenEEGSampler(sampling_strategy=FillGap(0.5), generator=generator, random_state=0)
classifier = CNNBiLSTMClassifier(kernel_size=16, max_epochs=6, random_state=0)
pipeline = Pipeline([("augment", sampler), ("classify", classifier)])

# %%
# Scores on unseen patients
# -------------------------
# ``GroupKFold`` keeps patients apart: no patient is both in training and in the test.

scores = cross_validate(
    pipeline,
    cohort.X,
    cohort.y,
    params={"groups": cohort.groups},
    cv=GroupKFold(2),
    scoring=["f1_macro", "roc_auc_ovr"],
    return_estimator=True,
    error_score="raise",
)
print("macro F1 on unseen patients:", scores["test_f1_macro"].round(3))
print("macro AUC on unseen patients:", scores["test_roc_auc_ovr"].round(3))

# %%
# What was added
# --------------
# The fitted sampler knows how many windows it made, and for whom.

fitted = scores["estimator"][0]["augment"]
total = len(fitted.is_synthetic_)
print(fitted.n_synthetic_, "of", total, "windows in the first fold")

figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
counts = fitted.provenance_.groupby(["profile", "state"]).size().unstack(fill_value=0)
counts.plot.barh(stacked=True, ax=ax)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
ax.set(xlabel="synthetic windows", ylabel="profile of patient")

# %%
# Look at them
# ------------
# Synthetic seizures beside real ones. With such a short training they are far from real.

ictal = cohort.X[cohort.y == "ictal"]
synthetic = fitted.generator_.sample(["ictal"] * 4, random_state=0)
figure, ax = plt.subplots(figsize=(9, 6), layout="constrained")
TracesDisplay.from_windows(
    ictal, synthetic, sfreq=64, ch_names=cohort.info.ch_names, n_windows=1, ax=ax
)
plt.show()
