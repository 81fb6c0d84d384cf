from dataclasses import replace

import pytest
from small_lab import EXPLODING, GATELESS, HEALTHY, SMALL, STILLBORN, result_of

from relu_fast import nn
from relu_fast.lab.experiments import EXPERIMENTS, Experiment
from relu_fast.nn.initializers import random_uniform


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
    ("low", "high", "verdict"), [(-0.9, -0.8, "alive and always on"), (0.5, 1.0, "dead")], ids=["on", "dead"]
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
