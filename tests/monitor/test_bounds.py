"""Bounds of pre-activations that a monitor is told of."""

import numpy as np
import pytest
from monitored import passed

import relu_fast as rf
from relu_fast import nn
from relu_fast.report.text import explain

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


def test_bounds_after_a_snapshot_stand_beside_its_counts_and_leave_the_history():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, Z)
    monitor.snapshot(1)
    monitor.observe_bounds("fc1", [-3.0, -1.0, -1.0], [-0.5, 2.0, np.inf], box="all")
    report = monitor.report()
    layer = report.layers["fc1"]
    assert (report.step, layer.seen.tolist(), layer.upper.tolist()) == (1, [2, 2, 2], [-0.5, 2.0, np.inf])
    assert layer.states.tolist() == ["proven", "always_on", "always_on"]
    assert report.phases["validation"].layers["fc1"].states[0] == "proven"
    assert report.history[-1].layers["fc1"].states[0] == "dead"
    monitor.observe("fc1", Z)
    assert monitor.report().layers["fc1"].upper is None


def test_a_proof_stands_before_data_from_outside_its_box_and_says_so():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, -Z)
    monitor.observe_bounds("fc1", [-3.0, -1.0, -1.0], [-0.5, 2.0, -0.1], box="x in (-1, 0)")
    layer = monitor.report().layers["fc1"]
    assert layer.states.tolist() == ["proven", "dead", "proven"]
    text = " ".join(str(monitor.report()).split())
    assert (
        "fc1: proven dead units 0 (1 unit) fired in 2 examples: outside that box, or with other weights."
        in text
    )
    assert explain(layer.evidence(0)).endswith("the gate is 0; fired all the same on 100 % in 2 examples")
    assert explain(layer.evidence(2)).endswith("the gate is 0")


def small_network():
    """A network whose first layer has a unit that is dead on [-1, 1], and one that is dead on nothing."""
    model = nn.Sequential([nn.Dense(3, "relu", name="fc1"), nn.Dense(1, "sigmoid", name="out")])
    model.build(2)
    model.layers[0].kernel[...] = [[0.25, 0.5, 0.5], [0.25, 0.5, -0.5]]
    model.layers[0].bias[...] = [-9.0, 1.5, 0.0]
    return model


def test_a_proof_tells_a_monitor_that_watches_by_hand():
    model, monitor = small_network(), rf.DeadUnitMonitor()
    x = np.random.default_rng(0).uniform(-1.0, 1.0, (64, 2)).astype(np.float32)
    with monitor.complete_pass():
        monitor.observe("fc1", x @ model.layers[0].kernel, bias=model.layers[0].bias, activation="relu")
    proof = rf.bounds.prove(model, rf.bounds.Box(-1, 1))
    proof.tell(monitor)
    report = monitor.report()
    assert report.layers["fc1"].states.tolist() == ["proven", "always_on", "alive"]
    assert report.layers["fc1"].upper.tolist() == proof["fc1"].upper.tolist()
    assert report.to_dict()["layers"]["fc1"]["proven_units"] == [0]


class Proving(nn.Callback):
    """Proves at the end of every epoch."""

    def __init__(self, monitor):
        self.monitor = monitor

    def on_epoch_end(self, model, epoch, logs):
        rf.bounds.prove(model, rf.bounds.Box(-1, 1)).tell(self.monitor)


@pytest.mark.parametrize("before_the_monitor", [True, False])
def test_a_proof_tells_a_monitor_in_training(before_the_monitor):
    monitor = rf.DeadUnitMonitor()
    callbacks = [Proving(monitor), monitor]
    x = np.random.default_rng(0).uniform(-1.0, 1.0, (64, 2)).astype(np.float32)
    y = (x[:, :1] > 0).astype(np.float32)
    small_network().fit(
        *(x, y),
        epochs=2,
        validation_data=(x, y),
        callbacks=callbacks if before_the_monitor else callbacks[::-1],
        progress=False,
    )
    report = monitor.report()
    assert (report.step, report.layers["fc1"].states[0]) == (2, "proven")
    assert report.layers["fc1"].complete
    assert "fc1: proven dead units 0 (1 unit): over stated, all in [-1, 1] z is at most" in " ".join(
        str(report).split()
    )
    states = [point.layers["fc1"].states[0] for point in report.history]
    assert states == ["dead", *["proven" if before_the_monitor else "dead"] * 2]
