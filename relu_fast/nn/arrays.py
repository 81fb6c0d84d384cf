"""What users pass in becomes an array of the model's dtype and the right shape, or one clear line."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["as_examples", "as_number", "as_real", "as_targets", "at_least", "check_finite"]


def at_least(value: Any, least: int, name: str) -> int:
    """Return `value` as an int of at least `least`.

    Raises
    ------
    TypeError
        If it is not an integer (a bool or a float is none).
    ValueError
        If it is smaller.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, expected an integer >= {least}") from None
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is {value!r}, expected an integer >= {least}")
    if number < least:
        raise ValueError(f"{name} is {number}, expected an integer >= {least}")
    return number


def as_number(value: Any, name: str, expected: str) -> float:
    """Return `value` as a float; TypeError if it is no real number, telling what was `expected`."""
    given = np.asarray(value)
    if given.ndim or given.dtype.kind not in "fiu":
        raise TypeError(f"{name} is {_in_one_line(value)}, expected {expected}")
    return float(given)


def as_real(values: ArrayLike, dtype: np.dtype, name: str) -> np.ndarray:
    """Return `values` as an array of `dtype`, converting other floats, integers and booleans.

    Raises
    ------
    TypeError
        For complex numbers, objects, strings, dates.
    """
    array = np.asarray(values)
    if array.dtype == dtype:
        return array
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} has dtype {array.dtype}, expected real numbers (float or integer)")
    return array.astype(dtype)


def as_examples(x: ArrayLike, features: int | None, dtype: np.dtype, name: str = "x") -> np.ndarray:
    """Return `x` as an array (rows, features) of `dtype`; None takes any number of features.

    Raises
    ------
    TypeError, ValueError
        For another dtype or shape.
    """
    x = as_real(x, dtype, name)
    if x.ndim != 2 or (features is not None and x.shape[1] != features):
        expected = "(rows, features)" if features is None else f"(rows, {features}): {features} features"
        raise ValueError(f"{name} has shape {x.shape}, expected {expected}")
    return x


def as_targets(y: ArrayLike, rows: int, units: int, dtype: np.dtype, name: str = "y") -> np.ndarray:
    """Return `y` as an array (rows, units) of `dtype`; (rows,) will do where units is 1.

    Raises
    ------
    TypeError, ValueError
        For another dtype or shape, and for no rows: a loss of nothing is not defined.
    """
    y = as_real(y, dtype, name)
    if y.ndim == 1 and units == 1:
        y = y.reshape(-1, 1)
    if y.shape != (rows, units):
        raise ValueError(
            f"{name} has shape {y.shape}, expected {(rows, units)}: a row per example, a column per output"
        )
    if rows == 0:
        raise ValueError(f"{name} has shape {y.shape}: no examples, expected at least one")
    return y


def check_finite(values: np.ndarray, name: str) -> None:
    """Raise ValueError if there is a NaN or an infinity in `values`, which the message calls `name`."""
    finite = np.isfinite(values)
    if not finite.all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"{name} holds {finite.size - np.count_nonzero(finite)} values that are NaN or infinite, "
            f"the first at {first}; expected finite numbers"
        )


def _in_one_line(value: Any) -> str:
    return f"an array {value.shape}" if isinstance(value, np.ndarray) else repr(value)
