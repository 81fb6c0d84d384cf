"""The table of experiments. A new one is a new row: a question, and the network that answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .. import nn
from ..nn.initializers import Initializer, lecun_normal, random_normal

__all__ = ["EXPERIMENTS", "Experiment", "named"]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One network and what is asked of it.

    Attributes
    ----------
    name : str
        As in ``--experiments``.
    question : str
        What it answers, for the report.
    layers : callable
        Gives the layers, new ones each time; the last one gives a probability.
    optimizer : callable
        Gives a new optimizer.
    samples_factor, epochs_factor : int
        How many times the rows, the epochs of the other experiments.
    """

    name: str
    question: str
    layers: Callable[[], list[nn.Layer]]
    optimizer: Callable[[], nn.Optimizer] = nn.Adam
    samples_factor: int = 1
    epochs_factor: int = 1


def classifier(
    hidden: int,
    activation: str,
    kernel_initializer: Initializer,
    *,
    after: Callable[[], list[nn.Layer]] = list,
) -> list[nn.Layer]:
    """`hidden` dense layers of 64 units with zero bias, each followed by what `after` gives; one sigmoid."""
    layers: list[nn.Layer] = []
    for _ in range(hidden):
        layers += [nn.Dense(64, activation, kernel_initializer=kernel_initializer), *after()]
    return [*layers, nn.Dense(1, "sigmoid")]


# random_normal is Keras' of that name: mean 0, standard deviation 0.05.
_ROWS = (
    Experiment(
        name="one-layer",
        question="Does a single ReLU unit, which is itself the output, survive on negative inputs?",
        layers=lambda: [nn.Dense(1, "relu", kernel_initializer=random_normal(stddev=0.05))],
    ),
    Experiment(
        name="three-layer",
        question="How many units of three ReLU layers with small random weights die?",
        layers=lambda: classifier(3, "relu", random_normal(stddev=0.05)),
    ),
    Experiment(
        name="selu",
        question="Does SELU with its own initializer and alpha dropout keep every unit learning?",
        layers=lambda: classifier(3, "selu", lecun_normal(), after=lambda: [nn.AlphaDropout(0.25)]),
    ),
)

EXPERIMENTS: dict[str, Experiment] = {row.name: row for row in _ROWS}


def named(names: Iterable[str]) -> tuple[Experiment, ...]:
    """Return the experiments of these names, each once, in the order given.

    Raises
    ------
    ValueError
        If a name is unknown (the message lists the choices), or there is none.
    """
    chosen = list(dict.fromkeys(names))
    if not chosen:
        raise ValueError(f"no experiment is named; choose from {', '.join(EXPERIMENTS)}")
    for name in chosen:
        if name not in EXPERIMENTS:
            raise ValueError(f"unknown experiment {name!r}; choose from {', '.join(EXPERIMENTS)}")
    return tuple(EXPERIMENTS[name] for name in chosen)
