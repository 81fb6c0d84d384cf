"""NaN, zeros and infinities: exact results, at every position of a vector loop and its remainder."""

import numpy as np
import pytest
from reference import selu_left, selu_scale
from tables import ALL_DTYPES, HALVES, assert_same_bits, finfo, row_id

import relu_fast as rf

SCALE, SCALE_ALPHA = selu_scale(np), selu_left(np)
NAN, INF = np.nan, np.inf
LENGTH = 35  # two AVX-512 vectors of float32 and a remainder

dtypes = pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)


def everywhere(value, dtype):
    return np.full(LENGTH, value, dtype)


def call(name, dtype, *values):
    """The ufunc over arrays filled with each value; parameters come last and are scalars."""
    ufunc = getattr(rf.ufuncs, name)
    n_params = len(rf.ACTIVATIONS[name.removesuffix("_backward")].params)
    arrays = [everywhere(v, dtype) for v in values[: len(values) - n_params]]
    result = ufunc(*arrays, *(dtype(v) for v in values[len(arrays) :]))
    return result[0] if isinstance(result, tuple) else result


def assert_is(got, value):
    """The value in every element, the sign of zero included."""
    assert_same_bits(got, np.full_like(got, value))


# activation, parameters, gradient at x = NaN for g = 3
AT_NAN = [
    ("relu", (), 3.0),
    ("relu6", (), 3.0),
    ("squared_relu", (), 3.0),
    ("leaky_relu", (0.5,), 1.5),
    ("leaky_relu", (0.0,), 0.0),
    ("prelu", (0.5,), 1.5),
    ("prelu", (0.0,), 0.0),
    ("prelu", (-2.0,), -6.0),
    ("thresholded_relu", (1.0,), 3.0),
    ("elu", (1.0,), NAN),
    ("elu", (0.0,), NAN),
    ("selu", (), NAN),
    ("celu", (1.0,), NAN),
    ("celu", (0.5,), NAN),
    ("gelu", (), NAN),
    ("gelu_tanh", (), NAN),
    ("silu", (), NAN),
    ("swish", (1.0,), NAN),
    ("swish", (0.0,), NAN),
    ("mish", (), NAN),
    ("softplus", (1.0,), NAN),
    ("softsign", (), NAN),
    ("sigmoid", (), NAN),
    ("tanh", (), NAN),
    ("hardsigmoid", (1 / 6, 0.5), 3.0),
    ("hardswish", (), NAN),
    ("hardtanh", (-1.0, 1.0), 3.0),
]


@pytest.mark.parametrize(("name", "params", "gradient"), AT_NAN, ids=row_id)
@dtypes
def test_forward_keeps_nan(name, params, gradient, dtype, isa):
    assert np.isnan(call(name, dtype, NAN, *params)).all()
    assert np.isnan(call(name, dtype, -NAN, *params)).all()


@pytest.mark.parametrize(("name", "params", "gradient"), AT_NAN, ids=row_id)
@dtypes
def test_backward_where_x_is_nan(name, params, gradient, dtype, isa):
    assert_is(call(f"{name}_backward", dtype, 3, NAN, *params), gradient)


# activation, parameters, forward at -0.0, forward at +0.0
ZEROS = [
    ("relu", (), 0.0, 0.0),
    ("relu6", (), 0.0, 0.0),
    ("squared_relu", (), 0.0, 0.0),
    ("leaky_relu", (0.01,), -0.0, 0.0),
    ("prelu", (0.25,), -0.0, 0.0),
    ("thresholded_relu", (1.0,), 0.0, 0.0),
    ("thresholded_relu", (0.0,), 0.0, 0.0),
    ("thresholded_relu", (-1.0,), -0.0, 0.0),
    ("elu", (1.0,), -0.0, 0.0),
    ("selu", (), -0.0, 0.0),
    ("celu", (1.0,), -0.0, 0.0),
    ("gelu", (), -0.0, 0.0),
    ("gelu_tanh", (), -0.0, 0.0),
    ("silu", (), -0.0, 0.0),
    ("swish", (1.0,), -0.0, 0.0),
    ("mish", (), -0.0, 0.0),
    ("softplus", (1.0,), np.log(2), np.log(2)),
    ("softsign", (), -0.0, 0.0),
    ("sigmoid", (), 0.5, 0.5),
    ("tanh", (), -0.0, 0.0),
    ("hardsigmoid", (1 / 6, 0.5), 0.5, 0.5),
    ("hardsigmoid", (0.2, 0.25), 0.25, 0.25),
    ("hardswish", (), -0.0, 0.0),
    ("hardtanh", (-1.0, 1.0), -0.0, 0.0),
    ("hardtanh", (0.5, 1.0), 0.5, 0.5),
]


