import time
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sealing import forge
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from tiny import TINY

from geneeg_sk.generation import LatentDiffusionGenerator, _fit
from geneeg_sk.generation.networks import _training


@pytest.fixture(scope="module")
def fitted(cohort):
    return clone(TINY).fit(cohort.X, cohort.y, groups=cohort.groups)


@pytest.fixture(scope="module")
def trained(cohort):
    """Trained long enough that what it generates can be judged."""
    generator = LatentDiffusionGenerator(
        width=32, latent_channels=8, vae_steps=250, diffusion_steps=500, random_state=0
    )
    return generator.fit(cohort.X, cohort.y, groups=cohort.groups)


def test_samples_have_the_shape_and_dtype_of_the_training_windows(fitted, cohort):
    X = fitted.sample(["ictal", "normal", "preictal"])
    assert X.shape == (3, *cohort.X.shape[1:])
    assert X.dtype == cohort.X.dtype == np.float32
    assert np.isfinite(X).all()


def test_float64_stays_float64(cohort):
    generator = clone(TINY).fit(cohort.X.astype(np.float64), cohort.y)
    assert generator.sample(["ictal"]).dtype == np.float64


def test_fitted_attributes_describe_the_training(fitted, cohort):
    assert fitted.classes_.tolist() == ["ictal", "normal", "preictal"]
    assert_array_equal(fitted.patients_, np.unique(cohort.groups))
    assert fitted.profiles_.shape[0] == len(fitted.patients_)
    assert (fitted.n_channels_, fitted.n_times_) == cohort.X.shape[1:]
    history = fitted.history_
    assert set(history.stage) == {"autoencoder", "diffusion"}
    assert {"time", "kl", "denoising"} <= set(history.columns)


@pytest.mark.slow
def test_training_lowers_every_stage_s_loss(trained):
    for _, rows in trained.history_.groupby("stage"):
        assert rows.loss.iloc[-1] < 0.8 * rows.loss.iloc[0]


@pytest.mark.slow
def test_reconstructions_explain_most_of_the_variance(trained, cohort):
    error = ((trained.reconstruct(cohort.X) - cohort.X) ** 2).mean()
    assert error < 0.35 * cohort.X.var()


@pytest.mark.slow
def test_seizures_are_generated_louder_than_background_as_they_are(trained, cohort):
    def loudness(X):
        return np.median(X.std(axis=(1, 2)))

    ictal, normal = (trained.sample([s] * 64, random_state=1) for s in ("ictal", "normal"))
    real = loudness(cohort.X[cohort.y == "ictal"]) / loudness(cohort.X[cohort.y == "normal"])
    assert loudness(ictal) / loudness(normal) == pytest.approx(real, rel=0.5)


def test_some_steps_lower_every_stage_s_loss(cohort):
    steps = {"vae_steps": 60, "diffusion_steps": 60}
    history = clone(TINY).set_params(**steps).fit(cohort.X, cohort.y).history_
    for _, rows in history.groupby("stage"):
        assert rows.loss.iloc[-5:].mean() < rows.loss.iloc[:5].mean()


def test_what_real_channels_do_not_share_synthetic_ones_do_not_either():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 4, 64)).cumsum(axis=2)
    X -= X.mean(axis=1, keepdims=True)
    X += 1e-3 * rng.standard_normal(X.shape)  # an amplifier's noise: the sum is not quite zero
    generator = clone(TINY).fit(X, np.arange(120) % 2)
    made = generator.sample(np.arange(64) % 2)
    share = (made.mean(axis=1) ** 2).mean() / (made**2).mean()
    assert share < 5 * (X.mean(axis=1) ** 2).mean() / (X**2).mean()


@pytest.mark.slow
def test_the_ends_of_synthetic_windows_are_as_loud_as_their_middle(trained):
    X = trained.sample(["normal"] * 128, random_state=0)
    X = X - X.mean(axis=2, keepdims=True)
    power = (X**2 / X.var(axis=(1, 2), keepdims=True)).mean(axis=(0, 1))
    assert 0.6 < power[[0, -1]].mean() < 1.6


