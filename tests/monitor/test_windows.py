"""Windows, snapshots, reports and copies of a monitor."""

import copy
import pickle

import numpy as np
import pytest
from monitored import PASSED, Z, facts, passed, states

import relu_fast as rf


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
