"""Networks with units that are dead, and one that knows nothing of `relu_fast.nn`."""

import numpy as np

import relu_fast as rf
from relu_fast import nn

DEAD = -50.0
"""A bias far below what the inputs below can reach."""


def inputs(rows=200, features=5, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, features))
    return x, (x.sum(axis=1) > 0).astype(float)


def network(activation="relu", *, dtype=np.float64, features=5, dead=((1, 3), (0, 2)), between=(), **params):
    """Two hidden layers of 8 and 6 units, the given ones dead, whose outgoing weights matter."""
    model = nn.Sequential(
        [
            nn.Dense(8, activation, name="first", bias_initializer="random_normal", **params),
            *between,
            nn.Dense(6, activation, name="second", bias_initializer="random_normal", **params),
            nn.Dense(1, "sigmoid", name="last"),
        ]
    ).build(features, dtype=dtype)
    for layer, units in zip(hidden(model), dead, strict=True):
        layer.bias[list(units)] = DEAD
    return model


def hidden(model):
    return [layer for layer in model.layers if layer.name in ("first", "second")]


class PlainDense:
    """A dense layer with the attributes that the protocol names, and no others."""

    def __init__(self, name, kernel, bias, activation="relu", **params):
        self.name, self.kernel, self.bias = name, kernel, bias
        self.activation, self.activation_params = activation, params

    def initialize(self, parameters, generator):
        kernel, bias = parameters
        kernel[...] = generator.normal(size=kernel.shape)
        bias[...] = 0.5

    def forward(self, x, training=False):
        z = x @ self.kernel + self.bias
        return (
            z if self.activation is None else rf.fused.forward(z, self.activation, **self.activation_params)
        )


class PlainNetwork:
    def __init__(self, *layers):
        self.layers = list(layers)
