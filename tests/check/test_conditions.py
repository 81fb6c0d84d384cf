"""What a condition says, what it counts, and when it holds: never a unit off, never a rounding off."""

from fractions import Fraction

import numpy as np
import pytest

import relu_fast as rf
from relu_fast.check.conditions import METRICS, Condition, parse
from relu_fast.verdicts import FLAGS, STATES

PARSED = [
    ("dead>5%", Condition("dead>5%", "dead", False, Fraction(5), True)),
    ("dead>=5%", Condition("dead>=5%", "dead", True, Fraction(5), True)),
    ("dead > 0.1 %", Condition("dead > 0.1 %", "dead", False, Fraction(1, 10), True)),
    (" non_finite>0 ", Condition("non_finite>0", "non_finite", False, Fraction(0), False)),
    ("non-finite>0", Condition("non-finite>0", "non_finite", False, Fraction(0), False)),
    ("Always-On>=12", Condition("Always-On>=12", "always_on", True, Fraction(12), False)),
    ("dormant>.5%", Condition("dormant>.5%", "dormant", False, Fraction(1, 2), True)),
    ("unfired>=100%", Condition("unfired>=100%", "unfired", True, Fraction(100), True)),
]


@pytest.mark.parametrize(("text", "condition"), PARSED)
def test_conditions_are_read(text, condition):
    assert parse(text) == condition


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got the condition '', expected METRIC>NUMBER or METRIC>NUMBER%, such as 'dead>5%'"),
        ("dead", "got the condition 'dead', .*in quotes: the shell takes > for itself"),
        ("dead<5%", "got the condition 'dead<5%'"),
        ("dead=5%", "got the condition"),
        ("dead>", "got the condition"),
        ("dead>5%%", "got the condition"),
        ("dead>-1", "got the condition"),
        ("dead>1e3", "got the condition"),
        ("dead>five", "got the condition"),
        ("dead>٥", "got the condition"),
        ("5%>dead", "got the condition"),
        ("dead>5% dormant>5%", "got the condition"),
        ("dad>5%", "unknown metric 'dad' in 'dad>5%', expected one of dead, dormant, non_finite, proven"),
        ("alive>5%", "unknown metric 'alive'"),
        ("dead>101%", "got 101 % in 'dead>101%', expected a share from 0 to 100 %"),
    ],
)
def test_what_is_no_condition_is_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


def test_metrics_are_states_and_flags_that_are_bad():
    assert set(METRICS) == {*STATES, *FLAGS} - {"not_observed", "alive", "starved", "saturated", "permanent"}


def report_of(**layers: np.ndarray) -> rf.DeadUnitMonitor:
    """One complete pass over these pre-activations (rows, units) of relu; "proven" bounds its first unit."""
    monitor = rf.DeadUnitMonitor()
    with monitor.complete_pass("data"):
        for name, z in layers.items():
            monitor.observe(name, z)
    return monitor


Z = np.array([[-1.0, -2.0, 3.0, np.nan, 0.01], [-1.0, -1.0, 3.0, 1.0, -1.0]])
COUNTS = [
    ("dead", 2),
    ("non_finite", 1),
    ("proven", 1),
    ("unfired", 0),
    ("always_on", 1),
    ("dormant", 5),  # without an answer, as something is NaN
]


@pytest.mark.parametrize(("metric", "count"), COUNTS)
def test_units_are_counted_over_all_layers(metric, count):
    monitor = report_of(a=Z[:, :2], b=Z[:, 2:])
    monitor.observe_bounds("a", [-5.0, -5.0], [-0.5, 2.0], box="the box")
    outcome = parse(f"{metric}>0").judge(monitor.report())
    assert (outcome.count, outcome.units) == (count, 5)
    assert outcome.holds == (count > 0)


@pytest.mark.parametrize(
    ("z", "count"),
    [
        ([[1.0, 1.0, 0.05]], 1),
        ([[1.0, 1.0, 0.11]], 0),
        ([[-1.0, 0.0, -2.0]], 3),  # the whole layer is 0: worse than dormant
    ],
)
def test_dormant_units_are_counted_and_all_of_a_layer_that_is_0(z, count):
    assert parse("dormant>0").judge(report_of(a=np.array(z)).report()).count == count


def test_units_without_a_gate_are_unfired_not_dead():
    monitor = rf.DeadUnitMonitor()
    with monitor.complete_pass("data"):
        monitor.observe("a", -np.ones((3, 4)), activation="elu")
    report = monitor.report()
    assert parse("dead>0").judge(report).count == 0
    assert parse("unfired>0").judge(report).count == 4


# Dead units of all units, a condition, whether it holds.
LIMITS = [
    (1, 20, "dead>5%", False),
    (1, 20, "dead>=5%", True),
    (2, 20, "dead>5%", True),
    (1, 20, "dead>4.99%", True),
    (3, 10, "dead>30%", False),  # 0.3 * 10 is not 3 in binary
    (3, 10, "dead>=30%", True),
    (1, 1000, "dead>0.1%", False),
    (1, 1000, "dead>=0.1%", True),
    (3, 10, "dead>3", False),
    (3, 10, "dead>=3", True),
    (3, 10, "dead>2", True),
    (0, 10, "dead>0", False),
    (0, 10, "dead>=0", True),
    (10, 10, "dead>99.9%", True),
    (10, 10, "dead>100%", False),
]


@pytest.mark.parametrize(("dead", "units", "text", "holds"), LIMITS)
def test_limits_are_exact(dead, units, text, holds):
    z = np.where(np.arange(units) < dead, -1.0, 1.0).reshape(1, -1)
    outcome = parse(text).judge(report_of(a=z).report())
    assert outcome.count == dead
    assert outcome.holds is holds
    assert str(outcome).startswith("failed " if holds else "passed ")


def test_an_outcome_says_what_was_counted():
    outcome = parse("dead>5%").judge(report_of(a=np.array([[-1.0, 1.0, 1.0]])).report())
    assert str(outcome) == "failed dead>5%: 1 of 3 units dead, 33.3 %"
