"""Flags as a monitor fed by hand knows them."""

import numpy as np
import pytest
from monitored import passed

import relu_fast as rf

# Dead, firing, firing a hundred times less.
Z = np.array([[-1.0, 1.0, 0.01], [-2.0, 1.0, 0.01]])


def flags(monitor, name="fc1"):
    found = monitor.report().layers[name].flags
    return {flag: None if units is None else units.tolist() for flag, units in found.items()}


def moved(monitor, **kwargs):
    """All that `permanent` asks, unless said otherwise: nothing moves the units."""
    nothing = {"trainable_upstream": False, "weight_decay": 0.0, "first_moments": ()}
    monitor.observe_training("fc1", **nothing | kwargs)


def test_flags_are_read_from_the_best_founded_phase():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", np.ones((2, 3)))
    monitor.observe_grad("fc1", np.array([[0.0, 0.0, 1.0]]))
    assert flags(monitor)["dormant"] == [False] * 3
    passed(monitor, Z)
    assert flags(monitor) == {
        "dormant": [True, False, True],
        "starved": [False, True, False],
        "saturated": None,
        "permanent": None,
    }


def test_a_layer_that_is_0_has_no_dormant_units_and_the_text_says_so():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, -np.ones((2, 3)))
    assert flags(monitor)["dormant"] is None
    assert "fc1: which units are dormant is not defined: every output was 0." in str(monitor.report())


def test_negative_outputs_count_by_their_size():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, np.array([[-1.0, 1.0]]), activation="tanh")
    assert monitor.report().layers["fc1"].dormancy.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("collect", [(), ("min",), "min", ("sum_abs",), ("active", "sum_abs", "min")])
def test_what_is_collected_can_be_chosen(collect):
    monitor = rf.DeadUnitMonitor(collect=collect)
    monitor.observe("fc1", np.array([[6.0, 7.0]]), activation="relu6")
    layer = monitor.report().layers["fc1"]
    assert (layer.min is None, layer.sum_abs is None) == ("min" not in collect, "sum_abs" not in collect)
    known = {flag for flag, units in flags(monitor).items() if units is not None}
    assert known >= {"saturated"} if "min" in collect else "saturated" not in known
    assert ("dormant" in known) == ("sum_abs" in collect)


def test_what_cannot_be_collected_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="cannot collect 'mean'; choose from active, nonfinite, max, min"):
        rf.DeadUnitMonitor(collect=["mean"])


# permanent


def test_a_dead_unit_that_nothing_can_move_is_permanent():
    monitor = rf.DeadUnitMonitor()
    monitor.observe_grad("fc1", np.array([[0.0, 1.0, 0.0]]))
    passed(monitor, Z)
    assert flags(monitor)["permanent"] is None
    moved(monitor)
    assert flags(monitor)["permanent"] == [True, False, False]
    assert "fc1: its dead units are dead for good: nothing is trained before them" in str(monitor.report())


@pytest.mark.parametrize(
    "moves",
    [
        {"trainable_upstream": True},
        {"weight_decay": 1e-4},
        {"first_moments": [np.zeros((5, 3)), np.array([1e-30, 0.0, 0.0])]},
        {"first_moments": [np.eye(3)], "unit_axis": 0},
    ],
)
def test_a_dead_unit_that_something_moves_is_not_permanent(moves):
    monitor = rf.DeadUnitMonitor()
    monitor.observe_grad("fc1", np.array([[0.0, 1.0, 0.0]]))
    passed(monitor, Z)
    moved(monitor, **moves)
    assert flags(monitor)["permanent"] == [False] * 3


@pytest.mark.parametrize("unknown", ["trainable_upstream", "weight_decay", "first_moments"])
def test_what_was_not_told_is_not_known(unknown):
    monitor = rf.DeadUnitMonitor()
    monitor.observe_grad("fc1", np.array([[0.0, 1.0, 0.0]]))
    passed(monitor, Z)
    moved(monitor, **{unknown: None})
    assert flags(monitor)["permanent"] is None


def test_without_gradients_of_the_window_it_is_not_known():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, Z)
    moved(monitor)
    assert flags(monitor)["permanent"] is None
    monitor.observe_grad("fc1", np.array([[0.0, 1.0, 0.0]]))
    monitor.snapshot(1)
    passed(monitor, Z)
    moved(monitor)
    assert flags(monitor)["permanent"] is None


def test_moments_are_those_of_the_moment():
    monitor = rf.DeadUnitMonitor()
    monitor.observe_grad("fc1", np.array([[0.0, 1.0, 0.0]]))
    passed(monitor, Z)
    moved(monitor)
    monitor.observe("fc1", Z)  # training goes on
    assert flags(monitor)["permanent"] is None


def test_a_learned_slope_moves_a_unit():
    monitor = rf.DeadUnitMonitor()
    monitor.observe_grad("fc1", np.zeros((1, 3)))
    passed(monitor, Z, activation="prelu", weight=0.0)
    moved(monitor)
    assert flags(monitor)["permanent"] == [False] * 3
