"""Bad input: one line that quotes it, and a monitor that is as it was."""

import numpy as np
import pytest
from monitored import Z, facts

import relu_fast as rf

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


@pytest.mark.parametrize(("z", "kwargs", "error", "message"), BAD)
def test_bad_observations_leave_a_new_monitor_unchanged(z, kwargs, error, message):
    refused(rf.DeadUnitMonitor(), z, kwargs, error, message)


@pytest.mark.parametrize(("z", "kwargs", "error", "message"), BAD + CONFLICTING)
def test_bad_observations_leave_a_known_layer_unchanged(z, kwargs, error, message):
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", Z, **LEAKY)
    refused(monitor, z, kwargs, error, message)


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_layer_has_a_name(name):
    monitor = rf.DeadUnitMonitor()
    for call in (
        lambda: monitor.observe(name, Z),
        lambda: monitor.observe_grad(name, Z),
        lambda: monitor.unit_stats(name, 4, activation="relu"),
        lambda: monitor.grad_stats(name, 4),
    ):
        with pytest.raises(ValueError, match=f"the name is {name!r}"):
            call()
    assert not monitor.report().layers


@pytest.mark.parametrize(
    ("gz", "axis", "error", "message"),
    [
        (np.ones((2, 3)), None, ValueError, "known as relu, 4 units, got any activation, 3 units"),
        (np.ones((2, 3, 4)), None, ValueError, r"unit_axis.*\(2, 3, 4\)"),
        (np.ones((2, 4)), 2, ValueError, "unit_axis is 2"),
        (np.ones((2, 4), complex), None, TypeError, "complex128"),
        (np.array([["a"] * 4]), None, TypeError, "<U1"),
    ],
)
def test_bad_gradients_are_refused_and_leave_the_monitor_unchanged(gz, axis, error, message):
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", Z)
    before = facts(monitor)
    with pytest.raises(error, match=message):
        monitor.observe_grad("fc1", gz, unit_axis=axis)
    assert facts(monitor) == before


def test_statistics_are_only_handed_out_for_the_layer_as_it_is_known():
    monitor = rf.DeadUnitMonitor()
    monitor.unit_stats("fc1", 4, activation="relu")
    with pytest.raises(ValueError, match="known as relu, 4 units, got relu, 5 units"):
        monitor.unit_stats("fc1", 5, activation="relu", phase="validation")
    with pytest.raises(ValueError, match="known as relu, 4 units, got any activation, 5 units"):
        monitor.grad_stats("fc1", 5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.grad_stats("a", -1), ValueError, "-1"),
        (lambda m: m.unit_stats("a", -1, activation="relu"), ValueError, "-1"),
        (lambda m: m.unit_stats("a", 3, activation="prelu", weight=[0.0, 0.5]), ValueError, r"shape \(2,\)"),
        (
            lambda m: m.unit_stats("a", 3, activation="elu", alpha=np.nan),
            ValueError,
            "elu got NaN in .*'alpha'",
        ),
        (
            lambda m: m.unit_stats("a", 3, activation="elu", alpha="1"),
            TypeError,
            "elu got dtype <U1 in .*'alpha'",
        ),
        (lambda m: m.observe("a", Z, activation="elu", alpha=np.nan), ValueError, "elu got NaN in .*'alpha'"),
    ],
)
def test_a_layer_that_cannot_be_is_refused_and_not_registered(call, error, message):
    monitor = rf.DeadUnitMonitor()
    with pytest.raises(error, match=message):
        call(monitor)
    assert dict(monitor.report().layers) == {}


W = np.ones((2, 3))
CALLS = [
    (
        lambda m: m.observe_bounds("fc1", [0], [1], box="b"),
        ValueError,
        "known as relu, 3 units, got any .*, 1 units",
    ),
    (
        lambda m: m.observe_bounds("fc1", [0, 0, 2], [1, 1, 1], box="b"),
        ValueError,
        "lower is 2 and upper 1 for unit 2",
    ),
    (
        lambda m: m.observe_bounds("fc1", [0, 0], [1, 1, 1], box="b"),
        ValueError,
        r"lower has shape \(2,\), expected \(3,\)",
    ),
    (lambda m: m.observe_bounds("fc1", W, W, box="b"), ValueError, r"lower has shape \(2, 3\)"),
    (lambda m: m.observe_bounds("fc1", ["a"] * 3, [1] * 3, box="b"), TypeError, "lower has dtype <U1"),
    (lambda m: m.observe_bounds("fc1", [0] * 3, [1] * 3, box=""), ValueError, "box is ''"),
    (lambda m: m.observe_bounds("", [0] * 3, [1] * 3, box="b"), ValueError, "name is ''"),
    (
        lambda m: m.observe_weights("fc1", W.T),
        ValueError,
        "known as relu, 3 units, got any activation, 2 units",
    ),
    (
        lambda m: m.observe_weights("fc1", W, unit_axis=2),
        ValueError,
        r"unit_axis is 2, expected .* weights \(2, 3\)",
    ),
    (lambda m: m.observe_weights("fc1", 1.0), ValueError, r"unit_axis is -1, expected one of the 0 axes"),
    (lambda m: m.observe_weights("fc1", W * 1j), TypeError, "weights has dtype complex128"),
    (lambda m: m.observe_weights("fc1", W, [1.0]), ValueError, r"bias has shape \(1,\), expected \(3,\)"),
    (lambda m: m.observe_weights("fc1", W, ["a"] * 3), TypeError, "bias has dtype <U1"),
    (
        lambda m: m.observe_weights("fc1", W, scale=[1] * 3),
        ValueError,
        "shift is missing, expected it beside scale",
    ),
    (
        lambda m: m.observe_weights("fc1", W, shift=[1] * 3),
        ValueError,
        "scale is missing, expected it beside shift",
    ),
    (
        lambda m: m.observe_weights("fc1", W, predecessor="fc1"),
        ValueError,
        r"shape \(2, 3\), expected .* 3 features",
    ),
    (
        lambda m: m.observe_weights("fc1", W[0], predecessor="x"),
        ValueError,
        r"shape \(3,\), expected two dimensions",
    ),
    (lambda m: m.observe_weights("", W), ValueError, "name is ''"),
    (
        lambda m: m.observe_training("fc9"),
        ValueError,
        "'fc9' is not known, expected one that was observed: fc1",
    ),
    (
        lambda m: m.observe_training("fc1", first_moments=[W.T]),
        ValueError,
        r"shape \(3, 2\), expected 3 units",
    ),
    (
        lambda m: m.observe_training("fc1", first_moments=[1.0]),
        ValueError,
        "unit_axis is -1, expected one of the 0",
    ),
    (lambda m: m.observe_training("fc1", first_moments=[["a"] * 3]), TypeError, "first moment has dtype <U1"),
    (
        lambda m: m.observe_training("fc1", weight_decay="much"),
        TypeError,
        "weight_decay is 'much', expected a number",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), CALLS)
def test_what_makes_no_sense_is_refused_and_leaves_the_monitor_unchanged(call, error, message):
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", np.ones((2, 3)))
    before = facts(monitor)
    with pytest.raises(error, match=message) as caught:
        call(monitor)
    assert "\n" not in str(caught.value)
    assert facts(monitor) == before
    assert monitor.report().layers["fc1"].weights is None
