"""Experiments of the lab that take a blink, and what they give."""

from relu_fast import nn
from relu_fast.lab.experiments import Experiment
from relu_fast.lab.runner import run_experiment
from relu_fast.lab.settings import Settings
from relu_fast.nn.initializers import random_normal, random_uniform
from relu_fast.report.study import Study

SMALL = Settings(epochs=3, samples=300, batch_size=32)


def network(*hidden):
    return [*hidden, nn.Dense(1, "sigmoid")]


HEALTHY = Experiment(
    name="healthy", question="Does it live?", layers=lambda: network(nn.Dense(8, "relu"), nn.Dense(4, "tanh"))
)
# All inputs are negative, so positive weights and no bias give negative pre-activations only.
STILLBORN = Experiment(
    name="stillborn",
    question="Is <it> dead & gone?",
    layers=lambda: network(
        nn.Dense(8, "relu", kernel_initializer=random_uniform(minval=0.5, maxval=1.0)), nn.Dense(4, "relu")
    ),
)
GATELESS = Experiment(
    name="gateless",
    question="Can it die?",
    layers=lambda: network(nn.Dense(8, "selu", kernel_initializer="lecun_normal"), nn.AlphaDropout(0.25)),
)
# A learning rate that throws the weights to 1e30 and the outputs to NaN.
EXPLODING = Experiment(
    name="exploding",
    question="Does it stay finite?",
    layers=lambda: network(
        nn.Dense(8, "relu", kernel_initializer=random_normal(stddev=1.0)),
        nn.Dense(8, "relu", kernel_initializer=random_normal(stddev=1.0)),
    ),
    optimizer=lambda: nn.SGD(learning_rate=1e30),
)


def result_of(experiment, folder, settings=SMALL):
    return run_experiment(experiment, settings, events=folder / experiment.name)


def study_of(*results, settings=SMALL, **changes):
    fields = {
        "command": settings.command,
        "settings": settings.to_dict(),
        "data": {"x": "rows"},
        "versions": {"relu_fast": "1.2.3"},
        "results": results,
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 1.5,
    }
    return Study(**fields | changes)
