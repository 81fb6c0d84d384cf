"""Shapes with the axis of their units, and ways for an array to lie in memory."""

import numpy as np

# (shape, unit_axis): every rank, dense, NCHW, NHWC, (batch, time, features), units first
SHAPES = [
    ((7,), 0),
    ((7,), -1),
    ((5, 8), 1),
    ((5, 8), 0),
    ((3, 5, 4), 2),
    ((3, 5, 4), 1),
    ((3, 5, 4), 0),
    ((2, 3, 4, 5), 1),
    ((2, 3, 4, 5), -1),
    ((2, 3, 4, 5), 2),
    ((2, 3, 2, 3, 4), 1),
    ((2, 3, 2, 3, 4), 4),
    ((2, 3, 2, 3, 4), 0),
    ((1, 1, 1, 1), 1),
]

# (shape, unit_axis) by what the C library makes of them: rows shared by several outer entries, tiles of whole
# units, one unit a tile; with remainders, and with more than one chunk of 2^18 elements
TILINGS = {
    **{f"few units {units}": ((1000 + units, units), 1) for units in (1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 20)},
    "few units, one row": ((3, 5), 1),
    "few units, chunks": ((60_001, 9), 1),
    "one unit, chunks": ((600_001, 1), 1),
    "one row of units": ((130, 127), 1),
    "whole units": ((130, 128), 1),
    "whole units, remainder": ((77, 1000), 1),
    "whole units, exact tile": ((9, 1024), 1),
    "whole units, two tiles": ((9, 1025), 1),
    "whole units, many tiles": ((10, 5003), 1),
    "whole units, chunks": ((900, 601), 1),
    "whole units, tiles and chunks": ((250, 2100), 1),
    "inner 2": ((40, 7, 2), 1),
    "inner 40": ((50, 9, 40), 1),
    "inner 33, two tiles": ((7, 40, 33), 1),
    "inner 512": ((3, 5, 512), 1),
    "inner 513": ((3, 5, 513), 1),
    "inner 1024": ((3, 4, 1024), 1),
    "inner 1025": ((3, 4, 1025), 1),
    "inner small, chunks": ((80, 60, 71), 1),
    "inner large, remainder": ((2, 3, 2000), 1),
    "inner large, chunks": ((2, 2, 300_001), 1),
    "inner huge, one unit": ((1, 700_003), 0),
    "units first": ((70, 9000), 0),
}


def _from_bytes(a, dtype, shift):
    raw = np.zeros(a.nbytes + 16, np.uint8)[shift : shift + a.nbytes].view(dtype).reshape(a.shape)
    raw[...] = a
    return raw


def _sliced(a, axis, step):
    wide = np.zeros([n * (3 if i == axis else 1) for i, n in enumerate(a.shape)], a.dtype)
    key = [slice(None)] * a.ndim
    key[axis] = slice(None, None, step)
    view = wide[tuple(key)]
    view = view[tuple(slice(n) for n in a.shape)]
    view[...] = a
    return view


def _reordered(a, order):
    """The same values in memory whose axes lie in `order`, from the widest stride to the narrowest."""
    return np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))


# each makes an array of the same values elsewhere
LAYOUTS = {
    "C order": lambda a: a.copy(order="C"),
    "Fortran order": lambda a: a.copy(order="F"),
    "rolled axes": lambda a: _reordered(a, np.roll(range(a.ndim), 1)),
    "first axis sliced": lambda a: _sliced(a, 0, 2),
    "last axis sliced": lambda a: _sliced(a, a.ndim - 1, 2),
    "middle axis sliced": lambda a: _sliced(a, a.ndim // 2, 3),
    "first axis backwards": lambda a: _sliced(a, 0, -1),
    "last axis backwards": lambda a: _sliced(a, a.ndim - 1, -1),
    "everything backwards": lambda a: a[(np.s_[::-1],) * a.ndim].copy()[(np.s_[::-1],) * a.ndim],
    "columns of a wider matrix": lambda a: _padded(a),
    "byte swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "unaligned": lambda a: _from_bytes(a, a.dtype, 1),
    "unaligned and swapped": lambda a: _from_bytes(a, a.dtype.newbyteorder(), 3),
}


def _padded(a):
    wide = np.zeros((*a.shape[:-1], a.shape[-1] + 5), a.dtype)
    wide[..., 2:-3] = a
    return wide[..., 2:-3]


def whole(a):
    """The array that owns the memory of a view."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a
