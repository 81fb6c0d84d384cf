"""What became of units from snapshot to snapshot: deaths, revivals, and their probable causes.

Pure functions, snapshots in, events out. A unit *dies* at the first snapshot that finds it dead (or proven to be),
and is *revived* at the first one that finds it firing again; a snapshot that cannot tell, without a complete
pass for instance, changes nothing. A death has the first of these causes that its evidence shows, or none. What
is compared are the snapshot of the death and the last one before it that found the unit alive.

================= ===================================================== =======================================
cause             exact meaning                                         evidence
================= ===================================================== =======================================
born_dead         dead at the snapshot before the first step            largest z, gate
weights_jumped    one step of its weights was at least `JUMP` times     norm of the step, of the weights
                  as long as they were                                  before it
bias_drifted      the inputs no longer reach the gate; with its earlier bias before and after, reach: the
                  bias the unit would still fire                        largest z without the bias
predecessors_dead all predecessors that could raise z are dead now      how many are dead, of how many
normalisation     with the earlier scale and shift of the normalisation both before and after
                  before the activation the unit would still fire
================= ===================================================== =======================================

A step is what happens between two looks at the weights: in ``relu_fast.nn`` one step of the optimizer, by hand
what lies between two calls of ``monitor.observe_weights``. "Would still fire": the largest z, computed anew from
the one seen, lies above the gate, and the difference makes up at least half of what the largest z has fallen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .verdicts import STATES

if TYPE_CHECKING:
    from .report.records import LayerReport, Snapshot

__all__ = ["CAUSES", "JUMP", "Cause", "UnitEvent", "UnitFacts", "cause_of", "events", "raised_by"]

CAUSES = ("born_dead", "weights_jumped", "bias_drifted", "predecessors_dead", "normalisation")
"""Every cause, in the order in which they are tried."""

JUMP = 0.5
"""Weights jump when one step is at least this many times as long as they are."""

NEVER_NEGATIVE = ("relu", "relu6", "squared_relu", "hardsigmoid")
"""Activations with a gate whose output is at least 0: through a weight below 0 they cannot raise a z."""


@dataclass(frozen=True)
class Cause:
    """Why a unit died.

    Attributes
    ----------
    kind : str
        One of `CAUSES`.
    evidence : dict of str to float
        The numbers behind it, see the table of this module.
    """

    kind: str
    evidence: Mapping[str, float] = field(hash=False, default_factory=dict)


@dataclass(frozen=True)
class UnitEvent:
    """The death or the revival of a unit.

    Attributes
    ----------
    layer : str
    unit : int
    kind : str
        "death" or "revival".
    step : int
        Step of the snapshot that found it.
    cause : Cause or None
        Of a death; None if none is known.
    """

    layer: str
    unit: int
    kind: str
    step: int
    cause: Cause | None = None


@dataclass(frozen=True, kw_only=True)
class UnitFacts:
    """What a snapshot knows of one unit, as far as causes are concerned. None is what is not known.

    Attributes
    ----------
    gate, largest, smallest : float or None
        The gate, and the extreme z.
    step_norm, weights_norm : float or None
        Norms of the largest step of the unit's weights, by the second: their norm before it.
    bias, scale, shift : float or None
        Bias, and what a normalisation before the activation has learned.
    raisable, raised : bool or None
        Whether some predecessor could raise z, and whether one of these is not dead, see `raised_by`.
    dead_predecessors, predecessors : int or None
        How many there are.
    """

    gate: float | None = None
    largest: float | None = None
    smallest: float | None = None
    step_norm: float | None = None
    weights_norm: float | None = None
    bias: float | None = None
    scale: float | None = None
    shift: float | None = None
    raisable: bool | None = None
    raised: bool | None = None
    dead_predecessors: int | None = None
    predecessors: int | None = None


def cause_of(before: UnitFacts | None, now: UnitFacts, *, initial: bool = False) -> Cause | None:
    """Find the probable cause of a death.

    Parameters
    ----------
    before : UnitFacts or None
        At the last snapshot that found the unit alive; None if none did.
    now : UnitFacts
        At the snapshot that found it dead. Its largest step is that of all windows in between.
    initial : bool
        Whether the second snapshot was taken before the first training step.
    """
    if initial:
        return Cause("born_dead", _numbers(largest=now.largest, gate=now.gate))
    if before is None:
        return None
    tried = (_weights_jumped, _bias_drifted, _predecessors_dead, _normalisation)
    return next(filter(None, (shown(before, now) for shown in tried)), None)


def _weights_jumped(before: UnitFacts, now: UnitFacts) -> Cause | None:
    # Weights of norm 0 have no length to compare with.
    if now.step_norm is None or not now.weights_norm or not now.step_norm >= JUMP * now.weights_norm:
        return None
    return Cause("weights_jumped", _numbers(step_norm=now.step_norm, weights_norm=now.weights_norm))


def _bias_drifted(before: UnitFacts, now: UnitFacts) -> Cause | None:
    # A normalisation takes the bias out again.
    if before.bias is None or now.bias is None or now.largest is None or now.scale is not None:
        return None
    reach = now.largest - now.bias
    if not _would_fire(reach + before.bias, before, now):
        return None
    return Cause("bias_drifted", _numbers(bias_before=before.bias, bias=now.bias, reach=reach, gate=now.gate))


def _predecessors_dead(before: UnitFacts, now: UnitFacts) -> Cause | None:
    if not (now.raisable and now.raised is False and before.raised):
        return None
    return Cause(
        "predecessors_dead",
        _numbers(dead_predecessors=now.dead_predecessors, predecessors=now.predecessors),
    )


def _normalisation(before: UnitFacts, now: UnitFacts) -> Cause | None:
    if before.scale is None or before.shift is None or now.scale is None or now.shift is None:
        return None
    if now.scale == 0.0:
        # Whatever came in, z is the shift.
        shown = before.scale != 0.0
    else:
        # The extreme z seen, brought back before scale and shift.
        seen = [z for z in (now.largest, now.smallest) if z is not None]
        turned = before.scale * now.scale < 0.0
        if not seen or (turned and now.smallest is None):
            return None
        again = [before.scale * (z - now.shift) / now.scale + before.shift for z in seen]
        shown = _would_fire(max(again), before, now)
    if not shown:
        return None
    numbers = _numbers(
        scale_before=before.scale, scale=now.scale, shift_before=before.shift, shift=now.shift, gate=now.gate
    )
    return Cause("normalisation", numbers)


def _would_fire(largest: float, before: UnitFacts, now: UnitFacts) -> bool:
    """Whether a largest z other than the one seen fires, and explains what the one seen has fallen."""
    if now.gate is None or now.largest is None or not largest > now.gate:
        return False
    fallen = 0.0 if before.largest is None else before.largest - now.largest
    return largest - now.largest >= 0.5 * fallen


def _numbers(**numbers: float | None) -> dict[str, float]:
    return {name: number for name, number in numbers.items() if number is not None}


def raised_by(
    weights: ArrayLike, activation: str | None, dead: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which units have predecessors that could raise their z, and which have live ones.

    A predecessor can raise z through a weight above 0; if its output may be negative, through any but 0. A dead
    one outputs the same always, and raises nothing.

    Parameters
    ----------
    weights : array_like (predecessors, units)
    activation : str or None
        Of the predecessors.
    dead : array_like of bool (predecessors,)

    Returns
    -------
    raisable, raised : ndarray of bool, (units,)
    """
    weights = np.asarray(weights)
    can: NDArray[np.bool_] = weights > 0 if activation in NEVER_NEGATIVE else weights != 0
    live = ~np.asarray(dead, dtype=bool)
    return np.logical_or.reduce(can, axis=0), np.logical_or.reduce(can[live], axis=0)


