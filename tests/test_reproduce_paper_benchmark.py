"""The script that reproduces the paper's tables runs on what the command line's benchmark has."""

import sys

import pytest

from benchmarks import reproduce_paper
from geneeg_sk.classification import CNNBiLSTMClassifier
from geneeg_sk.cli._candidates import BenchmarkBudget
from geneeg_sk.generation import LatentDiffusionGenerator


@pytest.fixture
def arguments(monkeypatch, tmp_path):
    options = ["--siena", "nowhere", "--seeds", "1", "--epochs", "1", "--diffusion-steps", "2"]
    monkeypatch.setattr(sys, "argv", ["reproduce_paper", *options, "--out", str(tmp_path)])
    return reproduce_paper.arguments_of()


def test_the_comparison_is_of_the_paper_s_methods_with_the_budget_that_was_asked_for(
    cohort, arguments
):
    run, budget = reproduce_paper.comparison_of(cohort, arguments)
    assert tuple(run.candidates) == reproduce_paper.METHODS
    assert budget == BenchmarkBudget(epochs=1, diffusion_steps=2)
    assert run.candidates["GenEEGSampler"].generator.diffusion_steps == 2
    run.candidates = {name: run.candidates[name] for name in ("none", "RandomOverSampler")}
    lines = {line["method"]: line for line in reproduce_paper.table(run.run(verbose=0))}
    assert set(lines) == {"none", "RandomOverSampler"}
    for line in lines.values():
        score = line["macro_f1"]
        assert score["groups"] == len(set(cohort.groups))
        assert 0 <= score["low"] <= score["mean"] <= score["high"] <= 1


def test_a_benchmark_trains_as_long_as_the_estimators_do_by_themselves():
    budget, generator = BenchmarkBudget(), LatentDiffusionGenerator()
    assert budget.epochs == CNNBiLSTMClassifier().max_epochs
    steps = budget.vae_steps, budget.diffusion_steps
    assert steps == (generator.vae_steps, generator.diffusion_steps)
