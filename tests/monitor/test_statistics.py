"""Statistics that a layer fills itself, and gradients."""

import numpy as np
import pytest
from monitored import PASSED, TRAINED, Z, facts, passed, states

import relu_fast as rf


def test_handed_out_statistics_count_as_if_observed():
    by_hand, by_layer = rf.DeadUnitMonitor(), rf.DeadUnitMonitor()
    by_hand.observe("fc1", Z)
    rf.fused.observe(Z, "relu", stats=by_layer.unit_stats("fc1", 4, activation="relu"))
    assert facts(by_layer) == facts(by_hand)


def test_handed_out_statistics_stay_the_same_objects_over_windows():
    monitor = rf.DeadUnitMonitor()
    stats, gradients = monitor.unit_stats("fc1", 4, activation="relu"), monitor.grad_stats("fc1", 4)
    rf.fused.observe(Z, "relu", stats=stats)
    monitor.snapshot(1)
    assert stats.seen.tolist() == [0] * 4
    assert monitor.unit_stats("fc1", 4, activation="relu") is stats
    assert monitor.grad_stats("fc1", 4) is gradients
    rf.fused.observe(Z, "relu", stats=stats)
    assert monitor.report().layers["fc1"].seen.tolist() == [4] * 4


def test_handed_out_statistics_belong_to_the_running_pass():
    monitor = rf.DeadUnitMonitor()
    train = monitor.unit_stats("fc1", 4, activation="relu")
    with monitor.complete_pass("validation"):
        stats = monitor.unit_stats("fc1", 4, activation="relu")
        rf.fused.observe(Z, "relu", stats=stats)
    assert stats is not train
    assert stats is monitor.unit_stats("fc1", 4, activation="relu", phase="validation")
    assert states(monitor.report()) == PASSED


def test_a_statistics_object_left_in_place_after_the_pass_ends_its_completeness():
    monitor = rf.DeadUnitMonitor()
    with monitor.complete_pass("validation"):
        stats = monitor.unit_stats("fc1", 4, activation="relu")
        rf.fused.observe(Z, "relu", stats=stats)
    rf.fused.observe(Z, "relu", stats=stats)
    assert states(monitor.report()) == TRAINED


def test_gradients_are_counted_per_unit():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", Z)
    monitor.observe_grad("fc1", np.array([[0.0, 1.0, 0.0, np.nan], [0.0, -2.0, 3.0, np.inf]]))
    monitor.observe_grad("fc1", np.array([[-0.0, 1.0, 0.0, 0.0]]))
    gradient = monitor.report().layers["fc1"].gradient
    assert gradient.seen.tolist() == [3] * 4
    assert gradient.nonzero.tolist() == [0, 3, 1, 2]
    assert gradient.nonfinite.tolist() == [0, 0, 0, 2]
    assert gradient.nonzero_share == 6 / 12


@pytest.mark.parametrize(
    ("shape", "axis", "seen"), [((2, 3, 4), 1, 8), ((2, 4, 3), -1, 8), ((3,), None, 1), ((0, 3), None, 0)]
)
def test_gradients_have_a_unit_axis(shape, axis, seen):
    monitor = rf.DeadUnitMonitor()
    stats = monitor.grad_stats("conv", 3)
    monitor.observe_grad("conv", np.ones(shape), unit_axis=axis)
    assert stats.seen.tolist() == stats.nonzero.tolist() == [seen] * 3


def test_gradients_belong_to_every_phase_of_the_window():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", Z)
    monitor.observe_grad("fc1", np.ones((3, 4)))
    passed(monitor, Z)
    report = monitor.report()
    assert report.layers["fc1"].phase == "validation"
    assert report.layers["fc1"].gradient.nonzero_share == 1.0
    assert report.phases["train"].layers["fc1"].gradient.nonzero_share == 1.0
    monitor.snapshot(1)
    monitor.observe("fc1", Z)
    assert monitor.report().layers["fc1"].gradient is None


def test_a_layer_known_by_its_gradients_gets_its_activation_later():
    monitor = rf.DeadUnitMonitor()
    monitor.observe_grad("fc1", np.ones((3, 4)))
    assert monitor.report().layers["fc1"].activation is None
    monitor.observe("fc1", Z, activation="tanh")
    monitor.observe_grad("fc1", np.ones((3, 4)))
    layer = monitor.report().layers["fc1"]
    assert (layer.activation, layer.gradient.seen.tolist()) == ("tanh", [6] * 4)


# Bad input: one line that quotes it, and a monitor that is as it was.

LEAKY = {"activation": "leaky_relu", "negative_slope": 0.25}
BAD = [
    (Z, {"activation": "rellu"}, ValueError, "'rellu'.*relu.*leaky_relu.*tanh"),
    (Z, {"activation": None}, ValueError, "None.*relu"),
    (
        Z,
        {"activation": "relu", "alpha": 1.0},
        TypeError,
        "relu got the parameter 'alpha', its parameters are: none",
    ),
    (Z, LEAKY | {"beta": 1.0}, TypeError, "'beta'.*negative_slope"),
    (Z, LEAKY | {"phase": ""}, ValueError, "name is ''"),
    (Z, LEAKY | {"phase": 3}, ValueError, "name is 3"),
    (Z, LEAKY | {"unit_axis": 2}, ValueError, r"unit_axis is 2.*\(4, 4\)"),
    (Z, LEAKY | {"bias": np.zeros(3, np.float32)}, ValueError, r"bias.*\(3,\)"),
    (np.float32(1), LEAKY, ValueError, "no dimension"),
    (np.zeros((2, 4, 4)), LEAKY, ValueError, r"unit_axis.*\(2, 4, 4\).*NCHW"),
    (Z.astype(complex), LEAKY, TypeError, "complex128"),
    (Z.astype(object), LEAKY, TypeError, "object"),
]
CONFLICTING = [
    (
        Z[:, :3],
        LEAKY,
        ValueError,
        r"'fc1' is known as leaky_relu\(negative_slope=0.25\), 4 units, got .*, 3 units",
    ),
    (
        Z,
        {"activation": "relu"},
        ValueError,
        r"known as leaky_relu\(negative_slope=0.25\), 4 units, got relu, 4 units",
    ),
    (
        Z,
        {"activation": "leaky_relu"},
        ValueError,
        r"negative_slope=0.25\), 4 units, got .*negative_slope=0.01\)",
    ),
]


def refused(monitor, z, kwargs, error, message):
    before = facts(monitor)
    with pytest.raises(error, match=message) as caught:
        monitor.observe("fc1", z, **kwargs)
    assert "\n" not in str(caught.value)
    assert facts(monitor) == before
