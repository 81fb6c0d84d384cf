"""The raw ``np.ufunc`` of every activation and of its backward pass, ``<name>`` and ``<name>_backward``.

Parameters are operands and broadcast like any other: ``leaky_relu(x, negative_slope)``.
"""

from ._core import _ufuncs

globals().update(_ufuncs())
__all__ = sorted(name for name in globals() if not name.startswith("_"))
