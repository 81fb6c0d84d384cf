"""What an experiment showed, in plain words that are computed from its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .format import counted, percent

if TYPE_CHECKING:
    from .records import LayerReport
    from .study import ExperimentResult

__all__ = ["causes", "findings", "sparsity_findings"]


def findings(result: ExperimentResult) -> list[str]:
    """Say what is remarkable: a sentence on dead units first, one on the loss last."""
    return [
        _dead_units(result),
        *_history(result),
        *_silent_layers(result),
        *_zero_gradients(result),
        *_constant_output(result),
        _loss(result),
    ]


def causes(result: ExperimentResult, layer: str | None = None) -> str:
    """List the probable causes of deaths, in a layer or all, the most frequent first; "" if no unit died."""
    deaths = [
        event for event in result.report.events if event.kind == "death" and layer in (None, event.layer)
    ]
    known = Counter(event.cause.kind for event in deaths if event.cause is not None)
    listed = [f"{count} {kind.replace('_', ' ')}" for kind, count in known.most_common()]
    unknown = len(deaths) - known.total()
    return ", ".join([*listed, f"{unknown} not known"] if unknown else listed)


def _history(result: ExperimentResult) -> list[str]:
    """Say how often units died and came back, and why they died."""
    events = result.report.events
    deaths = sum(event.kind == "death" for event in events)
    if not deaths:
        return []
    back = len(events) - deaths
    returned = f"; {counted(back, 'time')} one came back" if back else ""
    return [f"{counted(deaths, 'time')} a unit died{returned}. Probable causes: {causes(result)}."]


def _dead_units(result: ExperimentResult) -> str:
    gated = [layer for layer in result.layers.values() if layer.gate is not None]
    if not gated:
        return "No unit can be dead: no activation here has a gate below which its gradient is zero."
    units = sum(layer.units for layer in gated)
    dead = [layer.dead for layer in gated if layer.dead is not None]
    when = f"after epoch {result.last.epoch}"
    if len(dead) < len(gated):
        return f"How many of {counted(units, 'unit')} are dead {when} is not known."
    if units == 1:
        return f"The only unit that could die is {_state(gated[0])} {when}."
    total = sum(dead)
    share = f" ({percent(total / units)})" if total else ""
    return f"{total} of {units} units with a gate are dead {when}{share}."


def _state(layer: LayerReport) -> str:
    words = {
        "always_on": "alive and always on",
        "proven": "dead, for every input of the data's range",
        "dead": "dead",
        "alive": "alive",
    }
    return words.get(str(layer.states[0]), f"in the state {layer.states[0]}")


def _silent_layers(result: ExperimentResult) -> list[str]:
    silent = [name for name, layer in result.layers.items() if layer.units > 1 and layer.dead == layer.units]
    if not silent:
        return []
    verb = "is" if len(silent) == 1 else "are"
    return [
        f"{', '.join(silent)} {verb} dead as a whole: on the validation data no signal gets through and no "
        "gradient gets back."
    ]


def _zero_gradients(result: ExperimentResult) -> list[str]:
    measured = [layer.histograms["pre_activation_gradient"] for layer in result.last.layers.values()]
    zeros, size = (
        sum(histogram.zeros for histogram in measured),
        sum(histogram.size for histogram in measured),
    )
    if not zeros:
        return []
    return [f"On the probe {percent(zeros / size)} of the gradients at the units are exactly zero."]


def _constant_output(result: ExperimentResult) -> list[str]:
    output = result.last.layers[list(result.layers)[-1]].histograms["outputs"]
    if output.nonfinite:
        share = percent(output.nonfinite / output.size)
        return [f"The network is broken: {share} of its outputs on the probe are NaN or infinite."]
    if output.lowest != output.highest:
        return []
    return [f"The network has become a constant: it answers {output.lowest:.4g} to every input of the probe."]


def _loss(result: ExperimentResult) -> str:
    sentence = f"Validation loss {result.last.val_loss:.4f}"
    if result.loss_floor is None:
        return sentence + "."
    return f"{sentence}; with random labels no network can expect less than ln 2 = {result.loss_floor:.4f}."


def sparsity_findings(results: Sequence[ExperimentResult]) -> list[str]:
    """Say what silent units cost or save in the networks that have any; nothing if none has."""
    silent = [result for result in results if result.sparsity.skippable > 0.0]
    if not silent:
        return []
    sentences = [_sizes(max(silent, key=lambda result: result.sparsity.patterns))]
    most = max(silent, key=lambda result: result.sparsity.skippable)
    least = min(silent, key=lambda result: result.sparsity.skippable)
    sentences.append(
        f"Most multiplications have a zero as input in {most.name}, {percent(most.sparsity.skippable)}"
        + ("." if most is least else f", fewest in {least.name}, {percent(least.sparsity.skippable)}.")
    )
    smaller = max(silent, key=lambda result: result.sparsity.removable)
    if smaller.sparsity.removable > 0.0:
        sentences.append(
            f"Cutting out dead units saves most in {smaller.name}: {percent(smaller.sparsity.removable)} of the "
            "multiplications of every row, with the same output on all validation rows."
        )
    return [*sentences, *_noise(silent)]


def _sizes(result: ExperimentResult) -> str:
    sparsity = result.sparsity
    _, low, median, high, _ = sparsity.quantiles
    return (
        f"In {result.name} a row uses {median} of {counted(sparsity.units, 'unit')} (median; {low} to {high} for "
        f"90 % of the rows), and there are {sparsity.patterns} different sets of them among "
        f"{counted(result.probe_rows, 'row')}."
    )


def _noise(results: Sequence[ExperimentResult]) -> list[str]:
    """Say in which network the largest noise changes most, and in which least."""
    shaken = [result for result in results if result.sparsity.noise[-1].overlap is not None]
    if not shaken:
        return []
    level = shaken[0].sparsity.noise[-1].level
    overlaps = {result.name: result.sparsity.noise[-1].overlap or 0.0 for result in shaken}
    calm, restless = (
        max(overlaps, key=lambda name: overlaps[name]),
        min(overlaps, key=lambda name: overlaps[name]),
    )
    sentence = (
        f"Noise of {level} on the inputs leaves {percent(overlaps[restless])} of the active units the same"
    )
    if calm == restless:
        return [f"{sentence} in {restless}."]
    return [f"{sentence} in {restless}, {percent(overlaps[calm])} in {calm}."]
