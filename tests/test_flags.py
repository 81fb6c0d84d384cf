"""Flags: what they are read from, and None for what is not known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relu_fast import verdicts
from relu_fast.verdicts import FLAGS, STATES


def listed(flags):
    return None if flags is None else flags.tolist()


def test_the_flags_are_those_of_the_documented_table():
    table = verdicts.__doc__[verdicts.__doc__.index("flag   ") :]
    assert [line.split()[0] for line in table.splitlines() if line.startswith(FLAGS)] == [*FLAGS]


def test_the_states_are_those_of_the_documented_table():
    table = verdicts.__doc__[: verdicts.__doc__.index("flag   ")]
    assert [line.split()[0] for line in table.splitlines() if line.startswith(STATES)] == [*STATES]


# dormant

# sums of |y|, elements, non-finite ones, then the scores
SCORES = [
    ([1.0, 2.0, 3.0], [10] * 3, [0] * 3, [0.5, 1.0, 1.5]),
    ([0.0, 4.0], [10] * 2, [0] * 2, [0.0, 2.0]),
    ([5.0], [10], [0], [1.0]),
    ([1.0, 4.0], [1, 4], [0, 0], [1.0, 1.0]),  # means, not sums
    ([1e308, 1e308, 1e308], [1] * 3, [0] * 3, [1.0] * 3),
    ([5e-324, 5e-324], [1] * 2, [0] * 2, [1.0] * 2),
    ([0.0, 0.0], [10] * 2, [0] * 2, None),  # nothing to compare with
    (None, [10] * 2, [0] * 2, None),  # not summed
    ([0.0, 0.0], [0] * 2, [0] * 2, None),  # nothing seen
    ([1.0, 2.0], [10] * 2, [0, 1], None),  # the mean of NaN
    ([1.0, np.inf], [10] * 2, [0, 0], None),
    ([], [], [], None),
]


@pytest.mark.parametrize(("sums", "seen", "nonfinite", "expected"), SCORES)
def test_the_score_of_a_unit_is_its_mean_output_against_that_of_its_layer(sums, seen, nonfinite, expected):
    found = verdicts.dormancy(sums, np.array(seen), np.array(nonfinite))
    assert listed(found) == (None if expected is None else pytest.approx(expected))


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=9).filter(any), st.integers(1, 1000))
def test_scores_are_those_of_their_definition(sums, n):
    means = np.array(sums) / n
    expected = means / means.mean()
    found = verdicts.dormancy(sums, np.full(len(sums), n), np.zeros(len(sums), int))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300)


def test_a_score_of_tau_is_dormant_and_one_above_is_not():
    scores = np.array([0.0, 0.1, np.nextafter(0.1, 1.0), 1.0])
    assert listed(verdicts.dormant(scores)) == [True, True, False, False]
    assert listed(verdicts.dormant(scores, tau=0.0)) == [True, False, False, False]
    assert verdicts.dormant(None) is None


# starved


@pytest.mark.parametrize(
    ("active", "seen", "gradients_seen", "nonzero", "expected"),
    [
        ([5, 5, 0, 0], [9] * 4, [9] * 4, [0, 3, 0, 3], [True, False, False, False]),
        ([5], [9], None, None, None),
        ([5], [9], [0], [0], None),
        ([0], [0], [9], [0], None),
        ([], [], [], [], None),
    ],
)
def test_a_starved_unit_fires_without_a_gradient(active, seen, gradients_seen, nonzero, expected):
    found = verdicts.starved(active, seen=seen, gradients_seen=gradients_seen, gradients_nonzero=nonzero)
    assert listed(found) == expected


# saturated


@pytest.mark.parametrize(
    ("smallest", "ceiling", "seen", "nonfinite", "expected"),
    [
        ([6.0, 7.0, 5.9], 6.0, [9] * 3, [0] * 3, [True, True, False]),
        ([6.0, 7.0], np.array([np.nan, 6.0]), [9] * 2, [0] * 2, [False, True]),
        ([7.0, np.inf], 6.0, [9] * 2, [1, 9], [False, False]),  # what is NaN is not above
        (None, 6.0, [9], [0], None),
        ([7.0], None, [9], [0], None),
        ([np.inf], 6.0, [0], [0], None),
        ([], 6.0, [], [], None),
    ],
)
def test_a_saturated_unit_never_leaves_the_ceiling(smallest, ceiling, seen, nonfinite, expected):
    found = verdicts.saturated(smallest, ceiling, seen=seen, nonfinite=nonfinite)
    assert listed(found) == expected


# permanent

NOTHING_MOVES_IT = {
    "trainable_upstream": False,
    "gradients_nonzero": [0],
    "weight_decay": 0.0,
    "moments_zero": [True],
}
MOVED = {"trainable_upstream": True, "gradients_nonzero": [1], "weight_decay": 0.01, "moments_zero": [False]}


def permanent(state, *, gate=0.0, **conditions):
    codes = np.array([STATES.index(state)], np.uint8)
    return listed(verdicts.permanent(codes, gate=gate, **NOTHING_MOVES_IT | conditions))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("proven", [True]),
        ("dead", [True]),
        ("unfired", None),  # it may be dead
        ("not_observed", None),
        ("non_finite", [False]),
        ("always_on", [False]),
        ("alive", [False]),
    ],
)
def test_only_a_dead_unit_is_permanent(state, expected):
    assert permanent(state) == expected


def test_an_unfired_unit_without_a_gate_is_not_permanent():
    assert permanent("unfired", gate=None) == [False]


@pytest.mark.parametrize("condition", MOVED)
def test_one_condition_that_fails_decides_whatever_is_not_known(condition):
    assert permanent("dead", **{condition: MOVED[condition]}) == [False]
    unknown = dict.fromkeys(MOVED)
    assert permanent("dead", **unknown | {condition: MOVED[condition]}) == [False]
    assert permanent("unfired", **unknown | {condition: MOVED[condition]}) == [False]


@pytest.mark.parametrize("condition", MOVED)
def test_one_condition_that_is_not_known_leaves_a_dead_unit_undecided(condition):
    assert permanent("dead", **{condition: None}) is None
    assert permanent("alive", **{condition: None}) == [False]


def test_units_are_judged_each_by_its_own_conditions():
    codes = np.full(4, STATES.index("dead"), np.uint8)
    conditions = NOTHING_MOVES_IT | {
        "gradients_nonzero": [0, 1, 0, 0],
        "moments_zero": [True, True, False, True],
    }
    found = verdicts.permanent(codes, gate=np.zeros(4), **conditions)
    assert listed(found) == [True, False, False, True]
