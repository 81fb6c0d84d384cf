"""What figures share that are written as SVG: round ticks and their labels, words."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

__all__ = ["figure", "text", "tick_labels", "ticks"]

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def figure(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """Put parts into an <svg> element that scales with the page and says what it shows."""
    return (
        f'<svg role="img" aria-label="{html.escape(title)}" viewBox="0 0 {width:g} {height:g}" '
        f'style="fill:var(--muted);font-size:8.5px">{"".join(parts)}</svg>'
    )


def text(x: float, y: float, words: str, *, anchor: str, style: str = "") -> str:
    """Write words; `anchor` is start, middle or end."""
    extra = f' style="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{html.escape(words)}</text>'


def ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Return three to seven round numbers from `low` to `high`, multiples of 1, 2 or 5; integers if `whole`."""
    power = 10.0 ** math.floor(math.log10(high - low))
    for step in (5 * power, 2 * power, power, power / 2, power / 5):
        if whole and step < 1.0:
            step = 1.0
        places = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
        if len(places) >= 3 or (whole and step == 1.0):
            break
    return [k * step for k in places]


def tick_labels(values: Sequence[float]) -> tuple[list[str], str]:
    """Write ticks with as many digits as tell neighbours apart, and their common power of ten, "" if it is 1."""
    exponent = math.floor(math.log10(max(map(abs, values), default=0.0) or 1.0))
    exponent = 0 if -2 < exponent < 4 else exponent
    step = values[1] - values[0] if len(values) > 1 else 10.0 ** (exponent - 2)
    decimals = max(0, exponent - math.floor(math.log10(step) + 1e-9))
    labels = [f"{value / 10.0**exponent:.{decimals}f}".replace("-", "−") for value in values]
    return labels, "×10" + str(exponent).translate(SUPERSCRIPTS) if exponent else ""
