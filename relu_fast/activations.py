"""The rows of the C table of activations, as Python objects."""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

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

    def gate_for(self, **params: Any) -> float | None:
        """Gate of the activation with these parameters (None: it has none).

        A slope given per unit silences a unit only where it is 0; with different slopes in one array there is
        no common gate, and None is returned.
        """
        if self.gate_kind != "zero_slope":
            return self.gate
        (slope,) = {**self.params, **params}.values()
        return 0.0 if slope is not None and not np.any(slope) else None


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
