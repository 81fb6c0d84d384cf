"""Rectifier activations at memory speed that count dead units in the same pass."""

from . import fused, isa, nn, ufuncs
from .activations import ACTIVATIONS, Activation
from .functional import (
    elu,
    elu_backward,
    leaky_relu,
    leaky_relu_backward,
    prelu,
    prelu_backward,
)
from .monitor import DeadUnitMonitor
from .stats import GradStats, UnitStats, count_active
from .ufuncs import (
    relu,
    relu_backward,
    selu,
    selu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)

__version__ = "0.1.0"

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "DeadUnitMonitor",
    "GradStats",
    "UnitStats",
    "count_active",
    "elu",
    "elu_backward",
    "fused",
    "isa",
    "leaky_relu",
    "leaky_relu_backward",
    "nn",
    "prelu",
    "prelu_backward",
    "relu",
    "relu_backward",
    "selu",
    "selu_backward",
    "sigmoid",
    "sigmoid_backward",
    "tanh",
    "tanh_backward",
    "ufuncs",
]
