"""The functions with defaults over the ufuncs."""

import inspect
import re
import threading
from itertools import product

import numpy as np
import pytest
from tables import (
    ALL_DTYPES,
    ROWS_AND_PARAMS,
    UFUNCS,
    all_halves,
    as_tuple,
    assert_same_bits,
    case,
    dense_samples,
    plain,
    row_id,
)

import relu_fast as rf
from relu_fast import functional

BFLOAT16 = ALL_DTYPES[1]
dtypes = pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)

# names of the functions whose parameters all have defaults
DEFAULTS = [name for name in functional.__all__ if not name.startswith("prelu")]
functions = pytest.mark.parametrize("name", DEFAULTS)


def of(name):
    """(function, ufunc, number of arrays, parameters with their defaults)."""
    row = rf.ACTIVATIONS[name.removesuffix("_backward")]
    return getattr(rf, name), UFUNCS[name], UFUNCS[name].nin - len(row.params), row.params


def arrays_for(name, dtype, shape=97):
    return [plain(dtype, shape, seed=seed) for seed in range(of(name)[2])]


@functions
def test_the_signature_has_the_names_and_defaults_of_the_table(name):
    function, _, count, params = of(name)
    names = ["grad_output", "x"][-count:]
    signature = inspect.signature(function).parameters.values()
    assert [p.name for p in signature] == [*names, *params, "kwargs"]
    assert {p.name: p.default for p in signature if p.default is not p.empty} == params


@pytest.mark.parametrize("name", functional.__all__)
def test_every_function_is_documented(name):
    function, _, _, params = of(name)
    text = inspect.getdoc(function)
    assert text.splitlines()[0].endswith(".")
    if not name.endswith("_backward"):
        assert all(
            f"{p} : array_like" in text or f", {p} : array_like" in text for p in params if p != "min_val"
        )


@dtypes
@functions
def test_a_parameter_left_out_has_its_default_and_keeps_the_dtype(name, dtype):
    function, ufunc, _, params = of(name)
    arrays = arrays_for(name, dtype)
    y = function(*arrays)
    assert y.dtype == dtype
    assert_same_bits(y, ufunc(*arrays, *map(dtype, params.values())))


@dtypes
@functions
def test_parameters_are_taken_by_position_and_by_name(name, dtype):
    function, ufunc, _, params = of(name)
    arrays = arrays_for(name, dtype, (4, 5))
    given = [-0.25, 0.75][-len(params) :]
    want = ufunc(*arrays, *map(dtype, given))
    assert_same_bits(function(*arrays, *given), want)
    assert_same_bits(function(*arrays, **dict(zip(params, given, strict=True))), want)
    per_column = [np.linspace(low, 2, 5).astype(dtype) for low in given]
    assert_same_bits(function(*arrays, *per_column), ufunc(*arrays, *per_column))


# single numbers, and arrays of one: (of a type, of a number)
ONE_NUMBER = {
    "a scalar": lambda dtype, p: dtype(p),
    "no axis": lambda dtype, p: np.array(p, dtype),
    "one axis": lambda dtype, p: np.array([p], dtype),
    "more axes than x": lambda dtype, p: np.array([[[p]]], dtype),
    "another dtype": lambda dtype, p: (np.float64 if dtype == np.float32 else np.float32)(p),
    "byte swapped": lambda dtype, p: np.array([p], np.dtype(np.float64).newbyteorder()),
}


@pytest.mark.parametrize("make", ONE_NUMBER.values(), ids=ONE_NUMBER)
@pytest.mark.parametrize("name", [*DEFAULTS, "prelu"])
@dtypes
def test_one_number_in_numpys_clothes_is_as_in_the_ufunc(dtype, name, make):
    function, ufunc, _, params = of(name)
    arrays = arrays_for(name, dtype, (9, 5))
    numbers = [make(dtype, 0.3 if p is None else p) for p in params.values()]
    assert_same_bits(function(*arrays, *numbers), ufunc(*arrays, *numbers))
    if all(number.dtype == dtype and number.ndim < 3 for number in numbers):
        out = np.empty((9, 5), dtype)
        out[:1, 0] = numbers[0] if numbers else 0  # a weight that the output overwrites
        where = [out[:1, 0], *numbers[1:]] if numbers else []
        assert_same_bits(function(*arrays, *where, out=out), ufunc(*arrays, *numbers))


