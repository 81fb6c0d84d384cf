"""Many small relu networks of one input and one output, computed at once with the fused passes.

The units of all networks are the units of one pass: arrays are (networks, units, rows), which the pass reads as
(networks * units, rows) with a bias and a count for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .. import fused
from ..nn.initializers import RAI, Initializer, RandomNormal, draw, draws_bias
from ..stats import UnitStats

__all__ = [
    "HIGH",
    "INITIALIZATIONS",
    "LABELS",
    "LOW",
    "SmallNetworks",
    "first_silent_layers",
    "silent_layer",
    "stream",
]

LOW, HIGH = -math.sqrt(3.0), math.sqrt(3.0)
"""The inputs: an interval on which a uniform variable has variance 1."""

GRID = 33
"""At how many inputs networks with biases are looked at first."""


def he(shape: tuple[int, ...], generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw weights (features, units) from N(0, 2 / features), not truncated, as in He et al. 2015 (1502.01852)."""
    return RandomNormal(stddev=math.sqrt(2.0 / shape[0]))(shape, generator)


INITIALIZATIONS: dict[str, Initializer] = {"he": he, "rai": RAI()}
"""Of all layers, the output too. With he the biases are zero."""

LABELS = {"he": "He", "rai": "RAI"}


def stream(seed: int, *key: int | str) -> np.random.Generator:
    """Return the random generator of a purpose, which is named by numbers and words."""
    numbers = [part if isinstance(part, int) else int.from_bytes(part.encode(), "big") for part in key]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=numbers)))


@dataclass(frozen=True, eq=False)
class Affine:
    """One layer of all networks, as views into the flat vectors.

    Attributes
    ----------
    weights, weight_gradients : ndarray (networks, units, features)
    biases, bias_gradients : ndarray (networks, units)
    """

    weights: np.ndarray
    biases: np.ndarray
    weight_gradients: np.ndarray
    bias_gradients: np.ndarray


class SmallNetworks:
    """`count` networks with `depth` affine layers: depth - 1 hidden ones of `width` relu units, one linear output.

    Attributes
    ----------
    count, width, depth : int
    parameters, gradients : ndarray (n,)
        All weights and biases, and the gradient of the sum of the networks' losses: what an optimizer takes.
    layers : tuple of Affine
        Views into them.
    """

    def __init__(self, count: int, width: int, depth: int, dtype: type[np.floating] = np.float64) -> None:
        self.count, self.width, self.depth = count, width, depth
        sizes = [1, *[width] * (depth - 1), 1]
        shapes = [(count, units, features) for features, units in pairwise(sizes)]
        total = sum(math.prod(shape) + count * shape[1] for shape in shapes)
        self.parameters, self.gradients = np.zeros(total, dtype), np.zeros(total, dtype)
        views, begin = [], 0
        for shape in shapes:
            middle = begin + math.prod(shape)
            end = middle + count * shape[1]
            views.append(
                Affine(
                    self.parameters[begin:middle].reshape(shape),
                    self.parameters[middle:end].reshape(shape[:2]),
                    self.gradients[begin:middle].reshape(shape),
                    self.gradients[middle:end].reshape(shape[:2]),
                )
            )
            begin = end
        self.layers = tuple(views)

    def initialize(self, initializer: Initializer, generator: np.random.Generator) -> SmallNetworks:
        """Draw every layer; returns itself."""
        for layer in self.layers:
            networks, units, features = layer.weights.shape
            # An initializer draws each unit, a column, by itself: those of all networks are one wide layer.
            rows = features + draws_bias(initializer)
            columns = draw(initializer, (rows, networks * units), generator).T.reshape(networks, units, rows)
            layer.weights[...] = columns[:, :, :features]
            layer.biases[...] = columns[:, :, -1] if rows > features else 0.0
        return self

    def forward(self, x: np.ndarray, stats: Sequence[UnitStats] | None = None) -> list[np.ndarray]:
        """Return what enters each layer, and the output of the last: arrays (networks, units, rows).

        Parameters
        ----------
        x : ndarray (networks, rows) or (1, rows)
            Inputs of each network, or of all.
        stats : sequence of UnitStats, optional
            For each hidden layer one of networks * width units; accumulates.
        """
        entering = [x[:, np.newaxis, :]]
        for i, layer in enumerate(self.layers):
            z = np.matmul(layer.weights, entering[-1])
            if i == self.depth - 1:
                z += layer.biases[:, :, np.newaxis]
            else:
                units, counts = _units(z), None if stats is None else stats[i]
                fused.forward(
                    units, "relu", bias=layer.biases.reshape(-1), unit_axis=0, stats=counts, out=units
                )
            entering.append(z)
        return entering

    def backward(self, entering: list[np.ndarray], g: np.ndarray) -> None:
        """Fill `gradients`.

        Parameters
        ----------
        entering : list of ndarray
            What `forward` returned.
        g : ndarray (networks, 1, rows)
            Gradients of the losses with respect to the outputs. **Overwritten.**
        """
        for i in reversed(range(self.depth)):
            layer = self.layers[i]
            if i == self.depth - 1:
                np.add.reduce(g, axis=2, out=layer.bias_gradients)
            else:
                units = _units(g)
                fused.backward(
                    units,
                    "relu",
                    y=_units(entering[i + 1]),
                    unit_axis=0,
                    bias_grad=layer.bias_gradients.reshape(-1),
                    out=units,
                )
            np.matmul(g, entering[i].swapaxes(1, 2), out=layer.weight_gradients)
            if i:
                g = np.matmul(layer.weights.swapaxes(1, 2), g)

    def new_stats(self) -> list[UnitStats]:
        """Return fresh counts for each hidden layer."""
        return [UnitStats(self.count * self.width, collect=("active",)) for _ in self.layers[1:]]

    def silent(self, stats: Sequence[UnitStats]) -> NDArray[np.bool_]:
        """Tell which hidden layers did not fire at all in what was counted: (hidden layers, networks)."""
        counts = [layer.active for layer in stats]
        return np.array([(of.reshape(self.count, -1) == 0).all(axis=1) for of in counts if of is not None])


