"""Whether revivals took: a look at the units some training steps later."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..stats import GradStats
from .measure import BATCH, checked_data, look, unwatched
from .places import Network, Place, find
from .records import Revival, RevivalReport

__all__ = ["follow_up"]


def follow_up(
    network: Network,
    revivals: Iterable[Revival],
    *,
    x: ArrayLike,
    y: ArrayLike | None = None,
    loss: Any = None,
    step: int | None = None,
) -> tuple[RevivalReport, ...]:
    """Look which revived units fire on the data, in evaluation, and which get a gradient from it.

    Parameters
    ----------
    network : Network
        Its parameters stay as they are. With `y` its gradients are overwritten, and it needs a method
        ``loss_and_gradients(x, y, loss, training=False)`` and layers that fill their ``grad_stats``.
    revivals : iterable of Revival
    x : array_like (rows, features)
    y, loss : optional
        Targets and the loss; without them no gradient is looked at.
    step : int, optional
        For the records.

    Returns
    -------
    tuple of RevivalReport
        One for each revival.

    Raises
    ------
    ValueError, TypeError, IndexError
        If the data is empty or not finite, targets come without a loss or a loss without targets, or a revival
        is of another network.
    """
    revivals = tuple(revivals)
    for revival in revivals:
        if not isinstance(revival, Revival):
            raise TypeError(
                f"revivals holds {revival!r}, expected what redo, lift_bias and the others return"
            )
    if (y is None) != (loss is None):
        raise ValueError("y comes with a loss: expected both of them or neither")
    if not revivals:
        return ()
    places = {revival.layer: find(network, revival.layer) for revival in revivals}
    numbers = {revival.layer: places[revival.layer].numbers(revival.units) for revival in revivals}
    for revival in revivals:
        place = places[revival.layer]
        numbers[place.name] = np.union1d(numbers[place.name], place.numbers(revival.units))
    data = checked_data(network, x)
    evidence = look(network, data, [(places[name], numbers[name]) for name in places]).evidence
    known = {(name, seen.unit): seen for name, units in evidence.items() for seen in units}
    gradients = None if y is None else _gradients(network, data, np.asarray(y), loss, places.values())
    return tuple(
        RevivalReport(
            revival=revival,
            step=step,
            evidence=tuple(known[revival.layer, unit] for unit in revival.units),
            gradients=tuple(
                None if gradients is None else int(gradients[revival.layer][unit]) for unit in revival.units
            ),
        )
        for revival in revivals
    )


def _gradients(
    network: Any, x: np.ndarray, y: np.ndarray, loss: Any, places: Iterable[Place]
) -> dict[str, NDArray[np.int64]]:
    """Count the gradients that are not zero at the pre-activations of each layer, (units,)."""
    counted = {place.name: GradStats(place.units) for place in places}
    if len(y) != len(x):
        raise ValueError(f"y has shape {y.shape}, expected {len(x)} rows: one for each of x")
    with unwatched(network):
        try:
            for place in places:
                place.active.grad_stats = counted[place.name]
            for start in range(0, len(x), BATCH):
                rows = slice(start, start + BATCH)
                network.loss_and_gradients(x[rows], y[rows], loss, training=False)
        finally:
            for place in places:
                place.active.grad_stats = None
    return {name: stats.nonzero for name, stats in counted.items()}
