"""A result as one sheet: question, answers, a table and a figure; as text, as one HTML page, as image files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .format import table

__all__ = ["Panel", "Series", "Sheet", "image", "render", "text"]


@dataclass(frozen=True)
class Series:
    """A line of a panel: a measured one with points and a band, or a known one.

    Attributes
    ----------
    label : str
    x, y : sequence of float
    band : (sequence, sequence) of float, or None
        Lower and upper ends of the intervals.
    style : str
        Matplotlib's line style.
    color : str
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    band: tuple[Sequence[float], Sequence[float]] | None = None
    style: str = "-"
    color: str = "#555555"


@dataclass(frozen=True)
class Panel:
    """One plot of shares."""

    title: str
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Sheet:
    """What is shown of a result.

    Attributes
    ----------
    title, question : str
    answers : tuple of str
        Sentences that were computed from the results.
    header : tuple of str
    rows : tuple of tuple of str
        As long as the header.
    left : int
        How many columns are words, not numbers.
    panels : tuple of Panel
    x_label, y_label : str
    caption : str
        What the figure shows.
    notes : tuple of str
        How it was measured, and where it comes from.
    command : str
        What to type to get the same numbers again.
    versions : dict
    """

    title: str
    question: str
    answers: tuple[str, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int
    panels: tuple[Panel, ...]
    x_label: str
    y_label: str
    caption: str
    notes: tuple[str, ...]
    command: str
    versions: dict[str, str]


def text(sheet: Sheet) -> str:
    """Return table and answers for a terminal."""
    lines = [table(sheet.header, sheet.rows, left=sheet.left), "", *sheet.answers]
    return "\n".join(lines)


def render(sheet: Sheet) -> str:
    """Return the sheet as a self-contained HTML page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    svg = image(sheet, "svg").decode()
    figure = Markup(svg[svg.index("<svg") :])
    return environment.get_template("sheet.html.j2").render(sheet=sheet, figure=figure)


def image(sheet: Sheet, form: str) -> bytes:
    """Draw the panels as a file of the form "svg" or "png"; the same sheet gives the same bytes."""
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": sheet.title,
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.color": "#dddddd",
        "legend.frameon": False,
    }
    buffer = io.BytesIO()
    with matplotlib.rc_context(style):
        figure = _figure(sheet)
        figure.savefig(buffer, format=form, dpi=144, metadata={"Date": None} if form == "svg" else None)
    return buffer.getvalue()


def _figure(sheet: Sheet) -> Figure:
    columns = min(2, len(sheet.panels))
    rows = -(-len(sheet.panels) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.9 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.flat[len(sheet.panels) :]:
        axes.remove()
    for axes, panel in zip(grid.flat, sheet.panels, strict=False):
        axes.set_title(panel.title, fontsize=9, loc="left")
        axes.set_ylim(-0.02, 1.02)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axes.set_xlabel(sheet.x_label)
        axes.set_ylabel(sheet.y_label)
        for series in panel.series:
            if series.band is not None:
                axes.fill_between(series.x, *series.band, color=series.color, alpha=0.2, linewidth=0)
            marker = "." if series.band is not None and len(series.x) <= 40 else None
            axes.plot(
                series.x,
                series.y,
                series.style,
                label=series.label,
                color=series.color,
                marker=marker,
                lw=1.4,
            )
        axes.legend(loc="best", fontsize=8)
    return figure