@pytest.mark.parametrize(("name", "params", "at_negative", "at_positive"), ZEROS, ids=row_id)
@dtypes
def test_forward_at_zero_has_the_right_sign(name, params, at_negative, at_positive, dtype, isa):
    assert_is(call(name, dtype, -0.0, *params), dtype(at_negative))
    assert_is(call(name, dtype, 0.0, *params), dtype(at_positive))


# activation, parameters, derivative at 0
SLOPE_AT_ZERO = [
    ("relu", (), 0.0),
    ("relu6", (), 0.0),
    ("squared_relu", (), 0.0),
    ("leaky_relu", (0.5,), 0.5),
    ("leaky_relu", (0.0,), 0.0),
    ("prelu", (-0.5,), -0.5),
    ("thresholded_relu", (1.0,), 0.0),
    ("thresholded_relu", (0.0,), 0.0),
    ("thresholded_relu", (-1.0,), 1.0),
    ("elu", (1.0,), 1.0),
    ("elu", (0.5,), 0.5),
    ("elu", (0.0,), 0.0),
    ("selu", (), SCALE_ALPHA),
    ("celu", (1.0,), 1.0),
    ("celu", (0.5,), 1.0),
    ("gelu", (), 0.5),
    ("gelu_tanh", (), 0.5),
    ("silu", (), 0.5),
    ("swish", (1.0,), 0.5),
    ("swish", (-3.0,), 0.5),
    ("mish", (), 0.6),
    ("softplus", (1.0,), 0.5),
    ("softplus", (3.0,), 0.5),
    ("softsign", (), 1.0),
    ("sigmoid", (), 0.25),
    ("tanh", (), 1.0),
    ("hardsigmoid", (1 / 6, 0.5), 1 / 6),
    ("hardsigmoid", (0.25, 0.5), 0.25),
    ("hardsigmoid", (0.25, 0.0), 0.0),
    ("hardsigmoid", (0.25, 1.0), 0.0),
    ("hardswish", (), 0.5),
    ("hardtanh", (-1.0, 1.0), 1.0),
    ("hardtanh", (0.0, 1.0), 0.0),
    ("hardtanh", (-1.0, 0.0), 0.0),
]


@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize(("name", "params", "slope"), SLOPE_AT_ZERO, ids=row_id)
@dtypes
def test_derivative_at_zero(name, params, slope, zero, dtype, isa):
    for g in (1.0, 2.0, -2.0):  # powers of two: the product is exact
        assert_is(np.abs(call(f"{name}_backward", dtype, g, zero, *params)), abs(g) * abs(dtype(slope)))
        assert (np.sign(call(f"{name}_backward", dtype, g, zero, *params)) == np.sign(g * slope)).all()


# activation, x, derivative there: where a formula changes
SLOPE_AT_EDGES = [
    ("relu6", 6.0, 0.0),
    ("relu6", 5.75, 1.0),
    ("relu6", 6.25, 0.0),
    ("thresholded_relu", 1.0, 0.0),
    ("thresholded_relu", 1.25, 1.0),
    ("hardswish", -3.0, 0.0),
    ("hardswish", 3.0, 1.0),
    ("hardtanh", -1.0, 0.0),
    ("hardtanh", -0.75, 1.0),
    ("hardtanh", 1.0, 0.0),
]


@pytest.mark.parametrize(("name", "x", "slope"), SLOPE_AT_EDGES, ids=row_id)
@dtypes
def test_derivative_at_the_edges(name, x, slope, dtype, isa):
    params = rf.ACTIVATIONS[name].params.values()
    for g in (1.0, -2.0):
        assert (call(f"{name}_backward", dtype, g, x, *params) == g * slope).all()


# activation, parameters, forward at -inf, forward at +inf
INFINITIES = [
    ("relu", (), 0.0, INF),
    ("relu6", (), 0.0, 6.0),
    ("squared_relu", (), 0.0, INF),
    ("leaky_relu", (0.01,), -INF, INF),
    ("leaky_relu", (0.0,), 0.0, INF),
    ("prelu", (-0.5,), INF, INF),
    ("prelu", (0.0,), 0.0, INF),
    ("thresholded_relu", (1.0,), 0.0, INF),
    ("thresholded_relu", (-INF,), 0.0, INF),
    ("thresholded_relu", (INF,), 0.0, 0.0),
    ("elu", (1.0,), -1.0, INF),
    ("elu", (0.5,), -0.5, INF),
    ("selu", (), -SCALE_ALPHA, INF),
    ("celu", (1.0,), -1.0, INF),
    ("celu", (0.5,), -0.5, INF),
    ("gelu", (), -0.0, INF),
    ("gelu_tanh", (), -0.0, INF),
    ("silu", (), -0.0, INF),
    ("swish", (1.0,), -0.0, INF),
    ("swish", (2.5,), -0.0, INF),
    ("swish", (-1.0,), -INF, 0.0),
    ("swish", (0.0,), -INF, INF),
    ("mish", (), -0.0, INF),
    ("softplus", (1.0,), 0.0, INF),
    ("softplus", (2.5,), 0.0, INF),
    ("softsign", (), -1.0, 1.0),
    ("sigmoid", (), 0.0, 1.0),
    ("tanh", (), -1.0, 1.0),
    ("hardsigmoid", (1 / 6, 0.5), 0.0, 1.0),
    ("hardsigmoid", (0.25, 0.75), 0.0, 1.0),
    ("hardswish", (), -0.0, INF),
    ("hardtanh", (-1.0, 1.0), -1.0, 1.0),
    ("hardtanh", (-INF, 2.0), -INF, 2.0),
]


