import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import ks_2samp
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk.features import EEGFeatures
from geneeg_sk.metrics import (
    amplitude_distance,
    asymmetry_distance,
    autocorrelation_distance,
    c2st,
    coherence_error,
    correlation_error,
    course_distance,
    distance_to_closest_record,
    expected_calibration_error,
    find_copies,
    frechet_distance,
    ks_by_feature,
    membership_inference_auc,
    mmd,
    nearest_neighbor_ratio,
    phase_amplitude_distance,
    prdc,
    rhythm_distance,
    spectral_distance,
    spike_survival,
)

SFREQ = 64.0
BANDS = ["delta", "theta", "alpha", "beta", "gamma"]
LINEAR = make_pipeline(StandardScaler(), LogisticRegression())

PAIRWISE = {
    "ks_by_feature": ks_by_feature,
    "spectral_distance": spectral_distance,
    "c2st": lambda a, b, **kw: c2st(a, b, estimator=LINEAR, random_state=0, **kw),
    "c2st on windows": lambda a, b, **kw: c2st(a, b, on="windows", random_state=0, **kw),
    "find_copies": lambda a, b, **kw: find_copies(b, a, **kw)["near"],
    "find_copies on features": lambda a, b, **kw: find_copies(b, a, on="features", **kw)["near"],
    "distance_to_closest_record": lambda a, b, **kw: distance_to_closest_record(
        b, a, train=b, **kw
    ),
    "membership_inference_auc": lambda a, b, **kw: membership_inference_auc(b, a, train=b, **kw),
    "correlation_error": correlation_error,
    "coherence_error": coherence_error,
    "autocorrelation_distance": autocorrelation_distance,
    "amplitude_distance": amplitude_distance,
    "asymmetry_distance": asymmetry_distance,
    "course_distance": course_distance,
    "phase_amplitude_distance": phase_amplitude_distance,
    "rhythm_distance": rhythm_distance,
    "spike_survival": lambda a, b, **kw: spike_survival(a, b, **kw).drop("ratio"),
    "mmd": mmd,
    "frechet_distance": frechet_distance,
    "prdc": prdc,
    "nearest_neighbor_ratio": lambda a, b, **kw: nearest_neighbor_ratio(
        b * np.float32(1.1), a, train=b, **kw
    ),
}
pairwise = pytest.mark.parametrize("metric", PAIRWISE.values(), ids=PAIRWISE)


def noise(n, n_channels=2, n_times=128, *, seed=0, scale=20.0):
    return np.random.default_rng(seed).normal(scale=scale, size=(n, n_channels, n_times))


# all that compare sets of windows


@pairwise
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_channels", [1, 5, 64])
def test_any_precision_and_number_of_channels_is_accepted(metric, dtype, n_channels):
    a, b = (noise(12, n_channels, seed=s).astype(dtype) for s in (0, 1))
    assert np.all(np.isfinite(_numbers(metric(a, b, sfreq=SFREQ))))


@pairwise
def test_two_dimensions_are_one_channel(metric):
    a, b = noise(12, 1), noise(12, 1, seed=1)
    flat, full = metric(a[:, 0], b[:, 0], sfreq=SFREQ), metric(a, b, sfreq=SFREQ)
    np.testing.assert_array_equal(_numbers(flat), _numbers(full))


@pairwise
@pytest.mark.parametrize("other", [(12, 3, 128), (12, 2, 100)])
def test_other_channels_or_times_are_refused(metric, other):
    with pytest.raises(ValueError, match=r"has windows of .* but \w+ has"):
        metric(noise(12), np.zeros(other), sfreq=SFREQ)


@pairwise
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_sample_that_is_not_finite_is_named(metric, value):
    bad = noise(12)
    bad[3, 1, 7] = value
    with pytest.raises(ValueError, match="window 3, channel 1, sample 7"):
        metric(bad, noise(12, seed=1), sfreq=SFREQ)


