"""The benchmark on unseen patients keeps patients apart, reads worth off right, and resumes."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.json_lines import append, read
from benchmarks.unseen_patients import (
    augment,
    cohorts,
    levers,
    recordings,
    run,
    tasks,
    thresholds,
    worth,
)
from benchmarks.unseen_patients.described import DescribedSurrogates
from benchmarks.unseen_patients.methods import CHOSEN, Settings, fit, sampler_of
from benchmarks.unseen_patients.quilted import Quilt
from benchmarks.unseen_patients.recolored import RecoloredSampler
from benchmarks.unseen_patients.windows import Task, Windows

STATES = np.array(["ictal", "normal", "preictal"])


# --- worth -------------------------------------------------------------------------------------


def flat(value, n_cohorts=3, n_groups=4):
    return np.full((n_cohorts, n_groups), value)


@pytest.mark.parametrize(
    ("score", "patients"), [(0.1, 4), (0.4, 4), (0.5, 8), (0.55, 2**3.5), (0.7, 32), (0.9, 32)]
)
def test_a_score_is_read_off_between_the_points_of_the_curve(score, patients):
    assert worth.read_off(score, [4, 8, 16, 32], [0.4, 0.5, 0.6, 0.7]) == pytest.approx(patients)


def test_a_curve_that_falls_somewhere_is_made_monotone():
    assert worth.read_off(0.55, [4, 8, 16, 32], [0.4, 0.6, 0.5, 0.7]) == pytest.approx(8)


def test_worth_is_relative_to_the_patients_trained_on():
    ruler = {4: flat(0.4), 8: flat(0.5), 16: flat(0.6)}
    found = worth.worth(flat(0.55), ruler, n=8)
    assert (found.value, found.low, found.high) == pytest.approx((2**0.5,) * 3)
    assert worth.marked(found, [4, 8, 16], 8) == "1.41 (1.41 to 1.41)"
    best = worth.worth(flat(0.9), ruler, n=8)
    assert worth.marked(best, [4, 8, 16], 8).startswith("≥ 2 ")
    worst = worth.worth(flat(0.1), ruler, n=8)
    assert worth.marked(worst, [4, 8, 16], 8).startswith("≤ 0.5 ")


def test_differences_are_paired_over_cohorts_and_patients():
    rng = np.random.default_rng(0)
    none = rng.normal(size=(6, 10))
    found = worth.difference(none + 0.1, none)
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert worth.better_in(none + 0.1, none) == (6, 6)


def test_cohorts_without_one_of_the_methods_are_left_out():
    none = np.array([[0.5, 0.6], [0.7, 0.8]])
    method = np.array([[0.6, 0.7], [np.nan, np.nan]])
    assert worth.difference(method, none).value == pytest.approx(0.1)
    assert worth.better_in(method, none) == (1, 1)


def test_half_of_the_gap_is_half_closed():
    assert worth.gap_closed(flat(0.6), flat(0.5), flat(0.7)).value == pytest.approx(0.5)


def control_lines(gain):
    rng = np.random.default_rng(0)
    base = {"split": "final", "method": "none", "data": "cohort", "regime": "all"}
    lines = []
    for n, more in ((8, 0.0), (32, gain)):
        for cohort in range(6):
            for group in range(10):
                score = 0.6 + more + 0.02 * rng.normal()
                scores = dict.fromkeys(worth.SCORES, score)
                lines.append({**base, "n_patients": n, "cohort": cohort, "group": group, **scores})
    return lines


def test_the_control_passes_where_more_patients_help_and_fails_on_a_flat_curve():
    assert "macro_f1" in worth.require_control(control_lines(0.1), "final")
    with pytest.raises(worth.ControlFailed, match="not surely better"):
        worth.require_control(control_lines(0.0), "final")
    with pytest.raises(worth.ControlMissing):
        worth.require_control(control_lines(0.1), "development")


def test_a_run_whose_control_fails_ends_with_an_error(tmp_path):
    out = tmp_path / "lines.jsonl"
    append(out, [{**line, "steps": run.STEPS} for line in control_lines(0.0)])
    with pytest.raises(SystemExit, match="positive control failed"):
        run.control(out, "final")


# --- thresholds --------------------------------------------------------------------------------


def test_multipliers_find_a_state_that_is_underrated():
    y = np.array(["ictal"] * 10 + ["normal"] * 40 + ["preictal"] * 10)
    proba = np.tile([0.05, 0.9, 0.05], (60, 1))
    proba[:10] = [0.3, 0.6, 0.1]  # seizures: raised, but never the largest
    proba[50:] = [0.05, 0.35, 0.6]
    weights = thresholds.multipliers(y, proba, STATES)
    assert (thresholds.decided(proba, weights, STATES) == y).all()
    assert not (thresholds.decided(proba, np.ones(3), STATES) == y).all()


def test_multipliers_stay_at_one_where_nothing_is_gained():
    y = STATES[[0, 1, 2]]
    np.testing.assert_array_equal(thresholds.multipliers(y, np.eye(3), STATES), 1)


class Recorder:
    """Stands for a classifier: knows the windows that it was trained on."""

    classes_ = STATES

    def __init__(self, windows):
        self.trained = set(windows.groups)

    def predict_proba(self, X):
        return np.tile([1.0, *[0.0] * (len(STATES) - 1)], (len(X), 1))


def cohort_of(n_patients, n_with_seizures):
    y = np.tile(np.repeat(["normal", "preictal", "ictal"], [6, 3, 2]), n_patients)
    groups = np.repeat([f"P{k:02d}" for k in range(n_patients)], 11)
    recording = pd.Series(groups) + np.where(np.arange(len(y)) % 2, "-R1", "-R2")
    table = pd.DataFrame({"patient": groups, "recording": recording})
    windows = Windows(np.zeros((len(y), 1, 8), np.float32), y, groups, 8.0, metadata=table)
    return windows[cohorts.known(windows, n_with_seizures)]


@pytest.mark.parametrize("n_with_seizures", [2, 3, 8])
def test_thresholds_are_chosen_across_training_patients(n_with_seizures):
    train = cohort_of(8, n_with_seizures)
    fold = thresholds.two_folds(train.y, train.groups)
    assert not set(train.groups[fold == 0]) & set(train.groups[fold == 1])
    assert abs((fold == 0).sum() - (fold == 1).sum()) < len(fold) / 3
    seen = []

    def fit(part):
        seen.append(Recorder(part))
        return seen[-1]

    thresholds.out_of_fold(train, fit, STATES)
    assert not seen[0].trained & seen[1].trained
    assert seen[0].trained | seen[1].trained == set(train.groups)


def test_a_state_of_one_group_is_an_error():
    with pytest.raises(ValueError, match="one group only"):
        thresholds.two_folds(np.array(["a", "b", "a"]), np.array(["p", "p", "q"]))


# --- who is in training, and who is judged -------------------------------------------------------


def test_cohorts_of_all_splits_and_their_test_patients_have_seeds_of_their_own():
    seeds = [*cohorts.COHORTS["development"], *cohorts.COHORTS["final"]]
    seeds += [seed for tests in cohorts.TESTS.values() for seed in tests[:2]]
    assert len(set(seeds)) == len(seeds)


def test_few_keeps_background_of_all_and_seizures_of_two():
    train = cohort_of(8, 2)
    with_seizures = set(train.groups[train.y != "normal"])
    assert with_seizures == {"P00", "P01"}
    assert len(set(train.groups)) == 8


def test_one_keeps_one_seizure_of_each():
    made = cohort_of(4, 4)
    part = made[cohorts.known(made, 2, one_seizure=True)]
    rare = part.y != "normal"
    recordings_of = part.metadata["recording"][rare].groupby(part.metadata["patient"][rare])
    assert recordings_of.nunique().to_dict() == {"P00": 1, "P01": 1}


def test_one_training_serves_two_worlds_and_nobody_trains_eight_of_eight_twice():
    work = list(tasks.final())
    assert len(set(work)) == len(work)
    entries = [key for task in work if task.data == "cohort" for key in run.expected(task)]
    assert len(set(entries)) == len(entries)
    ruler = [t for t, _ in entries if (t.cohort, t.method) == (2000, "none")]
    found = {regime: {t.n_patients for t in ruler if t.regime == regime} for regime in REGIMES}
    assert found == REGIMES


def test_no_entry_of_real_recordings_is_made_twice(data_folder, monkeypatch):
    monkeypatch.setattr(recordings, "DATA_FOLDER", data_folder)
    work = [task for task in tasks.final() if task.data != "cohort"]
    entries = [key for task in work for key in run.expected(task)]
    assert len(set(entries)) == len(entries)


REGIMES = {"all": {4, 8, 16, 32, 64}, "shift": {4, 8, 16, 32, 64}, "few": {2, 3, 4, 6, 8}}
REGIMES["one"] = {2}


def test_the_ruler_comes_first_and_what_was_chosen_last():
    work = list(tasks.final())
    methods = [task.method for task in work]
    n_chosen = sum(method in CHOSEN for method in methods)
    assert set(methods[-n_chosen:]) == set(CHOSEN)
    assert methods[0] == "none"


def test_segments_of_one_state_are_not_scaled_by_their_background():
    work = [task.method for task in tasks.final() if task.data == "bonn"]
    assert "augment" in work
    assert not any("scaled" in method for method in work)


@pytest.mark.parametrize("data", list(recordings.REGIMES))
def test_no_real_test_group_is_in_training(data, data_folder, monkeypatch):
    monkeypatch.setattr(recordings, "DATA_FOLDER", data_folder)
    for split in ("development", "final"):
        for task in tasks.of_recordings(split, ["none"]):
            if task.data != data:
                continue
            train, test = recordings.training(task, None), recordings.judging(task, "", None)
            assert np.unique(train.y).tolist() == np.unique(test.y).tolist()
            assert not (train.X[:, None, 0, :40] == test.X[None, :, 0, :40]).all(axis=2).any()
            rare = np.unique(train.groups[train.y == recordings.RARE[data]])
            assert len(rare) == task.n_patients
            ((_, _, groups),) = recordings.judged(task)
            assert set(groups) == set(test.groups)


def test_lost_channels_are_interpolated_from_the_others():
    made = cohorts.simulate(0, 1)
    X = cohorts.interpolated(made.X[:3], made.info, ["C3", "Cz"])
    lost = np.isin(made.info.ch_names, ["C3", "Cz"])
    assert X.dtype == made.X.dtype
    np.testing.assert_allclose(X[:, ~lost], made.X[:3, ~lost], rtol=1e-4, atol=1e-3)
    assert np.corrcoef(made.X[:3, lost].ravel(), X[:, lost].ravel())[0, 1] > 0.5


# --- stopping and going on -----------------------------------------------------------------------


TASK = Task("cohort", "few", "development", 1000, 2, 0, "ros", 8)


def lines_of(task):
    return [
        {"benchmark": "unseen_patients", **asdict(t), "group": g} for t, g in run.expected(task)
    ]


def test_a_training_is_done_when_all_of_its_lines_are_there(tmp_path):
    out = tmp_path / "lines.jsonl"
    assert run.left([TASK], out) == [TASK]
    append(out, lines_of(TASK)[:-1])
    assert run.left([TASK], out) == [TASK]
    append(out, lines_of(TASK))
    assert run.left([TASK], out) == []


def test_a_line_that_was_cut_off_is_forgotten(tmp_path):
    out = tmp_path / "lines.jsonl"
    append(out, lines_of(TASK)[:2])
    with out.open("a") as file:
        file.write(json.dumps(lines_of(TASK)[2])[:30])
    assert len(read(out)) == 2
    append(out, lines_of(TASK))
    assert len(read(out)) == 2 + len(lines_of(TASK))
    assert run.left([TASK], out) == []


def test_processes_share_the_work_without_overlap(monkeypatch):
    parts = []
    for process in ("0/2", "1/2"):
        monkeypatch.setattr("sys.argv", ["run", "--split", "final", "--process", process])
        parts.append(set(run.chosen(run.parsed())))
    assert not parts[0] & parts[1]
    assert parts[0] | parts[1] == set(tasks.final())


# --- augmentations -------------------------------------------------------------------------------


CHANNELS = ("Fp1", "Fz", "Fp2", "C3", "C4", "T7")


def windows(n=8):
    torch.manual_seed(0)
    return 20 * torch.randn(n, len(CHANNELS), 64)


def test_mirroring_twice_is_the_beginning():
    order = augment.mirror_order(CHANNELS)
    assert [CHANNELS[k] for k in order] == ["Fp2", "Fz", "Fp1", "C4", "C3", "T7"]
    X = windows()
    assert torch.equal(augment.mirror(augment.mirror(X, order), order), X)


def test_pairs_of_electrodes_are_mirrored_and_a_second_recording_of_one_stays():
    names = ["FP1-F7", "FP2-F8", "T8-P8", "FZ-CZ", "T7-P7", "T8-P8"]
    assert augment.mirror_order(names) == [1, 0, 4, 3, 2, 5]


@pytest.mark.parametrize("name", list(augment.STRENGTHS))
def test_augmented_windows_keep_shape_and_type(name):
    X = windows()
    before = X.clone()
    order = augment.mirror_order(CHANNELS)
    found = augment.augmented(X, augment.STRENGTHS[name], 64.0, order)
    assert (found.shape, found.dtype) == (X.shape, X.dtype)
    assert torch.isfinite(found).all()
    assert torch.equal(X, before)
    assert not torch.equal(found, X)


def test_a_frequency_shift_is_given_in_hertz():
    t = torch.arange(256) / 64
    X = torch.sin(2 * torch.pi * 8 * t).expand(64, 1, 256)
    only = augment.Strength(0.0, 0.0, 0.0, 0.0, 4.0)
    spectrum = torch.fft.rfft(augment.augmented(X, only, 64.0, [0])).abs()
    peaks = spectrum.argmax(dim=2).flatten() / 4  # Hz
    assert ((peaks > 3.5) & (peaks < 12.5)).all()
    assert len(peaks.unique()) > 3


def test_mixed_targets_are_probabilities():
    X, target = windows(), torch.eye(2).repeat(4, 1)
    mixed, soft = augment.mixup(X, target, 0.2)
    assert mixed.shape == X.shape
    assert torch.allclose(soft.sum(dim=1), torch.ones(8))
    assert (soft.max(dim=1).values >= 0.5).all()


@pytest.mark.parametrize("name", ["medium", "mixup"])
def test_the_classifier_trains_on_augmented_minibatches_and_predicts_on_plain_ones(name):
    X, y = windows(40).numpy(), np.repeat(["ictal", "normal"], 20)
    X[:20] *= 4
    model = augment.OnTheFlyClassifier(
        n_filters=4, n_hidden=8, max_epochs=8, epoch_steps=10, batch_size=8, random_state=0
    )
    model.set_augmentations(augment.STRENGTHS[name], 64.0, CHANNELS).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))
    assert model.score(X, y) > 0.9


# --- levers ------------------------------------------------------------------------------------


def two_patients():
    """Windows of two patients, one of whom has ten times the amplitude."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3, 64)).astype("float32")
    groups = np.repeat(["A", "B"], 20)
    X *= 10
    X[groups == "B"] *= 10
    y = np.tile(np.repeat(["normal", "ictal"], [15, 5]), 2)
    X[y == "ictal"] *= 3
    return Windows(X, y, groups, 64.0, ("C3", "Cz", "C4"))


