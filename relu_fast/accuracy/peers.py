"""The same activations as people write them in NumPy, and PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PEERS", "Peer", "numpy_peer", "torch_peer"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Peer:
    """One library's function of an array, and the parameters with which it is exact."""

    function: Callable[[Array], Array]
    params: tuple[float, ...]


def numpy_peer(activation: str, direction: str, params: tuple[Any, ...]) -> Peer:
    """Return the natural formula, all of it in the dtype of x; the gradient is for g = 1."""
    formula = IDIOMS[activation][direction == "backward"]

    def call(x: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(formula(x, *params), dtype=x.dtype)

    return Peer(call, tuple(map(float, params)))


def normal(x: Array) -> Array:
    from scipy.special import erf

    return 0.5 * (1 + np.asarray(erf(x * 0.7071067811865476)))


def gelu_slope(x: Array) -> Array:
    return normal(x) + x * (0.3989422804014327 * np.exp(-0.5 * x * x))


def inner_tanh(x: Array) -> Array:
    return np.asarray(np.tanh(0.7978845608028654 * (x + 0.044715 * x**3)))


def gelu_tanh_slope(x: Array) -> Array:
    t = inner_tanh(x)
    slope = 0.7978845608028654 * (1 + 0.134145 * x * x)
    return np.asarray(0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def swish_slope(x: Array, beta: Any = 1) -> Array:
    s = sigmoid(beta * x)
    return np.asarray(s * (1 + beta * x * (1 - s)))


def mish_slope(x: Array) -> Array:
    t = np.tanh(np.log1p(np.exp(x)))
    return np.asarray(t + x * (1 - t * t) * sigmoid(x))


def sigmoid_slope(x: Array) -> Array:
    s = sigmoid(x)
    return np.asarray(s * (1 - s))


SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772
LEAKY = (lambda x, slope: np.where(x > 0, x, slope * x), lambda x, slope: np.where(x > 0, 1, slope))

IDIOMS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: x > 0),
    "relu6": (lambda x: np.clip(x, 0, 6), lambda x: (x > 0) & (x < 6)),
    "squared_relu": (lambda x: np.maximum(x, 0) ** 2, lambda x: 2 * np.maximum(x, 0)),
    "leaky_relu": LEAKY,
    "prelu": LEAKY,
    "thresholded_relu": (lambda x, alpha: np.where(x > alpha, x, 0), lambda x, alpha: x > alpha),
    "elu": (
        lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x)),
        lambda x, alpha: np.where(x > 0, 1, alpha * np.exp(x)),
    ),
    "selu": (
        lambda x: SCALE * np.where(x > 0, x, ALPHA * np.expm1(x)),
        lambda x: SCALE * np.where(x > 0, 1, ALPHA * np.exp(x)),
    ),
    "celu": (
        lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x / alpha)),
        lambda x, alpha: np.where(x > 0, 1, np.exp(x / alpha)),
    ),
    "gelu": (lambda x: x * normal(x), gelu_slope),
    "gelu_tanh": (lambda x: 0.5 * x * (1 + inner_tanh(x)), gelu_tanh_slope),
    "silu": (lambda x: x / (1 + np.exp(-x)), swish_slope),
    "swish": (lambda x, beta: x / (1 + np.exp(-beta * x)), swish_slope),
    "mish": (lambda x: x * np.tanh(np.log1p(np.exp(x))), mish_slope),
    "softplus": (
        lambda x, beta: np.logaddexp(x.dtype.type(0), beta * x) / beta,
        lambda x, beta: sigmoid(beta * x),
    ),
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
    "sigmoid": (sigmoid, sigmoid_slope),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "hardsigmoid": (
        lambda x, alpha, beta: np.clip(alpha * x + beta, 0, 1),
        lambda x, alpha, beta: np.where((alpha * x + beta > 0) & (alpha * x + beta < 1), alpha, 0),
    ),
    "hardswish": (
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
        lambda x: np.where(x <= -3, 0, np.where(x >= 3, 1, (2 * x + 3) / 6)),
    ),
    "hardtanh": (lambda x, low, high: np.clip(x, low, high), lambda x, low, high: (x > low) & (x < high)),
}


def torch_peer(activation: str, direction: str, params: tuple[Any, ...]) -> Peer | None:
    """``torch.nn.functional``, and what its autograd gives for g = 1; None where it has no such parameters."""
    import torch
    from torch.nn import functional as F  # noqa: N812

    p: Any = tuple(map(float, params))
    functions: dict[str, Callable[[Any], Any]] = {
        "relu": F.relu,
        "relu6": F.relu6,
        "squared_relu": lambda x: F.relu(x).square(),
        "leaky_relu": lambda x: F.leaky_relu(x, *p),
        "prelu": lambda x: F.prelu(x, torch.tensor(p, dtype=x.dtype)),
        "thresholded_relu": lambda x: F.threshold(x, p[0], 0.0),
        "elu": lambda x: F.elu(x, *p),
        "selu": F.selu,
        "celu": lambda x: F.celu(x, *p),
        "gelu": F.gelu,
        "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
        "silu": F.silu,
        "swish": lambda x: x * torch.sigmoid(p[0] * x),
        "mish": F.mish,
        "softplus": lambda x: F.softplus(x, *p),
        "softsign": F.softsign,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "hardsigmoid": F.hardsigmoid,
        "hardswish": F.hardswish,
        "hardtanh": lambda x: F.hardtanh(x, *p),
    }
    if activation == "hardsigmoid":
        # It has no parameters: alpha is 1/6, not 1/6 rounded to the dtype.
        if (params[0], params[1]) != (type(params[0])(1 / 6), 0.5):
            return None
        p = (1 / 6, 0.5)
    function = functions[activation]

    def call(x: Array) -> Array:
        bfloat16 = x.dtype.name == "bfloat16"
        tensor = torch.from_numpy(x.view(np.int16)).view(torch.bfloat16) if bfloat16 else torch.from_numpy(x)
        if direction == "forward":
            y = function(tensor)
        else:
            tensor = tensor.clone().requires_grad_()
            y = function(tensor)
            (y,) = torch.autograd.grad(y, tensor, torch.ones_like(y))
        result: Array = y.view(torch.int16).numpy().view(x.dtype) if bfloat16 else y.detach().numpy()
        return result

    return Peer(call, p)


PEERS: dict[str, tuple[str, Callable[..., Peer | None]]] = {
    "numpy": ("NumPy", numpy_peer),
    "torch": ("PyTorch", torch_peer),
}
"""The words of ``--peers``: name, and what makes the function for an activation, a direction and parameters."""
