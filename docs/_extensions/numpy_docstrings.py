"""Docstrings in NumPy's style, by the parser of Napoleon, with three differences.

Napoleon takes the words before a colon in the docstring of an attribute for its type. It writes "Attributes" as
descriptions of their own, beside those of documented properties. And its types, "array_like of int (units,)", become
links word by word, to whatever has such a name.
"""

from sphinx.addnodes import pending_xref
from sphinx.ext.napoleon import Config, NumpyDocstring

STYLE = Config(napoleon_use_rtype=False, napoleon_custom_sections=[("Attributes", "params_style")])
SIMPLE = ("attribute", "data", "property")


def read(app, what, name, obj, options, lines):
    """Replace the lines of a docstring by reStructuredText."""
    what = "function" if what in SIMPLE else what
    lines[:] = NumpyDocstring(list(lines), STYLE, app, what, name, obj, options).lines()


def keep_types_apart(app, doctree):
    """Turn links from types into words, unless they are names of classes, which are capitalised."""
    for link in list(doctree.findall(pending_xref)):
        is_type = link.get("refdomain") == "py" and link.get("reftype") == "class"
        if is_type and not link["reftarget"].rpartition(".")[2][:1].isupper():
            link.replace_self(link.children)


def setup(app):
    """Listen to autodoc."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", read)
    app.connect("doctree-read", keep_types_apart)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
