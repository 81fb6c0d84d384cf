"""Records as figures: inline SVG whose colors are CSS variables, so that a page can be light or dark.

Matplotlib draws with stand-ins, one hex color for each variable; the SVG text gets the variables instead.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .study import ExperimentResult

__all__ = ["SERIES", "dead_units", "losses"]

SERIES = 6
"""How many variables ``--series-1`` ... a page has to define, besides ``--ink --muted --line``."""

_INK, _MUTED, _LINE = "#000001", "#000002", "#000003"
_VARIABLES = {_INK: "ink", _MUTED: "muted", _LINE: "line"}
_VARIABLES |= {f"#0000{0x10 + i:02x}": f"series-{i}" for i in range(1, SERIES + 1)}

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 8.5,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _MUTED,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "path.simplify": True,
}


@matplotlib.rc_context(_STYLE)
def losses(result: ExperimentResult) -> str:
    """Draw the losses over the epochs, and the loss that cannot be beaten if there is one."""
    curves = result.curves()
    figure, axes = _over_epochs(curves["epoch"], "loss")
    marker = "o" if len(curves["epoch"]) == 1 else None
    axes.plot(curves["epoch"], curves["loss"], color=_series(1), marker=marker, label="training")
    axes.plot(curves["epoch"], curves["val_loss"], color=_series(2), marker=marker, label="validation")
    if result.loss_floor is not None:
        axes.axhline(result.loss_floor, color=_MUTED, linewidth=1, linestyle=(0, (4, 3)), label="ln 2")
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.legend(loc="best")
    return _svg(figure, f"Training and validation loss of {result.name} over {len(result.epochs)} epochs")


@matplotlib.rc_context(_STYLE)
def dead_units(result: ExperimentResult) -> str | None:
    """Draw the dead units over the epochs, a line for each layer that can have any; None if none can."""
    layers = [(name, layer) for name, layer in result.layers.items() if layer.gate is not None]
    if not layers:
        return None
    curves = result.curves()
    figure, axes = _over_epochs(curves["epoch"], "dead units")
    marker = "o" if len(curves["epoch"]) == 1 else None
    for i, (name, _) in enumerate(layers):
        dead = [np.nan if value is None else value for value in curves["layers"][name]["dead"]]
        axes.plot(curves["epoch"], dead, color=_series(1 + i % SERIES), marker=marker, label=name)
    axes.set_ylim(0, 1.06 * max(layer.units for _, layer in layers))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.legend(loc="best")
    return _svg(figure, f"Dead units of each layer of {result.name} over {len(result.epochs)} epochs")


def _series(number: int) -> str:
    return f"#0000{0x10 + number:02x}"


def _over_epochs(epochs: Sequence[int], quantity: str) -> tuple[Figure, Axes]:
    """Return an empty figure of a quantity over the epochs."""
    figure = Figure(figsize=(4.4, 2.5), layout="constrained", facecolor="none")
    axes = figure.subplots()
    axes.grid(axis="y")
    axes.set_ylabel(quantity)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
    return figure, axes


def _svg(figure: Figure, title: str) -> str:
    """Return the figure as an <svg> element that scales with the page and says what it shows."""
    buffer = io.StringIO()
    # The salt goes into the ids of the drawing, which are to be unique on a page.
    with matplotlib.rc_context({"svg.hashsalt": title}):
        figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    body = text[text.index("<g ") : text.rindex("</svg>")]
    for pattern, replacement in (
        (r'<g id="[^"]*"', "<g"),
        (r"font-family: [^;]*; ", ""),
        (r'"[^"]*"', lambda attribute: re.sub(r"(\d\.\d)\d+", r"\1", attribute[0])),
        (r"\s+", " "),
        (r"#0000[0-9a-f]{2}", lambda match: f"var(--{_VARIABLES[match[0]]})"),
    ):
        body = re.sub(pattern, replacement, body)
    width, height = 72 * figure.get_size_inches()
    label = html.escape(title)
    return f'<svg role="img" aria-label="{label}" viewBox="0 0 {width:g} {height:g}">{body}</svg>'