def test_scaled_patients_have_one_background_and_keep_their_contrasts():
    plain = two_patients()
    scaled = levers.prepared("scaled+augment", plain, 10)
    amplitudes = [scaled.X[(scaled.groups == g) & (scaled.y == "normal")].std() for g in "AB"]
    assert amplitudes[0] == pytest.approx(amplitudes[1], rel=0.1)
    for group in "AB":
        own = scaled.groups == group
        seizure, background = (scaled.X[own & (scaled.y == s)].std() for s in ("ictal", "normal"))
        assert seizure / background == pytest.approx(3, rel=0.15)
    assert levers.prepared("augment", plain, 10) is plain


def test_a_recipe_adds_its_sampler_and_blends_with_the_plain_classifier(tmp_path):
    settings = Settings(seed=0, steps=8, cache=tmp_path)
    train = two_patients()
    model = fit("scaled+augment+ros+blend", train, settings)
    augmented, plain = model.members
    assert len(augmented.history_) == len(plain.history_)
    assert model.sampler_.is_synthetic_.sum() == 20
    mean = (augmented.predict_proba(train.X) + plain.predict_proba(train.X)) / 2
    np.testing.assert_allclose(model.predict_proba(train.X), mean, rtol=1e-6)


QUICK = (("vae_steps", 5), ("diffusion_steps", 5))


