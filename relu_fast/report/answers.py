"""The answer to an experiment's question in one line, computed from its records and those it is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .format import counted, percent

if TYPE_CHECKING:
    from .study import ExperimentResult

__all__ = ["CONTROL", "HARDLY", "answer", "dead_of", "dormant_of"]

CONTROL = ".control"
"""How the name of a control ends."""

HARDLY = 0.05
"""A difference between two shares of dead units below this is said to be hardly one: it is one seed each."""


def answer(result: ExperimentResult, reference: ExperimentResult | None) -> str:
    """Answer the question of an experiment.

    Parameters
    ----------
    result : ExperimentResult
    reference : ExperimentResult or None
        What it is compared with; None if that was not run.
    """
    broken = _broken(result)
    if broken:
        return broken
    dead, units = dead_of(result)
    if dead is None:
        return f"Not known: no complete pass over the validation data tells which of {units} units are dead."
    if result.asks == "survival":
        return _survival(result, dead, units)
    if result.asks == "number":
        return f"{_share(dead, units)} are dead after {counted(result.last.epoch, 'epoch')}."
    return _fewer(result, reference, dead, units)


def dead_of(result: ExperimentResult) -> tuple[int | None, int]:
    """Count the dead units (None: not known), and those that can be dead."""
    gated = [layer for layer in result.layers.values() if layer.gate is not None]
    dead = [layer.dead for layer in gated if layer.dead is not None]
    return sum(dead) if len(dead) == len(gated) else None, sum(layer.units for layer in gated)


def dormant_of(result: ExperimentResult) -> tuple[int, int]:
    """Count the dormant units of the hidden layers, and all units of those where that has an answer."""
    layers = list(result.layers.values())[:-1] or list(result.layers.values())
    known = [(units, layer.units) for layer in layers if (units := layer.flagged("dormant")) is not None]
    return sum(len(dormant) for dormant, _ in known), sum(units for _, units in known)


def _broken(result: ExperimentResult) -> str | None:
    units = sum(layer.units for layer in result.layers.values())
    broken = sum(layer.counts["non_finite"] for layer in result.layers.values())
    if not broken:
        return None
    return f"The network is broken: {broken} of {counted(units, 'unit')} compute NaN or infinity."


def _survival(result: ExperimentResult, dead: int, units: int) -> str:
    when = f"after {counted(result.last.epoch, 'epoch')}"
    if dead == 0:
        rates = [layer.firing_rate for layer in result.layers.values() if layer.gate is not None]
        lowest = min(float(rate.min()) for rate in rates)
        return f"Yes: it fires on {percent(lowest)} of the validation rows {when}."
    if units == 1:
        return f"No: it is dead {when}{_since(result)}."
    return f"No: {_share(dead, units)} are dead {when}."


def _since(result: ExperimentResult) -> str:
    """Say since when all units that can be dead are."""
    curves = result.curves()["layers"]
    gated = [name for name, layer in result.layers.items() if layer.gate is not None]
    full = sum(result.layers[name].units for name in gated)
    first = None
    for i, record in enumerate(result.epochs):
        if sum(curves[name]["dead"][i] or 0 for name in gated) < full:
            first = None
        elif first is None:
            first = record.epoch
    return "" if first is None else f", since epoch {first}"


def _fewer(result: ExperimentResult, reference: ExperimentResult | None, dead: int, units: int) -> str:
    other, others = (None, 0) if reference is None else dead_of(reference)
    if not units:
        against = f" {_share(other, others)} are dead {_there(reference)}." if reference and other else ""
        return f"Yes: none can be dead, as {_activations(result)} has no gate; {_gradients(result)}.{against}"
    if reference is None:
        return f"{_share(dead, units)} are dead; what that is to be compared with was not run."
    if other is None or not others:
        return f"{_share(dead, units)} are dead; how many are {_there(reference)} is not known."
    own_share, other_share = dead / units, other / others
    if dead == other == 0:
        return f"There is nothing to save: no unit is dead, nor {_there(reference)}."
    if own_share < other_share:
        verdict = "Yes" if other_share - own_share >= HARDLY else "Hardly"
    elif own_share == other_share:
        verdict = "No, as many"
    else:
        verdict = "No, more" if own_share - other_share >= HARDLY else "No, about as many"
    sentence = f"{verdict}: {_share(dead, units)} are dead, {_share(other, others)} {_there(reference)}."
    return sentence + _revived(result) + _in_vain(result)


def _revived(result: ExperimentResult) -> str:
    revivals = result.revivals
    if revivals is None or not revivals.done:
        return ""
    took = f"{revivals.took} of {counted(revivals.followed, 'revival')} took: an epoch later the unit fired and learned"
    return f" {took}."


def _in_vain(result: ExperimentResult) -> str:
    """Say that what is asked about did nothing at all: the control has the same losses to the last bit."""
    control = result.control
    if control is None or [record.loss for record in result.epochs] != [
        record.loss for record in control.epochs
    ]:
        return ""
    return " It changed nothing: both trained alike to the last digit."


def _there(reference: ExperimentResult) -> str:
    return "without it" if reference.name.endswith(CONTROL) else f"in {reference.name}"


def _activations(result: ExperimentResult) -> str:
    """Name the activations of the hidden layers."""
    return ", ".join(dict.fromkeys(str(layer.activation) for layer in list(result.layers.values())[:-1]))


def _gradients(result: ExperimentResult) -> str:
    """Say how many gradients at the units of the hidden layers are zero."""
    hidden = list(result.last.layers.values())[:-1]
    measured = [layer.histograms["pre_activation_gradient"] for layer in hidden]
    zeros = sum(histogram.zeros for histogram in measured)
    if not zeros:
        return "no gradient at its units is zero"
    size = sum(histogram.size for histogram in measured)
    return f"{percent(zeros / size)} of the gradients at its units are zero all the same"


def _share(dead: int, units: int) -> str:
    return f"{dead} of {units}" + (f" ({percent(dead / units)})" if dead else "")
