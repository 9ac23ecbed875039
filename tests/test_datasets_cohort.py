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


SESSION = {
    "n_patients": 3,
    "n_windows": {"normal": 20, "preictal": 6, "ictal": 6},
    "sfreq": 64.0,
    "random_state": 1,
}


def test_session_zero_is_the_cohort_as_it_always_was():
    cohort, same = make_eeg_cohort(**SESSION), make_eeg_cohort(session=0, **SESSION)
    np.testing.assert_array_equal(cohort.X, same.X)
    assert cohort.metadata.equals(same.metadata)


def test_another_session_has_other_recordings_with_other_signals():
    days = [make_eeg_cohort(session=k, **SESSION) for k in range(3)]
    names = [set(day.metadata["recording"]) for day in days]
    assert len(set.union(*names)) == sum(map(len, names))
    for day in days[1:]:
        counts = day.metadata.value_counts(["patient", "state"]).unstack()
        assert all((counts[state] == n).all() for state, n in SESSION["n_windows"].items())
        a, b = days[0].X.reshape(len(day.X), -1), day.X.reshape(len(day.X), -1)
        correlation = [np.corrcoef(x, z)[0, 1] for x, z in zip(a, b)]
        assert abs(np.mean(correlation)) < 0.05


def test_a_session_is_the_same_whoever_else_is_simulated():
    three = make_eeg_cohort(session=2, **SESSION)
    one = make_eeg_cohort(session=2, **{**SESSION, "n_patients": 1})
    np.testing.assert_array_equal(one.X, three.X[three.groups == "P01"])


def test_patients_keep_their_traits_from_day_to_day():
    """Spectra of one patient on two days are nearer to each other than those of two patients."""
    spectra = []
    for session in (0, 1):
        day = make_eeg_cohort(session=session, **SESSION)
        normal = day.y == "normal"
        power = np.log(np.abs(np.fft.rfft(day.X[normal], axis=2))[..., 2:80] ** 2).mean(axis=1)
        spectra.append([power[day.groups[normal] == p].mean(axis=0) for p in np.unique(day.groups)])
    first, second = map(np.array, spectra)
    distance = np.linalg.norm(first[:, None] - second[None], axis=2)
    assert (distance.argmin(axis=1) == np.arange(3)).all()


@pytest.mark.slow
def test_two_sessions_of_many_patients_are_not_told_apart():
    from geneeg_sk.metrics import c2st

    many = {**SESSION, "n_patients": 40, "n_windows": {"ictal": 8}, "random_state": 2}
    first, second = (make_eeg_cohort(session=session, **many) for session in (1, 2))
    for on in ("features", "windows"):
        auc = c2st(
            first.X,
            second.X,
            sfreq=64.0,
            on=on,
            groups=first.groups,
            synthetic_groups=second.groups,
            random_state=0,
        )
        assert auc == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("session", [-1, 0.5, "1"])
def test_a_session_is_a_number_of_a_day(session):
    with pytest.raises(ValueError, match="session must be an integer of 0 or more"):
        make_eeg_cohort(n_patients=1, session=session)
