"""Public docstrings: defaults are those of the signature, and numpydoc finds no fault."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from numpydoc.validate import validate

import geneeg_sk

ROOT = Path(geneeg_sk.__file__).parent
CHECKS = {"GL08", "PR01", "PR02", "PR03", "PR04", "PR07", "RT03", "SS01", "SS06", "YD01"}


def public_objects():
    """Yield the full name of everything public, and the thing itself; methods of classes too."""
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"cli", "tests"}
    for folder in sorted(folders):
        package = importlib.import_module(f"geneeg_sk.{folder}")
        for name in getattr(package, "__all__", []):
            thing = getattr(package, name)
            yield f"{package.__name__}.{name}", thing
            if inspect.isclass(thing):
                for method, value in inspect.getmembers(thing):
                    function = value.fget if isinstance(value, property) else value
                    module = getattr(function, "__module__", None) or ""
                    if not method.startswith("_") and module.startswith("geneeg_sk"):
                        yield f"{package.__name__}.{name}.{method}", value


OBJECTS = dict(public_objects())


def documented_defaults(thing):
    """Yield name and default of every parameter whose default is documented."""
    doc = (ClassDoc if inspect.isclass(thing) else FunctionDoc)(thing)
    for entry in [*doc["Parameters"], *doc["Other Parameters"]]:
        found = re.search(r"default=(.+)$", entry.type)
        if found:
            names = entry.name.split(", ")
            texts = re.split(", | and ", found[1]) if len(names) > 1 else [found[1]]
            # one default for all names, or one for each
            yield from zip(names, texts * len(names) if len(texts) == 1 else texts, strict=True)


def is_default(text, value):
    """Tell whether a documented default is that of the signature."""
    try:
        return ast.literal_eval(text) == value
    except (SyntaxError, ValueError):
        return text in (repr(value), getattr(value, "__name__", None))


@pytest.mark.parametrize("name", OBJECTS)
def test_documented_defaults_are_those_of_the_signature(name):
    thing = OBJECTS[name]
    if isinstance(thing, property) or not thing.__doc__:
        return
    parameters = inspect.signature(thing).parameters
    for parameter, text in documented_defaults(thing):
        assert is_default(text, parameters[parameter].default), (parameter, text)


@pytest.mark.parametrize("name", OBJECTS)
def test_numpydoc_finds_nothing_wrong(name):
    # A protocol is not called: that its __init__ takes anything is nothing to document.
    checks = CHECKS - ({"PR01"} if getattr(OBJECTS[name], "_is_protocol", False) else set())
    found = [(code, text) for code, text in validate(name)["errors"] if code in checks]
    assert not found


def test_a_wrong_default_is_noticed():
    def function(first=1, second=2):
        """Do nothing.

        Parameters
        ----------
        first, second : int, default=1
            Numbers.
        """

    found = {name: is_default(text, 2) for name, text in documented_defaults(function)}
    assert found == {"first": False, "second": False}
    assert is_default("'a'", "a")
    assert is_default("None", None)
