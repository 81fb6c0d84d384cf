"""The table of experiments. A new one is a new row: a question, and the network that answers it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from .. import nn
from ..nn.initializers import (
    Initializer,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    rai,
    random_normal,
    random_uniform,
)
from ..report.answers import CONTROL
from ..revive import ReDo

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
    asks : str
        What kind of question that is, see ``ExperimentResult``.
    layers : callable
        Gives the layers, new ones each time; the last one gives a probability.
    optimizer : callable
        Gives a new optimizer.
    clip_norm : float or None
        Bound of the gradients' global norm.
    cure : callable or None
        Gives a callback that revives units, for the monitor and ``seed=``.
    samples_factor, epochs_factor : int
        How many times the rows, the epochs of the other experiments.
    control : Experiment or None
        The same without what is asked about, trained for comparison; None: ``three-layer`` is that.
    """

    name: str
    question: str
    asks: str = "fewer"
    layers: Callable[[], list[nn.Layer]]
    optimizer: Callable[[], nn.Optimizer] = nn.Adam
    clip_norm: float | None = None
    cure: Callable[..., ReDo] | None = None
    samples_factor: int = 1
    epochs_factor: int = 1
    control: Experiment | None = None

    @property
    def trained(self) -> tuple[Experiment, ...]:
        """What is trained for it: itself, after its control if it has one."""
        return (self,) if self.control is None else (self.control, self)

    def epochs(self, of_settings: int) -> int:
        """Count the epochs that are trained for it, where the settings say `of_settings`."""
        return sum(of_settings * row.epochs_factor for row in self.trained)

    @property
    def cost(self) -> int:
        """How long it takes, roughly, in the time of one layer of `three-layer`."""
        return sum(row.samples_factor * row.epochs_factor * len(row.layers()) for row in self.trained)


SMALL = random_normal(stddev=0.05)
"""Keras' random_normal: mean 0, standard deviation 0.05."""


def classifier(
    block: Callable[[], list[nn.Layer]], *, hidden: int = 3, after: Callable[[], list[nn.Layer]] = list
) -> list[nn.Layer]:
    """`hidden` times what `block` gives, each followed by what `after` gives; one sigmoid."""
    layers: list[nn.Layer] = []
    for _ in range(hidden):
        layers += [*block(), *after()]
    return [*layers, nn.Dense(1, "sigmoid")]


def dense(activation: str, kernel_initializer: Initializer = SMALL) -> Callable[[], list[nn.Layer]]:
    """Make a block of one dense layer of 64 units with zero bias."""
    return lambda: [nn.Dense(64, activation, kernel_initializer=kernel_initializer)]


def linear() -> nn.Dense:
    """Make a dense layer of 64 units that leaves its activation to another layer."""
    return nn.Dense(64, kernel_initializer=SMALL)


def relu_with(kernel_initializer: Initializer) -> Callable[[], list[nn.Layer]]:
    """Make the layers of `three-layer` with other initial weights."""
    return lambda: classifier(dense("relu", kernel_initializer))


def activated_by(activation: str) -> Callable[[], list[nn.Layer]]:
    """Make the layers of `three-layer` with another activation."""
    return lambda: classifier(dense(activation))


_UNCLIPPED = Experiment(
    name=f"gradient-clipping{CONTROL}",
    question="The same without clipping.",
    layers=activated_by("relu"),
    optimizer=lambda: nn.Adam(learning_rate=0.1),
)