def events(snapshots: Iterable[Snapshot]) -> tuple[UnitEvent, ...]:
    """Find all deaths and revivals, in the order of the snapshots, then of layers and units."""
    courses: dict[str, _Course] = {}
    found: list[UnitEvent] = []
    for snapshot in snapshots:
        for name, layer in snapshot.layers.items():
            course = courses.setdefault(name, _Course(name, layer.units))
            found += course.events(layer, step=snapshot.step or 0, initial=snapshot.initial)
    return tuple(found)


FACTS = (
    *("gate", "largest", "smallest", "step_norm", "weights_norm", "bias", "scale", "shift"),
    *("raisable", "raised", "dead_predecessors", "predecessors"),
)


class _Course:
    """One layer over the snapshots: what is known of each unit, and as it was when last known to be alive."""

    def __init__(self, name: str, units: int) -> None:
        self._name = name
        self._dead = np.zeros(units, bool)
        # No entry: never known to be alive.
        self._alive = np.zeros(units, bool)
        self._before = {fact: np.full(units, np.nan) for fact in FACTS}
        # The largest step since then.
        self._step, self._norm = np.full(units, np.nan), np.full(units, np.nan)

    def events(self, layer: LayerReport, *, step: int, initial: bool) -> list[UnitEvent]:
        """Take the next snapshot in; return what happened."""
        state = np.array(STATES)[layer.codes]
        dead, fires = np.isin(state, ("proven", "dead")), np.isin(state, ("always_on", "alive"))
        facts = _facts(layer)
        self._remember_step(facts)
        facts["step_norm"], facts["weights_norm"] = self._step, self._norm
        found = [
            UnitEvent(self._name, unit, "death", step, self._cause(unit, facts, initial))
            for unit in np.flatnonzero(dead & ~self._dead).tolist()
        ]
        found += [
            UnitEvent(self._name, unit, "revival", step)
            for unit in np.flatnonzero(fires & self._dead).tolist()
        ]
        self._dead[dead], self._dead[fires] = True, False
        self._alive |= fires
        for fact, values in self._before.items():
            values[fires] = facts[fact][fires]
        self._step[fires] = self._norm[fires] = np.nan
        return sorted(found, key=lambda event: event.unit)

    def _remember_step(self, facts: Mapping[str, NDArray[np.float64]]) -> None:
        step, norm = facts["step_norm"], facts["weights_norm"]
        larger = ~np.isnan(step) & (np.isnan(self._step) | (step * self._norm > self._step * norm))
        self._step[larger], self._norm[larger] = step[larger], norm[larger]

    def _cause(self, unit: int, facts: Mapping[str, NDArray[np.float64]], initial: bool) -> Cause | None:
        before = _of_unit(self._before, unit) if self._alive[unit] else None
        return cause_of(before, _of_unit(facts, unit), initial=initial)


def _facts(layer: LayerReport) -> dict[str, NDArray[np.float64]]:
    """Return each fact of every unit, NaN where it is not known."""
    weights = layer.weights
    known: dict[str, Any] = {"gate": layer.gate, "largest": layer.max, "smallest": layer.min}
    if weights is not None:
        known |= {fact: getattr(weights, fact) for fact in FACTS[3:]}
    facts = {}
    for fact in FACTS:
        value = known.get(fact)
        facts[fact] = np.array(np.broadcast_to(np.nan if value is None else value, layer.units), float)
    return facts


def _of_unit(facts: Mapping[str, NDArray[np.float64]], unit: int) -> UnitFacts:
    numbers: dict[str, Any] = {fact: float(values[unit]) for fact, values in facts.items()}
    known = {fact: number for fact, number in numbers.items() if math.isfinite(number)}
    for fact in ("raisable", "raised"):
        known |= {fact: bool(known[fact])} if fact in known else {}
    for fact in ("dead_predecessors", "predecessors"):
        known |= {fact: int(known[fact])} if fact in known else {}
    return UnitFacts(**known)