def test_fresh_windows_take_the_place_of_the_synthetic_ones_in_each_epoch(monkeypatch, tmp_path):
    settings = Settings(seed=0, steps=24, cache=tmp_path, generator_params=QUICK)
    train = two_patients()
    drawn = []

    def noticed(sampler, train, plain=levers.further_sets):
        for X in plain(sampler, train):
            drawn.append(X)
            yield X

    monkeypatch.setattr(levers, "further_sets", noticed)
    model = fit("scaled+augment+virtual+fresh", train, settings)
    assert [len(X) for X in drawn] == [20] * 7  # of eight epochs, the first has the sampler's own
    assert np.unique([X[0] for X in drawn], axis=0).shape[0] == 7
    assert model.predict_proba(train.X).shape == (40, 2)


def test_recolored_windows_have_the_background_of_another_patient():
    rng = np.random.default_rng(0)
    mixing = {"A": np.eye(3), "B": np.array([[2.0, 1, 0], [0, 2, 0], [0, 0, 1.5]])}
    groups = np.repeat(["A", "B"], 400)
    X = np.stack([mixing[g] @ rng.normal(size=(3, 64)) for g in groups])
    y = np.where(np.arange(800) % 400 < 300, "normal", "ictal")
    y[groups == "A"] = "normal"  # all seizures are of patient B
    sampler = RecoloredSampler(random_state=0)
    made, _ = sampler.fit_resample(X, y, groups=groups)
    covariances = np.stack([np.cov(window) for window in made[sampler.is_synthetic_]])
    wide = covariances[:, 0, 0] > 2.5  # as the first channel of B; that of A has 1
    expected = [mixing["A"] @ mixing["A"].T, mixing["B"] @ mixing["B"].T]
    for own, wanted in zip((~wide, wide), expected):
        assert 0.4 < own.mean() < 0.6
        np.testing.assert_allclose(covariances[own].mean(axis=0), wanted, atol=0.35)


