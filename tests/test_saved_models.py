"""Saved models are there whole or not at all, and never at the cost of other files."""

import json
import os
import shutil
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from sealing import forge
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from tiny import TINY

from geneeg_sk._files import seal
from geneeg_sk.classification import CNNBiLSTMClassifier, MinibatchAugmentation
from geneeg_sk.classification._storage import read_detector, write_detector
from geneeg_sk.generation import LatentDiffusionGenerator


class Generator:
    """Save and load a generator, and tell what it does."""

    header = "generator.json"

    def __init__(self, cohort):
        fitted = clone(TINY).fit(cohort.X, cohort.y, groups=cohort.groups)
        self.save, self.load = fitted.save, LatentDiffusionGenerator.load

    @staticmethod
    def says(loaded):
        names = ("classes_", "patients_", "counts_", "dtype_", "sfreq_", "n_times_", "history_")
        known = [repr(getattr(loaded, name)) for name in names]
        return repr(loaded), *known, loaded.sample(["ictal", "normal"], random_state=0).tolist()


class Classifier:
    """Save and load a classifier, and tell what it does."""

    header = "classifier.json"

    def __init__(self, cohort):
        fitted = CNNBiLSTMClassifier(n_filters=2, n_hidden=2, max_epochs=1, random_state=0)
        fitted.set_params(weight_decay=2.0, kernel_size=64)
        self.X = cohort.X[:5]
        self.save, self.load = fitted.fit(cohort.X, cohort.y).save, CNNBiLSTMClassifier.load

    def says(self, loaded):
        names = ("classes_", "history_", "n_channels_", "n_times_", "n_features_in_")
        known = [repr(getattr(loaded, name)) for name in names]
        return repr(loaded), *known, loaded.predict_proba(self.X).tolist()


class Detector:
    """Save and load a detector, and tell what it does."""

    header = "detector.json"

    def __init__(self, cohort):
        fitted = CNNBiLSTMClassifier(n_filters=2, n_hidden=2, max_epochs=1, random_state=0)
        fitted.fit(cohort.X, cohort.y)
        windows = {"length": 2.0, "sfreq": 64.0, "channels": cohort.info.ch_names}
        windows |= {"l_freq": 0.5, "h_freq": 30.0}
        self.X = cohort.X[:5]
        self.save = partial(write_detector, classifier=fitted, windows=windows)
        self.load = read_detector

    def says(self, loaded):
        classifier, windows = loaded
        proba = classifier.predict_proba(self.X)
        return repr(classifier), windows, classifier.classes_.tolist(), proba.tolist()


@pytest.fixture(scope="module")
def models(cohort):
    return {kind: kind(cohort) for kind in (Generator, Classifier, Detector)}


@pytest.fixture(params=[Generator, Classifier, Detector])
def model(request, models):
    return models[request.param]


@pytest.fixture
def saved(model, tmp_path):
    model.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("content", ['{"format": "of somebody else"}', "[]", "{", ""])
def test_a_foreign_folder_with_a_file_of_our_name_is_not_touched(model, tmp_path, content):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / model.header).write_text(content)
    (folder / "thesis.tex").write_text("years")
    with pytest.raises(FileExistsError, match="is not a saved"):
        model.save(folder)
    assert (folder / "thesis.tex").read_text() == "years"
    assert (folder / model.header).read_text() == content


def test_saving_again_leaves_files_beside_ours_alone(model, saved):
    (saved / "notes.md").write_text("mine")
    (saved / "more").mkdir()
    before = sorted(path.name for path in saved.iterdir())
    model.save(saved)
    assert sorted(path.name for path in saved.iterdir()) == before
    assert (saved / "notes.md").read_text() == "mine"
    model.load(saved)


