"""The monitor fed by hand: which states the batches lead to, layer by layer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from monitored import PASSED, TRAINED, Z, facts, passed, states

import relu_fast as rf


def test_training_makes_silent_units_at_most_unfired():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", Z)
    layer = monitor.report().layers["fc1"]
    assert layer.states.tolist() == TRAINED
    assert layer.dead is None  # unknown, not 0
    assert (layer.phase, layer.complete) == ("train", False)


def test_a_complete_pass_makes_silent_units_dead():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, Z)
    layer = monitor.report().layers["fc1"]
    assert layer.states.tolist() == PASSED
    assert (layer.dead, layer.dead_units.tolist()) == (1, [0])
    assert (layer.phase, layer.complete) == ("validation", True)


def test_numbers_of_a_layer_are_those_of_its_data():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, Z[:1], Z[1:])
    layer = monitor.report().layers["fc1"]
    assert layer.examples.tolist() == layer.seen.tolist() == [4, 4, 4, 4]
    assert layer.active.tolist() == [0, 4, 2, 3]
    assert layer.nonfinite.tolist() == [0, 0, 0, 1]
    assert layer.max.tolist() == [0.0, 4.0, 4.0, 1.0]
    assert layer.sparsity == 7 / 16
    assert layer.active_per_example == 9 / 4
    assert (layer.worst_unit, layer.firing_rate.tolist()) == (0, [0.0, 1.0, 0.5, 0.75])
    assert [layer.counts[state] for state in PASSED] == [1, 1, 1, 1]
    assert sum(layer.counts.values()) == 4


def test_a_unit_at_its_gate_does_not_fire():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, np.array([[0.0, -0.0, np.nextafter(np.float32(0), np.float32(1))]], np.float32))
    assert states(monitor.report()) == ["dead", "dead", "always_on"]


@pytest.mark.parametrize(
    ("activation", "params", "expected"),
    [
        ("relu", {}, "dead"),
        ("leaky_relu", {}, "unfired"),
        ("leaky_relu", {"negative_slope": 0.0}, "dead"),
        ("prelu", {"weight": np.array([0.25, 0.25])}, "unfired"),
        ("prelu", {"weight": np.zeros(2)}, "dead"),
        ("elu", {}, "unfired"),
        ("selu", {}, "unfired"),
        ("sigmoid", {}, "unfired"),
        ("tanh", {}, "unfired"),
    ],
)
def test_only_activations_with_a_gate_have_dead_units(activation, params, expected):
    monitor = rf.DeadUnitMonitor()
    passed(monitor, -np.ones((3, 2)), activation=activation, **params)
    layer = monitor.report().layers["fc1"]
    assert layer.states.tolist() == [expected] * 2
    assert layer.dead == (2 if expected == "dead" else 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", rf.ACTIVATIONS)
def test_a_unit_fires_above_the_gate_of_its_activation_or_above_0(activation, dtype):
    row = rf.ACTIVATIONS[activation]
    params = {key: 0.5 for key, default in row.params.items() if default is None}
    gate = row.gate_for(**params)
    least = dtype(0 if gate is None else gate)
    above = np.nextafter(least, dtype(np.inf))
    z = np.array([[least, least, above, least - 1], [least - 2, above, above + 1, least - 3]], dtype)
    monitor = rf.DeadUnitMonitor()
    passed(monitor, z, activation=activation, **params)
    layer = monitor.report().layers["fc1"]
    assert layer.active.tolist() == [0, 1, 2, 0]
    silent = "unfired" if gate is None else "dead"
    assert layer.states.tolist() == [silent, "alive", "always_on", silent]
    assert layer.gate == gate


def test_gates_of_a_parameter_per_unit_are_those_of_its_units():
    monitor = rf.DeadUnitMonitor()
    z, alpha = np.full((3, 4), 1.5), np.array([1.0, 1.5, 2.0, -1.0])
    passed(monitor, z, activation="thresholded_relu", alpha=alpha)
    assert states(monitor.report()) == ["always_on", "dead", "dead", "always_on"]
    assert monitor.report().layers["fc1"].gate.tolist() == alpha.tolist()
    passed(monitor, z - 3, name="fc2", activation="hardtanh", min_val=[-1.0, -2.0, -1.5, 0.0], max_val=2)
    assert states(monitor.report(), "fc2") == ["dead", "always_on", "dead", "dead"]


def test_without_a_gate_no_unit_is_dead_even_without_a_pass():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", -np.ones((3, 2)), activation="elu")
    assert monitor.report().layers["fc1"].dead == 0


def test_bias_is_added_before_counting():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, np.ones((3, 2)), bias=np.array([-2.0, 2.0]))
    assert states(monitor.report()) == ["dead", "always_on"]


def test_positions_of_a_convolution_are_elements_of_its_channel():
    z = np.full((2, 3, 4, 5), -1.0)
    z[0, 1, 2, 3] = 1.0
    monitor = rf.DeadUnitMonitor()
    passed(monitor, z, unit_axis=1)
    layer = monitor.report().layers["fc1"]
    assert layer.states.tolist() == ["dead", "alive", "dead"]
    assert (layer.seen.tolist(), layer.examples.tolist()) == ([40] * 3, [2] * 3)
    assert layer.active_per_example == pytest.approx(1 / 40)


def test_nothing_seen_is_not_called_0_dead():
    monitor = rf.DeadUnitMonitor()
    monitor.unit_stats("fc1", 3, activation="relu")
    passed(monitor, np.zeros((0, 2)), name="fc2")
    report = monitor.report()
    for name, units in (("fc1", 3), ("fc2", 2)):
        layer = report.layers[name]
        assert layer.states.tolist() == ["not_observed"] * units
        assert (layer.dead, layer.sparsity, layer.active_per_example, layer.worst_unit) == (None,) * 4
        assert (layer.phase, layer.complete) == (None, False)


def test_an_empty_batch_adds_nothing():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", Z)
    before = facts(monitor)
    monitor.observe("fc1", Z[:0])
    assert facts(monitor) == before


def test_a_layer_of_0_units_is_not_observed():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, np.zeros((4, 0)))
    layer = monitor.report().layers["fc1"]
    assert (layer.units, layer.dead, layer.observed) == (0, None, False)
    assert "fc1" in str(monitor.report())


finite_or_not = st.floats(width=32, allow_nan=True, allow_infinity=True)
batches = hnp.arrays(np.float32, st.tuples(st.integers(0, 12), st.integers(1, 4)), elements=finite_or_not)


@given(z=batches, cuts=st.lists(st.integers(0, 12), max_size=5), complete=st.booleans())
def test_any_split_into_batches_gives_the_same_statistics_and_states(z, cuts, complete):
    whole, split = rf.DeadUnitMonitor(), rf.DeadUnitMonitor()
    parts = np.split(z, sorted(min(cut, len(z)) for cut in cuts))
    for monitor, given_parts in ((whole, [z]), (split, parts)):
        if complete:
            passed(monitor, *given_parts)
        else:
            for part in given_parts:
                monitor.observe("fc1", part)
    assert facts(split) == facts(whole)


@given(z=batches, complete=st.booleans())
def test_states_are_those_of_their_definition(z, complete):
    monitor = rf.DeadUnitMonitor()
    if complete:
        passed(monitor, z)
    else:
        monitor.observe("fc1", z)
    expected = []
    for column in z.T:
        if column.size == 0:
            expected.append("not_observed")
        elif not np.isfinite(column).all():
            expected.append("non_finite")
        elif column.max() <= 0:
            expected.append("dead" if complete else "unfired")
        else:
            expected.append("always_on" if (column > 0).all() else "alive")
    assert states(monitor.report()) == expected


def test_a_unit_is_dead_where_its_own_slope_is_zero():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, -np.ones((3, 3)), activation="prelu", weight=np.array([0.0, 0.5, 0.0]))
    layer = monitor.report().layers["fc1"]
    assert layer.states.tolist() == ["dead", "unfired", "dead"]
    assert layer.dead == 2
    np.testing.assert_array_equal(layer.gates, [0.0, np.nan, 0.0])
    text = " ".join(str(monitor.report()).split())
    assert (
        "fc1: dead units 0, 2 (2 units): never fired in a complete pass of 3 examples; largest z -1" in text
    )
    assert "fc1: unfired units 1 (1 unit): never fired in 3 examples (has no gate, so none is dead)" in text
    assert monitor.report().to_dict()["layers"]["fc1"]["gate"] == [0.0, None, 0.0]
    monitor.report().to_json()


def test_without_a_pass_units_with_and_without_a_gate_are_told_apart():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", -np.ones((3, 2)), activation="leaky_relu", negative_slope=np.array([0.0, 0.5]))
    assert monitor.report().layers["fc1"].dead is None
    text = " ".join(str(monitor.report()).split())
    assert (
        "unfired units 0 (1 unit): never fired in 3 examples (no complete pass, so not called dead)" in text
    )
    assert "unfired units 1 (1 unit): never fired in 3 examples (has no gate, so none is dead)" in text
