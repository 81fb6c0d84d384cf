"""NaN, zeros and infinities: exact results, at every position of a vector loop and its remainder."""

import numpy as np
import pytest
from reference import selu_left, selu_scale
from tables import DTYPES, row_id

import relu_fast as rf

SCALE, SCALE_ALPHA = selu_scale(np), selu_left(np)
NAN, INF = np.nan, np.inf
LENGTH = 35  # two AVX-512 vectors of float32 and a remainder

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=row_id)


def everywhere(value, dtype):
    return np.full(LENGTH, value, dtype)


def call(name, dtype, *values):
    """The ufunc over arrays filled with each value; a parameter comes last and is a scalar."""
    ufunc = getattr(rf.ufuncs, name)
    is_param = len(rf.ACTIVATIONS[name.removesuffix("_backward")].params)
    arrays = [everywhere(v, dtype) for v in values[: len(values) - is_param]]
    result = ufunc(*arrays, *(dtype(v) for v in values[len(arrays) :]))
    return result[0] if isinstance(result, tuple) else result


def assert_is(got, value):
    """Equal to value in every element, the sign of zero included."""
    expected = np.full_like(got, value)
    np.testing.assert_array_equal(got, expected)
    if value == 0:
        np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))


FORWARD_AT_NAN = [
    ("relu",),
    ("leaky_relu", 0.01),
    ("leaky_relu", 0.0),
    ("prelu", 0.25),
    ("prelu", 0.0),
    ("elu", 1.0),
]
FORWARD_AT_NAN += [("elu", 0.0), ("selu",), ("sigmoid",), ("tanh",)]


@pytest.mark.parametrize("case", FORWARD_AT_NAN, ids=str)
@dtypes
def test_forward_keeps_nan(case, dtype, isa):
    name, *params = case
    assert np.isnan(call(name, dtype, NAN, *params)).all()
    assert np.isnan(call(name, dtype, -NAN, *params)).all()


# activation, parameters, gradient at x = NaN for g = 3
BACKWARD_AT_NAN = [
    ("relu", (), 3.0),
    ("leaky_relu", (0.5,), 1.5),
    ("leaky_relu", (0.0,), 0.0),
    ("prelu", (0.5,), 1.5),
    ("prelu", (-2.0,), -6.0),
    ("elu", (1.0,), NAN),
    ("selu", (), NAN),
    ("sigmoid", (), NAN),
    ("tanh", (), NAN),
]


@pytest.mark.parametrize(("name", "params", "expected"), BACKWARD_AT_NAN, ids=row_id)
@dtypes
def test_backward_where_x_is_nan(name, params, expected, dtype, isa):
    assert_is(call(f"{name}_backward", dtype, 3, NAN, *params), expected)


# activation, parameters, forward at -0.0, forward at +0.0
ZEROS = [
    ("relu", (), 0.0, 0.0),
    ("leaky_relu", (0.01,), -0.0, 0.0),
    ("prelu", (0.25,), -0.0, 0.0),
    ("elu", (1.0,), -0.0, 0.0),
    ("selu", (), -0.0, 0.0),
    ("sigmoid", (), 0.5, 0.5),
    ("tanh", (), -0.0, 0.0),
]


@pytest.mark.parametrize(("name", "params", "at_negative", "at_positive"), ZEROS, ids=row_id)
@dtypes
def test_forward_at_zero_has_the_right_sign(name, params, at_negative, at_positive, dtype, isa):
    assert_is(call(name, dtype, -0.0, *params), at_negative)
    assert_is(call(name, dtype, 0.0, *params), at_positive)


# activation, parameters, derivative at 0
SLOPE_AT_ZERO = [
    ("relu", (), 0.0),
    ("leaky_relu", (0.5,), 0.5),
    ("leaky_relu", (0.0,), 0.0),
    ("prelu", (-0.5,), -0.5),
    ("elu", (1.0,), 1.0),
    ("elu", (0.5,), 0.5),
    ("elu", (0.0,), 0.0),
    ("selu", (), SCALE_ALPHA),
    ("sigmoid", (), 0.25),
    ("tanh", (), 1.0),
]


@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize(("name", "params", "slope"), SLOPE_AT_ZERO, ids=row_id)
@dtypes
def test_derivative_at_zero(name, params, slope, zero, dtype, isa):
    for g in (1.0, 2.0, -2.0):  # powers of two: the product is exact
        assert_is(np.abs(call(f"{name}_backward", dtype, g, zero, *params)), abs(g) * abs(dtype(slope)))
        assert (np.sign(call(f"{name}_backward", dtype, g, zero, *params)) == np.sign(g * slope)).all()


