import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk.datasets import make_eeg_cohort

SMALL = {"n_windows": {"normal": 6, "preictal": 4, "ictal": 4}, "sfreq": 64.0, "length": 2.0}


def log_band_powers(X, sfreq):
    power = np.abs(np.fft.rfft(X * np.hanning(X.shape[-1]))) ** 2
    freqs = np.fft.rfftfreq(X.shape[-1], 1 / sfreq)
    bands = [(1, 4), (4, 8), (8, 13), (13, 30), (30, 45)]
    bands = [(freqs >= low) & (freqs < high) for low, high in bands if high < sfreq / 2 + 20]
    return np.concatenate([np.log(power[..., band].mean(axis=-1)) for band in bands], axis=1)


@pytest.fixture(scope="module")
def default_cohort():
    return make_eeg_cohort(random_state=0)


def test_everything_has_one_row_per_window_and_the_units_are_microvolts(default_cohort):
    n = 8 * (60 + 20 + 12)
    assert default_cohort.X.shape == (n, 19, 1024)
    assert default_cohort.X.dtype == np.float32
    assert np.isfinite(default_cohort.X).all()
    assert len(default_cohort.y) == len(default_cohort.groups) == len(default_cohort.metadata) == n
    rms = default_cohort.X.std(axis=-1)
    assert 5 < np.median(rms) < 100
    assert list(default_cohort.metadata.columns) == [
        "patient",
        "recording",
        "onset",
        "seizure",
        "state",
    ]


def test_a_linear_classifier_is_neither_near_chance_nor_near_perfect(default_cohort):
    model = make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced")
    )
    predicted = cross_val_predict(
        model,
        log_band_powers(default_cohort.X, 256.0),
        default_cohort.y,
        groups=default_cohort.groups,
        cv=GroupKFold(8),
    )
    score = f1_score(default_cohort.y, predicted, average="macro")
    assert 0.45 < score < 0.85


def test_patients_differ_more_than_the_windows_of_a_patient(default_cohort):
    normal = default_cohort.y == "normal"
    features = log_band_powers(default_cohort.X[normal], 256.0)
    groups = default_cohort.groups[normal]
    patients = [features[groups == name] for name in np.unique(groups)]
    between = np.var([rows.mean(axis=0) for rows in patients], axis=0).mean()
    within = np.mean([rows.var(axis=0).mean() for rows in patients])
    assert between > within


def test_seizures_are_few_and_lie_in_several_recordings(default_cohort):
    ictal = default_cohort.metadata.query("state == 'ictal'")
    assert ictal.groupby("patient")["seizure"].nunique().between(2, 4).all()
    assert default_cohort.metadata.groupby("patient")["recording"].nunique().min() >= 2
    assert default_cohort.metadata.query("state == 'normal'")["seizure"].isna().all()


def test_the_same_seed_gives_the_same_data_and_another_seed_gives_others():
    first, second = (make_eeg_cohort(n_patients=2, random_state=7, **SMALL) for _ in range(2))
    np.testing.assert_array_equal(first.X, second.X)
    assert not np.array_equal(first.X, make_eeg_cohort(n_patients=2, random_state=8, **SMALL).X)


def test_a_patient_is_the_same_however_many_there_are():
    few = make_eeg_cohort(n_patients=2, random_state=3, **SMALL)
    many = make_eeg_cohort(n_patients=4, random_state=3, **SMALL)
    np.testing.assert_array_equal(many.X[: len(few.X)], few.X)
    assert list(many.groups[: len(few.X)]) == list(few.groups)


def test_no_global_random_numbers_are_drawn():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_eeg_cohort(n_patients=1, random_state=0, **SMALL)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_channel_carries_the_same_signal_whatever_its_company():
    whole = make_eeg_cohort(n_patients=1, random_state=0, **SMALL)
    some = make_eeg_cohort(n_patients=1, random_state=0, channels=["O2", "T7"], **SMALL)
    rows = [whole.info.ch_names.index(name) for name in ["O2", "T7"]]
    np.testing.assert_array_equal(some.X, whole.X[:, rows])
    assert some.info.ch_names == ["O2", "T7"]


def test_windows_are_cuts_of_the_continuous_recordings():
    cohort = make_eeg_cohort(n_patients=2, continuous=True, random_state=0, **SMALL)
    raws = {raw.info["description"]: raw for raw in cohort.raws}
    assert set(raws) == set(cohort.metadata["recording"])
    for window, row in zip(cohort.X, cohort.metadata.itertuples()):
        raw = raws[row.recording]
        start = round(row.onset * 64)
        cut = raw.get_data(start=start, stop=start + 128) * 1e6
        np.testing.assert_allclose(window, cut, rtol=1e-5, atol=1e-4)
        assert raw.info["subject_info"]["his_id"] == row.patient
        seizure = raw.annotations[0]
        inside = seizure["onset"] <= row.onset < seizure["onset"] + seizure["duration"]
        assert inside == (row.state == "ictal")


def test_windows_do_not_overlap():
    cohort = make_eeg_cohort(n_patients=3, random_state=1, **SMALL)
    for _, windows in cohort.metadata.groupby("recording"):
        assert (np.diff(windows["onset"]) >= 2.0 - 1e-9).all()


def test_a_harder_cohort_has_weaker_seizures():
    easy, hard = (
        make_eeg_cohort(n_patients=3, difficulty=d, random_state=0, **SMALL) for d in (0.0, 2.0)
    )
    ictal = easy.y == "ictal"
    assert easy.X[ictal].std() > 1.5 * hard.X[ictal].std()


def test_the_rhythm_of_a_seizure_slows():
    cohort = make_eeg_cohort(
        n_patients=6, n_windows={"ictal": 12}, difficulty=0, sfreq=64.0, random_state=0
    )
    freqs = np.fft.rfftfreq(256, 1 / 64)
    power = (np.abs(np.fft.rfft(cohort.X * np.hanning(256))) ** 2).mean(axis=1)
    usual = (freqs >= 1) & (freqs <= 20)
    peak = freqs[usual][(power[:, usual] * freqs[usual]).argmax(axis=1)]
    seizures = [peak[rows.index] for _, rows in cohort.metadata.groupby("seizure")]
    assert np.mean([late < early for _, early, *_, late in seizures]) > 0.8


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_patients": 0}, "n_patients"),
        ({"n_windows": {"sleep": 3}}, "unknown states"),
        ({"n_windows": {"normal": 0}}, "no window"),
        ({"n_windows": {"normal": -1}}, "0 or more"),
        ({"channels": ["T3"]}, "T7"),
        ({"channels": []}, "distinct names"),
        ({"sfreq": 20}, "at least 32"),
        ({"length": 0}, "length"),
        ({"difficulty": -1}, "difficulty"),
    ],
)
def test_wrong_arguments_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        make_eeg_cohort(**wrong)


def test_importing_datasets_loads_neither_torch_nor_mne():
    code = (
        "import sys, geneeg_sk, geneeg_sk.datasets as d;"
        "[getattr(d, name) for name in d.__all__];"
        "sys.exit(bool({'mne', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
