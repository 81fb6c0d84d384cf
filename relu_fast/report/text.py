"""A report as plain text: a table with one line a layer, the evidence, and what is known and what is not."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..verdicts import DORMANT_TAU, below_gate, rate_bound
from .format import counted, percent, span, table, unit_list

if TYPE_CHECKING:
    from ..history import Cause, UnitEvent
    from ..verdicts import Evidence
    from .records import LayerReport, PhaseReport, Report

__all__ = ["explain", "explain_causes", "render"]

WIDTH = 110

MOST_EVENTS = 12
"""Lines of the history, at most: a line is what happened to units of one layer at one step for one cause."""

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
        _wrapped([_phase_sentence(phase) for phase in phases]),
        _wrapped(_history_sentences(report) + _event_sentences(report.events)),
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
    if evidence.state == "proven":
        fired = f"; fired all the same on {percent(evidence.firing_rate)} in {n}" if evidence.active else ""
        return f"z is at most {evidence.upper:.3g} over a stated box of inputs, the gate is {evidence.gate:g}{fired}"
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
    """Name the units of a layer that were not observed, are non-finite, dead or unfired, or flagged."""
    if not layer.observed:
        sentence = f"not observed; nothing is known of its {counted(layer.units, 'unit')}"
        return [f"{layer.name}: {sentence}."]
    return [f"{layer.name}: {sentence}." for sentence in (*_state_sentences(layer), *_flag_sentences(layer))]


def _state_sentences(layer: LayerReport) -> Iterable[str]:
    n = counted(layer.example_count, "example")
    broken, proven, dead, unfired = (
        layer.units_in(state) for state in ("non_finite", "proven", "dead", "unfired")
    )
    if broken.size:
        values = f"{layer.nonfinite[broken].sum()} of {layer.seen[broken].sum()} values"
        yield f"NaN or infinity in units {unit_list(broken)}: {values}"
    if layer.bounds is not None and proven.size:
        yield (
            f"proven dead units {unit_list(proven)}: over {layer.bounds.box} z is at most "
            f"{span(layer.bounds.upper[proven])}, the gate is {span(layer.gates[proven])}"
        )
        fired = proven[layer.active[proven] > 0]
        if fired.size:
            yield f"proven dead units {unit_list(fired)} fired in {n}: outside that box, or with other weights"
    if dead.size and layer.max is not None:
        largest, gates = layer.max[dead], layer.gates[dead]
        yield (
            f"dead units {unit_list(dead)}: never fired in a complete pass of {n}; largest z "
            f"{span(largest)}, {span(below_gate(largest, gates))} below the gate {span(gates)}"
        )
    if layer.bounds is not None and dead.size:
        yield (
            f"{counted(len(dead), 'dead unit')} not proven dead over {layer.bounds.box}: upper bounds of z "
            f"{span(layer.bounds.upper[dead])}"
        )
    gateless = np.isnan(layer.gates[unfired])
    for units, reason in (
        (unfired[~gateless], "no complete pass, so not called dead"),
        (unfired[gateless], "has no gate, so none is dead"),
    ):
        if units.size:
            bound = percent(float(rate_bound(layer.examples[units].min())))
            yield (
                f"unfired units {unit_list(units)}: never fired in {n} ({reason}); each fires "
                f"on less than {bound} of such examples if they are independent (95 % bound)"
            )


def _flag_sentences(layer: LayerReport) -> Iterable[str]:
    flagged = {
        name: np.flatnonzero(units)
        for name, units in layer.flags.items()
        if units is not None and units.any()
    }
    if layer.sum_abs is not None and not layer.sum_abs.any() and not layer.nonfinite.any():
        yield "which units are dormant is not defined: every output was 0"
    if "dormant" in flagged and layer.dormancy is not None:
        # That dead units are dormant, too, goes without saying.
        silent = np.setdiff1d(flagged["dormant"], layer.dead_units)
        beside = " beside the dead ones" if layer.dead_units.size else ""
        if silent.size:
            yield (
                f"dormant units{beside} {unit_list(silent)}: mean output {_shares(layer.dormancy[silent])} of "
                f"the layer's, at most {percent(DORMANT_TAU)}"
            )
    if "starved" in flagged:
        yield f"starved units {unit_list(flagged['starved'])}: fired, but every gradient at them was 0"
    if "saturated" in flagged and layer.min is not None:
        units = flagged["saturated"]
        ceiling = np.broadcast_to(np.float64(np.nan if layer.ceiling is None else layer.ceiling), layer.units)
        yield (
            f"saturated units {unit_list(units)}: smallest z {span(layer.min[units])}, not below the ceiling "
            f"{span(ceiling[units])}, so no gradient passes"
        )
    if "permanent" in flagged:
        units, dead = flagged["permanent"], layer.dead_units
        which = "its dead units" if len(units) == len(dead) else f"units {unit_list(units)}"
        yield (
            f"{which} are dead for good: nothing is trained before them, and no gradient, momentum or weight decay "
            "moves them"
        )


def _shares(values: NDArray[np.float64]) -> str:
    low, high = percent(float(values.min())), percent(float(values.max()))
    return low if low == high else f"{low} to {high}"


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


def _event_sentences(events: Iterable[UnitEvent]) -> list[str]:
    """Say which units died when and why, and which were revived: a sentence for those of which it is the same."""
    groups: dict[tuple[str, str, int, str | None], list[UnitEvent]] = {}
    for event in events:
        cause = None if event.cause is None else event.cause.kind
        groups.setdefault((event.layer, event.kind, event.step, cause), []).append(event)
    sentences = []
    for (layer, kind, step, cause), found in groups.items():
        units = unit_list(event.unit for event in found)
        if kind == "revival":
            sentences.append(f"{layer}: units {units} fired again at step {step}.")
        else:
            why = explain_causes(event.cause for event in found) if cause else "why is not known"
            sentences.append(f"{layer}: units {units} found dead at step {step}: {why}.")
    left = sentences[MOST_EVENTS:]
    return sentences[:MOST_EVENTS] + ([f"... and {len(left)} more such lines."] if left else [])


def explain_causes(causes: Iterable[Cause | None]) -> str:
    """Put causes of one kind in words, with the spans of their evidence: a sentence without its full stop."""
    known = [cause for cause in causes if cause is not None]
    numbers: dict[str, list[float]] = {}
    for cause in known:
        for name, number in cause.evidence.items():
            numbers.setdefault(name, []).append(number)
    shown = {name: span(values) for name, values in numbers.items()}
    match known[0].kind:
        case "born_dead":
            return f"born dead, before the first step the largest z was {shown.get('largest', '?')}"
        case "weights_jumped":
            lengths = zip(numbers["step_norm"], numbers["weights_norm"], strict=True)
            times = span(step / norm for step, norm in lengths)
            return f"the weights jumped, one step was {times} times as long as they were"
        case "bias_drifted":
            return (
                f"the bias drifted below the reach of the inputs, {shown['reach']}: it was "
                f"{shown['bias_before']}, it is {shown['bias']}"
            )
        case "predecessors_dead":
            dead, all_of_them = shown.get("dead_predecessors", "?"), shown.get("predecessors", "?")
            return f"{dead} of {all_of_them} predecessors are dead, and with them all that could raise z"
        case _:
            return (
                f"the normalisation drifted: its scale was {shown['scale_before']}, it is {shown['scale']}; its "
                f"shift was {shown['shift_before']}, it is {shown['shift']}"
            )


def _wrapped(paragraphs: list[str]) -> list[str]:
    return [textwrap.fill(paragraph, WIDTH, subsequent_indent="  ") for paragraph in paragraphs]