def first_silent_layers(networks: SmallNetworks, low: float = LOW, high: float = HIGH) -> NDArray[np.intp]:
    """Find each network's first hidden layer that fires for no input from `low` to `high`.

    A network is constant there exactly if there is one, but for weights of probability 0: as long as a layer's
    input is not constant, none of its pre-activations is, and a unit that fires somewhere is not constant either.

    Fused passes at some inputs sort out the networks that fire. Without biases the two ends are enough, with low
    < 0 < high: a pre-activation is then linear on either side of zero, where it is zero. With biases, those that
    did not fire are followed exactly from breakpoint to breakpoint, as a layer might fire between two inputs.

    Returns
    -------
    ndarray of int (networks,)
        0 for the first layer; the number of hidden layers where all fire.
    """
    hidden = networks.layers[:-1]
    biased = any(layer.biases.any() for layer in hidden)
    x = np.linspace(low, high, GRID if biased else 2, dtype=networks.parameters.dtype)
    stats = networks.new_stats()
    networks.forward(x[np.newaxis], stats)
    silent = networks.silent(stats)
    found = np.where(silent.any(axis=0), silent.argmax(axis=0), len(hidden))
    if biased:
        for i in np.flatnonzero(found < len(hidden)):
            layers = ((layer.weights[i], layer.biases[i]) for layer in hidden)
            found[i] = silent_layer(layers, low, high, skip=int(found[i]))
    return found


def silent_layer(
    layers: Iterator[tuple[np.ndarray, np.ndarray]], low: float, high: float, *, skip: int = 0
) -> int:
    """Find the first of a network's hidden layers that fires for no input from `low` to `high`.

    Between neighbouring breakpoints everything is linear, so the values at the breakpoints say all. They are kept
    as columns; where the sign of a unit changes between two of them, a new one is interpolated.

    Parameters
    ----------
    layers : iterator of (weights (units, features), biases (units,))
    skip : int
        So many layers are known to fire.

    Returns
    -------
    int
        The number of layers if all fire.
    """
    columns = np.array([[low, high]])
    count = 0
    for count, (weights, biases) in enumerate(layers, 1):
        z = weights.astype(np.float64) @ columns + biases[:, np.newaxis]
        if count > skip and (z <= 0.0).all():
            return count - 1
        sign = np.sign(z)
        unit, left = np.nonzero(sign[:, :-1] * sign[:, 1:] < 0.0)
        share = z[unit, left] / (z[unit, left] - z[unit, left + 1])
        roots = z[:, left] + share * (z[:, left + 1] - z[:, left])
        roots[unit, np.arange(unit.size)] = 0.0
        order = np.argsort(np.concatenate([np.arange(z.shape[1]), left + share]), kind="stable")
        columns = np.maximum(np.concatenate([z, roots], axis=1)[:, order], 0.0)
    return count


def _units(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, array.shape[-1])