def test_two_samplers_fill_half_of_the_gap_each():
    train = two_patients()
    samplers = [RecoloredSampler(random_state=seed) for seed in (0, 9)]
    X, y = levers.filled_up(samplers, train)
    assert pd.Series(y).value_counts().to_dict() == {"normal": 30, "ictal": 30}
    assert [int(sampler.is_synthetic_.sum()) for sampler in samplers] == [10, 10]
    again = next(levers.further_sets(samplers, train))
    assert again.shape == X[40:].shape
    assert not np.array_equal(again[:10], X[40:50])


def test_fading_windows_become_real_ones_of_their_state():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 1, 8)), np.repeat(["normal", "ictal", "ictal"], [30, 10, 20])
    known = {window.tobytes() for window in X[30:40]}
    shares = [
        np.mean([window.tobytes() in known for window in made])
        for made in levers.fading_sets(X, y, n_real=40, n_epochs=5, seed=0)
    ]
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_context_is_the_mean_over_a_window_and_the_two_before_it_in_its_recording():
    onset = [6, 4, 2, 0, 0, 2, 4]  # in seconds; of "b" out of order
    table = pd.DataFrame({"recording": list("bbbbaaa"), "onset": onset})
    windows = Windows(np.zeros((7, 1, 2)), np.zeros(7), np.zeros(7), 1.0, (), table)
    proba = np.random.default_rng(0).random((7, 2))
    averaged = levers.in_context("scaled+context", proba, windows)
    expected = [proba[[0, 1, 2]], proba[[1, 2, 3]], proba[[2, 3]], proba[[3]]]
    expected += [proba[[4]], proba[[4, 5]], proba[[4, 5, 6]]]
    np.testing.assert_allclose(averaged, [part.mean(axis=0) for part in expected])
    np.testing.assert_array_equal(levers.in_context("scaled", proba, windows), proba)


