"""What a layer says of itself when it is observed, and whether two descriptions can mean one layer."""

from __future__ import annotations

import operator
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .activations import activation_named

__all__ = ["LayerSpec", "check_numbers", "checked_name", "describe", "units_of"]


@dataclass(frozen=True)
class LayerSpec:
    """What a layer said of itself.

    Attributes
    ----------
    name : str
    units : int
    activation : str or None
        None while only gradients of it were observed.
    params : Mapping
        Parameters of the activation, defaults filled in.
    learned : tuple of str
        Names of the parameters that may change from call to call: those without a default, as prelu's weight.
    gate, ceiling : float, ndarray (units,) or None
        At or below the gate the output is constant and the gradient zero, at or above the ceiling the gradient
        is; None if there is no such point. An array, NaN where there is none, if units differ.

    Arrays are read-only: records of the layer share them.
    """

    name: str
    units: int
    activation: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    learned: tuple[str, ...] = ()
    gate: float | NDArray[np.float64] | None = None
    ceiling: float | NDArray[np.float64] | None = None

    def __str__(self) -> str:
        # An array is shown in one line, too.
        values = ", ".join(f"{key}={' '.join(str(value).split())}" for key, value in self._fixed().items())
        called = self.activation + (f"({values})" if values else "") if self.activation else "any activation"
        return f"{called}, {self.units} units"

    def accepts(self, other: LayerSpec, *, frozen: bool = False) -> bool:
        """Whether `other` may be the same layer: equal but, unless `frozen`, for what is learned."""
        if self.units != other.units:
            return False
        if self.activation is None or other.activation is None:
            return True
        compared = self.params if frozen else self._fixed()
        return self.activation == other.activation and all(
            _same(value, other.params[key]) for key, value in compared.items()
        )

    def _fixed(self) -> dict[str, Any]:
        return {key: value for key, value in self.params.items() if key not in self.learned}


def describe(name: str, units: int, activation: str, params: Mapping[str, Any]) -> LayerSpec:
    """Describe a layer, having checked what it says of itself.

    Raises
    ------
    ValueError
        If the activation is unknown (the message lists them), the name is no name, a parameter is NaN that is
        not learned, or there are slopes for another number of units.
    TypeError
        If the activation does not have one of the parameters, or one is no number.
    """
    row = activation_named(activation)
    units = operator.index(units)
    # Copies: the caller may go on changing an array.
    given = {key: value if np.isscalar(value) else np.array(value) for key, value in params.items()}
    for key, value in given.items():
        if np.shape(value) not in ((), (units,)):
            raise ValueError(
                f"{activation} got shape {np.shape(value)} in the parameter {key!r}, expected a number or ({units},)"
            )
    gate, ceiling = row.gate_for(**given), row.ceiling_for(**given)
    learned = tuple(key for key, default in row.params.items() if default is None)
    # What is learned may diverge to NaN, and that is worth observing.
    check_numbers(activation, given, may_be_nan=learned)
    for array in (*given.values(), gate, ceiling):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return LayerSpec(checked_name(name), units, activation, {**row.params, **given}, learned, gate, ceiling)


def check_numbers(activation: str, params: Mapping[str, Any], *, may_be_nan: Container[str] = ()) -> None:
    """Raise TypeError if a parameter is no number or array of numbers, ValueError as `Activation.check` does."""
    for key, value in params.items():
        dtype = np.asarray(value).dtype
        if dtype.kind not in "fiub":
            raise TypeError(f"{activation} got dtype {dtype} in the parameter {key!r}, expected real numbers")
    activation_named(activation).check(params, may_be_nan=may_be_nan)


def _same(value: Any, other: Any) -> bool:
    if value is None or other is None:
        return value is other
    # NaN, to which a learned parameter may diverge, is the same as NaN.
    return np.array_equal(value, other, equal_nan=True)


def checked_name(name: str) -> str:
    """Return the name of a layer or a phase; ValueError if it is none."""
    if not isinstance(name, str) or not name:
        raise ValueError(f"the name is {name!r}, expected a string with at least one character")
    return name


def units_of(z: np.ndarray, unit_axis: int | None) -> int:
    """Return how many units an array has along `unit_axis`, which is -1 for one or two dimensions if None.

    Raises
    ------
    ValueError
        If the axis does not exist, or is missing beyond two dimensions.
    """
    if z.ndim == 0:
        raise ValueError("the array has no dimension, expected (units,) or (batch, units) or more")
    if unit_axis is None and z.ndim > 2:
        raise ValueError(
            f"unit_axis is missing for shape {z.shape}: 1 for NCHW, -1 for NHWC and (batch, time, features)"
        )
    axis = -1 if unit_axis is None else operator.index(unit_axis)
    if not -z.ndim <= axis < z.ndim:
        raise ValueError(f"unit_axis is {axis}, expected one of the {z.ndim} axes of shape {z.shape}")
    return int(z.shape[axis])
