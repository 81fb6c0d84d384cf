"""Activations with parameters: the ufuncs of ``rf.ufuncs`` with their parameters' defaults.

Arrays are float16, bfloat16, float32 or float64, and the result has their dtype; others are cast as NumPy does for
its own ufuncs. Parameters are numbers, which take the arrays' dtype, or arrays, which broadcast. Keywords are
those of every ufunc (``out``, ``where``, ``dtype``, ``casting``, ...), and NumPy raises what it raises there:
TypeError for dtypes that are no real numbers, ValueError for shapes that do not broadcast. ValueError, too, for a
parameter that is NaN (but for prelu's weight, which may diverge), and for min_val > max_val.

Every backward function returns ``grad_output`` times the derivative at x, elementwise.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from . import ufuncs
from ._core import Function
from .activations import ACTIVATIONS

__all__ = [
    "celu",
    "celu_backward",
    "elu",
    "elu_backward",
    "hardsigmoid",
    "hardsigmoid_backward",
    "hardtanh",
    "hardtanh_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "prelu",
    "prelu_backward",
    "softplus",
    "softplus_backward",
    "swish",
    "swish_backward",
    "thresholded_relu",
    "thresholded_relu_backward",
]


def _both(name: str) -> tuple[Any, Any]:
    forward, backward = getattr(ufuncs, name), getattr(ufuncs, f"{name}_backward")
    row = ACTIVATIONS[name]
    return Function(forward, row).call, Function(backward, row).call


_leaky_relu, _leaky_relu_backward = _both("leaky_relu")


def leaky_relu(x: Any, negative_slope: Any = 0.01, **kwargs: Any) -> Any:
    """Leaky rectifier, ``x if x > 0 else negative_slope * x`` (Maas et al. 2013).

    Parameters
    ----------
    x : array_like
    negative_slope : array_like
        With 0 this is relu, for infinite x too.
    **kwargs
        ``out``, ``where`` and the other keywords of a ufunc.
    """
    return _leaky_relu(kwargs, x, negative_slope)


def leaky_relu_backward(grad_output: Any, x: Any, negative_slope: Any = 0.01, **kwargs: Any) -> Any:
    """Gradient through leaky_relu: grad_output where x > 0, else ``negative_slope * grad_output``."""
    return _leaky_relu_backward(kwargs, grad_output, x, negative_slope)


_prelu, _prelu_backward = _both("prelu")


def prelu(x: Any, weight: Any, *, unit_axis: int | None = None, **kwargs: Any) -> Any:
    """Rectifier with a learned slope, ``x if x > 0 else weight * x`` (He et al., arXiv 1502.01852).

    Parameters
    ----------
    x : array_like
    weight : array_like
        Broadcasts against x as in NumPy and ONNX; with `unit_axis`: a scalar or shape (units,).
    unit_axis : int, optional
        Axis of x along which `weight` holds one slope per unit: 1 for NCHW, -1 for dense layers and NHWC.
    **kwargs
        ``out``, ``where`` and the other keywords of a ufunc.

    Raises
    ------
    ValueError
        If `weight` does not have one entry per unit along `unit_axis`.
    """
    return _prelu(kwargs, x, weight if unit_axis is None else along(weight, x, unit_axis))


def prelu_backward(
    grad_output: Any, x: Any, weight: Any, *, unit_axis: int | None = None, **kwargs: Any
) -> Any:
    """Gradients through prelu, both elementwise: (grad_input, grad_weight).

    The gradient of a weight that was broadcast is the sum of grad_weight over what it was broadcast along.
    """
    weight = weight if unit_axis is None else along(weight, x, unit_axis)
    return _prelu_backward(kwargs, grad_output, x, weight)


def along(weight: Any, x: Any, unit_axis: int) -> Any:
    """Weight of one entry per unit, shaped so that it broadcasts along `unit_axis` of x."""
    unit_axis, shape = operator.index(unit_axis), np.shape(x)
    w = weight if hasattr(weight, "reshape") else np.asarray(weight)  # of JAX, perhaps
    if not -len(shape) <= unit_axis < len(shape):
        raise ValueError(f"unit_axis={unit_axis} is out of range for x of shape {shape}")
    if w.ndim == 0:
        return weight
    if w.shape != (shape[unit_axis],):
        raise ValueError(
            f"weight has shape {w.shape}, expected ({shape[unit_axis]},): one entry per unit along axis "
            f"{unit_axis} of x {shape}"
        )
    return w.reshape([-1 if axis == unit_axis % len(shape) else 1 for axis in range(len(shape))])


_thresholded_relu, _thresholded_relu_backward = _both("thresholded_relu")


def thresholded_relu(x: Any, alpha: Any = 1.0, **kwargs: Any) -> Any:
    """Thresholded rectifier, ``x if x > alpha else 0`` (Konda et al., arXiv 1402.3337; ONNX ThresholdedRelu).

    Parameters
    ----------
    x : array_like
    alpha : array_like
        The threshold, itself excluded.
    **kwargs
        ``out``, ``where`` and the other keywords of a ufunc.
    """
    return _thresholded_relu(kwargs, x, alpha)


def thresholded_relu_backward(grad_output: Any, x: Any, alpha: Any = 1.0, **kwargs: Any) -> Any:
    """Gradient through thresholded_relu: grad_output where x > alpha, else 0."""
    return _thresholded_relu_backward(kwargs, grad_output, x, alpha)


_elu, _elu_backward = _both("elu")


def elu(x: Any, alpha: Any = 1.0, **kwargs: Any) -> Any:
    """Exponential linear unit, ``x if x > 0 else alpha * (exp(x) - 1)`` (Clevert et al., arXiv 1511.07289).

    Parameters
    ----------
    x : array_like
    alpha : array_like
        -alpha is the limit on the left, and the derivative at 0 is alpha.
    **kwargs
        ``out``, ``where`` and the other keywords of a ufunc.
    """
    return _elu(kwargs, x, alpha)


def elu_backward(grad_output: Any, x: Any, alpha: Any = 1.0, **kwargs: Any) -> Any:
    """Gradient through elu: grad_output where x > 0, else ``grad_output * alpha * exp(x)``."""
    return _elu_backward(kwargs, grad_output, x, alpha)


_celu, _celu_backward = _both("celu")


def celu(x: Any, alpha: Any = 1.0, **kwargs: Any) -> Any:
    """ELU with a continuous derivative, ``x if x > 0 else alpha * (exp(x / alpha) - 1)`` (Barron, arXiv 1704.07483).

    Parameters
    ----------
    x : array_like
    alpha : array_like
        -alpha is the limit on the left; the derivative at 0 is 1.
    **kwargs
        ``out``, ``where`` and the other keywords of a ufunc.
    """
    return _celu(kwargs, x, alpha)


def celu_backward(grad_output: Any, x: Any, alpha: Any = 1.0, **kwargs: Any) -> Any:
    """Gradient through celu: grad_output where x > 0, else ``grad_output * exp(x / alpha)``."""
    return _celu_backward(kwargs, grad_output, x, alpha)


_swish, _swish_backward = _both("swish")


def swish(x: Any, beta: Any = 1.0, **kwargs: Any) -> Any:
    """Swish, ``x * sigmoid(beta * x)`` (Ramachandran et al., arXiv 1710.05941; ONNX Swish); with beta 1 it is silu.

    Parameters
    ----------
    x : array_like
    beta : array_like
    **kwargs
        ``out``, ``where`` and the other keywords of a ufunc.
    """
    return _swish(kwargs, x, beta)


def swish_backward(grad_output: Any, x: Any, beta: Any = 1.0, **kwargs: Any) -> Any:
    """Gradient through swish: ``grad_output * s * (1 + beta * x * (1 - s))`` with ``s = sigmoid(beta * x)``."""
    return _swish_backward(kwargs, grad_output, x, beta)


_softplus, _softplus_backward = _both("softplus")


def softplus(x: Any, beta: Any = 1.0, **kwargs: Any) -> Any:
    """Smooth rectifier, ``log(1 + exp(beta * x)) / beta`` (Dugas et al. 2000), exact everywhere.

    PyTorch returns x itself beyond a threshold; there is none here.

    Parameters
    ----------
    x : array_like
    beta : array_like
        The larger, the closer to relu.
    **kwargs
        ``out``, ``where`` and the other keywords of a ufunc.
    """
    return _softplus(kwargs, x, beta)


def softplus_backward(grad_output: Any, x: Any, beta: Any = 1.0, **kwargs: Any) -> Any:
    """Gradient through softplus: ``grad_output * sigmoid(beta * x)``."""
    return _softplus_backward(kwargs, grad_output, x, beta)


_hardsigmoid, _hardsigmoid_backward = _both("hardsigmoid")


def hardsigmoid(x: Any, alpha: Any = 1 / 6, beta: Any = 0.5, **kwargs: Any) -> Any:
    """Piecewise linear sigmoid, ``min(max(alpha * x + beta, 0), 1)`` (Courbariaux et al., arXiv 1511.00363).

    Parameters
    ----------
    x : array_like
    alpha : array_like
        Slope in the middle: 1/6 as in PyTorch; ONNX has the default 0.2.
    beta : array_like
        Value at 0.
    **kwargs
        ``out``, ``where`` and the other keywords of a ufunc.
    """
    return _hardsigmoid(kwargs, x, alpha, beta)


def hardsigmoid_backward(grad_output: Any, x: Any, alpha: Any = 1 / 6, beta: Any = 0.5, **kwargs: Any) -> Any:
    """Gradient through hardsigmoid: ``alpha * grad_output`` where ``0 < alpha * x + beta < 1``, else 0."""
    return _hardsigmoid_backward(kwargs, grad_output, x, alpha, beta)


_hardtanh, _hardtanh_backward = _both("hardtanh")


def hardtanh(x: Any, min_val: Any = -1.0, max_val: Any = 1.0, **kwargs: Any) -> Any:
    """Clip to an interval, ``min(max(x, min_val), max_val)`` (Collobert 2004); with 0 and 6 it is relu6.

    Parameters
    ----------
    x : array_like
    min_val, max_val : array_like
        ``min_val <= max_val``.
    **kwargs
        ``out``, ``where`` and the other keywords of a ufunc.
    """
    return _hardtanh(kwargs, x, min_val, max_val)


def hardtanh_backward(
    grad_output: Any, x: Any, min_val: Any = -1.0, max_val: Any = 1.0, **kwargs: Any
) -> Any:
    """Gradient through hardtanh: grad_output where ``min_val < x < max_val``, else 0."""
    return _hardtanh_backward(kwargs, grad_output, x, min_val, max_val)
