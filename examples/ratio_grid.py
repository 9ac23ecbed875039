"""How much to augment? A grid over ratios, inside the training patients of each fold.

The ratio is chosen on inner folds over patients, and judged on patients whom neither the generator
nor the choice has seen. `memory` trains one generator for each inner fold, not one for each ratio.
Settings are small, to end within a minute; differences between ratios mean nothing here.
"""

import tempfile

import sklearn
from imblearn.pipeline import Pipeline
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk import (
    EEGFeatures,
    FillGap,
    GenEEGSampler,
    LatentDiffusionGenerator,
    make_eeg_cohort,
)

sklearn.set_config(enable_metadata_routing=True)  # so that groups reach sampler and inner folds

cohort = make_eeg_cohort(n_patients=4, sfreq=64, length=2, random_state=0)
# Features and a linear classifier in place of the network: the grid is the point here.
classifier = make_pipeline(
    EEGFeatures(sfreq=64, average=True), StandardScaler(), LogisticRegression(max_iter=500)
)
with tempfile.TemporaryDirectory() as cache:
    sampler = GenEEGSampler(
        generator=LatentDiffusionGenerator(sfreq=64, width=16, vae_steps=40, diffusion_steps=60),
        quality=None,
        memory=cache,
        random_state=0,
    )
    search = GridSearchCV(
        Pipeline([("augment", sampler), ("classify", classifier)]),
        {"augment__sampling_strategy": [FillGap(0), FillGap(0.5), FillGap(1)]},
        cv=GroupKFold(2),
        scoring="f1_macro",
        error_score="raise",
    )
    scores = cross_validate(
        search,
        cohort.X,
        cohort.y,
        params={"groups": cohort.groups},
        cv=GroupKFold(2),
        scoring="f1_macro",
        return_estimator=True,
        error_score="raise",
    )
for score, fitted in zip(scores["test_score"], scores["estimator"]):
    ratios = fitted.cv_results_["param_augment__sampling_strategy"]
    inner = fitted.cv_results_["mean_test_score"]
    print("inner macro F1:", {str(r): round(float(f1), 3) for r, f1 in zip(ratios, inner)})
    print(f"  chosen {fitted.best_params_['augment__sampling_strategy']}, unseen: {score:.3f}")
