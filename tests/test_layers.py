"""The order of the folders: imports point back along the way that data take."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import geneeg_sk

ROOT = Path(geneeg_sk.__file__).parent
# As in the picture in CONTRIBUTING.md; folders on one line do not know each other.
LAYERS = [
    {"datasets", "preprocessing"},
    {"features"},
    {"metrics", "generation"},
    {"over_sampling"},
    {"classification"},
    {"model_selection"},
    {"inspection"},
    {"cli"},
]
TESTS = "tests"  # that travel with the package, and import what they like


def imported(path):
    """Folders and modules of the package that a file imports, also inside functions."""
    folder = [geneeg_sk.__name__, *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            here = folder[: len(folder) + 1 - node.level] if node.level else []
            module = ".".join([*here, *filter(None, [node.module])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith(f"{geneeg_sk.__name__}."):
                yield name.split(".")[1]


def test_a_folder_imports_only_from_layers_before_its_own():
    height = {name: k for k, names in enumerate(LAYERS) for name in names}
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {TESTS}
    assert folders <= set(height), "a folder has no layer"
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        own = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if own == TESTS:
            continue
        for name in imported(path):
            # Modules beside the folders are the ground, on which all stand.
            if name in height and name != own and not height[name] < height.get(own, -1):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_contributing_states_the_same_order():
    text = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    picture = [line for line in text.splitlines() if line.startswith("    ")]
    known = set().union(*LAYERS)
    found = [known & set(line.split()) for line in picture]
    assert [names for names in found if names] == LAYERS


USE = """
import json
import sys
import numpy as np
from sklearn.dummy import DummyClassifier
from geneeg_sk import datasets, model_selection, over_sampling

loaded = {}
[getattr(datasets, name) for name in datasets.__all__]
loaded["data sets"] = list(sys.modules)
y, groups = np.tile(["ictal", "normal", "normal"], 8), np.repeat([0, 1, 2, 3], 6)
X = 20 * np.random.default_rng(0).normal(size=(24, 2, 64)).astype(np.float32)
candidates = {"none": None, "surrogates": over_sampling.FourierSurrogateSampler()}
options = {"cv": 2, "n_repeats": 1, "random_state": 0}
model_selection.compare_samplers(candidates, DummyClassifier(), X, y, groups, **options)
loaded["a comparison"] = list(sys.modules)
from geneeg_sk import CNNBiLSTMClassifier
from tiny import TINY
X, y = over_sampling.GenEEGSampler(generator=TINY).fit_resample(X, y)
CNNBiLSTMClassifier(n_filters=2, n_hidden=2, max_epochs=1).fit(X, y).predict(X)
loaded["networks"] = list(sys.modules)
print(json.dumps(loaded))
"""
FOR_SOME = {"mne", "matplotlib", "typer", "pooch", "requests", "edfio", "distributed"}


def test_what_only_some_need_is_loaded_only_for_them():
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-W", "ignore", "-c", USE]
    printed = subprocess.check_output(command, cwd=ROOT.parent, env=environment)
    loaded = {what: set(names) for what, names in json.loads(printed).items()}
    for what, names in loaded.items():
        assert not FOR_SOME & names, what
    for what in ("data sets", "a comparison"):
        assert "torch" not in loaded[what], what
