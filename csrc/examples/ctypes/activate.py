"""An activation of the numbers on standard input, with ctypes and no NumPy: python activate.py LIBRARY NAME < numbers.

LIBRARY is the shared library, librelu_fast.so: see `relu-fast-config --libdir`.
"""

import ctypes
import sys
from array import array

ABI_VERSION, RF_OK, RF_FLOAT64 = 1000, 0, 1


def load(path):
    library = ctypes.CDLL(path)
    library.rf_strerror.restype = ctypes.c_char_p
    library.rf_activation_by_name.argtypes = [ctypes.c_char_p]
    library.rf_forward.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_size_t, *[ctypes.c_void_p] * 3]
    if library.rf_abi_check(ABI_VERSION) != RF_OK:
        sys.exit(f"{path} has ABI {library.rf_abi_version()}, expected {ABI_VERSION}")
    return library


def activate(library, name, numbers):
    """Return activation `name`, which has no parameters, of an array of doubles, as a new one."""
    activation = library.rf_activation_by_name(name.encode())
    if activation < 0:
        sys.exit(f"there is no activation {name!r}")
    result = array("d", bytes(8 * len(numbers)))
    (x, n), (y, _) = numbers.buffer_info(), result.buffer_info()
    status = library.rf_forward(activation, RF_FLOAT64, n, x, None, y)
    if status != RF_OK:
        sys.exit(f"{name}: {library.rf_strerror(status).decode()}")
    return result


if __name__ == "__main__":
    path, name = sys.argv[1:]
    for value in activate(load(path), name, array("d", map(float, sys.stdin.read().split()))):
        print(f"{value:.12g}")
