"""Histograms over epochs as one SVG figure: a ridge an epoch, the latest in front, as TensorBoard shows them.

A report has hundreds of these, and Matplotlib takes a tenth of a second for each: they are written directly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .axes import figure, text, tick_labels, ticks
from .study import Histogram

__all__ = ["ridges"]

MOST_RIDGES = 13
OVERLAP = 2.6
"""Height of a ridge in distances between two epochs."""

# In units of the viewBox: the plot, and the bars beside it.
WIDTH, HEIGHT = 240, 180
LEFT, TOP, BOTTOM = 22, 4, 152
BAR_WIDTH, BAR_GAP = 34, 12


def ridges(epochs: Sequence[int], histograms: Sequence[Histogram], title: str) -> str:
    """Draw one array's histograms as an <svg> element, and beside them the share of exact zeros, if any.

    Colors are the CSS variables ``--series-1 --panel --muted --line --bar`` of the page.

    Parameters
    ----------
    epochs, histograms : one entry an epoch, at least one
    title : str
        What the figure shows, for those who cannot see it.

    Notes
    -----
    The height of a ridge is the square root of the counts, scaled to its own highest bin: a narrow peak
    leaves the rest visible. The axis spans 0 and what lies between the quantiles 0.5 % and 99.5 % of any
    epoch. With many epochs, some are left out, evenly.
    """
    chosen = _spread(len(epochs), MOST_RIDGES)
    shown = [histograms[i] for i in chosen]
    zeros = any(histogram.zeros for histogram in shown)
    right = WIDTH - 6 - (BAR_WIDTH + BAR_GAP if zeros else 0)
    step = (BOTTOM - TOP) / (len(shown) + OVERLAP - 1)
    baselines = [BOTTOM - step * (len(shown) - 1 - i) for i in range(len(shown))]

    parts = [_epoch_label(epochs[chosen[i]], baselines[i]) for i in _spread(len(shown), 6)]
    if any(histogram.counts.size for histogram in shown):
        low, high = _span(shown)
        scale = (right - LEFT) / (high - low)
        for i, histogram in enumerate(shown):
            x, y = _outline(histogram, low, high)
            parts.append(f'<path d="M{LEFT} {baselines[i]:.1f}H{right}" style="stroke:var(--line)"/>')
            path = _path(LEFT + scale * (x - low), baselines[i] - OVERLAP * step * y, y == 0.0)
            shade = f"color-mix(in srgb,var(--series-1) {10 + 50 * (i + 1) / len(shown):.0f}%,var(--panel))"
            parts.append(f'<path d="{path}" style="fill:{shade};stroke:var(--series-1);stroke-width:.6"/>')
        parts += _value_axis(low, high, right)
    else:
        parts.append(_nothing_to_show(shown, right))
    parts.append(f'<path d="M{LEFT} {BOTTOM}H{right}" style="stroke:var(--line)"/>')
    if zeros:
        parts += _zero_bars(shown, baselines, step)
    return figure(WIDTH, HEIGHT, title, parts)


def _path(x: NDArray[np.float64], y: NDArray[np.float64], empty: NDArray[np.bool_]) -> str:
    """Draw a line through the points, broken where it would run along its baseline."""
    moves = [i == 0 or (empty[i - 1] and empty[i]) for i in range(len(x))]
    return "".join(f"{'M' if move else 'L'}{a:.1f} {b:.1f}" for move, a, b in zip(moves, x, y, strict=True))


def _epoch_label(epoch: int, baseline: float) -> str:
    return text(LEFT - 5, baseline, str(epoch), anchor="end")


def _value_axis(low: float, high: float, right: float) -> list[str]:
    """Label three to six round numbers below the plot, and their common power of ten."""
    values = ticks(low, high)
    labels, power = tick_labels(values)
    parts = [
        text(LEFT + (right - LEFT) * (value - low) / (high - low), BOTTOM + 12, words, anchor="middle")
        for value, words in zip(values, labels, strict=True)
    ]
    return [*parts, text(right, BOTTOM + 24, power, anchor="end")] if power else parts


def _zero_bars(shown: Sequence[Histogram], baselines: Sequence[float], step: float) -> list[str]:
    left = WIDTH - 6 - BAR_WIDTH
    parts = [
        f'<rect x="{left}" y="{baseline - 0.8 * step:.1f}" width="{BAR_WIDTH * histogram.zero_share:.1f}" '
        f'height="{0.8 * step:.1f}" style="fill:var(--bar)"/>'
        for histogram, baseline in zip(shown, baselines, strict=True)
    ]
    return [
        *parts,
        f'<path d="M{left} {BOTTOM}h{BAR_WIDTH}" style="stroke:var(--line)"/>',
        text(left, BOTTOM + 12, "0", anchor="middle"),
        text(WIDTH, BOTTOM + 12, "100 %", anchor="end"),
        text(left + BAR_WIDTH / 2, BOTTOM + 24, "zeros", anchor="middle"),
    ]


def _nothing_to_show(shown: Sequence[Histogram], right: float) -> str:
    broken = any(histogram.nonfinite for histogram in shown)
    message = "no finite value" if broken else "exactly zero in every epoch"
    return text((LEFT + right) / 2, (TOP + BOTTOM) / 2, message, anchor="middle")


def _outline(
    histogram: Histogram, low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the histogram as a line of points (x, y) between `low` and `high`, its highest point at 1."""
    if not histogram.counts.size:
        return np.empty(0), np.empty(0)
    centers = (histogram.edges[1:] + histogram.edges[:-1]) / 2
    x = np.concatenate([histogram.edges[:1], centers, histogram.edges[-1:]])
    y = np.concatenate([[0.0], np.sqrt(histogram.counts / histogram.counts.max()), [0.0]])
    # Between two equal neighbours a point says nothing: most bins are empty where there are outliers.
    told = np.ones(len(y), bool)
    told[1:-1] = (y[1:-1] != y[:-2]) | (y[1:-1] != y[2:])
    return x[told].clip(low, high), y[told]


def _span(histograms: Sequence[Histogram]) -> tuple[float, float]:
    """Return the ends of a common axis for the histograms; at least one of them is not empty."""
    ends = [0.0]
    for histogram in histograms:
        if histogram.counts.size:
            cumulative = np.concatenate([[0], np.cumsum(histogram.counts)]) / histogram.counts.sum()
            ends += np.interp([0.005, 0.995], cumulative, histogram.edges).tolist()
    low, high = min(ends), max(ends)
    margin = 0.03 * (high - low)
    return low - margin, high + margin


def _spread(count: int, most: int) -> list[int]:
    """Return at most `most` of the numbers from 0 to count - 1, evenly spread, with first and last."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})
