"""Reports as JSON."""

import json
import os

import numpy as np
import pytest

import relu_fast as rf
from relu_fast.report.json import plain


@pytest.fixture
def monitor():
    """Two closed windows and what a third saw: NaN, nothing, a learned parameter, gradients."""
    monitor = rf.DeadUnitMonitor()
    for step in (1, 2):
        monitor.observe("fc1", np.array([[1.0, -1.0, np.nan]]))
        monitor.observe_grad("fc1", np.array([[1.0, 0.0, 0.0], [np.nan, 0.0, 0.0]]))
        with monitor.complete_pass("validation"):
            monitor.observe("fc1", np.array([[1.0, -1.0, 2.0], [-3.0, -0.5, 2.0]]))
        if step == 1:
            monitor.snapshot(step)
    monitor.unit_stats("fc2", 2, activation="relu")
    monitor.observe("fc3", np.array([[1.0]]), activation="prelu", weight=np.array([0.25]))
    return monitor


def kinds(value):
    """The types of everything in nested lists and dicts."""
    if type(value) is dict:
        return {type(key) for key in value} | set().union(*map(kinds, value.values()))
    if type(value) is list:
        return set().union(*map(kinds, value))
    return {type(value)}


def test_a_report_is_plain_python(monitor):
    assert kinds(monitor.report().to_dict()) <= {str, int, float, bool, type(None)}


def test_json_gives_the_same_report_back(monitor):
    report = monitor.report()
    assert json.loads(report.to_json()) == report.to_dict()


def test_json_holds_what_the_report_says(monitor):
    report = monitor.report().to_dict()
    assert (report["format"], report["version"], report["step"]) == ("relu_fast.report", 1, None)
    assert list(report["layers"]) == ["fc1", "fc2", "fc3"]
    assert report["layers"]["fc1"] == {
        "activation": "relu",
        "params": {},
        "gate": 0.0,
        "phase": "validation",
        "complete": True,
        "units": 3,
        "examples": 2,
        "states": {
            "not_observed": 0,
            "non_finite": 0,
            "proven": 0,
            "dead": 1,
            "unfired": 0,
            "always_on": 1,
            "alive": 1,
        },
        "dead": 1,
        "dead_units": [1],
        "proven_units": [],
        "unfired_units": [],
        "box": None,
        "flags": {"dormant": [1], "starved": [2], "saturated": None, "permanent": None},
        "sparsity": 0.5,
        "active_per_example": 1.5,
        "worst_unit": {"unit": 1, "firing_rate": 0.0},
        "gradient": {"seen": 6, "nonzero": 2, "nonfinite": 1, "nonzero_share": 1 / 3},
        "per_unit": {
            "state": ["alive", "dead", "always_on"],
            "seen": [2, 2, 2],
            "examples": [2, 2, 2],
            "active": [1, 0, 2],
            "nonfinite": [0, 0, 0],
            "max": [1.0, -0.5, 2.0],
            "min": None,  # relu has no ceiling
            "sum_abs": [1.0, 0.0, 4.0],
            "dormancy": [0.6, 0.0, 2.4],
            "upper": None,
        },
    }


def test_json_says_null_for_what_is_not_known(monitor):
    layer = monitor.report().to_dict()["layers"]["fc2"]
    unknown = ("phase", "dead", "sparsity", "active_per_example", "worst_unit", "gradient")
    assert [layer[key] for key in unknown] == [None] * len(unknown)
    assert layer["per_unit"]["max"] == [None, None]  # -inf: nothing was seen


def test_json_holds_every_phase_and_the_history(monitor):
    report = monitor.report().to_dict()
    assert {name: (phase["status"], phase["examples"]) for name, phase in report["phases"].items()} == {
        "train": ("observed", [0, 1]),
        "validation": ("complete", [2, 2]),
    }
    assert report["phases"]["train"]["layers"]["fc1"]["states"]["non_finite"] == 1
    (point,) = report["history"]
    assert (point["step"], point["layers"]["fc1"]["dead"]) == (1, 1)
    assert "per_unit" not in point["layers"]["fc1"]


def test_json_holds_bounds_and_events():
    monitor = rf.DeadUnitMonitor()
    for step in (0, 1):
        with monitor.complete_pass():
            monitor.observe("fc1", np.array([[1.0 - 2.0 * step, -1.0]]))
        monitor.observe_bounds("fc1", [-2.0, -3.0], [2.0, np.inf], box="x in (0, 1)")
        monitor.snapshot(step, initial=step == 0)
    report = monitor.report().to_dict()
    assert report["events"] == [
        {
            "layer": "fc1",
            "unit": 1,
            "kind": "death",
            "step": 0,
            "cause": {"kind": "born_dead", "evidence": {"largest": -1.0, "gate": 0.0}},
        },
        {"layer": "fc1", "unit": 0, "kind": "death", "step": 1, "cause": None},
    ]
    assert [point["initial"] for point in report["history"]] == [True, False]
    assert report["layers"]["fc1"]["box"] == "x in (0, 1)"
    assert report["layers"]["fc1"]["per_unit"]["upper"] == [2.0, None]
    json.loads(monitor.report().to_json())


def test_learned_parameters_are_lists(monitor):
    assert monitor.report().to_dict()["layers"]["fc3"]["params"] == {"weight": [0.25]}


def test_json_of_nothing_is_a_report_too():
    report = rf.DeadUnitMonitor().report()
    assert json.loads(report.to_json()) == {
        "format": "relu_fast.report",
        "version": 1,
        "step": None,
        "phases": {},
        "layers": {},
        "history": [],
        "events": [],
    }


def test_json_is_written_to_a_file(monitor, tmp_path):
    report = monitor.report()
    assert report.to_json(tmp_path / "report.json") is None
    text = (tmp_path / "report.json").read_text()
    assert text.endswith("}\n")
    assert json.loads(text) == report.to_dict()
    assert os.listdir(tmp_path) == ["report.json"]


def test_json_that_cannot_be_written_is_an_os_error(monitor, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing/report\.json"):
        monitor.report().to_json(tmp_path / "missing" / "report.json")


def test_layer_names_need_not_be_ascii(tmp_path):
    monitor = rf.DeadUnitMonitor()
    monitor.observe('dense "ä" \n', np.ones((1, 1)))
    monitor.report().to_json(tmp_path / "report.json", indent=2)
    assert list(json.loads((tmp_path / "report.json").read_text("utf-8"))["layers"]) == ['dense "ä" \n']


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1.0, np.nan]]), [[1.0, None]]),
        (np.array(2.0), 2.0),
        ((1, (2.5, None)), [1, [2.5, None]]),
        ({1: float("inf")}, {"1": None}),
    ],
)
def test_numpy_becomes_plain(value, expected):
    found = plain(value)
    assert found == expected
    assert kinds(found) <= {str, int, float, bool, type(None)}


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(TypeError, match=r"got 1j of type complex"):
        plain({"a": [1j]})
