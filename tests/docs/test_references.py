"""What the references are written from: the table, facts beyond it, docs/accuracy.md, the header."""

import math
import re
from pathlib import Path

import accuracy_tables
import activation_reference
import c_header
import curves
import numpy as np
import pytest
from activation_facts import FACTS
from formulas import latex

import relu_fast as rf

ROOT = Path(__file__).parents[2]
HEADER = ROOT / "csrc" / "relu_fast.h"
ACCURACY = (ROOT / "docs" / "accuracy.md").read_text()
POINTS = [-7.0, -3.5, -2.5, -1.5, -0.75, -0.2, 0.2, 0.75, 1.5, 2.5, 3.5, 7.0]  # next to no knee

names = pytest.mark.parametrize("name", list(rf.ACTIVATIONS))


def params_of(name):
    return {key: 0.25 if value is None else value for key, value in rf.ACTIVATIONS[name].params.items()}


def forward(name, x):
    return getattr(rf.ufuncs, name)(x, *params_of(name).values())


def evaluated(expression, **numbers):
    functions = {f: getattr(math, f) for f in ("exp", "log", "sqrt", "tanh", "erf", "pi")}
    return eval(expression, {"__builtins__": {"max": max, "min": min, "abs": abs}}, {**functions, **numbers})


def test_every_activation_has_its_facts():
    assert list(FACTS) == list(rf.ACTIVATIONS)


@names
def test_formulas_and_derivatives_are_what_the_kernels_compute(name):
    backward = getattr(rf.ufuncs, f"{name}_backward")
    for x in POINTS:
        numbers = {"x": x, **params_of(name)}
        assert forward(name, x) == pytest.approx(evaluated(rf.ACTIVATIONS[name].formula, **numbers), rel=1e-9)
        where = {key: evaluated(rule, **numbers) for key, rule in FACTS[name].where.items()}
        slope = backward(1.0, x, *params_of(name).values())
        slope = slope[0] if isinstance(slope, tuple) else slope
        assert slope == pytest.approx(evaluated(FACTS[name].derivative, **numbers, **where), rel=1e-9)


@pytest.mark.parametrize("library", ["torch", "keras", "jax"])
def test_the_statements_of_other_libraries_compute_the_same(monkeypatch, library):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    module = pytest.importorskip(library)
    x = np.float32(POINTS)
    scope = {library: module, "x": x, "slope": np.full_like(x, 0.25)}
    if library == "torch":
        scope |= {"F": module.nn.functional, "x": module.tensor(x), "slope": module.tensor(scope["slope"])}
    statements = {name: getattr(facts, library) for name, facts in FACTS.items()}
    for name, statement in statements.items():
        if statement and "(x" in statement:
            got = np.asarray(eval(statement, scope))
            np.testing.assert_allclose(got, forward(name, x), rtol=1e-4, atol=1e-6, err_msg=statement)


def test_the_operators_of_onnx_exist_with_these_attributes():
    onnx = pytest.importorskip("onnx")
    for facts in FACTS.values():
        if facts.onnx:
            operator, attributes = re.fullmatch(r"(\w+)(?:\((.*)\))?", facts.onnx).groups()
            schema = onnx.defs.get_schema(operator)
            known = {*schema.attributes, *(operand.name for operand in schema.inputs)}
            assert set(re.findall(r"(\w+)=", attributes or "")) <= known, facts.onnx


@names
def test_what_is_elsewhere_is_stated_where_it_exists(name):
    facts = FACTS[name]
    assert facts.torch
    assert facts.keras
    assert facts.onnx or name == "squared_relu"
    assert facts.jax or name == "thresholded_relu"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a * (b + c)", r"a\,\left(b + c\right)"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("(a + b) ** 2", r"\left(a + b\right)^{2}"),
        ("-beta * x", r"-\beta\,x"),
        ("a / (b + c)", r"\frac{a}{b + c}"),
        ("exp(x / (a + b))", r"e^{x / \left(a + b\right)}"),
        ("x * 2", r"x\cdot 2"),
        (
            "1 if 0 < x <= 6 else 0",
            r"\begin{cases} 1 & \text{if } 0 < x \le 6 \\ 0 & \text{otherwise} \end{cases}",
        ),
        ("negative_slope", r"\text{negative\_slope}"),
    ],
)
def test_expressions_become_latex(expression, expected):
    assert latex(expression) == expected


