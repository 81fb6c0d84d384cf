"""fused.backward against the naive oracle."""

import numpy as np
import pytest
import reference
import reference_units
from layouts import LAYOUTS, SHAPES, TILINGS
from reference_units import assert_sums, by_unit
from tables import DTYPES, ROWS, ROWS_AND_PARAMS, assert_same_bits, case, plain, row_id

import relu_fast as rf

# The float64 oracle is itself off by a few ULP of float64; the bits are those of the ufuncs, and those are
# measured in test_numerics.
ULP = {np.float32: 2, np.float64: 6}

# rows whose output tells the derivative, with the parameters with which it does
FROM_Y = [
    (name, params)
    for name, params in ROWS_AND_PARAMS
    if reference.ORACLES[name].slope_from_y and (len(params) != 1 or params[0] >= 0)
]

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=row_id)
sources = pytest.mark.parametrize("source", ["x", "y"])
every_row = pytest.mark.parametrize(("name", "params"), ROWS, ids=row_id)


def named(name, params):
    return dict(zip(rf.ACTIVATIONS[name].params, params, strict=True))


def by_ufunc(name, params, g, v, axis):
    """What the elementwise ufunc makes of it: the same bits are expected from x."""
    gz = getattr(rf.ufuncs, f"{name}_backward")(g, v, *reference_units.spread_params(params, v, axis))
    return gz[0] if isinstance(gz, tuple) else gz


def assert_counts(stats, gz, axis):
    rows = by_unit(gz, axis)
    np.testing.assert_array_equal(stats.seen, np.full(len(rows), rows.shape[1]))
    np.testing.assert_array_equal(stats.nonzero, (rows != 0).sum(axis=1))
    np.testing.assert_array_equal(stats.nonfinite, (~np.isfinite(rows)).sum(axis=1))


# ---- values


@pytest.mark.parametrize(("shape", "axis"), [((32, 9), 1), ((4, 3, 50), 1), ((3, 2, 1200), 1)], ids=str)
@dtypes
@pytest.mark.parametrize(("name", "params"), ROWS_AND_PARAMS, ids=row_id)
def test_values_from_x_are_within_the_bound(name, params, dtype, shape, axis, isa):
    g, x, bias = plain(dtype, shape), plain(dtype, shape, seed=1, scale=4), plain(dtype, shape[axis], seed=2)
    params = [dtype(p) for p in params]
    gz = rf.fused.backward(g, name, x=x, bias=bias, unit_axis=axis, **named(name, params))
    exact = reference_units.backward(g, name, params, x=x, bias=bias, axis=axis)
    error = reference.ulp_error(gz, reference.exact_from_float64(exact, dtype))
    # what the float64 oracle itself is off where its exponents are rounded quotients, and next to roots
    near = np.abs(gz - exact) <= 2 * np.finfo(dtype).eps * np.abs(g.astype(float))
    assert ((error <= ULP[dtype]) | near).all()
    assert_same_bits(gz, by_ufunc(name, params, g, reference_units.pre_activation(x, bias, axis), axis))


@pytest.mark.parametrize(("shape", "axis"), [((32, 9), 1), ((4, 3, 50), 1), ((3, 2, 1200), 1)], ids=str)
@dtypes
@pytest.mark.parametrize(("name", "params"), FROM_Y, ids=row_id)
def test_values_from_y_are_the_derivative_told_by_y(name, params, dtype, shape, axis, isa):
    g, x = plain(dtype, shape), plain(dtype, shape, seed=1, scale=4)
    params = [dtype(p) for p in params]
    y = rf.fused.forward(x, name, unit_axis=axis, **named(name, params))
    gz = rf.fused.backward(g, name, y=y, unit_axis=axis, **named(name, params))
    exact = reference_units.backward(g, name, params, y=y, axis=axis)
    # y + alpha cancels: three roundings of numbers as large as alpha
    largest = {"elu": abs(params[0]) if params else 0, "selu": reference.selu_left(np), "celu": 1}.get(
        name, 0
    )
    absolute = 3 * np.finfo(dtype).eps * largest * np.abs(g.astype(float))
    error = reference.ulp_error(gz, reference.exact_from_float64(exact, dtype))
    assert ((error <= ULP[dtype]) | (np.abs(gz - exact) <= absolute)).all()


