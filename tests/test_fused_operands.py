"""What fused passes take as z, bias, parameters, statistics and outputs besides plain arrays of one dtype."""

import numpy as np
import pytest
from tables import DTYPES, assert_same_bits, plain, row_id

import relu_fast as rf

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=row_id)


# ---- z

# dtype given, dtype of the result
TYPES = [("f2", "f2"), ("?", "f2"), ("i1", "f2"), ("u1", "f2"), ("i2", "f4"), ("u2", "f4"), (">f2", "f2")]
TYPES += [("i4", "f8"), ("u4", "f8"), ("i8", "f8"), ("u8", "f8"), (">f4", "f4"), (">f8", "f8"), (">i2", "f4")]


@pytest.mark.parametrize(("given", "expected"), TYPES)
def test_other_numbers_are_converted_as_the_ufuncs_do(given, expected):
    z = np.arange(-3, 5).reshape(2, 4).astype(given)
    y = rf.fused.forward(z, "elu")
    assert y.dtype == np.dtype(expected)
    assert_same_bits(y, rf.elu(z.astype(expected)))
    gz = rf.fused.backward(z, "elu", x=z)
    assert_same_bits(gz, rf.elu_backward(z.astype(expected), z.astype(expected)))
    stats = rf.UnitStats(4)
    rf.fused.observe(z, "elu", stats=stats)
    np.testing.assert_array_equal(stats.active, (z > 0).sum(axis=0))


def test_lists_become_float64():
    assert_same_bits(rf.fused.forward([[-1, 2]], "relu", bias=[0.5, 1]), np.array([[0.0, 3.0]]))
    assert_same_bits(rf.fused.backward([[1.0, 1]], "relu", x=[[-1.0, 2]]), np.array([[0.0, 1.0]]))


def test_read_only_inputs_are_read():
    z = plain(np.float32, (3, 4))
    for layout in (z, np.asfortranarray(z), z[::-1]):
        frozen = layout[...]
        frozen.setflags(write=False)
        assert_same_bits(rf.fused.forward(frozen, "elu"), rf.elu(layout))
        assert rf.fused.backward(frozen, "elu", x=frozen).flags.writeable


class Tagged(np.ndarray):
    """A subclass."""


def test_subclasses_are_read_as_arrays_and_written_as_themselves():
    z = plain(np.float32, (3, 4))
    assert type(rf.fused.forward(z.view(Tagged), "relu")) is np.ndarray
    out = np.empty_like(z).view(Tagged)
    assert rf.fused.forward(z, "relu", out=out) is out
    np.testing.assert_array_equal(out, rf.relu(z))


# ---- bias and parameters

# how five numbers can be given
NUMBERS = {
    "own dtype": lambda v, dtype: v.astype(dtype),
    "float64": lambda v, dtype: v.astype(np.float64),
    "float32": lambda v, dtype: v.astype(np.float32),
    "float16": lambda v, dtype: v.astype(np.float16),
    "integers": lambda v, dtype: v.astype(np.int64),
    "list": lambda v, dtype: v.tolist(),
    "tuple": lambda v, dtype: tuple(v.tolist()),
    "gapped": lambda v, dtype: np.repeat(v, 3).astype(dtype)[::3],
    "backwards": lambda v, dtype: v[::-1].astype(dtype)[::-1],
    "swapped": lambda v, dtype: v.astype(np.dtype(dtype).newbyteorder()),
    "constant": lambda v, dtype: np.broadcast_to(dtype(2), v.shape),
    "read-only": lambda v, dtype: np.broadcast_to(v.astype(dtype), v.shape),
}


@pytest.mark.parametrize("make", NUMBERS.values(), ids=NUMBERS)
@dtypes
def test_bias_and_weight_may_be_anything_with_one_number_per_unit(make, dtype):
    z, g = plain(dtype, (7, 5)), plain(dtype, (7, 5), seed=1)
    numbers = make(np.array([0.0, 1.0, 2.0, -3.0, 4.0]), dtype)
    plainly = np.array(numbers, dtype)
    y = rf.fused.forward(z, "prelu", bias=numbers, weight=numbers)
    assert_same_bits(y, rf.ufuncs.prelu(z + plainly, plainly))
    gz = rf.fused.backward(g, "prelu", x=z, bias=numbers, weight=numbers)
    assert_same_bits(gz, rf.ufuncs.prelu_backward(g, z + plainly, plainly)[0])


