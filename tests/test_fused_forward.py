"""fused.forward and fused.observe against the naive oracle."""

from itertools import combinations

import numpy as np
import pytest
import reference
import reference_units
from layouts import LAYOUTS, SHAPES, TILINGS
from reference_units import EVERYTHING, assert_stats
from tables import DTYPES, ROWS, ROWS_AND_PARAMS, assert_same_bits, case, plain, row_id

import relu_fast as rf

# The float64 oracle is itself off by a few ULP of float64; the bits are those of the ufuncs, and those are
# measured in test_numerics.
ULP = {np.float32: 1, np.float64: 6}

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=row_id)
every_row = pytest.mark.parametrize(("name", "params"), ROWS, ids=row_id)


def named(name, params):
    return dict(zip(rf.ACTIVATIONS[name].params, params, strict=True))


def by_ufunc(name, params, v, axis):
    """What the elementwise ufunc makes of the pre-activation: the same bits are expected."""
    spread = reference_units.spread_params(params, v, axis)
    return getattr(rf.ufuncs, name)(v, *spread)


# ---- values


@pytest.mark.parametrize(("shape", "axis"), [((32, 9), 1), ((4, 3, 50), 1), ((3, 2, 1200), 1)], ids=str)
@dtypes
@pytest.mark.parametrize(("name", "params"), ROWS_AND_PARAMS, ids=row_id)
def test_values_are_within_the_bound_of_the_elementwise_functions(name, params, dtype, shape, axis, isa):
    z, bias = plain(dtype, shape, scale=4), plain(dtype, shape[axis], seed=1)
    params = [dtype(p) for p in params]
    y = rf.fused.forward(z, name, bias=bias, unit_axis=axis, **named(name, params))
    v = reference_units.pre_activation(z, bias, axis)
    exact, _ = reference_units.forward(z, name, params, bias=bias, axis=axis)
    error = reference.ulp_error(y, reference.exact_from_float64(exact, dtype))
    # next to the knee of hardsigmoid the float64 oracle cancels
    near = np.abs(y - exact) <= 4 * np.finfo(np.float64).eps
    assert ((error <= ULP[dtype]) | near).all()
    assert_same_bits(y, by_ufunc(name, params, v, axis))


@pytest.mark.parametrize("name", ["relu", "selu"])
@pytest.mark.parametrize(("shape", "axis"), TILINGS.values(), ids=TILINGS)
@dtypes
def test_every_tiling_gives_the_same_values_and_the_right_counts(name, dtype, shape, axis, isa):
    z, bias = plain(dtype, shape), plain(dtype, shape[axis], seed=1)
    stats = rf.UnitStats(shape[axis], EVERYTHING)
    y = rf.fused.forward(z, name, bias=bias, unit_axis=axis, stats=stats)
    v = reference_units.pre_activation(z, bias, axis)
    assert_same_bits(y, by_ufunc(name, (), v, axis))
    assert_stats(stats, reference_units.counts(v, y, axis), rtol=1e-12)


@pytest.mark.parametrize(("shape", "axis"), TILINGS.values(), ids=TILINGS)
@dtypes
def test_every_tiling_spreads_a_parameter_per_unit(dtype, shape, axis):
    z, weight = plain(dtype, shape), plain(dtype, shape[axis], seed=1)
    y = rf.fused.forward(z, "prelu", unit_axis=axis, weight=weight)
    assert_same_bits(y, by_ufunc("prelu", (weight,), z, axis))


@dtypes
@every_row
def test_any_rank_and_any_axis(name, params, dtype, isa):
    for shape, axis in SHAPES:
        with case(shape, axis):
            z, bias = plain(dtype, shape), plain(dtype, shape[axis], seed=1)
            stats = rf.UnitStats(shape[axis], EVERYTHING)
            y = rf.fused.forward(z, name, bias=bias, unit_axis=axis, stats=stats, **named(name, params))
            v = reference_units.pre_activation(z, bias, axis)
            assert_same_bits(y, by_ufunc(name, params, v, axis))
            assert_stats(stats, reference_units.counts(v, y, axis, name, params), rtol=1e-12)


def test_the_axis_may_be_left_out_up_to_two_dimensions():
    for shape in ((6,), (4, 6)):
        z, bias = plain(np.float32, shape), plain(np.float32, 6, seed=1)
        np.testing.assert_array_equal(rf.fused.forward(z, "relu", bias=bias), rf.relu(z + bias))


# ---- memory


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@dtypes
def test_the_layout_of_the_input_does_not_matter(dtype, layout):
    for shape, axis in SHAPES:
        with case(shape, axis):
            z, bias = plain(dtype, shape), plain(dtype, shape[axis], seed=1)
            there = layout(z)
            before = there.copy()
            stats = rf.UnitStats(shape[axis], EVERYTHING)
            y = rf.fused.forward(there, "elu", bias=bias, unit_axis=axis, stats=stats)
            assert_same_bits(y, rf.fused.forward(z, "elu", bias=bias, unit_axis=axis))
            assert y.flags.writeable
            assert y.dtype.isnative
            np.testing.assert_array_equal(there, before)
            assert_stats(stats, reference_units.forward(z, "elu", (1.0,), bias=bias, axis=axis)[1])


