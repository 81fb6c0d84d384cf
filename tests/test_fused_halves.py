"""float16 and bfloat16: the float32 pass over the same numbers, rounded once."""

import numpy as np
import pytest
from layouts import LAYOUTS, SHAPES
from reference_units import EVERYTHING
from tables import HALVES, ROWS, assert_same_bits, case, plain, row_id

import relu_fast as rf

dtypes = pytest.mark.parametrize("dtype", HALVES, ids=row_id)
every_row = pytest.mark.parametrize(("name", "params"), ROWS, ids=row_id)

EXAMPLES = [((33, 9), 1), ((5, 300), 1), ((3, 4, 7), 1), ((2, 3, 1100), 1), ((700, 400), 1)]


def named(name, params):
    return dict(zip(rf.ACTIVATIONS[name].params, params, strict=True))


def wide(numbers):
    return {key: np.asarray(value).astype(np.float32) for key, value in numbers.items()}


@dtypes
@every_row
def test_forward_is_the_float32_pass_rounded_once(name, params, dtype, isa):
    for shape, axis in EXAMPLES:
        with case(shape, axis):
            z, numbers = plain(dtype, shape, scale=4), {"bias": plain(dtype, shape[axis], seed=1)}
            numbers.update(named(name, [dtype(p) for p in params]))
            stats, expected = (rf.UnitStats(shape[axis], EVERYTHING) for _ in range(2))
            y = rf.fused.forward(z, name, unit_axis=axis, stats=stats, **numbers)
            want = rf.fused.forward(
                z.astype(np.float32), name, unit_axis=axis, stats=expected, **wide(numbers)
            )
            assert_same_bits(y, want.astype(dtype))
            assert stats == expected


@dtypes
@every_row
def test_backward_is_the_float32_pass_rounded_once(name, params, dtype, isa):
    for shape, axis in EXAMPLES:
        with case(shape, axis):
            g, x = plain(dtype, shape), plain(dtype, shape, seed=1, scale=4)
            numbers = {"bias": plain(dtype, shape[axis], seed=2), **named(name, [dtype(p) for p in params])}
            sums, expected = np.empty(shape[axis]), np.empty(shape[axis])
            stats, grads = rf.GradStats(shape[axis]), rf.GradStats(shape[axis])
            gz = rf.fused.backward(g, name, x=x, unit_axis=axis, bias_grad=sums, stats=stats, **numbers)
            want = rf.fused.backward(
                g.astype(np.float32),
                name,
                x=x.astype(np.float32),
                unit_axis=axis,
                bias_grad=expected,
                stats=grads,
                **wide(numbers),
            )
            assert_same_bits(gz, want.astype(dtype))
            assert_same_bits(sums, expected)
            assert stats == grads


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@dtypes
def test_any_layout_and_in_place(dtype, layout):
    for shape, axis in SHAPES:
        with case(shape, axis):
            z, bias = plain(dtype, shape), plain(dtype, shape[axis], seed=1)
            want = rf.fused.forward(z, "elu", bias=bias, unit_axis=axis)
            there = layout(z)
            np.testing.assert_array_equal(rf.fused.forward(there, "elu", bias=bias, unit_axis=axis), want)
            rf.fused.forward(there, "elu", bias=bias, unit_axis=axis, out=there)
            np.testing.assert_array_equal(there, want)


@pytest.mark.parametrize("sums_dtype", [None, np.float32, np.float64], ids=row_id)
@dtypes
def test_the_bias_gradient_is_rounded_once_to_any_of_three_dtypes(dtype, sums_dtype):
    g, x = plain(dtype, (300, 40)), plain(dtype, (300, 40), seed=1)
    exact, sums = np.empty(40), np.empty(40, sums_dtype or dtype)
    rf.fused.backward(g, "relu", x=x, bias_grad=exact)
    rf.fused.backward(g, "relu", x=x, bias_grad=sums)
    assert_same_bits(sums, exact.astype(sums.dtype))


def test_sums_next_to_a_tie_are_not_rounded_twice():
    # 2048 and 2050 are neighbours in float16; the sum is a little less (more) than 2049, which float32 cannot tell
    for small, want in ((-(2.0**-14), 2048), (2.0**-14, 2050)):
        g = np.array([[2048], [1], [small]], np.float16)
        sums = np.empty(1, np.float16)
        rf.fused.backward(g, "relu", x=np.ones_like(g), bias_grad=sums)
        assert sums[0] == want


@dtypes
def test_statistics_count_before_rounding(dtype):
    z, stats = np.full((1, 1), -1, dtype), rf.UnitStats(1, ("active", "max"))
    bias = np.array([1 + float(np.finfo(np.float16).eps) if dtype is np.float16 else 1.0078125], dtype)
    rf.fused.forward(z, "relu", bias=bias, stats=stats)
    assert stats.active[0] == 1
    assert stats.max[0] == float(bias[0]) - 1


@dtypes
def test_out_and_gradients_must_have_the_same_half(dtype):
    z = plain(dtype, (3, 4))
    other = np.float32
    with pytest.raises(TypeError, match=f"out has dtype float32, expected {np.dtype(dtype)}: that of z"):
        rf.fused.forward(z, "relu", out=np.empty((3, 4), other))
    with pytest.raises(TypeError, match=f"g has dtype float32, expected {np.dtype(dtype)}: that of x"):
        rf.fused.backward(z.astype(other), "relu", x=z)
    with pytest.raises(TypeError, match=r"bias_grad has dtype int64, expected .*, float32 or float64"):
        rf.fused.backward(z, "relu", x=z, bias_grad=np.zeros(4, int))