@pairwise
def test_a_sampling_frequency_of_zero_is_refused(metric):
    with pytest.raises(ValueError, match="sfreq"):
        metric(noise(12), noise(12, seed=1), sfreq=0)


def _numbers(result):
    """The numbers of a score, a Series or a DataFrame."""
    return np.asarray(result.statistic if hasattr(result, "columns") else result)


# Kolmogorov-Smirnov


def test_ks_of_a_set_with_itself_is_zero_and_rejects_nothing():
    table = ks_by_feature(noise(30), noise(30), sfreq=SFREQ)
    assert list(table.columns) == ["feature", "statistic", "p_value", "rejected"]
    assert table.statistic.eq(0).all()
    assert not table.rejected.any()


def test_ks_is_scipys_on_the_averaged_features():
    real, synthetic = noise(30), noise(40, seed=1, scale=25)
    table = ks_by_feature(real, synthetic, sfreq=SFREQ)
    features = EEGFeatures(sfreq=SFREQ, average=True).fit(real)
    assert list(table.feature) == list(features.get_feature_names_out())
    for row, a, b in zip(
        table.itertuples(), features.transform(real).T, features.transform(synthetic).T
    ):
        expected = ks_2samp(a, b)
        assert (row.statistic, row.p_value) == pytest.approx((expected.statistic, expected.pvalue))


def test_ks_finds_the_amplitude_and_leaves_the_shape():
    table = ks_by_feature(noise(60), 3 * noise(60, seed=1), sfreq=SFREQ).set_index("feature")
    assert table.loc[["hjorth_activity", "line_length"], "statistic"].eq(1).all()
    assert table.rejected["hjorth_activity"]
    assert not table.rejected[["hjorth_mobility", "kurtosis"]].any()


def test_ks_rejects_by_benjamini_and_hochberg():
    table = ks_by_feature(noise(40), noise(40, seed=1, scale=22), sfreq=SFREQ, alpha=0.2)
    p = np.sort(table.p_value)
    below = np.flatnonzero(p <= 0.2 * np.arange(1, len(p) + 1) / len(p))
    n_rejected = below[-1] + 1 if len(below) else 0
    assert table.rejected.sum() == n_rejected
    assert 0 < n_rejected < len(p)


@pytest.mark.parametrize("alpha", [0, 1.5])
def test_a_rate_outside_zero_and_one_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha"):
        ks_by_feature(noise(5), noise(5), sfreq=SFREQ, alpha=alpha)


# spectra


@pytest.mark.parametrize("factor", [0.5, 10])
def test_scaling_moves_every_band_by_its_decibels(factor):
    X = noise(20, n_times=256)
    distance = spectral_distance(X, factor * X, sfreq=128)
    assert list(distance.index) == [*BANDS, "mean"]
    np.testing.assert_allclose(distance, abs(20 * np.log10(factor)), rtol=1e-6)


def test_more_power_in_one_band_is_far_in_that_band_only():
    X = noise(50, n_times=256)
    louder = X + 40 * np.sin(2 * np.pi * 10 * np.arange(256) / 128)
    distance = spectral_distance(X, louder, sfreq=128)
    assert distance["alpha"] > 5
    assert distance[["delta", "theta", "beta", "gamma"]].max() < 1


def test_order_and_offset_of_windows_do_not_matter():
    X = noise(20)
    assert spectral_distance(X, X[::-1] + 100, sfreq=SFREQ).max() < 1e-6


def test_a_band_without_frequencies_is_left_out():
    X = noise(10, n_times=64)
    assert list(spectral_distance(X, X, sfreq=40).index) == [
        "delta",
        "theta",
        "alpha",
        "beta",
        "mean",
    ]


def test_flat_windows_are_far_but_finite():
    X = noise(10)
    assert 50 < spectral_distance(X, 0 * X, sfreq=SFREQ)["mean"] < 110
    assert spectral_distance(0 * X, 0 * X, sfreq=SFREQ)["mean"] == 0