@pytest.mark.parametrize(("name", "params", "at_negative", "at_positive"), INFINITIES, ids=row_id)
@dtypes
def test_forward_at_infinity_is_the_limit(name, params, at_negative, at_positive, dtype, isa):
    assert_is(call(name, dtype, -INF, *params), dtype(at_negative))
    assert_is(call(name, dtype, INF, *params), dtype(at_positive))


# activation, parameters, derivative at -inf, derivative at +inf
SLOPE_AT_INFINITY = [
    ("relu", (), 0.0, 1.0),
    ("relu6", (), 0.0, 0.0),
    ("squared_relu", (), 0.0, INF),
    ("leaky_relu", (0.5,), 0.5, 1.0),
    ("leaky_relu", (0.0,), 0.0, 1.0),
    ("prelu", (-0.5,), -0.5, 1.0),
    ("thresholded_relu", (1.0,), 0.0, 1.0),
    ("elu", (1.0,), 0.0, 1.0),
    ("selu", (), 0.0, SCALE),
    ("celu", (1.0,), 0.0, 1.0),
    ("celu", (0.5,), 0.0, 1.0),
    ("gelu", (), -0.0, 1.0),
    ("gelu_tanh", (), -0.0, 1.0),
    ("silu", (), -0.0, 1.0),
    ("swish", (1.0,), -0.0, 1.0),
    ("swish", (-1.0,), 1.0, -0.0),
    ("mish", (), -0.0, 1.0),
    ("softplus", (1.0,), 0.0, 1.0),
    ("softsign", (), 0.0, 0.0),
    ("sigmoid", (), 0.0, 0.0),
    ("tanh", (), 0.0, 0.0),
    ("hardsigmoid", (1 / 6, 0.5), 0.0, 0.0),
    ("hardswish", (), 0.0, 1.0),
    ("hardtanh", (-1.0, 1.0), 0.0, 0.0),
]


@pytest.mark.parametrize(("name", "params", "at_negative", "at_positive"), SLOPE_AT_INFINITY, ids=row_id)
@dtypes
def test_derivative_at_infinity_is_the_limit(name, params, at_negative, at_positive, dtype, isa):
    largest = float(finfo(dtype).max) / 2
    computed = np.float32 if dtype in HALVES else dtype
    for g in (1.0, largest):  # not even the largest gradients come through
        for x, slope in ((-INF, at_negative), (INF, at_positive)):
            assert_is(call(f"{name}_backward", dtype, g, x, *params), dtype(computed(g) * computed(slope)))


@pytest.mark.parametrize("table", [AT_NAN, ZEROS, SLOPE_AT_ZERO, INFINITIES, SLOPE_AT_INFINITY])
def test_every_row_is_in_every_table(table):
    assert [*dict.fromkeys(name for name, *_ in table)] == list(rf.ACTIVATIONS)


# activation, parameters, points where an infinite or NaN gradient has to vanish, a point where it passes
DEAD_SIDE = [
    ("relu", (), (-1.0, -0.0, 0.0, -INF), 1.5),
    ("relu6", (), (-1.0, -0.0, 0.0, 6.0, 7.0, -INF, INF), 1.5),
    ("squared_relu", (), (-1.0, -0.0, 0.0, -INF), 1.5),
    ("leaky_relu", (0.0,), (-1.0, -0.0, 0.0, -INF), 1.5),
    ("prelu", (0.0,), (-1.0, -0.0, 0.0, -INF), 1.5),
    ("thresholded_relu", (1.0,), (-1.0, 0.0, 1.0, -INF), 1.5),
    ("hardsigmoid", (0.25, 0.5), (-2.0, -4.0, 2.0, 4.0, -INF, INF), 1.5),
    ("hardswish", (), (-3.0, -4.0, -INF), 3.0),
    ("hardtanh", (-1.0, 1.0), (-1.0, -2.0, 1.0, 2.0, -INF, INF), 0.5),
]
LIVE_SIDE = [(name, params, live) for name, params, _, live in DEAD_SIDE]
LIVE_SIDE += [("elu", (1.0,), 1.5), ("selu", (), 1.5), ("celu", (1.0,), 1.5)]


