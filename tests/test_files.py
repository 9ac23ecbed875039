"""Files that are there whole or not at all, whoever is killed while writing."""

import multiprocessing
import os
import signal
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from tiny import TINY

from geneeg_sk._files import workplace, write_whole
from geneeg_sk.classification import CNNBiLSTMClassifier
from geneeg_sk.classification._storage import read_detector, write_detector
from geneeg_sk.datasets import write_edf, write_events
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.inspection import make_quiz

FORK = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def writers(cohort):
    """Functions that write to a path, by the name of what they write."""
    classifier = CNNBiLSTMClassifier(n_filters=2, n_hidden=2, max_epochs=1, random_state=0)
    classifier.fit(cohort.X, cohort.y)
    names = cohort.info.ch_names
    windows = {"length": 2.0, "sfreq": 64.0, "channels": names, "l_freq": 0.5, "h_freq": 30.0}
    events = pd.DataFrame({"onset": [1.0], "duration": [2.0]})
    generator = clone(TINY).fit(cohort.X, cohort.y)
    quiz = {"sfreq": 64, "ch_names": names, "n_questions": 4, "random_state": 0}
    return {
        "a_events.tsv": partial(write_events, events=events, duration=9.0),
        "a.edf": partial(write_edf, X=cohort.X[:4], y=cohort.y[:4], info=cohort.info),
        "quiz.html": lambda path: make_quiz(cohort.X, cohort.X, out=path, **quiz),
        "detector": partial(write_detector, classifier=classifier, windows=windows),
        "generator": generator.save,
    }


KINDS = ["a_events.tsv", "a.edf", "quiz.html", "detector", "generator"]


def kill(*names):
    os.kill(os.getpid(), signal.SIGKILL)


def killed(write, path, step=1):
    """Write in a process that is killed at the move number `step` of a file to its place."""
    replace, calls = os.replace, []

    def replace_or_die(*names):
        calls.append(names)
        (kill if len(calls) == step else replace)(*names)

    def work():
        os.replace = replace_or_die
        write(path)

    process = FORK.Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def everything_below(folder):
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_write_removes_what_a_killed_one_left_and_nothing_else(writers, tmp_path, kind):
    write, path = writers[kind], tmp_path / "there" / kind
    write(path)
    own = path / "notes.md" if path.is_dir() else path.with_name("notes.md")
    own.write_text("mine")
    expected = set(everything_below(tmp_path))
    killed(write, path)
    assert len(everything_below(tmp_path)) > len(expected)
    write(path)
    assert set(everything_below(tmp_path)) == expected
    assert own.read_text() == "mine"


@pytest.mark.parametrize("kind", ["detector", "generator"])
@pytest.mark.parametrize("step", [1, 2])
def test_a_kill_before_there_is_a_model_leaves_room_for_one(writers, tmp_path, kind, step):
    write, path = writers[kind], tmp_path / kind
    killed(write, path, step)
    write(path)
    assert len(list(path.iterdir())) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_write_leaves_that_of_another_who_is_still_writing_alone(writers, tmp_path, kind):
    write, path = writers[kind], tmp_path / kind
    write(path)
    with workplace(path if path.is_dir() else path.parent) as other:
        (other / "part").write_text("half")
        write(path)
        assert (other / "part").read_text() == "half"
    assert not other.exists()


def test_a_model_takes_the_place_of_what_a_killed_write_moved_there(cohort, writers, tmp_path):
    path = tmp_path / "detector"
    writers["detector"](path)
    other = CNNBiLSTMClassifier(n_filters=2, n_hidden=2, max_epochs=1, random_state=1)
    other.fit(cohort.X, cohort.y)
    _, windows = read_detector(path)
    killed(partial(write_detector, classifier=other, windows=windows), path, step=2)
    assert len(list(path.glob("*.safetensors"))) == 2
    writers["detector"](path)
    assert len(list(path.iterdir())) == 2
    read_detector(path)


def test_an_error_while_writing_leaves_the_older_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("older")

    def broken():
        with write_whole(path) as part:
            part.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert everything_below(tmp_path) == {"file": path}
    assert path.read_text() == "older"


@pytest.mark.parametrize("kind", ["a_events.tsv", "a.edf", "quiz.html"])
def test_a_link_to_a_file_stays_one(writers, tmp_path, kind):
    (tmp_path / "there").mkdir()
    link = tmp_path / kind
    link.symlink_to(tmp_path / "there" / kind)
    writers[kind](link)
    assert link.is_symlink()
    assert (tmp_path / "there" / kind).stat().st_size


def test_a_model_is_read_while_others_write_it_again_and_again(cohort, writers, tmp_path):
    path = tmp_path / "generator"
    writers["generator"](path)

    def again_and_again():
        while True:
            writers["generator"](path)

    processes = [FORK.Process(target=again_and_again, daemon=True) for _ in range(2)]
    for process in processes:
        process.start()
    try:
        for _ in range(5):
            drawn = LatentDiffusionGenerator.load(path).sample(["ictal"], random_state=0)
            assert np.isfinite(drawn).all()
    finally:
        for process in processes:
            process.kill()
            process.join()
    writers["generator"](path)
    assert len(list(path.iterdir())) == 2
