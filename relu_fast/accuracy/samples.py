"""The inputs that are walked: every bit pattern of a dtype, or float64 numbers where errors hide."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .reference import REFERENCES

__all__ = ["SPECIAL", "bit_patterns", "count_of", "dtype_named", "float64_samples", "patterns"]

Array = NDArray[np.float64]


def dtype_named(name: str) -> np.dtype[Any]:
    """Return NumPy's dtype; bfloat16 is that of ml_dtypes."""
    if name == "bfloat16":
        from ml_dtypes import bfloat16

        dtype: np.dtype[Any] = np.dtype(bfloat16)
        return dtype
    return np.dtype(name)


SPECIAL = (-0.0, np.inf, -np.inf, np.nan, -np.nan, 1.0, -1.0, 3.0, -3.0, 6.0, -6.0)
"""What one bit pattern of many would leave out."""


def bit_patterns(dtype: str) -> int:
    """How many bit patterns there are."""
    return 1 << (32 if dtype == "float32" else 16)


def count_of(dtype: str, every: int) -> int:
    """How many inputs `patterns` has."""
    return -(-bit_patterns(dtype) // every) + (len(SPECIAL) if every > 1 else 0)


def patterns(dtype: str, first: int, count: int, every: int) -> NDArray[Any]:
    """Return the inputs number `first` and up, of the bit patterns 0, every, 2 every, ..., then `SPECIAL`."""
    bits = np.arange(first, first + count, dtype=np.int64) * every
    x = bits.astype(np.uint32 if dtype == "float32" else np.uint16).view(dtype_named(dtype))
    past = int(np.searchsorted(bits, bit_patterns(dtype)))
    left = first + past - -(-bit_patterns(dtype) // every)
    x[past:] = SPECIAL[left : left + count - past]
    return x


def float64_samples(activation: str, direction: str, params: tuple[float, ...], count: int) -> Array:
    """About `count` float64 numbers, the same in each call, in no order.

    A part each: every exponent; around 0; where formulas cancel and change their ways; the neighbours of the
    knees; the root of the derivative, closer and closer; and the tails, down to the last result that is not 0.
    """
    reference = REFERENCES[activation]
    rng = np.random.default_rng(zlib.crc32(f"{activation} {direction}".encode()))
    part = max(count // 8, 16)

    def result(x: float) -> float:
        return float(reference(direction, np.array([x]), *params)[0])

    def log_uniform(low: float, high: float) -> Array:
        return np.asarray(np.exp2(rng.uniform(low, high, part)) * rng.choice([-1.0, 1.0], part))

    knees = [0.0, 0.5, 1.0, 3.0, 6.0, 19.06, 36.74, 708.4, 709.78, 745.13, *map(abs, params)]
    halves = (rng.integers(0, 1080, 40) + 0.5) * math.log(2)  # where x / ln 2 rounds to the next integer
    parts = [
        np.array([0.0, -0.0, np.inf, -np.inf, np.nan, np.finfo(float).max, -np.finfo(float).max]),
        log_uniform(-1074, 1024),
        log_uniform(-60, 0),
        rng.uniform(-3, 3, part),
        rng.uniform(-45, 45, part),
        rng.uniform(-750, 750, part),
        *(around(sign * knee, 6) for knee in (*knees, *halves) for sign in (1, -1)),
    ]
    for sign in (-1.0, 1.0):
        edge = last_not_zero(result, sign)
        if edge is not None:
            parts += [edge * rng.uniform(0.92, 1.004, part), around(edge, part // 8)]
    if reference.root is not None and direction == "backward" and np.ptp(reference.root(*params)):
        low, high = reference.root(*params)
        positive = result(high) > 0
        root = bisect(lambda x: (result(x) > 0) == positive, low, high)
        closer = root * (1 + np.exp2(rng.uniform(-53, -1, part)) * rng.choice([-1.0, 1.0], part))
        parts += [closer, around(root, part // 8)]
    return np.concatenate(parts)


def around(x: float, reach: int) -> Array:
    """`reach` numbers on either side of x."""
    bits = np.array(abs(x)).view(np.int64) + np.arange(-reach, reach + 1)
    return np.copysign(bits[bits >= 0].view(np.float64), x)


def last_not_zero(function: Callable[[float], float], sign: float) -> float | None:
    """Find the number farthest from 0 with a result that is not 0; None if the function vanishes nowhere, or early."""
    near, far = sign * 1e-2, sign * 1e300
    if function(near) == 0 or function(far) != 0:
        return None
    return bisect(lambda x: function(x) != 0, far, near)


def bisect(is_true: Callable[[float], bool], low: float, high: float) -> float:
    """Find where a predicate that holds at `high` and not at `low` begins to hold."""
    while True:
        middle = math.copysign(math.sqrt(abs(low)) * math.sqrt(abs(high)), high)
        middle = middle if abs(low / high) > 4 else low + (high - low) / 2
        if middle in (low, high) or not min(low, high) < middle < max(low, high):
            return high
        low, high = (low, middle) if is_true(middle) else (middle, high)
