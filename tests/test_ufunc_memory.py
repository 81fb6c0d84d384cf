"""Where a ufunc reads and writes: lengths, offsets, strides, alignment, byte order, overlap, guards."""

from itertools import product

import numpy as np
import pytest
from tables import (
    ALL_DTYPES,
    LENGTHS,
    UFUNCS,
    as_tuple,
    assert_same_bits,
    bits,
    case,
    operands,
    plain,
    row_id,
)

ONE_OUTPUT = [name for name, ufunc in UFUNCS.items() if ufunc.nout == 1]
LONGEST = max(LENGTHS)
OFFSETS = (0, 1, 2, 3, 5, 15)
GUARD = 64  # elements on either side of an output
CANARY = 1232.0  # every dtype has it

every_ufunc = pytest.mark.parametrize("name", UFUNCS)
one_output = pytest.mark.parametrize("name", ONE_OUTPUT)
dtypes = pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)


def guarded(n, dtype, offset=0):
    """(whole buffer of canaries, the n elements in its middle)."""
    buffer = np.full(n + 2 * GUARD + offset, CANARY, dtype)
    return buffer, buffer[GUARD + offset : GUARD + offset + n]


def guards_are_whole(buffer, inner):
    """Whether every element outside `inner` is still a canary."""
    outside = np.ones(buffer.size, bool)
    start = (inner.__array_interface__["data"][0] - buffer.__array_interface__["data"][0]) // buffer.itemsize
    step = inner.strides[0] // buffer.itemsize if inner.size > 1 else 1
    outside[start + step * np.arange(inner.size)] = False
    return (buffer[outside] == CANARY).all()


def spread(a, step):
    """The same numbers, `step` elements apart."""
    wide = np.full(a.size * abs(step) or 1, CANARY, a.dtype)[::step][: a.size]
    wide[...] = a
    return wide


def unaligned(a, shift):
    """The same numbers, `shift` bytes off."""
    moved = np.zeros(a.nbytes + 8, np.uint8)[shift : shift + a.nbytes].view(a.dtype)
    moved[...] = a
    assert a.size == 0 or moved.flags.aligned == (shift % a.dtype.itemsize == 0)
    return moved


@dtypes
@every_ufunc
def test_length_and_offset_change_no_bit_and_write_nothing_else(name, dtype, isa):
    long = operands(name, LONGEST + max(OFFSETS), dtype)
    wanted = as_tuple(UFUNCS[name](*(a.copy() for a in long)))
    for offset, n in product(OFFSETS, LENGTHS):
        with case(offset, n):
            given = [a[offset : offset + n] for a in long]
            outputs = [guarded(n, dtype, offset) for _ in wanted]
            UFUNCS[name](*given, out=tuple(inner for _, inner in outputs))
            for (buffer, inner), want in zip(outputs, wanted, strict=True):
                assert_same_bits(inner, want[offset : offset + n])
                assert guards_are_whole(buffer, inner)


@dtypes
@every_ufunc
def test_zero_strides_read_one_element_again_and_again(name, dtype, isa):
    for n, constant in product((1, 33, 1000), ("x", "last", "all")):
        with case(n, constant):
            given = operands(name, n, dtype)
            chosen = {"x": [0], "last": [len(given) - 1], "all": range(len(given))}[constant]
            for i in chosen:
                given[i] = np.broadcast_to(given[i][:1], n)
            wanted = as_tuple(UFUNCS[name](*map(np.array, given)))
            for got, want in zip(as_tuple(UFUNCS[name](*given)), wanted, strict=True):
                assert_same_bits(got, want)


@dtypes
@every_ufunc
def test_strides_change_no_bit(name, dtype):
    for n, step in product(LENGTHS, (-3, -2, -1, 2, 3, 7)):
        with case(n, step):
            given = operands(name, n, dtype)
            wanted = as_tuple(UFUNCS[name](*given))
            all_spread = as_tuple(UFUNCS[name](*(spread(a, step) for a in given)))
            one_spread = as_tuple(UFUNCS[name](spread(given[0], step), *given[1:]))
            for all_, one, want in zip(all_spread, one_spread, wanted, strict=True):
                assert_same_bits(all_, want)
                assert_same_bits(one, want)
            outputs = []
            for _ in wanted:
                buffer = np.full(n * abs(step) + 2 * GUARD, CANARY, dtype)
                middle = buffer[GUARD : GUARD + n * abs(step)]
                outputs.append((buffer, middle[::step][:n]))
            UFUNCS[name](*given, out=tuple(inner for _, inner in outputs))
            for (buffer, inner), want in zip(outputs, wanted, strict=True):
                assert_same_bits(inner, want)
                assert guards_are_whole(buffer, inner)


