"""Large arrays, whose outputs go past the cache and which threads share, have the bits of small ones."""

from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import pytest
from tables import ALL_DTYPES, UFUNCS, as_tuple, assert_same_bits, operands, row_id

import relu_fast as rf

BLOCK = 65_521  # prime, and too small to be shared or streamed
SHARED = 3 * 65_536 + 1025  # three threads' worth
STREAMED_BYTES = 16 << 20

dtypes = pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)
some_dtypes = pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64], ids=row_id)
# a ufunc for each number of arrays, of parameters and of outputs
KINDS = [
    "relu",
    "relu_backward",
    "leaky_relu",
    "elu_backward",
    "hardtanh",
    "hardsigmoid_backward",
    "prelu_backward",
]
every_kind = pytest.mark.parametrize("name", KINDS)
numbers = pytest.mark.parametrize("n_threads", [1, 2, 3])


@contextmanager
def threads(n):
    before = rf.get_num_threads()
    rf.set_num_threads(n)
    try:
        yield
    finally:
        rf.set_num_threads(before)


class Large:
    """Inputs that repeat a small block, and the outputs of a small block repeated."""

    def __init__(self, name, dtype, n, *, array_parameters=False):
        self.ufunc = UFUNCS[name]
        self.n_data = 2 if name.endswith("_backward") else 1
        block = operands(name, BLOCK, dtype)
        if not array_parameters:
            block[self.n_data :] = [dtype(p) for p in (0.25, 0.75)[: len(block) - self.n_data]]
        self.inputs = [np.resize(a, n) if np.ndim(a) else a for a in block]
        self.wanted = [np.resize(y, n) for y in as_tuple(self.ufunc(*block))]
        for a in (*self.inputs[: self.n_data], *self.wanted):
            a.flags.writeable = False

    def check(self, results):
        for got, want in zip(as_tuple(results), self.wanted, strict=True):
            assert_bits(got, want)


large = lru_cache(maxsize=2)(Large)


def assert_bits(got, want):
    if got.dtype != want.dtype or not np.array_equal(as_integers(got), as_integers(want)):
        assert_same_bits(got, want)  # of which NaN may have several, and which says where


def as_integers(a):
    return np.ascontiguousarray(a).view(f"u{a.itemsize}")


def streamed(dtype):
    """Elements whose output goes past the cache, and an odd remainder."""
    return STREAMED_BYTES // np.dtype(dtype).itemsize + 4099


def size_of(size, dtype):
    return SHARED if size == "shared" else streamed(dtype)


@dtypes
@pytest.mark.parametrize("name", UFUNCS)
def test_outputs_past_the_cache_have_the_bits_of_small_ones(name, dtype):
    data = Large(name, dtype, streamed(dtype))
    for n_threads in (1, 2):
        with threads(n_threads):
            data.check(data.ufunc(*data.inputs))


def shifted(a, offset):
    """The same numbers, `offset` elements off the alignment of a large array."""
    moved = np.empty(a.size + offset, a.dtype)[offset:]
    moved[...] = a
    return moved


@numbers
@pytest.mark.parametrize("offsets", [(1, 0), (0, 1), (3, 29)], ids=str)
@some_dtypes
@every_kind
def test_outputs_past_the_cache_may_be_off_any_alignment(name, dtype, offsets, n_threads):
    data = large(name, dtype, streamed(dtype))
    inputs = [shifted(a, offsets[0]) if np.ndim(a) else a for a in data.inputs]
    # two outputs of one ufunc lie differently, too
    starts = [64 + offsets[1] + 5 * i for i in range(len(data.wanted))]
    buffers = [np.full(y.size + 256, 7, dtype) for y in data.wanted]
    out = tuple(b[start : start + y.size] for b, start, y in zip(buffers, starts, data.wanted, strict=True))
    with threads(n_threads):
        data.ufunc(*inputs, out=out)
    data.check(out)
    for buffer, start, y in zip(buffers, starts, out, strict=True):
        assert (buffer[:start] == 7).all()
        assert (buffer[start + y.size :] == 7).all()


def spread(a, step):
    """The same numbers, `step` elements apart."""
    wide = np.empty(a.size * abs(step), a.dtype)[::step]
    wide[...] = a
    return wide


