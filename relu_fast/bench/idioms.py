"""How a NumPy user writes each activation and its backward pass, in place where that is natural.

`x`, `g` and `w` are inputs, `y` and `t` outputs. All compute what ours computes, with the parameters of `works`.
"""

from __future__ import annotations

from .works import BACKWARD, BETA, COUNT, COUNTED, FORWARD, FROM_Y

__all__ = ["IDIOMS", "NEEDS_SCIPY"]

SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772
K, C = 0.7978845608028654, 0.044715  # gelu_tanh: sqrt(2 / pi), and its cubic term

NEEDS_SCIPY = frozenset({"gelu"})
"""NumPy has no erf; whoever needs it takes SciPy's."""

_SIGMOID = "np.negative(x, out=y); np.exp(y, out=y); np.add(y, 1, out=y); np.divide(1, y, out=y)"
_SWISH = f"np.multiply(x, {-BETA}, out=y); np.exp(y, out=y); np.add(y, 1, out=y); np.divide(1, y, out=y)"
_CDF = "np.multiply(x, 0.7071067811865476, out=y); erf(y, out=y); np.add(y, 1, out=y); np.multiply(y, 0.5, out=y)"
_TANH = f"np.multiply(t, {K * C}, out=y); np.add(y, {K}, out=y); np.multiply(y, x, out=y); np.tanh(y, out=y)"
_COUNT = "np.count_nonzero(x > 0, axis=0)"
_TIMES_G = "np.multiply(g, y, out=y)"

