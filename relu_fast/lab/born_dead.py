"""``relu-fast lab born-dead``: how often a relu network is constant before it was trained, by depth and width.

Networks of one input are drawn and looked at on [-sqrt(3), sqrt(3)]; what is proven (`theory`) stands beside it.
The experiment is that of Lu et al. 2019 (1903.06733), with He's initialization, N(0, 2 / fan_in) and zero biases,
and with their randomized asymmetric one (`relu_fast.nn.initializers.RAI`), in all layers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

import numpy as np
from numpy.typing import NDArray

from ..nn.initializers import Initializer
from ..report.share import Share
from .sheet_command import COLORS, Result, Settings, Steps, add_options, run_command, versions
from .small_networks import (
    GRID,
    HIGH,
    INITIALIZATIONS,
    LABELS,
    LOW,
    SmallNetworks,
    first_silent_layers,
    stream,
)
from .theory import exact, lower_bound, upper_bound

if TYPE_CHECKING:
    from ..report.sheet import Sheet

__all__ = ["BornDead", "BornDeadSettings", "add_arguments", "death_depths", "run", "study"]

# Numbers that are held at once: 32 MiB of them.
NUMBERS_AT_ONCE = 2**22


@dataclass(frozen=True, kw_only=True)
class BornDeadSettings(Settings):
    """The options, with their defaults."""

    command: ClassVar[str] = "lab born-dead"
    quick: ClassVar[Mapping[str, Any]] = {"networks": 4000}

    widths: tuple[int, ...] = (2, 3, 4, 5)
    depths: tuple[int, ...] = (2, 3, 4, 6, 8, 10, 15, 20)
    networks: int = 50_000


@dataclass(frozen=True)
class BornDead:
    """The networks of one width and initialization.

    Attributes
    ----------
    initialization : str
    width : int
    deaths : ndarray of int64 (deepest,)
        How many have their first silent hidden layer at each place; the last entry: those that have none.
    """

    initialization: str
    width: int
    deaths: NDArray[np.int64]

    def share(self, depth: int) -> Share:
        """Return the share of born dead networks among those of `depth` affine layers.

        A network of that depth is the beginning of a deeper one: the shares of different depths count the same
        draws.
        """
        return Share(int(self.deaths[: depth - 1].sum()), int(self.deaths.sum()))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.description = (
        "How often is a relu network born dead: constant before it was trained? One input, He's initialization\n"
        "with zero biases and randomized asymmetric initialization (RAI); Monte Carlo beside proven bounds."
    )
    more = {
        "networks": "networks drawn for each width and initialization",
        "seed": "the same seed, the same numbers",
    }
    # The networks are the samples of a Monte Carlo estimate.
    add_options(parser, BornDeadSettings(), more, other_names={"networks": "--samples"})


def run(args: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    return run_command(args, BornDeadSettings, study)


def study(settings: BornDeadSettings, stream: TextIO) -> Result:
    """Draw all networks, with progress on `stream`."""
    parts = {
        f"{LABELS[initialization]}, width {width}": (initialization, width)
        for width in settings.widths
        for initialization in INITIALIZATIONS
    }
    deepest = max(settings.depths)
    measured: dict[tuple[str, int], BornDead] = {}
    with Steps(stream, dict.fromkeys(parts, settings.networks)) as steps:
        for part, (initialization, width) in parts.items():
            deaths = np.zeros(deepest, np.int64)
            for first in death_depths(initialization, width, deepest, settings.networks, settings.seed):
                deaths += np.bincount(first, minlength=deepest)
                steps.advance(part, len(first))
            born = measured[initialization, width] = BornDead(initialization, width, deaths)
            steps.done(part, f"born dead at depth {deepest}: {born.share(deepest)}")
    sheet = _sheet(settings, measured)
    rows = [_row(measured, width, depth) for width in settings.widths for depth in settings.depths]
    record = {
        "format": "relu_fast.born_dead",
        "version": 1,
        "command": settings.line,
        "settings": settings.to_dict(),
        "versions": versions(),
        "inputs": [LOW, HIGH],
        "answers": sheet.answers,
        "rows": rows,
    }
    return Result(record, sheet)


def death_depths(
    initialization: str, width: int, depth: int, networks: int, seed: int
) -> Iterator[NDArray[np.intp]]:
    """Draw networks, and yield arrays of where each dies: see `first_silent_layers`.

    Parameters
    ----------
    initialization : str
        A name in `INITIALIZATIONS`.
    width, depth, networks, seed : int

    Yields
    ------
    ndarray of int (some networks,)
        In 0 ... depth - 1; the last means that every hidden layer fires.
    """
    initializer: Initializer = INITIALIZATIONS[initialization]
    generator = stream(seed, "born dead", initialization, width, depth)
    at_once = max(1, min(2000, NUMBERS_AT_ONCE // (depth * width * max(width, GRID))))
    for begin in range(0, networks, at_once):
        count = min(at_once, networks - begin)
        yield first_silent_layers(SmallNetworks(count, width, depth).initialize(initializer, generator))


def _row(measured: Mapping[tuple[str, int], BornDead], width: int, depth: int) -> dict[str, Any]:
    return {
        "width": width,
        "depth": depth,
        "lower_bound": lower_bound(width, depth),
        "upper_bound": upper_bound([width] * (depth - 1)),
        "exact": exact(width, depth),
    } | {name: measured[name, width].share(depth).to_dict() for name in INITIALIZATIONS}


def _sheet(settings: BornDeadSettings, measured: Mapping[tuple[str, int], BornDead]) -> Sheet:
    # matplotlib belongs to an extra.
    from ..report.sheet import Panel, Series, Sheet

    cells = [(width, depth) for width in settings.widths for depth in settings.depths]
    rows = tuple(
        (
            str(width),
            str(depth),
            f"{lower_bound(width, depth):.4f}",
            str(measured["he", width].share(depth)),
            f"{upper_bound([width] * (depth - 1)):.4f}",
            str(measured["rai", width].share(depth)),
        )
        for width, depth in cells
    )
    panels = []
    depths = range(2, max(settings.depths) + 1)
    for width in settings.widths:
        series = [
            Series(
                "upper bound", depths, [upper_bound([width] * (depth - 1)) for depth in depths], style="--"
            ),
            Series("lower bound", depths, [lower_bound(width, depth) for depth in depths], style=":"),
        ]
        for name, label in LABELS.items():
            shares = [measured[name, width].share(depth) for depth in depths]
            low, high = zip(*(share.interval for share in shares), strict=True)
            values = [share.value for share in shares]
            series.append(Series(label, depths, values, (low, high), color=COLORS[name]))
        panels.append(Panel(f"width {width}", tuple(series)))
    return Sheet(
        title="Born dead",
        question="How often is a relu network constant before it was trained, and does RAI help?",
        answers=_answers(settings, measured),
        header=("width", "depth", "at least", "He [95 %]", "at most", "RAI [95 %]"),
        rows=rows,
        left=0,
        panels=tuple(panels),
        x_label="depth (affine layers)",
        y_label="share born dead",
        caption="Share of networks that are born dead over the depth, with 95 % intervals, and the bounds for "
        "symmetric initializations.",
        notes=(
            f"{settings.networks} networks of one input for each width and initialization. One of depth L has L affine "
            "layers: L - 1 hidden ones with relu, and the output. Shallower networks are the beginnings of deeper "
            "ones, so the shares of one curve count the same draws.",
            "Born dead: the same output for every input from -sqrt(3) to sqrt(3). That is so exactly if some hidden "
            "layer fires for no input there, which is decided from breakpoint to breakpoint, not at samples.",
            "He: weights from N(0, 2 / fan_in), biases zero (1502.01852). RAI: weights and bias from N(0, 1) 0.6007 / "
            "sqrt(fan_in), then one of them for each unit from Beta(2, 1) (1903.06733).",
            "The bounds are proven for He: at most 1 - prod(1 - 2^-N) over the hidden layers, the probability that "
            "one given input dies on the way. The lower bound is exact up to depth 3.",
        ),
        command=settings.line,
        versions=versions(),
    )


def _answers(settings: BornDeadSettings, measured: Mapping[tuple[str, int], BornDead]) -> tuple[str, ...]:
    cells = [(width, depth) for width in settings.widths for depth in settings.depths]
    inside = 0
    for width, depth in cells:
        low, high = measured["he", width].share(depth).interval
        inside += high >= lower_bound(width, depth) and low <= upper_bound([width] * (depth - 1))
    sentences = [
        f"With He, theory and experiment agree in {inside} of {len(cells)} cells: the 95 % interval meets the bounds."
    ]
    deepest = max(settings.depths)
    for width in settings.widths:
        he, rai = (measured[name, width].share(deepest) for name in ("he", "rai"))
        sentence = (
            f"Width {width}, depth {deepest}: {100 * he.value:.1f} % are born dead with He, "
            f"{100 * rai.value:.1f} % with RAI"
        )
        apart = he.interval[0] > rai.interval[1] or rai.interval[0] > he.interval[1]
        sentences.append(sentence + ("." if apart else "; the intervals overlap."))
    return tuple(sentences)
