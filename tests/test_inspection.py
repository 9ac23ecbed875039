"""Pictures and the report: what they show, what they say, and that they stand alone."""

import re
import subprocess
import sys
import warnings
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from geneeg_sk.datasets import to_epochs
from geneeg_sk.inspection import (
    BenchmarkDisplay,
    HistoryDisplay,
    SpectraDisplay,
    TracesDisplay,
    make_report,
)
from geneeg_sk.inspection._benchmark import span
from geneeg_sk.inspection._closeness import closeness

SFREQ = 64.0
STATES = ("ictal", "normal", "preictal")


def a_comparison(gains, *, n_patients=8, failing=(), noise=0.01):
    """Frame and patients as of compare_samplers: 2 seeds, 4 folds, each candidate with a gain."""
    rng = np.random.default_rng(0)
    skill = rng.uniform(0.5, 0.7, n_patients)
    frame, patients = [], []
    for seed in (0, 1):
        for fold in range(4):
            tested = [p for p in range(n_patients) if p % 4 == fold]
            for name, gain in gains.items():
                key = {"candidate": name, "fold": fold, "seed": seed}
                f1 = {p: skill[p] + gain + rng.normal(0, noise) for p in tested}
                fit = {"fit_seconds": 2.0, "n_train": 60, "n_test": 20, "n_synthetic": 10}
                if name in failing:
                    nothing = dict.fromkeys(all_scores(0), np.nan)
                    frame.append(key | nothing | fit | {"error": "ValueError: <b>too few</b>"})
                    continue
                frame.append(key | all_scores(np.mean([*f1.values()])) | fit | {"error": ""})
                patients += [
                    key | {"group": f"P{p}", "n_windows": 9} | all_scores(f1[p]) for p in tested
                ]
    columns = ["candidate", "fold", "seed", "group", "n_windows"]
    patients = pd.DataFrame(patients) if patients else pd.DataFrame(columns=columns)
    return SimpleNamespace(frame=pd.DataFrame(frame), patients=patients, ours=("Ours",))


def all_scores(f1):
    names = ["accuracy", "macro_f1", "macro_auc", *(f"f1_{s}" for s in STATES), "brier", "ece"]
    return dict.fromkeys(names, f1)


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


@pytest.fixture(scope="session")
def windows():
    """Real and synthetic windows of two states, drawn from the same distribution."""
    rng = np.random.default_rng(0)

    def draw(n, scale):
        return (scale * rng.normal(size=(n, 3, 128))).astype(np.float32)

    real = {"normal": draw(40, 20.0), "ictal": draw(16, 80.0)}
    return real, {"normal": draw(20, 20.0), "ictal": draw(12, 80.0)}


# --- traces


def test_traces_stand_in_the_order_given_with_seconds_and_a_bar_in_microvolts(cohort):
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


# --- benchmark


def test_differences_are_paired_by_patient(comparison):
    display = BenchmarkDisplay.from_result(comparison)
    scores = comparison.patients.groupby(["candidate", "group"])["macro_f1"].mean()
    expected = (scores["Ours"] - scores["none"]).sort_index()
    np.testing.assert_allclose(display.differences["Ours"].sort_index(), expected)
    assert list(display.differences) == ["SMOTE", "Ours"]
    assert display.baseline == "none"


def test_the_numbers_beside_the_names_are_those_of_the_summary(comparison):
    from geneeg_sk.model_selection import SamplerComparison

    display = BenchmarkDisplay.from_result(comparison)
    row = SamplerComparison(comparison.frame, comparison.patients).summary().loc["Ours"]
    label = display.ax_.get_yticklabels()[1].get_text()
    assert label.startswith("Ours\n")
    assert label.endswith(f"({span(row['vs_none_low'], row['vs_none_high'])})")


def test_a_candidate_that_failed_is_shown_as_not_tested():
    result = a_comparison({"none": 0, "SMOTE": 0, "Ours": 0.1}, failing=["SMOTE"])
    labels = [t.get_text() for t in BenchmarkDisplay.from_result(result).ax_.get_yticklabels()]
    assert labels[0] == "SMOTE\nnot tested"


