"""A study as one self-contained HTML page: style and figures are in it, it loads nothing."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from . import plots
from .format import counted, magnitude, percent
from .records import LayerReport
from .study import TENSORS, ExperimentResult, Study
from .text import explain
from ..verdicts import Evidence

__all__ = ["render"]

REMARKABLE = ("non_finite", "dead", "unfired")
"""The states whose units are listed one by one."""


def render(study: Study) -> str:
    """The page as text.

    Parameters
    ----------
    study : Study
        With at least one experiment.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "magnitude": magnitude, "grouped": grouped}
    environment.globals |= {
        "counted": counted,
        "dead_of": dead_of,
        "explain": explain,
        "figures": Figures(),
        "remarkable": remarkable,
        "tensors": TENSORS,
    }
    return environment.get_template("lab.html.j2").render(study=study)


def grouped(number: int) -> str:
    """An integer with its digits in groups of three, apart by narrow spaces."""
    return f"{number:,}".replace(",", "\u202f")


def dead_of(result: ExperimentResult) -> tuple[int | None, int]:
    """How many units are dead, of how many that can be; None if it is not known."""
    gated = [layer for layer in result.layers.values() if layer.gate is not None]
    dead = [layer.dead for layer in gated]
    return None if None in dead else sum(dead), sum(layer.units for layer in gated)


def remarkable(layer: LayerReport) -> list[Evidence]:
    """The evidence for each unit that is broken, dead, or never fired."""
    return [
        evidence
        for evidence in map(layer.evidence, range(layer.units))
        if evidence.state in REMARKABLE
    ]


class Figures:
    """The figures of an experiment, as markup."""

    def losses(self, result: ExperimentResult) -> Markup:
        """Loss curves."""
        return Markup(plots.losses(result))

    def dead_units(self, result: ExperimentResult) -> Markup | None:
        """Dead units over the epochs; None where no unit can be dead."""
        svg = plots.dead_units(result)
        return None if svg is None else Markup(svg)

    def ridges(self, result: ExperimentResult, layer: str, tensor: str) -> Markup:
        """A layer's histograms over the epochs."""
        return Markup(
            plots.ridges(
                [record.epoch for record in result.epochs],
                [record.layers[layer].histograms[tensor] for record in result.epochs],
                f"{result.name}, {layer}: histograms of its {TENSORS[tensor]}, one for each epoch",
            )
        )
