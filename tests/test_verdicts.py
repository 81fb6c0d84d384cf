"""Verdicts: which state the counts lead to, and the numbers that are its evidence."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relu_fast import verdicts
from relu_fast.verdicts import STATES


def counts(*, seen=10, examples=None, active=0, nonfinite=0, largest=-1.0):
    """Statistics of one unit."""
    numbers = {"seen": seen, "examples": seen if examples is None else examples, "active": active}
    arrays = {key: np.array([value]) for key, value in (numbers | {"nonfinite": nonfinite}).items()}
    return SimpleNamespace(**arrays, max=np.array([largest], dtype=np.float64))


def state(stats, *, gate=0.0, complete=False, upper=None):
    bound = None if upper is None else [upper]
    (found,) = verdicts.unit_states(stats, gate=gate, complete=complete, upper=bound)
    return found


# state, seen, active, nonfinite, gate, complete
SINGLE = [
    ("not_observed", 0, 0, 0, 0.0, False),
    ("not_observed", 0, 0, 0, 0.0, True),
    ("not_observed", 0, 0, 0, None, True),
    ("non_finite", 10, 5, 1, 0.0, False),
    ("dead", 10, 0, 0, 0.0, True),
    ("dead", 1, 0, 0, -3.0, True),
    ("unfired", 10, 0, 0, 0.0, False),
    ("unfired", 10, 0, 0, None, True),
    ("unfired", 10, 0, 0, None, False),
    ("always_on", 10, 10, 0, 0.0, False),
    ("always_on", 10, 10, 0, None, True),
    ("alive", 10, 1, 0, 0.0, True),
    ("alive", 10, 9, 0, 0.0, False),
]


@pytest.mark.parametrize(("expected", "seen", "active", "nonfinite", "gate", "complete"), SINGLE)
def test_counts_lead_to_their_state(expected, seen, active, nonfinite, gate, complete):
    stats = counts(seen=seen, active=active, nonfinite=nonfinite)
    assert state(stats, gate=gate, complete=complete) == expected


# Counts for which the conditions of both states hold; the first of the pair is what has to come out.
BOTH = {
    ("not_observed", "non_finite"): {"seen": 0, "nonfinite": 1},
    ("not_observed", "proven"): {"seen": 0, "upper": -1.0},
    ("not_observed", "dead"): {"seen": 0, "complete": True},
    ("not_observed", "unfired"): {"seen": 0},
    ("not_observed", "always_on"): {"seen": 0},
    ("not_observed", "alive"): {"seen": 0},
    ("non_finite", "proven"): {"nonfinite": 1, "upper": -1.0},
    ("non_finite", "dead"): {"nonfinite": 1, "complete": True},
    ("non_finite", "unfired"): {"nonfinite": 1},
    ("non_finite", "always_on"): {"active": 10, "nonfinite": 1},
    ("non_finite", "alive"): {"active": 5, "nonfinite": 1},
    ("proven", "dead"): {"complete": True, "upper": -1.0},
    ("proven", "unfired"): {"upper": -1.0},
    # What was seen came from outside the box.
    ("proven", "always_on"): {"active": 10, "upper": -1.0},
    ("proven", "alive"): {"active": 5, "upper": -1.0},
    ("dead", "unfired"): {"complete": True},
    ("dead", "alive"): {"complete": True},
    ("unfired", "alive"): {},
    ("always_on", "alive"): {"active": 10},
}
# A unit of which something was seen cannot have fired both never and always.
EXCLUSIVE = {("dead", "always_on"), ("unfired", "always_on")}


def test_every_pair_of_states_has_its_line_in_the_precedence_table():
    assert set(BOTH) | EXCLUSIVE == set(combinations(STATES, 2))


@pytest.mark.parametrize(("pair", "given"), BOTH.items(), ids=lambda entry: "-".join(entry))
def test_the_first_state_that_holds_wins(pair, given):
    how = {key: given[key] for key in ("complete", "upper") if key in given}
    stats = counts(**{key: value for key, value in given.items() if key not in how})
    assert state(stats, **how) == pair[0]


@pytest.mark.parametrize("pair", BOTH, ids=lambda pair: "-".join(pair))
def test_without_the_first_state_the_second_comes_out(pair):
    given = dict(BOTH[pair])
    for key in {"not_observed": ["seen"], "non_finite": ["nonfinite"], "proven": ["upper"]}.get(pair[0], []):
        del given[key]
    if pair[1] in ("unfired", "always_on", "alive"):
        given.pop("complete", None)
    given |= {"always_on": {"active": 10}, "alive": {"active": 5}}.get(pair[1], {})
    how = {key: given.pop(key) for key in ("complete", "upper") if key in given}
    assert state(counts(**given), **how) == pair[1]


@pytest.mark.parametrize(
    ("upper", "gate", "expected"),
    [
        (0.0, 0.0, "proven"),
        (-3.0, -3.0, "proven"),
        (np.nextafter(0.0, 1.0), 0.0, "alive"),
        (-1.0, None, "alive"),
        (np.nan, 0.0, "alive"),
        (-np.inf, 0.0, "alive"),
        (np.inf, 0.0, "alive"),
        (None, 0.0, "alive"),
    ],
)
def test_a_finite_bound_that_is_not_above_the_gate_is_a_proof(upper, gate, expected):
    assert state(counts(active=5), gate=gate, upper=upper) == expected


def test_bounds_and_gates_are_those_of_the_unit():
    four = np.full(3, 4)
    stats = SimpleNamespace(seen=four, examples=four, active=four, nonfinite=0 * four, max=1.0 * four)
    found = verdicts.unit_states(stats, gate=np.array([0.0, np.nan, 2.0]), complete=True, upper=[1.0] * 3)
    assert found.tolist() == ["always_on", "always_on", "proven"]
    assert verdicts.evidence(stats, 2, gate=2.0, complete=True, upper=np.array([1.0] * 3)).upper == 1.0
    assert verdicts.evidence(stats, 2, gate=2.0, complete=True, upper=np.array([np.inf] * 3)).upper is None


def test_states_are_found_unit_by_unit():
    stats = SimpleNamespace(
        seen=np.array([0, 4, 4, 4, 4]),
        examples=np.array([0, 4, 4, 4, 4]),
        active=np.array([0, 0, 0, 4, 3]),
        nonfinite=np.array([0, 1, 0, 0, 0]),
        max=np.array([-np.inf, 1.0, -0.5, 2.0, 2.0]),
    )
    found = verdicts.unit_states(stats, gate=0.0, complete=True)
    assert found.tolist() == ["not_observed", "non_finite", "dead", "always_on", "alive"]


def test_a_layer_without_units_has_no_states():
    empty = np.zeros(0, dtype=np.int64)
    stats = SimpleNamespace(seen=empty, examples=empty, active=empty, nonfinite=empty, max=np.zeros(0))
    assert verdicts.unit_states(stats, gate=0.0, complete=True).shape == (0,)


def test_a_unit_whose_largest_z_is_the_rounded_gate_is_dead():
    rounded = float(np.float32(0.1))  # what a float32 pass compares with; above 0.1 itself
    stats = counts(largest=rounded)
    assert rounded > 0.1
    assert state(stats, gate=0.1, complete=True) == "dead"
    assert verdicts.evidence(stats, 0, gate=0.1, complete=True).below_gate == 0.0


@pytest.mark.parametrize("missing", ["active", "nonfinite"])
def test_uncollected_statistics_are_named(missing):
    stats = counts()
    setattr(stats, missing, None)
    with pytest.raises(ValueError, match=f"have no '{missing}'"):
        verdicts.unit_states(stats, gate=0.0, complete=True)


@pytest.mark.parametrize(
    ("n", "bound"),
    [
        (0, 1.0),
        (1, 0.95),
        (2, 1 - 0.05**0.5),
        (10, 0.25886554),
        (60000, 4.992763e-05),
        (10**15, 2.9957323e-15),
    ],
)
def test_rate_bound_is_the_rate_that_stays_silent_with_five_percent(n, bound):
    assert float(verdicts.rate_bound(n)) == pytest.approx(bound, rel=1e-6)


@given(st.integers(1, 10**6), st.floats(0.01, 0.999))
def test_at_the_bound_silence_has_the_stated_probability(n, confidence):
    p = float(verdicts.rate_bound(n, confidence=confidence))
    assert np.exp(n * np.log1p(-p)) == pytest.approx(1 - confidence, rel=1e-6)


@pytest.mark.parametrize("confidence", [0, 1, -0.1, 95])
def test_rate_bound_wants_a_confidence_between_0_and_1(confidence):
    with pytest.raises(ValueError, match=f"confidence is {confidence}"):
        verdicts.rate_bound(5, confidence=confidence)


def test_rate_bound_wants_counts():
    with pytest.raises(ValueError, match="examples holds -1"):
        verdicts.rate_bound([3, -1])


def test_firing_rate_is_nan_where_nothing_was_seen():
    stats = SimpleNamespace(active=np.array([1, 0, 0]), seen=np.array([4, 4, 0]))
    np.testing.assert_array_equal(verdicts.firing_rate(stats), [0.25, 0.0, np.nan])


# What is counted, then what the evidence has to say beyond it.
EVIDENCE = [
    ({"seen": 0, "largest": -np.inf}, True, {"state": "not_observed", "largest": None, "below_gate": None}),
    (
        {"nonfinite": 3, "active": 5, "largest": 2.0},
        True,
        {"state": "non_finite", "nonfinite": 3, "firing_rate": 0.5},
    ),
    ({"nonfinite": 3}, True, {"state": "non_finite", "rate_bound": None}),
    (
        {"seen": 40, "examples": 10, "largest": -0.25},
        True,
        {"state": "dead", "examples": 10, "seen": 40, "largest": -0.25, "gate": 0.0, "below_gate": 0.25},
    ),
    (
        {"seen": 40, "examples": 2},
        False,
        {"state": "unfired", "rate_bound": 1 - 0.05**0.5, "firing_rate": 0.0},
    ),
    ({"active": 10, "largest": 7.0}, True, {"state": "always_on", "examples": 10, "firing_rate": 1.0}),
    ({"active": 4, "largest": 7.0}, True, {"state": "alive", "firing_rate": 0.4, "rate_bound": None}),
]


@pytest.mark.parametrize(
    ("given", "complete", "expected"), EVIDENCE, ids=[case[2]["state"] for case in EVIDENCE]
)
def test_evidence_shows_the_numbers_behind_the_state(given, complete, expected):
    found = verdicts.evidence(counts(**given), 0, gate=0.0, complete=complete)
    for key, value in expected.items():
        assert getattr(found, key) == (pytest.approx(value) if isinstance(value, float) else value), key


def test_evidence_without_a_gate_has_no_distance_to_it():
    found = verdicts.evidence(counts(), 0, gate=None, complete=True)
    assert (found.state, found.gate, found.below_gate) == ("unfired", None, None)


def test_evidence_counts_negative_units_from_the_end_as_numpy_does():
    stats = counts()
    assert verdicts.evidence(stats, -1, gate=0.0, complete=True).unit == 0


@pytest.mark.parametrize("unit", [1, -2])
def test_evidence_of_a_unit_that_is_not_there_raises(unit):
    with pytest.raises(IndexError, match=f"unit is {unit}, expected one of 1 units"):
        verdicts.evidence(counts(), unit, gate=0.0, complete=True)


def test_evidence_repr_gives_it_back():
    found = verdicts.evidence(counts(), 0, gate=0.0, complete=False)
    assert eval(repr(found), {"Evidence": verdicts.Evidence}) == found


def test_only_units_with_a_gate_of_their_own_are_dead():
    four = np.full(3, 4)
    stats = SimpleNamespace(
        seen=four,
        examples=four,
        active=np.array([0, 0, 2]),
        nonfinite=0 * four,
        max=np.array([-1.0, -2.0, 1.0]),
    )
    gate = np.array([0.5, np.nan, 0.5])
    assert verdicts.unit_states(stats, gate=gate, complete=True).tolist() == ["dead", "unfired", "alive"]
    assert verdicts.unit_states(stats, gate=gate, complete=False).tolist() == ["unfired", "unfired", "alive"]
    found = [verdicts.evidence(stats, unit, gate=gate, complete=True) for unit in range(3)]
    assert [one.state for one in found] == ["dead", "unfired", "alive"]
    assert [one.gate for one in found] == [0.5, None, 0.5]
    assert [one.below_gate for one in found] == [1.5, None, 0.0]
