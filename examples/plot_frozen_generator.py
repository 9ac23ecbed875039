"""
A frozen generator
==================

Train a generator once on a large corpus, save it, and use it on other patients without training.
Here both are simulated, and the training is short for the page: a generator that has hardly begun
to learn can do harm.
"""

# %%
# Train and save
# --------------
# Four patients are the corpus. With ``profiles=False`` ids and profiles of the patients stay out
# of the folder.

import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sklearn
from imblearn.pipeline import Pipeline
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk import (
    EEGFeatures,
    FillGap,
    GenEEGSampler,
    LatentDiffusionGenerator,
    make_eeg_cohort,
)
from geneeg_sk.inspection import HistoryDisplay

sklearn.set_config(enable_metadata_routing=True)  # so that groups reach the sampler

cohort = make_eeg_cohort(n_patients=7, sfreq=64, length=2, random_state=0)
patients = np.unique(cohort.groups)
corpus = np.isin(cohort.groups, patients[:4])

generator = LatentDiffusionGenerator(
    sfreq=64, width=16, vae_steps=40, diffusion_steps=100, random_state=0
)
generator.fit(cohort.X[corpus], cohort.y[corpus], groups=cohort.groups[corpus])
with tempfile.TemporaryDirectory() as folder:
    generator.save(f"{folder}/generator", profiles=False)
    loaded = LatentDiffusionGenerator.load(f"{folder}/generator")

# %%
# The losses of both stages. With so few steps the autoencoder has hardly begun.

figure, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
HistoryDisplay.from_estimator(generator, ax=ax)

# %%
# Use it on other patients
# ------------------------
# Cross-validation clones its steps, and a clone is no longer fitted. ``FrozenEstimator`` keeps
# the fitted generator.

X, y, groups = cohort.X[~corpus], cohort.y[~corpus], cohort.groups[~corpus]
sampler = GenEEGSampler(
    sampling_strategy=FillGap(1.0),
    generator=FrozenEstimator(loaded),
    random_state=0,
)
classifier = make_pipeline(
    EEGFeatures(sfreq=64, average=True), StandardScaler(), LogisticRegression(max_iter=500)
)
models = {
    "plain": classifier,
    "augmented": Pipeline([("augment", sampler), ("classify", classifier)]),
}
scores = {
    name: cross_val_score(
        model,
        X,
        y,
        params={"groups": groups},
        cv=GroupKFold(3),
        scoring="f1_macro",
        error_score="raise",
    )
    for name, model in models.items()
}
for name, values in scores.items():
    print(f"{name}: macro F1 on unseen patients {values.round(3)}")

# %%
# One line is one patient, whom neither training has seen.

figure, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
pd.DataFrame(scores).T.plot(ax=ax, marker="o", legend=False)
ax.set(xlim=(-0.3, 1.3), xticks=[0, 1], xticklabels=list(scores), ylabel="macro F1", ylim=(0, 1))
plt.show()
