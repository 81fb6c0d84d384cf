"""Formulas as MathML, which browsers draw themselves: no script, no font and no network."""

from latex2mathml.converter import convert


def inline(translator, node):
    """Write an inline formula."""
    translator.body.append(_mathml(node.astext()))
    raise _skip()


def block(translator, node):
    """Write a formula on lines of its own."""
    translator.body.append(f'<div class="math">{_mathml(node.astext(), display="block")}</div>\n')
    raise _skip()


def _mathml(latex, **options):
    # Inside \text the converter leaves the backslash.
    return convert(latex.replace(r"\_", "_"), **options)


def _skip():
    from docutils.nodes import SkipNode

    return SkipNode()


def setup(app):
    """Be what ``html_math_renderer`` calls "mathml", the only one there is."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
