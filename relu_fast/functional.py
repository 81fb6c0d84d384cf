"""Activations with their parameters' defaults.

Those without parameters are the ufuncs themselves; here are the others. Keywords are those of every NumPy
ufunc (``out``, ``where``, ``dtype``, ``casting``, ...), and NumPy raises what it raises there.
"""

import operator
from typing import Any

import numpy as np

from . import ufuncs

__all__ = [
    "elu",
    "elu_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "prelu",
    "prelu_backward",
]


def leaky_relu(x: Any, negative_slope: Any = 0.01, **kwargs: Any) -> Any:
    """Leaky rectifier, ``x if x > 0 else negative_slope * x`` (Maas et al. 2013).

    Parameters
    ----------
    x : array_like
        Any shape; float32 and float64 stay what they are.
    negative_slope : array_like
        Broadcasts against x. With 0 this is relu.
    **kwargs
        ``out``, ``where`` and the other keywords of a ufunc.
    """
    return ufuncs.leaky_relu(x, negative_slope, **kwargs)


def leaky_relu_backward(grad_output: Any, x: Any, negative_slope: Any = 0.01, **kwargs: Any) -> Any:
    """Gradient through leaky_relu: grad_output where x > 0, else ``negative_slope * grad_output``."""
    return ufuncs.leaky_relu_backward(grad_output, x, negative_slope, **kwargs)


def elu(x: Any, alpha: Any = 1.0, **kwargs: Any) -> Any:
    """Exponential linear unit, ``x if x > 0 else alpha * (exp(x) - 1)`` (Clevert et al., arXiv 1511.07289).

    Parameters
    ----------
    x : array_like
        Any shape; float32 and float64 stay what they are.
    alpha : array_like
        Broadcasts against x.
    **kwargs
        ``out``, ``where`` and the other keywords of a ufunc.
    """
    return ufuncs.elu(x, alpha, **kwargs)


def elu_backward(grad_output: Any, x: Any, alpha: Any = 1.0, **kwargs: Any) -> Any:
    """Gradient through elu: grad_output where x > 0, else ``grad_output * alpha * exp(x)``."""
    return ufuncs.elu_backward(grad_output, x, alpha, **kwargs)


def prelu(x: Any, weight: Any, *, unit_axis: int | None = None, **kwargs: Any) -> Any:
    """Rectifier with a learned slope, ``x if x > 0 else weight * x`` (He et al., arXiv 1502.01852).

    Parameters
    ----------
    x : array_like
        Any shape; float32 and float64 stay what they are.
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
    return ufuncs.prelu(x, _along(weight, x, unit_axis), **kwargs)


def prelu_backward(
    grad_output: Any, x: Any, weight: Any, *, unit_axis: int | None = None, **kwargs: Any
) -> Any:
    """Gradients through prelu, both elementwise: (grad_input, grad_weight).

    The gradient of a weight that was broadcast is the sum of grad_weight over what it was broadcast along.
    """
    return ufuncs.prelu_backward(grad_output, x, _along(weight, x, unit_axis), **kwargs)


def _along(weight: Any, x: Any, unit_axis: int | None) -> Any:
    """Weight of one entry per unit, shaped so that it broadcasts along `unit_axis` of x."""
    if unit_axis is None:
        return weight
    unit_axis, shape, w = operator.index(unit_axis), np.shape(x), np.asarray(weight)
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
