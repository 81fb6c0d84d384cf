"""How far results are from the exact ones: ULP, correct rounding, NaN and the sign of zero."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FORMATS", "PRECISION", "Format", "Tally", "Worst", "allowance", "judge", "judge_precise"]

Array = NDArray[np.float64]


class Format(NamedTuple):
    """A binary floating-point format: its digits, and the exponents of its smallest and largest normal binade."""

    digits: int
    low: int
    high: int

    def ulp(self, exponent: int) -> float:
        """Distance of neighbours in [2^exponent, 2^(exponent + 1)); subnormals have that of the lowest binade."""
        return math.ldexp(1.0, min(max(exponent, self.low), self.high) - self.digits + 1)


FORMATS = {
    "float32": Format(24, -126, 127),
    "float64": Format(53, -1022, 1023),
    "float16": Format(11, -14, 15),
    "bfloat16": Format(8, -126, 127),
}


PRECISION = 200
"""Bits of what is exact for float64. The closest results to a root of a derivative lose 53 of them."""


def allowance(dtype: str, direction: str) -> float:
    """Bound in ULP of the exact result."""
    if dtype == "float64":
        return 2.0
    return 2.0 if (dtype, direction) == ("float32", "backward") else 1.0


class Worst(NamedTuple):
    """An error, the input where it happened and what was given there."""

    error: float
    x: float
    got: float

    def or_worse(self, other: Worst) -> Worst:
        """Of two equal errors the one nearer 0, so that the order of the blocks does not matter."""
        return max(self, other, key=lambda worst: (worst.error, -abs(worst.x), worst.x))


@dataclass(frozen=True)
class Tally:
    """What was found over some inputs.

    Attributes
    ----------
    inputs, rounded : int
        How many were judged, and how many results are the correctly rounded ones; NaN for NaN is.
    above, wrong : int
        Results above the bound, and those that are NaN for a number, a number for NaN (these have no error in ULP)
        or a zero of the wrong sign.
    worst : Worst or None
        By the error in ULP, outside the root's interval.
    near_root : Worst or None
        By the absolute error in units of 2^(1 - digits), inside it.
    example : Worst or None
        One of the wrong.
    """

    inputs: int = 0
    rounded: int = 0
    above: int = 0
    wrong: int = 0
    worst: Worst | None = None
    near_root: Worst | None = None
    example: Worst | None = None

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.inputs + other.inputs,
            self.rounded + other.rounded,
            self.above + other.above,
            self.wrong + other.wrong,
            *(
                mine.or_worse(theirs) if mine and theirs else mine or theirs
                for mine, theirs in (
                    (self.worst, other.worst),
                    (self.near_root, other.near_root),
                    (self.example, other.example),
                )
            ),
        )


def judge(
    got: NDArray[Any], exact: Array, x: Array, dtype: str, bound: float, near: NDArray[np.bool_] | None = None
) -> Tally:
    """Compare results with exact ones, where float64 holds these with digits to spare.

    Parameters
    ----------
    got : array of `dtype`
    exact, x : float64 arrays
        Right results and inputs.
    dtype : str
        A key of `FORMATS`.
    bound : float
        In ULP.
    near : bool array, optional
        Where the absolute error counts: next to a root of the derivative.
    """
    form = FORMATS[dtype]
    per_ulp = reciprocal_ulp(exact, form)
    given = got.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled, given_scaled = exact * per_ulp, given * per_ulp
        error = np.abs(given_scaled - scaled)
        tally = Tally(exact.size, int(np.count_nonzero(given_scaled == np.rint(scaled))))
        # NaN, which also infinities give, is the maximum.
        if not error.max() <= bound:
            limit = math.ldexp(1.0, form.high + 1)
            scaled = np.clip(exact, -limit, limit) * per_ulp
            given_scaled = np.clip(given, -limit, limit) * per_ulp
            error = np.abs(given_scaled - scaled)
            correct = (given_scaled == np.rint(scaled)) | (np.isnan(given) & np.isnan(exact))
            tally = replace(tally, rounded=int(np.count_nonzero(correct)))
    return conclude(tally, error, per_ulp, exact, given, x, form, bound, near)


def reciprocal_ulp(exact: Array, form: Format) -> Array:
    bias = 1023
    exponent = exact.view(np.uint64) & (0x7FF << 52)
    np.maximum(exponent, (bias + form.low) << 52, out=exponent)
    np.minimum(exponent, (bias + form.high) << 52, out=exponent)
    np.subtract((2 * bias + form.digits - 1) << 52, exponent, out=exponent)
    return exponent.view(np.float64)


def judge_precise(
    got: Array,
    exact: Iterable[Any],
    approximate: Array,
    x: Array,
    bound: float,
    near: NDArray[np.bool_] | None,
) -> Tally:
    """Compare float64 results with those of mpmath.

    `approximate` gives the sign of a zero; where it is NaN or infinite, or x is, it is the exact result itself.
    """
    from mpmath import mp, nint, workprec

    form = FORMATS["float64"]
    error, per_ulp, rounded = np.empty_like(got), np.ones_like(got), 0
    with workprec(PRECISION):
        limit = mp.ldexp(1, form.high + 1)
        for i, value in enumerate(exact):
            if value is None:
                if np.isnan(got[i]) or np.isnan(approximate[i]):
                    error[i] = np.nan
                    rounded += bool(np.isnan(got[i]) and np.isnan(approximate[i]))
                else:
                    error[i] = 0.0 if got[i] == approximate[i] else np.inf
                    rounded += bool(got[i] == approximate[i])
                continue
            if np.isnan(got[i]):
                error[i] = np.nan
                continue
            ulp = mp.mpf(form.ulp(mp.frexp(value)[1] - 1 if value else form.low))
            scaled = max(-limit, min(value, limit)) / ulp
            given = max(-limit, min(mp.mpf(float(got[i])), limit)) / ulp
            error[i] = float(abs(given - scaled))
            per_ulp[i] = float(min(1 / ulp, limit / 2))  # matters near 1 only
            rounded += bool(given == nint(scaled))
    return conclude(Tally(len(x), rounded), error, per_ulp, approximate, got, x, form, bound, near)


def conclude(
    tally: Tally,
    error: Array,
    per_ulp: Array,
    exact: Array,
    given: Array,
    x: Array,
    form: Format,
    bound: float,
    near: NDArray[np.bool_] | None,
) -> Tally:
    """Count what passes the bound and what is wrong, and find the worst; `error` is overwritten."""
    wrong = np.zeros(0, np.bool_)
    if np.isnan(error.max()):
        wrong = np.isnan(given) != np.isnan(exact)
        error[np.isnan(error)] = 0.0
    if not given.all():
        mistaken = (given == 0) & (np.signbit(given) != np.signbit(exact))
        wrong = wrong | mistaken if wrong.size else mistaken
    near_root, above = None, 0
    if near is not None and near.any():
        absolute = np.where(near, error / per_ulp * 2.0 ** (form.digits - 1), 0.0)
        near_root = worst_of(absolute, x, given)
        above = int(np.count_nonzero(~(absolute <= 1)))
        error[near] = 0.0
    worst = worst_of(error, x, given)
    if worst.error > bound:
        above += int(np.count_nonzero(error > bound))
    n_wrong = int(np.count_nonzero(wrong))
    return replace(
        tally,
        above=above,
        wrong=n_wrong,
        worst=worst,
        near_root=near_root,
        example=worst_of(wrong.astype(np.float64), x, given) if n_wrong else None,
    )


def worst_of(error: Array, x: Array, given: Array) -> Worst:
    at = int(error.argmax())
    return Worst(float(error[at]), float(x[at]), float(given[at]))