def test_described_surrogates_are_new_windows_with_the_powers_of_a_profile():
    rng = np.random.default_rng(0)
    groups = np.repeat(["quiet", "loud"], 60)
    gain = np.where(groups == "loud", 10.0, 1.0)[:, None, None]
    X = (gain * rng.normal(size=(120, 2, 128)).cumsum(axis=2)).astype(np.float32)
    y = np.where(np.arange(120) % 6 < 4, "normal", "ictal")
    generator = DescribedSurrogates().fit(X, y, groups=groups)
    background = {p: X[(y == "normal") & (groups == p)] for p in ("quiet", "loud")}
    rms = {}
    for patient, own in background.items():
        profiles = np.tile(generator.profile(own), (40, 1))
        made = generator.sample(np.repeat("normal", 40), profiles=profiles, random_state=0)
        assert made.shape == (40, 2, 128)
        assert not (made[:, None] == X).all(axis=(2, 3)).any()
        real, new = (np.median(np.sqrt((w**2).mean(axis=(1, 2)))) for w in (own, made))
        assert new == pytest.approx(real, rel=0.4)
        rms[patient] = new
    assert rms["loud"] > 5 * rms["quiet"]
    assert generator.virtual_profiles(3, random_state=0).shape == (3, profiles.shape[1])


