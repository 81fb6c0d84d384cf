"""Each activation and its derivative in float64, for inputs of a narrower dtype.

No formula cancels, except a derivative next to its root, and none magnifies the rounding of an intermediate
result: errors are a few 2^-53 of the result. `Reference.error` says how many; a test compares with mpmath.
The conventions at NaN, at the knees and for the sign of zero are those that the kernels promise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["REFERENCES", "Reference"]

Array = NDArray[np.float64]
Formula = Callable[..., Any]

SELU_SCALE = 1.0507009873554804934193349852946
SELU_LEFT = 1.7580993408473768599402175208123  # times alpha, 1.6732632423543772848170429916717

# Beyond it e^x and its products underflow in every dtype: keeps infinity out of inf * 0.
FAR_LEFT = -1e4


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The exact result of one activation, nearly.

    Attributes
    ----------
    value, slope : callable
        The activation and its derivative, called with a float64 array that holds numbers of a narrower dtype, and
        with the parameters, rounded to that dtype.
    error : tuple of float
        Largest relative error of the two in units of 2^-53. That of the slope is absolute inside `root`.
    slope_at_nan : callable
        The derivative where x is NaN, of the parameters.
    root : callable or None
        Of the parameters: the interval around a root of the derivative, from its minimum to where it is 1/4, in
        which it is judged by its absolute error. None: it has no root, or it is exact there.
    """

    value: Formula
    slope: Formula
    error: tuple[float, float]
    slope_at_nan: Callable[..., float] = lambda *params: np.nan
    root: Callable[..., tuple[float, float]] | None = None

    def __call__(self, direction: str, x: Array, *params: float) -> Array:
        """Value ("forward") or derivative ("backward") at x, NaN included."""
        with np.errstate(all="ignore"):
            exact: Array = (self.value if direction == "forward" else self.slope)(x, *params)
            if x.size and np.isnan(x.min()):
                at_nan = np.nan if direction == "forward" else self.slope_at_nan(*params)
                exact = np.where(np.isnan(x), at_nan, exact)
        return exact


def by_sign(z: Array, right: Callable[[], Any], left: Callable[[], Any]) -> Array:
    """right() where z > 0, left() elsewhere; blocks are mostly of one sign, and then only that one is called."""
    result: Array
    if z.size and z.min() > 0:
        result = right()
    elif z.size and z.max() <= 0:
        result = left()
    else:
        result = np.where(z > 0, right(), left())
    return result


