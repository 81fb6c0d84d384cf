"""What is known of a layer's weights while a window runs: their steps, and what else can move its units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .history import raised_by
from .report import LayerReport, WeightsReport
from .report.columns import Columns

__all__ = ["WeightsRecord", "as_rows", "norms", "per_unit"]


class WeightsRecord:
    """The weights of one layer: those last seen, and what the running window knows.

    Memory: one copy of the weights, and a few numbers per unit.

    Parameters
    ----------
    units : int
    """

    def __init__(self, units: int) -> None:
        self.units = units
        self._rows: NDArray[Any] | None = None  # (n, units): the weights last seen
        self.forget()

    def forget(self) -> None:
        """Start a new window. The weights last seen stay: the next step begins at them."""
        self._steps: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._columns: dict[str, NDArray[np.float64]] = {}
        self._seen = False
        self._predecessor: str | None = None
        self._upstream: bool | None = None
        self._weight_decay: float | None = None
        self._moments_zero: NDArray[np.bool_] | None = None
        self._moments_at = 0

    @property
    def known(self) -> bool:
        """Whether anything is known in this window."""
        return self._seen or self._steps is not None or self._moments_at > 0

    def see(
        self,
        rows: NDArray[Any],
        facts: Mapping[str, NDArray[np.float64]],
        *,
        predecessor: str | None,
        is_step: bool = True,
    ) -> None:
        """Take the weights as they are now, (n, units); `is_step`: they moved in one step since the last look.

        `facts` are what is known of "bias", "scale" and "shift", each (units,).
        """
        if is_step and self._rows is not None and self._rows.shape == rows.shape:
            self.step(norms(np.subtract(rows, self._rows, dtype=np.float64)), norms(self._rows))
        if self._rows is not None and self._rows.shape == rows.shape and self._rows.dtype == rows.dtype:
            self._rows[...] = rows
        else:
            self._rows = rows.copy()
        self._columns = dict(facts)
        self._predecessor = predecessor
        self._seen = True

    def step(self, step_norm: NDArray[np.float64], weights_norm: NDArray[np.float64]) -> None:
        """Remember a step of each unit, (units,), if it is its largest by the norm of its weights."""
        if self._steps is None:
            self._steps = np.full(self.units, np.nan), np.full(self.units, np.nan)
        largest, norm = self._steps
        # Compared as products: weights may be zero. What is NaN is not a step.
        larger = ~np.isnan(step_norm * weights_norm)
        larger &= np.isnan(largest) | (step_norm * norm > largest * weights_norm)
        largest[larger], norm[larger] = step_norm[larger], weights_norm[larger]

    def learn(
        self,
        *,
        trainable_upstream: bool | None,
        weight_decay: float | None,
        moments_zero: NDArray[np.bool_] | None,
        at: int,
    ) -> None:
        """Take what else can move the units; `at`: a mark of the moment, see `report`."""
        self._upstream, self._weight_decay = trainable_upstream, weight_decay
        self._moments_zero, self._moments_at = moments_zero, at + 1

    def report(self, predecessor: LayerReport | None, *, at: int) -> WeightsReport | None:
        """Record it, in copies; None if nothing is known.

        `predecessor` is the record of the layer named so, if there is one. The first moments are known only if
        the mark `at` is that of `learn`: training moves them.
        """
        if not self.known:
            return None
        columns: dict[str, NDArray[Any] | None] = dict.fromkeys(("bias", "scale", "shift"))
        columns |= self._columns
        columns["step_norm"], columns["weights_norm"] = self._steps or (None, None)
        columns["moments_zero"] = self._moments_zero if self._moments_at == at + 1 else None
        columns["raisable"] = columns["raised"] = None
        dead = predecessors = None
        if predecessor is not None and self._rows is not None and predecessor.units == len(self._rows):
            dead, predecessors = predecessor.dead, predecessor.units
            if dead is not None:
                are_dead = np.isin(np.arange(predecessors), predecessor.dead_units)
                columns["raisable"], columns["raised"] = raised_by(
                    self._rows, predecessor.activation, are_dead
                )
        return WeightsReport(
            columns=Columns(self.units, **columns),
            predecessor=self._predecessor,
            dead_predecessors=dead,
            predecessors=predecessors,
            trainable_upstream=self._upstream,
            weight_decay=self._weight_decay,
        )

    @property
    def predecessor(self) -> str | None:
        """The layer whose outputs the weights are applied to."""
        return self._predecessor


def as_rows(values: ArrayLike, unit_axis: int, name: str) -> NDArray[Any]:
    """Return an array with a column for each unit, (n, units).

    Raises
    ------
    ValueError
        If the axis does not exist.
    TypeError
        If it holds no real numbers.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} has dtype {array.dtype}, expected real numbers")
    if not -array.ndim <= unit_axis < array.ndim:
        raise ValueError(
            f"unit_axis is {unit_axis}, expected one of the {array.ndim} axes of {name} {array.shape}"
        )
    rows = np.moveaxis(array, unit_axis, -1)
    return rows.reshape(math.prod(rows.shape[:-1]), rows.shape[-1])


def per_unit(values: ArrayLike, units: int, name: str) -> NDArray[np.float64]:
    """Return one float64 for each unit, in a copy; errors as in `as_rows`."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} has dtype {array.dtype}, expected real numbers")
    if array.shape != (units,):
        raise ValueError(f"{name} has shape {array.shape}, expected ({units},): one entry per unit")
    return array.astype(np.float64)


def norms(rows: NDArray[Any]) -> NDArray[np.float64]:
    """Return the Euclidean norm of each column, (units,), in float64."""
    rows = rows.astype(np.float64, copy=False)
    with np.errstate(over="ignore"):
        squares: NDArray[np.float64] = np.einsum("ij,ij->j", rows, rows)
        return np.sqrt(squares)