def test_another_model_in_the_same_place_leaves_nothing_of_the_earlier(cohort, tmp_path):
    fitted = clone(TINY).fit(cohort.X, cohort.y)
    clone(TINY).set_params(random_state=1).fit(cohort.X, cohort.y).save(tmp_path)
    fitted.save(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    loaded = LatentDiffusionGenerator.load(tmp_path)
    assert_array_equal(*[one.sample(["ictal"], random_state=0) for one in (loaded, fitted)])


@pytest.mark.parametrize("at", [1, 2])
def test_a_kill_while_saving_leaves_the_earlier_model_or_room_for_the_next(
    model, tmp_path, monkeypatch, at
):
    class Killed(BaseException):
        pass

    calls = []

    def killed(source, target):
        calls.append(target)
        if len(calls) == at:
            raise Killed
        shutil.move(source, target)

    for folder in (tmp_path / "new", tmp_path / "old"):
        if folder.name == "old":
            model.save(folder)
        calls.clear()
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", killed)
            with pytest.raises(Killed):
                model.save(folder)
        if folder.name == "old":
            model.load(folder)
        model.save(folder)
        model.load(folder)


def test_any_flipped_bit_of_the_header_is_noticed_or_means_the_same(model, saved):
    path = saved / model.header
    whole, expected = path.read_bytes(), model.says(model.load(saved))
    rng = np.random.default_rng(0)
    noticed = 0
    for at in rng.integers(len(whole), size=40).tolist():
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            found = model.says(model.load(saved))
        except (ValueError, FileNotFoundError):
            noticed += 1
        else:  # a blank became another blank, say
            assert found == expected
    assert noticed > 30


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
def test_no_number_of_a_header_is_nan_or_infinite(model, saved, value):
    path = saved / model.header
    header = json.loads(path.read_text())
    header.pop("seal")
    sealed = seal(header)
    text = json.dumps({"seal": sealed, **header})
    path.write_text(text.replace("2.0", value).replace("64", value))
    with pytest.raises(ValueError, match="damaged"):
        model.load(saved)


DEEP = "[" * 100_000


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", DEEP, '{"format": ' + DEEP])
def test_what_is_no_header_gets_a_clear_error(model, saved, text):
    (saved / model.header).write_text(text)
    with pytest.raises(ValueError, match=r"damaged|is not of a"):
        model.load(saved)


def put(*place, value):
    """Return a function that puts a value at a place of nested dicts and lists."""

    def change(header):
        for key in place[:-1]:
            header = header[key]
        header[place[-1]] = value

    return change


FORGED_GENERATORS = {
    "no checksum": lambda header: header.pop("sha256"),
    "a wide autoencoder": put("numbers", "vae", value=[4, 2, 1_000_000, [4, 2]]),
    "a wide denoiser": put("numbers", "denoiser", value=[2, 1_000_000, 100]),
    "sizes beyond counting": put("numbers", "vae", value=[4, 2, 10**18, [4, 2]]),
    "sizes of text": put("numbers", "vae", value="evil"),
    "smoothing": put("numbers", "descriptors.smoothing", value=10**9),
    "long windows": put("numbers", "normalizer.n_times", value=10**9),
    "much padding": put("numbers", "normalizer.n_padded", value=10**9),
    "no corrections": put("numbers", "corrections.left_out", value=5),
    "unknown corrections": put("numbers", "corrections.left_out", value=["evil"]),
    "other shape": put("shape", value=[4, 10**9]),
    "long labels": put("classes", "dtype", value="<U1000000000"),
    "no labels": put("classes", "values", value=[]),
    "nested labels": put("classes", "values", value=[["a"], ["b"], ["c"]]),
    "unknown background": put("background", value=17),
    "negative background": put("background", value=-1),
    "no numbers": put("numbers", value=[]),
    "no header": lambda header: [header.pop(name) for name in list(header)[8:]],
    "unknown parameter": put("params", "evil", value=1),
    "narrow": put("params", "width", value=-4),
    "objects": put("dtype", value="O"),
    "rate": put("sfreq", value="fast"),
    "another folder": put("sha256", value="../../../etc/passwd"),
}
FORGED_CLASSIFIERS = {
    "no checksum": lambda header: header.pop("sha256"),
    "many filters": put("parameters", "n_filters", value=10**9),
    "long kernel": put("parameters", "kernel_size", value=10**18),
    "text": put("parameters", "n_hidden", value="64"),
    "unknown parameter": put("parameters", "evil", value=1),
    "augmentation": put("parameters", "augment", value={"evil": 1}),
    "long windows": put("n_times", value=10**9),
    "many channels": put("n_channels", value=10**9),
    "negative channels": put("n_channels", value=-4),
    "one class": put("classes", "values", value=["ictal"]),
    "long labels": put("classes", "dtype", value="<U1000000000"),
    "no history": put("history", value=3),
    "nothing": lambda header: [header.pop(name) for name in list(header)[5:]],
}
FORGED_DETECTORS = {
    "no checksum": lambda header: header.pop("sha256"),
    "smoothing": put("windows", "smoothing", value=1e9),
    "many filters": put("parameters", "n_filters", value=10**9),
    "long windows": put("n_times", value=10**9),
    "long and fast": lambda h: (h.update(n_times=10**12), h["windows"].update(sfreq=5e11)),
    "negative length": put("windows", "length", value=-2),
    "another channel": lambda header: header["windows"]["channels"].pop(),
    "numbers for names": put("windows", "channels", value=[1, 2, 3, 4]),
    "no windows": put("windows", value=None),
    "one class": put("classes", "values", value=["ictal"]),
}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        *[pytest.param(Generator, change, id=name) for name, change in FORGED_GENERATORS.items()],
        *[pytest.param(Classifier, change, id=name) for name, change in FORGED_CLASSIFIERS.items()],
        *[pytest.param(Detector, change, id=name) for name, change in FORGED_DETECTORS.items()],
    ],
)
def test_a_forged_header_is_refused_before_memory_is_taken(models, tmp_path, kind, change):
    model = models[kind]
    model.save(tmp_path / "model")
    forge(tmp_path / "model" / model.header, change)
    with pytest.raises(ValueError, match=r"not a complete|not the checksum"):
        model.load(tmp_path / "model")


