"""Layers as plain data, which JSON can hold, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from ..activations import ACTIVATIONS
from . import initializers
from .activation import Activation, PReLU
from .dropout import AlphaDropout, Dropout
from .layers import Dense, Layer
from .normalization import BatchNorm

__all__ = ["KINDS", "described", "difference", "made"]

KINDS: dict[str, type[Layer]] = {
    kind.__name__: kind for kind in (Activation, AlphaDropout, BatchNorm, Dense, Dropout, PReLU)
}
"""The layers that can be made again."""

INITIALIZERS: dict[str, Any] = {
    type(make()).__name__: type(make()) for make in initializers.INITIALIZERS.values()
}
"""Their records, by class."""

# What training alone uses, and names: weights fit whatever these are.
FREE = frozenset({"name", "save", "kernel_initializer", "bias_initializer", "initial", "momentum", "rate"})


def described(layer: Layer) -> dict[str, Any]:
    """Describe a layer: its "kind", and the arguments that make it again.

    Initializers that are not of `relu_fast.nn.initializers` are left out.
    """
    plain = {name: _plain(value) for name, value in layer.options().items()}
    known = {name: value for name, value in plain.items() if not callable(value)}
    return {"kind": type(layer).__name__, **known}


def made(description: Mapping[str, Any]) -> Layer:
    """Make the layer of a description.

    Raises
    ------
    ValueError, TypeError
        For an unknown kind, and what its constructor raises.
    """
    kind = description.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"unknown kind of layer {kind!r}, expected one of {', '.join(KINDS)}")
    return KINDS[kind](**{name: _restored(value) for name, value in description.items() if name != "kind"})


def difference(theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    """Find the first thing in which two descriptions compute something else: (what, theirs, mine)."""
    theirs, mine = _computed(theirs), _computed(mine)
    for name in mine | theirs:
        if theirs.get(name) != mine.get(name):
            return name, theirs.get(name), mine.get(name)
    return None


def _computed(description: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what the output depends on, and fill in the defaults of the activation."""
    activation = description.get("activation")
    row = ACTIVATIONS.get(activation) if isinstance(activation, str) else None
    given = {name: value for name, value in description.items() if name not in FREE}
    return {**given, **({} if row is None else row.params), **given}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if type(value) in INITIALIZERS.values():
        return {"initializer": type(value).__name__, **asdict(value)}
    return value


def _restored(value: Any) -> Any:
    if isinstance(value, list):
        return np.array(value)
    if isinstance(value, dict):
        fields = dict(value)
        name = fields.pop("initializer", None)
        if not isinstance(name, str) or name not in INITIALIZERS:
            raise ValueError(f"unknown initializer {name!r}, expected one of {', '.join(INITIALIZERS)}")
        return INITIALIZERS[name](**fields)
    return value
