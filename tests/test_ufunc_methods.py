"""reduce, accumulate and reduceat of ufuncs with two inputs: each result is an input of the next step."""

import numpy as np
import pytest
from tables import ALL_DTYPES, UFUNCS, assert_same_bits, case, row_id

pairs = pytest.mark.parametrize(
    "ufunc", [u for u in UFUNCS.values() if (u.nin, u.nout) == (2, 1)], ids=lambda u: u.__name__
)
dtypes = pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)


def one_by_one(ufunc, values):
    results = [values[0]]
    for value in values[1:]:
        results.append(ufunc(results[-1], value))
    return np.array(results)


def values(dtype, *shape):
    return np.random.default_rng(3).normal(size=shape).astype(dtype)


@pairs
@dtypes
def test_accumulate_and_reduce_go_one_by_one(isa, ufunc, dtype):
    for n in (1, 2, 3, 17, 400):
        with case(n):
            x = values(dtype, n)
            expected = one_by_one(ufunc, x)
            assert_same_bits(ufunc.accumulate(x), expected)
            assert_same_bits(ufunc.accumulate(x[::-1].copy()[::-1]), expected)
            assert_same_bits(ufunc.reduce(x), expected[-1])
            in_place = x.copy()
            assert_same_bits(ufunc.accumulate(in_place, out=in_place), expected)


@pairs
@dtypes
def test_reduce_and_accumulate_along_an_axis_go_one_by_one(isa, ufunc, dtype):
    x = values(dtype, 9, 33)
    for axis in (0, 1):
        with case(axis):
            expected = np.apply_along_axis(lambda line: one_by_one(ufunc, line), axis, x)
            assert_same_bits(ufunc.accumulate(x, axis=axis), expected)
            assert_same_bits(ufunc.reduce(x, axis=axis), np.take(expected, -1, axis))


@pairs
@dtypes
def test_reduceat_reduces_each_piece(isa, ufunc, dtype):
    x = values(dtype, 60)
    starts = [0, 7, 20, 21, 40]
    expected = np.array([one_by_one(ufunc, piece)[-1] for piece in np.split(x, starts[1:])])
    assert_same_bits(ufunc.reduceat(x, starts), expected)
