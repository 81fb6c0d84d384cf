"""The monitor fed by hand: phases, complete passes, windows, bad input."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import relu_fast as rf

# Four examples of four units: never, always, half of the time; the last saw a NaN.
Z = np.array(
    [[-1.0, 1.0, 2.0, 1.0], [-0.5, 2.0, -2.0, np.nan], [-2.0, 3.0, 4.0, 1.0], [0.0, 4.0, -4.0, 1.0]],
    np.float32,
)
TRAINED = ["unfired", "always_on", "alive", "non_finite"]
PASSED = ["dead", "always_on", "alive", "non_finite"]


def states(report, name="fc1"):
    return report.layers[name].states.tolist()


def passed(monitor, *batches, phase="validation", name="fc1", **kwargs):
    """A complete pass over some batches, or over those of one iterator."""
    with monitor.complete_pass(phase):
        for z in batches if isinstance(batches[0], np.ndarray) else batches[0]:
            monitor.observe(name, z, **kwargs)


def facts(monitor):
    """All that can be seen of a monitor from outside."""
    return monitor.report().to_dict()


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


def test_phases_are_counted_apart():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", np.ones((5, 1)))
    passed(monitor, -np.ones((2, 1)))
    monitor.observe("fc1", np.ones((3, 1)))
    phases = monitor.report().phases
    assert {name: phase.examples for name, phase in phases.items()} == {"train": (8, 8), "validation": (2, 2)}
    assert phases["train"].layers["fc1"].states.tolist() == ["always_on"]
    assert phases["validation"].layers["fc1"].states.tolist() == ["dead"]


def test_inside_a_pass_another_phase_can_be_named():
    monitor = rf.DeadUnitMonitor()
    with monitor.complete_pass("validation"):
        monitor.observe("fc1", np.ones((5, 1)), phase="train")
        monitor.observe("fc1", np.ones((2, 1)))
    phases = monitor.report().phases
    assert {name: phase.examples for name, phase in phases.items()} == {"train": (5, 5), "validation": (2, 2)}


def test_a_phase_without_a_pass_is_not_complete():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", -np.ones((5, 1)), phase="validation")
    report = monitor.report()
    assert (report.phases["validation"].status, states(report)) == ("observed", ["unfired"])


def test_a_complete_pass_starts_afresh():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, np.ones((5, 1)))
    passed(monitor, -np.ones((2, 1)))
    report = monitor.report()
    assert (report.phases["validation"].examples, states(report)) == ((2, 2), ["dead"])


def test_an_interrupted_pass_is_incomplete_and_forgets_the_pass_before_it():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, -np.ones((5, 1)))

    def batches_until_interrupted():
        yield -np.ones((2, 1))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        passed(monitor, batches_until_interrupted())
    report = monitor.report()
    validation = report.phases["validation"]
    assert (validation.status, validation.complete, validation.examples) == ("interrupted", False, (2, 2))
    assert states(report) == ["unfired"]
    monitor.observe("fc1", np.ones((1, 1)))
    assert monitor.report().layers["fc1"].phase == "train"  # the pass is over


def test_a_running_pass_is_not_complete():
    monitor = rf.DeadUnitMonitor()
    with monitor.complete_pass("validation"):
        monitor.observe("fc1", -np.ones((2, 1)))
        report = monitor.report()
        assert (report.phases["validation"].status, states(report)) == ("running", ["unfired"])


def test_passes_do_not_nest():
    monitor = rf.DeadUnitMonitor()
    with monitor.complete_pass("validation"):
        with (
            pytest.raises(ValueError, match=r"complete_pass\('test'\) inside complete_pass\('validation'\)"),
            monitor.complete_pass("test"),
        ):
            raise AssertionError("the inner block must not run")
        monitor.observe("fc1", Z)
    report = monitor.report()
    assert list(report.phases) == ["validation"]
    assert report.phases["validation"].complete  # the outer pass is what it was


def test_what_is_seen_after_a_pass_ends_its_completeness():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, -np.ones((2, 1)))
    monitor.observe("fc1", -np.ones((1, 1)), phase="validation")
    report = monitor.report()
    assert (report.phases["validation"].status, states(report)) == ("observed", ["unfired"])
    passed(monitor, -np.ones((2, 1)))
    assert states(monitor.report()) == ["dead"]


def test_the_last_complete_pass_gives_the_verdict():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, -np.ones((2, 1)), phase="validation")
    passed(monitor, np.ones((2, 1)), phase="test")
    monitor.observe("fc1", np.ones((2, 1)))
    assert monitor.report().layers["fc1"].phase == "test"
    passed(monitor, -np.ones((2, 1)), phase="validation")
    layer = monitor.report().layers["fc1"]
    assert (layer.phase, layer.states.tolist()) == ("validation", ["dead"])


def test_a_layer_the_pass_did_not_see_is_judged_by_training():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", -np.ones((2, 1)))
    monitor.observe("fc2", -np.ones((2, 1)))
    passed(monitor, -np.ones((2, 1)), name="fc2")
    layers = monitor.report().layers
    assert {name: layer.phase for name, layer in layers.items()} == {"fc1": "train", "fc2": "validation"}


def test_a_learned_gate_is_that_of_the_pass():
    monitor = rf.DeadUnitMonitor()
    weight = np.zeros(1)
    passed(monitor, -np.ones((2, 1)), activation="prelu", weight=weight)
    weight[:] = 0.5
    monitor.observe("fc1", -np.ones((2, 1)), activation="prelu", weight=weight)
    layer = monitor.report().layers["fc1"]
    assert (layer.states.tolist(), layer.params["weight"].tolist()) == (["dead"], [0.0])


# Windows


def test_a_snapshot_closes_the_window_and_counting_starts_anew():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", np.ones((5, 1)))
    passed(monitor, -np.ones((2, 1)))
    monitor.snapshot(1)
    monitor.observe("fc1", -np.ones((3, 1)))
    report = monitor.report()
    assert (report.step, list(report.phases), report.phases["train"].examples) == (None, ["train"], (3, 3))
    assert states(report) == ["unfired"]
    (first,) = report.history
    assert (first.step, first.layers["fc1"].states.tolist()) == (1, ["dead"])
    assert first.phases["train"].layers["fc1"].examples.tolist() == [5]


def test_an_empty_window_reports_the_last_snapshot():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", np.ones((5, 1)))
    point = monitor.snapshot(7)
    report = monitor.report()
    assert (report.step, report.window, report.history) == (7, point, (point,))


def test_a_window_of_gradients_alone_is_reported():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", np.ones((5, 1)))
    monitor.snapshot(1)
    monitor.observe_grad("fc1", np.ones((5, 1)))
    report = monitor.report()
    assert (report.step, states(report)) == (None, ["not_observed"])
    assert report.layers["fc1"].gradient.nonzero.tolist() == [5]


def test_a_monitor_that_saw_nothing_reports_that():
    report = rf.DeadUnitMonitor().report()
    assert (report.step, dict(report.layers), report.history) == (None, {}, ())
    assert "nothing" in str(report)


def test_snapshots_inside_a_pass_are_refused():
    monitor = rf.DeadUnitMonitor()
    with monitor.complete_pass():
        monitor.observe("fc1", Z)
        with pytest.raises(ValueError, match=r"snapshot\(3\) inside complete_pass\('validation'\)"):
            monitor.snapshot(3)
    assert states(monitor.report()) == PASSED
    assert monitor.report().history == ()


def test_a_step_is_an_integer():
    with pytest.raises(TypeError, match="float"):
        rf.DeadUnitMonitor().snapshot(1.5)


def test_a_report_does_not_change_when_more_is_observed():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", np.array([[-1.0, 1.0]]))
    monitor.observe_grad("fc1", np.ones((1, 2)))
    report = monitor.report()
    before = report.to_dict()
    monitor.observe("fc1", np.array([[1.0, np.nan]]))
    monitor.observe_grad("fc1", np.ones((1, 2)))
    monitor.snapshot(1)
    assert report.to_dict() == before


def test_arrays_of_a_report_are_read_only():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", Z)
    layer = monitor.report().layers["fc1"]
    for array in (layer.codes, layer.seen, layer.examples, layer.active, layer.nonfinite, layer.max):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_history_takes_less_than_100_bytes_per_unit_and_snapshot():
    units, snapshots = 20000, 5
    rng = np.random.default_rng(0)
    z = rng.normal(size=(7, units)).astype(np.float32)
    z[rng.random(z.shape) < 0.3] = np.nan
    monitor = rf.DeadUnitMonitor()

    def window(step):
        monitor.observe("fc1", z)
        monitor.observe_grad("fc1", z)
        passed(monitor, z)
        monitor.snapshot(step)

    window(0)
    tracemalloc.start()
    try:
        for step in range(snapshots):
            window(step + 1)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < grown / (units * snapshots) <= 100


# Statistics that a layer fills itself


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


# Gradients


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


def test_a_pass_has_a_name():
    monitor = rf.DeadUnitMonitor()
    with pytest.raises(ValueError, match="the name is ''"), monitor.complete_pass(""):
        raise AssertionError("the block must not run")
    passed(monitor, Z)  # nothing is left running


# Copies


@pytest.mark.parametrize(
    "copied", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy], ids=["pickle", "deepcopy"]
)
def test_a_copied_monitor_knows_the_same_and_goes_on_by_itself(copied):
    monitor = rf.DeadUnitMonitor()
    passed(monitor, Z)
    monitor.observe_grad("fc1", Z)
    monitor.snapshot(1)
    monitor.observe("fc1", Z)
    before = facts(monitor)
    twin = copied(monitor)
    assert facts(twin) == before
    twin.observe("fc1", Z)
    assert facts(twin) != before
    assert facts(monitor) == before


def test_a_running_pass_is_interrupted_in_the_copy_alone():
    monitor = rf.DeadUnitMonitor()
    with monitor.complete_pass("validation"):
        monitor.observe("fc1", Z)
        twin = pickle.loads(pickle.dumps(monitor))
    assert monitor.report().phases["validation"].status == "complete"
    assert twin.report().phases["validation"].status == "interrupted"
    passed(twin, Z)
    assert states(twin.report()) == PASSED


def test_repr_of_a_monitor_says_what_it_holds():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", Z)
    monitor.snapshot(1)
    assert repr(monitor) == "<DeadUnitMonitor: 1 layers, 1 snapshots>"


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


def test_a_slope_that_the_caller_changes_in_place_is_another_slope():
    monitor, slope = rf.DeadUnitMonitor(), np.array([0.1, 0.2])
    options = {"activation": "leaky_relu", "negative_slope": slope}
    monitor.observe("fc1", -np.ones((2, 2)), phase="validation", **options)
    slope[:] = 0.0
    known = r"'fc1' is known as leaky_relu\(negative_slope=\[0.1 0.2\]\), 2 units, got"
    with pytest.raises(ValueError, match=known), monitor.complete_pass():
        monitor.observe("fc1", -np.ones((2, 2)), **options)
    assert monitor.report().phases["validation"].status == "interrupted"
    np.testing.assert_array_equal(monitor.report().layers["fc1"].params["negative_slope"], [0.1, 0.2])


def test_a_learned_slope_that_changes_inside_a_complete_pass_is_refused():
    monitor, weight = rf.DeadUnitMonitor(), np.array([0.1, 0.2])

    def batches():
        yield -np.ones((2, 2))
        weight[:] = 0.0
        yield -np.ones((2, 2))

    with pytest.raises(ValueError, match=r"has another weight than earlier in complete_pass\('validation'\)"):
        passed(monitor, batches(), activation="prelu", weight=weight)
    assert monitor.report().phases["validation"].status == "interrupted"
    assert "dead" not in states(monitor.report())
    # Between passes it may change, and a weight that became NaN is the same NaN.
    for weight in (np.zeros(2), np.array([np.nan, 0.0])):
        passed(monitor, *[-np.ones((2, 2))] * 2, activation="prelu", weight=weight)
    assert states(monitor.report()) == ["unfired", "dead"]


def test_another_slope_after_a_complete_pass_takes_its_verdict_back():
    monitor = rf.DeadUnitMonitor()
    passed(monitor, -np.ones((2, 2)), activation="prelu", weight=0.1)
    monitor.unit_stats("fc1", 2, activation="prelu", phase="validation", weight=0.1)
    assert monitor.report().phases["validation"].status == "complete"
    monitor.unit_stats("fc1", 2, activation="prelu", phase="validation", weight=0.0)
    assert monitor.report().phases["validation"].status == "observed"
    assert states(monitor.report()) == ["unfired"] * 2


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


def test_a_snapshot_keeps_no_more_per_unit_than_it_says():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", Z, activation="leaky_relu", negative_slope=np.array([0.0, 0.1, 0.0, 0.1]))
    monitor.observe_grad("fc1", Z)
    layer = monitor.snapshot(1).layers["fc1"]

    def bytes_per_unit(record):  # as if no count were the same for all units
        return sum(value.itemsize for value in vars(record).values() if isinstance(value, np.ndarray))

    slopes_and_gates = layer.params["negative_slope"].itemsize + layer.gate.itemsize
    counts = bytes_per_unit(layer) - layer.gate.itemsize + bytes_per_unit(layer.gradient)
    assert (counts, slopes_and_gates) == (65, 16)
