"""The range of an activation over an interval, for every row of ``relu_fast.ACTIVATIONS`` and any parameters.

Between its knots an activation is monotone, so that its range is that of its values at the ends of the interval and
at the knots inside. Knots are the interior extrema of gelu, gelu_tanh, silu, swish, mish and hardswish, and 0
where a negative slope or alpha turns the function around; thresholded_relu jumps at its knot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import ufuncs
from ..activations import activation_named
from .rounding import DOUBLE, Floats, Interval, Precision, known

__all__ = ["KNOTS", "activation_range"]

SILU_KNOT = -1.278464542761073795109359

KNOTS: dict[str, float] = {
    "leaky_relu": 0.0,
    "prelu": 0.0,
    "elu": 0.0,
    "gelu": -0.7517915246935644574579049,
    "gelu_tanh": -0.7524614220710162584879544,
    "silu": SILU_KNOT,
    "swish": SILU_KNOT,  # over beta
    "mish": -1.192431214515495212137588,
    "hardswish": -1.5,
}
"""Where the derivative of an activation changes sign, for some parameters. thresholded_relu is treated apart."""

# Far more than the rounding of a knot: at one this close the value is that of the extremum.
NEAR = 1e-12

# They return an input, 0 or a parameter: nothing is rounded.
CLIPS = frozenset({"relu", "relu6", "thresholded_relu", "hardtanh"})
# One product: its error is relative in every implementation, and none where a factor is 0.
PRODUCTS = frozenset({"squared_relu", "leaky_relu", "prelu"})
# What float64 kernels of relu_fast are good for, twice.
KERNEL_ULPS = 4.0


def activation_range(
    name: str, params: Mapping[str, Any], z: Interval, precision: Precision, *, ulps: float | None = None
) -> Interval:
    """Bound an activation over intervals, exact and as computed in `precision`.

    Parameters
    ----------
    name : str
        A row of ``relu_fast.ACTIVATIONS``.
    params : Mapping
        Its parameters, numbers or arrays (units,); they are rounded to `precision` first, as the kernels do.
    z : Interval (units,)
        Unknown ones stay unknown.
    precision : Precision
    ulps : float, optional
        Error of the implementation in ULP of the larger of ``|y|`` and 1, that is, absolute in the tails; None:
        that of relu_fast, 1 ULP of y in float32 and 2 in float64.
    """
    z, values = _rounded({**activation_named(name).params, **params}, z, precision)
    finite = np.isfinite(z.lower) & np.isfinite(z.upper)
    if name not in CLIPS:
        for value in values:
            finite &= np.isfinite(value)
    lower, upper = (np.where(finite, end, 0.0) for end in (z.lower, z.upper))
    values = [np.where(finite, value, 1.0) for value in values]
    with np.errstate(all="ignore"):
        candidates = _candidates(name, values, lower, upper)
        errors = [_error(name, values, x, y, precision, ulps) for x, y in candidates]
        # NaN stays.
        low = np.minimum.reduce([y - error for (_, y), error in zip(candidates, errors, strict=True)])
        high = np.maximum.reduce([y + error for (_, y), error in zip(candidates, errors, strict=True)])
    return known(np.where(finite, low, np.nan), np.where(finite, high, np.nan), precision)


def _rounded(params: Mapping[str, Any], z: Interval, precision: Precision) -> tuple[Interval, list[Floats]]:
    """Broadcast the interval and the parameters, which are rounded to `precision`."""
    with np.errstate(over="ignore"):
        values = [np.asarray(value).astype(precision.dtype).astype(np.float64) for value in params.values()]
    lower, upper, *values = np.broadcast_arrays(z.lower, z.upper, *values)
    return Interval(lower, upper), values


def _candidates(name: str, params: list[Floats], lower: Floats, upper: Floats) -> list[tuple[Floats, Floats]]:
    """Return pairs (x, y): the value at the ends, and at the knot if that is inside, else at an end again."""
    function = getattr(ufuncs, name)
    candidates = [(x, function(x, *params)) for x in (lower, upper)]
    if name == "thresholded_relu":
        # At alpha it is 0; right of it there are values as close to alpha as one likes.
        alpha = params[0]
        candidates.append((alpha, np.where((lower <= alpha) & (alpha < upper), alpha, candidates[0][1])))
    elif name in KNOTS:
        knot = np.full(lower.shape, KNOTS[name])
        if name == "swish":
            knot = np.clip(knot / params[0], -DOUBLE.largest, DOUBLE.largest)
        near = NEAR * np.abs(knot)
        x = np.where((lower <= knot + near) & (knot - near <= upper), knot, lower)
        candidates.append((x, function(x, *params)))
    return candidates


def _error(
    name: str, params: list[Floats], x: Floats, y: Floats, precision: Precision, ulps: float | None
) -> Floats:
    """Bound what the value `y` at `x` may be off: here, computed in float64, and in the network.

    What it is off grows slower than y, and a product keeps its sign: nowhere between two candidates does the
    network compute more than at the larger one.
    """
    size: Floats = np.abs(y)
    if name in CLIPS:
        return np.zeros_like(size)
    own = 2.0 if precision == DOUBLE else 1.0
    error: Floats = KERNEL_ULPS * (2 * DOUBLE.unit * size + DOUBLE.tiny)
    if ulps is None or name in PRODUCTS:
        error += max(own, ulps or 0.0) * (2 * precision.unit * size + precision.tiny)
        return np.where(_is_zero(name, params, x), 0.0, error)
    return error + ulps * 2 * precision.unit * np.maximum(size, 1.0)


def _is_zero(name: str, params: list[Floats], x: Floats) -> NDArray[np.bool_]:
    """Whether a product is 0 because a factor is."""
    zero: NDArray[np.bool_] = np.zeros(x.shape, np.bool_)
    if name == "squared_relu":
        zero |= x <= 0
    elif name in PRODUCTS:
        zero |= (x == 0) | ((x < 0) & (params[0] == 0))
    return zero
