"""What silent units cost or save, as measured on a few rows: frozen records. Nothing here measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NoiseEffect", "Sparsity"]


@dataclass(frozen=True)
class NoiseEffect:
    """What noise on the input does to the set of active units.

    Attributes
    ----------
    level : float
        Standard deviation of the normal noise that was added to every input.
    switched : float
        Share of all (row, unit) that changed between active and silent.
    overlap : float or None
        Mean over the rows of the Jaccard index: units active with and without noise, over those active with
        or without. Rows without any active unit are left out; None if there are only such.
    unchanged : float
        Share of the rows whose set of active units stayed the same.
    """

    level: float
    switched: float
    overlap: float | None
    unchanged: float


@dataclass(frozen=True, eq=False)
class Sparsity:
    """Which part of a network works for each row, in evaluation mode with the weights at rest.

    Attributes
    ----------
    units : int
        Units of all watched layers but the last one; of the last one if there is no other.
    active : ndarray of int64, (rows,)
        How many of them fire for each row: the size of the network for this row.
    patterns : int
        How many different sets of active units there are among the rows.
    multiplications : int
        Of the dense layers, for one row.
    skippable : float
        Share of them that have an exact zero as input, mean over the rows: it can be skipped by whoever looks.
    removable : float
        Share of them that is gone once the dead units are removed from the network, as nothing comes from them.
    noise : tuple of NoiseEffect
        By ascending level.
    """

    units: int
    active: NDArray[np.int64]
    patterns: int
    multiplications: int
    skippable: float
    removable: float
    noise: tuple[NoiseEffect, ...]

    @property
    def mean_active(self) -> float:
        """Mean number of active units."""
        return float(self.active.mean())

    @property
    def quantiles(self) -> tuple[int, int, int, int, int]:
        """Active units: fewest, 5 %, median, 95 %, most; each is that of a row."""
        least, low, middle, high, most = np.quantile(
            self.active, [0.0, 0.05, 0.5, 0.95, 1.0], method="inverted_cdf"
        ).tolist()
        return least, low, middle, high, most

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain objects, the rows summed up."""
        names = ("fewest", "percentile_5", "median", "percentile_95", "most")
        return {
            "units": self.units,
            "active_units": {"mean": self.mean_active} | dict(zip(names, self.quantiles, strict=True)),
            "patterns": self.patterns,
            "multiplications": self.multiplications,
            "skippable": self.skippable,
            "removable": self.removable,
            "noise": [vars(effect) for effect in self.noise],
        }
