"""Activations made of others: crelu is two relu, rrelu is leaky_relu with drawn slopes."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from . import ufuncs
from .functional import leaky_relu, leaky_relu_backward

__all__ = ["crelu", "crelu_backward", "rrelu", "rrelu_backward"]


def crelu(x: Any, axis: int = -1, *, out: np.ndarray | None = None) -> np.ndarray:
    """Concatenated rectifier, relu(x) and relu(-x) one after the other (Shang et al., arXiv 1603.05201).

    Parameters
    ----------
    x : array_like
        At least one dimension.
    axis : int
        Axis that gets twice as long: 1 for NCHW, -1 for dense layers and NHWC.
    out : ndarray, optional
        Of the shape of the result.

    Raises
    ------
    ValueError
        If there is no such axis, or `out` has another shape.
    """
    x = _floats(x)
    axis, shape = _doubled(x, axis)
    if out is None:
        out = np.empty(shape, x.dtype)
    elif not isinstance(out, np.ndarray):
        raise TypeError(f"out is of type {type(out).__name__}, expected an array")
    elif out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, expected {shape}: twice x {x.shape} along axis {axis}")
    elif np.may_share_memory(out, x):
        x = x.copy()
    positive, negative = _halves(out, axis)
    ufuncs.relu(x, out=positive)
    np.negative(x, out=negative)
    ufuncs.relu(negative, out=negative)
    return out


def crelu_backward(grad_output: Any, x: Any, axis: int = -1, *, out: np.ndarray | None = None) -> np.ndarray:
    """Gradient through crelu: the first half of grad_output where x > 0, minus the second where x < 0.

    Parameters
    ----------
    grad_output : array_like
        Twice as long as x along `axis`.
    x : array_like
    axis : int
    out : ndarray, optional
        Of the shape of x.

    Raises
    ------
    ValueError
        If there is no such axis, or the shapes do not fit.
    """
    x, g = _floats(x), np.asarray(grad_output)
    axis, shape = _doubled(x, axis)
    if g.shape != shape:
        raise ValueError(
            f"grad_output has shape {g.shape}, expected {shape}: twice x {x.shape} along axis {axis}"
        )
    of_positive, of_negative = _halves(g, axis)
    through_negative = ufuncs.relu_backward(of_negative, -x)
    gradient: np.ndarray = ufuncs.relu_backward(of_positive, x, out=out)
    gradient -= through_negative
    return gradient


def _floats(x: Any) -> np.ndarray:
    """Convert to the dtype that relu would: an unsigned integer has no opposite."""
    x = np.asarray(x)
    floats: np.ndarray = x.astype(ufuncs.relu(np.empty(0, x.dtype)).dtype, copy=False)
    return floats


def _doubled(x: np.ndarray, axis: int) -> tuple[int, tuple[int, ...]]:
    """Axis of x, counted from 0, and the shape of x when it is twice as long along it."""
    axis = operator.index(axis)
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis={axis} is out of range for x of shape {x.shape}")
    axis %= x.ndim
    return axis, (*x.shape[:axis], 2 * x.shape[axis], *x.shape[axis + 1 :])


def _halves(a: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    index, half = [slice(None)] * a.ndim, a.shape[axis] // 2
    index[axis] = slice(half)
    first = a[tuple(index)]
    index[axis] = slice(half, None)
    return first, a[tuple(index)]


def rrelu(
    x: Any,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    *,
    training: bool = False,
    rng: np.random.Generator | int | None = None,
    **kwargs: Any,
) -> Any:
    """Randomized leaky rectifier (Xu et al., arXiv 1505.00853).

    In training every element has a slope of its own, drawn uniformly from [lower, upper]; in evaluation all have
    the mean, (lower + upper) / 2.

    Parameters
    ----------
    x : array_like
    lower, upper : float
        Ends of the interval.
    training : bool
    rng : Generator, int or None
        What the slopes are drawn from, or the seed of it.
    **kwargs
        ``out``, ``where`` and the other keywords of a ufunc.

    Returns
    -------
    ndarray, or (ndarray, ndarray)
        In evaluation y; in training (y, slopes), of which `rrelu_backward` takes the slopes.

    Raises
    ------
    ValueError
        If lower > upper, or one is not finite.
    """
    if not -np.inf < lower <= upper < np.inf:
        raise ValueError(f"lower={lower} and upper={upper}, expected finite numbers, lower <= upper")
    if not training:
        return leaky_relu(x, (lower + upper) / 2, **kwargs)
    x = np.asanyarray(x)
    dtype = leaky_relu(np.empty(0, x.dtype)).dtype
    slopes = np.random.default_rng(rng).uniform(lower, upper, x.shape).astype(dtype, copy=False)
    return ufuncs.leaky_relu(x, slopes, **kwargs), slopes


def rrelu_backward(grad_output: Any, x: Any, slopes: Any = (1 / 8 + 1 / 3) / 2, **kwargs: Any) -> Any:
    """Gradient through rrelu: grad_output where x > 0, else ``slopes * grad_output``.

    Parameters
    ----------
    grad_output, x : array_like
    slopes : array_like
        What `rrelu` returned in training; the default is what evaluation has.
    **kwargs
        ``out``, ``where`` and the other keywords of a ufunc.
    """
    return leaky_relu_backward(grad_output, x, slopes, **kwargs)
