"""Sphinx configuration: `sphinx-build docs out/docs`."""

from geneeg_sk import __version__

project = "geneeg_sk"
author = "the geneeg_sk developers"
release = __version__
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autosummary", "sphinx.ext.viewcode"]
autosummary_generate = True
numpydoc_show_class_members = False
html_title = f"geneeg_sk {release}"
