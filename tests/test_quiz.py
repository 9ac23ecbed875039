"""The quiz: blind, balanced, the same for the same seed, and answered in a browser."""

import base64
import json
import re
from pathlib import Path

import browser
import mne
import numpy as np
import pandas as pd
import pytest
from scipy.signal import sosfiltfilt

from geneeg_sk.datasets import make_eeg_cohort
from geneeg_sk.inspection import make_quiz, read_quiz_key
from geneeg_sk.metrics import reader_agreement

SFREQ = 64.0
NAMES = ["Fp1", "F7", "T7", "P7", "O1", "EKG"]
STATES = ["normal", "ictal"]
needs_browser = pytest.mark.skipif(browser.find() is None, reason="Chromium is not installed")


def some_windows(n=24, n_channels=6, n_times=128, seed=0):
    """Noise with an offset, and states by turns; real and synthetic."""
    rng = np.random.default_rng(seed)
    sets = 30 * rng.normal(size=(2, n, n_channels, n_times)).astype(np.float32)
    sets[0] += 200  # an offset must not tell
    y = np.array(STATES * (n // 2))
    return sets[0], sets[1], y


def a_quiz(folder, name="quiz.html", **given):
    real, synthetic, y = some_windows()
    options = {"y_real": y, "y_synthetic": y, "sfreq": SFREQ, "ch_names": NAMES}
    return make_quiz(real, synthetic, out=folder / name, **(options | given))


def data_of(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def signals_of(page):
    data = data_of(page)
    flat = np.frombuffer(base64.b64decode(data["signals"]), "<i2")
    return flat.reshape(-1, *data["shape"]) * data["step"]


# --- which windows


def test_the_order_is_blind_and_repeats_with_the_seed(tmp_path):
    one, same, other = (
        a_quiz(tmp_path, f"{k}.html", random_state=seed) for k, seed in enumerate((0, 0, 1))
    )
    assert one.read_bytes() == same.read_bytes()
    truths = [read_quiz_key(page)["truth"].tolist() for page in (one, other)]
    assert truths[0] != truths[1]
    for truth in truths:
        assert truth != sorted(truth)


@pytest.mark.parametrize("n_questions", [20, 7])
def test_real_and_synthetic_windows_are_balanced_in_each_state(tmp_path, n_questions):
    key = read_quiz_key(a_quiz(tmp_path, n_questions=n_questions))
    assert key["question"].tolist() == list(range(1, n_questions + 1))
    n = key["truth"].value_counts()
    assert abs(n["real"] - n["synthetic"]) == n_questions % 2
    of_states = key.groupby(["state", "truth"]).size().unstack()
    assert (of_states["real"] - of_states["synthetic"]).abs().sum() == n_questions % 2
    assert of_states.sum(axis=1).max() - of_states.sum(axis=1).min() <= 2
    for column in ("real_window", "synthetic_window"):
        assert key[column].dropna().is_unique


def test_a_rare_state_gives_what_it_has(tmp_path):
    y = np.array(["ictal"] * 2 + ["normal"] * 22)
    key = read_quiz_key(a_quiz(tmp_path, y_synthetic=y))
    assert key["state"].value_counts().to_dict() == {"normal": 16, "ictal": 4}


def test_a_pair_is_a_real_and_a_synthetic_window_of_one_state(tmp_path):
    real, synthetic, y = some_windows()
    page = a_quiz(tmp_path, pairs=True)
    key = read_quiz_key(page)
    assert key["truth"].value_counts().to_dict() == {"A": 10, "B": 10}
    assert (y[key["real_window"].to_numpy(int)] == key["state"]).all()
    assert (y[key["synthetic_window"].to_numpy(int)] == key["state"]).all()
    shown = signals_of(page)
    for k, row in enumerate(key.itertuples()):
        pair = {"A": synthetic[row.synthetic_window], "B": real[row.real_window]}
        if row.truth == "B":
            pair = {"A": pair["B"], "B": pair["A"]}
        for X, expected in zip(shown[2 * k : 2 * k + 2], pair.values()):
            expected = expected - np.median(expected, axis=1, keepdims=True)
            np.testing.assert_allclose(X, expected, atol=0.051)


# --- nothing but the EEG gives the answer away


def test_windows_are_stored_alike_whatever_their_offset(tmp_path):
    page = a_quiz(tmp_path)
    X, data = signals_of(page), data_of(page)
    key = read_quiz_key(page)
    assert np.abs(np.median(X, axis=2)).max() <= data["step"]
    real, synthetic, _ = some_windows()
    for window, row in zip(X, key.itertuples()):
        source = real if row.truth == "real" else synthetic
        given = source[row.real_window if row.truth == "real" else row.synthetic_window]
        centered = given - np.median(given, axis=1, keepdims=True)
        np.testing.assert_allclose(window, centered, atol=data["step"] / 2 + 1e-3)


def test_large_signals_get_one_larger_step_for_all(tmp_path):
    real, synthetic, _ = some_windows()
    page = make_quiz(1e4 * real, synthetic, sfreq=SFREQ, out=tmp_path / "quiz.html")
    assert data_of(page)["step"] > 0.1
    assert np.abs(signals_of(page)).max() > 1e5


def test_the_key_is_not_in_the_page_as_text(tmp_path):
    page = a_quiz(tmp_path)
    data, key = data_of(page), read_quiz_key(page)
    sealed = data.pop("sealed")
    columns = json.dumps(data.pop("columns"))
    assert "truth" in columns  # of the CSV file: names of columns are no secret
    for text in (json.dumps(data), base64.b64decode(sealed).decode("latin-1"), sealed):
        assert not re.search("synthetic|truth|ictal.{1,5}(null|[0-9])", text)
    assert "obfuscated but not encrypted" in " ".join(data["about"])
    truths = json.dumps(key["truth"].tolist())
    assert truths[1:-1] not in page.read_text(encoding="utf-8")


def test_a_higher_sampling_frequency_is_lowered_and_the_page_says_so(tmp_path):
    real, synthetic, _ = some_windows(n_times=1024)
    page = make_quiz(real, synthetic, sfreq=512, n_questions=4, out=tmp_path / "quiz.html")
    data = data_of(page)
    assert (data["sfreq"], data["shape"]) == (256, [6, 512])
    assert "resampled from 512 Hz" in data["about"][0]
    assert "resampled" not in data_of(a_quiz(tmp_path))["about"][0]


def test_twenty_questions_of_usual_size_stay_below_five_megabytes(tmp_path):
    real, synthetic, _ = some_windows(n_channels=19, n_times=1024)
    for pairs in (False, True):
        page = make_quiz(real, synthetic, sfreq=256, pairs=pairs, out=tmp_path / "quiz.html")
        assert page.stat().st_size < 5e6


# --- montages, filters, states


def test_montages_follow_from_the_channels(tmp_path):
    def labels(names):
        found = data_of(a_quiz(tmp_path, ch_names=names))["montages"]
        return {m["label"]: [trace[0] for trace in m["traces"]] for m in found}

    chain = ["Fp1-F7", "F7-T7", "T7-P7", "P7-O1"]
    assert labels(["EKG", "O1", "P7", "T3", "F7", "FP1"]) == {
        "Referential": ["Fp1", "F7", "T7", "P7", "O1", "EKG"],
        "Average": ["Fp1-Av", "F7-Av", "T7-Av", "P7-Av", "O1-Av", "EKG"],
        "Longitudinal bipolar": chain,
    }
    assert labels([*chain[::-1], "T8-P8", "Fz-Cz"]) == {"As recorded": [*chain, "T8-P8", "Fz-Cz"]}
    assert labels(["EKG", *chain, "T8-P8"]) == {
        "As recorded": [*chain, "T8-P8", "EKG"],
        "Longitudinal bipolar": [*chain, "T8-P8"],
    }
    assert list(labels(list("abcdef"))) == ["As recorded"]


def test_the_state_is_asked_only_where_there_are_two(tmp_path):
    assert data_of(a_quiz(tmp_path))["states"] == ["normal", "ictal"]
    assert data_of(a_quiz(tmp_path, y_real=None, y_synthetic=None))["states"] == []
    one = np.array(["ictal"] * 24)
    page = a_quiz(tmp_path, y_real=one)
    assert data_of(page)["states"] == []
    assert set(read_quiz_key(page)["state"]) == {"ictal"}
    assert "States that are not shown: normal." in data_of(page)["about"]


def test_epochs_bring_names_and_sampling_frequency(tmp_path):
    real, synthetic, y = some_windows()
    info = mne.create_info(NAMES, SFREQ, "eeg")
    a, b = (
        mne.EpochsArray(X.astype(float) * 1e-6, info, verbose="error") for X in (real, synthetic)
    )
    page = make_quiz(a, b, y_real=y, y_synthetic=y, out=tmp_path / "epochs.html")
    expected = a_quiz(tmp_path)
    np.testing.assert_allclose(signals_of(page), signals_of(expected), atol=0.11)
    assert data_of(page)["montages"] == data_of(expected)["montages"]


def test_names_cannot_inject_script(tmp_path):
    bad = '</script><img src=x onerror="alert(1)">'
    names = [*NAMES[:-1], bad]
    y = np.array([bad, "<b>ictal</b>"] * 12)
    page = a_quiz(tmp_path, ch_names=names, y_real=y, y_synthetic=y, title=bad)
    text = page.read_text(encoding="utf-8")
    assert bad not in text
    assert "<img" not in text
    assert "<b>" not in text
    assert text.count("</script>") == 2
    assert bad in data_of(page)["states"]


# --- wrong input


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"out": "quiz.txt"}, "ending in '.html'"),
        ({"n_questions": 1}, "at least two"),
        (
            {"n_questions": 60},
            "too few windows: 30 of each kind.*12 real and 12 synthetic of ictal",
        ),
        ({"y_real": None}, "y_real is None"),
        ({"y_real": ["ictal"]}, "y_real has 1 states for 24 windows"),
        ({"y_real": ["x"] * 24}, "none is in both"),
        ({"synthetic": np.zeros((24, 5, 128))}, "5 channels and 128 times, but real has 6"),
        ({"synthetic": np.full((24, 6, 128), np.nan)}, "synthetic: .*NaN"),
        ({"ch_names": NAMES[1:]}, "5 names for 6 channels"),
        ({"ch_names": ["Cz"] * 6}, r"\['Cz'\] occur more than once"),
        ({"sfreq": None}, "sampling frequency is not known"),
    ],
)
def test_wrong_input_gets_an_error_that_says_what_to_do(tmp_path, given, message):
    real, synthetic, y = some_windows()
    options = {"y_real": y, "y_synthetic": y, "sfreq": SFREQ, "ch_names": NAMES}
    options |= {"synthetic": synthetic, "out": tmp_path / "quiz.html"} | given
    with pytest.raises(ValueError, match=message):
        make_quiz(real, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("names", "sfreq", "message"),
    [
        ([*NAMES[:-1], "Oz"], SFREQ, r"also have \['Oz'\], and lack \['EKG'\]"),
        (NAMES[::-1], SFREQ, "another order"),
        (NAMES, 128, "64 Hz, synthetic ones 128 Hz"),
    ],
)
def test_epochs_of_other_channels_are_refused(tmp_path, names, sfreq, message):
    real, synthetic, _ = some_windows()
    a, b = (
        mne.EpochsArray(X.astype(float) * 1e-6, mne.create_info(n, f, "eeg"), verbose="error")
        for X, n, f in ((real, NAMES, SFREQ), (synthetic, names, sfreq))
    )
    with pytest.raises(ValueError, match=message):
        make_quiz(a, b, out=tmp_path / "quiz.html")


