"""The same functions in arbitrary precision: definitions, written for mpmath, with nothing done for speed.

They are what float64 kernels are measured against, and what the float64 formulas of `reference` are tested with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
from mpmath import mp

from .judge import PRECISION

__all__ = ["DEFINITIONS", "exact"]

Number = Any  # mpmath has no types


def exact(activation: str, direction: str, x: float, params: Sequence[float]) -> Number:
    """Value or derivative at a finite x, right to about `PRECISION` - 60 bits."""
    with mpmath.workprec(PRECISION):
        formula = DEFINITIONS[activation][direction == "backward"]
        return +formula(mp.mpf(x), *map(mp.mpf, params))


def constant(digits: str) -> Number:
    return mp.mpf(digits)


def logistic(z: Number) -> Number:
    return 1 / (1 + mp.exp(-z))


def logistic_slope(z: Number) -> Number:
    return logistic(z) * logistic(-z)


def selu_scale() -> Number:
    return constant("1.0507009873554804934193349852946")


def selu_left() -> Number:
    return selu_scale() * constant("1.6732632423543772848170429916717")


def gelu_exponent(x: Number) -> Number:
    return 2 * mp.sqrt(2 / mp.pi) * (x + constant("0.044715") * x**3)


def gelu_exponent_slope(x: Number) -> Number:
    return 2 * mp.sqrt(2 / mp.pi) * (1 + 3 * constant("0.044715") * x**2)


def normal(x: Number) -> Number:
    # beyond 100 it is 0 or 1 to far more than float64 knows, and mpmath's erfc does not take large numbers
    return mp.erfc(-max(min(x, mp.mpf(100)), mp.mpf(-100)) / mp.sqrt(2)) / 2


def swish_slope(x: Number, beta: Number) -> Number:
    return logistic(beta * x) + beta * x * logistic_slope(beta * x)


def mish_slope(x: Number) -> Number:
    t = mp.log1p(mp.exp(x))
    return mp.tanh(t) + x * mp.sech(t) ** 2 * logistic(x)


def clipped(x: Number, low: Number, high: Number) -> Number:
    return min(max(x, low), high)


def hardsigmoid(x: Number, alpha: Number, beta: Number) -> Number:
    # The knees are doubles: 3 and -3 are, although the double next to 1/6 is below 1/6.
    if alpha > 0 and x <= float(-beta / alpha):
        return mp.zero
    return clipped(alpha * x + beta, mp.zero, mp.one)


def hardsigmoid_slope(x: Number, alpha: Number, beta: Number) -> Number:
    low, high = sorted((float(-beta / alpha), float((1 - beta) / alpha))) if alpha else (0.0, 0.0)
    return alpha if low < x < high else mp.zero


Pair = tuple[Callable[..., Number], Callable[..., Number]]

LEAKY: Pair = (lambda x, slope: x if x > 0 else slope * x, lambda x, slope: mp.one if x > 0 else slope)

DEFINITIONS: dict[str, Pair] = {
    "relu": (lambda x: max(x, mp.zero), lambda x: mp.mpf(x > 0)),
    "relu6": (lambda x: clipped(x, mp.zero, mp.mpf(6)), lambda x: mp.mpf(0 < x < 6)),
    "squared_relu": (lambda x: max(x, mp.zero) ** 2, lambda x: 2 * max(x, mp.zero)),
    "leaky_relu": LEAKY,
    "prelu": LEAKY,
    "thresholded_relu": (
        lambda x, alpha: x if x > alpha else mp.zero,
        lambda x, alpha: mp.mpf(x > alpha),
    ),
    "elu": (
        lambda x, alpha: x if x > 0 else alpha * mp.expm1(x),
        lambda x, alpha: mp.one if x > 0 else alpha * mp.exp(x),
    ),
    "selu": (
        lambda x: selu_scale() * x if x > 0 else selu_left() * mp.expm1(x),
        lambda x: selu_scale() if x > 0 else selu_left() * mp.exp(x),
    ),
    "celu": (
        lambda x, alpha: x if x > 0 else alpha * mp.expm1(x / alpha),
        lambda x, alpha: mp.one if x > 0 else mp.exp(x / alpha),
    ),
    "gelu": (lambda x: x * normal(x), lambda x: normal(x) + x * mp.npdf(x)),
    "gelu_tanh": (
        lambda x: x * logistic(gelu_exponent(x)),
        lambda x: logistic(gelu_exponent(x)) + x * gelu_exponent_slope(x) * logistic_slope(gelu_exponent(x)),
    ),
    "silu": (lambda x: x * logistic(x), lambda x: swish_slope(x, mp.one)),
    "swish": (lambda x, beta: x * logistic(beta * x), swish_slope),
    "mish": (lambda x: x * mp.tanh(mp.log1p(mp.exp(x))), mish_slope),
    "softplus": (
        lambda x, beta: mp.log1p(mp.exp(beta * x)) / beta,
        lambda x, beta: logistic(beta * x),
    ),
    "softsign": (lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
    "sigmoid": (logistic, logistic_slope),
    "tanh": (mp.tanh, lambda x: mp.sech(x) ** 2),
    "hardsigmoid": (hardsigmoid, hardsigmoid_slope),
    "hardswish": (
        lambda x: x * clipped(x + 3, mp.zero, mp.mpf(6)) / 6,
        lambda x: mp.zero if x <= -3 else mp.one if x >= 3 else (2 * x + 3) / 6,
    ),
    "hardtanh": (clipped, lambda x, low, high: mp.mpf(low < x < high)),
}
"""Activation -> its definition and that of its derivative, of an mpf and the parameters."""
