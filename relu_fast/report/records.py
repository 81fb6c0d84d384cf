"""What a report holds: frozen records of one window of observation, and of the windows before it.

Every array is read-only and (units,); the records keep their numbers in `Columns`. Nothing here measures: the
monitor fills the records, text and JSON are made of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import history, verdicts
from ..history import UnitEvent
from ..verdicts import STATES, Evidence, Flags, Gate
from . import json as as_json
from . import text as as_text
from .columns import Columns
from .files import write_atomically

__all__ = [
    "BoundsReport",
    "GradientReport",
    "LayerReport",
    "PhaseReport",
    "Report",
    "Snapshot",
    "WeightsReport",
]


@dataclass(frozen=True, eq=False, slots=True)
class GradientReport:
    """The gradients with respect to one layer's pre-activations, counted over a window.

    Attributes
    ----------
    columns : Columns
        What the properties read.
    """

    columns: Columns

    @property
    def seen(self) -> NDArray[np.int64]:
        """Elements seen, (units,)."""
        return _known(self.columns, "seen")

    @property
    def nonzero(self) -> NDArray[np.int64]:
        """Of them not zero, NaN included, (units,)."""
        return _known(self.columns, "nonzero")

    @property
    def nonfinite(self) -> NDArray[np.int64]:
        """Of them NaN or infinite, (units,)."""
        return _known(self.columns, "nonfinite")

    @property
    def nonzero_share(self) -> float | None:
        """Share of the layer's gradient elements that are not zero; None if none was seen."""
        seen = int(self.seen.sum())
        return int(self.nonzero.sum()) / seen if seen else None


@dataclass(frozen=True, eq=False, slots=True)
class BoundsReport:
    """Bounds of one layer's pre-activations, for the weights with which the window ended.

    Attributes
    ----------
    box : str
        For which inputs they hold, in words.
    columns : Columns
        What the property reads.
    """

    box: str
    columns: Columns

    @property
    def upper(self) -> NDArray[np.float64]:
        """Upper bound of z, (units,); what is not finite is none."""
        return _known(self.columns, "upper")


