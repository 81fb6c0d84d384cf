"""Rectifier activations at memory speed that count dead units in the same pass.

``rf.relu``, ``rf.elu``, ...     activations for NumPy arrays; ``rf.ufuncs`` has every raw ufunc and backward
``rf.fused``                   bias, activation and per-unit counts in one pass; ``rf.UnitStats``, ``rf.count_active``
``rf.DeadUnitMonitor``         which units are dead, and how sure that is
``rf.bounds``                  which units are dead for every input of a box, proven by interval arithmetic
``rf.revive``                  cures for dead units, and whether they took
``rf.nn``                      a small training layer in NumPy
``rf.jax``                     the activations for JAX
``rf.isa``                     the instruction sets of this machine
``rf.get_include()``           what C, C++, Rust and Cython build with; ``rf.get_library_dir()``, ``rf.get_cmake_dir()``
``rf.set_num_threads(2)``      how many threads share large arrays; ``rf.get_num_threads()``
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from numpy import __version__ as _numpy_version

if int(_numpy_version.partition(".")[0]) < 2:  # what NumPy itself says of it takes a page
    raise ImportError(f"relu_fast needs NumPy 2.0 or newer; this Python has NumPy {_numpy_version}")
if find_spec("relu_fast._core") is None:
    raise ImportError(
        f"{__path__[0]} holds the sources of relu_fast, without its compiled modules: import it from another "
        "folder, or install it here with pip install -e ."
    )

from . import fused, isa, ufuncs
from .activations import ACTIVATIONS, Activation
from .composed import crelu, crelu_backward, rrelu, rrelu_backward
from .embed import get_cmake_dir, get_include, get_library_dir
from .functional import (
    celu,
    celu_backward,
    elu,
    elu_backward,
    hardsigmoid,
    hardsigmoid_backward,
    hardtanh,
    hardtanh_backward,
    leaky_relu,
    leaky_relu_backward,
    prelu,
    prelu_backward,
    softplus,
    softplus_backward,
    swish,
    swish_backward,
    thresholded_relu,
    thresholded_relu_backward,
)
from .stats import GradStats, UnitStats, count_active
from .threads import get_num_threads, set_num_threads
from .ufuncs import (
    gelu,
    gelu_backward,
    gelu_tanh,
    gelu_tanh_backward,
    hardswish,
    hardswish_backward,
    mish,
    mish_backward,
    relu,
    relu6,
    relu6_backward,
    relu_backward,
    selu,
    selu_backward,
    sigmoid,
    sigmoid_backward,
    silu,
    silu_backward,
    softsign,
    softsign_backward,
    squared_relu,
    squared_relu_backward,
    tanh,
    tanh_backward,
)

if TYPE_CHECKING:
    from . import bounds, nn, revive
    from . import jax as jax
    from .monitor import DeadUnitMonitor
else:
    # Imported on first use: they take as long as all the rest.
    _LATER = {
        "bounds": "relu_fast.bounds",
        "nn": "relu_fast.nn",
        "revive": "relu_fast.revive",
        "DeadUnitMonitor": "relu_fast.monitor",
    }

    def __getattr__(name: str) -> Any:
        if name == "jax":  # in no list: without JAX there is none
            return import_module("relu_fast.jax")
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(_LATER[name])
        found = globals()[name] = getattr(module, name, module)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *_LATER})


__version__ = "0.1.0"

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "DeadUnitMonitor",
    "GradStats",
    "UnitStats",
    "bounds",
    "celu",
    "celu_backward",
    "count_active",
    "crelu",
    "crelu_backward",
    "elu",
    "elu_backward",
    "fused",
    "gelu",
    "gelu_backward",
    "gelu_tanh",
    "gelu_tanh_backward",
    "get_cmake_dir",
    "get_include",
    "get_library_dir",
    "get_num_threads",
    "hardsigmoid",
    "hardsigmoid_backward",
    "hardswish",
    "hardswish_backward",
    "hardtanh",
    "hardtanh_backward",
    "isa",
    "leaky_relu",
    "leaky_relu_backward",
    "mish",
    "mish_backward",
    "nn",
    "prelu",
    "prelu_backward",
    "relu",
    "relu6",
    "relu6_backward",
    "relu_backward",
    "revive",
    "rrelu",
    "rrelu_backward",
    "selu",
    "selu_backward",
    "set_num_threads",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "softplus",
    "softplus_backward",
    "softsign",
    "softsign_backward",
    "squared_relu",
    "squared_relu_backward",
    "swish",
    "swish_backward",
    "tanh",
    "tanh_backward",
    "thresholded_relu",
    "thresholded_relu_backward",
    "ufuncs",
]
