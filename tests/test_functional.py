"""The functions with defaults over the ufuncs."""

import inspect

import numpy as np
import pytest
from tables import DTYPES, assert_same_bits, plain, row_id

import relu_fast as rf

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=row_id)

# function, ufunc that it calls, number of arrays, the default at its end
DEFAULTS = [
    (rf.leaky_relu, rf.ufuncs.leaky_relu, 1, 0.01),
    (rf.leaky_relu_backward, rf.ufuncs.leaky_relu_backward, 2, 0.01),
    (rf.elu, rf.ufuncs.elu, 1, 1.0),
    (rf.elu_backward, rf.ufuncs.elu_backward, 2, 1.0),
]
functions = pytest.mark.parametrize(("function", "ufunc", "count", "default"), DEFAULTS, ids=row_id)


@dtypes
@functions
def test_a_parameter_left_out_has_its_default_and_keeps_the_dtype(function, ufunc, count, default, dtype):
    arrays = [plain(dtype, 97, seed=seed) for seed in range(count)]
    y = function(*arrays)
    assert y.dtype == dtype
    assert_same_bits(y, ufunc(*arrays, dtype(default)))


@dtypes
@functions
def test_a_parameter_is_taken_by_position_and_by_name(function, ufunc, count, default, dtype):
    arrays = [plain(dtype, (4, 5), seed=seed) for seed in range(count)]
    name = list(inspect.signature(function).parameters)[count]
    want = ufunc(*arrays, dtype(0.75))
    assert_same_bits(function(*arrays, 0.75), want)
    assert_same_bits(function(*arrays, **{name: 0.75}), want)
    per_column = np.linspace(0.1, 2, 5, dtype=dtype)
    assert_same_bits(function(*arrays, per_column), ufunc(*arrays, per_column))


@functions
def test_the_default_is_that_of_the_table(function, ufunc, count, default):
    row = rf.ACTIVATIONS[function.__name__.removesuffix("_backward")]
    parameter = list(inspect.signature(function).parameters.values())[count]
    assert row.params == {parameter.name: parameter.default} == {parameter.name: default}


@functions
def test_keywords_of_a_ufunc_are_passed_on(function, ufunc, count, default):
    arrays = [plain(np.float32, 97, seed=seed) for seed in range(count)]
    out, mask = np.full(97, 7, np.float32), np.arange(97) % 3 == 0
    assert function(*arrays, out=out, where=mask) is out
    assert_same_bits(out, np.where(mask, ufunc(*arrays, np.float32(default)), np.float32(7)))
    assert function(*arrays, dtype=np.float64).dtype == np.float64
    with pytest.raises(TypeError, match="casting rule"):
        function(*arrays, dtype=np.float64, casting="no")
    with pytest.raises(TypeError):
        function(*arrays, slope=1)


@functions
def test_lists_and_numbers_are_taken(function, ufunc, count, default):
    assert_same_bits(function(*[[-1, 0, 2]] * count), ufunc(*[np.array([-1.0, 0, 2])] * count, default))
    assert function(*[2.0] * count) == 2


@pytest.mark.parametrize(
    "function", [case[0] for case in DEFAULTS] + [rf.prelu, rf.prelu_backward], ids=row_id
)
def test_every_function_is_documented(function):
    assert len(inspect.getdoc(function).splitlines()) >= 1


# ---- prelu

# shape of x, unit axis, shape of the weight that broadcasts to the same
UNIT_AXES = [
    ((7,), 0, (7,)),
    ((4, 7), -1, (7,)),
    ((4, 7), 1, (7,)),
    ((4, 7), 0, (4, 1)),
    ((2, 7, 3, 5), 1, (7, 1, 1)),
    ((2, 3, 5, 7), -1, (7,)),
    ((2, 3, 5, 7), -3, (3, 1, 1)),
    ((0, 7, 3), 1, (7, 1)),
]


@pytest.mark.parametrize(("shape", "axis", "broadcast"), UNIT_AXES, ids=str)
@dtypes
def test_prelu_takes_one_slope_per_unit_along_an_axis(dtype, shape, axis, broadcast):
    x, g = plain(dtype, shape), plain(dtype, shape, seed=1)
    weight = plain(dtype, shape[axis], seed=2)
    assert_same_bits(rf.prelu(x, weight, unit_axis=axis), rf.ufuncs.prelu(x, weight.reshape(broadcast)))
    got = rf.prelu_backward(g, x, weight, unit_axis=axis)
    want = rf.ufuncs.prelu_backward(g, x, weight.reshape(broadcast))
    assert_same_bits(got[0], want[0])
    assert_same_bits(got[1], want[1])


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_prelu_takes_one_slope_for_all(axis):
    x = plain(np.float32, (4, 7))
    want = np.where(x > 0, x, np.float32(0.25) * x)
    assert_same_bits(rf.prelu(x, 0.25, unit_axis=axis), want)
    assert_same_bits(rf.prelu(x, np.float32(0.25), unit_axis=axis), want)


def test_prelu_without_an_axis_broadcasts_as_numpy_does():
    x, weight = plain(np.float32, (4, 7)), plain(np.float32, (4, 1), seed=1)
    assert_same_bits(rf.prelu(x, weight), np.where(x > 0, x, weight * x))


def test_prelu_passes_keywords_on():
    x, out = plain(np.float32, (4, 7)), np.empty((4, 7), np.float32)
    assert rf.prelu(x, np.ones(7, np.float32), unit_axis=1, out=out) is out
    np.testing.assert_array_equal(out, x)


# weight, unit axis, exception, what the message says
BAD = [
    (
        np.ones(3),
        1,
        ValueError,
        r"weight has shape \(3,\), expected \(7,\): one entry per unit along axis 1 of x",
    ),
    (np.ones((1, 7)), 1, ValueError, r"weight has shape \(1, 7\), expected \(7,\)"),
    (np.ones(7), 2, ValueError, r"unit_axis=2 is out of range for x of shape \(4, 7\)"),
    (np.ones(7), -3, ValueError, r"unit_axis=-3 is out of range"),
    (np.ones(7), "C", TypeError, "'str' object cannot be interpreted as an integer"),
    (np.ones(7), 1.0, TypeError, "'float' object cannot be interpreted as an integer"),
    (np.ones(5), None, ValueError, "broadcast"),
    (np.ones(7, complex), 1, TypeError, "prelu"),
    (np.full(7, "a"), None, TypeError, "prelu"),
]


@pytest.mark.parametrize(("weight", "axis", "error", "says"), BAD, ids=str)
def test_a_bad_weight_or_axis_is_refused(weight, axis, error, says):
    x = plain(np.float32, (4, 7))
    with pytest.raises(error, match=says) as caught:
        rf.prelu(x, weight, unit_axis=axis)
    assert "\n" not in str(caught.value)
    with pytest.raises(error, match=says):
        rf.prelu_backward(x, x, weight, unit_axis=axis)
