"""UnitStats and GradStats as records: merging, adding, copying, pickling, printing."""

import copy
import pickle
import threading

import numpy as np
import pytest
from reference_units import EVERYTHING
from tables import plain

import relu_fast as rf


def unit_stats(seed=0, *, units=5, collect=EVERYTHING, rows=40):
    stats = rf.UnitStats(units, collect)
    rf.fused.observe(plain(np.float32, (rows, units), seed=seed), "elu", stats=stats)
    return stats


def grad_stats(seed=0, *, units=5):
    stats = rf.GradStats(units)
    g, x = plain(np.float32, (40, units), seed=seed), plain(np.float32, (40, units), seed=seed + 100)
    rf.fused.backward(g, "relu", x=x, stats=stats)
    return stats


both = pytest.mark.parametrize("make", [unit_stats, grad_stats])


def fields(stats):
    return {name: getattr(stats, name) for name in stats._fields if getattr(stats, name) is not None}


def assert_equal(a, b):
    assert type(a) is type(b)
    assert fields(a).keys() == fields(b).keys()
    for name, array in fields(a).items():
        assert array.dtype == fields(b)[name].dtype
        np.testing.assert_array_equal(array, fields(b)[name], err_msg=name)


# ---- a new record

DTYPES = dict.fromkeys(("seen", "examples", "active", "nonfinite", "nonzero"), np.int64)
START = {"max": -np.inf, "min": np.inf}


@pytest.mark.parametrize("units", [0, 1, 5, np.int64(3), True])
def test_a_new_record_has_seen_nothing(units):
    for stats in (rf.UnitStats(units, EVERYTHING), rf.GradStats(units)):
        assert stats.units == int(units)
        for name, array in fields(stats).items():
            assert array.shape == (int(units),)
            assert array.dtype == DTYPES.get(name, np.float64)
            np.testing.assert_array_equal(array, np.full(int(units), START.get(name, 0)))


def test_active_nonfinite_and_max_are_collected_by_default():
    stats = rf.UnitStats(3)
    assert stats.collect == ("active", "nonfinite", "max")
    assert stats.min is None
    assert stats.sum_abs is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [((), ()), ("max", ("max",)), (["min", "active"], ("active", "min")), ({"sum_abs"}, ("sum_abs",))],
    ids=str,
)
def test_collect_takes_any_names_in_any_order(given, expected):
    stats = rf.UnitStats(3, given)
    assert stats.collect == expected
    for name in EVERYTHING:
        assert (getattr(stats, name) is not None) == (name in expected)


@pytest.mark.parametrize("field", ["seen", "active", "max", "units", "collect"])
def test_the_arrays_of_a_record_cannot_be_replaced(field):
    with pytest.raises(AttributeError):
        setattr(unit_stats(), field, np.zeros(5))


# ---- merging


@both
def test_merging_is_the_same_as_having_seen_both(make):
    together = make(0)
    other = make(1)
    before = copy.deepcopy(other)
    result = together.merge(other)
    assert result is together
    assert_equal(other, before)
    first, second = make(0), make(1)
    for name, array in fields(together).items():
        a, b = fields(first)[name], fields(second)[name]
        expected = np.maximum(a, b) if name == "max" else np.minimum(a, b) if name == "min" else a + b
        np.testing.assert_array_equal(array, expected, err_msg=name)


@both
def test_merging_in_any_order_gives_the_same_integers_and_extremes(make):
    parts = [make(seed) for seed in range(4)]
    forwards, backwards = sum(parts), sum(parts[::-1])
    for name, array in fields(forwards).items():
        if name == "sum_abs":
            np.testing.assert_allclose(array, backwards.sum_abs, rtol=1e-14)
        else:
            np.testing.assert_array_equal(array, fields(backwards)[name], err_msg=name)


@both
def test_adding_gives_a_new_record_and_changes_neither(make):
    a, b = make(0), make(1)
    total = a + b
    assert_equal(a, make(0))
    assert_equal(b, make(1))
    assert_equal(total, make(0).merge(make(1)))
    total.seen[:] = -1
    assert_equal(a, make(0))


@both
def test_adding_in_place_gives_the_sum(make):
    total = make(0)
    total += make(1)
    assert_equal(total, make(0) + make(1))


@both
def test_sum_adds_any_number_of_records(make):
    assert_equal(sum([make(0)]), make(0))
    assert_equal(sum(make(seed) for seed in range(3)), make(0) + make(1) + make(2))
    first = make(0)
    total = sum([first])
    total.seen[:] = -1
    assert_equal(first, make(0))


@both
def test_merging_into_a_new_record_copies(make):
    filled = make(0)
    empty = type(filled)(*filled._key())
    assert_equal(empty.merge(filled), filled)
    assert_equal(make(0).merge(type(filled)(*filled._key())), filled)


@both
def test_merging_a_record_into_itself_doubles_it(make):
    stats = make(0)
    assert_equal(stats.merge(stats), make(0) + make(0))


def test_what_is_not_collected_stays_none_in_a_merge():
    total = unit_stats(0, collect=("max",)) + unit_stats(1, collect=("max",))
    assert total.active is None
    assert total.max is not None


# ---- copies


@both
def test_copies_are_equal_and_independent(make):
    for duplicate in (make.__call__, copy.copy, copy.deepcopy, lambda s: s.copy()):
        original = make(0)
        twin = make(0) if duplicate == make.__call__ else duplicate(original)
        assert_equal(twin, original)
        twin.seen[:] = -1
        assert (original.seen >= 0).all()


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@both
def test_pickling_keeps_everything(make, protocol):
    stats = make(0)
    again = pickle.loads(pickle.dumps(stats, protocol))
    assert_equal(again, stats)
    assert again.units == stats.units
    again.merge(stats)
    assert_equal(again, make(0) + make(0))


