"""The raw ``np.ufunc`` of every activation and of its backward pass, ``<name>`` and ``<name>_backward``.

Parameters are operands and broadcast like any other: ``leaky_relu(x, negative_slope)``.
"""

from ._core import _ufuncs

try:
    # at import: else NumPy would already have chosen, and remembered, another loop for bfloat16
    from ml_dtypes import bfloat16
except ImportError:
    globals().update(_ufuncs(None))
else:
    from numpy import dtype

    globals().update(_ufuncs(dtype(bfloat16)))
    del bfloat16, dtype
__all__ = sorted(name for name in globals() if not name.startswith("_"))