@functions
def test_keywords_of_a_ufunc_are_passed_on(name):
    function, ufunc, _, params = of(name)
    arrays = arrays_for(name, np.float32)
    out, mask = np.full(97, 7, np.float32), np.arange(97) % 3 == 0
    assert function(*arrays, out=out, where=mask) is out
    want = ufunc(*arrays, *map(np.float32, params.values()))
    assert_same_bits(out, np.where(mask, want, np.float32(7)))
    assert function(*arrays, dtype=np.float64).dtype == np.float64
    with pytest.raises(TypeError, match="casting rule"):
        function(*arrays, dtype=np.float64, casting="no")
    with pytest.raises(TypeError, match="slope"):
        function(*arrays, slope=1)


@functions
def test_lists_and_numbers_are_taken(name):
    function, ufunc, count, params = of(name)
    want = ufunc(*[np.array([-1.0, 0, 2])] * count, *params.values())
    assert_same_bits(function(*[[-1, 0, 2]] * count), want)
    assert_same_bits(function(*[2.0] * count), want[2])


# ---- what goes past NumPy gives what NumPy gives


def swapped(a):
    return a.astype(a.dtype.newbyteorder())


def unaligned(a):
    moved = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    moved[...] = a
    return moved


# what an array may look like
ARRAYS = {
    "plain": lambda a: a,
    "empty": lambda a: a[:, :0],
    "zero dimensions": lambda a: a[1, 2].reshape(()),
    "one number": lambda a: a[1, 2],
    "Fortran order": np.asfortranarray,
    "sliced": lambda a: a[:, ::2],
    "backwards": lambda a: a[::-1],
    "read-only": lambda a: np.lib.stride_tricks.as_strided(a, writeable=False),
    "broadcast": lambda a: np.broadcast_to(a[0], a.shape),
    "five axes": lambda a: a.reshape(1, 2, 2, 1, 5),
    "unaligned": unaligned,
    "byte swapped": swapped,
    "masked": lambda a: np.ma.masked_array(a, a > 0),
    "a list": lambda a: a.tolist(),
}
# what parameters may look like, given (min_val, max_val) or the second alone
PARAMETERS = {
    "floats": (-0.25, 0.7),
    "integers": (-1, 2),
    "booleans": (False, True),
    "numbers of float64": (np.float64(-0.25), np.float64(0.7)),
    "numbers of float16": (np.float16(-0.25), np.float16(0.75)),
    "arrays of no dimension": (np.array(-0.25, np.float32), np.array(0.7, np.float32)),
    "arrays": (np.full(1, -0.25), np.full(1, 0.7)),
    "lists": ([-0.25], [0.7]),
    "infinities": (-np.inf, np.inf),
}


def assert_like(got, want):
    assert type(got) is type(want)
    if isinstance(want, np.ma.MaskedArray):
        np.testing.assert_array_equal(got.mask, want.mask)
        got, want = got.data, want.data
    assert_same_bits(got, want)
    if isinstance(want, np.ndarray):
        assert got.strides == want.strides or want.size == 0


@pytest.mark.parametrize("make", ARRAYS.values(), ids=ARRAYS)
@functions
def test_a_function_gives_what_its_ufunc_gives(name, make):
    function, ufunc, _, params = of(name)
    for dtype in (np.float16, np.float32, np.float64, np.int8, np.uint8, np.int64, np.bool_):
        arrays = [make(a) for a in arrays_for(name, dtype, (4, 5))]
        for kind, parameters in PARAMETERS.items():
            with case(dtype, kind):
                given = parameters[-len(params) :]
                assert_like(function(*arrays, *given), ufunc(*arrays, *given))


OF_BFLOAT16 = {kind: make for kind, make in ARRAYS.items() if kind not in ("byte swapped", "a list")}


@pytest.mark.parametrize("make", OF_BFLOAT16.values(), ids=OF_BFLOAT16)
@functions
def test_bfloat16_stays_bfloat16_with_python_numbers(name, make):
    function, ufunc, _, params = of(name)
    arrays = [make(a) for a in arrays_for(name, BFLOAT16, (4, 5))]
    for given in ((-0.25, 0.7), (-1, 2)):
        given = given[-len(params) :]
        want = ufunc(*arrays, *map(BFLOAT16, given))
        assert_like(function(*arrays, *given), want)
        assert_like(function(*arrays, *given, out=None, where=True), want)


