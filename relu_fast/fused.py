"""Fused passes: bias, activation, and per-unit counts, in one walk over the data.

An array of any rank is read as (outer, units, inner) around its `unit_axis`: dense layers are (batch, units),
NCHW has ``unit_axis=1``, NHWC and (batch, time, features) have ``unit_axis=-1``. It may be left out for arrays
of one or two dimensions, where it is -1.

Arrays are float32 or float64; booleans, integers and float16 are converted (small ones to float32, which is then
also the dtype of an `out`). Contiguous ones, slices along the outer axes, and
transposed ones (in any order of axes) are read where they are; others are copied. A call that raises has
changed nothing. Threads may call at once, each with statistics of its own; merge them afterwards.
"""

from typing import Any

import numpy as np

from . import _units
from .stats import GradStats, UnitStats

__all__ = ["backward", "forward", "observe"]


def forward(
    z: Any,
    activation: str,
    *,
    bias: Any = None,
    unit_axis: int | None = None,
    stats: UnitStats | None = None,
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
        Unknown activation, wrong shape or axis, `out` read-only or overlapping z without being it.
    """
    return _units.forward(z, activation, bias, unit_axis, stats, out, True, params)


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
    _units.forward(z, activation, bias, unit_axis, stats, None, False, params)


def backward(
    g: Any,
    activation: str,
    *,
    x: Any = None,
    y: Any = None,
    bias: Any = None,
    unit_axis: int | None = None,
    bias_grad: np.ndarray | None = None,
    stats: GradStats | None = None,
    out: np.ndarray | None = None,
    **params: Any,
) -> np.ndarray:
    """Compute ``g * activation'(x + bias)``, its sum per unit and counts of non-zero gradients, in one pass.

    Parameters
    ----------
    g : array_like
        Gradient of the loss with respect to the output.
    activation : str
        A name of ``rf.ACTIVATIONS``.
    x : array_like
        Pre-activation without bias. Exactly one of x and y is given.
    y : array_like
        Output of ``forward``. Slopes and alphas must not be negative then. ELU's gradient from y has no
        relative accuracy where y is next to -alpha.
    bias : array_like of shape (units,), optional
        Goes with x.
    unit_axis : int, optional
        Axis of the units; required beyond two dimensions.
    bias_grad : ndarray of shape (units,), optional
        Overwritten with the sum of the result per unit, accumulated in float64 in an order that depends on
        shape and memory layout alone. The dtype of g, or float64.
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
        Wrong dtype, unknown parameter, not exactly one of x and y.
    ValueError
        Unknown activation, wrong shape or axis, overlapping outputs, y with a negative slope.
    """
    return _units.backward(g, activation, x, y, bias, unit_axis, bias_grad, stats, out, params)
