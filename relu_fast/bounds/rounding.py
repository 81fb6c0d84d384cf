"""What floating-point arithmetic can do to a sum: bounds that hold for the value that is computed.

Interval arithmetic with one ``nextafter`` is not enough for a dot product: BLAS adds n terms in an order of its
own choice, fused or not, and each addition may be off by half an ULP of a partial sum far larger than the result. The
a-priori bound holds for every order (Higham 2002, "Accuracy and stability of numerical algorithms", section
3.1): n terms that each meet at most m roundings to precision u give the exact sum within

    gamma_m (|t_1| + ... + |t_n|),    gamma_m = m u / (1 - m u).

Its terms have to be those of a known input. They are those of a corner of the box: every rounded operation is
monotone in each operand, so that whatever the order, the largest z that is *computed* over the box is the one
computed from the largest products; nowhere in the box is anything larger. That is tighter than
``gamma (|W| max|x| + |b|)``, and keeps exact what needs no rounding: a dead predecessor adds nothing, and from
products that are all <= 0 nothing positive is ever computed.

It is assumed that the network computes in IEEE arithmetic of its dtype or better, round to nearest, with gradual
underflow: not so with TF32 or bfloat16 products, or where subnormal numbers are flushed to zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DOUBLE", "SINGLE", "Interval", "Precision", "affine", "hull", "known", "precision_of", "scaled"]

Floats = NDArray[np.float64]
BLOCK = 1 << 18  # weights in float64 at a time: the copies of them stay in the cache


@dataclass(frozen=True)
class Interval:
    """From `lower` to `upper`, (units,) each. One that is not finite is unknown: there may be NaN in it."""

    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class Precision:
    """Of a binary format: rounding is exact * (1 + d) + e with |d| <= unit, |e| <= tiny, up to `largest`."""

    dtype: np.dtype
    unit: float
    tiny: float
    largest: float

    def gamma(self, roundings: int) -> float:
        """Bound the relative error after so many roundings; infinite where the theory ends."""
        share = roundings * self.unit
        return share / (1 - share) if share < 0.5 else np.inf


def precision_of(dtype: np.dtype) -> Precision:
    """Return that of float32 or float64."""
    info = np.finfo(dtype)
    return Precision(np.dtype(dtype), float(info.eps) / 2, float(info.smallest_subnormal), float(info.max))


SINGLE, DOUBLE = precision_of(np.dtype(np.float32)), precision_of(np.dtype(np.float64))


def known(lower: Floats, upper: Floats, precision: Precision) -> Interval:
    """Make an interval; whatever may have overflowed, or is NaN, is unknown."""
    with np.errstate(invalid="ignore"):
        # The comparisons are false for NaN.
        fits = (np.abs(lower) < precision.largest) & (np.abs(upper) < precision.largest)
    return Interval(np.where(fits, lower, -np.inf), np.where(fits, upper, np.inf))


def hull(a: Interval, b: Interval) -> Interval:
    """Return the smallest interval around both."""
    return Interval(np.minimum(a.lower, b.lower), np.maximum(a.upper, b.upper))


def affine(x: Interval, weights: np.ndarray, bias: np.ndarray, precision: Precision) -> Interval:
    """Bound ``x @ weights + bias``, exact and as computed in `precision`.

    Parameters
    ----------
    x : Interval (features,)
        If one of the features is unknown all units are, whatever its weights: 0 * inf is NaN.
    weights : ndarray (features, units)
        Units with a weight that is NaN or infinite are unknown.
    bias : ndarray (units,)
    precision : Precision
    """
    units = weights.shape[1]
    lower, upper = np.full(units, -np.inf), np.full(units, np.inf)
    if np.isfinite(x.lower).all() and np.isfinite(x.upper).all():
        step = max(1, BLOCK // max(1, len(weights)))
        for start in range(0, units, step):
            block = slice(start, start + step)
            w, b = weights[:, block].astype(np.float64), bias[block].astype(np.float64)
            lower[block] = -_largest(x, -w, -b, precision)
            upper[block] = _largest(x, w, b, precision)
    return known(lower, upper, precision)


def _largest(x: Interval, w: Floats, b: Floats, precision: Precision) -> Floats:
    """Bound x @ w + b from above; NaN or infinite where a sum might overflow."""
    n = len(w)
    with np.errstate(invalid="ignore", over="ignore"):
        corner = np.where(w > 0, x.upper[:, np.newaxis], x.lower[:, np.newaxis])
        terms = w * corner
        size = np.abs(terms).sum(axis=0) + np.abs(b)
        # A product and at most n additions; twice what this sum and that of the sizes lose here, in float64.
        error = (precision.gamma(n + 2) + 2 * DOUBLE.gamma(n + 4)) * size
        # Products may underflow, in the network and here.
        error += 2 * (precision.tiny + DOUBLE.tiny) * np.count_nonzero(w * np.sign(corner), axis=0)
        largest = terms.sum(axis=0) + b + error
        nothing_positive = (w * np.sign(corner) <= 0).all(axis=0) & (b <= 0)
        largest = np.where(nothing_positive, np.minimum(largest, 0.0), largest)
        # Partial sums of any order stay below this.
        reach = np.maximum(np.abs(x.lower), np.abs(x.upper)) @ np.abs(w) + np.abs(b)
        reach *= (1 + precision.gamma(n + 2)) * (1 + 2 * DOUBLE.gamma(n + 4))
        overflows = ~(reach + 2 * n * precision.tiny < precision.largest)
    return np.where(overflows, np.nan, largest)


def scaled(x: Interval, scale: Floats, center: Floats, shift: Floats, precision: Precision) -> Interval:
    """Bound ``(x - center) * scale + shift``, exact and as computed in `precision`.

    Computed as it stands or as ``x * scale + (shift - center * scale)``, `scale` itself within 2 ULP.
    """
    lower = -_largest_scaled(x, -scale, center, -shift, precision)
    upper = _largest_scaled(x, scale, center, shift, precision)
    finite = np.isfinite(x.lower) & np.isfinite(x.upper)
    return known(np.where(finite, lower, -np.inf), np.where(finite, upper, np.inf), precision)


def _largest_scaled(
    x: Interval, scale: Floats, center: Floats, shift: Floats, precision: Precision
) -> Floats:
    with np.errstate(invalid="ignore", over="ignore"):
        corner = np.where(scale > 0, x.upper, x.lower)
        reach = np.abs(corner) + np.abs(center)
        # At most 8 roundings: of scale 4, of center and difference 2, of product and sum 2; of shift and sum 2.
        error = (precision.gamma(8) + DOUBLE.gamma(16)) * (np.abs(scale) * reach + np.abs(shift))
        error += 4 * (precision.tiny + DOUBLE.tiny) * (1 + reach) * ((scale != 0) & (reach > 0))
        largest = (corner - center) * scale + shift + error
        most = np.maximum(np.abs(x.lower), np.abs(x.upper)) + np.abs(center)
        most = np.maximum(most, np.abs(scale) * most + np.abs(shift))
        most = np.maximum(most, np.abs(scale))  # infinite if rounded
    result: Floats = np.where(most * (1 + 1e-5) < precision.largest, largest, np.nan)
    return result
