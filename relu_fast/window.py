"""What is counted between two snapshots: the statistics of each phase, and the records made of them.

The statistics objects live as long as the monitor; closing a window sets them to zero. Whoever fills one may
keep it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .layer_spec import LayerSpec
from .report import GradientReport, LayerReport, PhaseReport
from .stats import GradStats, UnitStats
from .verdicts import state_codes

__all__ = ["Phase", "best_founded", "gradient_report", "layer_report"]


@dataclass
class Phase:
    """The statistics of one phase in the running window.

    Attributes
    ----------
    name : str
    status : str
        As in ``PhaseReport``, before `report` looks whether more was seen after a complete pass.
    stats : dict of str to UnitStats
    specs : dict of str to LayerSpec
        Each layer as it was last described in this phase.
    seen_in_pass : dict of str to int
        Elements each layer had seen when the pass ended.
    """

    name: str
    status: str = "observed"
    stats: dict[str, UnitStats] = field(default_factory=dict)
    specs: dict[str, LayerSpec] = field(default_factory=dict)
    seen_in_pass: dict[str, int] = field(default_factory=dict)

    def describe(self, spec: LayerSpec, stats: UnitStats) -> None:
        """Note what fills the statistics of a layer from now on."""
        known = self.specs.get(spec.name)
        if self.status == "complete" and known is not None and not known.accepts(spec, frozen=True):
            # The counts of the pass and the new parameters cannot be told apart in one verdict.
            self.status = "observed"
        self.specs[spec.name], self.stats[spec.name] = spec, stats

    def restart(self, status: str) -> None:
        """Forget what was counted."""
        for stats in self.stats.values():
            stats.reset()
        self.status = status
        self.seen_in_pass = {}

    def end(self, status: str) -> None:
        """End a pass as "complete" or "interrupted"."""
        self.status = status
        self.seen_in_pass = self._seen()

    @property
    def touched(self) -> bool:
        """Whether anything was seen or a pass was declared in the window."""
        return self.status != "observed" or any(self._seen().values())

    def report(self, gradients: Mapping[str, GradStats]) -> PhaseReport:
        """Record the phase as it stands, in copies.

        If more was seen after a complete pass the phase is only "observed": the two cannot be told apart.
        """
        extended = self.status == "complete" and self._seen() != self.seen_in_pass
        status = "observed" if extended else self.status
        layers = {
            name: layer_report(
                self.specs[name],
                stats,
                phase=self.name,
                complete=status == "complete",
                gradient=gradient_report(gradients.get(name)),
            )
            for name, stats in self.stats.items()
        }
        return PhaseReport(name=self.name, status=status, layers=layers)

    def _seen(self) -> dict[str, int]:
        """Elements seen by each layer that saw any."""
        totals = {name: int(stats.seen.sum()) for name, stats in self.stats.items()}
        return {name: total for name, total in totals.items() if total}


def layer_report(
    spec: LayerSpec,
    stats: UnitStats | None = None,
    *,
    phase: str | None = None,
    complete: bool = False,
    gradient: GradientReport | None = None,
) -> LayerReport:
    """Record one layer, in copies; without statistics as a layer that was not observed."""
    stats = UnitStats(spec.units) if stats is None else stats
    return LayerReport(
        name=spec.name,
        activation=spec.activation,
        params=dict(spec.params),
        gate=_frozen(spec.gate) if isinstance(spec.gate, np.ndarray) else spec.gate,
        phase=phase,
        complete=complete,
        codes=_frozen(state_codes(stats, gate=spec.gate, complete=complete)),
        seen=_frozen(stats.seen),
        examples=_frozen(stats.examples),
        active=_frozen(stats.active),
        nonfinite=_frozen(stats.nonfinite),
        max=_frozen(stats.max),
        gradient=gradient,
    )


def gradient_report(stats: GradStats | None) -> GradientReport | None:
    """Record a layer's gradients, in copies; None if none were seen."""
    if stats is None or not stats.seen.any():
        return None
    return GradientReport(
        seen=_frozen(stats.seen), nonzero=_frozen(stats.nonzero), nonfinite=_frozen(stats.nonfinite)
    )


def best_founded(names: Iterable[str], phases: Iterable[PhaseReport]) -> dict[str, LayerReport]:
    """Pick each layer's record from the phase that tells most, if one saw the layer.

    Complete passes come first, then "train", then the other phases; among equals the last one comes first.
    """
    latest_first = [*phases]
    latest_first.reverse()
    # sorted is stable: equals stay latest first.
    ranked = sorted(
        latest_first, key=lambda phase: 0 if phase.complete else 1 if phase.name == "train" else 2
    )
    found = {}
    for name in names:
        candidates = (phase.layers[name] for phase in ranked if name in phase.layers)
        layer = next((candidate for candidate in candidates if candidate.observed), None)
        if layer is not None:
            found[name] = layer
    return found


def _frozen(values: NDArray[Any]) -> NDArray[Any]:
    """Copy, read-only; one value for all units takes the room of one: non-finite counts are mostly 0."""
    if values.size and (values == values[0]).all():
        return np.broadcast_to(values[0], values.shape)
    copy: NDArray[Any] = values.copy()
    copy.flags.writeable = False
    return copy
