"""What is released: archives that hold what they should, workflows, and the files around them."""

import io
import re
import runpy
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

import geneeg_sk

ROOT = Path(__file__).parents[1]
VERSION = geneeg_sk.__version__
yaml = pytest.importorskip("yaml", reason="needs PyYAML: install the extra 'test'")
check = runpy.run_path(str(ROOT / "tools/check_dist.py"))
METADATA = "".join(f"{name}: x\n" for name in check["METADATA"])
METADATA = f"Version: {VERSION}\n{METADATA}\nDescription".encode()
PACKAGE = {
    "geneeg_sk/_version.py": f'__version__ = "{VERSION}"\n'.encode(),
    "geneeg_sk/py.typed": b"",
    "geneeg_sk/tests/test_installed.py": b"",
}
ABOUT = f"geneeg_sk-{VERSION}.dist-info"
WHEEL = {**PACKAGE, f"{ABOUT}/METADATA": METADATA, f"{ABOUT}/entry_points.txt": b""}
SDIST = {
    **PACKAGE,
    **{name: b"" for name in check["SDIST"] if name != "geneeg_sk"},
    "PKG-INFO": METADATA,
}


def write(folder, kind, content):
    if kind == "wheel":
        path = folder / f"geneeg_sk-{VERSION}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in content.items():
                archive.writestr(name, data)
    else:
        path = folder / f"geneeg_sk-{VERSION}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name, data in content.items():
                member = tarfile.TarInfo(f"geneeg_sk-{VERSION}/{name}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return path


BOTH = pytest.mark.parametrize(("kind", "content"), [("wheel", WHEEL), ("sdist", SDIST)])


@BOTH
def test_archives_that_are_right_pass(tmp_path, kind, content):
    weights = {"geneeg_sk/weights.safetensors": b"0" * 2_000_000}
    assert not list(check["problems"](write(tmp_path, kind, content | weights)))


@BOTH
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("geneeg_sk/large.json", b"0" * 1_000_001),
        ("geneeg_sk/chb01_03.edf", b""),
        ("geneeg_sk/windows.npz", b""),
        ("geneeg_sk/results.jsonl", b""),
        ("geneeg_sk/__pycache__/a.pyc", b""),
        ("benchmarks/run.py", b""),
    ],
)
def test_what_does_not_belong_in_an_archive_is_found(tmp_path, kind, content, name, data):
    (fault,) = check["problems"](write(tmp_path, kind, content | {name: data}))
    assert name.startswith(fault.split(":")[0])


@BOTH
def test_what_is_missing_in_an_archive_is_found(tmp_path, kind, content):
    for name in content:
        if name.startswith("geneeg_sk/") or kind == "sdist" or ABOUT in name:
            rest = {other: data for other, data in content.items() if other != name}
            assert list(check["problems"](write(tmp_path, kind, rest))), name


@BOTH
@pytest.mark.parametrize(
    ("there", "instead"),
    [(b"License-Expression: x\n", b""), (b"\n\nDescription", b"\n\n"), (VERSION.encode(), b"9.9")],
)
def test_faulty_metadata_are_found(tmp_path, kind, content, there, instead):
    name = f"{ABOUT}/METADATA" if kind == "wheel" else "PKG-INFO"
    assert there in METADATA
    content = content | {name: METADATA.replace(there, instead)}
    (fault,) = check["problems"](write(tmp_path, kind, content))
    assert fault.startswith("metadata: ")


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


WORKFLOWS = {path.name: path for path in sorted((ROOT / ".github/workflows").glob("*.yml"))}


def test_the_workflows_are_there():
    assert set(WORKFLOWS) == {"ci.yml", "docs.yml", "release.yml"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_pin_actions_and_grant_nothing_by_default(name):
    text = WORKFLOWS[name].read_text(encoding="utf-8")
    workflow = read(WORKFLOWS[name])
    assert workflow["permissions"] == {}
    used = re.findall(r"uses: (\S+)(.*)", text)
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert [action for action, _ in used] == [s["uses"] for s in steps if "uses" in s]
    for action, comment in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)
    for step in steps:
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False
        for target in re.findall(r"^make (\w+)", step.get("run", ""), re.MULTILINE):
            assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_an_action_has_the_same_hash_everywhere():
    hashes = {}
    for path in WORKFLOWS.values():
        for action, pin in re.findall(r"uses: (\S+)@(\S+)", path.read_text(encoding="utf-8")):
            hashes.setdefault(action, set()).add(pin)
    assert all(len(pins) == 1 for pins in hashes.values())


def test_only_the_job_that_publishes_may_sign_and_it_runs_on_tags_only():
    jobs = read(WORKFLOWS["release.yml"])["jobs"]
    assert jobs["build"]["permissions"] == {"contents": "read"}
    publish = jobs["publish"]
    assert publish["environment"] == "pypi"
    assert publish["if"] == "github.event_name == 'push'"
    assert read(WORKFLOWS["release.yml"])[True]["push"] == {"tags": ["v*"]}  # YAML's "on"
    assert "secrets" not in WORKFLOWS["release.yml"].read_text(encoding="utf-8")
    assert publish["steps"][-1]["uses"].startswith("pypa/gh-action-pypi-publish@")


def test_templates_and_citation_can_be_read():
    for path in (ROOT / ".github").rglob("*.yml"):
        assert read(path), path
    report = read(ROOT / ".github/ISSUE_TEMPLATE/bug_report.yml")
    asked = {field["id"]: field for field in report["body"] if "id" in field}
    assert "geneeg-sk doctor" in asked["doctor"]["attributes"]["label"]
    assert asked["doctor"]["validations"]["required"]
    citation = read(ROOT / "CITATION.cff")
    assert citation["version"] == VERSION
    assert "authors" in citation["references"][0]


def test_lower_bounds_are_those_that_are_tried():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "constraints-min.txt").read_text(encoding="utf-8")
    oldest = dict(re.findall(r"^([\w-]+)==(\S+)", text, re.MULTILINE))
    for requirement in project["dependencies"]:
        name, bound = re.match(r"([\w-]+)>=([\d.]+)", requirement).groups()
        if name != "torch":  # an old one would have to be built, or bring a GPU's libraries
            assert Version(oldest.pop(name)) == Version(bound), requirement
    assert set(oldest) == {"torch"}
