"""
How much to augment
===================

A grid over ratios, inside the training patients of each fold. The ratio is chosen on inner folds
over patients. It is judged on patients whom neither the generator nor the choice has seen. The
training is short for the page: differences between ratios mean nothing here.
"""

# %%
# A grid over ratios
# ------------------
# ``FillGap(fraction)`` fills a fraction of the gap to the majority, and never raises an error on
# a fold that is already balanced. With ``memory`` one generator is trained for each inner fold,
# and not one for each ratio. Features and a linear classifier take the place of the network,
# because the grid is the point here.

import tempfile

import matplotlib.pyplot as plt
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
from geneeg_sk.inspection import RatioDisplay

sklearn.set_config(enable_metadata_routing=True)  # so that groups reach sampler and inner folds

cohort = make_eeg_cohort(n_patients=4, sfreq=64, length=2, random_state=0)
classifier = make_pipeline(
    EEGFeatures(sfreq=64, average=True), StandardScaler(), LogisticRegression(max_iter=500)
)
generator = LatentDiffusionGenerator(sfreq=64, width=16, vae_steps=40, diffusion_steps=60)

# %%
# Chosen inside, judged outside
# -----------------------------
# The search itself is cross-validated. Its best inner score is too good to be an estimate.

with tempfile.TemporaryDirectory() as cache:
    sampler = GenEEGSampler(generator=generator, memory=cache, random_state=0)
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
    chosen = fitted.best_params_["augment__sampling_strategy"]
    print(f"chosen {chosen}: inner {fitted.best_score_:.3f}, unseen patients {score:.3f}")

# %%
# The picture
# -----------
# One line is one inner fold of the first search. Where lines cross, the choice is a matter of
# luck.

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
RatioDisplay.from_estimator(scores["estimator"][0], ax=ax)
plt.show()
