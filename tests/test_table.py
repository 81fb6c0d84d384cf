"""The table of activations: its rows, the ufuncs, the oracle and the public names are the same list."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from reference import ORACLES
from tables import DTYPES, dense_samples, row_id

import relu_fast as rf
from relu_fast import functional

TABLE = Path(__file__).parents[1] / "csrc" / "activations.h"
NAMES = list(ORACLES)


def test_the_rows_in_c_are_the_rows_in_python():
    if not TABLE.exists():
        pytest.skip("the C sources are not here")
    rows = re.findall(r"^RF_ROW\((\w+),", TABLE.read_text(), re.MULTILINE)
    assert rows == list(rf.ACTIVATIONS)


def test_every_row_has_its_oracle():
    assert list(rf.ACTIVATIONS) == NAMES


def test_every_row_has_its_two_ufuncs_and_there_are_no_others():
    assert rf.ufuncs.__all__ == sorted([*NAMES, *(f"{name}_backward" for name in NAMES)])


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
        row.gate = 1.0
    assert eval(repr(row), {"Activation": rf.Activation, "inf": np.inf}) == row


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        rf.ACTIVATIONS["relu"] = None


PARAMS = {"leaky_relu": {"negative_slope": 0.01}, "prelu": {"weight": None}, "elu": {"alpha": 1.0}}


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_their_defaults(name):
    assert rf.ACTIVATIONS[name].params == PARAMS.get(name, {})


# activation, parameters given, gate
GATES = [
    ("relu", {}, 0.0),
    ("leaky_relu", {}, None),
    ("leaky_relu", {"negative_slope": 0.5}, None),
    ("leaky_relu", {"negative_slope": 0.0}, 0.0),
    ("leaky_relu", {"negative_slope": -0.0}, 0.0),
    ("prelu", {}, None),
    ("prelu", {"weight": 0.25}, None),
    ("prelu", {"weight": 0}, 0.0),
    ("prelu", {"weight": np.zeros(3)}, 0.0),
    ("prelu", {"weight": np.array([0.1, 0.2])}, None),
    ("elu", {}, None),
    ("elu", {"alpha": 0.5}, None),
    ("selu", {}, None),
    ("sigmoid", {}, None),
    ("tanh", {}, None),
]


@pytest.mark.parametrize(("name", "params", "gate"), GATES, ids=row_id)
def test_the_gate_depends_on_the_parameters(name, params, gate):
    assert rf.ACTIVATIONS[name].gate_for(**params) == gate


@pytest.mark.parametrize(("name", "key"), [("leaky_relu", "negative_slope"), ("prelu", "weight")])
def test_slopes_of_which_some_are_zero_give_a_gate_per_unit(name, key):
    gates = rf.ACTIVATIONS[name].gate_for(**{key: [0.0, 0.1, -0.0]})
    np.testing.assert_array_equal(gates, [0.0, np.nan, 0.0])


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_parameter_has_no_gate(name):
    choices = ", ".join(rf.ACTIVATIONS[name].params) or "none"
    with pytest.raises(TypeError, match=f"{name} got the parameter 'slop', its parameters are: {choices}"):
        rf.ACTIVATIONS[name].gate_for(slop=0.1)


def test_every_row_is_in_the_table_of_gates():
    assert {name for name, *_ in GATES} == set(NAMES)


def of_row(name, params, *arrays, suffix=""):
    ufunc = getattr(rf.ufuncs, name + suffix)
    result = ufunc(*arrays, *(np.asarray(p, arrays[0].dtype) for p in params.values()))
    return result[0] if isinstance(result, tuple) else result


@pytest.mark.parametrize(
    ("name", "params", "gate"), [case for case in GATES if case[2] is not None], ids=row_id
)
@pytest.mark.parametrize("dtype", DTYPES, ids=row_id)
def test_output_and_gradient_are_zero_at_and_below_the_gate_only(name, params, gate, dtype, isa):
    params = {key: np.ravel(value)[0] for key, value in params.items()}
    x = np.concatenate([dense_samples(dtype), np.array([np.inf, -np.inf, gate], dtype)])
    below, ones = x <= gate, np.ones_like(x)
    np.testing.assert_array_equal(of_row(name, params, x) == 0, below)
    np.testing.assert_array_equal(of_row(name, params, ones, x, suffix="_backward") == 0, below)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", DTYPES, ids=row_id)
def test_a_row_without_a_gate_has_a_gradient_on_both_sides(name, dtype, isa):
    row = rf.ACTIVATIONS[name]
    params = {key: 0.5 if default is None else default for key, default in row.params.items()}
    x = np.linspace(-8, 8, 1001, dtype=dtype)
    gradient = of_row(name, params, np.ones_like(x), x, suffix="_backward")
    assert (gradient != 0).all() == (row.gate_for(**params) is None)


@pytest.mark.parametrize("name", NAMES)
def test_a_ceiling_is_where_the_gradient_ends(name):
    row = rf.ACTIVATIONS[name]
    params = {key: 0.5 if default is None else default for key, default in row.params.items()}
    if row.ceiling is None:
        assert of_row(name, params, np.ones(1), np.array([8.0]), suffix="_backward")[0] > 0
    else:
        at_and_below = np.array([row.ceiling, np.nextafter(row.ceiling, -np.inf)])
        gradient = of_row(name, params, np.ones(2), at_and_below, suffix="_backward")
        assert gradient[0] == 0 < gradient[1]
