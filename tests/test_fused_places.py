"""Passes over large arrays, whose outputs go past the cache from a line of it on: where the arrays lie changes no
bit, and every element is counted once."""

from functools import lru_cache

import numpy as np
import pytest
from tables import ALL_DTYPES, assert_same_bits, plain, row_id

import relu_fast as rf

EVERYTHING = ("active", "nonfinite", "max", "min", "sum_abs")
SMALL = 600_000  # elements, of which outputs do not go past the cache in any dtype
# with 4 MiB of the smallest dtype; rows of few units, whole rows, long rows in bands, rows that end in a part of
# a line, images; (shape, unit_axis)
SHAPES = {
    "few units": ((300_001, 7), 1),
    "one line a row": ((131_073, 16), 1),
    "rows of lines": ((8195, 256), 1),
    "rows of lines and a half": ((8195, 264), 1),
    "odd rows": ((8195, 257), 1),
    "bands": ((1027, 2048), 1),
    "odd bands": ((701, 3001), 1),
    "small images": ((700, 40, 75), 1),
    "large images": ((5, 3, 140_003), 1),
}
# bytes past a page; NumPy's own large arrays lie at 16
PLACES = [16, 8, 32, 56]

shapes = pytest.mark.parametrize(("shape", "axis"), SHAPES.values(), ids=SHAPES)
dtypes = pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)


def at(place, shape, dtype):
    size = np.dtype(dtype).itemsize
    raw = np.empty(int(np.prod(shape)) * size + 4096 + place, np.uint8)
    start = -raw.ctypes.data % 4096 + place
    return raw[start : start + int(np.prod(shape)) * size].view(dtype).reshape(shape)


@lru_cache(maxsize=1)
def numbers(dtype, shape, axis):
    z = np.resize(plain(dtype, 65_521), shape)
    z.reshape(-1)[[0, 1, z.size // 2, z.size - 1]] = [np.nan, -np.inf, np.inf, np.nan]
    return z, plain(dtype, shape[axis], seed=1)


def copied(place, a):
    b = at(place, a.shape, a.dtype)
    b[...] = a
    return b


def chunks_of(shape):
    rows = max(1, SMALL // int(np.prod(shape[1:])))
    return [slice(start, start + rows) for start in range(0, shape[0], rows)]


def by_chunks(function, out, *arrays):
    """What `function` gives for small parts, along the first axis, one after the other."""
    for part in chunks_of(out.shape):
        function(*(a[part] for a in arrays), out=out[part])
    return out


@pytest.mark.parametrize("collect", [("active",), ("active", "nonfinite", "max"), EVERYTHING], ids=len)
@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
@shapes
@dtypes
def test_forward(dtype, shape, axis, name, collect):
    z, bias = numbers(dtype, shape, axis)
    keywords = {"bias": bias, "unit_axis": axis}
    if name == "leaky_relu":
        keywords["negative_slope"] = np.abs(bias)
    small = rf.UnitStats(shape[axis], collect)
    want = by_chunks(
        lambda z, out: rf.fused.forward(z, name, stats=small, out=out, **keywords), np.empty_like(z), z
    )
    first = None
    for place in PLACES:
        stats, y = rf.UnitStats(shape[axis], collect), at(place, shape, dtype)
        rf.fused.forward(copied(place, z), name, stats=stats, out=y, **keywords)
        assert_same_bits(y, want)
        first = first or stats
        assert stats == first
    for kind in set(collect) - {"sum_abs"}:
        assert_same_bits(getattr(first, kind), getattr(small, kind))
    if "sum_abs" in collect:
        np.testing.assert_allclose(first.sum_abs, small.sum_abs, rtol=1e-10)


@shapes
@dtypes
def test_without_bias(dtype, shape, axis):
    z, _ = numbers(dtype, shape, axis)
    v = z.astype(np.float64)
    others = tuple(i for i in range(z.ndim) if i != axis)
    for place in PLACES:
        stats, y = rf.UnitStats(shape[axis]), at(place, shape, dtype)
        rf.fused.forward(copied(place, z), "relu", unit_axis=axis, stats=stats, out=y)
        assert_same_bits(stats.active, np.count_nonzero(v > 0, axis=others))
        assert_same_bits(stats.nonfinite, np.count_nonzero(~np.isfinite(v), axis=others))
        assert_same_bits(stats.max, np.fmax.reduce(v, axis=others))


@pytest.mark.parametrize("name", ["relu", "relu6"])
def test_an_extreme_that_is_zero_is_positive_wherever_rows_are_read_first(name):
    z = np.full((8192, 512), -1, np.float32)
    z[1], z[2] = -0.0, 0.0
    z[3:5, ::2] = z[2:0:-1, ::2]
    for place in [None, *PLACES]:
        x = z.copy() if place is None else copied(place, z)
        stats = rf.UnitStats(512)
        rf.fused.forward(x, name, stats=stats, out=x if place is None else at(place, z.shape, z.dtype))
        assert_same_bits(stats.max, np.zeros(512))


@shapes
@dtypes
def test_backward(dtype, shape, axis):
    z, bias = numbers(dtype, shape, axis)
    g = np.resize(plain(dtype, 65_519, seed=2), shape)
    weight = np.abs(bias)
    rows = {"unit_axis": axis, "weight": weight, "bias": bias}
    want = by_chunks(
        lambda g, z, out: rf.fused.backward(g, "prelu", x=z, out=out, **rows), np.empty_like(z), g, z
    )
    first = None
    for place in PLACES:
        sums = np.empty(shape[axis]), np.empty(shape[axis])
        grads, gz = rf.GradStats(shape[axis]), at(place, shape, dtype)
        rf.fused.backward(
            copied(place, g),
            "prelu",
            x=copied(place, z),
            out=gz,
            stats=grads,
            bias_grad=sums[0],
            weight_grad=sums[1],
            **rows,
        )
        assert_same_bits(gz, want)
        first = first or (sums, grads)
        assert grads == first[1]
        for got, expected in zip(sums, first[0], strict=True):
            assert_same_bits(got, expected)


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
@shapes
@dtypes
def test_masks(dtype, shape, axis, name):
    z, bias = numbers(dtype, shape, axis)
    keywords = {"unit_axis": axis}
    if name == "leaky_relu":
        keywords["negative_slope"] = np.abs(bias)
    want = rf.fused.backward(z, name, x=z + 0, **keywords)
    v = z.astype(np.float64)  # comparing bfloat16's NaN warns
    bits = np.packbits(~(v <= 0) if name == "relu" else v > 0, bitorder="little")
    for place in PLACES:
        mask, y, gz = rf.fused.empty_mask(shape), at(place, shape, dtype), at(place, shape, dtype)
        rf.fused.forward(copied(place, z), name, mask=mask, out=y, **keywords)
        assert_same_bits(mask, bits)
        rf.fused.backward(copied(place, z), name, mask=mask, out=gz, **keywords)
        assert_same_bits(gz, want)
