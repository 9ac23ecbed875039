"""All candidates of the benchmark beside each other, and frozen generators wherever they hide."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny import TINY

from geneeg_sk.classification import AugmentedClassifier, CNNBiLSTMClassifier
from geneeg_sk.cli._candidates import (
    RECIPE,
    SIMPLE,
    BenchmarkBudget,
    benchmark_candidates,
    smallest_state,
)
from geneeg_sk.features import EEGFeatures
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.model_selection import compare_samplers
from geneeg_sk.over_sampling import GenEEGSampler, WindowedSampler

MODEL = make_pipeline(
    EEGFeatures(sfreq=64.0, average=True), StandardScaler(), LogisticRegression(max_iter=200)
)


def test_every_candidate_of_the_benchmark_runs_on_the_same_folds_with_the_same_target(
    cohort, capfd
):
    net = CNNBiLSTMClassifier(n_filters=4, n_hidden=8, max_epochs=1)
    folds = list(LeaveOneGroupOut().split(cohort.X, cohort.y, cohort.groups))
    budget = BenchmarkBudget(epochs=1, vae_steps=2, diffusion_steps=2)
    candidates = benchmark_candidates(
        net, sfreq=64.0, smallest=smallest_state(cohort.y, folds), budget=budget
    )
    tiny = clone(TINY).set_params(random_state=None)
    candidates["GenEEGSampler"].set_params(generator=tiny, quality=None)
    candidates[RECIPE][-1].sampler.set_params(generator=clone(tiny), quality=None)
    frame = compare_samplers(
        candidates,
        net,
        *(cohort.X, cohort.y, cohort.groups),
        cv=LeaveOneGroupOut(),
        n_repeats=1,
        random_state=0,
        verbose=1,
    ).results
    assert frame["error"].eq("").all(), frame["error"].tolist()
    assert set(frame["candidate"]) == set(candidates)
    assert len(candidates) == 9
    for _, fold in frame.groupby(["fold", "seed"]):
        assert len(fold) == 9
        assert fold["test_groups"].map(tuple).nunique() == 1
        assert fold["n_train"].nunique() == 1
    n_synthetic = frame.pivot(index="fold", columns="candidate", values="n_synthetic")
    without = ["none", "class weights", SIMPLE]
    assert n_synthetic[without].eq(0).all(axis=None)
    exact = n_synthetic.drop(columns=[*without, "ADASYN"])
    assert exact.gt(0).all(axis=None)
    assert exact.nunique(axis=1).eq(1).all()
    # ADASYN rounds the share of each neighborhood, and so comes near the target only
    assert np.allclose(n_synthetic["ADASYN"], exact["SMOTE"], rtol=0.3)
    progress = capfd.readouterr().err
    assert f"{len(frame)}/{len(frame)}" in progress
    assert " left" in progress


def frozen(cohort, folder):
    known = cohort.groups == cohort.groups[0]
    clone(TINY).fit(cohort.X[known], cohort.y[known], groups=cohort.groups[known]).save(folder)
    return FrozenEstimator(LatentDiffusionGenerator.load(folder))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda sampler: sampler,
        lambda sampler: WindowedSampler(sampler=sampler),
        lambda sampler: AugmentedClassifier(clone(MODEL), sampler, gate=None),
    ],
    ids=["sampler", "windowed", "augmented"],
)
def test_patients_of_a_loaded_frozen_generator_are_named_wherever_it_is(cohort, tmp_path, wrap):
    sampler = GenEEGSampler(generator=frozen(cohort, tmp_path / "corpus"), quality=None)
    with pytest.warns(UserWarning, match=rf"'ours'.*\['{cohort.groups[0]}'\].*test folds"):
        result = compare_samplers(
            {"ours": wrap(sampler)},
            MODEL,
            *(cohort.X, cohort.y, cohort.groups),
            cv=2,
            n_repeats=1,
            random_state=0,
        )
    assert result.results["error"].eq("").all()
    assert result.results["n_synthetic"].gt(0).all()
