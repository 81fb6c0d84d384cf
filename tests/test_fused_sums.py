"""What the backward pass adds up: the gradient of a learned weight, and sums that threads do not change."""

import numpy as np
import pytest
from layouts import TILINGS
from reference_units import EVERYTHING, along, assert_sums, by_unit
from tables import ALL_DTYPES, DTYPES, assert_same_bits, plain, row_id

import relu_fast as rf

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=row_id)


def elementwise(g, v, weight, axis):
    """The gradient of the weight, element by element."""
    return rf.ufuncs.prelu_backward(g, v, along(np.asarray(weight, g.dtype), g, axis))[1]


@pytest.mark.parametrize(("shape", "axis"), TILINGS.values(), ids=TILINGS)
@dtypes
def test_the_weight_gradient_is_the_sum_of_the_elementwise_one(dtype, shape, axis, isa):
    g, x = plain(dtype, shape), plain(dtype, shape, seed=1)
    weight, bias = plain(dtype, shape[axis], seed=2), plain(dtype, shape[axis], seed=3)
    per_unit, bias_grad = np.full(shape[axis], 99.0), np.full(shape[axis], 99.0)
    gz = rf.fused.backward(
        g, "prelu", x=x, bias=bias, unit_axis=axis, weight=weight, weight_grad=per_unit, bias_grad=bias_grad
    )
    v = x + along(bias, x, axis)
    assert_sums(per_unit, elementwise(g, v, weight, axis), axis)
    assert_sums(bias_grad, gz, axis)
    assert_same_bits(gz, rf.fused.backward(g, "prelu", x=x, bias=bias, unit_axis=axis, weight=weight))


@pytest.mark.parametrize("dims", [0, 1])
@pytest.mark.parametrize("shape", [(70, 33), (5, 300), (9, 20000)], ids=str)
@dtypes
def test_one_weight_has_one_gradient(dtype, shape, dims):
    g, x = plain(dtype, shape), plain(dtype, shape, seed=1)
    for sums_dtype in (dtype, np.float64):
        one = np.full((1,) * dims, 99, sums_dtype)
        rf.fused.backward(g, "prelu", x=x, weight=0.25, weight_grad=one)
        terms = elementwise(g, x, 0.25, 1).astype(float)
        assert abs(one.item() - terms.sum()) <= (np.finfo(sums_dtype).eps + 1e-13) * np.abs(terms).sum()


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)
def test_the_weight_gradient_may_overwrite_the_weight(dtype):
    g, x, weight = plain(dtype, (60, 300)), plain(dtype, (60, 300), seed=1), plain(dtype, 300, seed=2)
    separate, shared = np.empty(300, dtype), weight.copy()
    want = rf.fused.backward(g, "prelu", x=x, weight=weight, weight_grad=separate)
    got = rf.fused.backward(g, "prelu", x=x, weight=shared, weight_grad=shared)
    assert_same_bits(got, want)
    assert_same_bits(shared, separate)


def test_the_weight_gradient_is_a_central_difference():
    rng = np.random.default_rng(0)
    g, x, weight = rng.normal(size=(50, 6)), rng.normal(size=(50, 6)), rng.normal(size=6)
    sums, step = np.empty(6), 1e-6
    rf.fused.backward(g, "prelu", x=x, weight=weight, weight_grad=sums)
    values = [(g * rf.fused.forward(x, "prelu", weight=weight + s)).sum(axis=0) for s in (step, -step)]
    np.testing.assert_allclose(sums, (values[0] - values[1]) / (2 * step), rtol=1e-6, atol=1e-7)


def test_an_empty_batch_has_no_weight_gradient():
    empty = np.empty((0, 3))
    per_unit, one = np.full(3, 9.0), np.full((), 9.0)
    rf.fused.backward(empty, "prelu", x=empty, weight=np.ones(3), weight_grad=per_unit)
    rf.fused.backward(empty, "prelu", x=empty, weight=1.0, weight_grad=one)
    assert not per_unit.any()
    assert one == 0


@pytest.fixture
def threads():
    before = rf.get_num_threads()
    yield rf.set_num_threads
    rf.set_num_threads(before)


LARGE = {
    "dense": ((3000, 256), 1),
    "few units": ((100_001, 9), 1),
    "wide": ((70, 20_011), 1),
    "one unit": ((700_003,), 0),
    "channels first": ((3, 5, 70_001), 1),
    "small images": ((200, 64, 49), 1),
}


@pytest.mark.parametrize(("shape", "axis"), LARGE.values(), ids=LARGE)
@dtypes
def test_nothing_depends_on_the_number_of_threads(dtype, shape, axis, threads):
    g, x, units = plain(dtype, shape), plain(dtype, shape, seed=1), shape[axis]
    bias, weight = plain(dtype, units, seed=2), plain(dtype, units, seed=3)
    found = []
    for n in (1, 2, 3, 7):
        threads(n)
        stats, grads = rf.UnitStats(units, EVERYTHING), rf.GradStats(units)
        sums, weight_sums, mask = np.empty(units), np.empty(units), rf.fused.empty_mask(shape)
        y = rf.fused.forward(x, "leaky_relu", bias=bias, unit_axis=axis, stats=stats, mask=mask)
        gz = rf.fused.backward(g, "leaky_relu", mask=mask, unit_axis=axis, bias_grad=sums, stats=grads)
        more = rf.fused.backward(
            g, "prelu", x=x, bias=bias, unit_axis=axis, weight=weight, weight_grad=weight_sums
        )
        found.append([y, gz, more, mask, sums, weight_sums])
        found[-1] += [getattr(stats, field) for field in EVERYTHING] + [grads.nonzero, grads.nonfinite]
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_sums_depend_on_the_shape_and_not_on_gaps_in_memory():
    g, x = plain(np.float32, (900, 60)), plain(np.float32, (900, 60), seed=1)
    wide = np.zeros((900, 100), np.float32)
    wide[:, 20:80] = g
    sums = np.empty((2, 60))
    rf.fused.backward(g, "tanh", x=x, bias_grad=sums[0])
    rf.fused.backward(wide[:, 20:80], "tanh", x=x, bias_grad=sums[1])
    assert_same_bits(sums[0], sums[1])
    assert by_unit(g, 1).shape == (60, 900)