@pytest.mark.slow
def test_synthetic_windows_have_a_mean_as_small_as_real_ones(trained, cohort):
    def share(X):
        return np.mean((X.mean(axis=2) ** 2).sum(axis=1) / (X**2).mean(axis=2).sum(axis=1))

    real = share(cohort.X[cohort.y == "normal"])
    assert share(trained.sample(["normal"] * 128, random_state=0)) < 2 * real


def test_samples_are_the_same_to_the_bit_in_one_thread_and_in_two(fitted):
    threads = torch.get_num_threads()
    drawn = []
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            drawn.append(fitted.sample(["ictal", "normal"] * 80, random_state=0))
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(threads)
    assert_array_equal(*drawn)


def test_ctrl_c_while_sampling_does_not_wait_for_the_windows_that_are_left(fitted, monkeypatch):
    started = []

    def interrupt(*args):
        started.append(args)
        time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(type(fitted.model_), "_denoise", interrupt)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(KeyboardInterrupt):
            fitted.sample(["ictal"] * 64 * 1000)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert len(started) < 500


@pytest.mark.slow
def test_samples_are_not_copies_of_training_windows(trained, cohort):
    X = trained.sample(["normal"] * 32, random_state=0).reshape(32, -1)
    real = cohort.X.reshape(len(cohort.X), -1)
    assert np.corrcoef(X, real)[:32, 32:].max() < 0.9


@pytest.mark.slow
def test_a_patient_s_windows_resemble_that_patient_s_profile(trained, cohort):
    made = np.stack(
        [
            trained.profile(trained.sample(["normal"] * 48, groups=[p] * 48, random_state=3))
            for p in trained.patients_
        ]
    )
    normal = cohort.X[cohort.y == "normal"]
    spread = np.std([trained.profile(window[None]) for window in normal], axis=0)
    distance = (((made[:, None] - trained.profiles_[None]) / spread) ** 2).sum(axis=2)
    assert_array_equal(distance.argmin(axis=1), np.arange(len(trained.patients_)))


def test_the_first_windows_do_not_depend_on_how_many_are_asked_for(fitted):
    few = fitted.sample(["ictal"] * 5, random_state=3)
    many = fitted.sample(["ictal"] * 130, random_state=3)
    assert_array_equal(few, many[:5])


def test_the_same_seed_gives_the_same_windows_and_leaves_global_generators_alone(cohort):
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    one, two = (clone(TINY).fit(cohort.X, cohort.y).sample(["ictal"] * 3) for _ in range(2))
    assert_array_equal(one, two)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    other = clone(TINY).set_params(random_state=1).fit(cohort.X, cohort.y).sample(["ictal"] * 3)
    assert not np.array_equal(one, other)


def test_profiles_of_patients_never_seen_can_be_used(fitted, cohort):
    profile = fitted.profile(cohort.X[:4])
    assert profile.shape == (fitted.profiles_.shape[1],)
    one = fitted.sample(["ictal"] * 2, profiles=profile)
    each = fitted.sample(["ictal"] * 2, profiles=np.stack([profile, profile]))
    assert_array_equal(one, each)


def test_guidance_and_solver_steps_act_at_sampling_time(fitted):
    plain = fitted.sample(["ictal"] * 2, random_state=0)
    assert not np.array_equal(plain, fitted.sample(["ictal"] * 2, random_state=0, guidance=3.0))
    assert not np.array_equal(plain, fitted.sample(["ictal"] * 2, random_state=0, solver_steps=3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": ["asleep"]}, r"unknown state \['asleep'\]: the generator knows"),
        ({"y": ["ictal"], "groups": ["nobody"]}, "unknown patient"),
        ({"y": ["ictal"], "groups": ["a", "b"]}, "2 entries for 1 windows"),
        ({"y": ["ictal"], "profiles": np.zeros(3)}, r"profiles has shape \(3,\)"),
        ({"y": ["ictal"], "profiles": np.zeros(3), "groups": ["x"]}, "both given"),
        ({"y": ["ictal"], "guidance": -1.0}, "guidance"),
        ({"y": ["ictal"], "solver_steps": 0}, "solver_steps"),
    ],
)
def test_requests_that_cannot_be_met_say_why(fitted, arguments, message):
    with pytest.raises(ValueError, match=message):
        fitted.sample(**arguments)