@pytest.mark.parametrize("in_layout", ["C order", "Fortran order", "last axis sliced"])
@pytest.mark.parametrize("out_layout", LAYOUTS)
@dtypes
def test_the_layout_of_the_output_does_not_matter(dtype, in_layout, out_layout):
    for shape, axis in SHAPES:
        with case(shape, axis):
            z = LAYOUTS[in_layout](plain(dtype, shape))
            out = LAYOUTS[out_layout](np.full(shape, 7, dtype))
            result = rf.fused.forward(z, "elu", unit_axis=axis, out=out)
            assert result is out
            np.testing.assert_array_equal(out, rf.fused.forward(plain(dtype, shape), "elu", unit_axis=axis))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@dtypes
def test_in_place_over_the_input(dtype, layout):
    for shape, axis in SHAPES:
        with case(shape, axis):
            z, bias = layout(plain(dtype, shape)), plain(dtype, shape[axis], seed=1)
            want = rf.fused.forward(plain(dtype, shape), "elu", bias=bias, unit_axis=axis)
            stats = rf.UnitStats(shape[axis], EVERYTHING)
            assert rf.fused.forward(z, "elu", bias=bias, unit_axis=axis, stats=stats, out=z) is z
            np.testing.assert_array_equal(z, want)
            assert_stats(
                stats, reference_units.forward(plain(dtype, shape), "elu", (1.0,), bias=bias, axis=axis)[1]
            )


@pytest.mark.parametrize(("shape", "axis"), TILINGS.values(), ids=TILINGS)
def test_every_tiling_works_in_place_and_between_guards(shape, axis, isa):
    z = plain(np.float32, shape)
    want = rf.relu(z)
    rows, rest = shape[0], int(np.prod(shape[1:]))
    for pad in (0, 3):  # rows that touch, rows that do not
        wide = np.full((rows + 2, rest + 2 * pad), 99, np.float32)
        middle = wide[1:-1, pad : pad + rest]
        middle[...] = z.reshape(rows, rest)
        view = np.lib.stride_tricks.as_strided(middle, shape, (wide.strides[0], *z.strides[1:]))
        rf.fused.forward(view, "relu", unit_axis=axis, out=view)
        np.testing.assert_array_equal(view, want)
        middle[...] = 99
        assert (wide == 99).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("constant", [(0,), (1,), (2,), (0, 2), (0, 1, 2)], ids=str)
@dtypes
def test_broadcast_inputs_are_read_with_their_zero_strides(dtype, axis, constant):
    small = plain(dtype, [1 if i in constant else n for i, n in enumerate((4, 5, 6))])
    z = np.broadcast_to(small, (4, 5, 6))
    stats = rf.UnitStats(z.shape[axis], EVERYTHING)
    y = rf.fused.forward(z, "elu", unit_axis=axis, stats=stats)
    assert_same_bits(y, rf.elu(z.copy()))
    assert_stats(stats, reference_units.forward(z, "elu", (1.0,), axis=axis)[1])


def test_interleaved_input_and_output_are_told_apart():
    buffer = np.arange(-48, 48, dtype=np.float32).reshape(12, 8)
    z, want = buffer[::2], rf.relu(buffer[::2])
    for out in (buffer[1::2], buffer[1::2][::-1]):
        before = z.copy()
        rf.fused.forward(z, "relu", out=out)
        np.testing.assert_array_equal(out, want)
        np.testing.assert_array_equal(z, before)
    left, right = buffer[:, :4], buffer[:, 4:]
    want = rf.relu(left)
    rf.fused.forward(left, "relu", out=right)
    np.testing.assert_array_equal(right, want)


def test_the_output_keeps_the_order_of_the_inputs_axes():
    z = plain(np.float32, (3, 4, 5))
    assert rf.fused.forward(z, "relu", unit_axis=1).flags.c_contiguous
    assert rf.fused.forward(np.asfortranarray(z), "relu", unit_axis=1).flags.f_contiguous


# ---- statistics

SUBSETS = [c for n in range(len(EVERYTHING) + 1) for c in combinations(EVERYTHING, n)]


@pytest.mark.parametrize("observe", [False, True])
@dtypes
def test_only_what_is_collected_is_counted(dtype, observe, isa):
    for collect in SUBSETS:
        with case(collect):
            z, bias = plain(dtype, (67, 13)), plain(dtype, 13, seed=1)
            z[3], z[4, 2], z[5, 5] = np.nan, np.inf, -np.inf
            stats = rf.UnitStats(13, collect)
            if observe:
                assert rf.fused.observe(z, "elu", bias=bias, stats=stats) is None
            else:
                rf.fused.forward(z, "elu", bias=bias, stats=stats)
            assert_stats(stats, reference_units.forward(z, "elu", (1.0,), bias=bias)[1])
            for field in set(EVERYTHING) - set(collect):
                assert getattr(stats, field) is None


