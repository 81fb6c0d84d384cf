"""The table of activations: its rows, the ufuncs, the oracle and the public names are the same list."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import reference
from reference import ORACLES
from tables import ALL_DTYPES, ROWS_AND_PARAMS, as_tuple, dense_samples, row_id

import relu_fast as rf
from relu_fast import composed, functional

TABLE = Path(__file__).parents[1] / "csrc" / "activations.h"
NAMES = list(ORACLES)


def test_the_rows_in_c_are_the_rows_in_python():
    if not TABLE.exists():
        pytest.skip("the C sources are not here")
    rows = re.findall(r"^RF_ROW\((\w+),", TABLE.read_text(), re.MULTILINE)
    assert rows == list(rf.ACTIVATIONS)
    from_y = re.findall(r"^RF_FROM_Y\((\w+),", TABLE.read_text(), re.MULTILINE)
    assert from_y == [name for name, row in rf.ACTIVATIONS.items() if row.from_y]


def test_every_row_has_its_oracle():
    assert list(rf.ACTIVATIONS) == NAMES


def test_every_row_has_its_two_ufuncs_and_there_are_no_others():
    assert rf.ufuncs.__all__ == sorted([*NAMES, *(f"{name}_backward" for name in NAMES)])


def test_the_stub_lists_every_ufunc():
    stub = (Path(rf.__file__).parent / "ufuncs.pyi").read_text()
    assert re.findall(r"^(\w+): ufunc$", stub, re.MULTILINE) == rf.ufuncs.__all__
    assert re.findall(r'^    "(\w+)",$', stub, re.MULTILINE) == rf.ufuncs.__all__


@pytest.mark.parametrize("name", NAMES)
def test_every_row_is_exported_as_a_ufunc_or_as_a_function_with_defaults(name):
    for exported in (name, f"{name}_backward"):
        public = getattr(rf, exported)
        if rf.ACTIVATIONS[name].params:
            assert public is getattr(functional, exported)
        else:
            assert public is getattr(rf.ufuncs, exported)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_frozen_and_named_like_its_key(name):
    row = rf.ACTIVATIONS[name]
    assert row.name == name
    assert row.formula
    assert "\n" not in row.formula
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.formula = ""
    assert eval(repr(row), {"Activation": rf.Activation, "inf": np.inf}) == row


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        rf.ACTIVATIONS["relu"] = None


def test_nothing_else_is_exported_as_an_activation():
    exported = {
        name for name in rf.__all__ if callable(getattr(rf, name)) and f"{name}_backward" in rf.__all__
    }
    assert exported == {*NAMES, *(name for name in composed.__all__ if not name.endswith("_backward"))}
    assert set(functional.__all__) | set(composed.__all__) <= set(rf.__all__)


PARAMS = {
    "leaky_relu": {"negative_slope": 0.01},
    "prelu": {"weight": None},
    "thresholded_relu": {"alpha": 1.0},
    "elu": {"alpha": 1.0},
    "celu": {"alpha": 1.0},
    "swish": {"beta": 1.0},
    "softplus": {"beta": 1.0},
    "hardsigmoid": {"alpha": 1 / 6, "beta": 0.5},
    "hardtanh": {"min_val": -1.0, "max_val": 1.0},
}


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_their_defaults(name):
    assert rf.ACTIVATIONS[name].params == PARAMS.get(name, {})


# ---- gates and ceilings

# activation, parameters given, gate, ceiling
EDGES = [
    ("relu", {}, 0.0, None),
    ("relu6", {}, 0.0, 6.0),
    ("squared_relu", {}, 0.0, None),
    ("leaky_relu", {}, None, None),
    ("leaky_relu", {"negative_slope": 0.5}, None, None),
    ("leaky_relu", {"negative_slope": 0.0}, 0.0, None),
    ("leaky_relu", {"negative_slope": -0.0}, 0.0, None),
    ("prelu", {}, None, None),
    ("prelu", {"weight": 0.25}, None, None),
    ("prelu", {"weight": 0}, 0.0, None),
    ("prelu", {"weight": np.zeros(3)}, 0.0, None),
    ("prelu", {"weight": np.array([0.1, 0.2])}, None, None),
    ("thresholded_relu", {}, 1.0, None),
    ("thresholded_relu", {"alpha": 0}, 0.0, None),
    ("thresholded_relu", {"alpha": -2.5}, -2.5, None),
    ("elu", {}, None, None),
    ("elu", {"alpha": 0.5}, None, None),
    ("selu", {}, None, None),
    ("celu", {}, None, None),
    ("gelu", {}, None, None),
    ("gelu_tanh", {}, None, None),
    ("silu", {}, None, None),
    ("swish", {}, None, None),
    ("mish", {}, None, None),
    ("softplus", {}, None, None),
    ("softsign", {}, None, None),
    ("sigmoid", {}, None, None),
    ("tanh", {}, None, None),
    ("hardsigmoid", {}, -3.0, 3.0),
    ("hardsigmoid", {"alpha": 0.25}, -2.0, 2.0),
    ("hardsigmoid", {"alpha": 0.5, "beta": 0.25}, -0.5, 1.5),
    ("hardsigmoid", {"alpha": 0.0}, None, None),
    ("hardsigmoid", {"alpha": -0.25}, None, None),
    ("hardswish", {}, -3.0, None),
    ("hardtanh", {}, -1.0, 1.0),
    ("hardtanh", {"min_val": 0.0, "max_val": 6}, 0.0, 6.0),
    ("hardtanh", {"max_val": 2.5}, -1.0, 2.5),
]


def edges_where(condition):
    chosen = [case for case in EDGES if condition(*case)]
    return pytest.mark.parametrize(("name", "params", "gate", "ceiling"), chosen, ids=row_id)


dtypes = pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)


def test_every_row_is_in_the_table_of_edges():
    assert [*dict.fromkeys(name for name, *_ in EDGES)] == NAMES


@edges_where(lambda *_: True)
def test_gate_and_ceiling_depend_on_the_parameters(name, params, gate, ceiling):
    row = rf.ACTIVATIONS[name]
    assert row.gate_for(**params) == gate
    assert row.ceiling_for(**params) == ceiling


# activation, parameters of which some are one per unit, gates, ceilings
PER_UNIT = [
    ("leaky_relu", {"negative_slope": [0.0, 0.1, -0.0]}, [0.0, np.nan, 0.0], None),
    ("prelu", {"weight": [0.0, 0.1, -0.0]}, [0.0, np.nan, 0.0], None),
    ("thresholded_relu", {"alpha": [1.0, 2.0]}, [1.0, 2.0], None),
    ("thresholded_relu", {"alpha": [1.5, 1.5]}, 1.5, None),
    ("hardtanh", {"min_val": [-2.0, 0.0]}, [-2.0, 0.0], 1.0),
    ("hardtanh", {"min_val": 0.0, "max_val": [3.0, 6.0]}, 0.0, [3.0, 6.0]),
    ("hardsigmoid", {"alpha": [0.25, -1.0], "beta": 0.5}, [-2.0, np.nan], [2.0, np.nan]),
]


@pytest.mark.parametrize(("name", "params", "gates", "ceilings"), PER_UNIT, ids=row_id)
def test_parameters_per_unit_give_a_gate_per_unit_where_they_differ(name, params, gates, ceilings):
    row = rf.ACTIVATIONS[name]
    for found, expected in ((row.gate_for(**params), gates), (row.ceiling_for(**params), ceilings)):
        assert np.ndim(found) == np.ndim(expected)
        if expected is None:
            assert found is None
        else:
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_parameter_has_no_gate(name):
    choices = ", ".join(rf.ACTIVATIONS[name].params) or "none"
    for edge in (rf.ACTIVATIONS[name].gate_for, rf.ACTIVATIONS[name].ceiling_for):
        with pytest.raises(
            TypeError, match=f"{name} got the parameter 'slop', its parameters are: {choices}"
        ):
            edge(slop=0.1)


def completed(name, params, dtype):
    """All parameters by name, as floats that dtype has; units that differ are not told apart."""
    given = {**rf.ACTIVATIONS[name].params, **params}
    return {key: float(dtype(0.5 if value is None else np.ravel(value)[0])) for key, value in given.items()}


def call(name, dtype, params, *arrays):
    return as_tuple(getattr(rf.ufuncs, name)(*arrays, *(dtype(p) for p in params.values())))[0]


def samples(dtype, *more):
    """Samples and all that is within a few ULP of some numbers, infinities included."""
    numbers = [n for n in more if n is not None]
    near = [np.nextafter(np.float32(n), np.float32(side)) for n in numbers for side in (-np.inf, np.inf)]
    every = np.array([*numbers, *near, np.inf, -np.inf], np.float64).astype(dtype)
    return np.concatenate([dense_samples(dtype), every])


@edges_where(lambda name, params, gate, ceiling: gate is not None)
@dtypes
def test_at_and_below_the_gate_output_and_gradient_are_zero_and_nowhere_else(
    name, params, gate, ceiling, dtype, isa
):
    params = completed(name, params, dtype)
    gate = rf.ACTIVATIONS[name].gate_for(**params)
    x = samples(dtype, gate)
    below = x.astype(np.float64) <= gate
    y, gx = call(name, dtype, params, x), call(f"{name}_backward", dtype, params, np.ones_like(x), x)
    bottom = params.get("min_val", 0.0)  # hardtanh's output is constant there
    assert (y[below] == bottom).all()
    assert (gx[below] == 0).all()
    above = ~below & (x.astype(np.float64) < (np.inf if ceiling is None else ceiling))
    assert ((y[above] != bottom) | (gx[above] != 0)).all()


@edges_where(lambda name, params, gate, ceiling: ceiling is not None)
@dtypes
def test_at_and_above_the_ceiling_only_the_gradient_is_zero(name, params, gate, ceiling, dtype, isa):
    params = completed(name, params, dtype)
    row = rf.ACTIVATIONS[name]
    gate, ceiling = row.gate_for(**params), row.ceiling_for(**params)
    x = samples(dtype, gate, ceiling)
    above, below = x.astype(np.float64) >= ceiling, x.astype(np.float64) <= gate
    gx = call(f"{name}_backward", dtype, params, np.ones_like(x), x)
    np.testing.assert_array_equal(gx == 0, above | below)


@pytest.mark.parametrize("name", NAMES)
@dtypes
def test_without_gate_and_ceiling_there_is_a_gradient_on_both_sides(name, dtype, isa):
    row, params = rf.ACTIVATIONS[name], completed(name, {}, dtype)
    # off the roots of the derivatives of gelu, silu, swish, mish and hardswish
    x = np.concatenate([-np.geomspace(1 / 64, 5, 50), np.geomspace(1 / 64, 7, 50)]).astype(dtype)
    gradient = call(f"{name}_backward", dtype, params, np.ones_like(x), x)
    has_edge = row.gate_for(**params) is not None
    assert (gradient[x < 0] != 0).all() == (not has_edge)
    assert (gradient[x > 0] != 0).all() == (row.ceiling_for(**params) is None and name != "thresholded_relu")


# ---- masks and outputs

MASKS = {
    "relu": "gated",
    "relu6": "gated",
    "thresholded_relu": "gated",
    "hardtanh": "gated",
    "leaky_relu": "slope",
}


def mask_of(row, v, gate, ceiling):
    if row.mask == "slope":
        return v > 0
    return ~(v <= gate) & (ceiling is None or ~(v >= ceiling))


def of_mask(row, params, g, bit):
    """The gradient that one bit tells."""
    if row.mask == "gated":
        return np.where(bit, g, np.zeros_like(g))
    (slope,) = params.values()
    return np.where(bit, g, (g.astype(np.float64) * slope).astype(g.dtype))


@edges_where(lambda name, *_: name in MASKS)
@dtypes
def test_the_mask_tells_the_gradient(name, params, gate, ceiling, dtype, isa):
    row, params = rf.ACTIVATIONS[name], completed(name, params, dtype)
    gate, ceiling = row.gate_for(**params), row.ceiling_for(**params)
    x = np.concatenate([samples(dtype, gate, ceiling), np.array([np.nan], dtype)])
    bit = mask_of(row, x.astype(np.float64), gate, ceiling)
    g = np.resize(np.array([1, -2, 0.5], dtype), x.size)
    got = call(f"{name}_backward", dtype, params, g, x)
    np.testing.assert_array_equal(got, of_mask(row, params, g, bit))


@pytest.mark.parametrize("name", NAMES)
def test_which_rows_have_a_mask(name):
    assert rf.ACTIVATIONS[name].mask == MASKS.get(name)


def test_rows_from_y_are_those_of_the_oracle():
    of_oracle = [name for name in NAMES if ORACLES[name].slope_from_y is not None]
    assert [name for name in NAMES if rf.ACTIVATIONS[name].from_y] == of_oracle


# negative slopes and alphas turn the sign of the output; tiny and huge ones cost all of its digits
FROM_Y = [
    (name, params)
    for name, params in ROWS_AND_PARAMS
    if ORACLES[name].slope_from_y and (name == "hardtanh" or all(0 <= p < 100 for p in params))
]


@pytest.mark.parametrize(("name", "params"), FROM_Y, ids=row_id)
def test_the_output_tells_the_gradient_in_rows_from_y(name, params):
    x = np.concatenate([np.linspace(-6, 8, 57), [0.0, 6.0, -1.0, 1.0]])
    g, y = np.ones_like(x), reference.forward(name, x, *params)
    told = reference.backward_y(name, g, y, *params)
    np.testing.assert_allclose(told, reference.backward(name, g, x, *params), rtol=1e-9, atol=1e-12)