def test_pickling_keeps_what_is_not_collected_none():
    again = pickle.loads(pickle.dumps(unit_stats(collect=("sum_abs",))))
    assert again.collect == ("sum_abs",)
    assert again.active is None


def test_an_unpickled_record_can_be_filled():
    again = pickle.loads(pickle.dumps(unit_stats(0)))
    rf.fused.observe(plain(np.float32, (40, 5), seed=1), "elu", stats=again)
    expected = unit_stats(0)
    rf.fused.observe(plain(np.float32, (40, 5), seed=1), "elu", stats=expected)
    assert_equal(again, expected)


@both
def test_reset_forgets_everything_in_place(make):
    stats = make(0)
    arrays = fields(stats)
    stats.reset()
    assert_equal(stats, type(stats)(*stats._key()))
    assert all(fields(stats)[name] is array for name, array in arrays.items())


# ---- comparing, printing


@both
def test_equality_compares_everything(make):
    assert make(0) == make(0)
    assert make(0) != make(1)
    assert make(0) != "stats"
    changed = make(0)
    changed.nonfinite[2] += 1
    assert make(0) != changed


def test_records_of_another_kind_are_not_equal():
    assert rf.UnitStats(3) != rf.UnitStats(4)
    assert rf.UnitStats(3) != rf.UnitStats(3, ("max",))
    assert rf.UnitStats(3) != rf.GradStats(3)


@both
def test_records_are_mutable_so_they_have_no_hash(make):
    with pytest.raises(TypeError):
        hash(make(0))


@both
def test_repr_builds_an_equal_empty_record_and_says_what_was_seen(make):
    stats = make(0)
    text = repr(stats)
    assert "\n" not in text
    assert "saw 40 elements" in text
    again = eval(text, {"UnitStats": rf.UnitStats, "GradStats": rf.GradStats})
    assert_equal(again, type(stats)(*stats._key()))
    assert repr(rf.UnitStats(0)).startswith("UnitStats(0")


# ---- what is counted


def test_infinity_is_active_and_non_finite_and_nan_only_non_finite():
    stats = rf.UnitStats(4, EVERYTHING)
    rf.fused.observe(np.array([[np.inf, -np.inf, np.nan, 1.0]]), "relu", stats=stats)
    assert stats.active.tolist() == [1, 0, 0, 1]
    assert stats.nonfinite.tolist() == [1, 1, 1, 0]
    assert stats.max.tolist() == [np.inf, -np.inf, -np.inf, 1]
    assert stats.min.tolist() == [np.inf, -np.inf, np.inf, 1]
    assert stats.seen.tolist() == [1] * 4


def test_a_gradient_that_is_nan_is_not_zero():
    stats = rf.GradStats(3)
    rf.fused.backward(np.array([[np.nan, 0.0, -0.0]]), "relu", x=np.ones((1, 3)), stats=stats)
    assert stats.nonzero.tolist() == [1, 0, 0]
    assert stats.nonfinite.tolist() == [1, 0, 0]


COUNTS = [
    ([[1.0, -1.0], [2.0, 3.0]], None, [2, 1]),
    ([[1.0, -1.0], [2.0, 3.0]], 0, [1, 2]),
    ([0.0, -0.0, 5e-324, np.nan, np.inf, -np.inf], None, [0, 0, 1, 0, 1, 0]),
    ([[1, 0, -1]], 1, [1, 0, 0]),
    ([[True, False]], 1, [1, 0]),
    (np.zeros((0, 3)), 1, [0, 0, 0]),
    (np.zeros((3, 0)), 1, []),
    (np.ones((2, 3, 4, 5)), 1, [40, 40, 40]),
    (np.ones((2, 3, 4, 5)), -1, [24] * 5),
]


@pytest.mark.parametrize(("x", "axis", "expected"), COUNTS, ids=str)
def test_count_active_counts_how_often_each_unit_is_above_zero(x, axis, expected):
    got = rf.count_active(x, unit_axis=axis)
    assert got.dtype == np.int64
    assert got.tolist() == expected


# ---- safe to hand out


@both
def test_arrays_cannot_be_resized_under_a_pass(make):
    for array in fields(make()).values():
        with pytest.raises(ValueError, match="resize"):
            array.resize(1, refcheck=False)


class Named(rf.UnitStats):
    """A subclass with something of its own."""


def test_subclasses_keep_their_attributes_and_add_up():
    named = Named(5, EVERYTHING).merge(unit_stats())
    named.title = "fc1"
    for twin in (pickle.loads(pickle.dumps(named)), copy.deepcopy(named)):
        assert twin.title == "fc1"
        assert_equal(twin, named)
    for total in (named + unit_stats(1), unit_stats(1) + named):
        np.testing.assert_array_equal(total.active, unit_stats().active + unit_stats(1).active)


def test_two_threads_cannot_lose_each_others_counts():
    z = np.ones((2, 400_000), np.float32)
    stats, done, refused = rf.UnitStats(z.shape[1]), [0, 0], []

    def work(k):
        for _ in range(40):
            try:
                rf.fused.observe(z, "relu", stats=stats)
                done[k] += 1
            except RuntimeError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(stats.seen) == {2 * sum(done)} == set(stats.active)
    assert sum(done) + len(refused) == 80
    assert all("being filled by another thread" in message for message in refused)
