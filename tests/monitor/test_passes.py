"""Phases and complete passes."""

import numpy as np
import pytest
from monitored import Z, passed, states

import relu_fast as rf


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


def test_a_pass_has_a_name():
    monitor = rf.DeadUnitMonitor()
    with pytest.raises(ValueError, match="the name is ''"), monitor.complete_pass(""):
        raise AssertionError("the block must not run")
    passed(monitor, Z)  # nothing is left running


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