def two_product(a: Array | float, b: Array | float) -> tuple[Array, Array]:
    """Product of two numbers and its rounding error (Dekker 1971)."""

    def split(v: Array | float) -> tuple[Array, Array]:
        t = np.multiply(v, 134217729.0)
        high = t - (t - v)
        return high, np.subtract(v, high)

    product = np.multiply(a, b)
    (a_high, a_low), (b_high, b_low) = split(a), split(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def one(x: Array) -> Array:
    return np.ones_like(x)


def gated(mask: NDArray[np.bool_], x: Array | float) -> Array:
    return np.where(mask, x, 0.0)


# ---- piecewise linear


def leaky(x: Array, slope: float) -> Array:
    # With slope 0 it is relu, at -inf as well.
    return by_sign(x, lambda: x, lambda: slope * x if slope else np.zeros_like(x))


def leaky_slope(x: Array, slope: float) -> Array:
    return np.where(x > 0, 1.0, slope)


def hardsigmoid(x: Array, alpha: float, beta: float) -> Array:
    y = alpha * x + beta
    # The gate is a double: -3 although alpha * -3 + 1/2 is not quite 0 with the double next to 1/6.
    return gated((y > 0) & ~(x <= -beta / alpha) if alpha > 0 else y > 0, np.minimum(y, 1))


def hardsigmoid_slope(x: Array, alpha: float, beta: float) -> Array:
    low, high = sorted((-beta / alpha, (1 - beta) / alpha)) if alpha else (0.0, 0.0)
    return gated((x > low) & (x < high), alpha)


def hardswish(x: Array) -> Array:
    return np.where(x <= -3, -0.0, np.where(x >= 3, x, x * (x + 3) / 6))


def hardswish_slope(x: Array) -> Array:
    return np.where(x <= -3, 0.0, np.where(x >= 3, 1.0, (x + 1.5) / 3))


def hardtanh(x: Array, low: float, high: float) -> Array:
    return np.where(x <= low, low, np.where(x >= high, high, x))


# ---- exponential on the left


def elu(x: Array, alpha: float) -> Array:
    return by_sign(x, lambda: x, lambda: alpha * np.expm1(x))


def elu_slope(x: Array, alpha: float) -> Array:
    return by_sign(x, lambda: one(x), lambda: alpha * np.exp(x))


def selu(x: Array) -> Array:
    return by_sign(x, lambda: SELU_SCALE * x, lambda: SELU_LEFT * np.expm1(x))


def selu_slope(x: Array) -> Array:
    return by_sign(x, lambda: np.full_like(x, SELU_SCALE), lambda: SELU_LEFT * np.exp(x))


def quotient(x: Array, alpha: float) -> tuple[Array, Array]:
    """Divide; the quotient and its rounding error: e^(x / alpha) would magnify it up to a hundredfold."""
    x = np.maximum(x, FAR_LEFT * alpha)
    q = x / alpha
    product, rest = two_product(q, alpha)
    return q, ((x - product) - rest) / alpha


def celu(x: Array, alpha: float) -> Array:
    def left() -> Any:
        q, rest = quotient(x, alpha)
        return np.copysign(alpha * (np.expm1(q) + np.exp(q) * rest), x)

    return by_sign(x, lambda: x, left)


def celu_slope(x: Array, alpha: float) -> Array:
    def left() -> Any:
        q, rest = quotient(x, alpha)
        return np.exp(q) * (1 + rest)

    return by_sign(x, lambda: one(x), left)


# ---- the logistic family: e = e^-|z|, which never overflows


def logistic(z: Array) -> Array:
    def left() -> Any:
        e = np.exp(z)
        return e / (1 + e)

    return by_sign(z, lambda: 1 / (1 + np.exp(-z)), left)


def logistic_slope(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    slope: Array = e / ((1 + e) * (1 + e))
    return slope


def scaled(x: Array, beta: float) -> Array:
    """Beta * x, exact for float32; 0 if beta is, even where x is infinite."""
    return x if beta == 1 else beta * x if beta else np.zeros_like(x)


def swish(x: Array, beta: float = 1.0) -> Array:
    z = scaled(x, beta)

    def left() -> Any:
        e = np.exp(np.maximum(z, FAR_LEFT))
        return np.clip(x, -1e300, 1e300) * e / (1 + e)

    return by_sign(z, lambda: x / (1 + np.exp(-z)), left if beta else lambda: x / 2)


def swish_slope(x: Array, beta: float = 1.0) -> Array:
    z = scaled(x, beta)

    def right() -> Any:
        t = np.minimum(z, -FAR_LEFT)
        e = np.exp(-t)
        return (1 + t * e / (1 + e)) / (1 + e)

    def left() -> Any:
        t = np.maximum(z, FAR_LEFT)
        e = np.exp(t)
        return e * (1 + t / (1 + e)) / (1 + e)

    return by_sign(z, right, left)


def softplus(x: Array, beta: float) -> Array:
    z = scaled(x, beta)
    return by_sign(z, lambda: (z + np.log1p(np.exp(-z))) / beta, lambda: np.log1p(np.exp(z)) / beta)


def mish(x: Array) -> Array:
    """Return x * tanh(log(1 + e^x)), where tanh(log(1 + w)) = w (w + 2) / (w (w + 2) + 2)."""

    def right() -> Any:
        e = np.exp(-x)
        n = 1 + 2 * e
        return x * (n / (n + 2 * e * e))

    def left() -> Any:
        t = np.maximum(x, FAR_LEFT)
        e = np.exp(t)
        n = e * (e + 2)
        return t * n / (n + 2)

    return by_sign(x, right, left)


def mish_slope(x: Array) -> Array:
    def right() -> Any:
        t = np.minimum(x, -FAR_LEFT)
        e = np.exp(-t)
        n = 1 + 2 * e
        d = n + 2 * e * e
        return (n + 4 * t * (1 + e) * e * e / d) / d

    def left() -> Any:
        t = np.maximum(x, FAR_LEFT)
        e = np.exp(t)
        d = e * (e + 2) + 2
        return e * ((e + 2) * d + 4 * t * (1 + e)) / (d * d)

    return by_sign(x, right, left)


# ---- gelu


def gelu(x: Array) -> Array:
    """Multiply x by the normal distribution, whose tail is erfcx(-x / sqrt(2)) e^(-x^2 / 2) / 2: x^2 is exact."""
    tail = 0.5 * erfcx(np.abs(x) * SQRT_HALF) * np.exp(-0.5 * x * x)
    return by_sign(x, lambda: x * (1 - tail), lambda: np.maximum(x, FAR_LEFT) * tail)


def gelu_slope(x: Array) -> Array:
    t = np.clip(x, FAR_LEFT, -FAR_LEFT)
    density = np.exp(-0.5 * t * t)
    mills = 0.5 * erfcx(np.abs(t) * SQRT_HALF)
    return by_sign(
        x,
        lambda: (1 - mills * density) + t * INVERSE_SQRT_2PI * density,
        lambda: density * (mills + t * INVERSE_SQRT_2PI),
    )


def erfcx(t: Array) -> Array:
    """e^(t^2) erfc(t)."""
    from scipy import special

    result: Array = special.erfcx(t)
    return result


SQRT_HALF = 0.70710678118654752440
INVERSE_SQRT_2PI = 0.39894228040143267794

# gelu_tanh is x * logistic(u), u = x * (LINEAR + CUBIC * x^2): 2 sqrt(2 / pi), and that times 0.044715.
LINEAR = (1.5957691216057308, -9.96930880911092e-17)
CUBIC = (0.07135481627260025, -6.175149918155315e-19)


def gelu_tanh_exponent(x: Array) -> tuple[Array, Array]:
    """-|u| in two parts: e^u would magnify its rounding a hundredfold."""
    t = np.minimum(np.abs(x), 40.0)
    square = t * t
    product, rest = two_product(CUBIC[0], square)
    factor = LINEAR[0] + product
    kept = factor - LINEAR[0]
    lost = (LINEAR[0] - (factor - kept)) + (product - kept)  # Knuth's TwoSum
    lost += rest + CUBIC[1] * square + LINEAR[1]
    u, rest = two_product(t, factor)
    return -u, -(rest + t * lost)


def gelu_tanh(x: Array) -> Array:
    u, rest = gelu_tanh_exponent(x)
    e = np.exp(u)
    e += e * rest
    return by_sign(x, lambda: x / (1 + e), lambda: np.maximum(x, FAR_LEFT) * e / (1 + e))


def gelu_tanh_slope(x: Array) -> Array:
    u, rest = gelu_tanh_exponent(x)
    e = np.exp(u)
    e += e * rest
    t = np.clip(x, -40.0, 40.0)
    step = t * (LINEAR[0] + 3 * CUBIC[0] * t * t)
    return by_sign(
        x,
        lambda: (1 + step * e / (1 + e)) / (1 + e),
        lambda: e * (1 + step / (1 + e)) / (1 + e),
    )


# ---- the others


def softsign(x: Array) -> Array:
    return np.copysign(1 / (1 + 1 / np.abs(x)), x)


def softsign_slope(x: Array) -> Array:
    d = 1 + np.abs(x)
    slope: Array = 1 / (d * d)
    return slope


def pass_gradient(*params: float) -> float:
    return 1.0


def swish_root(beta: float) -> tuple[float, float]:
    low, high = sorted((-2.3993573 / beta, -0.52288449 / beta)) if beta else (0.0, 0.0)
    return low, high


REFERENCES: dict[str, Reference] = {
    "relu": Reference(
        value=lambda x: gated(x > 0, x),
        slope=lambda x: gated(x > 0, 1.0),
        slope_at_nan=pass_gradient,
        error=(0, 0),
    ),
    "relu6": Reference(
        value=lambda x: gated(x > 0, np.minimum(x, 6)),
        slope=lambda x: gated((x > 0) & (x < 6), 1.0),
        slope_at_nan=pass_gradient,
        error=(0, 0),
    ),
    "squared_relu": Reference(
        value=lambda x: gated(x > 0, x * x),
        slope=lambda x: gated(x > 0, 2 * x),
        slope_at_nan=pass_gradient,
        error=(0, 0),
    ),
    "leaky_relu": Reference(value=leaky, slope=leaky_slope, slope_at_nan=lambda slope: slope, error=(0, 0)),
    "prelu": Reference(value=leaky, slope=leaky_slope, slope_at_nan=lambda slope: slope, error=(0, 0)),
    "thresholded_relu": Reference(
        value=lambda x, alpha: gated(x > alpha, x),
        slope=lambda x, alpha: gated(x > alpha, 1.0),
        slope_at_nan=pass_gradient,
        error=(0, 0),
    ),
    "elu": Reference(value=elu, slope=elu_slope, error=(4, 4)),
    "selu": Reference(
        value=selu,
        slope=selu_slope,
        error=(8, 8),
    ),
    "celu": Reference(value=celu, slope=celu_slope, error=(8, 8)),
    "gelu": Reference(value=gelu, slope=gelu_slope, root=lambda: (-1.4142136, -0.32444783), error=(16, 16)),
    "gelu_tanh": Reference(
        value=gelu_tanh, slope=gelu_tanh_slope, root=lambda: (-1.418504, -0.32450392), error=(8, 16)
    ),
    "silu": Reference(value=swish, slope=swish_slope, root=lambda: swish_root(1.0), error=(8, 16)),
    "swish": Reference(value=swish, slope=swish_slope, root=swish_root, error=(8, 16)),
    "mish": Reference(value=mish, slope=mish_slope, root=lambda: (-2.2563764, -0.57172622), error=(8, 16)),
    "softplus": Reference(value=softplus, slope=lambda x, beta: logistic(scaled(x, beta)), error=(8, 8)),
    "softsign": Reference(value=softsign, slope=softsign_slope, error=(8, 8)),
    "sigmoid": Reference(value=logistic, slope=logistic_slope, error=(8, 8)),
    "tanh": Reference(value=np.tanh, slope=lambda x: 4 * logistic_slope(2 * x), error=(8, 8)),
    "hardsigmoid": Reference(
        value=hardsigmoid, slope=hardsigmoid_slope, slope_at_nan=pass_gradient, error=(2, 0)
    ),
    "hardswish": Reference(value=hardswish, slope=hardswish_slope, error=(4, 4)),
    "hardtanh": Reference(
        value=hardtanh,
        slope=lambda x, low, high: gated((x > low) & (x < high), 1.0),
        slope_at_nan=pass_gradient,
        error=(0, 0),
    ),
}