def test_a_window_with_nan_is_named(cohort):
    X = cohort.X.copy()
    X[3, 1, 7] = np.nan
    with pytest.raises(ValueError, match="NaN: first in window 3, channel 1, sample 7"):
        clone(TINY).fit(X, cohort.y)


def test_a_patient_without_background_gets_everybody_s_profile_with_a_warning(cohort):
    keep = (cohort.groups != cohort.groups[0]) | (cohort.y != "normal")
    with pytest.warns(UserWarning, match="no windows of the background state 'normal'"):
        clone(TINY).fit(cohort.X[keep], cohort.y[keep], groups=cohort.groups[keep])


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    n_channels=st.integers(1, 6),
    n_times=st.sampled_from([2, 3, 7, 20, 63, 178, 515]),
    n_states=st.integers(1, 4),
)
def test_any_shape_and_number_of_states_comes_back_as_it_went_in(n_channels, n_times, n_states):
    rng = np.random.default_rng(n_times)
    X = rng.normal(size=(12, n_channels, n_times))
    y = np.arange(12) % n_states
    generator = clone(TINY).fit(X, y)
    assert generator.sample(y).shape == X.shape
    assert generator.reconstruct(X).shape == X.shape
    assert np.isfinite(generator.sample(y)).all()


def test_one_window_of_a_state_flat_windows_and_duplicate_channels_are_survived():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 3, 40))
    X[:, 2] = X[:, 1]
    X[5] = 0
    y = np.r_[np.zeros(11, int), 1]
    X_new = clone(TINY).fit(X, y).sample([0, 1, 1])
    assert np.isfinite(X_new).all()
    np.testing.assert_allclose(X_new[:, 2], X_new[:, 1], atol=1e-4)


def test_saved_and_loaded_samples_are_bit_identical(fitted, tmp_path):
    fitted.save(tmp_path / "g")
    loaded = LatentDiffusionGenerator.load(tmp_path / "g")
    y = ["ictal", "normal"] * 40
    assert_array_equal(loaded.sample(y, random_state=4), fitted.sample(y, random_state=4))
    assert loaded.get_params() == fitted.get_params()
    assert_array_equal(loaded.patients_, fitted.patients_)
    assert sorted(p.name for p in (tmp_path).iterdir()) == ["g"]
    fitted.save(tmp_path / "g")  # over itself


def test_profiles_can_be_left_out_of_the_folder(fitted, tmp_path):
    fitted.save(tmp_path / "g", profiles=False)
    everything = (tmp_path / "g/generator.json").read_text()
    assert not any(p in everything for p in fitted.patients_)
    loaded = LatentDiffusionGenerator.load(tmp_path / "g")
    assert np.isfinite(loaded.sample(["ictal"] * 3)).all()
    with pytest.raises(ValueError, match="knows none"):
        loaded.sample(["ictal"], groups=[fitted.patients_[0]])


def test_a_folder_with_something_else_is_not_overwritten(fitted, tmp_path):
    (tmp_path / "precious.txt").write_text("data")
    with pytest.raises(FileExistsError, match="not a saved generator"):
        fitted.save(tmp_path)
    assert (tmp_path / "precious.txt").read_text() == "data"