@dtypes
@pytest.mark.parametrize(("name", "params"), [row for row in ROWS if row in FROM_Y], ids=row_id)
def test_both_sources_agree(name, params, dtype, isa):
    g, x, bias = plain(dtype, (200, 30)), plain(dtype, (200, 30), seed=1), plain(dtype, 30, seed=2)
    y = rf.fused.forward(x, name, bias=bias, **named(name, params))
    from_x = rf.fused.backward(g, name, x=x, bias=bias, **named(name, params))
    from_y = rf.fused.backward(g, name, y=y, **named(name, params))
    np.testing.assert_allclose(from_y, from_x, rtol=1e3 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", ["relu", "tanh"])
@pytest.mark.parametrize(("shape", "axis"), TILINGS.values(), ids=TILINGS)
@dtypes
def test_every_tiling_gives_the_same_values_sums_and_counts(name, dtype, shape, axis, isa):
    g, x, bias = plain(dtype, shape), plain(dtype, shape, seed=1), plain(dtype, shape[axis], seed=2)
    stats, sums = rf.GradStats(shape[axis]), np.full(shape[axis], 99.0)
    gz = rf.fused.backward(g, name, x=x, bias=bias, unit_axis=axis, bias_grad=sums, stats=stats)
    assert_same_bits(gz, by_ufunc(name, (), g, reference_units.pre_activation(x, bias, axis), axis))
    assert_sums(sums, gz, axis)
    assert_counts(stats, gz, axis)


@pytest.mark.parametrize(("shape", "axis"), TILINGS.values(), ids=TILINGS)
@dtypes
def test_every_tiling_spreads_a_parameter_per_unit(dtype, shape, axis):
    g, x, weight = plain(dtype, shape), plain(dtype, shape, seed=1), plain(dtype, shape[axis], seed=2)
    sums = np.full(shape[axis], 99, dtype)
    gz = rf.fused.backward(g, "prelu", x=x, unit_axis=axis, weight=weight, bias_grad=sums)
    assert_same_bits(gz, by_ufunc("prelu", (weight,), g, x, axis))
    assert_sums(sums, gz, axis)


@sources
@dtypes
@every_row
def test_any_rank_and_any_axis(name, params, dtype, source, isa):
    if source == "y" and (name, params) not in FROM_Y:
        pytest.skip("the output does not tell the derivative")
    for shape, axis in SHAPES:
        with case(shape, axis):
            g, s = plain(dtype, shape), np.abs(plain(dtype, shape, seed=1)) - dtype(0.3)
            stats, sums = rf.GradStats(shape[axis]), np.full(shape[axis], 99, dtype)
            gz = rf.fused.backward(
                g, name, **{source: s}, unit_axis=axis, bias_grad=sums, stats=stats, **named(name, params)
            )
            exact = reference_units.backward(g, name, params, **{source: s}, axis=axis)
            np.testing.assert_allclose(gz, exact, rtol=8 * np.finfo(dtype).eps)
            assert_sums(sums, gz, axis)
            assert_counts(stats, gz, axis)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu"])
def test_a_gradient_that_is_nan_or_infinite_counts(name):
    params = dict.fromkeys(rf.ACTIVATIONS[name].params, 0.5)
    g = np.array([[np.nan, np.inf, -np.inf, 0.0, 1.0, -0.0]] * 2)
    x = np.array([[1.0] * 6, [-1.0] * 6])
    stats, sums = rf.GradStats(6), np.empty(6)
    gz = rf.fused.backward(g, name, x=x, stats=stats, bias_grad=sums, **params)
    assert_same_bits(gz, by_ufunc(name, tuple(params.values()), g, x, 1))
    dead = name == "relu"
    assert stats.nonzero.tolist() == ([1, 1, 1, 0, 1, 0] if dead else [2, 2, 2, 0, 2, 0])
    assert stats.nonfinite.tolist() == ([1, 1, 1, 0, 0, 0] if dead else [2, 2, 2, 0, 0, 0])
    assert np.isnan(sums[0])
    assert sums[1:3].tolist() == [np.inf, -np.inf]


# ---- memory


@pytest.mark.parametrize("which", ["g", "x", "both"])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@dtypes
def test_the_layout_of_the_inputs_does_not_matter(dtype, layout, which):
    for shape, axis in SHAPES:
        with case(shape, axis):
            g, x, bias = plain(dtype, shape), plain(dtype, shape, seed=1), plain(dtype, shape[axis], seed=2)
            there_g = layout(g) if which != "x" else g
            there_x = layout(x) if which != "g" else x
            stats, sums = rf.GradStats(shape[axis]), np.empty(shape[axis])
            gz = rf.fused.backward(
                there_g, "elu", x=there_x, bias=bias, unit_axis=axis, bias_grad=sums, stats=stats
            )
            assert_same_bits(
                gz, by_ufunc("elu", (1,), g, reference_units.pre_activation(x, bias, axis), axis)
            )
            np.testing.assert_array_equal(there_g, g)
            np.testing.assert_array_equal(there_x, x)
            assert_sums(sums, gz, axis)
            assert_counts(stats, gz, axis)


@pytest.mark.parametrize("x_layout", ["C order", "Fortran order", "last axis sliced"])
@pytest.mark.parametrize("out_layout", LAYOUTS)
@dtypes
def test_the_layout_of_the_output_does_not_matter(dtype, x_layout, out_layout):
    for shape, axis in SHAPES:
        with case(shape, axis):
            g, x = plain(dtype, shape), plain(dtype, shape, seed=1)
            out = LAYOUTS[out_layout](np.full(shape, 7, dtype))
            assert rf.fused.backward(g, "elu", x=LAYOUTS[x_layout](x), unit_axis=axis, out=out) is out
            np.testing.assert_array_equal(out, by_ufunc("elu", (1,), g, x, axis))


@pytest.mark.parametrize("target", ["g", "source", "both"])
@sources
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@dtypes
def test_in_place_over_an_input(dtype, layout, source, target):
    for shape, axis in SHAPES:
        with case(shape, axis):
            g, s = plain(dtype, shape), plain(dtype, shape, seed=1)
            here_g, here_s = layout(g), layout(s)
            if target == "both":
                g = s
                here_g = here_s
            want = rf.fused.backward(g, "elu", **{source: s}, unit_axis=axis)
            out = here_g if target == "g" else here_s
            sums = np.empty(shape[axis])
            gz = rf.fused.backward(here_g, "elu", **{source: here_s}, unit_axis=axis, out=out, bias_grad=sums)
            assert gz is out
            np.testing.assert_array_equal(out, want)
            assert_sums(sums, want, axis)


@pytest.mark.parametrize(("shape", "axis"), TILINGS.values(), ids=TILINGS)
def test_every_tiling_works_in_place_and_between_guards(shape, axis, isa):
    g, x = plain(np.float32, shape), plain(np.float32, shape, seed=1)
    want = rf.relu_backward(g, x)
    rows, rest = shape[0], int(np.prod(shape[1:]))
    for pad in (0, 3):  # rows that touch, rows that do not
        wide = np.full((rows + 2, rest + 2 * pad), 99, np.float32)
        middle = wide[1:-1, pad : pad + rest]
        middle[...] = g.reshape(rows, rest)
        view = np.lib.stride_tricks.as_strided(middle, shape, (wide.strides[0], *g.strides[1:]))
        guards = np.full(shape[axis] + 2, 99, np.float32)
        rf.fused.backward(view, "relu", x=x, unit_axis=axis, out=view, bias_grad=guards[1:-1])
        np.testing.assert_array_equal(view, want)
        middle[...] = 99
        assert (wide == 99).all()
        assert guards[[0, -1]].tolist() == [99, 99]


def test_interleaved_inputs_and_outputs_are_told_apart():
    buffer = np.arange(-90, 90, dtype=np.float32).reshape(30, 6)
    g, x = buffer[::3], buffer[1::3]
    want = rf.relu_backward(g, x)
    for out in (buffer[2::3], buffer[2::3][::-1]):
        rf.fused.backward(g, "relu", x=x, out=out)
        np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize("constant", [(0,), (1,), (2,), (0, 2), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("axis", [0, 1, 2])
@dtypes
def test_broadcast_inputs_are_read_with_their_zero_strides(dtype, axis, constant):
    shape = (4, 5, 6)
    small = plain(dtype, [1 if i in constant else n for i, n in enumerate(shape)])
    constant_array, other = np.broadcast_to(small, shape), plain(dtype, shape, seed=1)
    for g, x in ((constant_array, other), (other, constant_array), (constant_array, constant_array)):
        sums = np.empty(shape[axis])
        gz = rf.fused.backward(g, "elu", x=x, unit_axis=axis, bias_grad=sums)
        assert_same_bits(gz, by_ufunc("elu", (1,), g.copy(), x.copy(), axis))
        assert_sums(sums, gz, axis)


# ---- the bias gradient


@pytest.mark.parametrize("units", [1, 9, 255, 256, 257, 1500])
@pytest.mark.parametrize("dtype", DTYPES, ids=row_id)
def test_the_bias_gradient_is_overwritten_in_either_dtype(dtype, units):
    g, x = plain(dtype, (33, units)), plain(dtype, (33, units), seed=1)
    wide, same = np.full(units, 99.0), np.full(units, 99, dtype)
    gz = rf.fused.backward(g, "relu", x=x, bias_grad=wide)
    rf.fused.backward(g, "relu", x=x, bias_grad=same)
    assert_sums(wide, gz, 1)
    assert_same_bits(same, wide.astype(dtype))  # rounded once, from float64


def test_the_bias_gradient_is_summed_in_float64():
    g = np.array([[1e8], [1.0], [-1e8]], np.float32)
    sums = np.empty(1, np.float32)
    rf.fused.backward(g, "relu", x=np.ones((3, 1), np.float32), bias_grad=sums)
    assert sums[0] == 1


@dtypes
def test_the_bias_gradient_does_not_depend_on_how_the_batch_is_split(dtype):
    g, x = plain(dtype, (1000, 17)), plain(dtype, (1000, 17), seed=1)
    gz, part, total = rf.relu_backward(g, x), np.empty(17), np.zeros(17)
    for rows in np.split(np.arange(1000), [7, 8, 100, 640]):
        rf.fused.backward(g[rows], "relu", x=x[rows], bias_grad=part)
        total += part
    assert_sums(total, gz, 1)


@pytest.mark.parametrize("shape", [(64, 9), (64, 300), (5, 3, 700)], ids=str)
def test_the_bias_gradient_is_the_same_in_every_call(shape):
    g, x = plain(np.float32, shape), plain(np.float32, shape, seed=1)
    sums = np.empty((2, shape[1]))
    for row in sums:
        rf.fused.backward(g, "tanh", x=x, unit_axis=1, bias_grad=row, out=np.empty_like(g))
    assert_same_bits(sums[0], sums[1])


EMPTY = [
    ((0,), 0),
    ((0, 5), 1),
    ((4, 0), 1),
    ((0, 5), 0),
    ((0, 5, 3), 1),
    ((4, 5, 0), 1),
    ((4, 0, 3), 1),
    ((0, 0), 1),
]


@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize(("shape", "axis"), EMPTY, ids=str)
@dtypes
def test_an_empty_batch_has_no_gradient(dtype, shape, axis, strided):
    units = shape[axis]
    roomy = np.full([2 * n + 4 for n in shape], 7, dtype)
    empty = roomy[tuple(slice(0, 2 * n, 2) for n in shape)] if strided else np.empty(shape, dtype)
    stats, sums = rf.GradStats(units), np.full(units, 99, dtype)
    assert (
        rf.fused.backward(empty, "elu", x=empty, unit_axis=axis, stats=stats, bias_grad=sums).shape == shape
    )
    assert rf.fused.backward(empty, "elu", y=empty, unit_axis=axis, stats=stats, out=empty) is empty
    np.testing.assert_array_equal(sums, np.zeros(units))
    np.testing.assert_array_equal(stats.seen, np.zeros(units))
    np.testing.assert_array_equal(stats.nonzero, np.zeros(units))
    assert (roomy == 7).all()
