"""The records of a report: their numbers and what they refuse."""

import dataclasses
import pickle

import numpy as np
import pytest

import relu_fast as rf
from relu_fast.verdicts import STATES

# Three examples: dead, always on, alive, non-finite.
Z = np.array([[-1.0, 1.0, 1.0, 1.0], [-2.0, 1.0, -1.0, np.inf], [-0.25, 1.0, -1.0, 1.0]])


@pytest.fixture
def report():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", np.ones((5, 4)))
    monitor.observe_grad("fc1", np.eye(4))
    with monitor.complete_pass("validation"):
        monitor.observe("fc1", Z)
        monitor.observe("fc2", Z[:2, :1])
    monitor.snapshot(4)
    return monitor.report()


def test_units_are_found_by_state(report):
    layer = report.layers["fc1"]
    assert {state: layer.units_in(state).tolist() for state in STATES} == {
        "not_observed": [],
        "non_finite": [3],
        "proven": [],
        "dead": [0],
        "unfired": [],
        "always_on": [1],
        "alive": [2],
    }


def test_an_unknown_state_is_refused_with_the_choices(report):
    with pytest.raises(ValueError, match=r"unknown state 'asleep', expected one of not_observed, non_finite"):
        report.layers["fc1"].units_in("asleep")


def test_evidence_is_that_of_the_unit(report):
    layer = report.layers["fc1"]
    assert (layer.evidence(0).state, layer.evidence(0).below_gate) == ("dead", 0.25)
    assert (layer.evidence(2).state, layer.evidence(2).firing_rate) == ("alive", 1 / 3)
    assert (layer.evidence(3).state, layer.evidence(3).nonfinite) == ("non_finite", 1)
    assert [layer.evidence(unit).state for unit in range(4)] == layer.states.tolist()


def test_units_are_found_by_flag(report):
    layer = report.layers["fc2"]
    assert (layer.flagged("dormant"), layer.flagged("saturated")) == (None, None)
    assert report.layers["fc1"].flagged("starved").tolist() == []


def test_an_unknown_flag_is_refused_with_the_choices(report):
    with pytest.raises(ValueError, match=r"unknown flag 'sleepy', expected one of dormant, starved"):
        report.layers["fc1"].flagged("sleepy")


def test_a_layer_known_by_its_gradients_alone_has_no_flags():
    monitor = rf.DeadUnitMonitor()
    monitor.observe_grad("fc1", np.eye(4))
    assert set(monitor.report().layers["fc1"].flags.values()) == {None}


def test_a_phase_says_how_much_its_layers_saw(report):
    validation = report.phases["validation"]
    assert (validation.examples, validation.complete) == ((2, 3), True)
    assert (report.phases["train"].examples, report.phases["train"].complete) == ((5, 5), False)


def test_gradients_say_what_share_is_not_zero(report):
    assert report.layers["fc1"].gradient.nonzero_share == 0.25
    assert report.layers["fc2"].gradient is None


def test_records_are_frozen(report):
    layer = report.layers["fc1"]
    for record in (report, report.window, report.phases["train"], layer, layer.gradient):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, dataclasses.fields(record)[0].name, 3)


def test_a_pickled_report_says_the_same(report):
    twin = pickle.loads(pickle.dumps(report))
    assert twin.to_dict() == report.to_dict()
    assert str(twin) == str(report)


def test_repr_is_short_and_says_what_is_in_it(report):
    assert repr(report.layers["fc2"]) == "<LayerReport 'fc2': relu, 1 units (1 dead), 'validation'>"
    assert repr(report).startswith(
        "<Report step=4: [<LayerReport 'fc1': relu, 4 units (1 non_finite, 1 dead, "
    )
