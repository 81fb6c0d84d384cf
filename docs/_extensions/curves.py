"""A function and its derivative as a small SVG that takes its colours from the page."""

import re
from io import StringIO

import numpy as np

__all__ = ["curves"]

# Stand in for what the page's style sheet decides.
COLOURS = {"#010101": "var(--curve-value)", "#020202": "var(--curve-slope)", "#030303": "var(--curve-axes)"}


def curves(name, value, slope, knees):
    """Draw value(x) and slope(x) over [-6, 6]; where a curve jumps, at one of the knees, it is interrupted."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    style = {"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9, "font.family": "sans-serif"}
    reach = max([6.0, *(abs(knee) * 1.4 for knee in knees)])
    x = np.unique(
        np.concatenate(
            [np.linspace(-reach, reach, 241), *([np.nextafter(k, -9), k, np.nextafter(k, 9)] for k in knees)]
        )
    )
    value_colour, slope_colour, axes_colour = COLOURS
    with mpl.rc_context(style):
        figure, axes = pyplot.subplots(figsize=(4.6, 2.6))
        for y, colour, dashes in ((value(x), value_colour, "-"), (slope(x), slope_colour, (0, (4, 2)))):
            axes.plot(*_interrupted(x, y, knees), color=colour, linestyle=dashes, linewidth=1.6)
        axes.axhline(0, color=axes_colour, linewidth=0.6, alpha=0.5)
        axes.axvline(0, color=axes_colour, linewidth=0.6, alpha=0.5)
        axes.set_xlim(-reach, reach)
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, -3), min(high, 6.5))
        axes.tick_params(colors=axes_colour, length=3, width=0.6)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(axes_colour)
            spine.set_linewidth(0.6)
        file = StringIO()
        figure.savefig(file, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
        pyplot.close(figure)
    return _of_the_page(file.getvalue(), name)


def _interrupted(x, y, knees):
    """Put a gap wherever y jumps between neighbours of a knee."""
    jumps = [i for i in range(len(x) - 1) if abs(y[i + 1] - y[i]) > 0.05 and {x[i], x[i + 1]} & set(knees)]
    at = [i + 1 for i in jumps]
    return np.insert(x, at, np.nan), np.insert(y, at, np.nan)


def _of_the_page(svg, name):
    """Drop what only a file of its own needs, name things apart, and leave the colours to the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(id="|href="#|url\(#)', rf"\1{name}-", svg)
    label = f'role="img" aria-label="{name} and its derivative"'
    svg = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', label, svg, count=1)
    for stand_in, colour in COLOURS.items():
        svg = svg.replace(stand_in, colour)
    return re.sub(r"\s*\n\s*", " ", svg)
