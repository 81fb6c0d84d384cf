"""Where units live in a network: the layer that makes them, their activation, and the layer that reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import fused, verdicts
from ..activations import activation_named
from ..verdicts import Gate

__all__ = [
    *("DenseLayer", "EntryOptimizer", "Network", "Place"),
    *("described", "find", "is_dense", "positions", "successor"),
]


class Network(Protocol):
    """Layers one after the other; `parameters` is needed only where an optimizer is to be told."""

    @property
    def layers(self) -> Sequence[Any]: ...
    @property
    def parameters(self) -> np.ndarray: ...


class DenseLayer(Protocol):
    """A fully connected layer; kernel and bias are written into."""

    @property
    def name(self) -> str | None: ...
    @property
    def kernel(self) -> np.ndarray: ...
    @property
    def bias(self) -> np.ndarray: ...
    @property
    def activation(self) -> str | None: ...
    @property
    def activation_params(self) -> Mapping[str, Any]: ...

    def initialize(self, parameters: list[np.ndarray], generator: np.random.Generator) -> None: ...


class EntryOptimizer(Protocol):
    """An optimizer that can forget what it knows of single entries of the parameter vector it moves."""

    def check(self, parameters: np.ndarray) -> None: ...
    def reset_entries(self, indices: ArrayLike) -> None: ...


@dataclass(frozen=True, eq=False)
class Place:
    """The units of one layer.

    Attributes
    ----------
    name : str
        The layer's, as it was asked for.
    index : int
        Of the dense layer in ``network.layers``.
    dense : DenseLayer
        The layer that has weights and biases of the units.
    active : layer
        The one that has their activation: `dense` itself, or the one after it.
    after : int
        Index of the first layer after them.
    """

    name: str
    index: int
    dense: DenseLayer
    active: Any
    after: int

    @property
    def units(self) -> int:
        """Number of units."""
        return len(self.dense.bias)

    @property
    def activation(self) -> str:
        """Name of the activation."""
        name: str = self.active.activation
        return name

    @property
    def params(self) -> Mapping[str, Any]:
        """Parameters of the activation."""
        params: Mapping[str, Any] = self.active.activation_params
        return params

    @property
    def gate(self) -> Gate:
        """The activation's gate, as the verdicts take it."""
        return activation_named(self.activation).gate_for(**self.params)

    def silent_output(self) -> NDArray[np.float64]:
        """Compute what each unit puts out below its gate, (units,); 0 for a unit without one."""
        gate = verdicts.gates(self.gate, self.units)
        has_gate = ~np.isnan(gate)
        below = np.where(has_gate, gate - 1.0 - np.abs(gate), 0.0).astype(self.dense.kernel.dtype)
        outputs = fused.forward(below[np.newaxis], self.activation, **self.params)[0]
        return np.where(has_gate & np.isfinite(outputs), outputs, 0.0).astype(np.float64)

    def numbers(self, units: ArrayLike) -> NDArray[np.intp]:
        """Return unit numbers, ascending and each once.

        Raises
        ------
        TypeError
            If they are no integers.
        IndexError
            If there is no such unit.
        """
        given = np.atleast_1d(np.asarray(units))
        if given.size and given.dtype.kind not in "iu":
            raise TypeError(f"units of {self.name!r} have dtype {given.dtype}, expected integers")
        numbers = np.unique(given.astype(np.intp))
        if numbers.size and not 0 <= numbers[0] <= numbers[-1] < self.units:
            wrong = numbers[0] if numbers[0] < 0 else numbers[-1]
            raise IndexError(
                f"layer {self.name!r} has no unit {wrong}, expected one of its {self.units} units, from 0 on"
            )
        return numbers


