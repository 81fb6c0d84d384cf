"""What a layer says of itself when it is observed, and whether two descriptions can mean one layer."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .activations import activation_named

__all__ = ["LayerSpec", "checked_name", "describe", "units_of"]


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
    gate : float or None
        At or below it output and gradient are zero; None if there is no such point.
    """

    name: str
    units: int
    activation: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    learned: tuple[str, ...] = ()
    gate: float | None = None

    def __str__(self) -> str:
        values = ", ".join(f"{key}={value}" for key, value in self._fixed().items())
        called = self.activation + (f"({values})" if values else "") if self.activation else "any activation"
        return f"{called}, {self.units} units"

    def accepts(self, other: LayerSpec) -> bool:
        """Whether `other` may be the same layer: equal but for the values of learned parameters."""
        if self.units != other.units:
            return False
        if self.activation is None or other.activation is None:
            return True
        return self.activation == other.activation and all(
            np.array_equal(value, other.params[key]) for key, value in self._fixed().items()
        )

    def _fixed(self) -> dict[str, Any]:
        return {key: value for key, value in self.params.items() if key not in self.learned}


def describe(name: str, units: int, activation: str, params: Mapping[str, Any]) -> LayerSpec:
    """Describe a layer, having checked what it says of itself.

    Raises
    ------
    ValueError
        If the activation is unknown (the message lists them) or the name is no name.
    TypeError
        If the activation does not have one of the parameters.
    """
    row = activation_named(activation)
    unknown = [key for key in params if key not in row.params]
    if unknown:
        choices = ", ".join(row.params) or "none"
        raise TypeError(f"{activation} got the parameter {unknown[0]!r}, its parameters are: {choices}")
    gate = row.gate_for(**params)
    learned = tuple(key for key, default in row.params.items() if default is None)
    # The caller goes on changing the array of a learned parameter.
    copies = {key: np.copy(params[key]) for key in learned if key in params}
    values = {**row.params, **params, **copies}
    return LayerSpec(checked_name(name), operator.index(units), activation, values, learned, gate)


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