@dtypes
@every_ufunc
def test_transposed_and_sliced_matrices_change_no_bit(name, dtype, isa):
    given = [plain(dtype, (37, 41), seed=seed) for seed in range(UFUNCS[name].nin)]
    for view in (np.transpose, lambda a: a[::2, ::-3], lambda a: a[5:, 7:19], lambda a: a[:, :1]):
        wanted = as_tuple(UFUNCS[name](*(view(a).copy() for a in given)))
        for got, want in zip(as_tuple(UFUNCS[name](*map(view, given))), wanted, strict=True):
            assert_same_bits(got, want)


@dtypes
@every_ufunc
def test_unaligned_arrays_change_no_bit(name, dtype):
    for n, shift in product(LENGTHS, (1, 2, 3)):
        with case(n, shift):
            given = operands(name, n, dtype)
            wanted = as_tuple(UFUNCS[name](*given))
            out = tuple(unaligned(np.zeros(n, dtype), shift) for _ in wanted)
            UFUNCS[name](*(unaligned(a, shift) for a in given), out=out)
            for got, want in zip(out, wanted, strict=True):
                assert_same_bits(got.copy(), want)


@pytest.mark.parametrize("n", [1, 33, 1000, 20_000])  # NumPy's buffers hold 8192
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64], ids=row_id)
@every_ufunc
def test_byte_swapped_arrays_change_no_value(name, dtype, n):
    given = operands(name, n, dtype)
    wanted = as_tuple(UFUNCS[name](*given))
    swapped = np.dtype(dtype).newbyteorder()
    results = as_tuple(UFUNCS[name](*(a.astype(swapped) for a in given)))
    out = tuple(np.empty(n, swapped) for _ in wanted)
    UFUNCS[name](*given, out=out)
    for got, target, want in zip(results, out, wanted, strict=True):
        assert_same_bits(got, want)
        np.testing.assert_array_equal(target, want)


# ---- overlap


@dtypes
@every_ufunc
def test_in_place_over_any_operand(name, dtype, isa):
    given = operands(name, 1000, dtype)
    wanted = as_tuple(UFUNCS[name](*given))
    for i in range(len(given)):
        arrays = [a.copy() for a in given]
        out = (arrays[i], *(np.empty(1000, dtype) for _ in wanted[1:]))
        UFUNCS[name](*arrays, out=out)
        for got, want in zip(out, wanted, strict=True):
            assert_same_bits(got, want)


SHIFTS = (-33, -17, -16, -15, -9, -8, -7, -4, -3, -2, -1, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 33)


@dtypes
@one_output
def test_out_may_overlap_an_operand_at_any_shift(name, dtype, isa):
    for n in (9, 33, 300):
        given = operands(name, n, dtype)
        want = bits(UFUNCS[name](*given))
        for which, shift in product(range(len(given)), SHIFTS):
            buffer = np.zeros(n + 80, dtype)
            arrays = list(given)
            arrays[which] = buffer[40 : 40 + n]
            arrays[which][...] = given[which]
            out = buffer[40 + shift : 40 + shift + n]
            UFUNCS[name](*arrays, out=out)
            assert (bits(out) == want).all(), f"{n} elements, operand {which}, shift {shift}"


@dtypes
@one_output
def test_out_may_overlap_an_operand_of_another_stride(name, dtype, isa):
    given = operands(name, 60, dtype)
    want = UFUNCS[name](*given)
    for where in (np.s_[::-1], np.s_[1:61], np.s_[119:59:-1]):
        for operand in (np.s_[:120:2], np.s_[:60], np.s_[119::-2]):
            buffer = np.zeros(120, dtype)
            arrays = [buffer[operand], *given[1:]]
            arrays[0][...] = given[0]
            out = buffer[where][:60]
            UFUNCS[name](*arrays, out=out)
            assert (bits(out) == bits(want)).all(), f"operand {operand}, out {where}"
