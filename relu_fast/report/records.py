"""What a report holds: frozen records of one window of observation, and of the windows before it.

Every array is read-only and (units,). Nothing here measures: the monitor fills the records, text and JSON are
made of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import verdicts
from ..verdicts import STATES, Evidence, Gate
from . import json as as_json
from . import text as as_text
from .files import write_atomically

__all__ = ["GradientReport", "LayerReport", "PhaseReport", "Report", "Snapshot"]


@dataclass(frozen=True, eq=False)
class GradientReport:
    """The gradients with respect to one layer's pre-activations, counted over a window.

    Attributes
    ----------
    seen, nonzero, nonfinite : ndarray of int64, (units,)
        Elements seen, of them not zero, of them NaN or infinite (those count as not zero).
    """

    seen: NDArray[np.int64]
    nonzero: NDArray[np.int64]
    nonfinite: NDArray[np.int64]

    @property
    def nonzero_share(self) -> float | None:
        """Share of the layer's gradient elements that are not zero; None if none was seen."""
        seen = int(self.seen.sum())
        return int(self.nonzero.sum()) / seen if seen else None


@dataclass(frozen=True, eq=False, repr=False)
class LayerReport:
    """One layer in one phase: the state of every unit and the counts it was read from.

    Attributes
    ----------
    name : str
    activation : str or None
        None if only gradients of the layer were observed.
    params : Mapping
        The activation's parameters, defaults filled in.
    gate : float, ndarray of float64 (units,), or None
        At or below it output and gradient are zero; None if the activation has no gate. An array, NaN where
        there is none, if only some units have one: slopes per unit, some of them 0. `gates` is always one.
    phase : str or None
        Where the counts come from; None if the layer was seen in no phase.
    complete : bool
        Whether `phase` is a declared complete pass that ended normally.
    codes : ndarray of uint8, (units,)
        Index of each unit's state in ``relu_fast.verdicts.STATES``; `states` has the names.
    seen, examples, active, nonfinite : ndarray of int64, (units,)
        As in ``UnitStats``: elements, batch entries, elements that fired, elements that were NaN or infinite.
    max : ndarray of float64, (units,)
        Largest z, -inf where none was seen.
    gradient : GradientReport or None
        The window's gradients, which belong to no phase; None if none were observed.
    """

    name: str
    activation: str | None
    params: Mapping[str, Any]
    gate: Gate
    phase: str | None
    complete: bool
    codes: NDArray[np.uint8]
    seen: NDArray[np.int64]
    examples: NDArray[np.int64]
    active: NDArray[np.int64]
    nonfinite: NDArray[np.int64]
    max: NDArray[np.float64]
    gradient: GradientReport | None = None

    def __repr__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in self.counts.items() if count)
        return (
            f"<LayerReport {self.name!r}: {self.activation}, {self.units} units ({states}), {self.phase!r}>"
        )

    @property
    def units(self) -> int:
        """Number of units."""
        return len(self.codes)

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
    def observed(self) -> bool:
        """Whether anything of the layer was seen."""
        return bool(self.seen.any())

    @property
    def dead(self) -> int | None:
        """How many units are dead; None where that is not known.

        It is not known where nothing was seen, and where the activation has a gate but there was no complete
        pass. 0 for an activation without a gate: its units are never dead.
        """
        if not self.observed or (self.gate is not None and not self.complete):
            return None
        return self.counts["dead"]

    @property
    def dead_units(self) -> NDArray[np.intp]:
        """Indices of the dead units, ascending."""
        return self.units_in("dead")

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
        return verdicts.evidence(self, unit, gate=self.gate, complete=self.complete)


@dataclass(frozen=True, eq=False)
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


@dataclass(frozen=True, eq=False)
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
    """

    step: int | None
    phases: Mapping[str, PhaseReport]
    layers: Mapping[str, LayerReport]


@dataclass(frozen=True, eq=False)
class Report:
    """A window and the history before it; ``print(report)`` shows it as a table with the evidence below.

    Attributes
    ----------
    window : Snapshot
        What is reported on: the running window, or the last one closed.
    history : tuple of Snapshot
        The closed windows, oldest first; `window` is the last of them unless it is still running.
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