@dataclass(frozen=True, eq=False, slots=True)
class WeightsReport:
    """What is known of the weights of one layer at the end of a window. None is what is not known.

    Attributes
    ----------
    columns : Columns
        What the properties read.
    predecessor : str or None
        The layer whose outputs the weights are applied to, if it is one of those observed.
    dead_predecessors, predecessors : int or None
        Its dead units at the end of the window, and all.
    trainable_upstream : bool or None
        Whether anything that is trained stands before these weights, or moves the units otherwise.
    weight_decay : float or None
    """

    columns: Columns
    predecessor: str | None = None
    dead_predecessors: int | None = None
    predecessors: int | None = None
    trainable_upstream: bool | None = None
    weight_decay: float | None = None

    @property
    def step_norm(self) -> NDArray[np.float64] | None:
        """Norm of the window's largest step of each unit's weights, by `weights_norm`, (units,)."""
        return self.columns["step_norm"]

    @property
    def weights_norm(self) -> NDArray[np.float64] | None:
        """Norm of each unit's weights before that step, (units,)."""
        return self.columns["weights_norm"]

    @property
    def bias(self) -> NDArray[np.float64] | None:
        """Biases, (units,)."""
        return self.columns["bias"]

    @property
    def scale(self) -> NDArray[np.float64] | None:
        """Learned factors of a normalisation before the activation, (units,)."""
        return self.columns["scale"]

    @property
    def shift(self) -> NDArray[np.float64] | None:
        """Learned shifts of it, (units,)."""
        return self.columns["shift"]

    @property
    def raisable(self) -> NDArray[np.bool_] | None:
        """Whether some predecessor, dead or not, could raise z, (units,); see `history.raised_by`."""
        return self.columns["raisable"]

    @property
    def raised(self) -> NDArray[np.bool_] | None:
        """Whether one that is not dead could, (units,)."""
        return self.columns["raised"]

    @property
    def moments_zero(self) -> NDArray[np.bool_] | None:
        """Whether the optimizer's first moments of each unit's weights and bias are all zero, (units,)."""
        return self.columns["moments_zero"]


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class LayerReport:
    """One layer in one phase: the state of every unit and the counts it was read from.

    Attributes
    ----------
    name : str
    activation : str or None
        None if only gradients of the layer were observed.
    params : Mapping
        The activation's parameters, defaults filled in.
    gate, ceiling : float, ndarray of float64 (units,), or None
        At or below the gate output and gradient are zero, at or above the ceiling the gradient is; None if the
        activation has no such point. An array, NaN where there is none, if only some units have one: slopes per
        unit, some of them 0. `gates` is always one.
    learned : bool
        Whether a parameter of the activation is learned, such as prelu's weight.
    phase : str or None
        Where the counts come from; None if the layer was seen in no phase.
    complete : bool
        Whether `phase` is a declared complete pass that ended normally.
    columns : Columns
        What the properties read.
    gradient : GradientReport or None
        The window's gradients, which belong to no phase; None if none were observed.
    bounds : BoundsReport or None
        Bounds of z for the weights with which the window ended; None if none were observed.
    weights : WeightsReport or None
        What is known of the weights at the end of the window; None if nothing is.
    """

    name: str
    activation: str | None
    params: Mapping[str, Any]
    gate: Gate
    ceiling: Gate
    learned: bool
    phase: str | None
    complete: bool
    columns: Columns
    gradient: GradientReport | None = None
    bounds: BoundsReport | None = None
    weights: WeightsReport | None = None

    def __repr__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in self.counts.items() if count)
        return (
            f"<LayerReport {self.name!r}: {self.activation}, {self.units} units ({states}), {self.phase!r}>"
        )

    @property
    def units(self) -> int:
        """Number of units."""
        return self.columns.units

    @property
    def codes(self) -> NDArray[np.uint8]:
        """Index of each unit's state in ``relu_fast.verdicts.STATES``, (units,); `states` has the names."""
        return _known(self.columns, "codes")

    @property
    def seen(self) -> NDArray[np.int64]:
        """Elements seen, (units,)."""
        return _known(self.columns, "seen")

    @property
    def examples(self) -> NDArray[np.int64]:
        """Batch entries seen, (units,)."""
        return _known(self.columns, "examples")

    @property
    def active(self) -> NDArray[np.int64]:
        """Elements that fired, (units,)."""
        return _known(self.columns, "active")

    @property
    def nonfinite(self) -> NDArray[np.int64]:
        """Elements that were NaN or infinite, (units,)."""
        return _known(self.columns, "nonfinite")

    @property
    def max(self) -> NDArray[np.float64] | None:
        """Largest z, -inf where none was seen, (units,); None if it was not collected, which a complete pass does."""
        return self.columns["max"]

    @property
    def min(self) -> NDArray[np.float64] | None:
        """Smallest z, inf where none was seen, (units,); None if it was not collected."""
        return self.columns["min"]

    @property
    def sum_abs(self) -> NDArray[np.float64] | None:
        """Sum of abs(y) over finite outputs y, to the digits of float32, (units,); None if not collected."""
        return self.columns["sum_abs"]

    @property
    def upper(self) -> NDArray[np.float64] | None:
        """Upper bound of z over ``bounds.box``, (units,); None without bounds."""
        return None if self.bounds is None else self.bounds.upper

    @property
    def gates(self) -> NDArray[np.float64]:
        """The gate of every unit, NaN where it has none: (units,)."""
        return verdicts.gates(self.gate, self.units)

    @property
    def states(self) -> NDArray[np.str_]:
        """The state of every unit by name, (units,)."""
        return np.array(STATES)[self.codes]

    @property
    def counts(self) -> dict[str, int]:
        """How many units are in each state; every state is a key."""
        return dict(zip(STATES, np.bincount(self.codes, minlength=len(STATES)).tolist(), strict=True))

    def units_in(self, state: str) -> NDArray[np.intp]:
        """Return the indices of the units in a state, ascending.

        Raises
        ------
        ValueError
            If there is no such state.
        """
        if state not in STATES:
            raise ValueError(f"unknown state {state!r}, expected one of {', '.join(STATES)}")
        return np.flatnonzero(self.codes == STATES.index(state))

    @property
    def dormancy(self) -> NDArray[np.float64] | None:
        """Each unit's mean output against that of its layer, (units,), see ``relu_fast.verdicts.dormancy``."""
        return verdicts.dormancy(self.sum_abs, self.seen, self.nonfinite)

    @property
    def flags(self) -> Flags:
        """Each flag of ``relu_fast.verdicts.FLAGS`` for every unit, (units,), None where it has no answer."""
        gradient, weights = self.gradient, self.weights
        seen, nonzero = (None, None) if gradient is None else (gradient.seen, gradient.nonzero)
        if self.activation is None:
            return MappingProxyType(dict.fromkeys(verdicts.FLAGS))
        upstream = None if weights is None else weights.trainable_upstream
        return MappingProxyType(
            {
                "dormant": verdicts.dormant(self.dormancy),
                "starved": verdicts.starved(
                    self.active, seen=self.seen, gradients_seen=seen, gradients_nonzero=nonzero
                ),
                "saturated": verdicts.saturated(
                    self.min, self.ceiling, seen=self.seen, nonfinite=self.nonfinite
                ),
                "permanent": verdicts.permanent(
                    self.codes,
                    gate=self.gate,
                    # A slope that is learned moves a unit, whatever its weights do.
                    trainable_upstream=self.learned or upstream,
                    gradients_nonzero=nonzero,
                    weight_decay=None if weights is None else weights.weight_decay,
                    moments_zero=None if weights is None else weights.moments_zero,
                ),
            }
        )

    def flagged(self, flag: str) -> NDArray[np.intp] | None:
        """Return the indices of the units that have a flag, ascending; None where it has no answer.

        Raises
        ------
        ValueError
            If there is no such flag.
        """
        if flag not in verdicts.FLAGS:
            raise ValueError(f"unknown flag {flag!r}, expected one of {', '.join(verdicts.FLAGS)}")
        units = self.flags[flag]
        return None if units is None else np.flatnonzero(units)

    @property
    def observed(self) -> bool:
        """Whether anything of the layer was seen."""
        return bool(self.seen.any())

    @property
    def dead(self) -> int | None:
        """How many units are dead, those that are proven to be among them; None where that is not known.

        It is not known where nothing was seen, and where the activation has a gate but there was no complete
        pass. 0 for an activation without a gate: its units are never dead.
        """
        if not self.observed or (self.gate is not None and not self.complete):
            return None
        return len(self.dead_units)

    @property
    def dead_units(self) -> NDArray[np.intp]:
        """Indices of the units that are proven or dead, ascending."""
        return np.flatnonzero(np.isin(self.codes, [STATES.index("proven"), STATES.index("dead")]))

    @property
    def example_count(self) -> int:
        """Examples the layer saw: the most that any of its units did."""
        return int(self.examples.max(initial=0))

    @property
    def firing_rate(self) -> NDArray[np.float64]:
        """Share of elements on which each unit fired, NaN where nothing was seen: (units,)."""
        return verdicts.firing_rate(self)

    @property
    def sparsity(self) -> float | None:
        """Share of the layer's elements that did not fire: z <= gate, or z <= 0 where there is no gate.

        NaN does not fire. None if nothing was seen. Not the share of dead units: a healthy ReLU layer has a
        sparsity near 1/2.
        """
        seen = int(self.seen.sum())
        return 1.0 - int(self.active.sum()) / seen if seen else None

    @property
    def active_per_example(self) -> float | None:
        """Mean number of units that fire on one example: the sum of the units' firing rates.

        In a convolution: on one position of an example. None if nothing was seen.
        """
        return float(np.nansum(self.firing_rate)) if self.observed else None

    @property
    def worst_unit(self) -> int | None:
        """The unit with the lowest firing rate, the first of equals. None if nothing was seen."""
        return int(np.nanargmin(self.firing_rate)) if self.observed else None

    def evidence(self, unit: int) -> Evidence:
        """Why a unit is in its state.

        Raises
        ------
        IndexError
            If there is no such unit.
        """
        if not -self.units <= unit < self.units:
            raise IndexError(f"unit is {unit}, expected one of {self.units} units")
        # One unit is judged, not the layer: explaining every unit of a layer stays linear in their number.
        unit %= self.units
        bounds = (
            None if self.bounds is None else replace(self.bounds, columns=self.bounds.columns.of_unit(unit))
        )
        gate = self.gate[unit] if isinstance(self.gate, np.ndarray) else self.gate
        one = replace(self, columns=self.columns.of_unit(unit), bounds=bounds)
        found = verdicts.evidence(one, 0, gate=gate, complete=self.complete, upper=one.upper)
        return replace(found, unit=unit)