def test_quilted_windows_are_pieces_of_several_windows_of_one_patient():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5, 2, 256))
    made = Quilt(X, 64.0).draw(rng)
    assert made.shape == X.shape[1:]
    places = [
        (k, start)
        for start in range(0, 256, 16)
        for k, window in enumerate(X)
        if any(np.allclose(made[:, start : start + 16], window[:, t : t + 16]) for t in range(241))
    ]
    assert len({k for k, _ in places}) >= 3
    assert len(places) >= 8  # the rest lies across joins


def test_what_continues_a_rhythm_is_found():
    t = np.arange(256) / 64
    rhythm = np.stack([np.sin(2 * np.pi * 3 * t + phase) for phase in np.linspace(0, 5, 8)])
    made = Quilt(rhythm[:, None], 64.0).draw(np.random.default_rng(0))[0]
    spectrum = np.abs(np.fft.rfft(made)) ** 2
    assert spectrum[11:14].sum() > 0.97 * spectrum.sum()  # 3 Hz, without a break


def test_a_quilted_sampler_fills_the_gap(tmp_path):
    train = two_patients()
    sampler = sampler_of("quilted", train, Settings(seed=0, steps=8, cache=tmp_path))
    sampler.fit_resample(train.X, train.y, groups=train.groups)
    assert sampler.n_synthetic_ == {"ictal": 20, "normal": 0}
