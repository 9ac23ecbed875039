"""The order of the folders: imports point back along the way that data take."""

import ast
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
