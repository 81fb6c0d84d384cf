"""What was done to dead units, and whether it took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..report.format import counted, percent, unit_list
from ..verdicts import Evidence

__all__ = ["Revival", "RevivalReport", "summary"]


@dataclass(frozen=True)
class Revival:
    """One cure of some units of one layer.

    Attributes
    ----------
    layer : str
    units : tuple of int
        Ascending.
    cure : str
        "redo", "bias lift" or "activation swap".
    done : str
        What was changed, in words.
    step : int or None
        When, as the caller counts: the epoch, or the number of training steps.
    before, after : tuple of Evidence
        What was known of each unit before, and right after it on the same data; empty where nothing was
        measured.
    change : float or None
        Largest change of an output of the network on the data; None without data.
    """

    layer: str
    units: tuple[int, ...]
    cure: str
    done: str
    step: int | None = None
    before: tuple[Evidence, ...] = ()
    after: tuple[Evidence, ...] = ()
    change: float | None = None

    def __str__(self) -> str:
        when = "" if self.step is None else f"step {self.step}, "
        sentence = f"{when}{self.layer}, units {unit_list(self.units)}: {self.done}"
        if self.before:
            sentence += f"; fired on {_rates(self.before)}"
            sentence += f", now on {_rates(self.after)}" if self.after else ""
        if self.change is not None:
            sentence += f"; the output changed by at most {self.change:.3g}"
        return sentence + "."


@dataclass(frozen=True)
class RevivalReport:
    """What became of a revival.

    Attributes
    ----------
    revival : Revival
    step : int or None
        When this was looked at, as the caller counts.
    evidence : tuple of Evidence
        Of each unit of the revival, in its order.
    gradients : tuple of int or None
        How often a gradient that is not zero reached each unit's pre-activation in what was looked at; None
        where that was not observed.
    """

    revival: Revival
    step: int | None
    evidence: tuple[Evidence, ...]
    gradients: tuple[int | None, ...]

    @property
    def fires(self) -> tuple[int, ...]:
        """The units that fired."""
        return tuple(unit for unit, seen in self._each(self.evidence) if seen.active > 0)

    @property
    def learns(self) -> tuple[int, ...] | None:
        """The units that got a gradient; None if none was observed."""
        if any(count is None for count in self.gradients):
            return None
        return tuple(unit for unit, count in self._each(self.gradients) if count)

    @property
    def took(self) -> tuple[int, ...]:
        """The units that live: they fire and learn.

        Where gradients were not observed it is those that fire. Where an activation has no gate it is those
        that learn, as they do so without firing.
        """
        learns = self.learns
        if learns is None:
            return self.fires
        gateless = [unit for unit, seen in self._each(self.evidence) if seen.gate is None]
        return tuple(unit for unit in learns if unit in self.fires or unit in gateless)

    @property
    def failed(self) -> tuple[int, ...]:
        """The other units."""
        took = self.took
        return tuple(unit for unit in self.revival.units if unit not in took)

    def __str__(self) -> str:
        when = "" if self.step is None else f" at step {self.step}"
        sentence = (
            f"{self.revival.layer}, {self.revival.cure}: {len(self.took)} of "
            f"{counted(len(self.revival.units), 'unit')} took{when}"
        )
        if self.failed:
            sentence += f", not units {unit_list(self.failed)}"
        if self.learns is None:
            return sentence + "; gradients were not observed."
        starved = [unit for unit in self.fires if unit not in self.learns]
        return sentence + (f"; units {unit_list(starved)} fired but got no gradient." if starved else ".")

    def _each(self, values: tuple[Any, ...]) -> Iterable[tuple[int, Any]]:
        return zip(self.revival.units, values, strict=True)


def summary(reports: Iterable[RevivalReport]) -> str:
    """Say in a sentence how many revivals took, in all and in each layer."""
    totals: dict[str, list[int]] = {}
    for report in reports:
        total = totals.setdefault(report.revival.layer, [0, 0])
        total[0] += len(report.took)
        total[1] += len(report.revival.units)
    if not totals:
        return "No revival was followed up."
    took, units = (sum(total[i] for total in totals.values()) for i in (0, 1))
    layers = ", ".join(f"{name} {took} of {units}" for name, (took, units) in totals.items())
    return f"{took} of {counted(units, 'revival')} took ({layers})."


def _rates(evidence: Iterable[Evidence]) -> str:
    rates = [seen.firing_rate or 0.0 for seen in evidence]
    low, high = percent(min(rates)), percent(max(rates))
    return low if low == high else f"{low} to {high}"