def test_another_baseline_and_score_can_be_named(comparison):
    display = BenchmarkDisplay.from_result(comparison, baseline="SMOTE", score="macro_auc")
    assert display.ax_.get_xlabel() == "macro AUC minus that of “SMOTE”"
    assert list(display.differences) == ["none", "Ours"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"baseline": "mixup"}, "mixup"), ({"score": "luck"}, "luck")],
)
def test_unknown_baseline_or_score_is_an_error(comparison, arguments, message):
    with pytest.raises(ValueError, match=message):
        BenchmarkDisplay.from_result(comparison, **arguments)


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
        BenchmarkDisplay.from_result(comparison, ax=ax),
        HistoryDisplay(history=history).plot(ax=ax),
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


@pytest.mark.parametrize("display", [TracesDisplay, SpectraDisplay])
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


# --- closeness


def test_windows_of_one_distribution_are_as_close_as_real_ones_and_scaled_ones_are_not(windows):
    real, synthetic = windows
    same = closeness(real, {"normal": synthetic["normal"]}, sfreq=SFREQ).loc["normal"]
    far = closeness(real, {"normal": 4 * synthetic["normal"]}, sfreq=SFREQ).loc["normal"]
    assert same["n_windows"] == 20
    assert same["ks"] < same["ks_floor"] + 0.1
    assert abs(same["c2st"] - same["c2st_floor"]) < 0.25
    assert 0.7 < same["ratio"] < 1.3
    assert far["ks"] > far["ks_floor"] + 0.3
    assert far["c2st"] > 0.95


def test_copies_of_any_real_window_are_found(windows):
    real, _ = windows
    noise = np.random.default_rng(0).normal(0, 0.01, real["normal"].shape)
    found = closeness(real, {"normal": real["normal"] + noise}, sfreq=SFREQ).loc["normal"]
    assert found["copies"] > found["copies_floor"] + 0.2
    assert found["ratio"] < 0.6


# --- report


class Page(HTMLParser):
    """Collects the text of a page, and whatever it would ask a server for."""

    def __init__(self, path):
        super().__init__()
        self.texts, self.styles, self.links, self.n_images = [], [], [], 0
        self.source = path.read_text(encoding="utf-8")
        self._inside = []
        self.feed(self.source)
        self.text = re.sub(r"\s+", " ", " ".join(self.texts))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in ("script", "style"):
            self._inside.append(tag)
        if tag != "a":
            self.links += [attrs[a] for a in ("src", "href", "srcset", "data") if attrs.get(a)]
        self.n_images += tag == "img"

    def handle_endtag(self, tag):
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()

    def handle_data(self, data):
        if not self._inside:
            self.texts.append(data)
        elif self._inside[-1] == "style":
            self.styles.append(data)


@pytest.fixture(scope="module")
def page(tmp_path_factory, windows):
    real, synthetic = windows
    folder = tmp_path_factory.mktemp("report")
    comparison = a_comparison(
        {"none": 0, "SMOTE": -0.05, "ADASYN": 0, "Ours": 0.1}, failing=["ADASYN"]
    )
    history = pd.DataFrame({"stage": "vae", "step": [10, 20], "loss": [1.0, 0.5]})
    out = make_report(
        folder / "new" / "report.html",
        comparison=comparison,
        real=real,
        synthetic=synthetic,
        sfreq=SFREQ,
        history=history,
        title="<script>alert(1)</script> & co",
        how={"command": "geneeg-sk <x>", "versions": {"numpy": np.__version__}, "seed": 7},
    )
    return Page(out)


def test_the_report_asks_no_server_for_anything(page):
    assert page.links
    assert all(link.startswith(("data:", "#")) for link in page.links)
    asked = re.findall(r"url\(['\"]?([^)]{0,20})", "".join(page.styles))
    assert all(address.startswith(("data:", "#")) for address in asked)
    assert not any("@import" in style for style in page.styles)
    assert len(page.source) < 10e6


def test_the_report_begins_with_the_verdict_and_ends_with_how_it_was_made(page):
    order = [
        "Does augmentation help?",
        "Is the synthetic EEG close to the real?",
        "Is it memorised?",
        "macro AUC",
        "Fits that failed",
        "Right is better.",
        "Windows picked at random",
        "Losses of the generator",
        "geneeg-sk <x>",
    ]
    places = [page.text.index(words) for words in order]
    assert places == sorted(places)
    assert page.n_images == 7  # MNE's logo, benefit, traces and spectra of two states, training


