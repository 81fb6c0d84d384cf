"""Bounds of pre-activations that a monitor is told of."""

import numpy as np
import pytest
from monitored import passed

import relu_fast as rf

Z = np.array([[-1.0, 1.0, 0.01], [-2.0, 1.0, 0.01]])


def test_a_bound_below_the_gate_is_a_proof():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, Z)
    monitor.observe_bounds("fc1", [-3.0, -1.0, -1.0], [-0.5, 2.0, np.inf], box="x in (-1, 0)")
    layer = monitor.report().layers["fc1"]
    assert layer.states.tolist() == ["proven", "always_on", "always_on"]
    assert (layer.dead, layer.dead_units.tolist(), layer.bounds.box) == (1, [0], "x in (-1, 0)")
    assert layer.evidence(0).upper == -0.5
    text = " ".join(str(monitor.report()).split())
    assert "fc1: proven dead units 0 (1 unit): over x in (-1, 0) z is at most -0.5, the gate is 0." in text


def test_the_text_says_how_many_dead_units_are_not_proven():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, -np.ones((2, 3)))
    monitor.observe_bounds("fc1", [-3.0] * 3, [-0.5, 2.0, 4.0], box="x in (-1, 0)")
    text = " ".join(str(monitor.report()).split())
    assert "fc1: 2 dead units not proven dead over x in (-1, 0): upper bounds of z 2 to 4." in text


def test_bounds_may_come_before_the_data_and_without_a_complete_pass():
    monitor = rf.DeadUnitMonitor()
    monitor.observe_bounds("fc1", [-1.0], [-0.5], box="all")
    assert monitor.report().layers["fc1"].states.tolist() == ["not_observed"]
    monitor.observe("fc1", -np.ones((2, 1)), phase="test")
    assert monitor.report().layers["fc1"].states.tolist() == ["proven"]


@pytest.mark.parametrize("event", ["train", "gradient", "window"])
def test_bounds_are_forgotten_when_weights_may_have_moved(event):
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", np.ones((2, 1)))
    passed(monitor, -np.ones((2, 1)))
    monitor.observe_bounds("fc1", [-1.0], [-0.5], box="all")
    assert monitor.report().layers["fc1"].states.tolist() == ["proven"]
    if event == "train":
        monitor.observe("fc1", -np.ones((2, 1)))
    elif event == "gradient":
        monitor.observe_grad("fc1", -np.ones((2, 1)))
    else:
        monitor.snapshot(1)
        passed(monitor, -np.ones((2, 1)))
    layer = monitor.report().layers["fc1"]
    assert (layer.states.tolist(), layer.upper) == (["dead"], None)


def test_a_snapshot_keeps_its_bounds():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, -np.ones((2, 1)))
    monitor.observe_bounds("fc1", [-1.0], [-0.5], box="all")
    monitor.snapshot(1)
    layer = monitor.report().layers["fc1"]
    assert (layer.states.tolist(), layer.upper.tolist()) == (["proven"], [-0.5])
    with pytest.raises(ValueError, match="read-only"):
        layer.upper[0] = 1.0
