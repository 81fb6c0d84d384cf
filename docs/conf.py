"""Sphinx: pip install ".[docs]" && sphinx-build -W docs docs/_build/html. No page needs the network."""

import sys
from importlib.util import find_spec
from pathlib import Path

import relu_fast

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "relu_fast"
author = "the relu_fast contributors"
copyright = author  # noqa: A001  # Sphinx's name
release = version = relu_fast.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "directives",
    "mathml",
    "numpy_docstrings",
]
exclude_patterns = [
    "_build",
    "benchmark_results.md",
]  # what relu-fast bench --markdown writes, see benchmarks.md
if find_spec("relu_fast.jax") is None or find_spec("jax") is None:
    exclude_patterns.append("api/jax.rst")  # where JAX is not installed
    suppress_warnings = ["toc.excluded"]

html_theme = "furo"
html_title = f"relu_fast {release}"
html_static_path = ["_static"]
html_css_files = ["relu_fast.css"]
html_show_copyright = False
html_copy_source = html_show_sourcelink = False
pygments_style = "default"
pygments_dark_style = "monokai"

myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"  # prompts and output stay behind

# Single backticks in docstrings: a link where there is something to link to, else code.
default_role = "py:obj"
autodoc_typehints = "none"  # the docstrings tell types in words
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

nitpicky = True
nitpick_ignore = [("py:class", "Network")]  # a protocol that relu_fast.revive describes in words
nitpick_ignore_regex = [
    ("py:class", r"(collections|numpy)\..*"),
    ("py:obj", r".*"),
    ("c:identifier", r"u?int\d+_t|size_t|ptrdiff_t"),
]
