"""The built site: links that lead somewhere, nothing from elsewhere, no scrolling sideways."""

import os
import runpy
from pathlib import Path

import browser
import pytest

import geneeg_sk

ROOT = Path(__file__).parents[1]
SITE = Path(os.environ.get("GENEEG_SITE", ROOT / "out/docs"))
problems = runpy.run_path(str(ROOT / "docs/check_site.py"))["problems"]


def write(folder, **pages):
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>")


def test_a_link_to_nowhere_is_found(tmp_path):
    write(
        tmp_path,
        index="<a href='other.html#here'></a><a href='other.html#gone'></a><a href='no.html'></a>",
        other="<p id='here'></p><a href='#here'></a><a href='index.html'></a>",
    )
    found = list(problems(tmp_path))
    assert len(found) == 2
    assert "other.html#gone: no such place" in found[0]
    assert "no.html, which does not exist" in found[1]


@pytest.mark.parametrize(
    "body",
    [
        "<script src='https://example.org/a.js'></script>",
        "<link rel='stylesheet' href='//example.org/a.css'>",
        "<img src='http://example.org/a.png'>",
        "<p style='background: url(https://example.org/a.png)'></p>",
    ],
)
def test_what_is_loaded_from_elsewhere_is_found(tmp_path, body):
    write(tmp_path, index=body)
    assert len(list(problems(tmp_path))) == 1
    write(tmp_path, index="<a href='https://example.org'>a link is no request</a>")
    assert not list(problems(tmp_path))


def test_the_pages_of_the_api_list_what_is_public():
    pages = runpy.run_path(str(ROOT / "docs/api_pages.py"))["pages"]()
    index = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    for package in pages:
        assert f"api/{package}\n" in index
        for name in getattr(geneeg_sk, package).__all__:
            assert f"   {name}\n" in pages[package]


@pytest.fixture(scope="module")
def site():
    if not (SITE / "index.html").exists():
        pytest.skip(f"no site at {SITE}: make docs builds it")
    return SITE


def test_every_link_of_the_site_leads_somewhere(site):
    assert list(problems(site)) == []


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason="no Chromium")
@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize(
    "name",
    [
        "index",
        "guide/load",
        "results/unseen_patients",
        "concepts/model",
        "api/metrics",
        "api/generated/geneeg_sk.over_sampling.GenEEGSampler",
        "api/generated/geneeg_sk.generation.LatentDiffusionGenerator",
        "gallery/plot_foreign_generator",
    ],
)
def test_the_page_fits_the_window_and_loads_nothing_from_elsewhere(site, name, width):
    page = browser.opened(site / f"{name}.html", width)
    assert page.width <= width
    home = site.resolve().as_uri()
    assert [url for url in page.requests if not url.startswith(home)] == []
    assert page.messages == []
