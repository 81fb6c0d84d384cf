"""Fused passes: bias, activation, and per-unit counts, in one walk over the data.

An array of any rank is read as (outer, units, inner) around its `unit_axis`: dense layers are (batch, units),
NCHW has ``unit_axis=1``, NHWC and (batch, time, features) have ``unit_axis=-1``. It may be left out for arrays
of one or two dimensions, where it is -1.

Arrays are float16, bfloat16, float32 or float64; booleans and integers are converted as NumPy does for its own
functions. Halves are computed and counted in float32, with the bias added, and rounded once. Contiguous arrays,
slices along the outer axes, and transposed ones (in any order of axes) are read where they are; others are
copied. A call that raises has changed nothing. Threads may call at once, each with statistics of its own; merge
them afterwards.

Sums (`bias_grad`, `weight_grad`, ``sum_abs``) are added up in float64, in an order that depends on the shape of
the array and the order of its axes in memory alone: not on the number of threads, nor on the instruction set.

A mask has one bit an element: all that the backward pass of some activations needs, in 1/32 of the memory of a
float32 pre-activation. It lists the elements in C order, whatever the layout of the array, packed as by
``np.packbits(..., bitorder="little")``, with zeros after the last.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _units
from .stats import GradStats, UnitStats

__all__ = ["backward", "empty_mask", "forward", "observe"]


def forward(
    z: Any,
    activation: str,
    *,
    bias: Any = None,
    unit_axis: int | None = None,
    stats: UnitStats | None = None,
    mask: NDArray[np.uint8] | None = None,
    out: np.ndarray | None = None,
    **params: Any,
) -> np.ndarray:
    """Compute ``activation(z + bias)`` and add to `stats` what was seen, in one pass.

    Parameters
    ----------
    z : array_like
        Pre-activation without bias.
    activation : str
        A name of ``rf.ACTIVATIONS``.
    bias : array_like of shape (units,), optional
    unit_axis : int, optional
        Axis of the units; required beyond two dimensions.
    stats : UnitStats, optional
        Accumulates; only what it collects is computed.
    mask : ndarray of uint8 from `empty_mask`, optional
        Overwritten with what ``backward(..., mask=)`` needs. For activations with ``rf.ACTIVATIONS[...].mask``.
    out : ndarray, optional
        Shape and dtype of z; may be z itself.
    **params
        Parameters of the activation, by name: a number, or one per unit.

    Returns
    -------
    ndarray
        `out` if given.

    Raises
    ------
    TypeError
        Wrong dtype or unknown parameter.
    ValueError
        Unknown activation, wrong shape or axis, `out` or `mask` read-only or overlapping other memory, an
        activation that needs more than a mask.
    MemoryError
        No memory for the counters of a wide layer.
    """
    return _units.forward(z, activation, bias, unit_axis, stats, mask, out, True, params)


def observe(
    z: Any,
    activation: str,
    *,
    stats: UnitStats,
    bias: Any = None,
    unit_axis: int | None = None,
    **params: Any,
) -> None:
    """Add to `stats` what ``forward`` would, and write no output. Parameters and errors as there."""
    _units.forward(z, activation, bias, unit_axis, stats, None, None, False, params)


def backward(
    g: Any,
    activation: str,
    *,
    x: Any = None,
    y: Any = None,
    mask: NDArray[np.uint8] | None = None,
    bias: Any = None,
    unit_axis: int | None = None,
    bias_grad: np.ndarray | None = None,
    weight_grad: np.ndarray | None = None,
    stats: GradStats | None = None,
    out: np.ndarray | None = None,
    **params: Any,
) -> np.ndarray:
    """Compute ``g * activation'(x + bias)``, its sum per unit and counts of non-zero gradients, in one pass.

    Exactly one of `x`, `y` and `mask` is given.

    Parameters
    ----------
    g : array_like
        Gradient of the loss with respect to the output.
    activation : str
        A name of ``rf.ACTIVATIONS``.
    x : array_like
        Pre-activation without bias.
    y : array_like
        Output of ``forward``, for activations with ``rf.ACTIVATIONS[...].from_y``. Slopes and alphas must not be
        negative then. ELU's gradient from y has no relative accuracy where y is next to -alpha.
    mask : ndarray of uint8
        What ``forward`` wrote, with the same parameters. Gives the bits that `x` gives.
    bias : array_like of shape (units,), optional
        Goes with x.
    unit_axis : int, optional
        Axis of the units; required beyond two dimensions.
    bias_grad : ndarray of shape (units,), optional
        Overwritten with the sum of the result per unit. The dtype of g, or float64 (or float32, for halves).
    weight_grad : ndarray of shape (units,), or () or (1,) where the weight is one number; optional
        Overwritten with the gradient of prelu's weight: per unit, the sum of ``g * (x + bias)`` over
        elements that are not positive. Goes with x. The dtypes of `bias_grad`.
    stats : GradStats, optional
        Accumulates.
    out : ndarray, optional
        Shape and dtype of g; may be g or x (or y) itself.
    **params
        Parameters of the activation, by name: a number, or one per unit.

    Returns
    -------
    ndarray
        Gradient with respect to the pre-activation; `out` if given.

    Raises
    ------
    TypeError
        Wrong dtype, unknown parameter, not exactly one of x, y and mask, what goes with x without it.
    ValueError
        Unknown activation, wrong shape or axis, overlapping outputs, y with a negative slope, a source that is
        not enough for the activation.
    MemoryError
        No memory for the sums of a wide layer.
    """
    return _units.backward(
        g, activation, x, y, mask, bias, unit_axis, bias_grad, weight_grad, stats, out, params
    )


def empty_mask(shape: int | tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a mask for an array of that shape: one bit an element, (ceil(size / 8),) bytes, all 0.

    Raises
    ------
    TypeError, ValueError
        If it is no shape.
    """
    return _units.empty_mask(shape)
