"""Copies under shift and polarity, closest records, membership; utility; floors."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk.features import EEGFeatures
from geneeg_sk.metrics import _duplicates as duplicates
from geneeg_sk.metrics import _memorisation as memorisation
from geneeg_sk.metrics import (
    amplitude_distance,
    augmentation_gain,
    c2st,
    correlation_error,
    distance_to_closest_record,
    exact_copies,
    find_copies,
    floor,
    ks_by_feature,
    membership_inference_auc,
    near_copies,
    nearest_neighbour_ratio,
    prdc,
    score_with_floor,
    spectral_distance,
    utility,
)

SFREQ = 64.0
MODEL = make_pipeline(EEGFeatures(sfreq=SFREQ), StandardScaler(), LogisticRegression())


def noise(n, n_channels=2, n_times=128, *, seed=0, scale=20.0):
    return np.random.default_rng(seed).normal(scale=scale, size=(n, n_channels, n_times))


# copies


@settings(max_examples=25, deadline=None)
@given(
    shift=st.integers(-64, 64),
    polarity=st.sampled_from([1, -1]),
    n_channels=st.sampled_from([1, 3]),
    circular=st.booleans(),
)
def test_a_copy_is_found_at_any_shift_and_polarity(shift, polarity, n_channels, circular):
    recording = noise(6, n_channels, 256)  # training windows are cut from its middle
    train = recording[..., 64:192]
    cut = np.roll(train, -shift, axis=2) if circular else recording[..., 64 + shift : 192 + shift]
    copies = find_copies(polarity * cut[2:3], train, sfreq=SFREQ).loc[0]
    assert copies["nearest"] == 2
    assert copies["exact"]
    assert copies["near"]
    assert copies["polarity"] == polarity
    assert abs(copies["shift"] * SFREQ - shift) in ({0, 128} if circular else {0})


def test_correlation_at_every_lag_is_that_of_the_overlap_itself():
    a, b = noise(1, 2, 21)[0], noise(1, 2, 21, seed=1)[0]
    by_hand = {}
    for lag in range(-10, 11):
        n = 21 - abs(lag)
        x = a[:, max(-lag, 0) :][:, :n]
        y = b[:, max(lag, 0) :][:, :n]
        x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
        by_hand[lag] = (x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum())
    lag = max(by_hand, key=lambda k: abs(by_hand[k]))
    row = find_copies(a[None], np.stack([b, 0 * b]), sfreq=1).loc[0]
    assert (row["nearest"], row["shift"]) == (0, lag)
    assert row["polarity"] == np.sign(by_hand[lag])
    assert row["distance"] == pytest.approx(np.sqrt(2 - 2 * abs(by_hand[lag])))


def test_a_noisy_shifted_and_scaled_copy_is_near_but_not_exact():
    train, new = noise(40), noise(40, seed=1)
    altered = -1.5 * np.roll(train[:10], 30, axis=2) + 0.05 * new[:10]
    copies = find_copies(altered, train, sfreq=SFREQ)
    assert copies["near"].all()
    assert not copies["exact"].any()
    assert near_copies(altered, train, sfreq=SFREQ, on="windows") == 1
    assert near_copies(new, train, sfreq=SFREQ, on="windows") == 0
    assert exact_copies(np.concatenate([train[:10], new[:10]]), train, sfreq=SFREQ) == 0.5


def test_training_windows_that_are_equal_count_once_and_keep_their_numbers():
    train = noise(20)
    copies = find_copies(train[5:8], np.concatenate([train, train]), sfreq=SFREQ)
    assert copies["nearest"].tolist() == [5, 6, 7]
    assert copies["near"].all()


def test_flat_windows_are_copies_of_flat_windows_only():
    train = noise(6)
    train[2] = 7
    copies = find_copies(np.stack([train[2], noise(1, seed=1)[0]]), train, sfreq=SFREQ)
    assert np.isfinite(copies["distance"]).all()
    assert not copies["near"][1]


def test_too_many_pairs_are_thinned_with_a_warning(monkeypatch):
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 100)
    monkeypatch.setattr(memorisation, "MAX_PAIRS", 100)
    train = noise(20)
    with pytest.warns(UserWarning, match="5 of the 10 synthetic windows"):
        assert len(find_copies(noise(10, seed=1), train, sfreq=SFREQ)) == 5
    with pytest.warns(UserWarning, match="5 of 10 windows"):
        near_copies(noise(10, seed=1), train, sfreq=SFREQ)


def test_real_eeg_holds_no_copies_and_planted_ones_are_found(data_folder):
    data = np.load(data_folder / "bonn-windows.npz")
    X = data["X"][data["bonn_set"] == "A"].astype(np.float32)[:300]
    X = X.reshape(len(X), 1, -1)
    train, new = X[::2], X[1::2]
    new[:15] = np.roll(train[:15], 40, axis=2)
    found = find_copies(new, train, sfreq=173.61)
    assert found["exact"][:15].all()
    assert found["near"][15:].mean() < 0.02


# privacy


def test_closest_record_and_membership_of_unseen_windows_and_of_copies():
    train, holdout, new = (noise(150, seed=s) for s in range(3))
    fresh = distance_to_closest_record(new, train, holdout, sfreq=SFREQ)
    assert fresh["nearer_to_train"] == pytest.approx(0.5, abs=0.12)
    assert fresh["median"] == pytest.approx(fresh["holdout_median"], rel=0.1)
    assert membership_inference_auc(new, train, holdout, sfreq=SFREQ) == pytest.approx(0.5, abs=0.1)

    copied = distance_to_closest_record(train, train, holdout, sfreq=SFREQ)
    assert copied["nearer_to_train"] == 1
    assert copied["median"] == 0
    assert membership_inference_auc(train, train, holdout, sfreq=SFREQ) == 1


def test_half_of_the_training_windows_copied_gives_three_quarters():
    # members are certain where copied and a coin toss elsewhere
    train, holdout = noise(300), noise(300, seed=1)
    auc = membership_inference_auc(train[:150], train, holdout, sfreq=SFREQ)
    assert auc == pytest.approx(0.75, abs=0.05)


def test_more_training_than_unseen_windows_do_not_look_memorised():
    new, train, holdout = noise(100, seed=1), noise(400), noise(50, seed=2)
    closest = distance_to_closest_record(new, train, holdout, sfreq=SFREQ)
    assert closest["nearer_to_train"] == pytest.approx(0.5, abs=0.15)


# utility


def labelled(n, seed, scale=3):
    X, y = noise(n, seed=seed), np.where(np.arange(n) % 2, "ictal", "normal")
    X[y == "ictal"] *= scale
    return X, y


def test_synthetic_windows_as_good_as_real_ones_are_as_useful():
    scores = utility(MODEL, *labelled(40, 0), *labelled(40, 1), *labelled(40, 2))
    assert scores.eq(1).all()


def test_synthetic_windows_of_wrong_states_are_found_out():
    X, y = labelled(40, 1)
    scores = utility(MODEL, *labelled(40, 0), X, y[::-1], *labelled(40, 2))
    assert scores["real"] == 1
    assert scores["train_on_synthetic"] == scores["test_on_synthetic"] == 0


def test_a_missing_state_of_the_synthetic_windows_costs_what_it_should():
    X, y = labelled(40, 1)
    y[:] = "ictal"
    y[:3] = "normal"  # hardly any
    X[:3] = noise(3, seed=5)
    only_ictal = np.concatenate([X[:3], 3 * noise(37, seed=6)])
    scores = utility(MODEL, *labelled(40, 0), only_ictal, y, *labelled(40, 2))
    assert scores["test_on_synthetic"] == 1
    assert 0 <= scores["train_on_synthetic"] <= 1


def test_gain_is_by_patient_and_warns_of_few():
    X_test, y_test = labelled(80, 2)
    sets = *labelled(20, 0), *labelled(20, 1), X_test, y_test
    patients, summary = augmentation_gain(MODEL, *sets, np.arange(80) // 10)
    assert list(patients.columns) == ["real", "augmented", "gain"]
    assert len(patients) == summary["n_patients"] == 8
    assert patients["gain"].mean() == pytest.approx(summary["mean"])
    with pytest.warns(UserWarning, match="2 patients"):
        augmentation_gain(MODEL, *sets, np.arange(80) // 40)


def test_utility_names_the_set_whose_states_do_not_fit():
    with pytest.raises(ValueError, match="X_synthetic has 5 windows, but 4 states"):
        utility(MODEL, *labelled(8, 0), noise(5), [0, 1, 0, 1], *labelled(8, 2))
    with pytest.raises(ValueError, match="patient of every test window"):
        augmentation_gain(MODEL, *labelled(8, 0), *labelled(8, 1), *labelled(8, 2), None)


# floors

PATIENTS = np.repeat(np.arange(8), 15)


@pytest.mark.parametrize(
    ("score", "names"),
    [
        (correlation_error, ["correlation_error"]),
        (spectral_distance, ["delta", "theta", "alpha", "beta", "gamma", "mean"]),
        (prdc, ["precision", "recall", "density", "coverage"]),
        (ks_by_feature, ["statistic", "p_value", "rejected"]),
        (near_copies, ["near_copies"]),
        (nearest_neighbour_ratio, ["nearest_neighbour_ratio"]),
        (membership_inference_auc, ["membership_inference_auc"]),
    ],
)
def test_every_kind_of_score_has_a_floor(score, names):
    table = floor(score, noise(120), sfreq=SFREQ, groups=PATIENTS, n_repeats=4, random_state=0)
    assert list(table.index) == names
    assert (table["floor_low"] <= table["floor"]).all()
    assert (table["floor"] <= table["floor_high"]).all()


def test_floors_never_have_a_patient_in_two_sets_and_use_all_of_them():
    amplitudes = (PATIENTS + 1.0)[:, None, None]  # the amplitude is the patient
    deals = []

    def spy(synthetic, train, holdout, *, sfreq):
        deals.append([set(np.unique(X)) for X in (synthetic, train, holdout)])
        return 0.0

    floor(spy, np.ones((120, 1, 8)) * amplitudes, sfreq=SFREQ, groups=PATIENTS, random_state=0)
    assert len(deals) == 20
    assert len({tuple(map(tuple, map(sorted, deal))) for deal in deals}) > 1
    for sets in deals:
        assert sum(map(len, sets)) == len(set.union(*sets)) == 8


def test_the_floor_hands_groups_and_a_seed_to_scores_that_take_them():
    seen = []

    def spy(real, synthetic, *, sfreq, groups=None, synthetic_groups=None, random_state=None):
        seen.append((groups, synthetic_groups, random_state))
        return 0.0

    X = noise(120)
    score_with_floor(spy, X, X[:9], sfreq=SFREQ, groups=PATIENTS, n_repeats=1, random_state=0)
    (groups, others, seed), (again, none, same_seed) = seen
    assert not set(groups) & set(others)
    np.testing.assert_array_equal(groups, again)
    assert none is None
    assert seed == same_seed is not None


def test_interval_of_the_floor_covers_new_sets_of_patients():
    # the score of two halves of the same 40 patients, against that of halves of fresh ones
    def difference(real, synthetic, *, sfreq):
        return real.mean() - synthetic.mean()

    def patients(seed):
        return np.random.default_rng(seed).normal(size=(40, 1, 1)) * np.ones(4)

    table = floor(difference, patients(0), sfreq=1, n_repeats=400, random_state=0).iloc[0]
    fresh = [patients(s)[:20].mean() - patients(s)[20:].mean() for s in range(1, 400)]
    width = table["floor_high"] - table["floor_low"]
    expected = np.quantile(fresh, 0.975) - np.quantile(fresh, 0.025)
    assert width == pytest.approx(expected, rel=0.35)  # 40 patients know their spread to 11 %


def test_value_and_floor_agree_for_windows_of_the_same_distribution():
    table = score_with_floor(
        amplitude_distance, noise(120), noise(200, seed=1), sfreq=SFREQ, random_state=0
    ).iloc[0]
    assert table["value"] == pytest.approx(table["floor"], rel=0.5)
    assert table["n_windows"] == 60
    far = score_with_floor(
        amplitude_distance, noise(120), noise(200, scale=40), sfreq=SFREQ, random_state=0
    ).iloc[0]
    assert far["value_low"] > 10 * far["floor_high"]


def test_the_floor_of_c2st_by_patient_is_about_one_half():
    table = floor(
        c2st,
        noise(160),
        sfreq=SFREQ,
        groups=np.arange(160) // 20,
        estimator=make_pipeline(StandardScaler(), LogisticRegression(C=0.01)),
        n_repeats=6,
        random_state=0,
    )
    assert table.loc["c2st", "floor"] == pytest.approx(0.5, abs=0.12)


def test_a_floor_repeats_with_its_seed():
    tables = [
        floor(amplitude_distance, noise(40), sfreq=SFREQ, n_repeats=3, random_state=5)
        for _ in range(2)
    ]
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.parametrize(
    ("score", "groups", "message"),
    [
        (amplitude_distance, np.zeros(12), "1 groups cannot be dealt into the 2 sets"),
        (membership_inference_auc, np.arange(12) % 2, "2 groups .* 3 sets"),
    ],
)
def test_too_few_patients_for_disjoint_sets_are_refused(score, groups, message):
    with pytest.raises(ValueError, match=message):
        floor(score, noise(12), sfreq=SFREQ, groups=groups)


def test_scores_that_need_the_training_windows_have_no_score_with_floor():
    with pytest.raises(ValueError, match="expected a score of real and synthetic"):
        score_with_floor(near_copies, noise(12), noise(12), sfreq=SFREQ)
