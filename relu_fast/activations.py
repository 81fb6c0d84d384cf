"""The rows of the C table of activations, as Python objects."""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._core import _rows

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
    gate_kind : {"none", "constant", "zero_slope"}
        Whether there is an input at or below which output and gradient are zero: never, always, or only when
        the parameter is 0.
    gate : float or None
        That input, for "constant".
    ceiling : float or None
        Input at or above which the gradient is zero.
    """

    name: str
    formula: str
    params: dict[str, float | None] = field(hash=False)
    gate_kind: str
    gate: float | None
    ceiling: float | None

    def gate_for(self, **params: Any) -> float | NDArray[np.float64] | None:
        """Gate of the activation with these parameters; None if it has none.

        A slope given per unit silences a unit only where it is 0. If that is the case for some units and not
        for others the gates are an array like the slope, NaN where there is none.

        Raises
        ------
        TypeError
            If the activation does not have one of the parameters; the message names those it has.
        """
        for given in params:
            if given not in self.params:
                choices = ", ".join(self.params) or "none"
                raise TypeError(f"{self.name} got the parameter {given!r}, its parameters are: {choices}")
        if self.gate_kind != "zero_slope":
            return self.gate
        (slope,) = {**self.params, **params}.values()
        if slope is None:
            return None
        gates = np.where(np.asarray(slope) == 0, 0.0, np.nan)
        if np.isnan(gates).all():
            return None
        return gates if np.isnan(gates).any() else 0.0


ACTIVATIONS: MappingProxyType[str, Activation] = MappingProxyType(
    {
        name: Activation(name, formula, params, kind, gate if kind == "constant" else None, ceiling)
        for name, formula, params, kind, gate, ceiling in _rows()
    }
)


def activation_named(name: str) -> Activation:
    """Row of that name; ValueError listing the choices if there is none."""
    try:
        return ACTIVATIONS[name]
    except (KeyError, TypeError):
        raise ValueError(f"unknown activation {name!r}; choose from {', '.join(ACTIVATIONS)}") from None