def find(network: Network, name: str) -> Place:
    """Find the units of the layer with that name.

    Raises
    ------
    ValueError
        If there is no such layer, it has no weights or no activation, what makes it up is not understood, or
        it shares its weights with another layer.
    """
    layers = network.layers
    names = [layer.name for layer in layers]
    if name not in names:
        known = ", ".join(repr(other) for other in names)
        raise ValueError(f"no layer is named {name!r}; the network has {known}")
    index = names.index(name)
    if _is_activation(layers[index]):
        # Its units are those of the linear layer before it.
        before = layers[index - 1] if index else None
        if before is None or not is_dense(before) or before.activation is not None:
            given = "the input of the network" if before is None else described(before)
            raise ValueError(
                f"cannot revive units of {name!r}: it reads {given}, expected a dense layer without activation"
            )
        index -= 1
    dense = active = layers[index]
    if not is_dense(dense):
        raise ValueError(f"cannot revive units of {described(dense)}, expected a dense layer")
    after = index + 1
    if dense.activation is None:
        if after == len(layers) or not _is_activation(layers[after]):
            given = "nothing" if after == len(layers) else described(layers[after])
            raise ValueError(
                f"cannot revive units of {name!r}: it has no activation and {given} follows, "
                "expected an activation that learns nothing"
            )
        active, after = layers[after], after + 1
    place = Place(name, index, dense, active, after)
    _check_own(network, index, place, "weights")
    return place


def successor(network: Network, place: Place) -> DenseLayer | None:
    """Find the dense layer that reads these units, with nothing but dropout between; None for the last layer.

    Raises
    ------
    ValueError
        If another layer reads them, or the outgoing weights are shared with another layer.
    """
    layers = network.layers
    for index in range(place.after, len(layers)):
        layer = layers[index]
        if is_dense(layer):
            _check_own(network, index, place, "outgoing weights")
            found: DenseLayer = layer
            return found
        if not _passes_on(layer, place):
            raise ValueError(
                f"cannot revive units of {place.name!r}: {described(layer)} reads them, expected a dense layer, "
                "with nothing but dropout before it"
            )
    return None


def positions(vector: np.ndarray, view: np.ndarray, name: str) -> NDArray[np.intp]:
    """Return where the elements of `view` lie in the flat `vector`, an array like `view`.

    Raises
    ------
    ValueError
        If they do not lie there; the message calls the layer `name`.
    """
    starts = [array.__array_interface__["data"][0] for array in (vector, view)]
    offset, rest = divmod(starts[1] - starts[0], vector.itemsize)
    found = np.full(view.shape, offset, np.intp)
    for axis, (length, stride) in enumerate(zip(view.shape, view.strides, strict=True)):
        steps = np.arange(length) * (stride // vector.itemsize)
        found += steps.reshape([-1 if i == axis else 1 for i in range(view.ndim)])
    inside = found.size == 0 or 0 <= found.min() <= found.max() < vector.size
    if rest or view.dtype != vector.dtype or not inside:
        raise ValueError(f"the weights of {name!r} are no view into the network's parameters")
    return found


def is_dense(layer: Any) -> bool:
    """Whether it has a kernel (features, units) and a bias (units,)."""
    kernel: Any = getattr(layer, "kernel", None)
    bias: Any = getattr(layer, "bias", None)
    return np.ndim(kernel) == 2 and np.shape(bias) == np.shape(kernel)[1:]


def described(layer: Any) -> str:
    """Name a layer and its kind for a message."""
    return f"{layer.name!r} ({type(layer).__name__})"


def _is_activation(layer: Any) -> bool:
    """Whether it is an activation and nothing else: without parameters that are learned."""
    if is_dense(layer) or getattr(layer, "activation", None) is None:
        return False
    shapes = getattr(layer, "parameter_shapes", None)
    return shapes is None or not shapes(1)


def _passes_on(layer: Any, place: Place) -> bool:
    """Whether it gives, in evaluation, the very array it was given: dropout does."""
    row = np.linspace(-2.0, 2.0, place.units).astype(place.dense.kernel.dtype)[np.newaxis]
    before = row.copy()
    return layer.forward(row, training=False) is row and np.array_equal(row, before)


def _check_own(network: Network, index: int, place: Place, what: str) -> None:
    """Raise ValueError if kernel or bias of the layer at `index` belong to another layer as well."""
    layer = network.layers[index]
    for other_index, other in enumerate(network.layers):
        if other_index == index or not is_dense(other):
            continue
        shared = any(
            np.shares_memory(a, b) for a in (layer.kernel, layer.bias) for b in (other.kernel, other.bias)
        )
        if shared:
            raise ValueError(
                f"cannot revive units of {place.name!r}: its {what}, those of {layer.name!r}, are shared with "
                f"{other.name!r}"
            )