@numbers
@dtypes
@every_kind
def test_shared_arrays_may_have_parameters_of_their_own_and_any_stride(name, dtype, n_threads):
    data = large(name, dtype, SHARED, array_parameters=True)
    outs = [tuple(spread(np.zeros_like(y), step) for y in data.wanted) for step in (2, -3)]
    with threads(n_threads):
        data.check(data.ufunc(*data.inputs))
        data.check(
            data.ufunc(*(spread(a, step) for a, step in zip(data.inputs, (2, -1, 3, 1), strict=False)))
        )
        for out in outs:
            data.ufunc(*data.inputs, out=out)
            data.check(out)


@pytest.mark.parametrize("n_threads", [2, 3, 4])
@pytest.mark.parametrize("dtype", [np.float16, np.float64], ids=row_id)
def test_no_share_of_the_threads_loses_its_end(dtype, n_threads):
    # around what n_threads parts of whole blocks hold, wherever a cache line begins
    least = n_threads * 65_536
    x = operands("relu", least + 64, dtype)[0]
    want = np.maximum(x, 0)
    for n in range(least, least + 64):
        out = np.full(n + 1, 7, dtype)
        with threads(n_threads):
            rf.relu(x[:n], out=out[:n])
        assert_bits(out[:n], want[:n])
        assert out[n] == 7


@numbers
@pytest.mark.parametrize("size", ["shared", "streamed"])
@some_dtypes
@every_kind
def test_large_arrays_may_be_written_in_place(name, dtype, size, n_threads):
    data = large(name, dtype, size_of(size, dtype))
    for i in range(data.n_data):
        inputs = list(data.inputs)
        inputs[i] = inputs[i].copy()
        out = (inputs[i], *(np.empty_like(inputs[i]) for _ in data.wanted[1:]))
        with threads(n_threads):
            data.ufunc(*inputs, out=out)
        data.check(out)


FARTHEST = 70_001


@numbers
@pytest.mark.parametrize(
    ("size", "shift"),
    [
        *(("shared", shift) for shift in (-FARTHEST, -512, -1, 1, 16, FARTHEST)),
        ("streamed", -1),
        ("streamed", 1024),
    ],
)
@every_kind
def test_a_large_output_may_overlap_an_input(name, size, shift, n_threads):
    data = large(name, np.float32, size_of(size, np.float32))
    n = data.inputs[0].size
    for i in range(data.n_data):
        buffer = np.zeros(n + 2 * FARTHEST, np.float32)
        inputs = list(data.inputs)
        inputs[i] = buffer[FARTHEST : FARTHEST + n]
        inputs[i][...] = data.inputs[i]
        out = (buffer[FARTHEST + shift :][:n], *(np.empty(n, np.float32) for _ in data.wanted[1:]))
        with threads(n_threads):
            data.ufunc(*inputs, out=out)
        data.check(out)


VIEWS = [np.transpose, lambda a: a[:, ::2], lambda a: a[::-1], lambda a: a[:, 3:]]


@pytest.mark.parametrize("n_threads", [1, 3])
@every_kind
def test_large_matrices_may_lie_anyhow(name, n_threads):
    data = large(name, np.float32, SHARED)

    def matrix(a):
        return a[: SHARED // 1000 * 1000].reshape(-1, 1000) if np.ndim(a) else a

    for view in VIEWS:
        inputs = [view(matrix(a)) if np.ndim(a) else a for a in data.inputs]
        with threads(n_threads):
            results = as_tuple(data.ufunc(*inputs))
        for got, want in zip(results, data.wanted, strict=True):
            assert_bits(got, view(matrix(want)))


PAIRS = [name for name, ufunc in UFUNCS.items() if (ufunc.nin, ufunc.nout) == (2, 1)]


@pytest.mark.parametrize("name", PAIRS)
@dtypes
def test_accumulate_and_reduce_of_large_arrays_go_one_by_one(name, dtype):
    ufunc, x = UFUNCS[name], operands(name, SHARED, dtype)[0]
    with threads(3):
        got = ufunc.accumulate(x)
        assert_bits(got[1:], ufunc(got[:-1], x[1:]))  # each from the one before
        assert_same_bits(ufunc.reduce(x), got[-1])
    assert got[0] == x[0]


@every_kind
def test_large_arrays_with_where_change_what_it_selects_only(name):
    data = large(name, np.float32, SHARED)
    mask = np.arange(SHARED) % 70_000 != 5
    out = tuple(np.full_like(y, 7) for y in data.wanted)
    with threads(3):
        data.ufunc(*data.inputs, out=out, where=mask)
    for got, want in zip(out, data.wanted, strict=True):
        assert_bits(got, np.where(mask, want, np.float32(7)))
