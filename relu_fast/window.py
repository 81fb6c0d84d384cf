"""What is counted between two snapshots: the statistics of each phase, and the records made of them.

The statistics objects live as long as the monitor; closing a window sets them to zero. Whoever fills one may
keep it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .layer_spec import LayerSpec
from .report import BoundsReport, GradientReport, LayerReport, PhaseReport, Snapshot
from .report.columns import Columns
from .stats import GradStats, UnitStats
from .verdicts import state_codes
from .weights import WeightsRecord

__all__ = ["Phase", "Window"]


class Window:
    """All that was observed since the last snapshot.

    Attributes
    ----------
    phases : dict of str to Phase
    gradients : dict of str to GradStats
    bounds : dict of str to (BoundsReport, int)
        With the mark of the moment, see `trained`.
    weights : dict of str to WeightsRecord
    """

    def __init__(self) -> None:
        self.phases: dict[str, Phase] = {}
        self.gradients: dict[str, GradStats] = {}
        self.bounds: dict[str, tuple[BoundsReport, int]] = {}
        self.weights: dict[str, WeightsRecord] = {}

    @property
    def trained(self) -> int:
        """How much was seen of training: the same number says that weights did not move since."""
        seen = [stats.seen for stats in self.gradients.values()]
        if "train" in self.phases:
            seen += [stats.seen for stats in self.phases["train"].stats.values()]
        return sum(int(elements.sum()) for elements in seen)

    @property
    def touched(self) -> bool:
        """Whether anything was seen in the window; bounds say nothing of what a unit did."""
        return any(phase.touched for phase in self.phases.values()) or any(
            stats.seen.any() for stats in self.gradients.values()
        )

    def weights_of(self, name: str, units: int) -> WeightsRecord:
        """Return the record of a layer's weights, a new one if there is none."""
        if name not in self.weights:
            self.weights[name] = WeightsRecord(units)
        return self.weights[name]

    def clear(self) -> None:
        """Begin a new window."""
        for phase in self.phases.values():
            phase.restart("observed")
        for stats in self.gradients.values():
            stats.reset()
        for record in self.weights.values():
            record.forget()
        self.bounds.clear()

    def snapshot(
        self, specs: Mapping[str, LayerSpec], step: int | None, *, initial: bool = False
    ) -> Snapshot:
        """Record the window as it stands, in copies."""
        trained = self.trained
        gradients = {name: gradient_report(stats) for name, stats in self.gradients.items()}
        bounds = {name: report for name, (report, at) in self.bounds.items() if at == trained}
        phases = [phase.report(gradients, bounds) for phase in self.phases.values() if phase.touched]
        best = best_founded(specs, phases)
        unseen = {
            name: layer_report(spec, gradient=gradients.get(name), bounds=bounds.get(name))
            for name, spec in specs.items()
            if name not in best
        }
        # Which predecessors are dead had to be known first.
        weights = {
            name: record.report(best.get(record.predecessor or ""), at=trained)
            for name, record in self.weights.items()
        }

        def completed(layers: Mapping[str, LayerReport]) -> dict[str, LayerReport]:
            return {name: replace(layer, weights=weights.get(name)) for name, layer in layers.items()}

        phases = [replace(phase, layers=completed(phase.layers)) for phase in phases]
        best = best_founded(specs, phases) | completed(unseen)
        return Snapshot(
            step=step,
            phases={phase.name: phase for phase in phases},
            layers={name: best[name] for name in specs},
            initial=initial,
        )

    def completed(self, closed: Snapshot) -> Snapshot:
        """Put the bounds of this window, in which nothing was seen, beside what a closed one saw."""
        bounds = {name: report for name, (report, _) in self.bounds.items()}

        def bounded(layers: Mapping[str, LayerReport]) -> dict[str, LayerReport]:
            return {
                name: _bounded(layer, bounds[name]) if name in bounds else layer
                for name, layer in layers.items()
            }

        phases = {name: replace(phase, layers=bounded(phase.layers)) for name, phase in closed.phases.items()}
        return replace(closed, phases=phases, layers=bounded(closed.layers)) if bounds else closed


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

    def report(
        self, gradients: Mapping[str, GradientReport | None], bounds: Mapping[str, BoundsReport]
    ) -> PhaseReport:
        """Record the phase as it stands, in copies, with what was seen of its layers beside it.

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
                gradient=gradients.get(name),
                bounds=bounds.get(name),
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
    bounds: BoundsReport | None = None,
) -> LayerReport:
    """Record one layer, in copies; without statistics as a layer that was not observed."""
    stats = UnitStats(spec.units) if stats is None else stats
    upper = None if bounds is None else bounds.upper
    return LayerReport(
        name=spec.name,
        activation=spec.activation,
        params=spec.params,
        gate=spec.gate,
        ceiling=spec.ceiling,
        learned=bool(spec.learned),
        phase=phase,
        complete=complete,
        columns=Columns(
            spec.units,
            codes=state_codes(stats, gate=spec.gate, complete=complete, upper=upper),
            seen=stats.seen,
            examples=stats.examples,
            active=stats.active,
            nonfinite=stats.nonfinite,
            max=stats.max,
            min=stats.min,
            sum_abs=_to_single_digits(stats.sum_abs),
        ),
        gradient=gradient,
        bounds=bounds,
    )


def _bounded(layer: LayerReport, bounds: BoundsReport) -> LayerReport:
    """Judge a layer anew, with these bounds instead of its own."""
    codes = state_codes(layer, gate=layer.gate, complete=layer.complete, upper=bounds.upper)
    return replace(layer, columns=layer.columns.changed(codes=codes), bounds=bounds)


def gradient_report(stats: GradStats | None) -> GradientReport | None:
    """Record a layer's gradients, in copies; None if none were seen."""
    if stats is None or not stats.seen.any():
        return None
    return GradientReport(
        Columns(stats.units, seen=stats.seen, nonzero=stats.nonzero, nonfinite=stats.nonfinite)
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


def _to_single_digits(sums: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Round sums to float32, where they fit: they are sums of rounded numbers, and take half the room so."""
    if sums is None or (sums > np.finfo(np.float32).max).any():
        return sums
    return sums.astype(np.float32).astype(np.float64)
