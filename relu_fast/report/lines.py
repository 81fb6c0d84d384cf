"""Lines over an axis as one SVG figure: written directly, since a report has dozens of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .axes import figure, text, tick_labels, ticks

__all__ = ["Line", "lines"]

# In units of the viewBox: the plot inside the figure. Rows of the legend lie above it.
WIDTH, HEIGHT = 300, 170
LEFT, RIGHT, BOTTOM = 36, 294, 142
ROW = 11


@dataclass(frozen=True)
class Line:
    """One line of a figure.

    Attributes
    ----------
    label : str
        For the legend; "" leaves it out.
    color : str
        A CSS variable of the page, without dashes.
    x, y : sequence of float
        Points; where y is None, NaN or outside the axis, the line is broken.
    dashed : bool
    """

    label: str
    color: str
    x: Sequence[float]
    y: Sequence[float | None]
    dashed: bool = False


def lines(
    shown: Sequence[Line],
    title: str,
    *,
    x_label: str,
    x_span: tuple[float, float],
    y_span: tuple[float, float] | None = None,
    x_whole: bool = True,
    whole: bool = False,
    zero: bool = False,
    shaded: Sequence[tuple[float, float]] = (),
) -> str:
    """Draw lines as an <svg> element.

    Colors are CSS variables of the page: those of the lines, and ``--muted --line``.

    Parameters
    ----------
    shown : sequence of Line
        The first ones lie on top.
    title : str
        What the figure shows, for those who cannot see it.
    x_label : str
    x_span, y_span : (float, float), optional
        Ends of the axes; None: what the lines take.
    x_whole, whole : bool
        Whether x, y count something.
    zero : bool
        Whether the axes are drawn through 0 as well.
    shaded : sequence of (float, float)
        Ranges of x that are marked.
    """
    low, high = _span(shown) if y_span is None else y_span
    legend = _rows([line for line in shown if line.label])
    top = 6 + ROW * max(1, len(legend))
    across = (RIGHT - LEFT) / (x_span[1] - x_span[0])
    up = (BOTTOM - top) / (high - low)

    def place(x: float, y: float) -> tuple[float, float]:
        return LEFT + across * (x - x_span[0]), BOTTOM - up * (y - low)

    parts = [
        f'<rect x="{place(a, low)[0]:.1f}" y="{top}" width="{across * (b - a):.1f}" height="{BOTTOM - top}" '
        'style="fill:var(--line);opacity:.6"/>'
        for a, b in shaded
    ]
    values = ticks(low, high, whole=whole)
    labels, power = tick_labels(values)
    for value, words in zip(values, labels, strict=True):
        y = place(x_span[0], value)[1]
        parts.append(f'<path d="M{LEFT} {y:.1f}H{RIGHT}" style="stroke:var(--line);stroke-width:.6"/>')
        parts.append(text(LEFT - 5, y + 3, words, anchor="end"))
    values = ticks(*x_span, whole=x_whole)
    for value, words in zip(values, tick_labels(values)[0], strict=True):
        parts.append(text(place(value, low)[0], BOTTOM + 12, words, anchor="middle"))
    if zero:
        x, y = place(0.0, 0.0)
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{RIGHT}M{x:.1f} {top}V{BOTTOM}" style="stroke:var(--muted);stroke-width:.5"/>'
        )
    parts.append(text((LEFT + RIGHT) / 2, BOTTOM + 24, x_label, anchor="middle"))
    if power:
        parts.append(text(4, top - 5, power, anchor="start"))
    for line in reversed(shown):
        parts.append(_drawn(line, place, (low, high)))
    for i, row in enumerate(legend):
        parts += _legend(row, ROW * (i + 1) - 2)
    return figure(WIDTH, HEIGHT, title, parts)


def _drawn(
    line: Line, place: Callable[[float, float], tuple[float, float]], span: tuple[float, float]
) -> str:
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(line.x, line.y, strict=True):
        if y is None or not span[0] <= y <= span[1]:
            runs.append([])
        else:
            runs[-1].append(place(x, y))
    style = (
        f"stroke:var(--{line.color});stroke-width:{1 if line.dashed else 1.6};fill:none;stroke-linejoin:round"
    )
    if line.dashed:
        style += ";stroke-dasharray:4 3"
    path = "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in run) for run in runs if len(run) > 1)
    dots = [
        f'<circle cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="2" style="fill:var(--{line.color})"/>'
        for run in runs
        if len(run) == 1
    ]
    return "".join([f'<path d="{path}" style="{style}"/>' if path else "", *dots])


def _rows(shown: Sequence[Line]) -> list[list[Line]]:
    """Share the entries of the legend among as many rows as they need."""
    rows: list[list[Line]] = []
    for line in shown:
        if rows and sum(map(_width, [*rows[-1], line])) <= WIDTH:
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _width(line: Line) -> float:
    return 4.3 * len(line.label) + 18


def _legend(row: Sequence[Line], y: float) -> list[str]:
    """Write one row of labels up to the right end, each after a stroke of its color."""
    parts, x = [], RIGHT - sum(map(_width, row))
    for line in row:
        dash = ";stroke-dasharray:3 2" if line.dashed else ""
        stroke = f"stroke:var(--{line.color});stroke-width:1.6{dash}"
        parts.append(f'<path d="M{x + 6:.1f} {y - 3:.1f}h9" style="{stroke}"/>')
        parts.append(text(x + 18, y, line.label, anchor="start"))
        x += _width(line)
    return parts


def _span(shown: Sequence[Line]) -> tuple[float, float]:
    values = [y for line in shown for y in line.y if y is not None and math.isfinite(y)] or [0.0, 1.0]
    low, high = min(values), max(values)
    # A constant has room above and below it.
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin
