"""Columns give back what they got, in less room."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from relu_fast.report.columns import Columns

DTYPES = (np.bool_, np.uint8, np.int64, np.float64)
numbers = st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, st.just(5)))


@given(st.lists(numbers | st.none(), min_size=1, max_size=5))
def test_columns_give_back_what_they_got(arrays):
    columns = Columns(5, **{f"c{i}": array for i, array in enumerate(arrays)})
    for twin in (columns, pickle.loads(pickle.dumps(columns)), copy.deepcopy(columns)):
        for i, array in enumerate(arrays):
            found = twin[f"c{i}"]
            if array is None:
                assert found is None
            else:
                assert found.dtype == array.dtype
                np.testing.assert_array_equal(found, array)


@given(numbers, st.integers(0, 4))
def test_one_unit_is_its_row(array, unit):
    one = Columns(5, a=array, b=None, c=np.full(5, 7)).of_unit(unit)
    np.testing.assert_array_equal(one["a"], array[unit : unit + 1])
    assert (one.units, one["b"], one["c"].tolist()) == (1, None, [7])


@pytest.mark.parametrize("dtype", DTYPES)
def test_columns_of_no_units_are_empty(dtype):
    found = Columns(0, a=np.zeros(0, dtype))["a"]
    assert (found.shape, found.dtype) == ((0,), dtype)


def test_later_changes_of_the_arrays_are_not_seen_and_none_can_be_made():
    array = np.arange(3)
    columns = Columns(3, a=array, b=np.zeros(3))
    array[:] = 9
    assert columns["a"].tolist() == [0, 1, 2]
    for name in "ab":
        with pytest.raises(ValueError, match="read-only"):
            columns[name][0] = 1


@pytest.mark.parametrize(
    ("array", "size"),
    [
        (np.full(1000, 3), 0),
        (np.full(1000, np.nan), 0),
        (np.arange(1000) % 100, 1),
        (np.arange(1000), 2),
        (np.arange(1000) * 100, 4),
        (np.arange(1000) << 40, 8),
        (np.arange(1000) / 4, 4),
        (np.arange(1000) / 3, 8),
        (np.append(np.arange(999) / 4, np.nan), 4),
        (np.append(np.arange(999) / 4, 1e300), 8),
    ],
)
def test_a_column_takes_the_room_that_its_numbers_need(array, size):
    table = Columns(1000, a=array)._table
    assert (0 if table is None else table.nbytes) == 1000 * size


def test_a_name_that_is_not_there_is_a_key_error():
    with pytest.raises(KeyError, match="b"):
        Columns(1, a=np.zeros(1))["b"]


def test_a_changed_table_leaves_the_first_as_it_was():
    columns = Columns(3, a=np.arange(3), b=None)
    changed = columns.changed(a=np.array([7, 7, 7]), c=np.ones(3))
    assert (changed["a"].tolist(), changed["b"], changed["c"].tolist()) == ([7, 7, 7], None, [1.0, 1.0, 1.0])
    assert columns["a"].tolist() == [0, 1, 2]