def test_windows_too_short_for_any_band_are_refused():
    with pytest.raises(ValueError, match="longer windows"):
        spectral_distance(noise(5, n_times=2), noise(5, n_times=2), sfreq=256)


# classifier two-sample test


def test_c2st_is_one_half_for_the_same_distribution_and_one_for_another():
    real, same, other = noise(80), noise(80, seed=1), noise(80, seed=2, scale=60)
    assert c2st(real, same, sfreq=SFREQ, random_state=0) == pytest.approx(0.5, abs=0.12)
    assert c2st(real, other, sfreq=SFREQ, random_state=0) > 0.99


def test_c2st_is_reproducible_and_leaves_the_global_generator_alone():
    real, synthetic = noise(30), noise(30, seed=1)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (c2st(real, synthetic, sfreq=SFREQ, random_state=3) for _ in range(2))
    assert first == second
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_c2st_never_splits_a_group():
    seen = []

    class Spy(LogisticRegression):
        def fit(self, X, y):
            seen.append(np.round(X[~np.asarray(y), 0] / 1000))
            return super().fit(X / 1e4, y)

        def predict_proba(self, X):
            recordings = set(np.round(X[:, 0] / 1000))
            # the amplitude gives the recording away: none of those on trial was trained on
            assert not recordings & set(seen[-1]) - {0.0}
            return super().predict_proba(X / 1e4)

    recordings = np.repeat(np.arange(6), 10)
    slow = np.sin(2 * np.pi * 2 * np.arange(128) / SFREQ)
    real = slow * np.sqrt(2000.0 * (recordings + 1))[:, None]  # delta power in thousands
    synthetic = noise(30, 1)[:, 0]
    c2st(real, synthetic, sfreq=SFREQ, groups=recordings, estimator=Spy(), random_state=0)
    assert len(seen) == 5


def test_groups_stop_a_classifier_from_knowing_recordings_again():
    # each recording has its own rhythm, and synthetic windows others of the same range
    rng = np.random.default_rng(0)
    times = np.arange(128) / SFREQ
    rhythms = rng.uniform(4, 20, 8)
    recordings = np.repeat(np.arange(8), 12)

    def rhythm(freqs):
        return 30 * np.sin(2 * np.pi * np.asarray(freqs)[:, None] * times) + rng.normal(
            size=(len(freqs), 128)
        )

    real, synthetic = rhythm(rhythms[recordings]), rhythm(rng.uniform(4, 20, 96))
    split = c2st(real, synthetic, sfreq=SFREQ, random_state=0)
    whole = c2st(real, synthetic, sfreq=SFREQ, groups=recordings, random_state=0)
    assert split > whole + 0.1


@pytest.mark.parametrize(
    ("groups", "message"),
    [(np.zeros(20), "at least two"), (np.arange(19), "groups has 19 entries for 20 windows")],
)
def test_groups_that_cannot_be_used_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        c2st(noise(20), noise(20, seed=1), sfreq=SFREQ, groups=groups)


# memorization


def share_of_copies(train, windows):
    return find_copies(train, windows, sfreq=SFREQ, on="features")["near"].mean()


def test_copies_are_near_copies_and_new_windows_are_not():
    train, new = noise(60), noise(60, seed=1)
    assert share_of_copies(train, train) == 1
    assert share_of_copies(train, train + 0.01 * new) == 1
    assert share_of_copies(train, new) < 0.05
    half = np.concatenate([train[:30], new[:30]])
    assert share_of_copies(train, half) == pytest.approx(0.5, abs=0.05)