_ROWS = (
    Experiment(
        name="one-layer",
        question="Does a single ReLU unit, which is itself the output, survive on negative inputs?",
        asks="survival",
        layers=lambda: [nn.Dense(1, "relu", kernel_initializer=SMALL)],
    ),
    Experiment(
        name="three-layer",
        question="How many units of three ReLU layers with small random weights die?",
        asks="number",
        layers=activated_by("relu"),
    ),
    Experiment(
        name="more-data",
        question="Do fewer units die with twice the data?",
        layers=activated_by("relu"),
        samples_factor=2,
    ),
    Experiment(
        name="dropout",
        question="Do fewer units die with dropout of 25 % after each hidden layer?",
        layers=lambda: classifier(dense("relu"), after=lambda: [nn.Dropout(0.25)]),
    ),
    Experiment(
        name="more-layers",
        question="Does a smaller share of the units die in six hidden layers?",
        layers=lambda: classifier(dense("relu"), hidden=6),
    ),
    Experiment(
        name="more-epochs",
        question="Are fewer units dead after twice the epochs?",
        layers=activated_by("relu"),
        epochs_factor=2,
    ),
    *(
        Experiment(
            name=f"init-{name}",
            question=f"Do fewer units die when the weights start {described}?",
            layers=relu_with(initializer),
        )
        for name, described, initializer in (
            ("he_normal", "from he_normal, made for ReLU", he_normal()),
            ("he_uniform", "from he_uniform, made for ReLU", he_uniform()),
            ("lecun_normal", "from lecun_normal", lecun_normal()),
            ("lecun_uniform", "from lecun_uniform", lecun_uniform()),
            ("random_uniform", "uniform in (-0.05, 0.05)", random_uniform(minval=-0.05, maxval=0.05)),
            ("negative", "negative, uniform in (-1, 0)", random_uniform(minval=-1.0, maxval=0.0)),
            ("rai", "asymmetric, from rai, bias included", rai()),
        )
    ),
    Experiment(
        name="act-leaky_relu",
        question="Do fewer units die with leaky ReLU?",
        layers=activated_by("leaky_relu"),
    ),
    Experiment(
        name="act-prelu",
        question="Do fewer units die with PReLU, which learns a slope for each unit?",
        layers=lambda: classifier(lambda: [linear(), nn.PReLU()]),
    ),
    Experiment(
        name="act-elu",
        question="Do fewer units die with ELU?",
        layers=activated_by("elu"),
    ),
    Experiment(
        name="act-selu",
        question="Do fewer units die with SELU, its own initializer and alpha dropout?",
        layers=lambda: classifier(dense("selu", lecun_normal()), after=lambda: [nn.AlphaDropout(0.25)]),
    ),
    Experiment(
        name="act-tanh",
        question="Do fewer units die with tanh?",
        layers=activated_by("tanh"),
    ),
    Experiment(
        name="act-sigmoid",
        question="Do fewer units die with the logistic sigmoid?",
        layers=activated_by("sigmoid"),
    ),
    Experiment(
        name="batchnorm",
        question="Do fewer units die with batch normalisation before each activation?",
        layers=lambda: classifier(lambda: [linear(), nn.BatchNorm(), nn.Activation("relu")]),
    ),
    replace(
        _UNCLIPPED,
        name="gradient-clipping",
        question="Does clipping gradients to a global norm of 5 keep units alive at learning rate 0.1?",
        clip_norm=5.0,
        control=_UNCLIPPED,
    ),
    Experiment(
        name="revive",
        question="Are fewer units dead when ReDo revives them after every epoch?",
        layers=activated_by("relu"),
        cure=ReDo,
    ),
)

EXPERIMENTS: dict[str, Experiment] = {row.name: row for row in _ROWS}


def named(names: Iterable[str]) -> tuple[Experiment, ...]:
    """Return the experiments of these names, each once, in the order given.

    Raises
    ------
    ValueError
        If a name is unknown (the message names the nearest), or there is none.
    """
    chosen = list(dict.fromkeys(names))
    if not chosen:
        raise ValueError(f"no experiment is named; choose from {', '.join(EXPERIMENTS)}")
    for name in chosen:
        if name not in EXPERIMENTS:
            raise ValueError(f"unknown experiment {name!r}; {_nearest(name)}")
    return tuple(EXPERIMENTS[name] for name in chosen)


def _nearest(name: str) -> str:
    """Name the experiments that may have been meant, and where all of them are."""
    # What follows the group counts as well: "selu" is near "act-selu".
    ends = {end.lower(): whole for whole in EXPERIMENTS for end in (whole, whole.partition("-")[2]) if end}
    near = difflib.get_close_matches(name.lower(), ends, n=6, cutoff=0.5)
    nearest = list(dict.fromkeys(ends[end] for end in near))[:3]
    listed = "relu-fast lab --list shows all"
    return f"the nearest: {', '.join(nearest)} ({listed})" if nearest else listed
