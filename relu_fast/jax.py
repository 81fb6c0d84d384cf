"""Activations for JAX: the same kernels, called by XLA on the CPU, without a compiler and without Python in between.

>>> import jax, relu_fast as rf
>>> float(jax.jit(jax.grad(rf.jax.squared_relu))(3.0))
6.0

Names and defaults are those of ``rf.relu``, ``rf.leaky_relu``, ..., and so are the results on the CPU, bit for bit,
gradients included. ``jit``, ``grad``, ``vmap``, ``jax.checkpoint`` and ``shard_map`` work. All this needs
``pip install 'relu_fast[jax]'``; ``rf.jax`` is imported on first use.

Operands
    Arrays of dtype float16, bfloat16, float32 or float64 (with ``jax_enable_x64``), of any shape; the result has the
    dtype to which JAX promotes x and the parameters. Integers and booleans are promoted to JAX's default float, for
    ``relu`` too. Parameters are numbers or arrays that broadcast against x; prelu's weight has a gradient, the others
    have none.
Derivatives
    First derivatives in reverse mode. ``jax.jvp``, ``jax.jacfwd`` and ``jax.hessian`` raise JAX's own TypeError: the
    functions are ``jax.custom_vjp``. Derivatives of derivatives raise NotImplementedError.
Devices
    On other platforms than the CPU the same formula is computed by ``jax.nn`` and ``jax.numpy``, with JAX's rounding,
    edges and derivatives.
Threads
    XLA calls the kernels from its own threads. Large arrays are shared among those of ``rf.set_num_threads``; a call
    that comes while another one uses them computes alone.

Every function raises TypeError for complex numbers and for floats of other sizes, and ValueError for shapes that do
not broadcast. ValueError, too, for a parameter that is NaN and for min_val > max_val, where these are numbers or NumPy
arrays: what JAX traces has no value yet.
"""

from __future__ import annotations

from typing import Any

from .functional import along
from .jax_calls import call

__all__ = [
    "celu",
    "elu",
    "gelu",
    "gelu_tanh",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "squared_relu",
    "swish",
    "tanh",
    "thresholded_relu",
]


def relu(x: Any) -> Any:
    """Rectifier, ``max(x, 0)``; NaN passes. The gradient passes where x > 0, and is 0 at 0 (Nair and Hinton 2010)."""
    return call("relu", x)


def relu6(x: Any) -> Any:
    """Rectifier that ends at 6, ``min(max(x, 0), 6)`` (Krizhevsky 2010); the gradient is 0 at both ends."""
    return call("relu6", x)


def squared_relu(x: Any) -> Any:
    """Squared rectifier, ``max(x, 0) ** 2`` (So et al., arXiv 2109.08668)."""
    return call("squared_relu", x)


def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    """Leaky rectifier, ``x if x > 0 else negative_slope * x`` (Maas et al. 2013).

    Parameters
    ----------
    x : array_like
    negative_slope : array_like
        The derivative at 0, too. With 0 this is relu, for infinite x too.
    """
    return call("leaky_relu", x, negative_slope)


def prelu(x: Any, weight: Any, *, unit_axis: int | None = None) -> Any:
    """Rectifier with a learned slope, ``x if x > 0 else weight * x`` (He et al., arXiv 1502.01852).

    Parameters
    ----------
    x : array_like
    weight : array_like
        Broadcasts against x as in NumPy and ONNX; with `unit_axis`: a scalar or shape (units,). Its gradient has its
        shape: sums, added up in float64, over what it is broadcast along.
    unit_axis : int, optional
        Axis of x along which `weight` holds one slope per unit: 1 for NCHW, -1 for dense layers and NHWC.

    Raises
    ------
    ValueError
        If `weight` does not have one entry per unit along `unit_axis`.
    """
    return call("prelu", x, weight if unit_axis is None else along(weight, x, unit_axis))


def thresholded_relu(x: Any, alpha: Any = 1.0) -> Any:
    """Thresholded rectifier, ``x if x > alpha else 0`` (Konda et al., arXiv 1402.3337; ONNX ThresholdedRelu).

    Parameters
    ----------
    x : array_like
    alpha : array_like
        The threshold, itself excluded.
    """
    return call("thresholded_relu", x, alpha)


