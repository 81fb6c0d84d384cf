"""The arrays that everything is measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["ALIGNMENT", "DTYPES", "UNITS", "Data", "Store", "make_data"]

DTYPES = {"float32": np.float32, "float64": np.float64, "float16": np.float16}

UNITS = 256
"""Columns of the arrays: the units that are counted."""

ALIGNMENT = 64
"""Bytes. NumPy's own arrays start anywhere, and by that the times of everybody would change from run to run."""

LARGE = 2**20
CHUNK = 2**20


@dataclass(frozen=True, eq=False)
class Data:
    """Arrays of one size and dtype, (elements / units, units).

    Attributes
    ----------
    x, g : ndarray
        Inputs: normal with a standard deviation of 3 and of 1, nothing subnormal.
    y, t : ndarray
        Outputs; `t` may instead hold what a statement reads.
    b : ndarray of shape (units,)
    w : numpy scalar
        A slope.
    """

    x: np.ndarray
    g: np.ndarray
    y: np.ndarray
    t: np.ndarray
    b: np.ndarray
    w: Any

    @property
    def dtype(self) -> str:
        """Name of the dtype."""
        return str(self.x.dtype.name)

    @property
    def names(self) -> dict[str, Any]:
        """The arrays by name."""
        return {"np": np, **vars(self)}


def make_data(dtype: str, elements: int, *, units: int = UNITS) -> Data:
    """Make them; the same numbers each time."""
    generator = np.random.default_rng(0)
    x, g, y, t = (_aligned(dtype, elements) for _ in range(4))
    for values, deviation in ((x, 3.0), (g, 1.0)):
        for part in _chunks(values):
            # Subnormal numbers are slow on many processors, and no weights of a network.
            part[...] = generator.standard_normal(part.size, np.float32) * deviation
            part[np.abs(part) < np.finfo(part.dtype).tiny] = 1.0
    y.fill(1.0)
    t.fill(1.0)
    shape = elements // units, units
    b = generator.standard_normal(units, np.float32).astype(dtype)
    arrays = {name: values.reshape(shape) for name, values in zip("xgyt", (x, g, y, t), strict=True)}
    return Data(**arrays, b=b, w=DTYPES[dtype](0.25))


def _aligned(dtype: str, elements: int) -> np.ndarray:
    size = elements * np.dtype(dtype).itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype)


def _chunks(values: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, values.size, CHUNK):
        yield values[start : start + CHUNK]


@dataclass
class Store:
    """Keeps arrays that were made, of the large ones only the last."""

    _kept: dict[tuple[str, int, int], Data] = field(default_factory=dict)

    def get(self, dtype: str, elements: int, units: int = UNITS) -> Data:
        """Return the arrays of that kind."""
        key = dtype, elements, units
        if key not in self._kept:
            if elements > LARGE:
                self._kept = {k: data for k, data in self._kept.items() if k[1] <= LARGE}
            self._kept[key] = make_data(dtype, elements, units=units)
        return self._kept[key]
