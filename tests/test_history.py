"""Deaths, revivals and causes: each cause constructed and named, and nothing named where there is none."""

import numpy as np
import pytest

import relu_fast as rf
from relu_fast import history
from relu_fast.history import CAUSES, JUMP, Cause, UnitFacts, cause_of


def test_the_causes_are_those_of_the_documented_table():
    lines = history.__doc__.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(CAUSES)] == [*CAUSES]


# cause_of: what was known when the unit was alive, what is known now that it is dead

ALIVE = {"gate": 0.0, "largest": 1.0, "bias": 0.5, "raisable": True, "raised": True}
DEAD = {"gate": 0.0, "largest": -0.5, "bias": 0.5, "raisable": True, "raised": True}
JUMPED = {"step_norm": 0.75, "weights_norm": 1.5}
DRIFTED = {"bias": -1.0}  # the inputs reach 0.5
ALONE = {"raised": False, "dead_predecessors": 3, "predecessors": 4}
SCALED = {"scale": 1.0, "shift": 0.0}
SHIFTED = {"scale": 1.0, "shift": -1.5}  # before it the largest was 1

FOUND = [
    (
        {},
        JUMPED,
        Cause("weights_jumped", {"step_norm": 0.75, "weights_norm": 1.5}),
    ),
    (
        {},
        DRIFTED,
        Cause("bias_drifted", {"bias_before": 0.5, "bias": -1.0, "reach": 0.5, "gate": 0.0}),
    ),
    ({}, ALONE, Cause("predecessors_dead", {"dead_predecessors": 3, "predecessors": 4})),
    (
        SCALED,
        SHIFTED,
        Cause(
            "normalisation",
            {"scale_before": 1.0, "scale": 1.0, "shift_before": 0.0, "shift": -1.5, "gate": 0.0},
        ),
    ),
    # In the order of CAUSES.
    ({}, JUMPED | DRIFTED, Cause("weights_jumped", JUMPED)),
    (
        {},
        DRIFTED | ALONE,
        Cause("bias_drifted", {"bias_before": 0.5, "bias": -1.0, "reach": 0.5, "gate": 0.0}),
    ),
    (SCALED, SHIFTED | ALONE, Cause("predecessors_dead", {"dead_predecessors": 3, "predecessors": 4})),
]


@pytest.mark.parametrize(("before", "now", "expected"), FOUND)
def test_a_cause_is_named_with_its_evidence(before, now, expected):
    assert cause_of(UnitFacts(**ALIVE | before), UnitFacts(**DEAD | now)) == expected


NOT_FOUND = {
    "nothing is known": (dict.fromkeys(ALIVE), dict.fromkeys(DEAD)),
    "weights moved slowly": ({}, {}),
    "a step just short of a jump": ({}, {"step_norm": np.nextafter(JUMP, 0.0), "weights_norm": 1.0}),
    "weights of norm 0 have no length to compare with": ({}, {"step_norm": 1.0, "weights_norm": 0.0}),
    "the bias rose": ({}, {"bias": 0.6}),
    "with its old bias the unit would be dead, too": ({"bias": -0.9}, DRIFTED),
    "the bias fell, the inputs far more": ({"largest": 9.0, "bias": 0.55}, {"largest": -0.01, "bias": 0.5}),
    "the bias before is not known": ({"bias": None}, DRIFTED),
    "a bias before a normalisation does not count": (SCALED, SCALED | DRIFTED),
    "predecessors that could raise z never were": ({}, {"raisable": False, "raised": False}),
    "no live predecessor could raise z before": ({"raised": False}, ALONE),
    "the normalisation stood still": (SCALED, SCALED),
    "the normalisation before is not known": ({}, SHIFTED),
    "another normalisation would not help": (SCALED | {"shift": -1.1}, SHIFTED),
    "a scale that changed its sign, and the smallest z is not known": (
        {"scale": -1.0, "shift": 0.0},
        {"scale": 1.0, "shift": -0.9},
    ),
}


