"""Copies under shift and polarity, closest records, membership; training; references."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk.features import EEGFeatures
from geneeg_sk.metrics import (
    _copies,
    _neighbors,
    amplitude_distance,
    augmentation_gain,
    c2st,
    correlation_error,
    distance_to_closest_record,
    find_copies,
    ks_by_feature,
    membership_inference_auc,
    nearest_neighbor_ratio,
    prdc,
    real_reference,
    score_with_reference,
    spectral_distance,
    tstr_scores,
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
    copies = find_copies(train, polarity * cut[2:3], sfreq=SFREQ).loc[0]
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
    row = find_copies(np.stack([b, 0 * b]), a[None], sfreq=1).loc[0]
    assert (row["nearest"], row["shift"]) == (0, lag)
    assert row["polarity"] == np.sign(by_hand[lag])
    assert row["distance"] == pytest.approx(np.sqrt(2 - 2 * abs(by_hand[lag])))


def test_a_noisy_shifted_and_scaled_copy_is_near_but_not_exact():
    train, new = noise(40), noise(40, seed=1)
    altered = -1.5 * np.roll(train[:10], 30, axis=2) + 0.05 * new[:10]
    copies = find_copies(train, altered, sfreq=SFREQ)
    assert copies["near"].all()
    assert not copies["exact"].any()
    assert not find_copies(train, new, sfreq=SFREQ)["near"].any()
    mixed = find_copies(train, np.concatenate([train[:10], new[:10]]), sfreq=SFREQ)
    assert mixed["exact"].tolist() == [True] * 10 + [False] * 10


def test_training_windows_that_are_equal_count_once_and_keep_their_numbers():
    train = noise(20)
    copies = find_copies(np.concatenate([train, train]), train[5:8], sfreq=SFREQ)
    assert copies["nearest"].tolist() == [5, 6, 7]
    assert copies["near"].all()


def test_flat_windows_are_copies_of_flat_windows_only():
    train = noise(6)
    train[2] = 7
    copies = find_copies(train, np.stack([train[2], noise(1, seed=1)[0]]), sfreq=SFREQ)
    assert np.isfinite(copies["distance"]).all()
    assert not copies["near"][1]


def test_too_many_pairs_are_thinned_with_a_warning(monkeypatch):
    monkeypatch.setattr(_copies, "MAX_PAIRS", 100)
    monkeypatch.setattr(_neighbors, "MAX_PAIRS", 100)
    train = noise(20)
    with pytest.warns(UserWarning, match="5 of the 10 synthetic windows"):
        assert len(find_copies(train, noise(10, seed=1), sfreq=SFREQ)) == 5
    with pytest.warns(UserWarning, match="5 of 10 windows"):
        assert len(find_copies(train, noise(10, seed=1), sfreq=SFREQ, on="features")) == 5


def test_real_eeg_holds_no_copies_and_planted_ones_are_found(data_folder):
    data = np.load(data_folder / "bonn-windows.npz")
    X = data["X"][data["bonn_set"] == "A"].astype(np.float32)[:300]
    X = X.reshape(len(X), 1, -1)
    train, new = X[::2], X[1::2]
    new[:15] = np.roll(train[:15], 40, axis=2)
    found = find_copies(train, new, sfreq=173.61)
    assert found["exact"][:15].all()
    assert found["near"][15:].mean() < 0.02


# privacy


def test_closest_record_and_membership_of_unseen_windows_and_of_copies():
    train, holdout, new = (noise(150, seed=s) for s in range(3))
    fresh = distance_to_closest_record(holdout, new, train=train, sfreq=SFREQ)
    assert fresh["nearer_to_train"] == pytest.approx(0.5, abs=0.12)
    assert fresh["median"] == pytest.approx(fresh["real_median"], rel=0.1)
    auc = membership_inference_auc(holdout, new, train=train, sfreq=SFREQ)
    assert auc == pytest.approx(0.5, abs=0.1)

    copied = distance_to_closest_record(holdout, train, train=train, sfreq=SFREQ)
    assert copied["nearer_to_train"] == 1
    assert copied["median"] == 0
    assert membership_inference_auc(holdout, train, train=train, sfreq=SFREQ) == 1


def test_half_of_the_training_windows_copied_gives_three_quarters():
    # members are certain where copied and a coin toss elsewhere
    train, holdout = noise(300), noise(300, seed=1)
    auc = membership_inference_auc(holdout, train[:150], train=train, sfreq=SFREQ)
    assert auc == pytest.approx(0.75, abs=0.05)


def test_more_training_than_unseen_windows_do_not_look_memorized():
    new, train, holdout = noise(100, seed=1), noise(400), noise(50, seed=2)
    closest = distance_to_closest_record(holdout, new, train=train, sfreq=SFREQ)
    assert closest["nearer_to_train"] == pytest.approx(0.5, abs=0.15)


# training


def labeled(n, seed, scale=3):
    X, y = noise(n, seed=seed), np.where(np.arange(n) % 2, "ictal", "normal")
    X[y == "ictal"] *= scale
    return X, y


def sets(real, synthetic, train):
    """Three pairs of windows and states, as keywords."""
    return {
        "real": real[0],
        "synthetic": synthetic[0],
        "y_real": real[1],
        "y_synthetic": synthetic[1],
        "train": train[0],
        "y_train": train[1],
        "estimator": MODEL,
    }


def test_synthetic_windows_as_good_as_real_ones_are_as_useful():
    scores = tstr_scores(**sets(labeled(40, 2), labeled(40, 1), labeled(40, 0)))
    assert scores.eq(1).all()


def test_synthetic_windows_of_wrong_states_are_found_out():
    X, y = labeled(40, 1)
    scores = tstr_scores(**sets(labeled(40, 2), (X, y[::-1]), labeled(40, 0)))
    assert scores["train_on_real"] == 1
    assert scores["train_on_synthetic"] == scores["test_on_synthetic"] == 0


def test_a_missing_state_of_the_synthetic_windows_costs_what_it_should():
    X, y = labeled(40, 1)
    y[:] = "ictal"
    y[:3] = "normal"  # hardly any
    X[:3] = noise(3, seed=5)
    only_ictal = np.concatenate([X[:3], 3 * noise(37, seed=6)])
    scores = tstr_scores(**sets(labeled(40, 2), (only_ictal, y), labeled(40, 0)))
    assert scores["test_on_synthetic"] == 1
    assert 0 <= scores["train_on_synthetic"] <= 1


def test_gain_is_by_patient_and_warns_of_few():
    given = sets(labeled(80, 2), labeled(20, 1), labeled(20, 0))
    patients, summary = augmentation_gain(**given, groups=np.arange(80) // 10)
    assert list(patients.columns) == ["real", "augmented", "gain"]
    assert len(patients) == summary["n_patients"] == 8
    assert patients["gain"].mean() == pytest.approx(summary["mean"])
    with pytest.warns(UserWarning, match="2 patients"):
        augmentation_gain(**given, groups=np.arange(80) // 40)


def test_the_set_whose_states_do_not_fit_is_named():
    with pytest.raises(ValueError, match="synthetic has 5 windows, but 4 states"):
        tstr_scores(**sets(labeled(8, 2), (noise(5), [0, 1, 0, 1]), labeled(8, 0)))
    with pytest.raises(ValueError, match="patient of every window of real"):
        augmentation_gain(**sets(labeled(8, 2), labeled(8, 1), labeled(8, 0)), groups=None)


# references

PATIENTS = np.repeat(np.arange(8), 15)


@pytest.mark.parametrize(
    ("score", "names"),
    [
        (correlation_error, ["correlation_error"]),
        (spectral_distance, ["delta", "theta", "alpha", "beta", "gamma", "mean"]),
        (prdc, ["precision", "recall", "density", "coverage"]),
        (ks_by_feature, ["statistic", "p_value", "rejected"]),
        (find_copies, ["nearest", "shift", "polarity", "distance", "ratio", "exact", "near"]),
        (nearest_neighbor_ratio, ["nearest_neighbor_ratio"]),
        (membership_inference_auc, ["membership_inference_auc"]),
    ],
)
def test_every_kind_of_score_has_a_reference(score, names):
    table = real_reference(
        score, noise(120), sfreq=SFREQ, groups=PATIENTS, n_repeats=4, random_state=0
    )
    assert list(table.index) == names
    assert (table["reference_low"] <= table["reference"]).all()
    assert (table["reference"] <= table["reference_high"]).all()


def test_a_patient_is_never_in_two_sets_and_all_are_used():
    amplitudes = (PATIENTS + 1.0)[:, None, None]  # the amplitude is the patient
    splits = []

    def spy(real, synthetic, *, train, sfreq):
        splits.append([set(np.unique(X)) for X in (real, synthetic, train)])
        return 0.0

    X = np.ones((120, 1, 8)) * amplitudes
    real_reference(spy, X, sfreq=SFREQ, groups=PATIENTS, random_state=0)
    assert len(splits) == 20
    assert len({tuple(map(tuple, map(sorted, split))) for split in splits}) > 1
    for parts in splits:
        assert sum(map(len, parts)) == len(set.union(*parts)) == 8


def test_the_reference_hands_groups_and_a_seed_to_scores_that_take_them():
    seen = []

    def spy(real, synthetic, *, sfreq, groups=None, synthetic_groups=None, random_state=None):
        seen.append((groups, synthetic_groups, random_state))
        return 0.0

    X = noise(120)
    score_with_reference(spy, X, X[:9], sfreq=SFREQ, groups=PATIENTS, n_repeats=1, random_state=0)
    (groups, others, seed), (again, none, same_seed) = seen
    assert not set(groups) & set(others)
    np.testing.assert_array_equal(groups, again)
    assert none is None
    assert seed == same_seed is not None


def test_interval_of_the_reference_covers_new_sets_of_patients():
    # the score of two halves of the same 40 patients, against that of halves of fresh ones
    def difference(real, synthetic, *, sfreq):
        return real.mean() - synthetic.mean()

    def patients(seed):
        return np.random.default_rng(seed).normal(size=(40, 1, 1)) * np.ones(4)

    table = real_reference(difference, patients(0), sfreq=1, n_repeats=400, random_state=0).iloc[0]
    fresh = [patients(s)[:20].mean() - patients(s)[20:].mean() for s in range(1, 400)]
    width = table["reference_high"] - table["reference_low"]
    expected = np.quantile(fresh, 0.975) - np.quantile(fresh, 0.025)
    assert width == pytest.approx(expected, rel=0.35)  # 40 patients know their spread to 11 %


def test_value_and_reference_agree_for_windows_of_the_same_distribution():
    table = score_with_reference(
        amplitude_distance, noise(120), noise(200, seed=1), sfreq=SFREQ, random_state=0
    ).iloc[0]
    assert table["value"] == pytest.approx(table["reference"], rel=0.5)
    assert table["n_windows"] == 60
    far = score_with_reference(
        amplitude_distance, noise(120), noise(200, scale=40), sfreq=SFREQ, random_state=0
    ).iloc[0]
    assert far["value_low"] > 10 * far["reference_high"]


def test_the_reference_of_c2st_by_patient_is_about_one_half():
    table = real_reference(
        c2st,
        noise(160),
        sfreq=SFREQ,
        groups=np.arange(160) // 20,
        estimator=make_pipeline(StandardScaler(), LogisticRegression(C=0.01)),
        n_repeats=6,
        random_state=0,
    )
    assert table.loc["c2st", "reference"] == pytest.approx(0.5, abs=0.12)


def test_a_reference_repeats_with_its_seed():
    tables = [
        real_reference(amplitude_distance, noise(40), sfreq=SFREQ, n_repeats=3, random_state=5)
        for _ in range(2)
    ]
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.parametrize(
    ("score", "groups", "message"),
    [
        (amplitude_distance, np.zeros(12), "1 groups cannot be split into the 2 sets"),
        (membership_inference_auc, np.arange(12) % 2, "2 groups .* 3 sets"),
    ],
)
def test_too_few_patients_for_disjoint_sets_are_refused(score, groups, message):
    with pytest.raises(ValueError, match=message):
        real_reference(score, noise(12), sfreq=SFREQ, groups=groups)


@pytest.mark.parametrize("score", [find_copies, membership_inference_auc])
def test_scores_that_need_all_training_windows_are_not_computed_on_parts_of_them(score):
    with pytest.raises(ValueError, match="needs all training windows"):
        score_with_reference(score, noise(12), noise(12), sfreq=SFREQ)
