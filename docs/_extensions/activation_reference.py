"""The reference of the activations as reStructuredText: a section for each row of the table.

Formulas, parameters, gates, masks and values at special points come from the table and from the kernels, errors
from docs/accuracy.md, derivatives and names elsewhere from `activation_facts`.
"""

import numpy as np
from accuracy_tables import DTYPES, largest_errors
from activation_facts import FACTS
from curves import curves
from formulas import latex

import relu_fast as rf

__all__ = ["sections", "table"]

DEFAULT_WEIGHT = 0.25  # PyTorch's initial value, for what has no default
LEGEND = '<p><span class="value">f</span> <span class="slope">f′</span></p>'
SMOOTH = ("gelu", "gelu_tanh", "silu", "swish", "mish", "softplus", "softsign", "sigmoid", "tanh")
MASKS = {None: "no", "gated": "yes", "slope": "yes, with one slope for all units"}


def table(markdown):
    """Return all activations, one line each; `markdown` is docs/accuracy.md."""
    errors = largest_errors(markdown, "float32")
    rows = [["name", "formula", "gate", "ceiling", "from y", "from a mask", "max ULP, float32"]]
    for row in rf.ACTIVATIONS.values():
        rows.append(
            [
                f":func:`{row.name} <relu_fast.{row.name}>`",
                f"``{row.formula}``",
                _number(row.gate_for()),
                _number(row.ceiling_for()),
                "yes" if row.from_y else "",
                "yes" if row.mask else "",
                f"{float(errors[row.name, 'forward']):.2f}",
            ]
        )
    return _list_table(rows)


def sections(markdown):
    """Return all activations, a section each."""
    errors = {dtype: largest_errors(markdown, dtype) for dtype in DTYPES}
    return "\n".join(_section(row, errors) for row in rf.ACTIVATIONS.values())


def _section(row, errors):
    facts = FACTS[row.name]
    blocks = [
        row.name,
        "-" * len(row.name),
        "",
        *_functions(row, facts),
        *_indented(".. math::", f"f(x) = {latex(row.formula)}"),
        *_indented(".. math::", "f'(x) = " + _with_names(facts)),
        f"In the table: ``{row.formula}``",
        "",
        *_indented(".. raw:: html", f'<div class="curves">{_drawn(row)}{LEGEND}</div>'),
        _list_table(_properties(row), header_column=True, header_row=False),
        "",
        "At special points (float64):",
        "",
        _list_table(_special_points(row), header_column=True),
        "",
        "Largest error found, in ULP of the exact result:",
        "",
        _list_table(_errors(row.name, errors), header_column=True),
        "",
        "The same elsewhere:",
        "",
        _list_table(_elsewhere(facts), header_column=True, header_row=False),
        "",
        facts.note,
        "",
    ]
    return "\n".join(blocks)


def _functions(row, facts):
    """Describe the public functions; their docstrings, where they have parameters."""
    if row.params:
        return [
            *(f".. autofunction:: relu_fast.{row.name}", ""),
            *(f".. autofunction:: relu_fast.{row.name}_backward", ""),
        ]
    keywords = "out=None, *, where=True, **kwargs"
    source = f" ({facts.source})." if facts.source else "."
    return [
        f".. py:function:: relu_fast.{row.name}(x, /, {keywords})",
        "",
        f"   A NumPy ufunc{source}",
        "",
        f".. py:function:: relu_fast.{row.name}_backward(grad_output, x, /, {keywords})",
        "",
        "   A NumPy ufunc: grad_output times the derivative at x, elementwise.",
        "",
    ]


def _with_names(facts):
    parts = [latex(facts.derivative), *(f"{name} = {latex(rule)}" for name, rule in facts.where.items())]
    return r", \quad ".join(parts)


def _properties(row):
    defaults = [
        f"{name} {_number(value) or f'to be given; here {DEFAULT_WEIGHT}'}"
        for name, value in row.params.items()
    ]
    yield ["parameters", ", ".join(defaults) or "none"]
    yield ["gate", _number(row.gate_for()) or "none"]
    yield ["ceiling", _number(row.ceiling_for()) or "none"]
    yield ["backward pass from y", "yes" if row.from_y else "no"]
    yield ["backward pass from a mask", MASKS[row.mask]]


def _params(row):
    return [DEFAULT_WEIGHT if value is None else value for value in row.params.values()]


def _evaluate(row, x):
    """Value and derivative at x, as the kernels compute them."""
    x, params = np.asarray(x, np.float64), _params(row)
    backward = getattr(rf.ufuncs, f"{row.name}_backward")(np.ones_like(x), x, *params)
    return getattr(rf.ufuncs, row.name)(x, *params), backward[0] if isinstance(backward, tuple) else backward


def _knees(row):
    """Gate and ceiling, and 0, where many formulas change."""
    edges = {edge for edge in (row.gate_for(), row.ceiling_for()) if edge is not None}
    if row.name == "hardswish":
        edges.add(3.0)  # its slope is 1 from there on, which is no ceiling
    return sorted(edges | {0.0})


def _special_points(row):
    points = sorted({*_knees(row), -1.0, 1.0} - {0.0})
    points = [
        -np.inf,
        *[p for p in points if p < 0],
        -0.0,
        0.0,
        *[p for p in points if p > 0],
        np.inf,
        np.nan,
    ]
    values, slopes = _evaluate(row, points)
    yield ["x", *map(_number, points)]
    yield [":math:`f(x)`", *map(_number, values)]
    yield [":math:`f'(x)`", *map(_number, slopes)]


def _errors(name, errors):
    yield ["", *errors]
    for direction in ("forward", "backward"):
        yield [direction, *(errors[dtype][name, direction] for dtype in errors)]


def _elsewhere(facts):
    for library, statement in (
        ("PyTorch", facts.torch),
        ("Keras 3", facts.keras),
        ("JAX", facts.jax),
        ("ONNX", facts.onnx),
    ):
        yield [library, f"``{statement}``" if statement else "no function of its own"]


def _drawn(row):
    return curves(
        row.name,
        lambda x: _evaluate(row, x)[0],
        lambda x: _evaluate(row, x)[1],
        [] if row.name in SMOOTH else _knees(row),
    )


def _number(value):
    if value is None:
        return ""
    text = format(float(value), ".6g")
    return text.replace("-", "−")  # the minus of the fonts, not a hyphen


def _indented(directive, text):
    return [directive, "", f"   {text}", ""]


def _list_table(rows, *, header_row=True, header_column=False):
    lines = [
        ".. list-table::",
        "   :align: left",
        f"   :header-rows: {int(header_row)}",
        f"   :stub-columns: {int(header_column)}",
        "",
    ]
    for row in rows:
        lines += [f"   {'*' if i == 0 else ' '} - {cell}".rstrip() for i, cell in enumerate(row)]
    return "\n".join([*lines, ""])
