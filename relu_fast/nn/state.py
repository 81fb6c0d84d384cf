"""What a built model owns: its flat vectors, and the arrays between its layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .buffers import Buffers
from .layers import Layer

__all__ = ["State", "array_shapes", "widths"]


def widths(layers: Sequence[Layer], features: int) -> list[int]:
    """Count the columns of the input and of each layer's output."""
    columns = [features]
    for layer in layers:
        columns.append(layer.output_units(columns[-1]))
    return columns


def array_shapes(layers: Sequence[Layer], features: int, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Name the parameters and averages of `layers`, which are called `names`: "dense_1/kernel" -> its shape."""
    shapes = {}
    for layer, name, columns in zip(layers, names, widths(layers, features), strict=False):
        for own, kind, arrays in (
            (layer.parameter_names, "parameter", layer.parameter_shapes(columns)),
            (layer.average_names, "average", layer.average_shapes(columns)),
        ):
            for i, shape in enumerate(arrays):
                # A layer of one's own need not say what it calls them.
                shapes[f"{name}/{own[i] if i < len(own) else f'{kind}_{i}'}"] = shape
    return shapes


class State:
    """The parameters and gradients of `layers` for an input of `features` columns.

    Attributes
    ----------
    parameters, gradients : ndarray (n,)
        Zeros at first; `bind` gives each layer views into them.
    averages : ndarray (m,)
        What training averages, likewise.
    outputs, input_gradients : Buffers
        One array for the output of each layer, and for the gradient at its input.
    first_trainable : int
        The first layer with parameters: below it nobody needs a gradient.
    features, units : int
        Columns of the input and of the output.
    """

    def __init__(self, layers: Sequence[Layer], features: int, dtype: np.dtype) -> None:
        columns = self._columns = widths(layers, features)
        self.features, self.units, self.dtype = features, columns[-1], dtype
        self._shapes = [layer.parameter_shapes(n) for layer, n in zip(layers, columns, strict=False)]
        self._average_shapes = [layer.average_shapes(n) for layer, n in zip(layers, columns, strict=False)]
        size = _size(self._shapes)
        self.parameters, self.gradients = np.zeros(size, dtype), np.zeros(size, dtype)
        self.averages = np.zeros(_size(self._average_shapes), dtype)
        self.outputs, self.input_gradients = Buffers(columns[1:], dtype), Buffers(columns[:-1], dtype)
        trainable = [i for i, shapes in enumerate(self._shapes) if shapes]
        self.first_trainable = trainable[0] if trainable else len(layers)

    def views(self, vector: np.ndarray) -> list[list[np.ndarray]]:
        """Cut a flat vector into kernel, bias, kernel, bias, ...: a list for each layer, in their order."""
        return _cut(vector, self._shapes)

    def average_views(self) -> list[list[np.ndarray]]:
        """Cut `averages` likewise."""
        return _cut(self.averages, self._average_shapes)

    def arrays(self, layers: Sequence[Layer]) -> dict[str, np.ndarray]:
        """Return the views of parameters and averages under the names of `array_shapes`."""
        names = array_shapes(layers, self.features, [str(layer.name) for layer in layers])
        both = zip(self.views(self.parameters), self.average_views(), strict=True)
        return dict(zip(names, [view for own in both for views in own for view in views], strict=True))

    def bind(self, layers: Sequence[Layer]) -> None:
        """Hand the layers their views of parameters, gradients and averages, and tell them their units."""
        for layer, units, parameters, gradients, averages in zip(
            layers,
            self._columns[1:],
            self.views(self.parameters),
            self.views(self.gradients),
            self.average_views(),
            strict=True,
        ):
            layer.units = units
            layer.bind(parameters, gradients)
            layer.bind_averages(averages)


def _size(shapes: list[tuple[tuple[int, ...], ...]]) -> int:
    return sum(math.prod(shape) for layer in shapes for shape in layer)


def _cut(vector: np.ndarray, shapes: list[tuple[tuple[int, ...], ...]]) -> list[list[np.ndarray]]:
    start = 0
    views: list[list[np.ndarray]] = []
    for layer in shapes:
        views.append([])
        for shape in layer:
            stop = start + math.prod(shape)
            views[-1].append(vector[start:stop].reshape(shape))
            start = stop
    return views