def test_the_verdict_gives_difference_interval_patients_and_floor(page):
    assert "Yes, with Ours: better than “none” on unseen patients" in page.text
    assert re.search(r"Ours against “none”: macro F1 \+0\.\d{3}, 95 % interval \+0\.\d{3} to "
                     r"\+0\.\d{3}, 8 patients", page.text)  # fmt: skip
    assert re.search(r"normal: mean KS distance 0\.\d\d \(real against real 0\.\d\d\)", page.text)
    assert re.search(r"ictal: nearest-neighbour ratio \d\.\d\d", page.text)


def test_the_table_has_every_candidate_and_the_failures(page):
    for name in ("none", "SMOTE", "ADASYN", "Ours"):
        assert re.search(rf"<td>{name}</td>", page.source)
    for heading in ("accuracy", "macro F1", "F1 ictal", "F1 preictal", "fit (s)"):
        assert f"<th>{heading}</th>" in page.source
    assert "8 of 8" in page.text
    assert "<td>versions: numpy</td>" in page.source


def test_what_users_write_stays_text(page):
    assert "<script>alert" not in page.source
    assert "<b>too few" not in page.source
    assert "ValueError: <b>too few</b>" in page.text  # as parsed text
    assert "<script>alert(1)</script> & co" in page.text


def test_what_is_missing_is_said(tmp_path):
    page = Page(make_report(tmp_path / "report.html"))
    for words in (
        "No comparison was given",
        "No real and synthetic windows were given",
        "No windows were given",
        "No history of a training was given",
        "This was not recorded",
    ):
        assert words in page.text


def test_windows_without_rate_partner_or_number_are_said_and_not_an_error(tmp_path, windows):
    real, synthetic = windows
    without_rate = Page(make_report(tmp_path / "a.html", real=real, synthetic=synthetic))
    assert "No sampling frequency was given" in without_rate.text
    alone = Page(make_report(tmp_path / "b.html", real={"normal": real["normal"]}, sfreq=SFREQ))
    assert "No synthetic windows were given" in alone.text
    assert "There are no synthetic windows of this state" in alone.text
    few = {"normal": real["normal"][:5], "odd <i>": real["ictal"][:0]}
    few = Page(make_report(tmp_path / "c.html", real=few, synthetic=few, sfreq=SFREQ))
    assert "No state has enough windows" in few.text
    assert "Traces: odd <i>" in few.text


def test_few_patients_give_no_verdict_but_their_numbers(tmp_path):
    result = a_comparison({"none": 0, "Ours": 0.1}, n_patients=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        page = Page(make_report(tmp_path / "report.html", comparison=result))
    assert "4 patients are too few" in page.text
    assert "Ours against “none”: macro F1 +0.1" in page.text


def test_no_benefit_is_not_called_one(tmp_path):
    result = a_comparison({"none": 0, "SMOTE": -0.1, "Ours": 0.0}, noise=0.05)
    page = Page(make_report(tmp_path / "report.html", comparison=result))
    assert "Not shown: no method is clearly better" in page.text
    assert "worse, by the interval: SMOTE" in page.text


@pytest.mark.parametrize("gains", [{"none": 0}, {"none": 0, "SMOTE": 0}])
def test_a_comparison_without_any_result_still_makes_a_page(tmp_path, gains):
    result = a_comparison(gains, failing=list(gains))
    page = Page(make_report(tmp_path / "report.html", comparison=result))
    assert "Cannot be told" in page.text
    assert "8 of 8" in page.text


def test_a_report_is_written_whole_or_not_at_all(tmp_path, windows):
    out = tmp_path / "report.html"
    out.write_text("older")
    real, _ = windows
    with pytest.raises(ValueError, match="channels"):
        make_report(out, real=real, synthetic={"normal": np.ones((20, 9, 128))}, sfreq=SFREQ)
    assert out.read_text() == "older"
    make_report(out)
    assert "geneeg_sk" in out.read_text(encoding="utf-8")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_wrong_names_and_contradicting_rates_are_errors(tmp_path, cohort):
    with pytest.raises(ValueError, match=r"\.html"):
        make_report(tmp_path / "report.pdf")
    with pytest.raises(ValueError, match=r"\[64.0, 128.0\]"):
        make_report(tmp_path / "report.html", sfreq=128, info=cohort.info)


def test_the_report_prints_nothing(tmp_path, capfd, windows):
    make_report(tmp_path / "report.html", real=windows[0], sfreq=SFREQ)
    assert capfd.readouterr() == ("", "")


def test_loading_the_displays_loads_neither_torch_nor_mne_nor_matplotlib():
    code = (
        "import sys; from geneeg_sk.inspection import *; "
        "print({'torch', 'mne', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
