"""How numbers are written in a report: shares, lists of units, aligned tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

__all__ = ["counted", "magnitude", "percent", "span", "table", "unit_list"]


def percent(share: float | None) -> str:
    """Write a share in percent: three digits, "?" for None, 0 % and 100 % only for exactly 0 and 1."""
    if share is None:
        return "?"
    return "> 99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.3g} %"


def magnitude(value: float) -> str:
    """Write a number >= 0 of any size in few digits, "0.503" or "3.1e-05"; an exact zero as "0"."""
    if value == 0.0:
        return "0"
    return f"{value:.3f}" if 0.01 <= value < 1000.0 else f"{value:.1e}"


def unit_list(units: Iterable[int], *, limit: int = 8) -> str:
    """Write ascending unit numbers in short, "0, 3, 17-63 (49 units)": at most `limit` numbers or ranges."""
    numbers = [int(unit) for unit in units]
    starts = [0] + [i + 1 for i, (a, b) in enumerate(pairwise(numbers)) if b != a + 1]
    runs = [numbers[a:b] for a, b in pairwise([*starts, len(numbers)])] if numbers else []
    shown = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs[:limit]]
    shown += ["..."] if len(runs) > limit else []
    return f"{', '.join(shown or ['none'])} ({counted(len(numbers), 'unit')})"


def span(values: Iterable[float]) -> str:
    """Write the smallest and largest of some numbers, "-3.4 to -0.031", or the one that they all are."""
    shown = [f"{value:.3g}" for value in sorted(map(float, values))]
    return shown[0] if shown[0] == shown[-1] else f"{shown[0]} to {shown[-1]}"


def counted(number: int, noun: str) -> str:
    """Write a number with its noun in singular or plural: "1 unit", "0 units"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """Align columns under a ruled header, the first `left` of them left, the others (numbers) right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    layout = "  ".join(f"{{:{'<' if i < left else '>'}{width}}}" for i, width in enumerate(widths))
    return "\n".join(layout.format(*line).rstrip() for line in lines)
