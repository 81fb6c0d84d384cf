"""Reports as text: the table, the evidence, what is known."""

import numpy as np
import pytest

import relu_fast as rf
from relu_fast.history import CAUSES, Cause
from relu_fast.report.text import explain, explain_causes


def words(report):
    """The text without its line breaks."""
    return " ".join(str(report).split())


def row(report, layer):
    """The cells of a layer's line, cut where the rule under the header is cut."""
    lines = str(report).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("---"))
    cuts = [i for i, sign in enumerate(lines[at]) if sign == "-" and (i == 0 or lines[at][i - 1] == " ")]
    ends = [*cuts[1:], None]
    line = next(line for line in lines[at + 1 :] if line.startswith(layer + " "))
    header = [lines[at - 1][a:b].strip() for a, b in zip(cuts, ends, strict=True)]
    return dict(zip(header, (line[a:b].strip() for a, b in zip(cuts, ends, strict=True)), strict=True))


@pytest.fixture
def monitor():
    """In validation: units 0 and 2 of fc1 dead, fc2 (no gate) unfired, fc3 never seen."""
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", np.ones((700, 4)))
    monitor.observe_grad("fc1", np.eye(4))
    z = np.array([[-1.0, 1.0, -0.25, 1.0]] * 300)
    z[0, 3] = -1.0
    with monitor.complete_pass("validation"):
        monitor.observe("fc1", z)
        monitor.observe("fc2", z[:, :1], activation="selu")
    monitor.unit_stats("fc3", 5, activation="relu")
    return monitor


def test_a_layer_has_its_line(monitor):
    assert row(monitor.report(), "fc1") == {
        "layer": "fc1",
        "activation": "relu",
        "seen in": "validation",
        "units": "4",
        "dead": "2",
        "unfired": "0",
        "always on": "1",
        "NaN/inf": "0",
        "sparsity": "50.1 %",
        "active/example": "1.997",
        "gradient": "25 %",
        "worst unit": "0: 0 %",
    }


def test_what_is_not_known_is_a_question_mark(monitor):
    report = monitor.report()
    cells = row(report, "fc3")
    assert (cells["seen in"], cells["units"]) == ("not observed", "5")
    assert {cells[key] for key in ("dead", "unfired", "always on", "NaN/inf", "sparsity", "worst unit")} == {
        "?"
    }
    assert "fc3: not observed; nothing is known of its 5 units." in words(report)


def test_dead_units_are_named_with_their_evidence(monitor):
    assert (
        "fc1: dead units 0, 2 (2 units): never fired in a complete pass of 300 examples; "
        "largest z -1 to -0.25, 0.25 to 1 below the gate 0."
    ) in words(monitor.report())


def test_unfired_units_are_named_with_their_bound(monitor):
    assert (
        "fc2: unfired units 0 (1 unit): never fired in 300 examples (has no gate, so none is dead); "
        "each fires on less than 0.994 % of such examples if they are independent (95 % bound)."
    ) in words(monitor.report())


def test_non_finite_units_are_named_with_their_count():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", np.array([[np.nan, 1.0, 1.0], [1.0, 1.0, -np.inf]]))
    assert "fc1: NaN or infinity in units 0, 2 (2 units): 2 of 4 values." in words(monitor.report())


def test_the_text_says_what_is_known_and_what_is_not(monitor):
    text = words(monitor.report())
    assert (
        "validation: complete pass, 300 examples. So a unit with a gate that never fired in it is dead"
        in text
    )
    assert "train: 0 to 700 examples, depending on the layer, not a complete pass" in text


def test_in_training_alone_the_number_of_dead_units_is_not_known():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", -np.ones((20, 2)))
    report = monitor.report()
    cells = row(report, "fc1")
    assert (cells["dead"], cells["unfired"]) == ("?", "2")
    assert "never fired in 20 examples (no complete pass, so not called dead)" in words(report)
    assert "whether it is dead is not known." in words(report)


