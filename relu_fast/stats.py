"""What a fused pass saw of each unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _units

__all__ = ["GradStats", "UnitStats", "count_active"]

_RESET = {"max": -np.inf, "min": np.inf}
_MERGE = {"max": np.maximum, "min": np.minimum}


class _Record:
    """Merging, adding and pickling, over the arrays that `_fields` names.

    `_arguments` name the attributes that are the constructor's arguments: records merge if these agree.
    """

    _fields: tuple[str, ...]
    _arguments: tuple[str, ...]
    seen: NDArray[np.int64]

    def merge(self, other: Any) -> Any:
        """Add what `other` saw, in place, and return self. ValueError if the two do not match."""
        self._check_match(other)
        for name in self._fields:
            mine = getattr(self, name)
            if mine is not None:
                _MERGE.get(name, np.add)(mine, getattr(other, name), out=mine)
        return self

    def reset(self) -> None:
        """Forget everything seen."""
        for name in self._fields:
            array = getattr(self, name)
            if array is not None:
                array[...] = _RESET.get(name, 0)

    def copy(self) -> Any:
        """Return an independent record that saw the same."""
        return self._empty().merge(self)

    def __add__(self, other: Any) -> Any:
        if not self._same_kind(other):
            return NotImplemented
        return self.copy().merge(other)

    def __radd__(self, other: Any) -> Any:
        # sum() starts with 0
        return self.copy() if isinstance(other, int) and other == 0 else NotImplemented

    def __eq__(self, other: Any) -> bool:
        if not self._same_kind(other) or self._key() != other._key():
            return False
        return all(np.array_equal(getattr(self, n), getattr(other, n)) for n in self._fields)

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        seen = int(self.seen.max(initial=0))
        return f"{type(self).__name__}({', '.join(map(repr, self._key()))})  # saw {seen} elements a unit"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._key(), ({name: getattr(self, name) for name in self._fields}, vars(self))

    def __setstate__(self, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
        arrays, attributes = state
        for name, array in arrays.items():
            if array is not None:
                getattr(self, name)[...] = array
        vars(self).update(attributes)

    def _same_kind(self, other: Any) -> bool:
        return isinstance(other, _Record) and other._fields == self._fields

    def _key(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._arguments)

    def _empty(self) -> Any:
        return type(self)(*self._key())

    def _check_match(self, other: Any) -> None:
        if not self._same_kind(other):
            raise TypeError(f"cannot merge {type(other).__name__} into {type(self).__name__}")
        if self._key() != other._key():
            raise ValueError(f"cannot merge {other._key()} into {self._key()}: units and collect must agree")


class UnitStats(_Record, _units.UnitArrays):
    """Statistics of each unit's pre-activation v = z + bias, accumulated over any number of passes.

    Parameters
    ----------
    units : int
    collect : iterable of str
        From "active", "nonfinite", "max", "min", "sum_abs". What is not collected costs nothing and is None.

    Attributes
    ----------
    seen : int64 (units,)
        Elements, non-finite ones included.
    examples : int64 (units,)
        Entries of the batch.
    active : int64 (units,)
        Elements that fired: v > gate, or v > 0 where the activation has no gate. +inf counts.
    nonfinite : int64 (units,)
        Elements that are NaN or infinite.
    max, min : float64 (units,)
        Extreme v, NaN ignored; -inf and +inf where nothing was seen.
    sum_abs : float64 (units,)
        Sum of abs(y) over finite outputs y.

    Notes
    -----
    Integers and extremes merge exactly in any order, sums up to rounding.
    """

    _fields = ("seen", "examples", "active", "nonfinite", "max", "min", "sum_abs")
    _arguments = ("units", "collect")

    def __init__(self, units: int, collect: Iterable[str] = ("active", "nonfinite", "max")) -> None:
        """Set up in the extension type, so that no pass can meet a record of another shape."""


class GradStats(_Record, _units.GradArrays):
    """Statistics of the gradient that reached each unit's pre-activation.

    Parameters
    ----------
    units : int

    Attributes
    ----------
    seen, nonzero, nonfinite : int64 (units,)
        Elements; those that are not 0 (NaN included); those that are NaN or infinite.
    """

    _fields = ("seen", "nonzero", "nonfinite")
    _arguments = ("units",)

    def __init__(self, units: int) -> None:
        """Set up in the extension type."""


def count_active(x: Any, *, unit_axis: int | None = None) -> NDArray[np.int64]:
    """How often each unit is above zero.

    Parameters
    ----------
    x : array_like
        Any shape with at least one axis; NaN is not above zero.
    unit_axis : int, optional
        Axis of the units; -1 for one or two dimensions, required beyond.

    Returns
    -------
    ndarray of int64, shape (units,)

    Raises
    ------
    ValueError
        If `unit_axis` is out of range, or missing beyond two dimensions.
    """
    x = np.asarray(x)
    try:
        units = x.shape[-1 if unit_axis is None and x.ndim <= 2 else unit_axis]
    except (IndexError, TypeError):
        units = 0  # the pass below says what is wrong
    stats = UnitStats(units, collect=("active",))
    _units.forward(x, "relu", None, unit_axis, stats, None, None, False, {}, "x")
    active: NDArray[np.int64] = stats.active
    return active