@functions
def test_bfloat16_meets_other_dtypes_as_in_the_ufunc(name):
    function, ufunc, count, params = of(name)
    x = plain(BFLOAT16, 9)
    given = (-0.25, 0.7)[-len(params) :]
    assert_like(
        function(*[x] * count, *given, dtype=np.float32), ufunc(*[x.astype(np.float32)] * count, *given)
    )
    assert_like(function(*[x] * count, *map(np.float32, given)), ufunc(*[x] * count, *map(np.float32, given)))
    if count == 2:
        wide = plain(np.float32, 9)
        assert_like(function(wide, x, *given), ufunc(wide, x.astype(np.float32), *given))
        assert_like(function(x, wide, *given), ufunc(x.astype(np.float32), wide, *given))


# how `out` may lie to the input it is made of
OUTS = {
    "apart": lambda a: (a[:, :40], np.empty((4, 40), a.dtype)),
    "the same": lambda a: (a, a),
    "one row below": lambda a: (a[:-1], a[1:]),
    "one row above": lambda a: (a[1:], a[:-1]),
    "one element on": lambda a: (a.ravel()[:-1], a.ravel()[1:]),
    "another order": lambda a: (a, np.asfortranarray(a)),
    "every second": lambda a: (a[:, ::2], a[:, 1::2]),
    "backwards": lambda a: (a, a[::-1]),
    "a wider dtype": lambda a: (a, np.empty(a.shape, np.float64)),
    "the other byte order": lambda a: (a, swapped(a)),
    "a tuple": lambda a: (a, (np.empty_like(a),)),
    "none": lambda a: (a, None),
}


@pytest.mark.parametrize("make", OUTS.values(), ids=OUTS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32], ids=row_id)
@functions
def test_out_may_lie_anywhere(name, dtype, make):
    function, ufunc, count, params = of(name)
    for position in range(count):
        x, out = make(plain(dtype, (4, 80)))
        arrays = [plain(dtype, x.shape, seed=2), x][-count:][:: -1 if position == 0 and count == 2 else 1]
        want = ufunc(*(a.copy() for a in arrays), *map(dtype, params.values()))
        got = function(*arrays, out=out)
        if out is not None:
            assert got is (out[0] if isinstance(out, tuple) else out)
        np.testing.assert_array_equal(got, want)


@functions
def test_a_bad_out_is_refused_as_the_ufunc_does(name):
    function, ufunc, count, params = of(name)
    x = plain(np.float32, (4, 5))
    frozen = x.copy()
    frozen.setflags(write=False)
    for out in (frozen, np.zeros(5, np.float32), np.zeros((4, 5), np.int32), [[0.0] * 5] * 4, 3):
        with pytest.raises((TypeError, ValueError)) as expected:
            ufunc(*[x] * count, *params.values(), out=out)
        with pytest.raises(type(expected.value)) as caught:
            function(*[x] * count, out=out)
        assert str(caught.value) == str(expected.value)
    np.testing.assert_array_equal(frozen, x)


@functions
def test_shapes_that_differ_broadcast_or_raise(name):
    function, ufunc, count, params = of(name)
    if count == 2:
        a, b = plain(np.float32, (4, 1)), plain(np.float32, 5, seed=1)
        assert_same_bits(function(a, b), ufunc(a, b, *map(np.float32, params.values())))
        with pytest.raises(ValueError, match="broadcast"):
            function(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="broadcast"):
        function(*[np.ones(3)] * count, np.ones(4))


@functions
def test_parameters_too_large_for_the_dtype_overflow_as_in_numpy(name):
    function, _, count, _ = of(name)
    x = plain(np.float16, 9)
    with pytest.warns(RuntimeWarning, match="overflow encountered in cast"):
        function(*[x] * count, -1e30)
    with pytest.raises(OverflowError):
        function(*[x] * count, -(10**400))


@functions
def test_bad_parameters_are_type_errors(name):
    function, _, count, _ = of(name)
    for dtype in ALL_DTYPES:
        for bad in (None, "a", 1j, object()):
            with pytest.raises(TypeError):
                function(*[plain(dtype, 9)] * count, bad)