def test_an_interrupted_and_a_running_pass_are_said_to_be_so():
    monitor = rf.DeadUnitMonitor()
    seen = []

    def pass_that_fails():
        with monitor.complete_pass("validation"):
            monitor.observe("fc1", -np.ones((20, 2)))
            seen.append(words(monitor.report()))
            raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        pass_that_fails()
    assert "validation: complete pass still running, 20 examples so far." in seen[0]
    assert "validation: complete pass interrupted, so incomplete: 20 examples." in words(monitor.report())


def test_an_empty_pass_says_that_nothing_is_known():
    monitor = rf.DeadUnitMonitor()
    with monitor.complete_pass("validation"):
        monitor.observe("fc1", np.ones((4, 2))[:0])
    text = words(monitor.report())
    assert "validation: complete pass, 0 examples. So nothing is known from it." in text
    assert "fc1: not observed" in text


def test_a_layer_in_which_all_units_fire_has_nothing_to_name():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", np.ones((20, 2)))
    assert "Every unit fired at least once." in str(monitor.report())


def test_a_monitor_that_saw_nothing_says_so():
    text = str(rf.DeadUnitMonitor().report())
    assert text == "Dead units, running window: nothing was observed yet, so nothing is known."


def test_the_history_shows_where_the_number_of_dead_units_changed():
    monitor = rf.DeadUnitMonitor()
    for step, dead in enumerate([0, 0, 2, 2, 1], start=1):
        z = np.ones((10, 3))
        z[:, :dead] = -1.0
        with monitor.complete_pass("validation"):
            monitor.observe("fc1", z)
            monitor.observe("fc2", z, activation="elu")
        monitor.snapshot(step)
    report = monitor.report()
    assert str(report).startswith("Dead units, step 5: 2 layers, 6 units")
    assert (
        "5 snapshots, dead units where their number changed: fc1 0 at step 1, 2 at step 3, 1 at step 5."
    ) in words(report)


def test_a_single_snapshot_is_no_history(monitor):
    monitor.snapshot(1)
    assert "snapshots" not in str(monitor.report())


def test_a_long_history_is_shortened_to_its_first_changes_and_the_last():
    monitor = rf.DeadUnitMonitor()
    for step in range(1, 10):
        with monitor.complete_pass("validation"):
            monitor.observe("fc1", np.full((10, 1), 1.0 if step % 2 else -1.0))
        monitor.snapshot(step)
    assert "0 at step 5, 1 at step 6, ..., 0 at step 9." in words(monitor.report())


def test_paragraphs_fit_a_terminal(monitor):
    lines = str(monitor.report()).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("---"))
    table = lines[at - 1 : at + 4]
    assert max(len(line) for line in lines if line not in table) <= 110
    assert max(map(len, table)) <= 130


Z = np.array([[-1.0, 1.0, 2.0, np.nan], [-0.25, 1.0, -2.0, 1.0]])


@pytest.mark.parametrize(
    ("complete", "unit", "text"),
    [
        (True, 0, "never fired in a complete pass of 2 examples; largest z -0.25, 0.25 below the gate 0"),
        (False, 0, "never fired in 2 examples; fires on less than 77.6 % of such if they are independent"),
        (False, 1, "fired every time in 2 examples"),
        (False, 2, "fired on 50 % of what was seen in 2 examples"),
        (False, 3, "1 of 2 values were NaN or infinite"),
    ],
)
def test_the_evidence_of_one_unit_is_put_into_words(complete, unit, text):
    monitor = rf.DeadUnitMonitor()
    if complete:
        with monitor.complete_pass():
            monitor.observe("fc1", Z)
    else:
        monitor.observe("fc1", Z)
    assert text in explain(monitor.report().layers["fc1"].evidence(unit))


def test_the_evidence_of_an_unobserved_unit_is_that():
    monitor = rf.DeadUnitMonitor()
    monitor.unit_stats("fc1", 1, activation="relu")
    assert explain(monitor.report().layers["fc1"].evidence(0)) == "nothing was seen"


