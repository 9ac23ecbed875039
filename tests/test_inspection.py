"""Pictures and the report: what they show, what they say, and that they stand alone."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text
from report_parts import a_comparison, some_windows
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from geneeg_sk.datasets import to_epochs
from geneeg_sk.inspection import (
    BenchmarkDisplay,
    EmbeddingDisplay,
    FeaturesDisplay,
    HistoryDisplay,
    RatioDisplay,
    SpectraDisplay,
    TopomapDisplay,
    TracesDisplay,
)
from geneeg_sk.model_selection._score_table import format_interval
from geneeg_sk.over_sampling import FillGap

SFREQ = 64.0


@pytest.fixture
def comparison():
    return a_comparison({"none": 0, "SMOTE": -0.05, "Ours": 0.1})


@pytest.fixture
def history():
    vae = pd.DataFrame({"stage": "vae", "step": [10, 20], "time": [1.0, 0.5], "kl": [0.1, 0.2]})
    vae["loss"] = vae["time"] + vae["kl"]
    diffusion = pd.DataFrame({"stage": "diffusion", "step": [5, 9], "loss": [2.0, 1.0]})
    diffusion["validation"] = [2.5, 1.5]
    return pd.concat([vae, diffusion], ignore_index=True)


@pytest.fixture(scope="module")
def windows():
    return some_windows()


# --- traces


def test_traces_stand_in_clinical_order_whatever_the_order_of_the_data():
    names = ["EKG", "Pz", "T4", "Fp2", "C3", "Fp1"]
    X = np.arange(6.0)[None, :, None] * np.sin(np.arange(64))
    display = TracesDisplay.from_windows(X, sfreq=SFREQ, ch_names=names)
    assert display.ch_names == ["Fp1", "Fp2", "C3", "T4", "Pz", "EKG"]
    np.testing.assert_array_equal(display.windows["real"][0], X[0, [5, 3, 4, 2, 1, 0]])


def test_bipolar_traces_follow_the_chains_of_the_longitudinal_montage():
    names = ["CZ-PZ", "FP2-F8", "F7-T7", "T8-P8-0", "FP1-F7", "FP1-F3"]
    display = TracesDisplay.from_windows(np.ones((1, 6, 64)), sfreq=SFREQ, ch_names=names)
    assert display.ch_names == ["FP1-F7", "F7-T7", "FP1-F3", "FP2-F8", "T8-P8-0", "CZ-PZ"]


def test_traces_have_names_with_seconds_and_a_bar_in_microvolts(cohort):
    X = cohort.X[cohort.y == "ictal"]
    display = TracesDisplay.from_windows(
        X, X[:3], sfreq=SFREQ, ch_names=cohort.info.ch_names, n_windows=2
    )
    left, right = display.ax_
    assert [t.get_text() for t in left.get_yticklabels()] == ["Fz", "C3", "C4", "Pz"]
    assert np.all(np.diff(left.get_yticks()) < 0)
    assert [left.get_title(), right.get_title()] == ["real", "synthetic"]
    assert left.get_xlabel() == "time (s)"
    assert left.get_xlim() == (0.0, 4.0)  # two windows of 2 s
    assert re.fullmatch(r"[125]0* µV|0\.\d*[125] µV", right.texts[0].get_text())


def test_the_bar_of_traces_is_as_long_as_it_says():
    X = 30 * np.sin(np.arange(256) / 5)[None, None].repeat(3, axis=1)
    display = TracesDisplay.from_windows(X, sfreq=SFREQ)
    (ax,) = display.ax_
    bar = ax.lines[-1].get_ydata()
    assert ax.texts[0].get_text() == f"{bar[1] - bar[0]:g} µV"


def test_both_panels_of_traces_have_one_scale(windows):
    real, _ = windows
    display = TracesDisplay.from_windows(real["normal"], real["ictal"], sfreq=SFREQ)
    left, right = display.ax_
    assert left.get_ylim() == right.get_ylim()
    drawn = [np.ptp(ax.lines[0].get_ydata()) for ax in display.ax_]
    assert drawn[1] > 2 * drawn[0]


def test_epochs_bring_their_rate_names_and_volts(cohort):
    X = cohort.X[:3]
    epochs = to_epochs(X, cohort.info)
    one, other = (
        TracesDisplay.from_windows(epochs),
        TracesDisplay.from_windows(X, sfreq=SFREQ, ch_names=cohort.info.ch_names),
    )
    np.testing.assert_allclose(one.windows["real"], other.windows["real"], rtol=1e-4, atol=1e-3)
    assert one.ch_names == other.ch_names
    assert one.sfreq == SFREQ


def test_flat_windows_and_single_windows_can_be_drawn():
    assert len(TracesDisplay.from_windows(np.zeros((1, 2, 64)), sfreq=SFREQ).ax_) == 1
    SpectraDisplay.from_windows(np.zeros((1, 2, 64)), sfreq=SFREQ)


# --- spectra


def test_a_sine_has_its_power_at_its_frequency_in_decibels():
    times = np.arange(512) / 128
    X = 20 * np.sin(2 * np.pi * 10 * times)[None, None]
    display = SpectraDisplay.from_windows(X, sfreq=128)
    median = display.quantiles["real"][1]
    assert display.freqs[median.argmax()] == 10
    power = (10 ** (median / 10)).sum() * np.diff(display.freqs)[0]
    assert power == pytest.approx(20**2 / 2, rel=1e-2)


def test_ten_times_the_amplitude_is_twenty_decibels(windows):
    X = windows[0]["normal"]
    display = SpectraDisplay.from_windows(X, 10 * X, sfreq=SFREQ)
    difference = display.quantiles["synthetic"] - display.quantiles["real"]
    np.testing.assert_allclose(difference, 20, atol=1e-3)


def test_spectra_name_bands_and_units_and_numbers_of_windows(windows):
    real, synthetic = windows
    display = SpectraDisplay.from_windows(real["normal"], synthetic["normal"], sfreq=128)
    assert [t.get_text() for t in display.ax_.texts] == ["δ", "θ", "α", "β", "γ"]
    assert display.ax_.get_xlabel() == "frequency (Hz)"
    labels = [t.get_text() for t in display.ax_.get_legend().get_texts()]
    assert labels == ["real (40 windows)", "synthetic (20 windows)"]


@settings(max_examples=10, deadline=None)
@given(
    n_windows=st.integers(1, 4),
    n_channels=st.integers(1, 3),
    n_times=st.integers(8, 300),
    sfreq=st.sampled_from([16.0, 100.0, 512.0]),
)
def test_percentiles_are_finite_and_in_order(n_windows, n_channels, n_times, sfreq):
    X = np.random.default_rng(0).normal(size=(n_windows, n_channels, n_times))
    if sfreq / n_times > 50:
        return  # no frequency to show: an error, tested below
    low, median, high = SpectraDisplay.from_windows(X, sfreq=sfreq).quantiles["real"]
    assert np.isfinite([low, median, high]).all()
    assert np.all(low <= median)
    assert np.all(median <= high)


# --- maps


def test_maps_show_the_power_of_each_channel_where_it_is(cohort):
    times = np.arange(256) / SFREQ
    names = ["Fz", "C3", "C4", "Pz", "EKG"]
    scale = np.array([1.0, 2.0, 4.0, 8.0, 100.0])
    X = scale[:, None] * np.sin(2 * np.pi * 10 * times)[None, None]
    display = TopomapDisplay.from_windows(X, 10 * X, sfreq=SFREQ, ch_names=names)
    assert display.info.ch_names == names[:4]
    alpha = display.power["real"][:, 2]
    np.testing.assert_allclose(alpha, 10 * np.log10(scale[:4] ** 2 / 2), atol=0.1)
    np.testing.assert_allclose(display.power["synthetic"][:, 2] - alpha, 20, atol=1e-3)


def test_maps_of_derivations_lie_between_their_electrodes():
    names = ["F7-T7", "F8-T8", "Fz-Cz", "P3-O1", "P3-O1-1"]
    display = TopomapDisplay.from_windows(np.ones((1, 5, 64)), sfreq=SFREQ, ch_names=names)
    assert display.info.ch_names == names[:4]  # one for each place
    left, right, middle, _ = (channel["loc"][:3] for channel in display.info["chs"])
    assert left[0] < middle[0] < right[0]


def test_maps_need_channels_with_places():
    for n_channels in (1, 3):
        with pytest.raises(ValueError, match="known place"):
            TopomapDisplay.from_windows(np.ones((2, n_channels, 64)), sfreq=SFREQ)


# --- features and components


def test_features_show_the_distance_of_the_distributions(windows):
    X = windows[0]["normal"]
    display = FeaturesDisplay.from_windows(X[:20], 100 * X[20:], sfreq=SFREQ)
    titles = {ax.get_xlabel(): ax.get_title() for ax in display.ax_}
    assert titles["hjorth activity (µV²)"] == "KS 1.00"
    assert float(titles["hjorth mobility (1/s)"].removeprefix("KS ")) < 0.6
    assert {ax.get_ylim() for ax in display.ax_} == {(0.0, 1.0)}


def test_synthetic_windows_move_no_real_point(windows):
    real, synthetic = (sets["normal"] for sets in windows)
    one = EmbeddingDisplay.from_windows(real, synthetic, sfreq=SFREQ)
    other = EmbeddingDisplay.from_windows(real, 50 * synthetic, sfreq=SFREQ)
    np.testing.assert_array_equal(one.points["real"], other.points["real"])
    distance = np.linalg.norm(other.points["synthetic"].mean(0) - one.points["synthetic"].mean(0))
    assert distance > 3 * one.points["real"].std(axis=0).max()
    assert "of real variance" in one.ax_.get_xlabel()
    with pytest.raises(ValueError, match="at least 3"):
        EmbeddingDisplay.from_windows(real[:2], sfreq=SFREQ)


@pytest.mark.parametrize("n_channels", [1, 64])
@pytest.mark.parametrize("n_windows", [20, 20_000])
def test_pictures_work_on_one_and_64_channels_and_on_20_and_20000_windows(n_channels, n_windows):
    rng = np.random.default_rng(0)
    length = 128 if n_windows == 20 else 16
    one = rng.normal(size=(min(n_windows, 2500), n_channels, length)).astype(np.float32)
    X = np.resize(one, (n_windows, n_channels, length))
    names = electrodes(n_channels)
    displays = [
        TracesDisplay.from_windows(X, X[:20], sfreq=32, ch_names=names),
        SpectraDisplay.from_windows(X, X[:20], sfreq=32),
        FeaturesDisplay.from_windows(X, X[:20], sfreq=32),
        EmbeddingDisplay.from_windows(X, X[:20], sfreq=32),
    ]
    if n_channels > 1:
        displays.append(TopomapDisplay.from_windows(X, X[:20], sfreq=32, ch_names=names))
        assert displays[0].figure_.get_figheight() < 11  # inches: a page
    for display in displays[1:]:
        words = "".join(t.get_text() for t in display.figure_.findobj(Text))
        assert (" of 20,000 windows" in words) == (n_windows == 20_000)


def electrodes(n_channels):
    import mne

    names = mne.channels.make_standard_montage("spherical_1010").ch_names
    return names[:n_channels]


# --- ratio


def test_the_ratio_curve_is_the_mean_over_patients(comparison):
    fractions = {"none": 0, "Ours": 0.5}
    display = RatioDisplay.from_comparison(comparison, fractions)
    expected = comparison.scores_by_patient.groupby("candidate")["macro_f1"].mean()
    drawn = display.ax_.lines[-1]
    np.testing.assert_array_equal(drawn.get_xdata(), [0, 0.5])
    np.testing.assert_allclose(drawn.get_ydata(), expected[["none", "Ours"]])
    assert len(display.scores) == 8
    with pytest.raises(ValueError, match="luck"):
        RatioDisplay.from_comparison(comparison, {"luck": 1})
    with pytest.raises(ValueError, match="luck"):
        RatioDisplay.from_comparison(comparison, fractions, score="luck")
    with pytest.raises(ValueError, match="no score"):
        RatioDisplay(scores=pd.DataFrame(), intervals=pd.DataFrame(), score="macro_f1").plot()


def test_the_ratio_curve_of_a_grid_has_a_line_for_each_fold():
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import Pipeline
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.repeat([0, 1], [45, 15])
    steps = [("augment", RandomOverSampler(random_state=0)), ("classify", LogisticRegression())]
    grid = {"augment__sampling_strategy": [FillGap(1), FillGap(0)], "classify__C": [0.1, 1]}
    search = GridSearchCV(Pipeline(steps), grid, cv=3, scoring="f1_macro")
    with pytest.raises(NotFittedError):
        RatioDisplay.from_estimator(search)
    display = RatioDisplay.from_estimator(search.fit(X, y))
    assert display.scores.shape == (3, 2)
    assert search.best_score_ == pytest.approx(display.scores.mean().max())
    assert display.ax_.get_ylabel() == "f1 macro"
    plain = GridSearchCV(LogisticRegression(), {"C": [1, 2]}).fit(X, y)
    with pytest.raises(ValueError, match="FillGap"):
        RatioDisplay.from_estimator(plain)


# --- benchmark


def test_differences_are_paired_by_patient(comparison):
    display = BenchmarkDisplay.from_comparison(comparison)
    scores = comparison.scores_by_patient.groupby(["candidate", "group"])["macro_f1"].mean()
    expected = (scores["Ours"] - scores["none"]).sort_index()
    np.testing.assert_allclose(display.differences["Ours"].sort_index(), expected)
    assert list(display.differences) == ["SMOTE", "Ours"]
    assert display.baseline == "none"


def test_the_numbers_beside_the_names_are_those_of_the_summary(comparison):
    display = BenchmarkDisplay.from_comparison(comparison)
    row = comparison.summary().loc["Ours"]
    label = display.ax_.get_yticklabels()[1].get_text()
    assert label.startswith("Ours\n")
    assert label.endswith(f"({format_interval(row['vs_none_low'], row['vs_none_high'])})")


def test_a_candidate_that_failed_is_shown_as_not_tested():
    result = a_comparison({"none": 0, "SMOTE": 0, "Ours": 0.1}, failing=["SMOTE"])
    labels = [t.get_text() for t in BenchmarkDisplay.from_comparison(result).ax_.get_yticklabels()]
    assert labels[0] == "SMOTE\nnot tested"


def test_another_baseline_and_score_can_be_named(comparison):
    display = BenchmarkDisplay.from_comparison(comparison, baseline="SMOTE", score="macro_auc")
    assert display.ax_.get_xlabel() == "macro AUC minus that of “SMOTE”"
    assert list(display.differences) == ["none", "Ours"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"baseline": "mixup"}, "mixup"), ({"score": "luck"}, "luck")],
)
def test_unknown_baseline_or_score_is_an_error(comparison, arguments, message):
    with pytest.raises(ValueError, match=message):
        BenchmarkDisplay.from_comparison(comparison, **arguments)


# --- history


class Trained(BaseEstimator):
    """What fits gets a history."""

    def fit(self, history):
        self.history_ = history
        return self


def test_history_has_a_logarithmic_panel_for_each_stage(history):
    display = HistoryDisplay.from_estimator(Trained().fit(history))
    assert [ax.get_title() for ax in display.ax_] == ["vae", "diffusion"]
    assert {ax.get_yscale() for ax in display.ax_} == {"log"}
    legends = [[t.get_text() for t in ax.get_legend().get_texts()] for ax in display.ax_]
    assert legends == [["time", "kl", "loss"], ["loss", "validation"]]


def test_a_history_that_is_not_there_is_an_error(history):
    with pytest.raises(NotFittedError):
        HistoryDisplay.from_estimator(Trained())
    with pytest.raises(ValueError, match="'loss'"):
        HistoryDisplay(history=history.drop(columns="loss")).plot()


# --- all displays


def all_displays(windows, comparison, history, ax=None):
    real, synthetic = (sets["normal"] for sets in windows)
    return [
        TracesDisplay.from_windows(real, synthetic, sfreq=SFREQ, ax=ax),
        SpectraDisplay.from_windows(real, synthetic, sfreq=SFREQ, ax=ax),
        BenchmarkDisplay.from_comparison(comparison, ax=ax),
        HistoryDisplay(history=history).plot(ax=ax),
        FeaturesDisplay.from_windows(real, synthetic, sfreq=SFREQ, ax=ax),
        EmbeddingDisplay.from_windows(real, synthetic, sfreq=SFREQ, ax=ax),
        RatioDisplay.from_comparison(comparison, {"none": 0, "Ours": 1}, ax=ax),
        TopomapDisplay.from_windows(
            *(np.repeat(X, 2, axis=1)[:, :4] for X in (real, synthetic)),
            sfreq=SFREQ,
            ch_names=["Fz", "C3", "C4", "Pz"],
            ax=ax,
        ),
    ]


def test_displays_open_no_window_of_pyplot(windows, comparison, history, tmp_path):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    for k, display in enumerate(all_displays(windows, comparison, history)):
        display.figure_.savefig(tmp_path / f"{k}.png")
    assert plt.get_fignums() == before


def test_displays_draw_into_the_axes_given(windows, comparison, history):
    figure = Figure(layout="constrained")
    for display in all_displays(windows, comparison, history, ax=figure.subplots()):
        assert display.figure_ is figure


def test_panels_can_go_to_axes_of_ones_own(windows):
    real, synthetic = windows
    axes = Figure().subplots(2)
    display = TracesDisplay.from_windows(real["ictal"], synthetic["ictal"], sfreq=SFREQ, ax=axes)
    assert list(display.ax_) == list(axes)
    with pytest.raises(ValueError, match="2 panels"):
        display.plot(ax=axes[:1])


@pytest.mark.parametrize(
    "display", [TracesDisplay, SpectraDisplay, FeaturesDisplay, EmbeddingDisplay]
)
def test_windows_that_cannot_be_drawn_are_named(display):
    X = np.ones((4, 2, 64))
    with pytest.raises(ValueError, match="sampling frequency"):
        display.from_windows(X)
    with pytest.raises(ValueError, match="3 channels"):
        display.from_windows(X, np.ones((4, 3, 64)), sfreq=SFREQ)
    bad = X.copy()
    bad[1, 0, 5] = np.nan
    with pytest.raises(ValueError, match="window 1, channel 0, sample 5"):
        display.from_windows(bad, sfreq=SFREQ)
    with pytest.raises(ValueError, match="at least one"):
        display.from_windows(None, sfreq=SFREQ)


def test_channel_names_must_match_and_spectra_need_a_frequency():
    with pytest.raises(ValueError, match="3 names for 2 channels"):
        TracesDisplay.from_windows(np.ones((1, 2, 64)), sfreq=SFREQ, ch_names=["a", "b", "c"])
    with pytest.raises(ValueError, match="longer windows"):
        SpectraDisplay.from_windows(np.ones((3, 1, 2)), sfreq=256)


def test_loading_the_displays_loads_neither_torch_nor_mne_nor_matplotlib():
    code = (
        "import sys; from geneeg_sk.inspection import *; "
        "print({'torch', 'mne', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_display_saves_its_figure_drawn_or_not(comparison, history, tmp_path):
    drawn = BenchmarkDisplay.from_comparison(comparison)
    for display in (drawn, HistoryDisplay(history=history)):
        path = display.save(tmp_path / f"{type(display).__name__}.png")
        assert path.read_bytes().startswith(b"\x89PNG")


def test_a_display_in_a_subfigure_saves_the_whole_figure(history, tmp_path):
    figure = Figure(layout="constrained")
    left, _ = figure.subfigures(1, 2)
    display = HistoryDisplay(history=history).plot(left.subplots())
    assert display.figure_ is figure
    assert display.save(tmp_path / "whole.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_computed_while_drawing(comparison, windows):
    """Intervals and distances are those that the display was made with."""
    display = BenchmarkDisplay.from_comparison(comparison)
    display.intervals.loc["Ours"] = [0.5, 0.25, 0.75]
    label = display.plot().ax_.get_yticklabels()[1].get_text()
    assert label == "Ours\n+0.500 (+0.250 to +0.750)"
    features = FeaturesDisplay.from_windows(*(sets["normal"] for sets in windows), sfreq=SFREQ)
    features.distances[:] = 0.25
    assert {ax.get_title() for ax in features.plot().ax_} == {"KS 0.25"}