@dataclass(frozen=True, eq=False, slots=True)
class PhaseReport:
    """One phase of a window ("train", "validation", ...): what it saw and whether that was everything.

    Attributes
    ----------
    name : str
    status : str
        "observed": data passed by, no complete pass was declared (or more was seen after it). "running": a
        declared complete pass has not ended yet. "interrupted": it ended with an exception. "complete": it
        ended normally.
    layers : Mapping of str to LayerReport
    """

    name: str
    status: str
    layers: Mapping[str, LayerReport]

    @property
    def complete(self) -> bool:
        """Whether the phase is a declared complete pass that ended normally."""
        return self.status == "complete"

    @property
    def examples(self) -> tuple[int, int]:
        """Fewest and most examples that a layer saw in this phase; (0, 0) without layers."""
        counts = [layer.example_count for layer in self.layers.values()] or [0]
        return min(counts), max(counts)


@dataclass(frozen=True, eq=False, slots=True)
class Snapshot:
    """One window of observation, an epoch for instance.

    Attributes
    ----------
    step : int or None
        What the window was closed with; None while it is running.
    phases : Mapping of str to PhaseReport
    layers : Mapping of str to LayerReport
        Every known layer with its best-founded verdict: of a complete pass (the last one) if one saw the
        layer, else of the phase "train", else of any other phase, else "not_observed".
    initial : bool
        Whether the weights were those before the first training step.
    """

    step: int | None
    phases: Mapping[str, PhaseReport]
    layers: Mapping[str, LayerReport]
    initial: bool = False