_PAIRS: dict[str, tuple[str, str]] = {
    "relu": (
        "np.maximum(x, 0, out=y)",
        "np.multiply(g, x > 0, out=y)",
    ),
    "relu6": (
        "np.clip(x, 0, 6, out=y)",
        "np.multiply(g, (x > 0) & (x < 6), out=y)",
    ),
    "squared_relu": (
        "np.maximum(x, 0, out=y); np.multiply(y, y, out=y)",
        f"np.maximum(x, 0, out=y); np.multiply(y, 2, out=y); {_TIMES_G}",
    ),
    "leaky_relu": (
        "np.multiply(x, 0.01, out=y); np.maximum(x, y, out=y)",
        "np.multiply(g, 0.01, out=y); np.copyto(y, g, where=x > 0)",
    ),
    "prelu": (
        "np.multiply(x, w, out=y); np.maximum(x, y, out=y)",
        "np.multiply(g, w, out=y); np.copyto(y, g, where=x > 0); np.minimum(x, 0, out=t); np.multiply(g, t, out=t)",
    ),
    "thresholded_relu": (
        "np.multiply(x, x > 1, out=y)",
        "np.multiply(g, x > 1, out=y)",
    ),
    "elu": (
        "np.where(x > 0, x, np.expm1(x))",
        f"np.exp(x, out=y); {_TIMES_G}; np.copyto(y, g, where=x > 0)",
    ),
    "selu": (
        f"np.expm1(x, out=y); np.multiply(y, {ALPHA}, out=y); np.copyto(y, x, where=x > 0); "
        f"np.multiply(y, {SCALE}, out=y)",
        f"np.exp(x, out=y); np.multiply(y, {SCALE * ALPHA}, out=y); np.copyto(y, {SCALE}, where=x > 0); {_TIMES_G}",
    ),
    "celu": (
        "np.where(x > 0, x, np.expm1(x))",
        f"np.exp(x, out=y); {_TIMES_G}; np.copyto(y, g, where=x > 0)",
    ),
    "gelu": (
        f"{_CDF}; np.multiply(y, x, out=y)",
        f"{_CDF}; np.multiply(x, x, out=t); np.multiply(t, -0.5, out=t); np.exp(t, out=t); "
        f"np.multiply(t, {0.3989422804014327}, out=t); np.multiply(t, x, out=t); np.add(y, t, out=y); {_TIMES_G}",
    ),
    "gelu_tanh": (
        f"np.multiply(x, x, out=t); {_TANH}; np.add(y, 1, out=y); np.multiply(y, x, out=y); "
        "np.multiply(y, 0.5, out=y)",
        f"np.multiply(x, x, out=t); {_TANH}; np.multiply(t, {3 * K * C}, out=t); np.add(t, {K}, out=t); "
        "np.multiply(t, x, out=t); np.multiply(t, 1 - y * y, out=t); np.add(t, y, out=t); np.add(t, 1, out=t); "
        "np.multiply(t, 0.5, out=t); np.multiply(g, t, out=y)",
    ),
    "silu": (
        f"{_SIGMOID}; np.multiply(x, y, out=y)",
        f"{_SIGMOID}; np.subtract(1, y, out=t); np.multiply(t, x, out=t); np.add(t, 1, out=t); "
        f"np.multiply(y, t, out=y); {_TIMES_G}",
    ),
    "swish": (
        f"{_SWISH}; np.multiply(x, y, out=y)",
        f"{_SWISH}; np.subtract(1, y, out=t); np.multiply(t, x, out=t); np.multiply(t, {BETA}, out=t); "
        f"np.add(t, 1, out=t); np.multiply(y, t, out=y); {_TIMES_G}",
    ),
    "mish": (
        "np.exp(x, out=y); np.log1p(y, out=y); np.tanh(y, out=y); np.multiply(x, y, out=y)",
        f"np.exp(x, out=t); np.log1p(t, out=t); np.tanh(t, out=t); {_SIGMOID}; np.multiply(y, x, out=y); "
        f"np.multiply(y, 1 - t * t, out=y); np.add(y, t, out=y); {_TIMES_G}",
    ),
    "softplus": (
        "np.abs(x, out=y); np.negative(y, out=y); np.exp(y, out=y); np.log1p(y, out=y); np.maximum(x, 0, out=t); "
        "np.add(y, t, out=y)",
        f"{_SIGMOID}; {_TIMES_G}",
    ),
    "softsign": (
        "np.abs(x, out=y); np.add(y, 1, out=y); np.divide(x, y, out=y)",
        "np.abs(x, out=y); np.add(y, 1, out=y); np.multiply(y, y, out=y); np.divide(g, y, out=y)",
    ),
    "sigmoid": (
        _SIGMOID,
        f"{_SIGMOID}; np.subtract(1, y, out=t); np.multiply(y, t, out=y); {_TIMES_G}",
    ),
    "tanh": (
        "np.tanh(x, out=y)",
        f"np.tanh(x, out=y); np.multiply(y, y, out=y); np.subtract(1, y, out=y); {_TIMES_G}",
    ),
    "hardsigmoid": (
        f"np.multiply(x, {1 / 6}, out=y); np.add(y, 0.5, out=y); np.clip(y, 0, 1, out=y)",
        f"np.multiply(g, (x > -3) & (x < 3), out=y); np.multiply(y, {1 / 6}, out=y)",
    ),
    "hardswish": (
        f"np.add(x, 3, out=y); np.clip(y, 0, 6, out=y); np.multiply(y, x, out=y); np.multiply(y, {1 / 6}, out=y)",
        f"np.multiply(x, {1 / 3}, out=y); np.add(y, 0.5, out=y); np.copyto(y, 0, where=x < -3); "
        f"np.copyto(y, 1, where=x > 3); {_TIMES_G}",
    ),
    "hardtanh": (
        "np.clip(x, -1, 1, out=y)",
        "np.multiply(g, (x > -1) & (x < 1), out=y)",
    ),
}

IDIOMS: dict[tuple[str, str], str] = {
    **{(name, FORWARD): forward for name, (forward, _) in _PAIRS.items()},
    **{(name, BACKWARD): backward for name, (_, backward) in _PAIRS.items()},
    ("sigmoid", FROM_Y): f"np.subtract(1, t, out=y); np.multiply(y, t, out=y); {_TIMES_G}",
    ("tanh", FROM_Y): f"np.multiply(t, t, out=y); np.subtract(1, y, out=y); {_TIMES_G}",
    ("relu", COUNTED): f"np.maximum(x, 0, out=y); {_COUNT}",
    ("any", COUNT): _COUNT,
}
"""By activation and task."""
