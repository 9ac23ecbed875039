"""
Against SMOTE and the rest
==========================

The same folds, windows and seeds for all. The training is short for the page, and there are four
patients: the differences allow no conclusion, as the warning says. ``geneeg-sk benchmark
--cohort`` is the same with proper settings.
"""

# %%
# Candidates
# ----------
# A candidate is a sampler, None for no augmentation, or a complete classifier, such as one with
# weighted classes.

import matplotlib.pyplot as plt
from imblearn.over_sampling import SMOTE, RandomOverSampler
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk import (
    EEGFeatures,
    FillGap,
    FourierSurrogateSampler,
    GenEEGSampler,
    LatentDiffusionGenerator,
    compare_samplers,
    make_eeg_cohort,
)
from geneeg_sk.inspection import BenchmarkDisplay

cohort = make_eeg_cohort(n_patients=4, sfreq=64, length=2, random_state=0)


def linear(class_weight=None):
    """Features and a linear classifier."""
    return make_pipeline(
        EEGFeatures(sfreq=64, average=True),
        StandardScaler(),
        LogisticRegression(max_iter=500, class_weight=class_weight),
    )


generator = LatentDiffusionGenerator(sfreq=64, width=16, vae_steps=40, diffusion_steps=100)
target = FillGap(1.0)
candidates = {
    "none": None,
    "class weights": linear("balanced"),
    "RandomOverSampler": RandomOverSampler(sampling_strategy=target),
    "SMOTE": SMOTE(sampling_strategy=target),
    "FourierSurrogateSampler": FourierSurrogateSampler(sampling_strategy=target),
    "GenEEGSampler": GenEEGSampler(sampling_strategy=target, generator=generator),
}

# %%
# Compare
# -------
# The others are compared with the baselines: ``vs_best`` is the difference to the best of these.

comparison = compare_samplers(
    candidates,
    linear(),
    cohort.X,
    cohort.y,
    cohort.groups,
    cv=2,
    n_repeats=1,
    baselines=[name for name in candidates if name != "GenEEGSampler"],
    random_state=0,
)
columns = ["macro_f1", "macro_f1_spread", "macro_auc", "brier", "vs_none", "vs_best"]
print(comparison.summary()[columns].round(3).to_string())

# %%
# The picture
# -----------
# What matters is the difference to no augmentation, patient by patient. A method helps if its
# interval lies to the right of zero. With four patients no interval is narrow enough to trust.

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
BenchmarkDisplay.from_comparison(comparison, ax=ax)
plt.show()
