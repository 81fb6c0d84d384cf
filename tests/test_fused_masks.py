"""Masks: one bit an element, written by the forward pass, is all that the backward pass needs."""

import numpy as np
import pytest
import reference_units
from layouts import LAYOUTS, SHAPES, TILINGS
from reference_units import EVERYTHING, MASKED, assert_stats, assert_sums, packed
from tables import ALL_DTYPES, ROWS_AND_PARAMS, assert_same_bits, case, plain, row_id

import relu_fast as rf

MASKED_ROWS = [row for row in ROWS_AND_PARAMS if row[0] in MASKED]

rows = pytest.mark.parametrize(("name", "params"), MASKED_ROWS, ids=row_id)
dtypes = pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)


def named(name, params):
    return dict(zip(rf.ACTIVATIONS[name].params, params, strict=True))


def fit(dtype, params):
    """Whether the dtype holds the parameters: the largest float16 is 65504."""
    return all(abs(p) <= 60000 for p in params) or dtype is not np.float16


def with_special(a):
    """Some NaN, infinities, zeros of both signs, and numbers at the bends."""
    rng = np.random.default_rng(3)
    for value in (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 6.0, -2.5):
        a[rng.random(a.shape) < 0.03] = value
    return a


def pre_activation(z, bias, axis):
    """z + bias in the computing type."""
    wide = reference_units.computing(z.dtype)
    return reference_units.pre_activation(z.astype(wide), None if bias is None else bias.astype(wide), axis)


def test_the_table_knows_which_activations_do_with_a_mask():
    assert {name for name, row in rf.ACTIVATIONS.items() if row.mask} == set(MASKED)


@pytest.mark.parametrize(
    ("shape", "size"), [(0, 0), (7, 1), (8, 1), (9, 2), ((3, 5), 2), ((2, 0), 0), ((), 1)]
)
def test_an_empty_mask_has_a_bit_for_each_element(shape, size):
    mask = rf.fused.empty_mask(shape)
    assert mask.dtype == np.uint8
    assert mask.shape == (size,)


@pytest.mark.parametrize("shape", [-1, (2, -3), 1.5, "ab", None])
def test_an_empty_mask_of_no_shape_is_refused(shape):
    with pytest.raises((TypeError, ValueError)):
        rf.fused.empty_mask(shape)


@rows
@dtypes
def test_the_mask_says_where_the_gradient_passes(name, params, dtype, isa):
    if not fit(dtype, params):
        pytest.skip("float16 has no such number")
    for shape, axis in [((33, 9), 1), ((5, 300), 1), ((3, 4, 7), 1), ((2, 3, 1100), 1)]:
        with case(shape, axis):
            z, bias = with_special(plain(dtype, shape)), plain(dtype, shape[axis], seed=1)
            mask, stats = rf.fused.empty_mask(shape), rf.UnitStats(shape[axis], EVERYTHING)
            given = named(name, [dtype(p) for p in params])
            y = rf.fused.forward(z, name, bias=bias, unit_axis=axis, mask=mask, stats=stats, **given)
            v = pre_activation(z, bias, axis)
            np.testing.assert_array_equal(mask, packed(reference_units.mask(v, name, given.values(), axis)))
            assert_same_bits(y, rf.fused.forward(z, name, bias=bias, unit_axis=axis, **given))


@rows
@dtypes
def test_the_gradient_from_the_mask_has_the_bits_of_that_from_x(name, params, dtype, isa):
    if not fit(dtype, params):
        pytest.skip("float16 has no such number")
    for shape, axis in [((33, 9), 1), ((5, 300), 1), ((3, 4, 7), 1), ((2, 3, 1100), 1)]:
        with case(shape, axis):
            z, bias = with_special(plain(dtype, shape)), plain(dtype, shape[axis], seed=1)
            g, mask, given = (
                with_special(plain(dtype, shape, seed=2)),
                rf.fused.empty_mask(shape),
                named(name, params),
            )
            rf.fused.forward(z, name, bias=bias, unit_axis=axis, mask=mask, **given)
            found = []
            for source in ({"x": z, "bias": bias}, {"mask": mask}):
                sums, stats = np.empty(shape[axis]), rf.GradStats(shape[axis])
                gz = rf.fused.backward(
                    g, name, **source, unit_axis=axis, bias_grad=sums, stats=stats, **given
                )
                found.append((gz, sums, stats))
                assert_same_bits(rf.fused.backward(g, name, **source, unit_axis=axis, **given), gz)
            assert_same_bits(found[0][0], found[1][0])
            assert_same_bits(found[0][1], found[1][1])
            assert found[0][2] == found[1][2]