@pytest.mark.parametrize(("before", "now"), NOT_FOUND.values(), ids=NOT_FOUND)
def test_nothing_is_named_where_there_is_no_cause(before, now):
    assert cause_of(UnitFacts(**ALIVE | before), UnitFacts(**DEAD | now)) is None


@pytest.mark.parametrize(
    ("before", "now", "named"),
    [
        # z was between -1 and 3; turned round it is between -3 and 1, then shifted.
        (
            {"scale": -1.0, "shift": 0.0},
            {"scale": 1.0, "shift": -2.0, "largest": -1.0, "smallest": -5.0},
            True,
        ),
        (
            {"scale": -1.0, "shift": 0.0},
            {"scale": 1.0, "shift": -2.0, "largest": -1.0, "smallest": -1.5},
            False,
        ),
        ({"scale": 2.0, "shift": 0.0}, {"scale": 0.0, "shift": -0.5}, True),
        ({"scale": 0.0, "shift": 1.0}, {"scale": 0.0, "shift": -0.5}, False),
    ],
)
def test_a_normalisation_may_turn_its_input_round_or_lose_it(before, now, named):
    found = cause_of(UnitFacts(**ALIVE | before), UnitFacts(**DEAD | now))
    assert (found is not None and found.kind == "normalisation") == named


def test_a_unit_that_was_never_known_to_be_alive_has_no_cause_but_its_birth():
    now = UnitFacts(**DEAD | JUMPED | DRIFTED | ALONE)
    assert cause_of(None, now) is None
    assert cause_of(None, now, initial=True) == Cause("born_dead", {"largest": -0.5, "gate": 0.0})


# predecessors

LIVING = [False, False]


@pytest.mark.parametrize(
    ("weights", "activation", "dead", "raisable", "raised"),
    [
        ([[1.0], [-1.0]], "relu", LIVING, True, True),
        ([[1.0], [-1.0]], "relu", [True, False], True, False),
        ([[1.0], [-1.0]], "relu", [False, True], True, True),
        ([[0.0], [-1.0]], "relu", LIVING, False, False),
        ([[1.0], [-1.0]], "hardtanh", [True, False], True, True),  # below zero through a weight below zero
        ([[1.0], [0.0]], "hardtanh", [True, False], True, False),
        ([[1.0], [1.0]], "relu", [True, True], True, False),
        (np.zeros((0, 1)), "relu", [], False, False),
    ],
)
def test_a_predecessor_can_raise_z_if_it_is_not_dead(weights, activation, dead, raisable, raised):
    found = history.raised_by(weights, activation, dead)
    assert [array.tolist() for array in found] == [[raisable], [raised]]


# events over snapshots, by hand: one layer "fc2" of relu units after "fc1"


def snapshot(monitor, step, z, *, trained=(), weights=(), initial=False, **layers):
    """A window: weights looked at one after the other, then a complete pass of batches by layer."""
    for rows in trained:
        monitor.observe("fc2", rows)
    for facts in weights:
        monitor.observe_weights("fc2", **facts)
    with monitor.complete_pass():
        for name, rows in {"fc2": z, **layers}.items():
            monitor.observe(name, np.asarray(rows, float))
    return monitor.snapshot(step, initial=initial)


def happened(monitor):
    return [
        (event.layer, event.unit, event.kind, event.step, event.cause and event.cause.kind)
        for event in monitor.report().events
    ]


def test_a_unit_dies_and_is_revived_at_the_snapshots_that_find_it_so():
    monitor = rf.DeadUnitMonitor()
    for step, z in enumerate([(1, 1), (1, -1), (-1, -1), (-1, 1), (-1, 1), (1, -1)], start=1):
        snapshot(monitor, step, [z])
    assert happened(monitor) == [
        ("fc2", 1, "death", 2, None),
        ("fc2", 0, "death", 3, None),
        ("fc2", 1, "revival", 4, None),
        ("fc2", 0, "revival", 6, None),
        ("fc2", 1, "death", 6, None),
    ]


