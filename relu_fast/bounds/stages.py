"""The primitive steps of which layers are made, for those who reason about a network without running it.

A layer says what it is as a tuple of stages, in the order in which they are applied: ``Dense(8, "relu")`` is
``(Affine(kernel, bias), Activate("relu"))``. Arrays are those of the layer, not copies: a stage describes the
layer until its weights change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..layer_spec import describe

__all__ = ["Activate", "Affine", "Drop", "Scale", "Stage"]


@dataclass(frozen=True, eq=False)
class Affine:
    """``x @ weights + bias``.

    Attributes
    ----------
    weights : ndarray (features, units) of float32 or float64
    bias : ndarray (units,)

    Raises
    ------
    ValueError, TypeError
        If shapes or dtypes are others.
    """

    weights: np.ndarray
    bias: np.ndarray

    def __post_init__(self) -> None:
        weights = _floats(self.weights, "weights")
        if weights.ndim != 2:
            raise ValueError(f"weights has shape {weights.shape}, expected (features, units)")
        units = weights.shape[1]
        bias = _floats(self.bias, "bias")
        if bias.shape != (units,):
            raise ValueError(
                f"bias has shape {bias.shape}, expected ({units},): one entry per unit of weights {weights.shape}"
            )
        _set(self, weights=weights, bias=bias)


@dataclass(frozen=True, eq=False)
class Activate:
    """An activation of ``relu_fast.ACTIVATIONS``, elementwise.

    Attributes
    ----------
    name : str
    params : Mapping
        Its parameters by name, numbers or arrays (units,); those left out have their defaults.

    Raises
    ------
    ValueError
        If the activation is unknown, or a parameter is NaN that is not learned or has another shape.
    TypeError
        If a parameter is unknown, missing, or no number.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = [np.shape(value) for value in self.params.values()]
        units = next((shape[0] for shape in shapes if len(shape) == 1), 1)
        spec = describe("layer", units, self.name, self.params)
        for key, value in spec.params.items():
            if value is None:
                raise TypeError(
                    f"{self.name} misses the parameter {key!r}, expected a number or one per unit"
                )
        _set(self, params=dict(self.params))


@dataclass(frozen=True, eq=False)
class Scale:
    """``(x - center) * scale + shift``, per unit: batch normalisation in evaluation.

    There `center` is the moving mean, `scale` is gamma / sqrt(moving variance + epsilon) and `shift` is beta.
    Folding the mean into `shift` instead would hide how much is lost where the two nearly cancel.

    Attributes
    ----------
    scale, shift, center : ndarray (units,)
        Numbers stand for all units.
    """

    scale: np.ndarray
    shift: np.ndarray
    center: np.ndarray = field(default_factory=lambda: np.zeros(()))

    def __post_init__(self) -> None:
        arrays = {name: _floats(getattr(self, name), name) for name in ("scale", "shift", "center")}
        shapes = {array.shape for array in arrays.values()} - {()}
        if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
            given = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
            raise ValueError(f"the shapes are {given}, expected numbers or (units,) for each")
        _set(self, **arrays)


@dataclass(frozen=True)
class Drop:
    """Dropout: nothing in evaluation; in training `dropped`, or what becomes of a value that is kept.

    That is ``(x - center) * scale + dropped``.

    Attributes
    ----------
    rate : float
        In [0, 1); with 0 nothing is dropped in training either.
    scale : float
        NaN, the default, becomes 1 / (1 - rate).
    center, dropped : float
        Those of alpha dropout; 0 in ordinary dropout.
    """

    rate: float
    scale: float = math.nan
    center: float = 0.0
    dropped: float = 0.0

    def __post_init__(self) -> None:
        # The negation also catches NaN.
        if not 0.0 <= self.rate < 1.0:
            raise ValueError(f"rate is {self.rate!r}, expected a number in [0, 1)")
        if math.isnan(self.scale):
            _set(self, scale=1.0 / (1.0 - self.rate))


Stage: TypeAlias = Affine | Activate | Scale | Drop
"""One of the steps."""


def _floats(values: ArrayLike, name: str) -> np.ndarray:
    """Return `values` as an array of float32 or float64; TypeError for anything else than these and integers."""
    array = np.asarray(values)
    if array.dtype.kind in "iu":
        array = array.astype(np.float64)
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} has dtype {array.dtype}, expected float32 or float64")
    return array


def _set(stage: Any, **values: Any) -> None:
    """Fill in fields of a frozen stage while it is made."""
    for name, value in values.items():
        object.__setattr__(stage, name, value)
