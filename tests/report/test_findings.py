from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from small_lab import EXPLODING, GATELESS, HEALTHY, SMALL, STILLBORN, result_of

from relu_fast import nn
from relu_fast.history import Cause, UnitEvent
from relu_fast.lab.experiments import EXPERIMENTS, Experiment
from relu_fast.nn.initializers import random_uniform
from relu_fast.report.findings import causes, sparsity_findings
from relu_fast.report.sparsity import NoiseEffect, Sparsity


@pytest.fixture
def findings(tmp_path):
    return lambda row, **changes: " ".join(result_of(row, tmp_path, replace(SMALL, **changes)).findings)


def test_dead_units_are_counted_among_those_that_can_be(findings):
    words = findings(STILLBORN)
    assert words.startswith("12 of 12 units with a gate are dead after epoch 3 (100 %).")


def test_a_layer_without_a_gate_is_said_to_be_safe(findings):
    assert findings(GATELESS).startswith("No unit can be dead: no activation here has a gate")


def test_living_layers_are_not_called_silent(findings):
    words = findings(HEALTHY)
    assert words.startswith("0 of 8 units with a gate are dead after epoch 3.")
    assert "as a whole" not in words
    assert "constant" not in words


def test_dead_layers_make_the_network_a_constant(findings):
    words = findings(STILLBORN)
    assert "dense_1, dense_2 are dead as a whole" in words
    assert "gradients at the units are exactly zero" in words
    assert "The network has become a constant: it answers 0." in words


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.9, -0.8, "alive and always on"), (0.5, 1.0, "dead, for every input of the data's range")],
    ids=["on", "dead"],
)
def test_a_single_unit_gets_its_verdict(findings, low, high, verdict):
    kernel = random_uniform(minval=low, maxval=high)
    row = replace(EXPERIMENTS["one-layer"], layers=lambda: [nn.Dense(1, "relu", kernel_initializer=kernel)])
    assert findings(row, epochs=1).startswith(f"The only unit that could die is {verdict} after epoch 1.")


def test_a_network_of_nan_is_called_broken(findings):
    assert "The network is broken: 100 % of its outputs on the probe are NaN or infinite." in findings(
        EXPLODING
    )


def test_only_random_labels_have_a_floor(findings):
    assert "no network can expect less than ln 2 = 0.6931" in findings(HEALTHY)
    assert "ln 2" not in findings(HEALTHY, target="sum")


def test_a_dead_layer_of_several_is_named_alone(findings):
    kill = random_uniform(minval=0.5, maxval=1.0)
    row = Experiment(
        name="first-dead",
        question="?",
        layers=lambda: [
            nn.Dense(8, "relu", kernel_initializer=kill),
            nn.Dense(4, "relu", bias_initializer=random_uniform(minval=0.5, maxval=1.0)),
            nn.Dense(1, "sigmoid"),
        ],
    )
    assert "dense_1 is dead as a whole" in findings(row)


def test_deaths_are_told_with_their_causes(findings):
    assert "12 times a unit died. Probable causes: 12 born dead." in findings(STILLBORN)
    assert "a unit died" not in findings(GATELESS)


def test_causes_are_counted_by_layer_the_most_frequent_first():
    cause = Cause("bias_drifted")
    events = [
        UnitEvent("a", 0, "death", 1, cause),
        UnitEvent("a", 1, "death", 1, cause),
        UnitEvent("a", 1, "revival", 2),
        UnitEvent("a", 2, "death", 2, Cause("born_dead")),
        UnitEvent("a", 3, "death", 2),
        UnitEvent("b", 0, "death", 2, cause),
    ]
    result = SimpleNamespace(report=SimpleNamespace(events=events))
    assert causes(result) == "3 bias drifted, 1 born dead, 1 not known"
    assert causes(result, "a") == "2 bias drifted, 1 born dead, 1 not known"
    assert causes(result, "b") == "1 bias drifted"
    assert causes(result, "c") == ""


def with_sparsity(name, **changes):
    fields = {
        "units": 10,
        "active": np.array([2, 3, 3, 4]),
        "patterns": 3,
        "multiplications": 100,
        "skippable": 0.5,
        "removable": 0.25,
        "noise": (NoiseEffect(0.3, 0.1, 0.75, 0.5),),
    }
    return SimpleNamespace(name=name, probe_rows=4, sparsity=Sparsity(**fields | changes))


def test_what_silent_units_cost_or_save_is_told_of_the_extremes():
    lean = with_sparsity("lean", skippable=0.9, removable=0.0, patterns=1)
    calm = with_sparsity("calm", noise=(NoiseEffect(0.3, 0.0, 1.0, 1.0),))
    tanh = with_sparsity("tanh", skippable=0.0)
    assert sparsity_findings([lean, calm, tanh]) == [
        "In calm a row uses 3 of 10 units (median; 2 to 4 for 90 % of the rows), and there are 3 different sets of "
        "them among 4 rows.",
        "Most multiplications have a zero as input in lean, 90 %, fewest in calm, 50 %.",
        "Cutting out dead units saves most in calm: 25 % of the multiplications of every row, with the same output "
        "on all validation rows.",
        "Noise of 0.3 on the inputs leaves 75 % of the active units the same in lean, 100 % in calm.",
    ]


def test_where_no_unit_is_silent_there_is_nothing_to_tell():
    assert sparsity_findings([with_sparsity("tanh", skippable=0.0)]) == []


def test_one_network_is_compared_with_no_other():
    sentences = sparsity_findings([with_sparsity("alone", removable=0.0)])
    assert sentences[1:] == [
        "Most multiplications have a zero as input in alone, 50 %.",
        "Noise of 0.3 on the inputs leaves 75 % of the active units the same in alone.",
    ]
