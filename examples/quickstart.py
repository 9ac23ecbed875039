"""Augmentation inside cross-validation over patients: the ten lines of a paper.

Settings are small, so that this ends within a minute on one core: a cohort of four patients at a
low sampling frequency, and networks that have hardly begun to learn. For results, leave out
`vae_steps`, `diffusion_steps` and `max_epochs`; their defaults are meant for that.
"""

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

sklearn.set_config(enable_metadata_routing=True)  # so that groups reach the sampler

cohort = make_eeg_cohort(n_patients=4, sfreq=64, length=2, random_state=0)
generator = LatentDiffusionGenerator(sfreq=64, width=16, vae_steps=40, diffusion_steps=100)
pipeline = Pipeline(
    [
        (
            "augment",
            GenEEGSampler(
                sampling_strategy=FillGap(0.5), generator=generator, quality=None, random_state=0
            ),
        ),
        ("classify", CNNBiLSTMClassifier(kernel_size=16, max_epochs=6, random_state=0)),
    ]
)
scores = cross_validate(
    pipeline,
    cohort.X,
    cohort.y,
    params={"groups": cohort.groups},
    cv=GroupKFold(2),
    scoring=["f1_macro", "roc_auc_ovr"],
    error_score="raise",
)
print("macro F1 on unseen patients:", scores["test_f1_macro"].round(3))
print("macro AUC on unseen patients:", scores["test_roc_auc_ovr"].round(3))