def test_files_get_the_permissions_that_the_user_gives_new_files(model, tmp_path):
    before = os.umask(0o027)
    try:
        model.save(tmp_path / "model")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "model").iterdir()} == {0o640}
    assert (tmp_path / "model").stat().st_mode & 0o777 == 0o750


def test_loading_leaves_the_global_random_stream_of_torch_alone(model, saved):
    before = torch.get_rng_state()
    model.load(saved)
    assert torch.equal(torch.get_rng_state(), before)


SMALL = {"n_filters": 2, "n_hidden": 2, "max_epochs": 2, "random_state": 0}


@pytest.mark.parametrize(
    "labels", [["ictal", "normal"], [3, 7], [1.0, 2.0], [False, True], np.array(["a", "b"], object)]
)
def test_a_loaded_classifier_is_the_saved_one(cohort, tmp_path, labels):
    y = np.asarray(labels)[(cohort.y == "normal").astype(int)]
    weights = dict(zip(np.unique(y), [2.0, np.float32(1)]))
    augment = MinibatchAugmentation(time_mask=np.float64(0.3))
    clf = CNNBiLSTMClassifier(class_weight=weights, augment=augment, **SMALL).fit(cohort.X, y)
    clf.save(tmp_path / "classifier")
    loaded = CNNBiLSTMClassifier.load(tmp_path / "classifier")
    assert loaded.classes_.dtype == clf.classes_.dtype
    assert loaded.class_weight == weights
    pd.testing.assert_frame_equal(loaded.history_, clf.history_)
    assert_array_equal(loaded.predict(cohort.X), clf.predict(cohort.X))
    assert_array_equal(loaded.predict_proba(cohort.X), clf.predict_proba(cohort.X))
    for train in (
        lambda one: clone(one).fit(cohort.X, y),
        lambda one: one.partial_fit(cohort.X, y),
    ):
        assert_array_equal(*[train(one).predict_proba(cohort.X) for one in (loaded, clf)])


def test_a_classifier_of_signals_in_two_dimensions_comes_back(cohort, tmp_path):
    X = cohort.X[:, 0]
    clf = CNNBiLSTMClassifier(**SMALL).fit(X, cohort.y, X_valid=X[::3], y_valid=cohort.y[::3])
    clf.save(tmp_path)
    loaded = CNNBiLSTMClassifier.load(tmp_path)
    assert loaded.n_features_in_ == clf.n_features_in_
    pd.testing.assert_frame_equal(loaded.history_, clf.history_)
    assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_the_state_of_a_random_generator_is_not_saved(cohort, tmp_path):
    clf = CNNBiLSTMClassifier(**SMALL | {"random_state": np.random.RandomState(0)})
    clf.fit(cohort.X, cohort.y).save(tmp_path)
    assert CNNBiLSTMClassifier.load(tmp_path).random_state is None


def test_a_classifier_that_is_not_fitted_or_holds_code_is_not_saved(cohort, tmp_path):
    folder = tmp_path / "classifier"
    with pytest.raises(NotFittedError):
        CNNBiLSTMClassifier().save(folder)
    clf = CNNBiLSTMClassifier(augment=torch.neg, **SMALL).fit(cohort.X, cohort.y)
    with pytest.raises(TypeError, match=r"set_params\(augment=None\), then save"):
        clf.save(folder)
    assert not folder.exists()


def test_a_detector_is_no_classifier_and_the_other_way_round(models, tmp_path):
    for kind in (Classifier, Detector):
        models[kind].save(tmp_path / kind.__name__)
    with pytest.raises(FileNotFoundError, match="no saved classifier"):
        models[Classifier].load(tmp_path / "Detector")
    with pytest.raises(FileNotFoundError, match="no saved detector"):
        models[Detector].load(tmp_path / "Classifier")
    with pytest.raises(FileExistsError, match="is not a saved"):
        models[Classifier].save(tmp_path / "Detector")


def test_a_classifier_of_a_gpu_is_read_where_there_is_none(cohort, tmp_path, monkeypatch):
    CNNBiLSTMClassifier(**SMALL).fit(cohort.X, cohort.y).save(tmp_path)
    forge(tmp_path / "classifier.json", put("parameters", "device", value="cuda"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    loaded = CNNBiLSTMClassifier.load(tmp_path)
    assert loaded.predict(cohort.X).shape == cohort.y.shape