def test_snapshots_that_cannot_tell_change_nothing():
    monitor = rf.DeadUnitMonitor()
    snapshot(monitor, 1, [(1, -1)])
    monitor.observe("fc2", -np.ones((3, 2)))
    monitor.snapshot(2)  # no complete pass
    monitor.snapshot(3)  # nothing seen
    with monitor.complete_pass():
        monitor.observe("fc2", np.full((3, 2), np.nan))
    monitor.snapshot(4)
    assert happened(monitor) == [("fc2", 1, "death", 1, None)]
    monitor.observe("fc2", np.ones((3, 2)))
    monitor.snapshot(5)  # in training a unit that fires is seen to be alive
    snapshot(monitor, 6, [(-1, 1)])
    assert happened(monitor)[1:] == [("fc2", 1, "revival", 5, None), ("fc2", 0, "death", 6, None)]


def test_units_without_a_gate_never_die():
    monitor = rf.DeadUnitMonitor()
    for step, sign in enumerate([1, -1]):
        with monitor.complete_pass():
            monitor.observe("fc2", sign * np.ones((3, 2)), activation="elu")
        monitor.snapshot(step)
    assert happened(monitor) == []


def test_a_proven_unit_is_a_dead_one():
    monitor = rf.DeadUnitMonitor()
    snapshot(monitor, 1, [(1, 1)])
    with monitor.complete_pass():
        monitor.observe("fc2", -np.ones((3, 2)))
    monitor.observe_bounds("fc2", [-2, -2], [-1, 1], box="all")
    monitor.snapshot(2)
    snapshot(monitor, 3, [(-1, 1)])
    assert happened(monitor) == [
        ("fc2", 0, "death", 2, None),
        ("fc2", 1, "death", 2, None),
        ("fc2", 1, "revival", 3, None),
    ]


def test_who_is_dead_before_the_first_step_is_born_dead():
    monitor = rf.DeadUnitMonitor()
    snapshot(monitor, 0, [(1, -1)], initial=True)
    snapshot(monitor, 1, [(-1, -1)])
    assert happened(monitor) == [("fc2", 1, "death", 0, "born_dead"), ("fc2", 0, "death", 1, None)]


def test_who_is_dead_when_first_seen_is_not_called_born_dead():
    monitor = rf.DeadUnitMonitor()
    snapshot(monitor, 0, [(1, -1)])
    assert happened(monitor) == [("fc2", 1, "death", 0, None)]


@pytest.mark.parametrize("before", ["trained", "a snapshot"])
def test_an_initial_snapshot_comes_before_training(before):
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc2", np.ones((3, 2)))
    if before == "a snapshot":
        monitor.snapshot(1)
    with pytest.raises(
        ValueError, match=r"snapshot\(2, initial=True\) after .*, expected it before the first"
    ):
        monitor.snapshot(2, initial=True)
    assert len(monitor.report().history) == (before == "a snapshot")


W = np.array([[1.0, 1.0], [0.0, 0.0]])


def test_a_jump_of_the_weights_is_named_for_the_unit_that_jumped():
    monitor = rf.DeadUnitMonitor()
    snapshot(monitor, 1, [(1, 1)], weights=[{"weights": W}])
    steps = [{"weights": W * factors} for factors in ([1.1, 1.1], [-0.9, 1.1], [-1.0, -1.0])]
    snapshot(monitor, 2, [(-1, -1)], weights=steps)
    first, second = monitor.report().events
    assert first.cause == Cause("weights_jumped", {"step_norm": 2.0, "weights_norm": pytest.approx(1.1)})
    # Of the second unit the last step is the largest: from 1.1 to -1.
    assert second.cause.evidence["step_norm"] == pytest.approx(2.1)


def test_a_jump_between_the_last_look_alive_and_the_first_look_dead_is_remembered():
    monitor = rf.DeadUnitMonitor()
    snapshot(monitor, 1, [(1, 1)], weights=[{"weights": W}])
    monitor.observe_weights("fc2", W * [-1, 1])
    monitor.snapshot(2)  # nothing seen of the units
    snapshot(monitor, 3, [(-1, -1)], weights=[{"weights": W * [-1, 1]}])
    assert happened(monitor) == [("fc2", 0, "death", 3, "weights_jumped"), ("fc2", 1, "death", 3, None)]


