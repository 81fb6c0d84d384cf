"""A report as plain text: a table with one line a layer, the evidence, and what is known and what is not."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from ..verdicts import below_gate, rate_bound
from .format import counted, percent, span, table, unit_list

if TYPE_CHECKING:
    from ..verdicts import Evidence
    from .records import LayerReport, PhaseReport, Report

__all__ = ["explain", "render"]

WIDTH = 110

HEADER = (
    *("layer", "activation", "seen in", "units", "dead", "unfired", "always on", "NaN/inf"),
    *("sparsity", "active/example", "gradient", "worst unit"),
)

LEGEND = (
    "Sparsity: share of values at or below the gate (0 where there is none), which is not the share of dead "
    "units. Gradient: share of gradient values that are not zero. Worst unit: the one that fires least. "
    "?: not known."
)


def render(report: Report) -> str:
    """Write the whole report."""
    when = "running window" if report.step is None else f"step {report.step}"
    layers, phases = list(report.layers.values()), list(report.phases.values())
    if not layers:
        return f"Dead units, {when}: nothing was observed yet, so nothing is known."
    units = sum(layer.units for layer in layers)
    evidence = [sentence for layer in layers for sentence in _layer_sentences(layer)]
    blocks = [
        [f"Dead units, {when}: {counted(len(layers), 'layer')}, {counted(units, 'unit')}"],
        table(HEADER, [_row(layer) for layer in layers], left=3).splitlines(),
        _wrapped(evidence or ["Every unit fired at least once."]),
        _wrapped([_phase_sentence(phase) for phase in phases] + _history_sentences(report)),
        _wrapped([LEGEND]),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def explain(evidence: Evidence) -> str:
    """Put one unit's evidence in words: a sentence without its full stop."""
    n = counted(evidence.examples, "example")
    if evidence.state == "not_observed":
        return "nothing was seen"
    if evidence.state == "non_finite":
        return f"{evidence.nonfinite} of {evidence.seen} values were NaN or infinite"
    if evidence.state == "dead":
        below = (
            ""
            if evidence.below_gate is None
            else f", {evidence.below_gate:.3g} below the gate {evidence.gate:g}"
        )
        largest = "" if evidence.largest is None else f"; largest z {evidence.largest:.3g}{below}"
        return f"never fired in a complete pass of {n}{largest}"
    if evidence.state == "unfired":
        bound = percent(evidence.rate_bound)
        return f"never fired in {n}; fires on less than {bound} of such if they are independent (95 % bound)"
    if evidence.state == "always_on":
        return f"fired every time in {n}"
    return f"fired on {percent(evidence.firing_rate)} of what was seen in {n}"


def _row(layer: LayerReport) -> list[str]:
    head = [layer.name, layer.activation or "?", layer.phase or "not observed", str(layer.units)]
    gradient = percent(layer.gradient.nonzero_share if layer.gradient else None)
    if not layer.observed:
        return [*head, *"??????", gradient, "?"]
    counts, rate = layer.counts, layer.firing_rate
    worst = int(np.nanargmin(rate))
    return [
        *head,
        "?" if layer.dead is None else str(layer.dead),
        *(str(counts[state]) for state in ("unfired", "always_on", "non_finite")),
        percent(layer.sparsity),
        f"{layer.active_per_example:.4g}",
        gradient,
        f"{worst}: {percent(float(rate[worst]))}",
    ]


def _layer_sentences(layer: LayerReport) -> list[str]:
    """Name the units of a layer that were not observed, are non-finite, dead or unfired, with evidence."""
    if not layer.observed:
        return [f"{layer.name}: not observed; nothing is known of its {counted(layer.units, 'unit')}."]
    sentences = []
    n = counted(layer.example_count, "example")
    broken, dead, unfired = (layer.units_in(state) for state in ("non_finite", "dead", "unfired"))
    if broken.size:
        values = f"{layer.nonfinite[broken].sum()} of {layer.seen[broken].sum()} values"
        sentences.append(f"{layer.name}: NaN or infinity in units {unit_list(broken)}: {values}.")
    if dead.size:
        largest, gates = layer.max[dead], layer.gates[dead]
        sentences.append(
            f"{layer.name}: dead units {unit_list(dead)}: never fired in a complete pass of {n}; largest z "
            f"{span(largest)}, {span(below_gate(largest, gates))} below the gate {span(gates)}."
        )
    gateless = np.isnan(layer.gates[unfired])
    for units, reason in (
        (unfired[~gateless], "no complete pass, so not called dead"),
        (unfired[gateless], "has no gate, so none is dead"),
    ):
        if units.size:
            bound = percent(float(rate_bound(layer.examples[units].min())))
            sentences.append(
                f"{layer.name}: unfired units {unit_list(units)}: never fired in {n} ({reason}); each fires "
                f"on less than {bound} of such examples if they are independent (95 % bound)."
            )
    return sentences


def _phase_sentence(phase: PhaseReport) -> str:
    """Say how much a phase saw and what follows from it."""
    fewest, most = phase.examples
    n = counted(most, "example") if fewest == most else f"{fewest} to {most} examples, depending on the layer"
    if most == 0:
        known = "nothing is known from it"
    elif phase.complete:
        known = "a unit with a gate that never fired in it is dead on this data; on other data it may fire"
    else:
        known = "a unit that never fired in it is unfired; whether it is dead is not known"
    coverage = {
        "complete": f"complete pass, {n}",
        "running": f"complete pass still running, {n} so far",
        "interrupted": f"complete pass interrupted, so incomplete: {n}",
        "observed": f"{n}, not a complete pass with frozen weights",
    }[phase.status]
    return f"{phase.name}: {coverage}. So {known}."


def _history_sentences(report: Report) -> list[str]:
    """Say how the number of dead units went over the snapshots; nothing with fewer than two of them."""
    points = report.history
    courses = []
    for name, layer in report.layers.items():
        dead = [(point.step, point.layers[name].dead) for point in points if name in point.layers]
        known = [(step, count) for step, count in dead if count is not None]
        turns = [entry for i, entry in enumerate(known) if i == 0 or entry[1] != known[i - 1][1]]
        if layer.gate is not None and turns:
            shown = [f"{count} at step {step}" for step, count in turns[:6]]
            shown += ["...", f"{turns[-1][1]} at step {turns[-1][0]}"] if len(turns) > 6 else []
            courses.append(f"{name} {', '.join(shown)}")
    if len(points) < 2 or not courses:
        return []
    return [f"{len(points)} snapshots, dead units where their number changed: {'; '.join(courses)}."]


def _wrapped(paragraphs: list[str]) -> list[str]:
    return [textwrap.fill(paragraph, WIDTH, subsequent_indent="  ") for paragraph in paragraphs]