NAN_PARAMETERS = (
    np.nan,
    np.float64("nan"),
    np.float16("nan"),
    BFLOAT16("nan"),
    np.array(np.nan),
    np.array([0.5, np.nan]),
    [0.5, np.nan],
)


@functions
def test_a_parameter_that_is_nan_is_refused_in_one_line(name):
    function, _, count, params = of(name)
    activation = name.removesuffix("_backward")
    for bad, key, dtype in product(NAN_PARAMETERS, params, ALL_DTYPES):
        x = plain(dtype, (3, 2))
        arrays, before = [x] * count, x.copy()
        with case(bad, key, dtype):
            message = f"^{activation} got NaN in the parameter '{key}', expected numbers$"
            for options in ({}, {"out": x}, {"where": True}):
                with pytest.raises(ValueError, match=message):
                    function(*arrays, **{key: bad}, **options)
            assert_same_bits(x, before)


# min_val, max_val, how the message shows them
CROSSED = [
    (1.0, -1.0, "min_val=1.0, max_val=-1.0"),
    (2, 1, "min_val=2, max_val=1"),
    (np.float32(2), 1.5, "min_val=2.0, max_val=1.5"),
    (np.array([0.0, 3.0]), 1.0, "min_val=[0. 3.], max_val=1.0"),
    ([0, 1], [2, 0], "min_val=[0 1], max_val=[2 0]"),
    (np.inf, -np.inf, "min_val=inf, max_val=-inf"),
]


@pytest.mark.parametrize(("low", "high", "shown"), CROSSED)
def test_hardtanh_refuses_ends_that_are_the_wrong_way_round(low, high, shown):
    x = plain(np.float32, (3, 2))
    before = x.copy()
    for call in (rf.hardtanh, lambda *given, **options: rf.hardtanh_backward(x, *given, **options)):
        for options in ({}, {"out": x}):
            with pytest.raises(
                ValueError, match=f"^{re.escape(f'hardtanh got {shown}, expected min_val <= max_val')}$"
            ):
                call(x, low, high, **options)
    assert_same_bits(x, before)


def test_hardtanh_with_equal_ends_is_constant():
    np.testing.assert_array_equal(rf.hardtanh(plain(np.float32, 9), 0.5, 0.5), np.full(9, 0.5, np.float32))


def test_a_learned_weight_may_diverge_to_nan():
    x = np.array([-1.0, 2.0])
    for weight in (np.nan, np.array([np.nan, np.nan])):
        np.testing.assert_array_equal(rf.prelu(x, weight), [np.nan, 2])
        np.testing.assert_array_equal(rf.prelu_backward(x, x, weight)[0], [np.nan, 2])


class Recorder:
    """Takes over every ufunc that it is an operand of."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return ufunc, inputs, kwargs


@functions
def test_operands_can_take_over(name):
    function, ufunc, count, params = of(name)
    recorder = Recorder()
    seen, inputs, kwargs = function(*[recorder] * count, where=True)
    assert seen is ufunc
    assert inputs == (*[recorder] * count, *params.values())
    assert kwargs == {"where": True}


@functions
def test_large_arrays_let_other_threads_run(name):
    function, arrays = getattr(rf, name), arrays_for(name, np.float32, 100_003)
    want = function(*arrays)
    results = []
    others = [threading.Thread(target=lambda: results.append(function(*arrays))) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    for got in results:
        assert_same_bits(got, want)


@pytest.mark.parametrize(("name", "params"), ROWS_AND_PARAMS, ids=row_id)
@dtypes
def test_no_sample_is_told_apart(name, params, dtype):
    x = all_halves(dtype) if np.dtype(dtype).itemsize == 2 else dense_samples(dtype)
    with np.errstate(over="ignore"):
        given = [dtype(p) for p in params]
    g = np.roll(x, 11)
    for function, arrays in ((name, (x,)), (f"{name}_backward", (g, x))):
        got = as_tuple(getattr(rf, function)(*arrays, *map(float, given)))
        want = as_tuple(UFUNCS[function](*arrays, *given))
        for a, b in zip(got, want, strict=True):
            assert_same_bits(a, b)


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
