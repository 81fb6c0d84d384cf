"""Each activation as one formula an element: for numexpr, and for the loops that Numba compiles; and as JAX has it.

A formula may name a value first, "s = 1 / (1 + exp(-x)); x * s". prelu's backward is two formulas.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .idioms import ALPHA, SCALE, C, K
from .works import BACKWARD, BETA, FORWARD, FROM_Y

__all__ = ["FORMULAS", "JAX", "with_typed_numbers"]

_CDF = "c = 0.5 * (1 + erf(0.7071067811865476 * x))"
_TANH = f"s = tanh({K} * x * (1 + {C} * x * x))"
_SIGMOID = "s = 1 / (1 + exp(-x))"
_SWISH = f"s = 1 / (1 + exp(-{BETA} * x))"

_PAIRS: dict[str, tuple[str, str | tuple[str, str]]] = {
    "relu": ("where(x > 0, x, 0)", "where(x > 0, g, 0)"),
    "relu6": ("where(x < 0, 0, where(x > 6, 6, x))", "where((x > 0) & (x < 6), g, 0)"),
    "squared_relu": ("where(x > 0, x * x, 0)", "where(x > 0, 2 * x * g, 0)"),
    "leaky_relu": ("where(x > 0, x, 0.01 * x)", "where(x > 0, g, 0.01 * g)"),
    "prelu": ("where(x > 0, x, 0.25 * x)", ("where(x > 0, g, 0.25 * g)", "where(x > 0, 0, g * x)")),
    "thresholded_relu": ("where(x > 1, x, 0)", "where(x > 1, g, 0)"),
    "elu": ("where(x > 0, x, expm1(x))", "where(x > 0, g, g * exp(x))"),
    "selu": (
        f"where(x > 0, {SCALE} * x, {SCALE * ALPHA} * expm1(x))",
        f"where(x > 0, {SCALE} * g, {SCALE * ALPHA} * g * exp(x))",
    ),
    "celu": ("where(x > 0, x, expm1(x))", "where(x > 0, g, g * exp(x))"),
    "gelu": (f"{_CDF}; x * c", f"{_CDF}; g * (c + 0.3989422804014327 * x * exp(-0.5 * x * x))"),
    "gelu_tanh": (
        f"{_TANH}; 0.5 * x * (1 + s)",
        f"{_TANH}; g * 0.5 * (1 + s + x * (1 - s * s) * ({K} + {3 * K * C} * x * x))",
    ),
    "silu": (f"{_SIGMOID}; x * s", f"{_SIGMOID}; g * s * (1 + x * (1 - s))"),
    "swish": (f"{_SWISH}; x * s", f"{_SWISH}; g * s * (1 + {BETA} * x * (1 - s))"),
    "mish": (
        "x * tanh(log1p(exp(x)))",
        f"{_SIGMOID}; h = tanh(log1p(exp(x))); g * (h + x * (1 - h * h) * s)",
    ),
    "softplus": ("where(x > 0, x, 0) + log1p(exp(-abs(x)))", f"{_SIGMOID}; g * s"),
    "softsign": ("x / (1 + abs(x))", "s = 1 + abs(x); g / (s * s)"),
    "sigmoid": (f"{_SIGMOID}; s", f"{_SIGMOID}; g * s * (1 - s)"),
    "tanh": ("tanh(x)", "s = tanh(x); g * (1 - s * s)"),
    "hardsigmoid": (
        f"where(x <= -3, 0, where(x >= 3, 1, {1 / 6} * x + 0.5))",
        f"where((x > -3) & (x < 3), {1 / 6} * g, 0)",
    ),
    "hardswish": (
        f"where(x <= -3, 0, where(x >= 3, x, x * (x + 3) * {1 / 6}))",
        f"where(x <= -3, 0, where(x >= 3, g, g * ({1 / 3} * x + 0.5)))",
    ),
    "hardtanh": ("where(x < -1, -1, where(x > 1, 1, x))", "where((x > -1) & (x < 1), g, 0)"),
}

FORMULAS: dict[tuple[str, str], str | tuple[str, str]] = {
    **{(name, FORWARD): forward for name, (forward, _) in _PAIRS.items()},
    **{(name, BACKWARD): backward for name, (_, backward) in _PAIRS.items()},
    ("sigmoid", FROM_Y): "g * t * (1 - t)",
    ("tanh", FROM_Y): "g * (1 - t * t)",
}
"""By activation and task."""

JAX: dict[str, str] = {
    "relu": "nn.relu(x)",
    "relu6": "nn.relu6(x)",
    "squared_relu": "jnp.square(nn.relu(x))",
    "leaky_relu": "nn.leaky_relu(x)",
    "prelu": "jnp.where(x > 0, x, w * x)",
    "thresholded_relu": "jnp.where(x > 1, x, 0)",
    "elu": "nn.elu(x)",
    "selu": "nn.selu(x)",
    "celu": "nn.celu(x)",
    "gelu": "nn.gelu(x, approximate=False)",
    "gelu_tanh": "nn.gelu(x, approximate=True)",
    "silu": "nn.silu(x)",
    "swish": f"x * nn.sigmoid({BETA} * x)",
    "mish": "nn.mish(x)",
    "softplus": "nn.softplus(x)",
    "softsign": "nn.soft_sign(x)",
    "sigmoid": "nn.sigmoid(x)",
    "tanh": "jnp.tanh(x)",
    "hardsigmoid": "nn.hard_sigmoid(x)",
    "hardswish": "nn.hard_swish(x)",
    "hardtanh": "nn.hard_tanh(x)",
}
"""Forward; the backward pass is ``jax.vjp`` of it. `nn` is ``jax.nn``."""


def with_typed_numbers(formula: str, dtype: str) -> tuple[str, dict[str, Any]]:
    """Replace the numbers in a formula by names of scalars of that dtype: literals would make it float64.

    Returns
    -------
    (str, dict)
        The formula, and the scalars by name.
    """
    scalars: dict[str, Any] = {}

    def named(match: re.Match[str]) -> str:
        name = f"number_{match[0]}".replace(".", "_").replace("-", "_")
        scalars[name] = np.dtype(dtype).type(float(match[0]))
        return name

    return re.sub(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?", named, formula), scalars