def test_another_page_has_no_key(tmp_path):
    (tmp_path / "page.html").write_text("<html>")
    with pytest.raises(ValueError, match="not a page that make_quiz wrote"):
        read_quiz_key(tmp_path / "page.html")


# --- in a browser


@pytest.fixture(scope="module")
def full_page(tmp_path_factory):
    """Nineteen channels, three states of which one is a hostile name."""
    cohort = make_eeg_cohort(
        n_patients=1, n_windows={"normal": 12, "ictal": 12}, sfreq=64, random_state=0
    )
    y = np.where(cohort.y == "ictal", 'a "<b>", b', cohort.y)
    folder = tmp_path_factory.mktemp("quiz")
    return make_quiz(
        cohort.X,
        cohort.X[::-1],
        y_real=y,
        y_synthetic=y[::-1],
        sfreq=64,
        ch_names=cohort.info.ch_names,
        out=folder / "quiz.html",
    )


@needs_browser
@pytest.mark.parametrize("width", [400, 1400])
def test_twenty_questions_are_answered_by_keyboard_and_saved(full_page, width, tmp_path):
    key = read_quiz_key(full_page)
    states = data_of(full_page)["states"]
    says = ["real", "synthetic", "real", "real"] * 5
    names = [states[k % 2] for k in range(20)]
    with browser.session(full_page, width, downloads=tmp_path) as page:
        looks = [page.look()]
        page.click("#reader")
        page.press(*'Dr. "R", 1')
        page.press("Enter")
        for k, (said, name) in enumerate(zip(says, names)):
            looks.append(page.look())
            assert f"Question {k + 1} of 20" in page.evaluate("document.body.innerText")
            page.press("Enter")  # nothing is chosen yet
            page.press({"real": "s", "synthetic": "r"}[said], said[0])  # a change of mind
            page.press("mftp-+="[k % 7], str(states.index(name) + 1), "Enter")
        looks.append(page.look())
        text = page.evaluate("document.body.innerText")
        page.press("d")
        page.wait_for("Browser.downloadProgress", state="completed")
        assert page.evaluate("document.querySelectorAll('b, img').length") == 0
    for look in looks:
        assert look.messages == []
        assert look.requests == []
        assert look.width <= width
        assert look.too_wide == []
        assert look.smallest_text >= 11  # CSS pixels
    (file,) = tmp_path.glob("*.csv")
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    assert set(table["reader"]) == {'Dr. "R", 1'}
    assert table["question"].tolist() == [str(k) for k in range(1, 21)]
    assert table["answer"].tolist() == says
    assert table["state_answer"].tolist() == names
    for column in ("truth", "state"):
        assert table[column].tolist() == key[column].tolist()
    for column in ("real_window", "synthetic_window"):
        assert table[column].tolist() == ["" if pd.isna(v) else str(v) for v in key[column]]
    scores = reader_agreement(file).scores.iloc[0]
    right = sum(said == truth for said, truth in zip(says, key["truth"]))
    assert scores["accuracy"] == right / 20
    low, high = (f"{scores[f'accuracy_{end}']:.0%}".replace("%", " %") for end in ("low", "high"))
    assert f"{right} of 20 right" in text
    assert f"(95 % interval {low} to {high})" in text


