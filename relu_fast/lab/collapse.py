"""``relu-fast lab collapse``: how many deep, narrow networks learn a constant instead of abs(x).

After Lu et al. 2019, "Dying ReLU and Initialization" (1903.06733): abs(x) on [-sqrt(3), sqrt(3)], 10 layers of width
2, mean squared error, Adam with its defaults, 1000 independent networks for He's initialization and for RAI, here
in all layers. abs(x) = relu(x) + relu(-x): two units would be enough. The training points, mini-batches and epochs
are this module's own choice; by the last epoch the shares have settled.

All networks of a group are trained in the same steps: each has weights and training points of its own, and the mean
over its mini-batch of its own loss; Adam moves every entry of the flat vector by itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

import numpy as np
from numpy.typing import NDArray

from ..nn.optimizers import Adam
from ..report.share import Share
from .sheet_command import COLORS, Result, Settings, Steps, add_options, check, run_command, versions
from .small_networks import HIGH, INITIALIZATIONS, LABELS, LOW, SmallNetworks, first_silent_layers, stream

if TYPE_CHECKING:
    from ..report.sheet import Sheet

__all__ = ["Collapse", "CollapseSettings", "add_arguments", "run", "study", "train"]

BATCH = 128

# Networks that are trained together: what they hold fits into a cache; and numbers, for large ones.
AT_ONCE, NUMBERS_AT_ONCE = 250, 2**25


@dataclass(frozen=True, kw_only=True)
class CollapseSettings(Settings):
    """The options, with their defaults.

    Attributes
    ----------
    samples : int
        Training points of each network.
    epochs : int
    """

    command: ClassVar[str] = "lab collapse"
    quick: ClassVar[Mapping[str, Any]] = {"networks": 100, "epochs": 20}

    widths: tuple[int, ...] = (2,)
    depths: tuple[int, ...] = (10,)
    networks: int = 1000
    samples: int = 3000
    epochs: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        check("samples", self.samples, 1, 10**5)
        check("epochs", self.epochs, 1, 10**6)


@dataclass(frozen=True, eq=False)
class Collapse:
    """What became of networks of one width, depth and initialization.

    Attributes
    ----------
    initialization : str
    width, depth : int
    born_dead, collapsed : ndarray of bool (networks,)
        Whether it was constant on the whole interval before and after training.
    silent : ndarray of int64 (epochs,)
        How many had a hidden layer that fired for no training point of the epoch.
    loss : ndarray of float64 (networks,)
        Mean squared error on the whole interval, after training.
    constants : ndarray of float64
        The outputs of the collapsed ones.
    """

    initialization: str
    width: int
    depth: int
    born_dead: NDArray[np.bool_]
    collapsed: NDArray[np.bool_]
    silent: NDArray[np.int64]
    loss: NDArray[np.float64]
    constants: NDArray[np.float64]

    def share(self, which: NDArray[np.bool_]) -> Share:
        """Return how many of the networks those are."""
        return Share(int(np.count_nonzero(which)), which.size)

    @property
    def died(self) -> NDArray[np.bool_]:
        """Those that training made constant."""
        return self.collapsed & ~self.born_dead

    def to_dict(self) -> dict[str, Any]:
        """Return counts, shares with intervals, and losses by name."""
        alive = self.loss[~self.collapsed]
        return {
            "initialization": self.initialization,
            "width": self.width,
            "depth": self.depth,
            "born_dead": self.share(self.born_dead).to_dict(),
            "died_in_training": self.share(self.died).to_dict(),
            "collapsed": self.share(self.collapsed).to_dict(),
            "median_constant": _median(self.constants),
            "median_loss_collapsed": _median(self.loss[self.collapsed]),
            "median_loss_alive": _median(alive),
            "silent_by_epoch": self.silent.tolist(),
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.description = (
        "How many deep, narrow relu networks learn a constant instead of abs(x) on [-sqrt(3), sqrt(3)]?\n"
        f"Mean squared error, Adam with its defaults, mini-batches of {BATCH}; He's initialization with zero biases\n"
        "and randomized asymmetric initialization (RAI). Many networks are trained at once."
    )
    more = {
        "networks": "networks for each width, depth and initialization",
        "samples": "training points of each network",
        "epochs": "passes over them",
        "seed": "the same seed, the same numbers",
    }
    add_options(parser, CollapseSettings(), more)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    return run_command(args, CollapseSettings, study)


def study(settings: CollapseSettings, stream: TextIO) -> Result:
    """Train all networks, with progress on `stream`."""
    parts = {
        f"{LABELS[initialization]}, width {width}, depth {depth}": (initialization, width, depth)
        for width in settings.widths
        for depth in settings.depths
        for initialization in INITIALIZATIONS
    }
    groups = {part: _groups(settings.networks, width, depth) for part, (_, width, depth) in parts.items()}
    totals = {part: len(counts) * settings.epochs for part, counts in groups.items()}
    results = []
    with Steps(stream, totals) as steps:
        for part, (initialization, width, depth) in parts.items():
            on_epoch = partial(steps.advance, part)
            result = _merged(
                [
                    train(initialization, width, depth, count, settings, group=group, on_epoch=on_epoch)
                    for group, count in enumerate(groups[part])
                ]
            )
            results.append(result)
            steps.done(part, f"collapsed: {result.share(result.collapsed)}")
    sheet = _sheet(settings, results)
    record = {
        "format": "relu_fast.collapse",
        "version": 1,
        "command": settings.line,
        "settings": settings.to_dict(),
        "versions": versions(),
        "inputs": [LOW, HIGH],
        "answers": sheet.answers,
        "rows": [result.to_dict() for result in results],
    }
    return Result(record, sheet)


def train(
    initialization: str,
    width: int,
    depth: int,
    count: int,
    settings: CollapseSettings,
    *,
    group: int = 0,
    on_epoch: Callable[[], None] = lambda: None,
) -> Collapse:
    """Train `count` networks in the same steps, in float32.

    Parameters
    ----------
    initialization : str
        A name in `INITIALIZATIONS`.
    width, depth, count : int
    settings : CollapseSettings
        Its samples, epochs and seed.
    group : int
        Number of the random stream.
    on_epoch : callable
        Called after every epoch.
    """
    generator = stream(settings.seed, "collapse", initialization, width, depth, group)
    networks = SmallNetworks(count, width, depth, np.float32)
    networks.initialize(INITIALIZATIONS[initialization], generator)
    x = generator.uniform(LOW, HIGH, (count, settings.samples)).astype(np.float32)
    born_dead = first_silent_layers(networks) < depth - 1
    optimizer = Adam()
    silent = np.zeros(settings.epochs, np.int64)
    for epoch in range(settings.epochs):
        stats = networks.new_stats()
        # The points of each network are independent, so they may all be taken in one order.
        order = generator.permutation(settings.samples)
        for begin in range(0, settings.samples, BATCH):
            batch = x[:, order[begin : begin + BATCH]]
            entering = networks.forward(batch, stats)
            error = entering[-1] - np.abs(batch)[:, np.newaxis, :]
            error *= 2.0 / batch.shape[1]
            networks.backward(entering, error)
            optimizer.step(networks.parameters, networks.gradients)
        silent[epoch] = np.count_nonzero(networks.silent(stats).any(axis=0))
        on_epoch()
    collapsed = first_silent_layers(networks) < depth - 1
    points = np.linspace(LOW, HIGH, 513, dtype=np.float32)[np.newaxis]
    outputs = networks.forward(points)[-1][:, 0, :].astype(np.float64)
    return Collapse(
        initialization,
        width,
        depth,
        born_dead,
        collapsed,
        silent,
        np.square(outputs - np.abs(points)).mean(axis=1),
        outputs[collapsed, 0],
    )


def _groups(networks: int, width: int, depth: int) -> list[int]:
    """Return how many networks are trained together, for each group: what decides the numbers, not the machine."""
    at_once = max(1, min(AT_ONCE, NUMBERS_AT_ONCE // (depth * width * (width + BATCH))))
    return [min(at_once, networks - begin) for begin in range(0, networks, at_once)]


def _merged(parts: list[Collapse]) -> Collapse:
    first = parts[0]
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("born_dead", "collapsed", "loss", "constants")
    }
    silent = np.sum([part.silent for part in parts], axis=0)
    return Collapse(first.initialization, first.width, first.depth, silent=silent, **arrays)


def _median(values: NDArray[np.float64]) -> float | None:
    """Return the median of the finite values; None of none."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else None


