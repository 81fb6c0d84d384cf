"""The training step of the three-layer experiment in pure NumPy: the same work, counts included.

This is what our step is measured against, so it is written the way a good NumPy user would: one parameter
vector that the layers view, so that Adam is a few calls for all of them; arrays that are used again; in place
where that is natural.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

__all__ = ["NumpyTwin", "TwinLayer"]

# Adam's and Keras' defaults.
LEARNING_RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7


class TwinLayer:
    """A dense layer: views into the vectors of the network, its arrays, and its counts.

    Attributes
    ----------
    active, nonfinite : ndarray of int (units,)
        How often x @ kernel + bias was above zero, and how often it was NaN or infinite.
    largest : ndarray (units,)
        The largest x @ kernel + bias.
    gradient_nonzero, gradient_nonfinite : ndarray of int (units,)
        The same of the gradient there.
    """

    def __init__(
        self, features: int, units: int, rows: int, parameters: np.ndarray, gradients: np.ndarray
    ) -> None:
        self.kernel = parameters[: features * units].reshape(features, units)
        self.bias = parameters[features * units :]
        self.kernel_gradient = gradients[: features * units].reshape(features, units)
        self.bias_gradient = gradients[features * units :]
        self.output = np.empty((rows, units), parameters.dtype)
        self.input_gradient = np.empty((rows, features), parameters.dtype)
        self.active = np.zeros(units, np.int64)
        self.nonfinite = np.zeros(units, np.int64)
        self.largest = np.full(units, -np.inf)
        self.gradient_nonzero = np.zeros(units, np.int64)
        self.gradient_nonfinite = np.zeros(units, np.int64)

    def pre_activation(self, x: np.ndarray) -> np.ndarray:
        """Return x @ kernel + bias, counted; the caller overwrites it with the output."""
        z = np.dot(x, self.kernel, out=self.output)
        z += self.bias
        self.active += (z > 0).sum(axis=0)
        self.nonfinite += (~np.isfinite(z)).sum(axis=0)
        np.maximum(self.largest, z.max(axis=0), out=self.largest)
        return z

    def backward(self, g: np.ndarray, x: np.ndarray) -> None:
        """Count the gradient `g` at x @ kernel + bias, and fill those of kernel and bias."""
        self.gradient_nonzero += (g != 0).sum(axis=0)
        self.gradient_nonfinite += (~np.isfinite(g)).sum(axis=0)
        np.dot(x.T, g, out=self.kernel_gradient)
        g.sum(axis=0, out=self.bias_gradient)


class NumpyTwin:
    """Dense layers with relu, the last one with sigmoid; binary cross-entropy; Adam.

    Parameters
    ----------
    widths : sequence of int
        Features of the input, then the units of each layer: (4, 64, 64, 64, 1).
    rows : int
        Of every batch.
    parameters : ndarray (n,)
        Initial values: kernel (features, units) and bias of the first layer, of the second, ... Copied.

    Attributes
    ----------
    parameters, gradients : ndarray (n,)
    layers : list of TwinLayer
    """

    def __init__(self, widths: Sequence[int], rows: int, parameters: np.ndarray) -> None:
        self.parameters = parameters.copy()
        self.gradients = np.zeros_like(parameters)
        self.layers: list[TwinLayer] = []
        start = 0
        for features, units in pairwise(widths):
            part = slice(start, start + (features + 1) * units)
            self.layers.append(TwinLayer(features, units, rows, self.parameters[part], self.gradients[part]))
            start = part.stop
        self._moment, self._square = np.zeros_like(parameters), np.zeros_like(parameters)
        self._scratch = np.empty_like(parameters)
        self._steps = 0

    def step(self, x: np.ndarray, y: np.ndarray) -> float:
        """Train on one batch, x (rows, features) and labels y (rows, 1); return its mean loss."""
        *hidden, last = self.layers
        outputs = [x]
        for layer in hidden:
            z = layer.pre_activation(outputs[-1])
            outputs.append(np.maximum(z, 0, out=z))
        p = last.pre_activation(outputs[-1])
        np.negative(p, out=p)
        np.exp(p, out=p)
        p += 1
        np.reciprocal(p, out=p)

        # Keras clips the probability, and gives no gradient where it did.
        clipped = np.clip(p, EPSILON, 1 - EPSILON)
        loss = -float(np.mean(y * np.log(clipped) + (1 - y) * np.log(1 - clipped)))
        g = (clipped - y) / (clipped * (1 - clipped) * p.size)
        g *= clipped == p

        g *= p * (1 - p)
        last.backward(g, outputs[-1])
        for i in reversed(range(len(hidden))):
            above = self.layers[i + 1]
            g = np.dot(g, above.kernel.T, out=above.input_gradient)
            g *= outputs[i + 1] > 0
            hidden[i].backward(g, outputs[i])
        self._adam()
        return loss

    def _adam(self) -> None:
        """Adam with epsilon where Keras has it."""
        moment, square, scratch = self._moment, self._square, self._scratch
        self._steps += 1
        np.multiply(self.gradients, 1 - BETA_1, out=scratch)
        moment *= BETA_1
        moment += scratch
        np.multiply(self.gradients, self.gradients, out=scratch)
        scratch *= 1 - BETA_2
        square *= BETA_2
        square += scratch
        np.sqrt(square, out=scratch)
        scratch += EPSILON
        np.divide(moment, scratch, out=scratch)
        scratch *= LEARNING_RATE * math.sqrt(1 - BETA_2**self._steps) / (1 - BETA_1**self._steps)
        self.parameters -= scratch