@needs_browser
@pytest.mark.parametrize("width", [400, 1400])
def test_pairs_are_answered_by_clicks_and_nothing_sticks_out(tmp_path, width):
    page_of_pairs = a_quiz(tmp_path, pairs=True, n_questions=2, y_real=None, y_synthetic=None)
    truth = read_quiz_key(page_of_pairs)["truth"]
    with browser.session(page_of_pairs, width) as page:
        page.click("#begin")
        for answer in truth:
            look = page.look()
            assert (look.messages, look.requests, look.too_wide) == ([], [], [])
            assert look.width <= width
            page.click(f"#source button:nth-of-type({'AB'.index(answer) + 1})")
            page.click("#next")
        assert "2 of 2 right" in page.evaluate("document.body.innerText")
        page.click("#items button:nth-of-type(2)")
        told = page.evaluate("document.getElementById('told').innerText")
        assert f"Question 2: {truth[1]} is synthetic. You said: {truth[1]}" in told


@needs_browser
def test_the_page_filters_as_scipy_does(full_page):
    x = np.cumsum(np.random.default_rng(0).normal(size=256))
    script = (Path(make_quiz.__code__.co_filename).parent / "quiz.js").read_text(encoding="utf-8")
    functions = re.search(r"  function once\(.*?(?=  function traces)", script, re.DOTALL)[0]
    with browser.session(full_page, 1400) as page:
        for how in data_of(full_page)["filters"][:2]:
            call = f"filtered(Float64Array.from({x.tolist()}), {json.dumps(how)})"
            got = page.evaluate(f"(() => {{ {functions} return [...{call}]; }})()")
            expected = sosfiltfilt(np.array(how["sos"]), x, padlen=len(x) - 1)
            np.testing.assert_allclose(got, expected, atol=1e-6)
