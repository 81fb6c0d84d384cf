"""Rectifier activations at memory speed that count dead units in the same pass.

``rf.relu``, ``rf.elu``, ...     activations for NumPy arrays; ``rf.ufuncs`` has every raw ufunc and backward
``rf.fused``                   bias, activation and per-unit counts in one pass; ``rf.UnitStats``, ``rf.count_active``
``rf.DeadUnitMonitor``         which units are dead, and how sure that is
``rf.nn``                      a small training layer in NumPy
``rf.isa``                     the instruction sets of this machine
"""

from importlib.util import find_spec

if find_spec("relu_fast._core") is None:
    raise ImportError(
        f"{__path__[0]} holds the sources of relu_fast, without its compiled modules: import it from another "
        "folder, or install it here with pip install -e ."
    )

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