def elu(x: Any, alpha: Any = 1.0) -> Any:
    """Exponential linear unit, ``x if x > 0 else alpha * (exp(x) - 1)`` (Clevert et al., arXiv 1511.07289).

    Parameters
    ----------
    x : array_like
    alpha : array_like
        -alpha is the limit on the left, and the derivative at 0 is alpha.
    """
    return call("elu", x, alpha)


def selu(x: Any) -> Any:
    """Scaled ELU, ``1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * (exp(x) - 1))``.

    Its constants keep the mean 0 and the variance 1 of layer after layer (Klambauer et al., arXiv 1706.02515).
    """
    return call("selu", x)


def celu(x: Any, alpha: Any = 1.0) -> Any:
    """ELU with a continuous derivative, ``x if x > 0 else alpha * (exp(x / alpha) - 1)`` (Barron, arXiv 1704.07483).

    Parameters
    ----------
    x : array_like
    alpha : array_like
        -alpha is the limit on the left; the derivative at 0 is 1.
    """
    return call("celu", x, alpha)


def gelu(x: Any) -> Any:
    """Gaussian error linear unit, ``x * (1 + erf(x / sqrt(2))) / 2`` (Hendrycks and Gimpel, arXiv 1606.08415).

    The default of ``jax.nn.gelu`` is the approximation, `gelu_tanh`.
    """
    return call("gelu", x)


def gelu_tanh(x: Any) -> Any:
    """Approximation of gelu, ``0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x ** 3)))`` (same source)."""
    return call("gelu_tanh", x)


def silu(x: Any) -> Any:
    """Sigmoid linear unit, ``x / (1 + exp(-x))`` (Elfwing et al., arXiv 1702.03118)."""
    return call("silu", x)


def swish(x: Any, beta: Any = 1.0) -> Any:
    """Swish, ``x * sigmoid(beta * x)`` (Ramachandran et al., arXiv 1710.05941; ONNX Swish); with beta 1 it is silu.

    Parameters
    ----------
    x : array_like
    beta : array_like
    """
    return call("swish", x, beta)


def mish(x: Any) -> Any:
    """Mish, ``x * tanh(log(1 + exp(x)))`` (Misra, arXiv 1908.08681)."""
    return call("mish", x)


def softplus(x: Any, beta: Any = 1.0) -> Any:
    """Smooth rectifier, ``log(1 + exp(beta * x)) / beta`` (Dugas et al. 2000), exact everywhere.

    Parameters
    ----------
    x : array_like
    beta : array_like
        The larger, the closer to relu.
    """
    return call("softplus", x, beta)


def softsign(x: Any) -> Any:
    """Softsign, ``x / (1 + abs(x))`` (Turian et al. 2009)."""
    return call("softsign", x)


def sigmoid(x: Any) -> Any:
    """Logistic function, ``1 / (1 + exp(-x))``."""
    return call("sigmoid", x)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    return call("tanh", x)


def hardsigmoid(x: Any, alpha: Any = 1 / 6, beta: Any = 0.5) -> Any:
    """Piecewise linear sigmoid, ``min(max(alpha * x + beta, 0), 1)`` (Courbariaux et al., arXiv 1511.00363).

    Parameters
    ----------
    x : array_like
    alpha : array_like
        Slope in the middle: 1/6 as in PyTorch and ``jax.nn``; ONNX has the default 0.2.
    beta : array_like
        Value at 0.
    """
    return call("hardsigmoid", x, alpha, beta)


def hardswish(x: Any) -> Any:
    """Piecewise swish, ``x * min(max(x + 3, 0), 6) / 6`` (Howard et al., arXiv 1905.02244)."""
    return call("hardswish", x)


def hardtanh(x: Any, min_val: Any = -1.0, max_val: Any = 1.0) -> Any:
    """Clip to an interval, ``min(max(x, min_val), max_val)`` (Collobert 2004); with 0 and 6 it is relu6.

    Parameters
    ----------
    x : array_like
    min_val, max_val : array_like
        ``min_val <= max_val``.
    """
    return call("hardtanh", x, min_val, max_val)
