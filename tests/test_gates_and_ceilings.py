"""Gates and ceilings of every activation, against the activation itself and its gradient."""

import numpy as np
import pytest

import relu_fast as rf

DTYPES = (np.float32, np.float64)  # those that a monitor takes

# Defaults, and parameters that move the edges or take them away.
CASES = [(name, {}) for name, row in rf.ACTIVATIONS.items() if None not in row.params.values()] + [
    ("prelu", {"weight": 0.25}),
    ("prelu", {"weight": 0.0}),
    ("leaky_relu", {"negative_slope": 0.0}),
    ("leaky_relu", {"negative_slope": -0.5}),
    ("thresholded_relu", {"alpha": 0.0}),
    ("thresholded_relu", {"alpha": 2.5}),
    ("thresholded_relu", {"alpha": -1.0}),
    ("hardsigmoid", {"alpha": 0.2}),
    ("hardsigmoid", {"alpha": 0.5, "beta": -1.0}),
    ("hardsigmoid", {"alpha": -0.25, "beta": 0.5}),
    ("hardtanh", {"min_val": -0.1, "max_val": 0.3}),
    ("hardtanh", {"min_val": 1.0, "max_val": 2.0}),
]
GATED = [case for case in CASES if rf.ACTIVATIONS[case[0]].gate_for(**case[1]) is not None]
GATELESS = [case for case in CASES if case not in GATED]
CEILED = [case for case in CASES if rf.ACTIVATIONS[case[0]].ceiling_for(**case[1]) is not None]
OPEN = [case for case in CASES if case not in CEILED]


def output(name, x, params):
    return rf.ufuncs.__dict__[name](x, *map(x.dtype.type, params.values()))


def gradient(name, x, params):
    found = rf.ufuncs.__dict__[f"{name}_backward"](np.ones_like(x), x, *map(x.dtype.type, params.values()))
    return found[0] if isinstance(found, tuple) else found


def filled(name, params):
    return {**rf.ACTIVATIONS[name].params, **params}


def beyond(edge, direction, dtype):
    """The edge in a dtype, its neighbour on that side, numbers further out, infinity."""
    start = dtype(edge)
    further = [start + direction * dtype(2.0) ** k for k in range(-4, 12)]
    infinity = dtype(direction * np.inf)
    return np.array([start, np.nextafter(start, infinity), *further, infinity], dtype)


def test_every_activation_is_tested():
    assert {name for name, _ in CASES} == set(rf.ACTIVATIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "params"), GATED, ids=repr)
def test_at_and_below_the_gate_output_and_gradient_are_zero(name, params, dtype):
    x, full = beyond(rf.ACTIVATIONS[name].gate_for(**params), -1, dtype), filled(name, params)
    assert not gradient(name, x, full).any()
    least = dtype(full["min_val"]) if name == "hardtanh" else dtype(0)
    assert (output(name, x, full) == least).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "params"), GATED, ids=repr)
def test_just_above_the_gate_a_gradient_passes_and_the_unit_fires(name, params, dtype):
    gate = dtype(rf.ACTIVATIONS[name].gate_for(**params))
    x = np.nextafter(gate, dtype(np.inf)).reshape(1, 1)
    stats = rf.UnitStats(1)
    rf.fused.observe(x, name, stats=stats, **params)
    assert stats.active.tolist() == [1]
    assert gradient(name, x, filled(name, params)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "params"), GATELESS, ids=repr)
def test_without_a_gate_a_gradient_passes_on_the_left(name, params, dtype):
    x = np.linspace(-6.0, 0.0, 97, dtype=dtype)[:-1]
    assert gradient(name, x, filled(name, params)).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "params"), CEILED, ids=repr)
def test_at_and_above_the_ceiling_the_gradient_is_zero(name, params, dtype):
    x, full = beyond(rf.ACTIVATIONS[name].ceiling_for(**params), 1, dtype), filled(name, params)
    assert not gradient(name, x, full).any()
    assert len(set(output(name, x, full).tolist())) == 1
    assert gradient(name, np.nextafter(x[:1], dtype(-np.inf)), full).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "params"), OPEN, ids=repr)
def test_without_a_ceiling_a_gradient_passes_on_the_right(name, params, dtype):
    x = np.linspace(0.0, 4.0, 97, dtype=dtype)[1:]
    assert gradient(name, x, filled(name, params)).any()


@pytest.mark.parametrize(
    ("name", "ceiling"), [("relu6", 6.0), ("hardtanh", 1.0), ("hardsigmoid", 3.0), ("relu", None)]
)
def test_a_saturated_layer_is_flagged_where_there_is_a_ceiling(name, ceiling):
    monitor = rf.DeadUnitMonitor()
    low = 0.0 if ceiling is None else ceiling
    z = np.array([[low, low + 1.0, low - 0.5], [low + 2.0, low, low + 1.0]])
    monitor.observe("fc1", z, activation=name)
    flags = monitor.report().layers["fc1"].flags["saturated"]
    assert (flags if ceiling is None else flags.tolist()) == (
        None if ceiling is None else [True, True, False]
    )
