"""Configuration of the site; `make docs` builds it."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import api_pages  # noqa: E402
import mathml  # noqa: E402

from geneeg_sk import __version__  # noqa: E402

project = "geneeg_sk"
author = "The geneeg_sk developers"
release = version = __version__
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_templates", "inventories"]
templates_path = ["_templates"]

# Markdown
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"

# API: pages of names from each subpackage's `__all__`, pages of objects from their docstrings
autosummary_generate = True
autodoc_typehints = "none"
default_role = "literal"
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
numpydoc_xref_aliases = {
    "array-like": ":term:`sklearn:array-like`",
    "DataFrame": "pandas.DataFrame",
    "Epochs": "mne.Epochs",
    "Figure": "matplotlib.figure.Figure",
    "Path": "pathlib.Path",
    "Raw": "mne.io.Raw",
    "RandomState": "numpy.random.RandomState",
    "ndarray": "numpy.ndarray",
}
numpydoc_xref_ignore = "all"

# Other projects. The inventories lie here, so that a build needs no network; see their README.
intersphinx_mapping = {
    name: (address, f"inventories/{name}.inv")
    for name, address in {
        "python": "https://docs.python.org/3",
        "numpy": "https://numpy.org/doc/stable",
        "scipy": "https://docs.scipy.org/doc/scipy",
        "pandas": "https://pandas.pydata.org/docs",
        "sklearn": "https://scikit-learn.org/stable",
        "sklearn_newer": "https://scikit-learn.org/1.7",
        "imblearn": "https://imbalanced-learn.org/stable",
        "mne": "https://mne.tools/stable",
        "skorch": "https://skorch.readthedocs.io/en/stable",
        "torch": "https://docs.pytorch.org/docs/stable",
    }.items()
}

# Gallery: examples are run, and one that fails makes the build fail
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "stories.place",
    "reset_modules": ("matplotlib", "stories.reset"),
    "backreferences_dir": "api/backreferences",
    "doc_module": ("geneeg_sk",),
    "reference_url": {"geneeg_sk": None},
    "capture_repr": (),
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
    "write_computation_times": False,  # its pages load scripts from elsewhere
}

# Looks
html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = f"geneeg_sk {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
copyright = "The geneeg_sk developers. Research software, and no medical device"


def setup(app):
    """Write the pages of the API, and leave out what scikit-learn's base classes bring along."""
    app.connect("config-inited", lambda app, config: api_pages.write(HERE / "api"))
    app.connect("autodoc-skip-member", api_pages.skip)
    app.connect("autodoc-process-signature", api_pages.hide_signature)
    mathml.setup(app)
