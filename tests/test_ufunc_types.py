"""Which loop a ufunc takes: casts, dtype=, casting=, and dtypes that it refuses."""

import numpy as np
import pytest
from tables import ALL_DTYPES, UFUNCS, as_tuple, assert_same_bits, operands, row_id

every_ufunc = pytest.mark.parametrize("name", UFUNCS)
one_output = pytest.mark.parametrize("name", [n for n, ufunc in UFUNCS.items() if ufunc.nout == 1])

# what goes in, what the result is: the first loop that it casts to safely
TYPES = [
    ("float32", "float32"),
    ("float64", "float64"),
    ("float16", "float16"),
    ("bfloat16", "bfloat16"),
    ("bool", "float16"),
    ("int8", "float16"),
    ("uint8", "float16"),
    ("int16", "float32"),
    ("uint16", "float32"),
    ("int32", "float64"),
    ("uint32", "float64"),
    ("int64", "float64"),
    ("uint64", "float64"),
]


@pytest.mark.parametrize(("given", "expected"), TYPES)
@every_ufunc
def test_other_dtypes_are_cast_to_the_first_loop_that_holds_them(name, given, expected):
    values = np.arange(-3, 4).astype(given)
    results = as_tuple(UFUNCS[name](*[values] * UFUNCS[name].nin))
    wanted = as_tuple(UFUNCS[name](*[values.astype(expected)] * UFUNCS[name].nin))
    for result, want in zip(results, wanted, strict=True):
        assert_same_bits(result, want)
        assert result.dtype == expected


@every_ufunc
def test_lists_and_python_numbers_become_float64(name):
    nin = UFUNCS[name].nin
    from_lists = as_tuple(UFUNCS[name](*[[-1, 0.5, 2]] * nin))
    from_arrays = as_tuple(UFUNCS[name](*[np.array([-1, 0.5, 2])] * nin))
    from_numbers = as_tuple(UFUNCS[name](*[0.5] * nin))
    for got, want, single in zip(from_lists, from_arrays, from_numbers, strict=True):
        assert_same_bits(got, want)
        assert type(single) is np.float64
        assert single == want[1]


@pytest.mark.parametrize("dtype", [np.float16, np.float32], ids=row_id)
@pytest.mark.parametrize("name", [n for n in UFUNCS if UFUNCS[n].nin > 1])
def test_a_python_number_does_not_widen_an_array(name, dtype):
    x = operands(name, dtype=dtype)[0]
    results = as_tuple(UFUNCS[name](x, *[0.5] * (UFUNCS[name].nin - 1)))
    assert all(r.dtype == dtype for r in results)
    mixed = as_tuple(UFUNCS[name](x, *[np.ones(1)] * (UFUNCS[name].nin - 1)))
    assert all(r.dtype == np.float64 for r in mixed)


WRONG = {
    "complex": np.array([1j]),
    "string": np.array(["a"]),
    "bytes": np.array([b"a"]),
    "none": np.array([None]),
    "object": np.array([1.0], object),
    "date": np.array([1], "M8[s]"),
    "duration": np.array([1], "m8[s]"),
    "record": np.zeros(1, [("a", "f4")]),
    "long double": np.zeros(1, np.longdouble),
}


@pytest.mark.parametrize("bad", WRONG.values(), ids=WRONG)
@every_ufunc
def test_wrong_dtypes_are_type_errors(name, bad):
    good = np.ones(1, np.float32)
    for position in range(UFUNCS[name].nin):
        given = [good] * UFUNCS[name].nin
        given[position] = bad
        with pytest.raises(TypeError, match=name):
            UFUNCS[name](*given)


@every_ufunc
def test_the_number_of_operands_is_checked(name):
    with pytest.raises(TypeError):
        UFUNCS[name](*operands(name)[1:])
    with pytest.raises(TypeError):
        UFUNCS[name](*operands(name), *[None] * UFUNCS[name].nout, operands(name)[0])


@one_output
def test_dtype_and_casting_choose_the_loop(name):
    ufunc, wide = UFUNCS[name], operands(name, dtype=np.float64)
    narrow = [w.astype(np.float32) for w in wide]
    assert_same_bits(ufunc(*wide, dtype=np.float32), ufunc(*narrow))
    assert_same_bits(ufunc(*narrow, dtype=np.float64), ufunc(*(n.astype(np.float64) for n in narrow)))
    assert_same_bits(ufunc(*narrow, casting="no"), ufunc(*narrow))
    with pytest.raises(TypeError, match="casting rule 'safe'"):
        ufunc(*wide, dtype=np.float32, casting="safe")
    with pytest.raises(TypeError, match="casting rule 'no'"):
        ufunc(*narrow, dtype=np.float64, casting="no")
    with pytest.raises(TypeError):
        ufunc(*narrow, dtype=np.int32)


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)
@one_output
def test_dtypes_with_a_loop_are_taken_as_they_are(name, dtype):
    given = operands(name, dtype=dtype)
    assert UFUNCS[name](*given).dtype == dtype
    assert_same_bits(UFUNCS[name](*given, casting="no"), UFUNCS[name](*given))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64], ids=row_id)
@one_output
def test_dtype_narrows_what_it_is_given(name, dtype):
    wide = operands(name, dtype=np.float64)
    with np.errstate(over="ignore"):
        assert_same_bits(UFUNCS[name](*wide, dtype=dtype), UFUNCS[name](*(w.astype(dtype) for w in wide)))
