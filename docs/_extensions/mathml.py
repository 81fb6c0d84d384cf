"""Formulas as MathML, which browsers draw themselves: no script, no font and no network."""

import re

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

BRACE = re.compile(r"<mo[^>]*>&#x0007B;</mo><mtable>")


def inline(translator, node):
    """Write an inline formula."""
    translator.body.append(_mathml(node.astext()))
    raise SkipNode


def block(translator, node):
    """Write a formula on lines of its own."""
    translator.body.append(f'<div class="math">{_mathml(node.astext(), display="block")}</div>\n')
    raise SkipNode


def _mathml(latex, **options):
    # Inside \text the converter leaves the backslash.
    written = convert(latex.replace(r"\_", "_"), **options)
    # Without a font for mathematics a brace does not grow: the style sheet draws it.
    return BRACE.sub(r'<mtable class="cases">', written)


def setup(app):
    """Be what ``html_math_renderer`` calls "mathml", the only one there is."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