@pytest.mark.parametrize("slope", [0.25, 2, np.float32(0.25), np.float64(0.1), np.array(0.3), True], ids=repr)
@dtypes
def test_a_parameter_may_be_one_number_for_all_units(slope, dtype):
    z = plain(dtype, (7, 5))
    want = rf.ufuncs.leaky_relu(z, dtype(slope))
    assert_same_bits(rf.fused.forward(z, "leaky_relu", negative_slope=slope), want)
    assert_same_bits(rf.fused.forward(z, "leaky_relu", negative_slope=[slope] * 5), want)


@pytest.mark.parametrize("name", ["leaky_relu", "elu"])
def test_a_parameter_left_out_has_its_default(name):
    z = plain(np.float32, (7, 5))
    assert_same_bits(rf.fused.forward(z, name), getattr(rf, name)(z))
    assert_same_bits(rf.fused.backward(z, name, x=z), getattr(rf, f"{name}_backward")(z, z))


def test_a_missing_bias_is_not_a_bias_of_zero():
    z = np.array([[-0.0, 0.0]])
    assert np.signbit(rf.fused.forward(z, "tanh"))[0, 0]
    assert not np.signbit(rf.fused.forward(z, "tanh", bias=[0.0, 0.0]))[0, 0]


# ---- outputs that lie on what is read once


@dtypes
def test_bias_and_weight_may_lie_inside_the_output(dtype):
    z, g = plain(dtype, (6, 5)), plain(dtype, (6, 5), seed=1)
    numbers = plain(dtype, 5, seed=2)
    for forward in (True, False):
        out = np.full((6, 5), 7, dtype)
        out[2] = numbers
        keywords = {"bias": out[2], "weight": out[2], "out": out}
        if forward:
            rf.fused.forward(z, "prelu", **keywords)
            assert_same_bits(out, rf.ufuncs.prelu(z + numbers, numbers))
        else:
            rf.fused.backward(g, "prelu", x=z, **keywords)
            assert_same_bits(out, rf.ufuncs.prelu_backward(g, z + numbers, numbers)[0])


@dtypes
def test_the_bias_gradient_may_overwrite_the_bias(dtype):
    z, g, bias = plain(dtype, (600, 5)), plain(dtype, (600, 5), seed=1), plain(dtype, 5, seed=2)
    separate, shared = np.empty(5, dtype), bias.copy()
    want = rf.fused.backward(g, "elu", x=z, bias=bias, bias_grad=separate)
    got = rf.fused.backward(g, "elu", x=z, bias=shared, bias_grad=shared)
    assert_same_bits(got, want)
    assert_same_bits(shared, separate)


def test_one_record_takes_passes_of_any_dtype_and_rank():
    stats, grads = rf.UnitStats(5), rf.GradStats(5)
    for z, axis in (
        (plain(np.float32, (7, 5)), 1),
        (plain(np.float64, (2, 5, 3)), 1),
        (plain(np.float32, 5), 0),
    ):
        rf.fused.forward(z, "relu", unit_axis=axis, stats=stats)
        rf.fused.backward(z, "relu", x=z, unit_axis=axis, stats=grads)
    assert stats.seen.tolist() == grads.seen.tolist() == [7 + 6 + 1] * 5
    assert stats.examples.tolist() == [7 + 2 + 1] * 5


@pytest.mark.parametrize("axis", [np.int64(1), np.int8(-1), True, -1], ids=repr)
def test_an_axis_is_anything_that_is_an_index(axis):
    z = plain(np.float32, (4, 5))
    assert_same_bits(rf.fused.forward(z, "relu", unit_axis=axis, bias=np.zeros(5)), rf.relu(z))
