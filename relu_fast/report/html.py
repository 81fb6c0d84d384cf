"""A study as one self-contained HTML page: style and figures are in it, it loads nothing."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..verdicts import Evidence
from . import plots
from .format import counted, magnitude, percent
from .records import LayerReport
from .ridges import ridges
from .study import TENSORS, ExperimentResult, Study
from .text import explain

__all__ = ["render"]

REMARKABLE = ("non_finite", "dead", "unfired")
"""The states whose units are listed one by one."""


def render(study: Study) -> str:
    """Return the page as text.

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
    """Write an integer with its digits in groups of three, apart by narrow spaces."""
    return f"{number:,}".replace(",", "\u202f")


def dead_of(result: ExperimentResult) -> tuple[int | None, int]:
    """Count the dead units (None: not known), and those that can be dead."""
    gated = [layer for layer in result.layers.values() if layer.gate is not None]
    dead = [layer.dead for layer in gated if layer.dead is not None]
    return sum(dead) if len(dead) == len(gated) else None, sum(layer.units for layer in gated)


def remarkable(layer: LayerReport) -> list[Evidence]:
    """List the evidence for each unit that is broken, dead, or never fired."""
    return [evidence for evidence in map(layer.evidence, range(layer.units)) if evidence.state in REMARKABLE]


class Figures:
    """The figures of an experiment, as markup."""

    def losses(self, result: ExperimentResult) -> Markup:
        """Draw the loss curves."""
        return Markup(plots.losses(result))

    def dead_units(self, result: ExperimentResult) -> Markup | None:
        """Draw the dead units over the epochs; None where no unit can be dead."""
        svg = plots.dead_units(result)
        return None if svg is None else Markup(svg)

    def ridges(self, result: ExperimentResult, layer: str, tensor: str) -> Markup:
        """Draw a layer's histograms over the epochs."""
        return Markup(
            ridges(
                [record.epoch for record in result.epochs],
                [record.layers[layer].histograms[tensor] for record in result.epochs],
                f"{result.name}, {layer}: histograms of its {TENSORS[tensor]}, one for each epoch",
            )
        )
