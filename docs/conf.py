"""Sphinx configuration; the reference pages and the picture of the rooms are generated before every build."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import generate  # noqa: E402  found in this folder

project = "stylize"
author = "the stylize contributors"
copyright = "the stylize contributors"  # noqa: A001  the name that Sphinx reads
release = installed_version("keystylize")
version = release

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "images/*.py"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
"""numpydoc sections hold the types that a reader needs; signatures stay short."""
autodoc_default_options = {"members": True, "undoc-members": False}
numpydoc_show_class_members = False
default_role = "code"

html_theme = "pydata_sphinx_theme"
html_title = "stylize"
html_static_path = ["_static"]
html_css_files = ["stylize.css"]
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 6,
}
html_show_sourcelink = False


def setup(app: Any) -> None:
    """Generate the reference pages when a build begins."""
    app.connect("builder-inited", lambda _: generate.write_all())