@dataclass(frozen=True, eq=False)
class Report:
    """A window and the history before it; ``print(report)`` shows it as a table with the evidence below.

    Attributes
    ----------
    window : Snapshot
        What is reported on: the running window, or the last one closed.
    history : tuple of Snapshot
        The closed windows, oldest first; `window` is the last of them, with what bounds were told since, unless it
        is still running.
    """

    window: Snapshot
    history: tuple[Snapshot, ...] = ()

    @property
    def step(self) -> int | None:
        """The window's step; None while it is running."""
        return self.window.step

    @property
    def layers(self) -> Mapping[str, LayerReport]:
        """Every known layer with its best-founded verdict, see `Snapshot`."""
        return self.window.layers

    @property
    def phases(self) -> Mapping[str, PhaseReport]:
        """The window's phases."""
        return self.window.phases

    @cached_property
    def events(self) -> tuple[UnitEvent, ...]:
        """Deaths and revivals of units in the closed windows, with their causes, see ``relu_fast.history``."""
        return history.events(self.history)

    def __str__(self) -> str:
        return as_text.render(self)

    def __repr__(self) -> str:
        layers = list(self.layers.values())
        return f"<Report step={self.step}: {layers}, {len(self.history)} snapshots>"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain Python objects that JSON can hold, see ``relu_fast.report.json``."""
        return as_json.to_dict(self)

    def to_json(self, path: str | os.PathLike[str] | None = None, *, indent: int | None = None) -> str | None:
        """Write the report as JSON, atomically, or return the text if `path` is None.

        Raises
        ------
        OSError
            If the file cannot be written; a file already there is left as it was.
        """
        text = as_json.to_json(self, indent=indent)
        if path is None:
            return text
        write_atomically(path, text + "\n")
        return None

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report as one self-contained page, atomically; see ``relu_fast.report.page``.

        Raises
        ------
        ImportError
            Without jinja2, of the extra ``relu_fast[lab]``.
        OSError
            If the file cannot be written; a file already there is left as it was.
        """
        if find_spec("jinja2") is None:
            raise ImportError("to_html needs jinja2: pip install 'relu_fast[lab]'")
        from .page import render

        write_atomically(path, render(self))


def _known(columns: Columns, name: str) -> NDArray[Any]:
    """Return a column that is always collected."""
    values = columns[name]
    assert values is not None
    return values
