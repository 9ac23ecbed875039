"""Train a generator once on a large corpus, and use it on other patients without training.

Here both are simulated, and small: a generator that has hardly begun to learn does harm, which the
scores show. A saved generator holds the patients' ids and profiles unless
it is saved with `profiles=False`.
"""

import tempfile

import numpy as np
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

sklearn.set_config(enable_metadata_routing=True)  # so that groups reach the sampler

cohort = make_eeg_cohort(n_patients=7, sfreq=64, length=2, random_state=0)
patients = np.unique(cohort.groups)
corpus = np.isin(cohort.groups, patients[:4])
X, y, groups = cohort.X[~corpus], cohort.y[~corpus], cohort.groups[~corpus]

with tempfile.TemporaryDirectory() as folder:
    generator = LatentDiffusionGenerator(
        sfreq=64, width=16, vae_steps=40, diffusion_steps=100, random_state=0
    )
    generator.fit(cohort.X[corpus], cohort.y[corpus], groups=cohort.groups[corpus])
    generator.save(f"{folder}/generator", profiles=False)
    generator = LatentDiffusionGenerator.load(f"{folder}/generator")

# FrozenEstimator: cloning for each fold must not throw away what was learned.
sampler = GenEEGSampler(
    sampling_strategy=FillGap(1.0),
    generator=FrozenEstimator(generator),
    quality=None,
    random_state=0,
)
classifier = make_pipeline(
    EEGFeatures(sfreq=64, average=True), StandardScaler(), LogisticRegression(max_iter=500)
)
for name, model in {
    "plain": classifier,
    "augmented": Pipeline([("augment", sampler), ("classify", classifier)]),
}.items():
    scores = cross_val_score(
        model,
        X,
        y,
        params={"groups": groups},
        cv=GroupKFold(3),
        scoring="f1_macro",
        error_score="raise",
    )
    print(f"{name}: macro F1 on unseen patients {scores.round(3)}")
