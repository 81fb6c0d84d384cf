"""Conditions on a report, such as ``dead>5%``: when one holds, too many units are in a bad state."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..report import LayerReport, Report
from ..report.format import percent

__all__ = ["METRICS", "Condition", "Outcome", "parse"]


def _dormant(layer: LayerReport) -> int:
    flags = layer.flags["dormant"]
    # Undefined where the layer gives nothing but 0, or NaN: worse than dormant.
    return layer.units if flags is None else int(np.count_nonzero(flags))


# Proven is stronger than dead, and so those are among the dead.
METRICS: dict[str, Callable[[LayerReport], int]] = {
    "dead": lambda layer: layer.counts["dead"] + layer.counts["proven"],
    "dormant": _dormant,
    "non_finite": lambda layer: layer.counts["non_finite"],
    "proven": lambda layer: layer.counts["proven"],
    "unfired": lambda layer: layer.counts["unfired"],
    "always_on": lambda layer: layer.counts["always_on"],
}
"""What can be counted, and how many units of a layer count."""

PATTERN = re.compile(r"\s*([A-Za-z_-]+)\s*(>=|>)\s*(\d+\.?\d*|\.\d+)\s*(%?)\s*", re.ASCII)


@dataclass(frozen=True)
class Condition:
    """More units than a limit.

    Attributes
    ----------
    text : str
        As it was given.
    metric : str
        A key of `METRICS`.
    or_equal : bool
        Whether it holds at the limit, too.
    limit : Fraction
        A number of units, or percent of them.
    of_units : bool
        Whether the limit is in percent of all units that were watched.
    """

    text: str
    metric: str
    or_equal: bool
    limit: Fraction
    of_units: bool

    def judge(self, report: Report) -> Outcome:
        """Count in a report, and compare."""
        layers = list(report.layers.values())
        units = sum(layer.units for layer in layers)
        count = sum(METRICS[self.metric](layer) for layer in layers)
        bound = self.limit * units / 100 if self.of_units else self.limit
        return Outcome(self, count, units, holds=count > bound or (self.or_equal and count == bound))


@dataclass(frozen=True)
class Outcome:
    """What became of a condition.

    Attributes
    ----------
    condition : Condition
    count, units : int
        How many units the metric counts, and of how many.
    holds : bool
        Whether the condition holds: the network fails.
    """

    condition: Condition
    count: int
    units: int
    holds: bool

    def __str__(self) -> str:
        verdict = "failed" if self.holds else "passed"
        name = self.condition.metric.replace("_", " ")
        share = percent(self.count / self.units)
        return f"{verdict} {self.condition.text}: {self.count} of {self.units} units {name}, {share}"


def parse(text: str) -> Condition:
    """Read a condition: a metric, > or >=, a number of units or, with %, a share of them.

    Raises
    ------
    ValueError
        If it is none.
    """
    match = PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(
            f"got the condition {text!r}, expected METRIC>NUMBER or METRIC>NUMBER%, such as 'dead>5%' "
            "(in quotes: the shell takes > for itself)"
        )
    metric, sign, number, sign_of_share = match.groups()
    name = metric.lower().replace("-", "_")
    if name not in METRICS:
        raise ValueError(f"unknown metric {metric!r} in {text!r}, expected one of {', '.join(METRICS)}")
    limit = Fraction(number)
    if sign_of_share and limit > 100:
        raise ValueError(f"got {number} % in {text!r}, expected a share from 0 to 100 %")
    return Condition(text.strip(), name, sign == ">=", limit, bool(sign_of_share))
