"""The page on loading recordings shows what its snippets print, and its pictures come from them."""

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.slow
def test_the_page_prints_and_draws_what_it_shows(data_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("GENEEG_DATA", str(data_folder))
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "guide/load.md").read_text(encoding="utf-8")
    assert runpy.run_path(str(DOCS / "run_page.py"))["run"](page) == page
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {path.name for path in (DOCS / "guide/images").iterdir()}
    assert all(f"](images/{name})" in page for name in drawn)
