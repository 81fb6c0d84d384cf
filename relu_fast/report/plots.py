"""The figures of a study that are lines: losses, dead units, the activations themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .. import ufuncs
from ..activations import Activation
from .lines import Line, lines
from .records import LayerReport
from .study import ExperimentResult

__all__ = ["LOSS_LEGEND", "SERIES", "activation", "active_units", "dead_units", "losses"]

SERIES = 7
"""How many variables ``--series-1`` ... a page has to define, besides ``--muted --line --bar``."""

LOSS_LEGEND = {
    "series-1": "training",
    "series-2": "validation",
    "bar": "validation of what it is compared with",
    "muted": "the expected loss that no network can beat",
}
"""Colors of the lines in `losses`, and what they are."""


def losses(result: ExperimentResult, reference: ExperimentResult | None = None) -> str:
    """Draw the losses over the epochs, and what they are compared with; `LOSS_LEGEND` says which is which."""
    curves = result.curves()
    shown = [
        Line("", "series-2", curves["epoch"], curves["val_loss"]),
        Line("", "series-1", curves["epoch"], curves["loss"]),
    ]
    if reference is not None and reference is not result:
        other = reference.curves()
        shown.append(Line("", "bar", other["epoch"], other["val_loss"]))
    span = _epochs(result)
    if result.loss_floor is not None:
        shown.append(Line("", "muted", span, (result.loss_floor,) * 2, dashed=True))
    title = f"Training and validation loss of {result.name} over {len(result.epochs)} epochs"
    return lines(shown, title, x_label="epoch", x_span=span)


def dead_units(result: ExperimentResult) -> str | None:
    """Draw the dead units over the epochs, a line for each layer that can have any; None if none can."""
    layers = {name: layer for name, layer in result.layers.items() if layer.gate is not None}
    if not layers:
        return None
    title = f"Dead units of each layer of {result.name} over {len(result.epochs)} epochs"
    return _by_layer(result, list(layers), lambda layer: layer.dead, title)


def active_units(result: ExperimentResult) -> str:
    """Draw the mean number of units that are active for a row over the epochs, a line for each layer."""
    title = f"Active units per row in each layer of {result.name} over {len(result.epochs)} epochs"
    hidden = list(result.layers)[:-1] or list(result.layers)
    return _by_layer(result, hidden, lambda layer: layer.active_per_example, title)


def activation(row: Activation) -> str:
    """Draw an activation and its derivative; the range where both output and derivative are flat is marked."""
    params = {name: 0.25 if default is None else default for name, default in row.params.items()}
    gate, ceiling = row.gate_for(**params), row.ceiling_for(**params)
    low, high = -4.0, 8.0 if isinstance(ceiling, float) and ceiling > 4.0 else 4.0
    x = np.linspace(low, high, 241)
    y = getattr(ufuncs, row.name)(x, *params.values())
    slope = getattr(ufuncs, f"{row.name}_backward")(np.ones_like(x), x, *params.values())
    # prelu's has the gradient of its weight as a second one.
    slope = slope[0] if isinstance(slope, tuple) else slope
    shaded = [] if not isinstance(gate, float) else [(low, gate)]
    shaded += [] if not isinstance(ceiling, float) else [(ceiling, high)]
    points = x.tolist()
    return lines(
        [
            Line("derivative", "series-2", points, _broken_at_jumps(slope, 0.1)),
            Line(row.name, "series-1", points, _broken_at_jumps(y, 0.2)),
        ],
        f"{row.name} and its derivative between {low:g} and {high:g}",
        x_label="z",
        x_span=(low, high),
        y_span=(min(-1.3, float(y.min())), min(4.0, max(1.3, float(y.max()), float(slope.max())))),
        zero=True,
        shaded=shaded,
    )


def _broken_at_jumps(y: np.ndarray, most: float) -> list[float | None]:
    """Leave a gap where neighbours differ by more than that."""
    jumps = np.flatnonzero(np.abs(np.diff(y)) > most)
    values: list[float | None] = y.tolist()
    for i in jumps.tolist():
        values[i] = None
    return values


def _by_layer(
    result: ExperimentResult, names: Sequence[str], value: Callable[[LayerReport], float | None], title: str
) -> str:
    """Draw a value of each layer at every snapshot: the first may be that before the first step, epoch 0."""
    history = [point for point in result.report.history if point.step is not None]
    steps = [float(point.step or 0) for point in history]
    shown = [
        Line(name, f"series-{1 + i % SERIES}", steps, [value(point.layers[name]) for point in history])
        for i, name in enumerate(names)
    ]
    most = max(result.layers[name].units for name in names)
    span = (steps[0], steps[-1]) if len(steps) > 1 else _epochs(result)
    return lines(shown, title, x_label="epoch", x_span=span, y_span=(0.0, 1.06 * most), whole=True)


def _epochs(result: ExperimentResult) -> tuple[float, float]:
    first, last = result.epochs[0].epoch, result.last.epoch
    return (first, last) if last > first else (first - 0.5, last + 0.5)