def _sheet(settings: CollapseSettings, results: list[Collapse]) -> Sheet:
    # matplotlib belongs to an extra.
    from ..report.sheet import Panel, Series, Sheet

    rows: list[tuple[str, ...]] = []
    panels: dict[str, list[Series]] = {}
    epochs = range(settings.epochs + 1)
    for result in results:
        loss = _median(result.loss[~result.collapsed])
        rows.append(
            (
                LABELS[result.initialization],
                str(result.width),
                str(result.depth),
                str(result.share(result.born_dead)),
                str(result.share(result.died)),
                str(result.share(result.collapsed)),
                "-" if loss is None else f"{loss:.4f}",
            )
        )
        # Before the first epoch nothing was counted yet: what was born dead.
        counts = [int(np.count_nonzero(result.born_dead)), *result.silent.tolist()]
        shares = [Share(count, result.collapsed.size) for count in counts]
        low, high = zip(*(share.interval for share in shares), strict=True)
        color = COLORS[result.initialization]
        series = Series(
            LABELS[result.initialization], epochs, [share.value for share in shares], (low, high), color=color
        )
        panels.setdefault(f"width {result.width}, depth {result.depth}", []).append(series)
    return Sheet(
        title="Collapse",
        question="How many deep, narrow networks learn a constant instead of abs(x), and does RAI help?",
        answers=_answers(results),
        header=(
            "initialization",
            "width",
            "depth",
            "born dead [95 %]",
            "died in training [95 %]",
            "collapsed [95 %]",
            "loss of the others",
        ),
        rows=tuple(rows),
        left=1,
        panels=tuple(Panel(title, tuple(series)) for title, series in panels.items()),
        x_label="epoch",
        y_label="share collapsed",
        caption="Share of networks with a hidden layer that fired for no training point of the epoch, with 95 % "
        "intervals; at epoch 0 those that were born dead.",
        notes=(
            f"{settings.networks} networks for each row, trained to abs(x) on {settings.samples} points each, "
            f"uniform in [-sqrt(3), sqrt(3)]: mean squared error, Adam with its defaults, mini-batches of {BATCH}, "
            f"{settings.epochs} epochs, float32. After Lu et al. 2019 (1903.06733).",
            "Born dead, collapsed: the same output for every input of the interval, decided from breakpoint to "
            "breakpoint. Nothing brings such a network back: no gradient passes its silent layer.",
            "He: weights from N(0, 2 / fan_in), biases zero (1502.01852). RAI: weights and bias from N(0, 1) 0.6007 / "
            "sqrt(fan_in), then one of them for each unit from Beta(2, 1).",
            "Loss of the others: the median mean squared error of the networks that did not collapse; the best "
            "constant, sqrt(3) / 2 = 0.866, has 0.25.",
        ),
        command=settings.line,
        versions=versions(),
    )


def _answers(results: list[Collapse]) -> tuple[str, ...]:
    sentences = []
    for result in results:
        share = result.share(result.collapsed)
        low, high = share.interval
        sentence = (
            f"{LABELS[result.initialization]}, width {result.width}, depth {result.depth}: {share.count} of {share.of} "
            f"networks collapsed to a constant ({100 * share.value:.1f} %, interval {100 * low:.1f} to "
            f"{100 * high:.1f} %)"
        )
        if share.count:
            died, median = int(np.count_nonzero(result.died)), _median(result.constants)
            sentence += f"; {share.count - died} of them were born dead, {died} died in training"
            sentence += "" if median is None else f"; the median constant is {median:.3f}"
        sentences.append(sentence + ".")
    return tuple(sentences)
