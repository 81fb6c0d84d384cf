"""A report as one small, self-contained HTML page: style and drawings are in it, it loads nothing.

The only module behind ``report.to_html`` that needs jinja2, of the extra ``relu_fast[lab]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..verdicts import STATES, Evidence
from .format import counted, percent
from .text import explain, explain_causes

if TYPE_CHECKING:
    from .records import LayerReport, Report

__all__ = ["render"]

MAPPED = 1024
"""Layers up to this size are drawn unit by unit."""

LISTED = 64
"""So many units of a layer are listed with their evidence; so many deaths and revivals."""

REMARKABLE = ("non_finite", "proven", "dead", "unfired")

MEANINGS = {
    "not_observed": "nothing was seen of it.",
    "non_finite": "some of its values were NaN or infinite.",
    "proven": (
        "an upper bound of its pre-activation over a box of inputs is not above the gate: dead for every input in "
        "the box."
    ),
    "dead": (
        "in a complete pass over the data, with the weights at rest, its pre-activation never rose above the gate "
        "of the activation (0 for ReLU). Output and gradient were zero on all of it; on other data it may fire."
    ),
    "unfired": (
        "it never fired in what was seen, but is not called dead: there was no complete pass, or the activation "
        "has no gate, an input below which output and gradient are zero."
    ),
    "always_on": "it fired every time; a ReLU is linear there.",
    "alive": "the rest; the paler, the rarer it fires.",
}


def render(
    report: Report,
    *,
    title: str = "Which units are dead?",
    facts: Mapping[str, str] | None = None,
    outcomes: Sequence[tuple[str, bool]] = (),
) -> str:
    """Return the page as text.

    Parameters
    ----------
    report : Report
    title : str
    facts : mapping of str to str, optional
        What was looked at, name and value.
    outcomes : sequence of (str, bool)
        Conditions that were put to the report, each as a sentence, and whether the network failed it.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "words": lambda name: name.replace("_", " ")}
    environment.globals |= {
        "counted": counted,
        "explain": explain,
        "explain_causes": explain_causes,
        "dormant": dormant,
        "remarkable": remarkable,
    }
    layers = list(report.layers.values())
    present = [state for state in STATES if any(layer.counts[state] for layer in layers)]
    return environment.get_template("report.html.j2").render(
        report=report,
        layers=layers,
        units=sum(layer.units for layer in layers),
        title=title,
        facts=facts or {},
        outcomes=outcomes,
        present=present,
        meanings=MEANINGS,
        mapped=MAPPED,
        listed=LISTED,
    )


def remarkable(layer: LayerReport) -> list[Evidence]:
    """List the evidence for the first units that are broken, dead, or never fired."""
    codes = [STATES.index(state) for state in REMARKABLE]
    units = np.flatnonzero(np.isin(layer.codes, codes))
    return [layer.evidence(int(unit)) for unit in units[:LISTED]]


def dormant(layer: LayerReport) -> int | None:
    """Count the dormant units; None where that has no answer."""
    units = layer.flagged("dormant")
    return None if units is None else len(units)