# activation, parameters, forward at -inf, forward at +inf
INFINITIES = [
    ("relu", (), 0.0, INF),
    ("leaky_relu", (0.01,), -INF, INF),
    ("leaky_relu", (0.0,), 0.0, INF),
    ("prelu", (-0.5,), INF, INF),
    ("prelu", (0.0,), 0.0, INF),
    ("elu", (1.0,), -1.0, INF),
    ("elu", (0.5,), -0.5, INF),
    ("selu", (), -SCALE_ALPHA, INF),
    ("sigmoid", (), 0.0, 1.0),
    ("tanh", (), -1.0, 1.0),
]


@pytest.mark.parametrize(("name", "params", "at_negative", "at_positive"), INFINITIES, ids=row_id)
@dtypes
def test_forward_at_infinity_is_the_limit(name, params, at_negative, at_positive, dtype, isa):
    assert_is(call(name, dtype, -INF, *params), dtype(at_negative))
    assert_is(call(name, dtype, INF, *params), dtype(at_positive))


# activation, parameters, derivative at -inf, derivative at +inf
SLOPE_AT_INFINITY = [
    ("relu", (), 0.0, 1.0),
    ("leaky_relu", (0.5,), 0.5, 1.0),
    ("leaky_relu", (0.0,), 0.0, 1.0),
    ("prelu", (-0.5,), -0.5, 1.0),
    ("elu", (1.0,), 0.0, 1.0),
    ("selu", (), 0.0, SCALE),
    ("sigmoid", (), 0.0, 0.0),
    ("tanh", (), 0.0, 0.0),
]


@pytest.mark.parametrize(("name", "params", "at_negative", "at_positive"), SLOPE_AT_INFINITY, ids=row_id)
@dtypes
def test_derivative_at_infinity_is_the_limit(name, params, at_negative, at_positive, dtype, isa):
    largest = float(np.finfo(dtype).max) / 2
    for g in (1.0, largest):  # not even the largest gradients come through
        assert_is(call(f"{name}_backward", dtype, g, -INF, *params), dtype(g) * dtype(at_negative))
        assert_is(call(f"{name}_backward", dtype, g, INF, *params), dtype(g) * dtype(at_positive))


# activation, parameters, x where an infinite or NaN gradient has to vanish
DEAD_SIDE = [("relu", ()), ("leaky_relu", (0.0,)), ("prelu", (0.0,))]


@pytest.mark.parametrize("g", [INF, -INF, NAN])
@pytest.mark.parametrize("x", [-1.0, -0.0, 0.0, -INF])
@pytest.mark.parametrize(("name", "params"), DEAD_SIDE, ids=row_id)
@dtypes
def test_infinite_gradients_vanish_on_the_dead_side(name, params, x, g, dtype, isa):
    got = call(f"{name}_backward", dtype, g, x, *params)
    if np.isnan(g) and name != "relu":
        assert np.isnan(got).all()  # a slope of 0 keeps NaN, as a product does
    else:
        assert_is(np.abs(got), 0.0)


@pytest.mark.parametrize("g", [INF, -INF, NAN])
@pytest.mark.parametrize(("name", "params"), [*DEAD_SIDE, ("elu", (1.0,)), ("selu", ())], ids=row_id)
@dtypes
def test_infinite_gradients_pass_on_the_live_side(name, params, g, dtype, isa):
    assert_is(call(f"{name}_backward", dtype, g, 1.5, *params), g)


@pytest.mark.parametrize("name", ["elu", "selu", "sigmoid", "tanh"])
@dtypes
def test_nan_gradients_stay_nan(name, dtype, isa):
    params = [1.0] * len(rf.ACTIVATIONS[name].params)
    for x in (-INF, -3.0, 0.0, 3.0, INF):
        assert np.isnan(call(f"{name}_backward", dtype, NAN, x, *params)).all()


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "selu", "sigmoid", "tanh"])
@dtypes
def test_one_special_value_does_not_touch_its_neighbours(name, dtype, isa):
    params = [dtype(1.5)] * len(rf.ACTIVATIONS[name].params)
    ufunc = getattr(rf.ufuncs, name)
    x = np.linspace(-3, 3, LENGTH, dtype=dtype)
    clean = ufunc(x, *params)
    for special in (NAN, INF, -INF):
        for i in range(LENGTH):
            spoiled = x.copy()
            spoiled[i] = special
            np.testing.assert_array_equal(np.delete(ufunc(spoiled, *params), i), np.delete(clean, i))
