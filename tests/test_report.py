"""The report: what it says of which windows, that it stands alone, and that browsers show it."""

import re
import warnings
from contextlib import contextmanager
from html.parser import HTMLParser

import browser
import mne
import numpy as np
import pandas as pd
import pytest
from report_parts import a_comparison, some_windows

from geneeg_sk.datasets import make_eeg_cohort
from geneeg_sk.inspection import _realism, _verdict, make_report
from geneeg_sk.metrics import _power, _two_sample
from geneeg_sk.metrics._window_scores import score_training, score_windows
from geneeg_sk.over_sampling import FourierSurrogateSampler

SFREQ = 64.0
NUMBER = r"\d\.\d\d \(95 % interval \d\.\d\d to \d\.\d\d\)"
PERCENT = r"\d+ % \(95 % interval \d+ % to \d+ %\)"


@pytest.fixture(scope="module")
def windows():
    return some_windows()


@pytest.fixture
def comparison():
    return a_comparison({"none": 0, "SMOTE": -0.05, "Ours": 0.1})


@contextmanager
def few_trees():
    """Make tests of what is written, and not of how right it is, several times faster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_two_sample, "N_TREES", 5)
        yield


# --- the page


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
    with few_trees():
        out = make_report(
            folder / "new" / "report.html",
            comparison=comparison,
            real=real,
            synthetic=synthetic,
            sfreq=SFREQ,
            history=history,
            title="<script>alert(1)</script> & co",
            metadata={"command": "geneeg-sk <x>", "versions": {"numpy": np.__version__}, "seed": 7},
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
        "Is it real?",
        "Is it diverse?",
        "Is it private?",
        "Is it useful?",
        "AUC of a test on signals",
        "macro AUC",
        "Fits that failed",
        "Right is better.",
        "Windows picked at random",
        "Losses of the generator",
        "geneeg-sk <x>",
    ]
    places = [page.text.index(words) for words in order]
    assert places == sorted(places)
    # MNE's logo, benefit, training; traces, spectra, features and components of two states
    assert page.n_images == 3 + 2 * 4
    assert page.text.count("of 3 channels have a known place") == 2  # no maps


def test_the_verdict_gives_difference_interval_patients_and_reference(page):
    assert "Yes, with Ours: better than “none” on unseen patients" in page.text
    assert re.search(r"Ours against “none”: macro F1 \+0\.\d{3}, 95 % interval \+0\.\d{3} to "
                     r"\+0\.\d{3}, 8 patients", page.text)  # fmt: skip
    assert "“none” itself: macro F1 0." in page.text


@pytest.mark.parametrize(
    "sentence",
    [
        rf"a test on the signals tells synthetic from real windows with an AUC of {NUMBER}; other "
        rf"real windows in their place \(8 beside 8\): {NUMBER}",
        rf"A test on features: {NUMBER}; in their place: {NUMBER}",
        rf"{PERCENT} of the synthetic windows have sharp discharges, and {PERCENT} of the real",
        rf"synthetic windows cover {PERCENT} of the real ones' neighborhoods; other real windows "
        rf"in their place: {PERCENT}",
        rf"{PERCENT} of \d+ synthetic windows are near copies of one of \d+ real ones, however "
        rf"shifted or turned over; other real windows in their place: {PERCENT}",
        rf"2 states of real windows with a macro F1 of {NUMBER}; trained on other real windows in "
        rf"their place: {NUMBER}",
    ],
)
def test_each_question_has_a_sentence_with_number_reference_and_intervals(page, sentence):
    assert re.search(sentence, page.text)


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
        "How the data were made was not recorded",
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
    with pytest.raises(ValueError, match="sfreq=128 Hz, but info says 64 Hz"):
        make_report(tmp_path / "report.html", sfreq=128, info=cohort.info)


def test_the_report_prints_nothing(tmp_path, capfd, windows):
    make_report(tmp_path / "report.html", real=windows[0], sfreq=SFREQ)
    assert capfd.readouterr() == ("", "")


# --- the four answers


@pytest.fixture
def draws():
    """Windows of two states, drawn from distributions that differ in amplitude."""
    rng = np.random.default_rng(0)

    def draw(n):
        return {"normal": rng.normal(0, 20, (n, 2, 64)), "ictal": rng.normal(0, 80, (n, 2, 64))}

    return draw


def scores(real, synthetic, **given):
    """Scores of the state "normal" only, for speed."""
    sets = {name: {"normal": X} for name, X in given.items()}
    return score_windows({"normal": real}, {"normal": synthetic}, sfreq=SFREQ, **sets)


def headline(answer):
    return answer[0]


def test_fresh_draws_of_the_same_distribution_are_diverse_and_private(draws):
    table = scores(draws(80)["normal"], draws(40)["normal"], holdout=draws(80)["normal"])
    assert headline(_verdict.judge_diversity(table)).startswith("Yes: it covers as much")
    assert headline(_verdict.judge_privacy(table)).startswith("No sign of leaking")
    by_score = table.set_index("score")
    within = by_score["reference_low"] - 0.1, by_score["reference_high"] + 0.1
    assert by_score["value"].between(*within).all()
    assert (by_score["value_low"] <= by_score["value"]).all()
    assert (by_score["value"] <= by_score["value_high"]).all()


def test_windows_of_another_distribution_are_called_unreal(draws):
    table = scores(draws(60)["normal"], draws(30)["ictal"])
    assert headline(_realism.judge_realism(table)) == "No: it is easily told from real EEG."


def test_windows_that_are_all_alike_are_called_little_diverse(draws):
    X = draws(60)["normal"]
    alike = X[:1] + np.random.default_rng(0).normal(0, 0.1, (30, *X.shape[1:]))
    assert "covers little" in headline(_verdict.judge_diversity(scores(X, alike)))


@pytest.mark.slow
def test_shifted_copies_turned_over_are_called_suspicious(draws):
    X = draws(60)["normal"]
    table = scores(X, -np.roll(X[:30], 15, axis=2))
    assert headline(_verdict.judge_privacy(table)) == "Suspicious: near copies in normal."


@pytest.mark.slow
def test_copies_are_suspicious_also_where_real_windows_overlap(draws):
    signal = np.concatenate(draws(32)["normal"], axis=1)
    X = np.stack([signal[:, 16 * k : 16 * k + 64] for k in range(64)])  # three quarters overlap
    table = scores(X, X[::2])
    assert table.set_index("score").loc["copies", "reference"] > 0.3
    text, sentences = _verdict.judge_privacy(table)
    assert text == "Suspicious: near copies in normal."
    assert "windows that overlap are such copies" in sentences[0]
    assert _verdict.judge_privacy(scores(X, draws(30)["normal"]))[0].startswith("No sign")


@pytest.mark.slow
def test_copies_give_membership_away_where_unseen_windows_are_given(draws):
    X = draws(120)["normal"]
    noisy = X[:60] + np.random.default_rng(0).normal(0, 0.1, X[:60].shape)
    text, sentences = _verdict.judge_privacy(scores(X[:60], noisy, holdout=X[60:]))
    assert "training windows can be told from unseen ones in normal" in text
    assert any("membership inference" in sentence for sentence in sentences)


def test_one_copy_among_many_windows_is_counted(draws):
    X, synthetic = draws(60)["normal"], draws(30)["normal"]
    synthetic[4] = X[50]
    copies = scores(X, synthetic).set_index("score").loc["copies"]
    assert copies["value"] == pytest.approx(1 / 30)
    assert copies["value_low"] > 0


def test_states_that_synthetic_windows_confuse_are_called_doubtful(draws):
    real, synthetic = draws(40), draws(20)
    swapped = {"normal": synthetic["ictal"], "ictal": synthetic["normal"]}
    bad, good = (score_training(real, one, sfreq=SFREQ) for one in (swapped, synthetic))
    assert headline(_verdict.judge_usefulness(bad)).startswith("Doubtful")
    assert headline(_verdict.judge_usefulness(good)).startswith("Perhaps")
    assert bad["value"] < 0.1
    assert good["reference"] > 0.9
    assert (
        score_training({"ictal": real["ictal"]}, synthetic, sfreq=SFREQ) is None
    )  # nothing to tell


@pytest.mark.slow
def test_references_are_between_patients_where_there_are_four(draws):
    scale = np.repeat([1, 4, 16, 64], 20)[:, None, None]  # patients whom nobody would confuse
    X = draws(80)["normal"] * scale
    groups = np.repeat(list("abcd"), 20)
    tables = {
        n: scores(X, X[::2], groups=np.where(groups == "d", "c", groups) if n == 3 else groups)
        for n in (3, 4)
    }
    assert [tables[n]["by_patient"].all() for n in (3, 4)] == [False, True]
    ks = {n: table.set_index("score").loc["ks", "reference"] for n, table in tables.items()}
    assert ks[4] > ks[3] + 0.2
    assert "of the same patients" in " ".join(_realism.judge_realism(tables[4])[1])
    assert "of the same patients" not in " ".join(_realism.judge_realism(tables[3])[1])


def test_the_page_counts_windows_and_names_versions(page):
    assert "real windows given 40 normal, 16 ictal" in page.text
    assert "a window 3 channels, 128 samples at 64 Hz (2 s)" in page.text
    assert f"this page: numpy {np.__version__}" in page.text


@pytest.mark.slow
@pytest.mark.parametrize(("n_channels", "n_windows"), [(1, 20_000), (64, 20)])
def test_a_report_works_on_1_and_64_channels_and_20_and_20000_windows(
    tmp_path, n_channels, n_windows
):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_windows, n_channels, 32)).astype(np.float32)
    X[0] = X[-1] = 0  # a flat window
    page = Page(make_report(tmp_path / "report.html", real={"a": X}, synthetic={"a": X}, sfreq=32))
    taken = min(n_windows, 200)
    assert f"real windows given {n_windows:,} a" in page.text
    assert f"{taken} real, {taken} synthetic" in page.text
    assert len(page.source) < 10e6


# --- is it real?


@pytest.fixture
def power(monkeypatch):
    """Tests that see Fourier surrogates and other patients with 40 windows, and not with fewer."""
    seen = {"40": {"phases_randomized": 1.0, "other_patients": 1.0}}
    table = {"c2st_windows": seen, "c2st_features": {}}
    monkeypatch.setattr(_power, "_table", lambda: {"cohort": table, "bonn": table})


@pytest.fixture(scope="module")
def seizures():
    """Seizures of eight patients, and of the same patients on another day."""
    counts = {"normal": 1, "preictal": 1, "ictal": 8}
    days = [
        make_eeg_cohort(n_patients=8, n_windows=counts, sfreq=64, session=day, random_state=0)
        for day in (0, 1)
    ]
    own, other = (day.X[day.y == "ictal"][:, ::3] for day in days)
    return own, days[0].groups[days[0].y == "ictal"], other


def surrogates_of(X):
    """The spectra of all channels and their phases to each other, with random phases."""
    spectrum = np.fft.rfft(X, axis=2)
    turns = np.random.default_rng(0).uniform(0, 2 * np.pi, (len(X), 1, spectrum.shape[2]))
    turns[..., [0, -1]] = 0
    return np.fft.irfft(spectrum * np.exp(1j * turns), X.shape[2], axis=2).astype(X.dtype)


def verdict_of(page, question):
    """The sentence in bold below a question."""
    return re.search(rf"<h4>{re.escape(question)}</h4><p class=\"lead\">(.*?)</p>", page.source)[1]


def report_of(folder, real, synthetic, groups):
    out = make_report(
        folder / "report.html",
        real={"ictal": real},
        synthetic={"ictal": synthetic},
        groups={"ictal": groups},
        sfreq=SFREQ,
    )
    return Page(out)


@pytest.mark.slow
def test_surrogates_of_seizures_are_not_called_real(tmp_path, seizures):
    real, groups, _ = seizures
    page = report_of(tmp_path, real, surrogates_of(real), groups)
    assert re.fullmatch("No: it is (easily )?told from real EEG.", verdict_of(page, "Is it real?"))


@pytest.mark.slow
def test_copies_of_training_windows_are_called_neither_real_nor_private(tmp_path, seizures, power):
    real, groups, _ = seizures
    page = report_of(tmp_path, real, real[::-1].copy(), groups)
    assert verdict_of(page, "Is it real?") == "No: these are near copies of real windows."
    assert verdict_of(page, "Is it private?") == "Suspicious: near copies in ictal."


@pytest.mark.slow
def test_of_too_few_windows_nothing_is_said(tmp_path, seizures, power):
    real, groups, other = seizures
    page = report_of(tmp_path, real, other[::6], groups)
    assert verdict_of(page, "Is it real?") == "Cannot be said from 11 windows."
    assert "40 real and 40 synthetic" not in page.text  # 50 is the next size it suggests
    assert "50 real and 50 synthetic windows of four or more patients are needed" in page.text


@pytest.mark.slow
def test_copies_are_found_also_of_windows_that_are_not_compared():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2, 64))
    table = scores(X, X[1::20]).set_index("score")
    assert table.loc["copies", "value"] == 1
    assert table.loc["copies", "n_real"] == 600


def a_table(**changes):
    """Scores of windows that no test tells from real ones, but for the changes."""
    row = {
        "state": "ictal",
        "value": 0.5,
        "value_low": 0.42,
        "value_high": 0.58,
        "reference": 0.5,
        "reference_low": 0.4,
        "reference_high": 0.6,
        "n_real": 200,
        "n_synthetic": 200,
        "by_patient": True,
        "n_patients": 12,
        "one_channel": False,
        "detectable": {"phases_randomized": 1.0, "other_patients": 1.0},
    }
    copies = {**row, "value": 0.0, "reference": 0.0} | {"score": "copies"}
    tests = [{**row, "score": f"c2st_{on}"} | changes for on in ("windows", "features")]
    return pd.DataFrame([*tests, copies])


def test_what_tests_with_power_do_not_tell_is_said_to_pass_them():
    assert headline(_realism.judge_realism(a_table())) == (
        "Not told from real EEG by tests that would have seen Fourier surrogates and windows of "
        "other patients."
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"detectable": {}},
        {"detectable": {"other_patients": 1.0}},  # blind to surrogates
        {"by_patient": False, "n_patients": 3},
        {"by_patient": False, "n_patients": 0},  # not given
        {"value_high": 0.7},
        {"value": 0.2, "value_low": 0.1, "value_high": 0.3},
    ],
)
def test_without_power_or_evidence_nothing_is_said(changes, power):
    text, sentences = _realism.judge_realism(a_table(**changes))
    assert text == "Cannot be said from 200 windows."
    assert sum("need" in s or "give at least" in s for s in sentences) == 1  # what it takes


def test_evidence_counts_also_where_a_test_would_miss_other_things():
    table = a_table(value=0.8, value_low=0.7, value_high=0.9, detectable={})
    assert headline(_realism.judge_realism(table)) == "No: it is told from real EEG."


def test_states_are_answered_one_by_one():
    other = a_table(value=0.8, value_low=0.7, value_high=0.9).assign(state="normal")
    other = other[other["score"] != "copies"]
    text, _ = _realism.judge_realism(pd.concat([a_table(), other], ignore_index=True))
    assert text.startswith("It depends on the state: told from real EEG in normal; not told by")


# --- in a browser


@pytest.fixture(scope="module")
def full_page(tmp_path_factory):
    """With every section: 19 channels, failures, long texts."""
    counts = {"normal": 20, "preictal": 8, "ictal": 8}
    cohort = make_eeg_cohort(n_patients=4, n_windows=counts, sfreq=64, length=2, random_state=0)
    X, y = FourierSurrogateSampler(random_state=0).fit_resample(cohort.X, cohort.y)
    n = len(cohort.X)
    states = ("ictal",)
    return make_report(
        tmp_path_factory.mktemp("browser") / "report.html",
        comparison=a_comparison({"none": 0, "SMOTE": -0.05, "Ours": 0.1}, failing=["SMOTE"]),
        real={state: cohort.X[cohort.y == state] for state in states},
        groups={state: cohort.groups[cohort.y == state] for state in states},
        synthetic={state: X[n:][y[n:] == state] for state in states},
        info=cohort.info,
        history=pd.DataFrame({"stage": "vae", "step": [10, 20], "loss": [1.0, 0.5]}),
        metadata={
            "command": "geneeg-sk " + "--option value " * 30,
            "path": "/".join(["long"] * 60),
        },
    )


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason="Chromium is not installed")
@pytest.mark.parametrize("width", [400, 1400])
def test_a_browser_shows_the_page_without_errors_requests_or_overflow(full_page, width):
    page = browser.opened(full_page, width)
    assert page.messages == []
    assert page.requests == []
    assert page.width <= width
    assert page.too_wide == []
    assert page.smallest_text >= 11  # CSS pixels
    assert full_page.stat().st_size < 10e6


@pytest.mark.skipif(browser.find() is None, reason="Chromium is not installed")
def test_the_browser_would_notice_errors_requests_and_overflow(tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text(
        '<meta name="viewport" content="width=device-width"><div id="content">'
        '<p style="width: 900px; font-size: 5px">wide</p><img src="http://127.0.0.1:9/x.png">'
        "<script>console.error('oh'); nothing.at.all()</script></div>"
    )
    page = browser.opened(bad, 400)
    assert any("oh" in message for message in page.messages)
    assert any("nothing is not defined" in message for message in page.messages)
    assert page.requests == ["http://127.0.0.1:9/x.png"]
    assert page.width > 400
    assert "P." in page.too_wide
    assert page.smallest_text == 5


# --- names that are something else


class Active(HTMLParser):
    """Collects what a browser would run or ask for."""

    def __init__(self, source):
        super().__init__()
        self.runs, self.wanted = [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        if tag == "script":
            self.runs.append("")
        self.runs += [value or "" for name, value in attrs if name.startswith("on")]
        self.wanted += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.runs[-1] += data


SCRIPT, IMAGE, QUOTE = "<script>alert(7)</script>", '"><img src=x onerror=alert(7)>', "'-alert(7)-'"
TEX = "costs $x_{y$"


def test_no_name_is_run_as_a_script_or_set_as_a_formula(tmp_path):
    c = a_comparison({f"none{SCRIPT}": 0, IMAGE: 0.1, TEX: 0.2, QUOTE: 0.1}, failing=[IMAGE])
    c.results["error"] = c.results["error"].where(c.results["error"] == "", SCRIPT)
    c.scores_by_patient["group"] = SCRIPT + c.scores_by_patient["group"]
    scores = {"f1_ictal": f"f1_{SCRIPT}", "f1_normal": f"f1_{IMAGE}"}
    c.results = c.results.rename(columns=scores)
    c.scores_by_patient = c.scores_by_patient.rename(columns=scores)
    names = dict(zip(("ictal", "normal"), (f"{SCRIPT}{TEX}", f"{IMAGE}{QUOTE}")))
    real, synthetic = ({names[s]: X for s, X in sets.items()} for sets in some_windows())
    with few_trees():
        page = make_report(
            tmp_path / "report.html",
            comparison=c,
            real=real,
            synthetic=synthetic,
            groups={s: np.resize([SCRIPT, IMAGE, TEX], len(X)) for s, X in real.items()},
            info=mne.create_info([SCRIPT, IMAGE, TEX], SFREQ, "eeg"),
            history=pd.DataFrame({"stage": SCRIPT, "step": [1, 2], "loss": [1.0, 0.5], TEX: 1.0}),
            metadata={SCRIPT: {IMAGE: QUOTE}},
            title=f"{SCRIPT}{IMAGE}",
        )
    active = Active(page.read_text(encoding="utf-8"))
    assert active.runs
    assert not [text for text in active.runs if "alert(7)" in text]
    assert "x" not in active.wanted
