"""The rows of the C table of activations, as Python objects."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._core import _edges, _rows

__all__ = ["ACTIVATIONS", "Activation", "activation_named"]


@dataclass(frozen=True)
class Activation:
    """One activation.

    Attributes
    ----------
    name : str
        As in ``rf.ufuncs`` and ``rf.fused.forward(z, name)``.
    formula : str
        One line.
    params : dict
        Parameter name -> default; None where the parameter has to be given.
    mask : {None, "gated", "slope"}
        What one bit an element tells the backward pass: nothing; whether the gradient passes or is 0; or whether
        it passes or is multiplied by the slope.
    from_y : bool
        Whether the output is enough for the backward pass.
    """

    name: str
    formula: str
    params: dict[str, float | None] = field(hash=False)
    mask: str | None
    from_y: bool

    def gate_for(self, **params: Any) -> float | NDArray[np.float64] | None:
        """Gate of the activation with these parameters: the input at or below which the gradient is zero.

        So is the output, or it is hardtanh's `min_val`. None if there is no gate. Parameters given per unit give
        an array of gates, if units differ, with NaN where there is none.

        Raises
        ------
        TypeError
            If the activation does not have one of the parameters; the message names those it has.
        """
        return self._edge(0, params)

    def ceiling_for(self, **params: Any) -> float | NDArray[np.float64] | None:
        """Input at or above which the gradient is zero, likewise."""
        return self._edge(1, params)

    def check(self, params: Mapping[str, Any], *, may_be_nan: Container[str] | None = None) -> None:
        """Refuse numbers that make no sense as parameters.

        Parameters
        ----------
        params : dict
            Numbers or arrays by name, some or all.
        may_be_nan : container of str, optional
            Names of those that may be NaN; by default those that are learned, which may diverge: prelu's weight.

        Raises
        ------
        ValueError
            For NaN, and where hardtanh's min_val is greater than its max_val.
        """
        if may_be_nan is None:
            may_be_nan = [name for name, default in self.params.items() if default is None]
        for name, value in params.items():
            if name not in may_be_nan and np.isnan(value).any():
                raise ValueError(f"{self.name} got NaN in the parameter {name!r}, expected numbers")
        if "min_val" in self.params:
            ends = {**self.params, **params}
            if np.greater(ends["min_val"], ends["max_val"]).any():
                given = ", ".join(f"{name}={' '.join(str(end).split())}" for name, end in ends.items())
                raise ValueError(f"{self.name} got {given}, expected min_val <= max_val")

    def _edge(self, which: int, given: dict[str, Any]) -> float | NDArray[np.float64] | None:
        for name in given:
            if name not in self.params:
                choices = ", ".join(self.params) or "none"
                raise TypeError(f"{self.name} got the parameter {name!r}, its parameters are: {choices}")
        values = [np.atleast_1d(value) for value in {**self.params, **given}.values()]
        if any(value.dtype.kind not in "biuf" for value in values):
            return None  # a parameter that is required and missing, or no number: checked where it is used
        row = list(ACTIVATIONS).index(self.name)
        per_unit = zip(*np.broadcast_arrays(*values), strict=True) if values else [()]
        edges = np.array([_edges(row, unit)[which] for unit in per_unit])
        if np.isnan(edges).all():
            return None
        return float(edges[0]) if (edges == edges[0]).all() else edges


ACTIVATIONS: MappingProxyType[str, Activation] = MappingProxyType(
    {row[0]: Activation(*row) for row in _rows()}
)


def activation_named(name: str) -> Activation:
    """Row of that name; ValueError listing the choices if there is none."""
    try:
        return ACTIVATIONS[name]
    except (KeyError, TypeError):
        raise ValueError(f"unknown activation {name!r}; choose from {', '.join(ACTIVATIONS)}") from None
