"""The generator against SMOTE and the rest: the same folds, windows and seeds for all.

Settings are small, to end within a minute: with four patients and a generator that has hardly
begun to learn, the differences are anecdotes, as the warning says. `geneeg-sk benchmark --cohort`
is the same with proper settings.
"""

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

cohort = make_eeg_cohort(n_patients=4, sfreq=64, length=2, random_state=0)
classifier = make_pipeline(
    EEGFeatures(sfreq=64, average=True), StandardScaler(), LogisticRegression(max_iter=500)
)
weighted = make_pipeline(
    EEGFeatures(sfreq=64, average=True),
    StandardScaler(),
    LogisticRegression(max_iter=500, class_weight="balanced"),
)
generator = LatentDiffusionGenerator(sfreq=64, width=16, vae_steps=40, diffusion_steps=100)
target = FillGap(1.0)
comparison = compare_samplers(
    {
        "none": None,
        "class weights": weighted,
        "RandomOverSampler": RandomOverSampler(sampling_strategy=target),
        "SMOTE": SMOTE(sampling_strategy=target),
        "FourierSurrogateSampler": FourierSurrogateSampler(sampling_strategy=target),
        "GenEEGSampler": GenEEGSampler(sampling_strategy=target, generator=generator, quality=None),
    },
    classifier,
    cohort.X,
    cohort.y,
    cohort.groups,
    cv=2,
    n_repeats=1,
    random_state=0,
    verbose=1,
)
columns = ["macro_f1", "macro_f1_spread", "macro_auc", "brier", "vs_none", "vs_best"]
print(comparison.summary()[columns].round(3).to_string())
