"""Code, messages, docstrings and pages are spelled the American way."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STEMS = (
    *("behaviour", "colour", "favour", "honour", "labour", "neighbour", "tumour"),
    *("centre", "centring", "fibre", "grey", "litre", "metre(?!d)"),
    *("analyse[dr]?\\b", "analysing", "categoris", "characteris(?!t)", "emphasis(?!\\b)"),
    *("equalis", "generalis(?!t)", "initialis", "localis", "maximis", "memoris", "minimis"),
    *(
        "normalis",
        "optimis(?!m|t)",
        "organis(?!m)",
        "parametris",
        "penalis",
        "personalis",
        "quantis",
    ),
    *(
        "randomis",
        "realis(?!t|m)",
        "recognis",
        "regularis",
        "serialis",
        "specialis(?!t|m)",
        "stabilis",
    ),
    *("standardis", "summaris", "symmetris", "synchronis", "utilis", "visualis"),
    *("cancelled(?!error)", "labelled(?!by)", "labelling", "modelled", "modelling", "signalled"),
    *("artefact", "catalogue", "defence", "judgement", "licence", "whilst"),
)
BRITISH = re.compile(rf"\w*(?:{'|'.join(STEMS)})\w*", re.IGNORECASE)
KINDS = {".css", ".html", ".js", ".md", ".py", ".sh"}
MADE_BY_BENCHMARKS = ROOT / "docs" / "results"
BUILT = [ROOT / "docs" / name for name in ("api", "gallery", "generated")]


def files(place):
    """Return the texts in a folder that people write."""
    left_out = [MADE_BY_BENCHMARKS, *BUILT]
    return [
        path
        for path in sorted((ROOT / place).rglob("*"))
        if path.suffix in KINDS
        and path != Path(__file__)
        and not any(folder in path.parents for folder in left_out)
    ]


@pytest.mark.parametrize("place", ["geneeg_sk", "tests", "examples", "tools", "docs"])
def test_words_are_spelled_the_american_way(place):
    paths = files(place)
    assert paths
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in paths
        for word in sorted(set(re.findall(r"\w+", f"{path.name}\n{path.read_text('utf-8')}")))
        if BRITISH.search(word)
    ]
    assert not found


@pytest.mark.parametrize("word", ["fit_equaliser", "Neighbours", "EQUALISED", "relabelled"])
def test_british_words_are_noticed_inside_names(word):
    assert BRITISH.search(word)


LOOK_BRITISH = [
    "characteristics",
    "aria-labelledby",
    "CancelledError",
    "emphasis",
    "realistic",
    "optimistic",
]


@pytest.mark.parametrize("word", LOOK_BRITISH)
def test_words_that_only_look_british_are_not(word):
    assert not BRITISH.search(word)
