"""The documentation's code runs, or at least names what exists; its numbers are the measured."""

import ast
import importlib
import json
import re
from pathlib import Path

import pytest
import sklearn
from tiny import TINY

ROOT = Path(__file__).parents[1]
PITFALLS = ROOT / "docs/pitfalls.md"
RESULTS = ROOT / "benchmarks/results/pitfalls.jsonl"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(path):
    return BLOCK.findall(path.read_text(encoding="utf-8"))


PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("docs/*/*.md")]
    if blocks(path)
)


def test_pages_with_code_are_found():
    assert {"README.md", "docs/index.md", "docs/guide/augment.md", "docs/pitfalls.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_code_of_the_page_compiles_and_imports_only_what_exists(page):
    for block in blocks(ROOT / page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                for name in node.names:
                    assert hasattr(module, name.name), f"{node.module} has no {name.name}"
            elif isinstance(node, ast.Import):
                for name in node.names:
                    importlib.import_module(name.name)


SHORTER = {
    "make_eeg_cohort(": "make_eeg_cohort(n_patients=4, n_windows=COUNTS, sfreq=64, length=2, ",
    "CNNBiLSTMClassifier(": "CNNBiLSTMClassifier(n_filters=4, n_hidden=8, max_epochs=1, ",
    "GenEEGSampler(": "GenEEGSampler(generator=TINY, ",
}


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_first_lines_run_on_a_small_cohort(page):
    [block] = [one for one in blocks(ROOT / page) if "cross_validate(" in one]
    for whole, short in SHORTER.items():
        assert block.count(whole) == 1
        block = block.replace(whole, short)
    namespace = {"TINY": TINY, "COUNTS": {"normal": 12, "preictal": 5, "ictal": 4}}
    with sklearn.config_context():  # restores what the page sets
        exec(compile(block, page, "exec"), namespace)
    scores = namespace["scores"]["test_score"]
    assert len(scores) == 4
    assert ((scores > 0) & (scores < 1)).all()


@pytest.mark.parametrize("page", ["README.md", "docs/concepts/when.md"])
def test_what_a_page_quotes_of_unseen_patients_is_what_the_benchmark_wrote(page):
    written = (ROOT / "docs/results/unseen_patients.md").read_text(encoding="utf-8")
    text = " ".join((ROOT / page).read_text(encoding="utf-8").replace("−", "-").split())
    spreads = re.findall(r"\d\.\d{3} ± \d\.\d{3}", text)
    intervals = re.findall(r"\([+-]\d\.\d{3} to [+-]\d\.\d{3}\)", text)
    assert len(intervals) >= 2
    assert bool(spreads) == (page == "README.md")
    assert [quoted for quoted in spreads + intervals if quoted not in written] == []


@pytest.mark.slow
def test_snippets_on_pitfalls_run_from_top_to_bottom_on_real_windows(
    data_folder, monkeypatch, capsys
):
    monkeypatch.setenv("GENEEG_DATA", str(data_folder))
    namespace = {}
    with sklearn.config_context():  # restores what the page sets
        for number, block in enumerate(blocks(PITFALLS)):
            exec(compile(block, f"pitfalls.md, block {number}", "exec"), namespace)
    printed = capsys.readouterr().out
    assert printed.rstrip().endswith("False\nTrue")
    assert "by window" in printed


def measured():
    lines = RESULTS.read_text(encoding="utf-8").splitlines()
    return {line["pitfall"]: line for line in map(json.loads, lines)}


def test_the_table_of_pitfalls_is_what_was_measured():
    rows = {
        cells[0]: cells[2:]
        for line in PITFALLS.read_text(encoding="utf-8").splitlines()
        if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 6
    }
    for name, line in measured().items():
        wrong, right, unseen, above = rows[name]
        assert (float(wrong), float(right)) == (line["wrong"], line["right"]), name
        assert (float(unseen) if unseen else None) == line.get("unseen"), name
        assert int(above) == line["seeds_wrong_above_right"], name


def test_every_score_on_the_page_was_measured():
    known = {
        f"{value:.3f}"
        for line in measured().values()
        for value in line.values()
        if isinstance(value, float)
    }
    prose = BLOCK.sub("", PITFALLS.read_text(encoding="utf-8"))
    assert set(re.findall(r"\b\d\.\d{3}\b", prose)) <= known


def test_every_benchmark_is_in_their_table_and_every_page_is_there():
    folder = ROOT / "benchmarks"
    table = (folder / "README.md").read_text(encoding="utf-8")
    scripts = [p for p in folder.rglob("*.py") if "__main__" in p.read_text(encoding="utf-8")]
    assert len(scripts) > 10
    for script in scripts:
        name = script.relative_to(ROOT).as_posix()
        module = name.removesuffix(".py").replace("/", ".")
        assert name in table or re.search(rf"-m {module}[` ]", table), name
    for page in re.findall(r"\]\((.+?)\)", table):
        assert (folder / page).is_file(), page


def test_the_counts_of_soak_and_scale_are_those_of_their_results():
    pages = {
        name: (ROOT / "docs" / name).read_text() for name in ("reliability.md", "guide/scale.md")
    }
    results = ROOT / "benchmarks/results"
    soak = json.loads((results / "soak.jsonl").read_text().splitlines()[-1])
    assert f"{soak['minutes']:.0f} minutes" in pages["reliability.md"]
    assert f"{soak['soak']:,} operations with seed {soak['seed']}" in pages["reliability.md"]
    for what in ("killed", "disk full"):
        number = sum(
            n
            for name, n in soak["counts"].items()
            if name.startswith((f"store {what}", f"model {what}"))
        )
        assert f"| {number:,} | " in pages["reliability.md"]
    for line in map(json.loads, (results / "scale.jsonl").read_text().splitlines()):
        worker, scheduler = max(line["worker_peak_gb"]), line["scheduler_peak_gb"]
        kind = "rows" if line["rows"] else "array"
        row = f"| {line['store_gb']:.1f} GB, {kind} | {worker:.2f} GB | {scheduler:.2f} GB |"
        assert row in pages["guide/scale.md"]
        assert worker < line["limit_gb"]
        assert line["bytes_of_a_task"] < 1_000_000
