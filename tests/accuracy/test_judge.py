"""How an error is measured: made-up results against made-up exact ones."""

import itertools

import numpy as np
import pytest
from mpmath import mp

from relu_fast.accuracy.judge import FORMATS, Tally, Worst, judge, judge_precise

MAX = {"float32": float(np.finfo(np.float32).max), "float16": 65504.0}


def judged(got, exact, dtype="float32", bound=1.0, first=0, **options):
    got, exact = np.atleast_1d(np.asarray(got, dtype)), np.atleast_1d(np.asarray(exact, np.float64))
    return judge(got, exact, first + np.arange(len(exact), dtype=np.float64), dtype, bound, **options)


@pytest.mark.parametrize(
    ("got", "exact", "ulp"),
    [
        (1.0, 1.0, 0.0),
        (1.0 + 2.0**-23, 1.0, 1.0),
        (1.0 - 2.0**-24, 1.0, 0.5),  # ULP of the exact result, though the one given is in a finer binade
        (1.0, 1.0 + 2.0**-24, 0.5),
        (-3.0, -3.0 - 2.0**-23, 0.5),
        (2.0**-149, 1.25 * 2.0**-149, 0.25),
        (0.0, 0.75 * 2.0**-149, 0.75),
        (2.0**-126, 2.0**-126 - 2.0**-150, 0.5),
        (np.inf, 2.0**128, 0.0),
        (np.inf, 1e60, 0.0),
        (-np.inf, -np.inf, 0.0),
        (MAX["float32"], 1e60, 1.0),
        (np.inf, MAX["float32"], 1.0),
        (np.inf, 1.0, (2.0**128 - 1) * 2.0**23),
        (np.nan, np.nan, 0.0),
        (np.nan, 1.0, 0.0),  # wrong, but not by ULP
        (1.0, np.nan, 0.0),
    ],
)
def test_error_is_in_ulp_of_the_exact_result(got, exact, ulp):
    tally = judged(got, exact)
    assert tally.worst.error == pytest.approx(ulp, rel=1e-12)
    assert tally.above == (ulp > 1)
    assert tally.wrong == (np.isnan(got) != np.isnan(exact))


@pytest.mark.parametrize(
    ("got", "exact", "wrong"),
    [
        (0.0, 0.0, 0),
        (-0.0, -0.0, 0),
        (-0.0, 0.0, 1),
        (0.0, -0.0, 1),
        (0.0, -1e-60, 1),
        (-0.0, -1e-60, 0),
        (1.0, -1.0, 0),
    ],
)
def test_a_zero_has_the_sign_of_the_exact_result(got, exact, wrong):
    tally = judged([1.0, got], [1.0, exact])
    assert tally.wrong == wrong
    assert (tally.example is not None) == bool(wrong)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_correctly_rounded_is_what_numpy_rounds_to(dtype):
    rng = np.random.default_rng(3)
    exact = rng.normal(size=4000) * np.exp2(
        rng.uniform(-160, 135, 4000) * (1 if dtype == "float32" else 0.17)
    )
    exact[::100] = np.inf
    with np.errstate(all="ignore"):
        right = exact.astype(dtype)
        assert judged(right, exact, dtype).rounded == 4000
        assert judged(right, exact, dtype).worst.error <= 0.5
        other = np.nextafter(right, np.asarray(0, dtype))
    assert judged(other, exact, dtype).rounded == np.count_nonzero(other == right)


def test_next_to_a_root_the_absolute_error_counts():
    near = np.array([False, True, True])
    tally = judged([1.0, 1e-9, 3e-7], [1.0, 2e-9, 1e-7], near=near)
    assert tally.worst == Worst(0.0, 0.0, 1.0)
    assert tally.near_root.error == pytest.approx(2e-7 * 2**23, rel=1e-6)
    assert (tally.above, tally.near_root.x) == (1, 2.0)


def test_the_worst_is_named():
    tally = judged([1.0, 2.0 + 2.0**-20, 3.0], [1.0, 2.0, 3.0 + 2.0**-22])
    assert tally == Tally(3, 1, above=1, worst=Worst(4.0, 1.0, 2.0 + 2.0**-20))


@pytest.mark.parametrize(
    ("got", "exact", "ulp", "rounded"),
    [
        (1.0, mp.fadd(1, mp.ldexp(1, -54), exact=True), 0.25, 1),
        (1.0 + 2.0**-52, mp.fadd(1, mp.ldexp(1, -54), exact=True), 0.75, 0),
        (5e-324, mp.ldexp(1, -1074) * 1.5, 0.5, 0),
        (1e-323, mp.ldexp(1, -1074) * 1.5, 0.5, 1),
        (0.0, mp.ldexp(1, -3000), 0.0, 1),
        (np.inf, mp.ldexp(1, 3000), 0.0, 1),
        (np.finfo(float).max, mp.ldexp(1, 3000), 1.0, 0),
        (np.nan, mp.mpf(1), 0.0, 0),
    ],
)
def test_float64_is_judged_by_digits_that_float64_does_not_have(got, exact, ulp, rounded):
    tally = judge_precise(
        np.array([got]), [exact], np.array([float(exact)]), np.zeros(1), FORMATS["float64"].digits, None
    )
    assert (tally.worst.error, tally.rounded, tally.wrong) == (ulp, rounded, int(np.isnan(got)))


def test_where_there_are_no_digits_float64_is_judged_by_itself():
    values = np.array([np.nan, np.inf, 1.0])
    tally = judge_precise(values, [None] * 3, np.array([np.nan, np.inf, 2.0]), np.zeros(3), 2.0, None)
    assert (tally.rounded, tally.above) == (2, 1)


def test_sums_do_not_depend_on_the_order():
    tallies = [
        judged([1.0, np.nan], [1.0 + 2.0**-24, 2.0]),
        judged([-0.0, 2.0], [0.0, np.nan], first=10),
        judged([1.0, 9.0], [1.0, 9.5], first=20, near=np.array([True, False])),
        Tally(),
    ]
    totals = {sum(order, Tally()) for order in itertools.permutations(tallies)}
    assert len(totals) == 1
    (total,) = totals
    assert (total.inputs, total.rounded, total.above, total.wrong) == (6, 3, 1, 3)