@pytest.mark.parametrize("g", [INF, -INF, NAN])
@pytest.mark.parametrize(("name", "params", "dead", "live"), DEAD_SIDE, ids=row_id)
@dtypes
def test_infinite_gradients_vanish_on_the_dead_side(name, params, dead, live, g, dtype, isa):
    for x in dead:
        got = call(f"{name}_backward", dtype, g, x, *params)
        if np.isnan(g) and name in ("leaky_relu", "prelu"):
            assert np.isnan(got).all()  # a slope of 0 keeps NaN, as a product does
        else:
            assert_is(np.abs(got), 0.0)


@pytest.mark.parametrize("g", [INF, -INF, NAN])
@pytest.mark.parametrize(("name", "params", "live"), LIVE_SIDE, ids=row_id)
@dtypes
def test_infinite_gradients_pass_on_the_live_side(name, params, live, g, dtype, isa):
    assert_is(call(f"{name}_backward", dtype, g, live, *params), g)


@pytest.mark.parametrize("x", [-80.125, -87.0, -90.0])
def test_silu_keeps_the_sign_of_what_vanishes(x, isa):
    tiny = np.float32(1e-45)
    assert_is(call("silu_backward", np.float32, tiny, x), -0.0)
    assert_is(call("silu_backward", np.float32, -tiny, x), 0.0)


@pytest.mark.parametrize(
    ("name", "g", "x", "exact"),
    [
        # just below a power of 2, where what the slope lacks counts twice
        ("hardswish_backward", "0x1.f2e652p+0", "0x1.42a9b8p-5", "0x1.ffffff141e45p-1"),
        # 1 / (1 + x) is subnormal
        ("softsign_backward", "0x1.9f829p+127", "0x1.4a0b36p+126", None),
    ],
)
def test_gradients_next_to_the_limits_of_the_type(name, g, x, exact, isa):
    g, x = float.fromhex(g), float.fromhex(x)
    exact = float.fromhex(exact) if exact else g / (1 + x) ** 2
    got = call(name, np.float32, g, x)
    assert np.all(
        np.abs(got.astype(np.float64) - exact) <= 2 * np.spacing(np.float32(exact) * np.float32(1 - 2**-23))
    )


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _, gradient in AT_NAN if np.isnan(gradient)))
@dtypes
def test_nan_gradients_stay_nan(name, dtype, isa):
    params = [1.0] * len(rf.ACTIVATIONS[name].params)
    for x in (-2.0, 0.0, 2.0) if name == "hardswish" else (-INF, -3.0, 0.0, 3.0, INF):
        assert np.isnan(call(f"{name}_backward", dtype, NAN, x, *params)).all()


@pytest.mark.parametrize("name", rf.ACTIVATIONS)
@dtypes
def test_one_special_value_does_not_touch_its_neighbours(name, dtype, isa):
    params = [dtype(p) for p in (-1.5, 1.5)[: len(rf.ACTIVATIONS[name].params)]]
    ufunc = getattr(rf.ufuncs, name)
    x = np.linspace(-3, 3, LENGTH).astype(dtype)
    clean = ufunc(x, *params)
    for special in (NAN, INF, -INF):
        for i in range(LENGTH):
            spoiled = x.copy()
            spoiled[i] = special
            assert_same_bits(np.delete(ufunc(spoiled, *params), i), np.delete(clean, i))


# activation, parameter with which it is another one, and that with its parameters
LIKE_ANOTHER = [
    ("leaky_relu", 0.0, "relu", ()),
    ("prelu", 0.0, "relu", ()),
    ("celu", 1.0, "elu", (1.0,)),
    ("celu_backward", 1.0, "elu_backward", (1.0,)),
]


@pytest.mark.parametrize(("name", "param", "other", "params"), LIKE_ANOTHER, ids=row_id)
@dtypes
def test_with_some_parameters_an_activation_is_another(name, param, other, params, dtype, isa):
    rng = np.random.default_rng(7)
    x = np.concatenate([rng.normal(0, 3, 1000), [NAN, INF, -INF, 0.0, -0.0, finfo(dtype).tiny]]).astype(dtype)
    data = [rng.normal(0, 3, x.size).astype(dtype), x] if name.endswith("_backward") else [x]
    ufunc, like = getattr(rf.ufuncs, name), getattr(rf.ufuncs, other)
    for n in (1, 7, 40, x.size):
        some = [a[-n:] for a in data]
        expected = like(*some, *(dtype(p) for p in params))
        assert_same_bits(ufunc(*some, dtype(param)), expected)
        assert_same_bits(ufunc(*some, np.full(n, param, dtype)), expected)
