"""A study as one self-contained HTML page: style and figures are in it, it loads nothing."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..activations import ACTIVATIONS
from ..verdicts import Evidence
from . import plots
from .answers import dead_of, dormant_of
from .findings import causes, sparsity_findings
from .format import counted, magnitude, percent
from .records import LayerReport
from .ridges import ridges
from .study import TENSORS, ExperimentResult, Study
from .text import explain, explain_causes

__all__ = ["render"]

REMARKABLE = ("non_finite", "proven", "dead", "unfired")
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
        "activations": ACTIVATIONS,
        "causes": causes,
        "counted": counted,
        "dead_of": dead_of,
        "dormant_of": dormant_of,
        "explain": explain,
        "figures": Figures(),
        "last_deaths": last_deaths,
        "loss_legend": plots.LOSS_LEGEND,
        "remarkable": remarkable,
        "sparsity_findings": sparsity_findings,
        "tensors": TENSORS,
    }
    return environment.get_template("lab.html.j2").render(study=study)


def grouped(number: int) -> str:
    """Write an integer with its digits in groups of three, apart by narrow spaces."""
    return f"{number:,}".replace(",", "\u202f")


def remarkable(layer: LayerReport) -> list[Evidence]:
    """List the evidence for each unit that is broken, dead, or never fired."""
    return [evidence for evidence in map(layer.evidence, range(layer.units)) if evidence.state in REMARKABLE]


def last_deaths(result: ExperimentResult, layer: LayerReport) -> dict[int, str]:
    """Say of each unit of a layer when and why it died last; "" if it did not, or came back."""
    words = dict.fromkeys(range(layer.units), "")
    for event in result.report.events:
        if event.layer != layer.name:
            continue
        why = "why is not known" if event.cause is None else explain_causes([event.cause])
        words[event.unit] = f"epoch {event.step}: {why}" if event.kind == "death" else ""
    return words


class Figures:
    """The figures of the page, as markup."""

    def losses(self, result: ExperimentResult, reference: ExperimentResult | None) -> Markup:
        """Draw the loss curves."""
        return Markup(plots.losses(result, reference))

    def dead_units(self, result: ExperimentResult) -> Markup | None:
        """Draw the dead units over the epochs; None where no unit can be dead."""
        svg = plots.dead_units(result)
        return None if svg is None else Markup(svg)

    def active_units(self, result: ExperimentResult) -> Markup:
        """Draw the active units per row over the epochs."""
        return Markup(plots.active_units(result))

    def activation(self, name: str) -> Markup:
        """Draw an activation and its derivative."""
        return Markup(plots.activation(ACTIVATIONS[name]))

    def ridges(self, result: ExperimentResult, layer: str, tensor: str) -> Markup:
        """Draw a layer's histograms over the epochs."""
        return Markup(
            ridges(
                [record.epoch for record in result.epochs],
                [record.layers[layer].histograms[tensor] for record in result.epochs],
                f"{result.name}, {layer}: histograms of its {TENSORS[tensor]}, one for each epoch",
            )
        )
