"""Pages of the API, from what every subpackage names in `__all__`; `conf.py` has them written."""

import importlib
from pathlib import Path

import geneeg_sk
from geneeg_sk.metrics import list_metrics

# In the order in which data take their way.
PACKAGES = [
    "datasets",
    "preprocessing",
    "features",
    "metrics",
    "generation",
    "over_sampling",
    "classification",
    "model_selection",
    "inspection",
]


def pages():
    """Return the text of one page for each subpackage."""
    return {name: page(f"geneeg_sk.{name}") for name in PACKAGES}


def page(module):
    """Return the page of a module: what it is for, and a table of its public names."""
    package = importlib.import_module(module)
    names = "\n".join(f"   {name}" for name in sorted(package.__all__, key=str.lower))
    title = f"{module}\n{'=' * len(module)}"
    directive = f".. autosummary::\n   :toctree: generated\n   :nosignatures:\n\n{names}"
    text = f"{title}\n\n{package.__doc__}\n\n.. currentmodule:: {module}\n\n{directive}\n"
    return text + (metrics_table() if module == "geneeg_sk.metrics" else "")


def metrics_table():
    """Return the table of scores, as `list_metrics` has it."""
    rows = [["function", "number", "better", "range", "source"]]
    rows += [
        [f":obj:`{row.function}`", row.label, row.better, row.range, row.source or "–"]
        for row in list_metrics().itertuples()
    ]
    lines = [
        "   " + ("* - " if k == 0 else "  - ") + cell for row in rows for k, cell in enumerate(row)
    ]
    head = "Which way is better\n-------------------\n\n.. list-table::\n   :header-rows: 1\n\n"
    return "\n" + head + "\n".join(lines) + "\n"


def write(folder):
    """Write the pages that have changed, so that the others need not be built again."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def hide_signature(app, what, name, obj, options, signature, return_annotation):
    """Leave out the signature of a protocol: nobody calls it."""
    return ("", None) if getattr(obj, "_is_protocol", False) else None


def skip(app, what, name, member, skip, options):
    """Leave out members that come from another package, such as `set_params`."""
    module = getattr(member, "__module__", None) or ""
    request = name.startswith("set_") and name.endswith("_request")
    return True if request or module.split(".")[0] in ("sklearn", "imblearn", "torch") else None


assert set(PACKAGES) == {
    name for name in geneeg_sk.__all__ if hasattr(getattr(geneeg_sk, name), "__path__")
}, "a subpackage has no place on the pages of the API"
