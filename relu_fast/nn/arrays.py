"""What users pass in becomes an array of the model's dtype and the right shape, or one clear line."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["as_examples", "as_real", "as_targets", "at_least"]


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
