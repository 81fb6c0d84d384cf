"""Records as figures: inline SVG whose colors are CSS variables, so that a page can be light or dark.

Matplotlib draws with stand-ins, one hex color for each variable; the SVG text gets the variables instead.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from .study import ExperimentResult, Histogram

__all__ = ["SERIES", "dead_units", "losses", "ridges"]

SERIES = 6
"""How many variables ``--series-1`` ... a page has to define, besides ``--ink --muted --line --panel``."""

_INK, _MUTED, _LINE, _PANEL = "#000001", "#000002", "#000003", "#000004"
_VARIABLES = {_INK: "ink", _MUTED: "muted", _LINE: "line", _PANEL: "panel"}
_VARIABLES |= {f"#0000{0x10 + i:02x}": f"series-{i}" for i in range(1, SERIES + 1)}
_SHADE = "#0001{percent:02x}"

_STYLE = {
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

MAX_RIDGES = 26
RIDGE_HEIGHT = 2.6
"""In distances between two epochs: neighbours overlap, as in TensorBoard."""


@matplotlib.rc_context(_STYLE)
def losses(result: ExperimentResult) -> str:
    """Training and validation loss over the epochs, and the loss that cannot be beaten, if there is one."""
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
    """Dead units over the epochs, a line for each layer that can have any; None if none can."""
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


@matplotlib.rc_context(_STYLE)
def ridges(epochs: Sequence[int], histograms: Sequence[Histogram], title: str) -> str:
    """One histogram over the epochs: a ridge an epoch, the latest in front; the share of exact zeros beside.

    Parameters
    ----------
    epochs, histograms : one entry an epoch, at least one
    title : str
        What the figure shows, for those who cannot see it.

    Notes
    -----
    Each ridge is scaled to its own highest bin. The horizontal axis spans what lies between the quantiles 0.5 % and
    99.5 % of some epoch, and 0.
    """
    shown = _spread(len(epochs), MAX_RIDGES)
    zeros = any(histogram.zeros for histogram in histograms)
    figure = Figure(figsize=(3.3, 2.5), layout="constrained", facecolor="none")
    axes, *beside = figure.subplots(1, 2, sharey=True, width_ratios=[5, 1]) if zeros else [figure.subplots()]
    _draw_ridges(axes, [(epochs[i], histograms[i]) for i in shown])
    for bars in beside:
        shares = [histograms[i].zero_share for i in shown]
        bars.barh(-np.arange(len(shown)), shares, height=0.8, align="edge", color=_series(3))
        bars.set_xlim(0, 1)
        bars.set_xticks([0, 1], ["0", "100 %"])
        bars.set_xlabel("zeros")
        bars.tick_params(left=False)
        bars.spines["left"].set_visible(False)
    return _svg(figure, title)


def _draw_ridges(axes: Axes, ridges: Sequence[tuple[int, Histogram]]) -> None:
    low, high = _span([histogram for _, histogram in ridges])
    for i, (_, histogram) in enumerate(ridges):
        x, y = _outline(histogram, low, high)
        shade = _SHADE.format(percent=round(25 + 60 * (i + 1) / len(ridges)))
        axes.fill_between(x, -i, -i + RIDGE_HEIGHT * y, color=shade, edgecolor=_PANEL, linewidth=0.5, zorder=i + 2)
    axes.set_xlim(low, high)
    axes.set_ylim(-len(ridges) + 0.5, RIDGE_HEIGHT)
    axes.set_yticks([-i for i in _spread(len(ridges), 6)], [str(ridges[i][0]) for i in _spread(len(ridges), 6)])
    axes.set_ylabel("epoch")
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3), useOffset=False)
    if not any(histogram.counts.size for _, histogram in ridges):
        finite = not any(histogram.nonfinite for _, histogram in ridges)
        message = "exactly zero\nin every epoch" if finite else "no finite value\nother than zero"
        axes.text(0.5, 0.5, message, transform=axes.transAxes, ha="center", va="center", color=_MUTED)


def _outline(histogram: Histogram, low: float, high: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The histogram as a line from `low` to `high`, its highest point 1; a line at 0 without values."""
    if not histogram.counts.size:
        return np.array([low, high]), np.zeros(2)
    centers = (histogram.edges[1:] + histogram.edges[:-1]) / 2
    x = np.concatenate([[low, histogram.edges[0]], centers, [histogram.edges[-1], high]])
    y = np.concatenate([[0, 0], histogram.counts / histogram.counts.max(), [0, 0]])
    inside = (x >= low) & (x <= high)
    return x[inside], y[inside]


def _span(histograms: Sequence[Histogram]) -> tuple[float, float]:
    """What a common axis for the histograms has to show."""
    ends = [0.0]
    for histogram in histograms:
        if histogram.counts.size:
            cumulative = np.concatenate([[0], np.cumsum(histogram.counts)]) / histogram.counts.sum()
            ends += np.interp([0.005, 0.995], cumulative, histogram.edges).tolist()
    low, high = min(ends), max(ends)
    if low == high:
        return -1.0, 1.0
    margin = 0.03 * (high - low)
    return low - margin, high + margin


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of the numbers from 0 to count - 1, evenly spread, the first and the last among them."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})


def _series(number: int) -> str:
    return f"#0000{0x10 + number:02x}"


def _over_epochs(epochs: Sequence[int], quantity: str) -> tuple[Figure, Axes]:
    """An empty figure of a quantity over the epochs."""
    figure = Figure(figsize=(4.4, 2.5), layout="constrained", facecolor="none")
    axes = figure.subplots()
    axes.grid(axis="y")
    axes.set_ylabel(quantity)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
    return figure, axes


def _svg(figure: Figure, title: str) -> str:
    """The figure as an <svg> element that scales with the page and says what it shows."""
    buffer = io.StringIO()
    # The salt goes into the ids of the drawing, which are to be unique on a page.
    with matplotlib.rc_context({"svg.hashsalt": title}):
        figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    body = text[text.index("<g ") : text.rindex("</svg>")]
    for pattern, replacement in (
        (r'<g id="[^"]*"', "<g"),
        (r"font-family: [^;]*; ", ""),
        (r"(\d\.\d)\d+", r"\1"),
        (r"\s+", " "),
        (r"#0001([0-9a-f]{2})", lambda match: _shade(int(match[1], 16))),
        (r"#0000[0-9a-f]{2}", lambda match: f"var(--{_VARIABLES[match[0]]})"),
    ):
        body = re.sub(pattern, replacement, body)
    width, height = 72 * figure.get_size_inches()
    label = html.escape(title)
    return f'<svg role="img" aria-label="{label}" viewBox="0 0 {width:g} {height:g}">{body}</svg>'


def _shade(percent: int) -> str:
    return f"color-mix(in srgb, var(--series-1) {percent}%, var(--panel))"