@pytest.mark.parametrize(
    ("shape", "axis"), [((64, 9), 1), ((64, 300), 1), ((5, 3, 700), 1), ((5, 3, 1700), 1)], ids=str
)
@dtypes
@every_row
def test_nan_and_infinities_are_counted(name, params, dtype, shape, axis, isa):
    rng = np.random.default_rng(5)
    z = plain(dtype, shape)
    for value in (np.nan, np.inf, -np.inf, np.finfo(dtype).max, -np.finfo(dtype).max, -0.0, 0.0):
        z[rng.random(shape) < 0.02] = value
    z[:, 1] = np.nan  # a unit that is nothing else
    z[:, 2] = -np.inf
    stats = rf.UnitStats(shape[axis], EVERYTHING)
    y = rf.fused.forward(z, name, unit_axis=axis, stats=stats, **named(name, params))
    assert_same_bits(y, by_ufunc(name, params, z, axis))
    assert_stats(stats, reference_units.counts(z, y, axis, name, params), rtol=1e-12)
    assert stats.max[1] == -np.inf
    assert stats.min[1] == np.inf


def test_positive_infinity_is_active_and_non_finite():
    stats = rf.UnitStats(3, EVERYTHING)
    y = rf.fused.forward(np.array([[np.inf, -np.inf, np.nan]]), "relu", stats=stats)
    np.testing.assert_array_equal(y, [[np.inf, 0, np.nan]])
    assert stats.active.tolist() == [1, 0, 0]
    assert stats.nonfinite.tolist() == [1, 1, 1]
    assert stats.max.tolist() == [np.inf, -np.inf, -np.inf]
    assert stats.min.tolist() == [np.inf, -np.inf, np.inf]
    assert stats.sum_abs.tolist() == [0, 0, 0]


def test_statistics_are_of_the_pre_activation_with_its_bias():
    stats = rf.UnitStats(2, EVERYTHING)
    rf.fused.forward(np.array([[-1.0, -1.0], [0.0, -5.0]]), "relu", bias=[1.5, 1.0], stats=stats)
    assert stats.active.tolist() == [2, 0]  # -1 + 1 is 0: not above the gate
    assert stats.max.tolist() == [1.5, 0]
    assert stats.min.tolist() == [0.5, -4]
    assert stats.sum_abs.tolist() == [2, 0]


@dtypes
def test_counts_accumulate_and_do_not_depend_on_how_the_batch_is_split(dtype):
    z = plain(dtype, (1000, 17))
    whole = rf.UnitStats(17, EVERYTHING)
    rf.fused.forward(z, "elu", stats=whole)
    for cuts in ([500], [1, 999], [7, 8, 100, 640], range(0, 1000, 33)):
        parts = rf.UnitStats(17, EVERYTHING)
        for part in np.split(z, cuts):
            rf.fused.forward(part, "elu", stats=parts)
        for field in ("seen", "examples", "active", "nonfinite", "max", "min"):
            np.testing.assert_array_equal(getattr(parts, field), getattr(whole, field))
        np.testing.assert_allclose(parts.sum_abs, whole.sum_abs, rtol=1e-13)


def test_examples_are_entries_of_the_batch():
    for shape, axis in SHAPES:
        with case(shape, axis):
            stats = rf.UnitStats(shape[axis])
            rf.fused.observe(plain(np.float32, shape), "relu", unit_axis=axis, stats=stats)
            _, expected = reference_units.forward(plain(np.float32, shape), "relu", axis=axis)
            np.testing.assert_array_equal(stats.examples, expected["examples"])
            np.testing.assert_array_equal(stats.seen, expected["seen"])


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
def test_an_empty_batch_counts_nothing(dtype, shape, axis, strided):
    units = shape[axis]
    roomy = np.full([2 * n + 4 for n in shape], 7, dtype)
    empty = roomy[tuple(slice(0, 2 * n, 2) for n in shape)] if strided else np.empty(shape, dtype)
    stats = rf.UnitStats(units, EVERYTHING)
    assert rf.fused.forward(empty, "elu", bias=np.ones(units), unit_axis=axis, stats=stats).shape == shape
    assert rf.fused.forward(empty, "elu", unit_axis=axis, stats=stats, out=empty) is empty
    rf.fused.observe(empty, "elu", unit_axis=axis, stats=stats)
    np.testing.assert_array_equal(stats.seen, np.zeros(units))
    np.testing.assert_array_equal(stats.active, np.zeros(units))
    np.testing.assert_array_equal(stats.max, np.full(units, -np.inf))
    assert (roomy == 7).all()