def test_a_jump_that_a_unit_outlived_is_not_why_it_dies_later():
    monitor = rf.DeadUnitMonitor()
    snapshot(monitor, 1, [(1, 1)], weights=[{"weights": W}, {"weights": -W}])
    snapshot(monitor, 2, [(-1, -1)], weights=[{"weights": -W * 1.01}])
    assert happened(monitor) == [("fc2", 0, "death", 2, None), ("fc2", 1, "death", 2, None)]


def test_many_small_steps_are_no_jump():
    monitor = rf.DeadUnitMonitor()
    snapshot(monitor, 1, [(1, 1)], weights=[{"weights": W}])
    steps = [{"weights": W * (1 - 0.05 * k)} for k in range(1, 9)]
    snapshot(monitor, 2, [(1, -1)], weights=steps)
    assert happened(monitor) == [("fc2", 1, "death", 2, None)]


def test_a_bias_below_the_reach_of_the_inputs_is_named():
    monitor = rf.DeadUnitMonitor()
    snapshot(monitor, 1, [(1.5, 1.5)], weights=[{"weights": W, "bias": [0.5, 0.5]}])
    # The inputs of both reach 1; the second unit's have moved instead.
    snapshot(monitor, 2, [(-1.0, -1.0)], weights=[{"weights": W, "bias": [-2.0, 0.5]}])
    first, second = monitor.report().events
    assert first.cause == Cause("bias_drifted", {"bias_before": 0.5, "bias": -2.0, "reach": 1.0, "gate": 0.0})
    assert second.cause is None


def test_dead_predecessors_are_named_if_no_other_could_raise_the_unit():
    monitor = rf.DeadUnitMonitor()
    looks = [{"weights": np.array([[1.0, 1.0], [-1.0, 1.0]]), "bias": [-0.1, -0.1], "predecessor": "fc1"}]
    snapshot(monitor, 1, [(1, 1)], weights=looks, fc1=[(1, 1)])
    snapshot(monitor, 2, [(-1, -1)], weights=looks, fc1=[(-1, 1)])
    assert happened(monitor) == [
        ("fc2", 0, "death", 2, "predecessors_dead"),
        ("fc2", 1, "death", 2, None),
        ("fc1", 0, "death", 2, None),
    ]
    cause = next(event.cause for event in monitor.report().events if event.cause)
    assert cause.evidence == {"dead_predecessors": 1, "predecessors": 2}


def test_a_shift_of_the_normalisation_is_named():
    monitor = rf.DeadUnitMonitor()
    facts = {"weights": W, "bias": [9.0, 9.0], "scale": [1.0, 1.0]}
    snapshot(monitor, 1, [(2, 2)], weights=[facts | {"shift": [0.0, 0.0]}])
    snapshot(monitor, 2, [(-1, -1)], weights=[facts | {"shift": [-3.0, 0.0], "bias": [-9.0, -9.0]}])
    first, second = monitor.report().events
    assert (first.cause.kind, first.cause.evidence["shift"]) == ("normalisation", -3.0)
    assert second.cause is None


@pytest.mark.parametrize("looks", [True, False])
def test_weights_that_stand_still_or_were_not_observed_name_nothing(looks):
    monitor = rf.DeadUnitMonitor()
    for step, z in enumerate([1, -1], start=1):
        snapshot(monitor, step, [(z, z)], weights=[{"weights": W}] if looks else [])
    assert [cause for *_, cause in happened(monitor)] == [None, None]


def test_events_are_reconstructable_and_hashable():
    monitor = rf.DeadUnitMonitor()
    snapshot(monitor, 0, [(1, -1)], initial=True)
    (event,) = monitor.report().events
    names = {"UnitEvent": history.UnitEvent, "Cause": Cause}
    assert eval(repr(event), names) == event
    assert len({event, eval(repr(event), names)}) == 1