def test_what_cannot_become_latex_is_quoted():
    with pytest.raises(ValueError, match=r"cannot write 'x\[0\]' as LaTeX"):
        latex("x[0] + 1")


@pytest.mark.parametrize("dtype", accuracy_tables.DTYPES)
def test_the_largest_errors_of_every_activation_are_in_the_tables(dtype):
    errors = accuracy_tables.largest_errors(ACCURACY, dtype)
    expected = {(name, direction) for name in rf.ACTIVATIONS for direction in ("forward", "backward")}
    assert set(errors) == expected
    assert all(0 <= float(error) < 3 for error in errors.values())


def test_a_table_that_is_missing_is_named():
    with pytest.raises(ValueError, match="no table 'float8'"):
        accuracy_tables.largest_errors(ACCURACY, "float8")


def test_the_reference_has_a_section_and_a_line_for_every_activation():
    pytest.importorskip("matplotlib")
    sections, table = activation_reference.sections(ACCURACY), activation_reference.table(ACCURACY)
    assert re.findall(r"^(\w+)\n-+$", sections, re.MULTILINE) == list(rf.ACTIVATIONS)
    assert re.findall(r":func:`(\w+) <relu_fast.\1>`", table) == list(rf.ACTIVATIONS)


def test_curves_take_their_colours_from_the_page_and_are_small():
    pytest.importorskip("matplotlib")
    svg = curves.curves("relu", rf.relu, lambda x: rf.relu_backward(np.ones_like(x), x), [0.0])
    assert svg == curves.curves("relu", rf.relu, lambda x: rf.relu_backward(np.ones_like(x), x), [0.0])
    assert set(re.findall(r"(?:stroke|fill): ([^;\"]+)", svg)) <= {"none", *curves.COLOURS.values()}
    assert not any(stand_in in svg for stand_in in curves.COLOURS)
    assert len(svg) < 20_000


@pytest.fixture(scope="module")
def header():
    if not HEADER.exists():
        pytest.skip("the C sources are not here")
    return HEADER.read_text()


def test_the_c_reference_has_every_function_type_and_number_of_the_header(header):
    reference = c_header.reference(header)
    kinds = "function|enum|struct|type|enumerator|macro"
    described = re.findall(rf"^ *(?:\.\. c:(?:{kinds}):: | {{8,}})(.*)$", reference, re.MULTILINE)
    described = {re.sub(r"\(.*| = .*", "", text).split()[-1].lstrip("*") for text in described}
    code = re.sub(r"/\*.*?\*/|^#.*?$", "", header, flags=re.DOTALL | re.MULTILINE)
    wanted = set(re.findall(r"\b(rf_\w+)(?=\(|;)", code)) | set(re.findall(r"\bRF_\w+", code)) - {"RF_API"}
    assert len(wanted) > 50
    assert wanted <= described


def test_the_c_reference_tells_what_comments_tell():
    header = (
        '/* lib: a title\n *\n * Threads. Any. */\n#define RF_VERSION "1"\n\n'
        "/* ---- numbers of XLA\n *\n * Of `n`. */\n\n"
        "typedef struct {\n    double *max, *min; /* of v */\n    int n;\n} rf_counts;\n\n"
        "/* Adds a * b; see rf_counts. */\nRF_API int rf_add(int a,\n                  int b);\n"
        "RF_API int rf_sum(int a);\n"
        "RF_API int rf_bare(void);\n"
    )
    reference = c_header.reference(header)
    assert "**Threads.** Any." in reference
    assert "Numbers of XLA\n--------------\n\nOf ``n``." in reference
    both = ".. c:member:: double *max\n                 double *min\n\n      of v"
    assert both in reference
    functions = [".. c:function:: int rf_add(int a, int b)", "int rf_sum(int a)", "int rf_bare(void)"]
    assert f"\n{' ' * 16}".join(functions) + "\n\n   Adds a \\* b; see :c:type:`rf_counts`." in reference


@pytest.mark.parametrize(
    "text", ["typedef union { int i; } rf_u;", "int rf_x = 1", "typedef struct { int (*f)(int); } rf_s;"]
)
def test_what_the_c_reference_does_not_understand_is_an_error(text):
    with pytest.raises(ValueError, match="not understood"):
        c_header.reference(f"/* lib: a title */\n{text}\n")
