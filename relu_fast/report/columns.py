"""Numbers per unit in as little memory as holds them exactly: what a history is made of.

A snapshot of a layer has a dozen arrays. As NumPy arrays of their own they take 112 bytes each before the first
number, more than the numbers of a layer of 64 units.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns"]


class Columns:
    """Arrays (units,) by name, kept in one table; what is the same for all units is kept once.

    An array comes back, read-only, with the numbers and the dtype that it had: only its rest is narrower,
    integers in as many bytes as they need, floats in four where float32 has them all.

    Parameters
    ----------
    units : int
    **arrays : ndarray (units,) or None
        None is kept as None: not known.
    """

    __slots__ = ("_layout", "_single", "_table", "units")

    def __init__(self, units: int, **arrays: NDArray[Any] | None) -> None:
        single, columns, layout = [], {}, []
        for name, values in arrays.items():
            if values is None:
                layout.append((name, "", ""))
            elif units == 0 or _all_the_same(values):
                layout.append((name, values.dtype.str, ""))
                single.append(values[0].item() if units else 0)
            else:
                narrow = _narrow(values)
                layout.append((name, values.dtype.str, narrow.dtype.str))
                columns[name] = narrow
        self.units = units
        self._layout = _the_one(tuple(layout))
        self._single = tuple(single)
        self._table = None
        if columns:
            self._table = np.empty(units, _table_dtype(self._layout))
            for name, values in columns.items():
                self._table[name] = values

    def __getitem__(self, name: str) -> NDArray[Any] | None:
        """Return the array of that name, read-only; KeyError if there is none."""
        dtype, single = _places(self._layout)[name]
        if not dtype:
            return None
        if single is not None:
            return np.broadcast_to(np.array(self._single[single], dtype), self.units)
        assert self._table is not None
        values: NDArray[Any] = self._table[name].astype(dtype)
        values.flags.writeable = False
        return values

    def of_unit(self, unit: int) -> Columns:
        """Return the numbers of one unit alone, 0 <= unit < units, without a pass over those of the others."""
        one = copy.copy(self)
        one.units = 1
        one._table = None if self._table is None else self._table[unit : unit + 1]
        return one

    def changed(self, **arrays: NDArray[Any] | None) -> Columns:
        """Return the same table with other or further arrays (units,)."""
        return Columns(self.units, **{name: self[name] for name, *_ in self._layout} | arrays)

    def __repr__(self) -> str:
        return f"<Columns of {self.units} units: {', '.join(name for name, *_ in self._layout)}>"


def _all_the_same(values: NDArray[Any]) -> bool:
    # NaN is never equal to itself, but the same.
    return bool((values == values[0]).all()) or (values.dtype.kind == "f" and bool(np.isnan(values).all()))


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    """Return the same numbers in the narrowest type that has them all."""
    if values.dtype.kind == "f" and values.itemsize > 4:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            single = values.astype(np.float32)
            same = np.array_equal(single.astype(values.dtype), values, equal_nan=True)
        return single if same else values
    if values.dtype.kind in "iu":
        low, high = values.min(), values.max()
        for narrow in (np.int8, np.int16, np.int32):
            if np.iinfo(narrow).min <= low and high <= np.iinfo(narrow).max:
                return values.astype(narrow)
    return values


# Few layouts, many tables: each layout and its dtype are there once.


@lru_cache(maxsize=256)
def _the_one(layout: tuple[tuple[str, str, str], ...]) -> tuple[tuple[str, str, str], ...]:
    return layout


@lru_cache(maxsize=256)
def _table_dtype(layout: tuple[tuple[str, str, str], ...]) -> np.dtype[Any]:
    return np.dtype([(name, narrow) for name, _, narrow in layout if narrow])


@lru_cache(maxsize=256)
def _places(layout: tuple[tuple[str, str, str], ...]) -> Mapping[str, tuple[str, int | None]]:
    """Return for each name its dtype, "" if it is None, and its place among the single values, if it is there."""
    places: dict[str, tuple[str, int | None]] = {}
    singles = 0
    for name, dtype, narrow in layout:
        single = dtype and not narrow
        places[name] = (dtype, singles if single else None)
        singles += bool(single)
    return MappingProxyType(places)