def test_a_copied_window_that_stands_twice_in_training_counts_as_copied():
    train = noise(20)
    copies = find_copies(np.concatenate([train, train]), train[:5], sfreq=SFREQ, on="features")
    assert copies["near"].all()
    assert copies["nearest"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("on", ["features", "windows"])
def test_copies_need_two_training_windows_that_differ(on):
    with pytest.raises(ValueError, match="two training windows"):
        find_copies(np.ones((4, 2, 128)), noise(5), sfreq=SFREQ, on=on)


def test_copies_are_looked_for_on_windows_or_features():
    with pytest.raises(ValueError, match="expected 'windows' or 'features'"):
        find_copies(noise(5), noise(5), sfreq=SFREQ, on="signals")


def test_the_ratio_is_one_for_unseen_windows_and_zero_for_copies():
    train, holdout, synthetic = (noise(100, seed=s) for s in range(3))
    ratio = nearest_neighbor_ratio(holdout, synthetic, train=train, sfreq=SFREQ)
    assert ratio == pytest.approx(1, abs=0.1)
    assert nearest_neighbor_ratio(holdout, train, train=train, sfreq=SFREQ) == 0
    far = nearest_neighbor_ratio(holdout, 5 * synthetic, train=train, sfreq=SFREQ)
    assert far > 3


def test_holdout_windows_that_were_trained_on_are_refused():
    train = noise(20)
    with pytest.raises(ValueError, match="has not seen"):
        nearest_neighbor_ratio(train, noise(5, seed=1), train=train, sfreq=SFREQ)


# calibration


def test_calibration_error_of_a_worked_example():
    # confidences 0.6 (right), 0.7 (wrong) fall into bins of a half: |1 + 0 - 1.3| / 2
    proba = [[0.6, 0.4], [0.7, 0.3]]
    assert expected_calibration_error([0, 1], proba, n_bins=2) == pytest.approx(0.15)
    # in ten bins they stand alone: (0.4 + 0.7) / 2
    assert expected_calibration_error([0, 1], proba, n_bins=10) == pytest.approx(0.55)


def test_calibrated_probabilities_have_a_small_error():
    rng = np.random.default_rng(0)
    p = rng.uniform(size=20_000)
    y = rng.uniform(size=20_000) < p
    assert expected_calibration_error(y, p) < 0.02
    assert expected_calibration_error(y, p**4 / (p**4 + (1 - p) ** 4)) > 0.1


def test_calibration_of_unknown_states_or_without_bins_is_refused():
    with pytest.raises(ValueError, match=r"y_true has \['seizure'\], but classes are"):
        expected_calibration_error(["seizure", "b"], np.eye(2), classes=["a", "b"])
    with pytest.raises(ValueError, match="n_bins=0"):
        expected_calibration_error([0, 1], np.eye(2), n_bins=0)


def test_certain_and_right_is_zero_and_certain_and_wrong_is_one():
    y = np.array(["ictal", "normal", "preictal"])
    assert expected_calibration_error(y, np.eye(3)) == 0
    assert expected_calibration_error(y, np.eye(3)[[1, 2, 0]]) == 1


def test_columns_follow_classes_even_where_a_state_is_absent():
    classes = ["normal", "preictal", "ictal"]
    y = ["ictal", "normal"]
    proba = [[0, 0, 1], [1, 0, 0]]
    assert expected_calibration_error(y, proba, classes=classes) == 0
    with pytest.raises(ValueError, match="classes_"):
        expected_calibration_error(y, proba)


@pytest.mark.parametrize(
    ("y", "proba", "message"),
    [
        ([0, 1], [[0.5, 0.2], [0.5, 0.5]], "sum to 1"),
        ([0, 1], [1.2, 0.5], "negative"),
        ([0, 1, 1], [0.2, 0.5], "inconsistent"),
        ([0, 1], [[np.nan, 1], [0, 1]], "NaN"),
    ],
)
def test_what_is_no_probability_is_refused(y, proba, message):
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(y, proba)


@settings(max_examples=30, deadline=None)
@given(
    p=hnp.arrays(float, st.integers(2, 30), elements=st.floats(0, 1)),
    n_bins=st.integers(1, 20),
)
def test_calibration_error_lies_between_zero_and_one(p, n_bins):
    y = np.arange(len(p)) % 2
    assert 0 <= expected_calibration_error(y, p, n_bins=n_bins) <= 1