@pytest.mark.parametrize("name", ["leaky_relu", "thresholded_relu", "hardtanh"])
@pytest.mark.parametrize(("shape", "axis"), TILINGS.values(), ids=TILINGS)
def test_every_tiling_masks_with_parameters_of_each_unit(name, shape, axis, isa):
    params = {
        key: plain(np.float32, shape[axis], seed=seed) + seed
        for seed, key in enumerate(rf.ACTIVATIONS[name].params)
    }
    if name == "hardtanh":
        params["max_val"] = params["min_val"] + abs(params["max_val"])
    z, g, mask = (
        plain(np.float32, shape, seed=5),
        plain(np.float32, shape, seed=6),
        rf.fused.empty_mask(shape),
    )
    mask[...] = 0xA5
    rf.fused.forward(z, name, unit_axis=axis, mask=mask, **params)
    np.testing.assert_array_equal(mask, packed(reference_units.mask(z, name, params.values(), axis)))
    gz = rf.fused.backward(g, name, mask=mask, unit_axis=axis, **params)
    assert_same_bits(gz, rf.fused.backward(g, name, x=z, unit_axis=axis, **params))


@pytest.mark.parametrize("which", ["z", "out", "both"])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_mask_is_in_c_order_whatever_the_layout(layout, which):
    for shape, axis in SHAPES:
        with case(shape, axis):
            z, g = plain(np.float32, shape), plain(np.float32, shape, seed=1)
            there = layout(z) if which != "out" else z
            out = layout(np.zeros(shape, np.float32)) if which != "z" else None
            mask = rf.fused.empty_mask(shape)
            y = rf.fused.forward(there, "relu", unit_axis=axis, mask=mask, out=out)
            np.testing.assert_array_equal(y, rf.relu(z))
            np.testing.assert_array_equal(mask, packed(z > 0))
            sums = np.empty(shape[axis])
            gz = rf.fused.backward(
                layout(g) if which != "out" else g, "relu", mask=mask, unit_axis=axis, out=out, bias_grad=sums
            )
            np.testing.assert_array_equal(gz, rf.relu_backward(g, z))
            assert_sums(sums, rf.relu_backward(g, z), axis)


def test_in_place_and_at_any_address():
    z, g = plain(np.float32, (41, 67)), plain(np.float32, (41, 67), seed=1)
    size = rf.fused.empty_mask(z.shape).size
    for offset in range(9):
        guarded = np.full(size + 20, 0xA5, np.uint8)
        mask = guarded[offset + 1 : offset + 1 + size]
        here, gradient = z.copy(), g.copy()
        rf.fused.forward(here, "relu", mask=mask, out=here)
        rf.fused.backward(gradient, "relu", mask=mask, out=gradient)
        assert_same_bits(here, rf.relu(z))
        assert_same_bits(gradient, rf.relu_backward(g, z))
        np.testing.assert_array_equal(mask, packed(z > 0))
        mask[...] = 0xA5
        assert (guarded == 0xA5).all()


def test_trailing_bits_are_zero_and_all_of_the_mask_is_overwritten():
    for n in range(1, 70):
        mask = np.full((n + 7) // 8, 0xFF, np.uint8)
        rf.fused.forward(np.ones(n, np.float32), "relu", mask=mask)
        assert np.unpackbits(mask, bitorder="little").sum() == n
        mask[...] = 0xFF
        rf.fused.forward(-np.ones(n, np.float32), "relu", mask=mask)
        assert not mask.any()


def test_a_read_only_mask_is_read():
    z, mask = plain(np.float32, (5, 7)), rf.fused.empty_mask((5, 7))
    rf.fused.forward(z, "relu", mask=mask)
    mask.setflags(write=False)
    assert_same_bits(rf.fused.backward(z, "relu", mask=mask), rf.relu_backward(z, z))


@pytest.mark.parametrize("shape", [(0,), (0, 5), (4, 0)], ids=str)
def test_an_empty_batch_has_an_empty_mask(shape):
    z, mask = np.empty(shape, np.float32), rf.fused.empty_mask(shape)
    assert rf.fused.forward(z, "relu", mask=mask).shape == shape
    assert rf.fused.backward(z, "relu", mask=mask).shape == shape


def test_a_mask_of_a_pass_with_statistics_is_that_of_one_without():
    z, bias = plain(np.float32, (1000, 130)), plain(np.float32, 130, seed=1)
    masks = [rf.fused.empty_mask(z.shape) for _ in range(2)]
    stats = rf.UnitStats(130, EVERYTHING)
    y = rf.fused.forward(z, "relu6", bias=bias, mask=masks[0], stats=stats)
    rf.fused.forward(z, "relu6", bias=bias, mask=masks[1])
    np.testing.assert_array_equal(masks[0], masks[1])
    v = reference_units.pre_activation(z, bias, 1)
    assert_stats(stats, reference_units.counts(v, y, 1, "relu6"), rtol=1e-12)
