"""One complete pass of a network over data, watched; and proofs over a box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds import Box, Proof, prove
from ..monitor import DeadUnitMonitor
from ..nn import Sequential
from ..report import Report

__all__ = ["Survey", "survey"]


@dataclass(frozen=True, eq=False)
class Survey:
    """What was found.

    Attributes
    ----------
    report : Report
        Of the pass "data".
    proof : Proof or None
        The bounds, if there was a box.
    """

    report: Report
    proof: Proof | None


def survey(
    model: Sequential, data: NDArray[np.floating], box: Box | None = None, *, batch_size: int = 4096
) -> Survey:
    """Show a network all of `data` in evaluation mode, and see which units fire.

    Parameters
    ----------
    model : Sequential
        Built; what its layers fill is left as it was.
    data : ndarray (rows, features)
    box : Box, optional
        Units are proven dead over it.
    batch_size : int
        Rows that are computed at a time.
    """
    monitor = DeadUnitMonitor()
    watched: list[Any] = [layer for layer in model.layers if layer.activation is not None]
    kept = [layer.stats for layer in watched]
    try:
        # A network that overflows is what is looked for, not a reason to warn.
        with monitor.complete_pass("data"), np.errstate(all="ignore"):
            for layer in watched:
                layer.stats = monitor.unit_stats(
                    layer.name, layer.units, activation=layer.activation, **layer.activation_params
                )
            for start in range(0, len(data), batch_size):
                model.predict(data[start : start + batch_size], batch_size=batch_size)
    finally:
        for layer, stats in zip(watched, kept, strict=True):
            layer.stats = stats
    proof = None
    if box is not None:
        proof = prove(model, box, dtype=model.dtype)
        proof.tell(monitor)
    return Survey(monitor.report(), proof)
