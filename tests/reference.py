"""The slow oracle: each activation as two plain formulas, one right of 0 and one left of it.

Every formula is written for a module `m` that has exp and expm1: NumPy (float64 arrays, for float32 kernels)
or mpmath (40 digits, for float64 kernels). None of them cancels, so that the float64 values are good to a few
2^-53 everywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import mpmath
import numpy as np
import scipy.special

DIGITS = 40
SELU_ALPHA = "1.6732632423543772848170429916717"
SELU_SCALE = "1.0507009873554804934193349852946"


def selu_scale(m):
    return mpmath.mpf(SELU_SCALE) if m is mpmath.mp else float(SELU_SCALE)


def selu_left(m):
    """Scale times alpha."""
    with mpmath.workdps(DIGITS):
        left = mpmath.mpf(SELU_SCALE) * mpmath.mpf(SELU_ALPHA)
    return left if m is mpmath.mp else float(left)


def sigmoid_slope(m, x):
    e = m.exp(-abs(x))
    return e / (1 + e) / (1 + e)


def pick(m, condition, yes, no):
    """Yes where the condition holds, else no."""
    if m is mpmath.mp:
        return mpmath.mpf(yes if condition else no)
    return np.where(condition, yes, no)


def clipped(m, x, low, high):
    return pick(m, x < low, low, pick(m, x > high, high, x))


def silent(m, x, *params):
    return x * 0 if m is mpmath.mp else np.zeros_like(x)


def scaled(m, x, slope):
    """Slope * x; with slope 0 it is 0 even at -inf."""
    return slope * x if m is mpmath.mp else np.where(slope == 0, 0.0, slope * x)


def one(m, x, *params):
    return x * 0 + 1 if m is mpmath.mp else np.ones_like(x)


@dataclass(frozen=True)
class Oracle:
    """Value and derivative for x > 0 (`right`) and for x <= 0 (`left`), each called as f(m, x, *params).

    `slope_from_y(y, *params)` is the derivative told by the output (None where it cannot be), `at_nan(g, *params)`
    the gradient where x is NaN. `params` are what the tests use, the default first. `has_root`: the derivative has
    one, next to which only its absolute error can be small.
    """

    right: Callable
    left: Callable
    right_slope: Callable
    left_slope: Callable
    slope_from_y: Callable | None
    at_nan: Callable
    params: tuple = ((),)
    has_root: bool = False


def _leaky(*params):
    return Oracle(
        right=lambda m, x, slope: x,
        left=scaled,
        right_slope=one,
        left_slope=lambda m, x, slope: one(m, x) * slope,
        slope_from_y=lambda y, slope: np.where(y > 0, 1, slope),
        at_nan=lambda g, slope: slope * g,
        params=params,
    )


def _nan(g, *params):
    return g * np.nan


def _passes(g, *params):
    return g


def _clip(low, high, *params):
    """Clip to [low, high], two functions of the parameters; the gradient passes inside."""

    def value(m, x, *given):
        return clipped(m, x, low(*given), high(*given))

    def slope(m, x, *given):
        return pick(m, (low(*given) < x) & (x < high(*given)), 1, 0)

    return Oracle(
        right=value,
        left=value,
        right_slope=slope,
        left_slope=slope,
        slope_from_y=lambda y, *given: slope(np, y, *given),
        at_nan=_passes,
        params=params,
    )


def _thresholded(m, x, alpha):
    return pick(m, x > alpha, x, 0)


def _thresholded_slope(m, x, alpha):
    return pick(m, x > alpha, 1, 0)


def _celu_left(m, x, alpha):
    return alpha * m.expm1(x / alpha) if alpha else silent(m, x)


def _celu_left_slope(m, x, alpha):
    return m.exp(x / alpha) if alpha else silent(m, x)


def _below(m, x):
    """The normal distribution up to x."""
    z = -x / m.sqrt(2)
    return (m.erfc(z) if m is mpmath.mp else scipy.special.erfc(z)) / 2


def _gelu(m, x):
    near = clipped(m, x, -1e3, 1e3)
    return pick(m, x > near, x, near * _below(m, near))


def _gelu_slope(m, x):
    near = clipped(m, x, -1e3, 1e3)
    return _below(m, near) + near * m.exp(-near * near / 2) / m.sqrt(2 * m.pi)


def _cubic(m, x, factor):
    """What gelu_tanh gives to the logistic function, with factor 1; x times its derivative, with 3."""
    cubic = mpmath.mpf("0.044715") if m is mpmath.mp else 0.044715
    return m.sqrt(8 / m.pi) * x * (1 + factor * cubic * x * x)


def _gelu_tanh(m, x):
    return x / (1 + m.exp(-_cubic(m, clipped(m, x, -100, 100), 1)))


def _gelu_tanh_left(m, x):
    x = clipped(m, x, -100, 100)
    e = m.exp(_cubic(m, x, 1))
    return x * e / (1 + e)


def _gelu_tanh_slope(m, x):
    x = clipped(m, x, -100, 100)
    e, step = m.exp(-_cubic(m, x, 1)), _cubic(m, x, 3)
    return (1 + e + step * e) / (1 + e) / (1 + e)


def _gelu_tanh_left_slope(m, x):
    x = clipped(m, x, -100, 100)
    e, step = m.exp(_cubic(m, x, 1)), _cubic(m, x, 3)
    return e * (1 + e + step) / (1 + e) / (1 + e)


def _logistic(m, t):
    return 1 / (1 + m.exp(-t))


def _swish(m, x, beta=1):
    t = scaled(m, x, beta)
    return pick(m, t < -1e4, x * 0 if m is mpmath.mp else np.copysign(0.0, x), x * _logistic(m, t))


def _swish_slope(m, x, beta=1):
    t = clipped(m, scaled(m, x, beta), -1e4, 1e4)
    return _logistic(m, t) * (1 + t * _logistic(m, -t))


def _mish_right(m, x):
    e = m.exp(-x)
    return x * ((1 + 2 * e) / (1 + 2 * e + 2 * e * e))


def _mish_right_slope(m, x):
    e = m.exp(-x)
    n, d = 1 + 2 * e, 1 + 2 * e + 2 * e * e
    return (n + 4 * clipped(m, x, 0, 1e4) * (1 + e) * e * e / d) / d


def _mish_left(m, x):
    e = m.exp(x)
    return clipped(m, x, -1e4, 0) * e * (e + 2) / (e * (e + 2) + 2)


def _mish_left_slope(m, x):
    e = m.exp(x)
    d = e * (e + 2) + 2
    return e * ((e + 2) * d + 4 * clipped(m, x, -1e4, 0) * (1 + e)) / (d * d)


def _softplus(m, x, beta):
    t = scaled(m, x, beta)
    tail = m.log1p(m.exp(-abs(t)))
    if m is mpmath.mp:
        return tail / beta + (x if t > 0 else 0)
    return np.divide(tail, beta) + np.where(t > 0, x, 0)


def _softsign(m, x):
    return pick(m, abs(x) < np.inf, x / (1 + abs(x)), pick(m, x > 0, 1, -1))


def _softsign_slope(m, x):
    return 1 / (1 + abs(x)) / (1 + abs(x))


def _hardsigmoid_knees(alpha, beta):
    """Where it leaves 0 and where it reaches 1: quotients rounded to float64, as the table has them."""
    return sorted([float(-beta / alpha), float((1 - beta) / alpha)])


def _hardsigmoid(m, x, alpha, beta):
    zero = (x <= _hardsigmoid_knees(alpha, beta)[0]) & (alpha > 0)
    return pick(m, zero, 0, clipped(m, alpha * x + beta, 0, 1))


def _hardsigmoid_slope(m, x, alpha, beta):
    low, high = _hardsigmoid_knees(alpha, beta)
    return pick(m, (low < x) & (x < high), alpha, 0)


def _hardswish(m, x):
    return pick(m, x <= -3, 0, pick(m, x >= 3, x, x * (x + 3) / 6))


def _hardswish_slope(m, x):
    return pick(m, x <= -3, 0, pick(m, x >= 3, 1, (2 * x + 3) / 6))


ORACLES = {
    "relu": Oracle(
        right=lambda m, x: x,
        left=silent,
        right_slope=one,
        left_slope=silent,
        slope_from_y=lambda y: np.where(y > 0, 1.0, 0.0),
        at_nan=lambda g: g,
    ),
    "relu6": _clip(lambda: 0, lambda: 6, ()),
    "squared_relu": Oracle(
        right=lambda m, x: x * x,
        left=silent,
        right_slope=lambda m, x: 2 * x,
        left_slope=silent,
        slope_from_y=None,
        at_nan=_passes,
    ),
    "leaky_relu": _leaky((0.01,), (0.0,), (1.0,), (3.7,), (1e30,), (1e-30,)),
    "prelu": _leaky((0.25,), (0.0,), (-1.5,), (1e30,)),
    "thresholded_relu": Oracle(
        right=_thresholded,
        left=_thresholded,
        right_slope=_thresholded_slope,
        left_slope=_thresholded_slope,
        slope_from_y=None,
        at_nan=_passes,
        params=((1.0,), (0.0,), (-2.5,)),
    ),
    "elu": Oracle(
        right=lambda m, x, alpha: x,
        left=lambda m, x, alpha: alpha * m.expm1(x),
        right_slope=one,
        left_slope=lambda m, x, alpha: alpha * m.exp(x),
        slope_from_y=lambda y, alpha: np.where(y > 0, 1, y + alpha),
        at_nan=_nan,
        params=((1.0,), (0.0,), (0.3,), (1.7,), (1e10,), (1e-10,)),
    ),
    "selu": Oracle(
        right=lambda m, x: selu_scale(m) * x,
        left=lambda m, x: selu_left(m) * m.expm1(x),
        right_slope=lambda m, x: one(m, x) * selu_scale(m),
        left_slope=lambda m, x: selu_left(m) * m.exp(x),
        slope_from_y=lambda y: np.where(y > 0, selu_scale(np), y + selu_left(np)),
        at_nan=_nan,
    ),
    "celu": Oracle(
        right=lambda m, x, alpha: x,
        left=_celu_left,
        right_slope=one,
        left_slope=_celu_left_slope,
        slope_from_y=lambda y, alpha: np.where(y > 0, 1, y / alpha + 1 if alpha else 0),
        at_nan=_nan,
        params=((1.0,), (0.0,), (0.3,), (1.7,), (1e10,), (1e-10,)),
    ),
    "gelu": Oracle(
        right=_gelu,
        left=_gelu,
        right_slope=_gelu_slope,
        left_slope=_gelu_slope,
        slope_from_y=None,
        at_nan=_nan,
        has_root=True,
    ),
    "gelu_tanh": Oracle(
        right=_gelu_tanh,
        left=_gelu_tanh_left,
        right_slope=_gelu_tanh_slope,
        left_slope=_gelu_tanh_left_slope,
        slope_from_y=None,
        at_nan=_nan,
        has_root=True,
    ),
    "silu": Oracle(
        right=_swish,
        left=_swish,
        right_slope=_swish_slope,
        left_slope=_swish_slope,
        slope_from_y=None,
        at_nan=_nan,
        has_root=True,
    ),
    "swish": Oracle(
        right=_swish,
        left=_swish,
        right_slope=_swish_slope,
        left_slope=_swish_slope,
        slope_from_y=None,
        at_nan=_nan,
        params=((1.0,), (0.0,), (0.5,), (1.702,), (-1.0,), (1e-3,)),
        has_root=True,
    ),
    "mish": Oracle(
        right=_mish_right,
        left=_mish_left,
        right_slope=_mish_right_slope,
        left_slope=_mish_left_slope,
        slope_from_y=None,
        at_nan=_nan,
        has_root=True,
    ),
    "softplus": Oracle(
        right=_softplus,
        left=_softplus,
        right_slope=lambda m, x, beta: _logistic(m, scaled(m, x, beta)),
        left_slope=lambda m, x, beta: _logistic(m, scaled(m, x, beta)),
        slope_from_y=None,
        at_nan=_nan,
        params=((1.0,), (0.3,), (3.7,), (-1.0,), (1e10,), (1e-10,)),
    ),
    "softsign": Oracle(
        right=_softsign,
        left=_softsign,
        right_slope=_softsign_slope,
        left_slope=_softsign_slope,
        slope_from_y=None,
        at_nan=_nan,
    ),
    "sigmoid": Oracle(
        right=lambda m, x: 1 / (1 + m.exp(-x)),
        left=lambda m, x: m.exp(x) / (1 + m.exp(x)),
        right_slope=sigmoid_slope,
        left_slope=sigmoid_slope,
        slope_from_y=lambda y: y * (1 - y),
        at_nan=_nan,
    ),
    "tanh": Oracle(
        right=lambda m, x: -m.expm1(-2 * x) / (2 + m.expm1(-2 * x)),
        left=lambda m, x: m.expm1(2 * x) / (2 + m.expm1(2 * x)),
        right_slope=lambda m, x: 4 * sigmoid_slope(m, 2 * x),
        left_slope=lambda m, x: 4 * sigmoid_slope(m, 2 * x),
        slope_from_y=lambda y: (1 - y) * (1 + y),
        at_nan=_nan,
    ),
    "hardsigmoid": Oracle(
        right=_hardsigmoid,
        left=_hardsigmoid,
        right_slope=_hardsigmoid_slope,
        left_slope=_hardsigmoid_slope,
        slope_from_y=None,
        at_nan=_passes,
        params=((1 / 6, 0.5), (0.2, 0.5), (-0.3, 0.1)),
    ),
    "hardswish": Oracle(
        right=_hardswish,
        left=_hardswish,
        right_slope=_hardswish_slope,
        left_slope=_hardswish_slope,
        slope_from_y=None,
        at_nan=_nan,
        has_root=True,
    ),
    "hardtanh": _clip(lambda low, high: low, lambda low, high: high, (-1.0, 1.0), (0.0, 6.0), (-0.3, 1e10)),
}


# ---- float64 arrays


def forward(name, x, *params):
    """Activation of x as float64, NaN where x is."""
    row, x = ORACLES[name], np.asarray(x, np.float64)
    with np.errstate(all="ignore"):
        return np.where(np.isnan(x), x, np.where(x > 0, row.right(np, x, *params), row.left(np, x, *params)))


def backward(name, g, x, *params):
    """Gradient as float64: g times the derivative, and 0 where the derivative is, whatever g is."""
    row, g, x = ORACLES[name], np.asarray(g, np.float64), np.asarray(x, np.float64)
    with np.errstate(all="ignore"):
        slope = np.where(x > 0, row.right_slope(np, x, *params), row.left_slope(np, x, *params))
        gx = np.where((slope == 0) & ~np.isnan(g), 0.0, g * slope)
        return np.where(np.isnan(x), row.at_nan(g, *params), gx)


def backward_y(name, g, y, *params):
    """Gradient as float64, told by the output y."""
    with np.errstate(all="ignore"):
        return np.asarray(g, np.float64) * ORACLES[name].slope_from_y(np.asarray(y, np.float64), *params)


def prelu_weight_gradient(g, x):
    with np.errstate(all="ignore"):
        return np.where(np.asarray(x) > 0, 0.0, np.multiply(g, x, dtype=np.float64))


# ---- ULP


@dataclass(frozen=True)
class Exact:
    """Real numbers value + rest * ulp; ulp is the spacing of the dtype in the binade of the exact number."""

    value: np.ndarray
    rest: np.ndarray
    ulp: np.ndarray


def spacing(exponent, dtype):
    """Distance of neighbours in [2^(exponent - 1), 2^exponent), subnormals included."""
    info = np.finfo(dtype)
    return np.ldexp(1.0, np.clip(exponent - 1, info.minexp, info.maxexp - 1) - info.nmant)


def exact_from_float64(value, dtype=np.float32):
    """Float64 values as the exact results that a narrower dtype is measured against."""
    value = np.asarray(value, np.float64)
    return Exact(value, np.zeros_like(value), spacing(np.frexp(value)[1], dtype))


def ulp_error(got, exact):
    """Distance of `got` from the exact result in ULP; 0 where both are NaN.

    Infinity counts as the first number past the largest: it is right where the exact result overflows.
    """
    with np.errstate(over="ignore"):
        limit = 2 * (2.0 ** (np.finfo(got.dtype).maxexp - 1) / exact.ulp)
        value, near = (np.clip(v / exact.ulp, -limit, limit) for v in (exact.value, got.astype(np.float64)))
    error = np.abs(near - value - exact.rest)
    return np.where(np.isnan(error), np.where(np.isnan(near) & np.isnan(value), 0, np.inf), error)


def gradient_error(name, got, exact, g):
    """Distance in ULP; next to a root of the derivative, twice the one in units of eps * g if that is less.

    A bound of 2 then allows 2^-23 abs(g) for float32.
    """
    error = ulp_error(got, exact)
    if not ORACLES[name].has_root:
        return error
    g = abs(np.asarray(g, np.float64))
    distance = abs(got.astype(np.float64) - exact.value - exact.rest * exact.ulp)
    with np.errstate(divide="ignore", invalid="ignore"):  # where g is 0
        absolute = 2 * distance / (np.finfo(got.dtype).eps * g)
    return np.where(abs(exact.value) < g / 4, np.fmin(error, absolute), error)


@lru_cache(maxsize=64)
def exact_float64(name, direction, params, samples):
    """Exact results in 40 digits at `samples`, a tuple of x for "forward" and of (g, x) for "backward"."""
    row, m = ORACLES[name], mpmath.mp
    value, rest, ulp = np.empty((3, len(samples)))
    with mpmath.workdps(DIGITS):
        params = [mpmath.mpf(p) for p in params]
        for i, sample in enumerate(samples):
            g, x = (1, sample) if direction == "forward" else sample
            x = mpmath.mpf(x)
            if direction == "forward":
                exact = (row.right if x > 0 else row.left)(m, x, *params)
            else:
                exact = mpmath.mpf(g) * (row.right_slope if x > 0 else row.left_slope)(m, x, *params)
            value[i] = exact
            ulp[i] = spacing(max(-2000, min(mpmath.frexp(exact)[1], 2000)), np.float64)
            rest[i] = (exact - mpmath.mpf(value[i])) / mpmath.mpf(ulp[i]) if np.isfinite(value[i]) else 0
    return Exact(value, rest, ulp)
