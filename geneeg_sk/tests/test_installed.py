"""What is installed works: each part once, in seconds, without real EEG, files or network."""

from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline
from matplotlib.figure import Figure
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.utils import Bunch
from typer.testing import CliRunner

import geneeg_sk
from geneeg_sk import (
    CNNBiLSTMClassifier,
    GenEEGSampler,
    LatentDiffusionGenerator,
    compare_samplers,
    make_eeg_cohort,
)
from geneeg_sk.datasets import make_windows, read_windows, write_windows
from geneeg_sk.inspection import TracesDisplay
from geneeg_sk.metrics import event_scores

GENERATOR = LatentDiffusionGenerator(
    latent_channels=2, width=8, vae_steps=3, diffusion_steps=3, batch_size=8, random_state=0
)
SAMPLER = GenEEGSampler(generator=GENERATOR, quality=None, random_state=0)
CLASSIFIER = CNNBiLSTMClassifier(
    n_filters=4, n_hidden=8, kernel_size=16, max_epochs=1, random_state=0
)
SUBPACKAGES = (
    "datasets",
    "preprocessing",
    "features",
    "generation",
    "over_sampling",
    "classification",
    "model_selection",
    "metrics",
    "inspection",
)


@pytest.fixture(scope="module")
def cohort() -> Bunch:
    return make_eeg_cohort(
        n_patients=4,
        n_windows={"normal": 12, "preictal": 5, "ictal": 4},
        channels=["Fz", "C3", "C4", "Pz"],
        sfreq=64.0,
        length=2.0,
        random_state=0,
    )


@pytest.mark.parametrize("name", SUBPACKAGES)
def test_everything_public_can_be_imported(name: str) -> None:
    subpackage = getattr(geneeg_sk, name)
    assert all(getattr(subpackage, public) for public in subpackage.__all__)


def test_the_marker_of_types_is_installed() -> None:
    assert files(geneeg_sk).joinpath("py.typed").is_file()


def test_fit_resample_adds_windows_behind_the_originals(cohort: Bunch) -> None:
    X, y = clone(SAMPLER).fit_resample(cohort.X, cohort.y, groups=cohort.groups)
    np.testing.assert_array_equal(X[: len(cohort.X)], cohort.X)
    assert X.dtype == cohort.X.dtype
    assert np.isfinite(X).all()
    assert len(set(np.unique(y, return_counts=True)[1])) == 1


def test_patients_reach_the_sampler_in_a_pipeline(cohort: Bunch) -> None:
    pipeline = make_pipeline(clone(SAMPLER).set_params(patient_mix="balanced"), CLASSIFIER)
    with config_context(enable_metadata_routing=True):
        scores = cross_validate(
            pipeline,
            cohort.X,
            cohort.y,
            params={"groups": cohort.groups},
            cv=GroupKFold(2),
            scoring="f1_macro",
            error_score="raise",
        )
    assert np.isfinite(scores["test_score"]).all()


def test_candidates_are_compared_over_patients(cohort: Bunch) -> None:
    comparison = compare_samplers(
        {"none": None, "geneeg": SAMPLER},
        CLASSIFIER,
        cohort.X,
        cohort.y,
        cohort.groups,
        cv=GroupKFold(2),
        n_repeats=1,
        random_state=0,
    )
    assert comparison.results["macro_f1"].notna().all()


def test_a_saved_generator_draws_the_same_windows(cohort: Bunch, tmp_path: Path) -> None:
    generator = clone(GENERATOR).fit(cohort.X, cohort.y, groups=cohort.groups)
    generator.save(tmp_path / "generator")
    loaded = LatentDiffusionGenerator.load(tmp_path / "generator")
    expected, got = (g.sample(["ictal"] * 2, random_state=0) for g in (generator, loaded))
    np.testing.assert_array_equal(got, expected)


def test_windows_of_a_recording_come_back_from_disk(tmp_path: Path) -> None:
    recording = make_eeg_cohort(n_patients=1, sfreq=64, continuous=True, random_state=0).raws[0]
    windows = make_windows(recording, preictal=28, postictal=10, min_distance=30)
    write_windows(tmp_path / "windows", windows)
    again = read_windows(tmp_path / "windows")
    np.testing.assert_array_equal(again.X, windows.X)
    np.testing.assert_array_equal(again.y, windows.y)


def test_windows_are_drawn(cohort: Bunch) -> None:
    ictal = cohort.X[cohort.y == "ictal"]
    display = TracesDisplay.from_windows(
        ictal, ictal, sfreq=64, ch_names=cohort.info.ch_names, n_windows=1, ax=Figure().subplots()
    )
    assert all(ax.lines for ax in np.ravel(display.ax_))


def test_events_are_scored() -> None:
    one = {"patient": "P01", "recording": "P01-1"}
    seizures = pd.DataFrame([{**one, "onset": 100.0, "duration": 30.0}])
    scores = event_scores(seizures, seizures, pd.DataFrame([{**one, "duration": 600.0}]))
    assert scores.loc[("overall", "pooled"), "sensitivity"] == 1


@pytest.mark.parametrize("command", [(), ("fit",), ("sample",), ("benchmark",)])
def test_the_command_line_helps(command: tuple[str, ...]) -> None:
    (script,) = entry_points(group="console_scripts", name="geneeg-sk")
    result = CliRunner().invoke(script.load(), [*command, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage" in result.output