def test_flagged_units_are_named_with_their_evidence():
    monitor = rf.DeadUnitMonitor()
    monitor.observe_grad("fc1", np.array([[0.0, 0.0, 1.0, 1.0]]))
    with monitor.complete_pass():
        monitor.observe(
            "fc1", np.array([[-1.0, 9.0, 6.5, 0.125], [-2.0, 1.0, 7.0, 0.125]]), activation="relu6"
        )
    text = words(monitor.report())
    assert "fc1: dormant units beside the dead ones 3 (1 unit): mean output 5.19 % of the layer's, at" in text
    assert "fc1: starved units 1 (1 unit): fired, but every gradient at them was 0." in text
    assert "fc1: saturated units 2 (1 unit): smallest z 6.5, not below the ceiling 6, so no gradient" in text
    assert "for good" not in text  # what else moves unit 0 is not known
    monitor.observe_training("fc1", trainable_upstream=False, weight_decay=0.0, first_moments=())
    assert "fc1: its dead units are dead for good: nothing is trained before them" in words(monitor.report())


def test_a_proven_units_evidence_is_put_into_words():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", -np.ones((3, 1)))
    monitor.observe_bounds("fc1", [-3.0], [-0.125], box="x in (0, 1)")
    evidence = monitor.report().layers["fc1"].evidence(0)
    assert explain(evidence) == "z is at most -0.125 over a stated box of inputs, the gate is 0"


@pytest.mark.parametrize(
    ("kind", "evidence", "text"),
    [
        ("born_dead", {"largest": -0.5}, "born dead, before the first step the largest z was -0.5"),
        (
            "weights_jumped",
            {"step_norm": 3.0, "weights_norm": 2.0},
            "the weights jumped, one step was 1.5 times as long as they were",
        ),
        (
            "bias_drifted",
            {"bias_before": 0.5, "bias": -1.0, "reach": 0.25},
            "the bias drifted below the reach of the inputs, 0.25: it was 0.5, it is -1",
        ),
        (
            "predecessors_dead",
            {"dead_predecessors": 3, "predecessors": 4},
            "3 of 4 predecessors are dead, and with them all that could raise z",
        ),
        (
            "normalisation",
            {"scale_before": 1.0, "scale": 0.5, "shift_before": 0.0, "shift": -3.0},
            "the normalisation drifted: its scale was 1, it is 0.5; its shift was 0, it is -3",
        ),
    ],
)
def test_every_cause_is_put_into_words(kind, evidence, text):
    assert explain_causes([Cause(kind, evidence)]) == text


def test_every_cause_has_its_words():
    tested = next(
        mark.args[1] for mark in test_every_cause_is_put_into_words.pytestmark if mark.name == "parametrize"
    )
    assert {kind for kind, *_ in tested} == set(CAUSES)


def test_causes_of_many_units_are_put_into_words_as_spans():
    causes = [Cause("weights_jumped", {"step_norm": step, "weights_norm": 2.0}) for step in (3.0, 1.0, 2.0)]
    assert explain_causes(causes) == "the weights jumped, one step was 0.5 to 1.5 times as long as they were"


def test_events_of_a_layer_at_a_step_and_for_a_cause_share_a_line():
    monitor = rf.DeadUnitMonitor()
    for step, signs in enumerate([(1, -1, 1, 1), (-1, -1, -1, -1), (1, 1, -1, -1)]):
        monitor.observe_weights("fc1", np.array([[1.0, 1.0, -2.0, 1.0]]) * (-1 if step else 1))
        with monitor.complete_pass():
            monitor.observe("fc1", np.array([signs]) * 1.0)
        monitor.snapshot(step, initial=step == 0)
    text = words(monitor.report())
    assert (
        "fc1: units 1 (1 unit) found dead at step 0: born dead, before the first step the largest z" in text
    )
    assert (
        "fc1: units 0, 2-3 (3 units) found dead at step 1: the weights jumped, one step was 2 times as"
        in text
    )
    assert "fc1: units 0-1 (2 units) fired again at step 2." in text


def test_many_events_are_cut_off():
    monitor = rf.DeadUnitMonitor()
    for step in range(20):
        with monitor.complete_pass():
            monitor.observe("fc1", np.full((10, 1), -1.0 if step % 2 else 1.0))
        monitor.snapshot(step)
    text = words(monitor.report())
    assert "fc1: units 0 (1 unit) found dead at step 1: why is not known." in text
    assert "... and 7 more such lines." in text
    assert "found dead at step 19" not in text
