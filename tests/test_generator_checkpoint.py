import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from geneeg_sk.datasets import make_eeg_cohort
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.generation.networks import _training

GENERATOR = LatentDiffusionGenerator(
    latent_channels=2, width=8, vae_steps=6, diffusion_steps=6, batch_size=8, random_state=0
)
STATES = np.repeat(["ictal", "normal", "preictal"], 8)


class Killed(BaseException):
    """Nothing in the package catches it, so that it ends a training as a kill does."""


def kill_before(monkeypatch, stage, step):
    original = _training.Bar

    def bar(steps, desc, **options):
        def watched():
            for k in steps:
                if (desc, k) == (stage, step):
                    raise Killed
                yield k

        return original(watched(), desc=desc, **options)

    monkeypatch.setattr(_training, "Bar", bar)


def fit(cohort, folder=None, rows=slice(None), **params):
    X, y, groups = cohort.X[rows], cohort.y[rows], cohort.groups[rows]
    return clone(GENERATOR).set_params(**params).fit(X, y, groups=groups, checkpoint=folder)


def assert_same(one, other):
    assert_array_equal(one.sample(STATES), other.sample(STATES))
    # Only with 20 windows of a state is there validation; NaN where there is none.
    assert one.history_.equals(other.history_)


@pytest.fixture(scope="module")
def unbroken(cohort):
    return fit(cohort)


@pytest.mark.parametrize(
    ("stage", "step"),
    [("autoencoder", 1), ("autoencoder", 4), ("diffusion", 1), ("diffusion", 6)],
)
def test_a_killed_training_goes_on_and_ends_as_one_that_was_not(
    cohort, unbroken, tmp_path, monkeypatch, stage, step
):
    with monkeypatch.context() as patch:
        kill_before(patch, stage, step)
        with pytest.raises(Killed):
            fit(cohort, tmp_path)
    steps = []
    original = _training._Run.descend
    monkeypatch.setattr(_training._Run, "descend", lambda *a: (steps.append(1), original(*a)))
    assert_same(fit(cohort, tmp_path), unbroken)
    n_done = step - 1 + (6 if stage == "diffusion" else 0)
    assert len(steps) == 12 - n_done


def test_after_ctrl_c_it_goes_on(cohort, unbroken, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(f"{__name__}.Killed", KeyboardInterrupt)
        kill_before(patch, "diffusion", 3)
        with pytest.raises(KeyboardInterrupt):
            fit(cohort, tmp_path)
    assert_same(fit(cohort, tmp_path), unbroken)


def test_early_stopping_and_its_best_weights_survive(tmp_path, monkeypatch):
    cohort = make_eeg_cohort(n_patients=4, sfreq=32, length=2, random_state=1)
    monkeypatch.setattr(_training, "PATIENCE", 1)
    params = {"vae_steps": 120, "diffusion_steps": 120}
    unbroken = fit(cohort, **params)
    assert unbroken.history_["validation"].notna().all()
    last = unbroken.history_.groupby("stage")["step"].max()
    assert last.min() < 120  # it stopped early, else nothing is tested
    with monkeypatch.context() as patch:
        kill_before(patch, "diffusion", last["diffusion"] - 1)
        with pytest.raises(Killed):
            fit(cohort, tmp_path, **params)
    assert_same(fit(cohort, tmp_path, **params), unbroken)
    assert_same(fit(cohort, tmp_path, **params), unbroken)


def test_a_checkpoint_of_other_windows_or_settings_is_refused_and_kept(cohort, unbroken, tmp_path):
    fit(cohort, tmp_path)
    for change in ({"rows": slice(None, -1)}, {"batch_size": 9}, {"random_state": 1}):
        with pytest.raises(ValueError, match="other windows or with other settings"):
            fit(cohort, tmp_path, **change)
    assert_same(fit(cohort, tmp_path, verbose=0), unbroken)


def test_a_damaged_checkpoint_is_refused(cohort, tmp_path):
    fit(cohort, tmp_path)
    (state,) = (tmp_path / "diffusion").glob("*.safetensors")
    content = bytearray(state.read_bytes())
    content[-1] ^= 1
    state.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        fit(cohort, tmp_path)


def test_nothing_foreign_is_touched(cohort, tmp_path):
    (tmp_path / "autoencoder").mkdir()
    theirs = tmp_path / "autoencoder" / "thesis.txt"
    theirs.write_text("mine")
    with pytest.raises(FileExistsError, match="not a saved checkpoint"):
        fit(cohort, tmp_path)
    assert theirs.read_text() == "mine"


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_a_training_that_cannot_be_repeated_cannot_go_on(cohort, tmp_path, random_state):
    with pytest.raises(ValueError, match="int as random_state"):
        fit(cohort, tmp_path, random_state=random_state)


CODE = """
import sys
from geneeg_sk.datasets import make_eeg_cohort
from geneeg_sk.generation import LatentDiffusionGenerator
cohort = make_eeg_cohort(n_patients=2, sfreq=32, length=2, random_state=0)
generator = LatentDiffusionGenerator(
    latent_channels=2, width=8, vae_steps=300, diffusion_steps=300, batch_size=8, random_state=0
)
generator.fit(cohort.X, cohort.y, groups=cohort.groups, checkpoint=sys.argv[1] or None)
generator.save(sys.argv[2])
"""


@pytest.mark.slow
def test_sigkill_at_any_time(tmp_path):
    def start(checkpoint, out):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", CODE, checkpoint, tmp_path / out]
        return subprocess.Popen(list(map(str, command)), env=environment)

    def written():
        headers = sorted((tmp_path / "checkpoint").glob("*/checkpoint.json"))
        return [header.stat().st_mtime_ns for header in headers]

    assert start("", "unbroken").wait() == 0
    killed = 0
    for delay in (0, 0.3, 0.2, 0.1):
        before = written()
        process = start(tmp_path / "checkpoint", "resumed")
        while process.poll() is None and written() == before:
            time.sleep(0.01)
        time.sleep(delay)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed
    assert start(tmp_path / "checkpoint", "resumed").wait() == 0
    one, other = (LatentDiffusionGenerator.load(tmp_path / n) for n in ("unbroken", "resumed"))
    assert_same(one, other)