def damage_array(folder):
    (path,) = folder.glob("arrays-*.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def edit_header(**changes):
    return lambda folder: forge(folder / "generator.json", lambda header: header.update(changes))


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (damage_array, ValueError, "damaged: its checksum"),
        (lambda f: (f / "generator.json").write_text("{"), ValueError, "damaged"),
        (lambda f: (f / "generator.json").unlink(), FileNotFoundError, "is missing"),
        (edit_header(format="other"), ValueError, "not of a geneeg_sk.LatentDiffusionGenerator"),
        (edit_header(format_version=99), ValueError, "Upgrade geneeg_sk"),
        (edit_header(format_version=1), ValueError, "Fit the generator again"),
        (edit_header(numbers={}), ValueError, "not a complete generator"),
        (edit_header(params={"evil": 1}), ValueError, "not a complete generator"),
    ],
)
def test_a_damaged_foreign_older_or_newer_folder_gets_a_clear_error(
    fitted, tmp_path, damage, error, message
):
    fitted.save(tmp_path / "g")
    damage(tmp_path / "g")
    with pytest.raises(error, match=message):
        LatentDiffusionGenerator.load(tmp_path / "g")


def test_further_patients_are_learned_beside_the_earlier_ones(cohort):
    first = cohort.groups != cohort.groups[0]
    generator = clone(TINY).partial_fit(
        cohort.X[first], cohort.y[first], groups=cohort.groups[first]
    )
    earlier = generator.profiles_.copy()
    new = ~first
    generator.partial_fit(cohort.X[new], cohort.y[new], groups=cohort.groups[new])
    assert set(generator.patients_) == set(cohort.groups)
    assert_array_equal(generator.profiles_[: len(earlier)], earlier)
    assert generator.counts_.sum() == len(cohort.X)
    with pytest.raises(ValueError, match="unknown state"):
        generator.partial_fit(cohort.X[:4], ["asleep"] * 4, groups=["x"] * 4)
    with pytest.raises(ValueError, match="every call of partial_fit or to none"):
        generator.partial_fit(cohort.X, cohort.y)


def interrupt_stage(monkeypatch, stage):
    original = _training.Bar

    def bar(steps, desc, **options):
        progress = original(steps, desc=desc, **options)
        if desc != stage:
            return progress

        class Interrupted:
            set_postfix = progress.set_postfix

            def __iter__(self):
                yield 1
                raise KeyboardInterrupt

        return Interrupted()

    monkeypatch.setattr(_training, "Bar", bar)


def test_ctrl_c_in_the_diffusion_keeps_what_is_trained_so_far(cohort, monkeypatch):
    interrupt_stage(monkeypatch, "diffusion")
    generator = clone(TINY)
    with pytest.raises(KeyboardInterrupt):
        generator.fit(cohort.X, cohort.y)
    assert np.isfinite(generator.sample(["ictal"])).all()


def test_ctrl_c_after_both_networks_keeps_them(cohort, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(_fit, "fit_corrections", interrupt)
    generator = clone(TINY)
    with pytest.raises(KeyboardInterrupt):
        generator.fit(cohort.X, cohort.y)
    assert np.isfinite(generator.sample(["ictal"])).all()


def test_ctrl_c_in_the_autoencoder_leaves_encode_and_an_honest_sample(cohort, monkeypatch):
    interrupt_stage(monkeypatch, "autoencoder")
    generator = clone(TINY)
    with pytest.raises(KeyboardInterrupt):
        generator.fit(cohort.X, cohort.y)
    assert np.isfinite(generator.reconstruct(cohort.X[:2])).all()
    with pytest.raises(NotFittedError, match="interrupted before the diffusion"):
        generator.sample(["ictal"])


def test_progress_is_silent_by_default_and_shown_when_asked_for(cohort, capsys):
    clone(TINY).fit(cohort.X, cohort.y)
    assert capsys.readouterr().err == ""
    clone(TINY).set_params(verbose=1).fit(cohort.X, cohort.y)
    shown = capsys.readouterr().err
    assert "autoencoder" in shown
    assert "loss=" in shown


def test_ordinary_use_gives_no_warning(cohort):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clone(TINY).fit(cohort.X, cohort.y, groups=cohort.groups).sample(["ictal"])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_same_api_runs_on_cuda(cohort):
    generator = clone(TINY).set_params(device="cuda").fit(cohort.X, cohort.y)
    assert np.isfinite(generator.sample(["ictal"])).all()
