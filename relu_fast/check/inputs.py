"""What a check is made of: a network, data, a box, each from what was given on the command line."""

from __future__ import annotations

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from ..bounds import Box
from ..nn import Sequential, load_model

__all__ = ["load_box", "load_data", "load_network"]

ROWS_AT_A_TIME = 65536


def load_network(path: str) -> Sequential:
    """Make the network of a file of ``nn.save_weights``.

    Raises
    ------
    ValueError
        If it is no such file, or there is nothing to watch in the network.
    OSError
        If it cannot be read.
    """
    model = load_model(path)
    if all(layer.activation is None for layer in model.layers):
        raise ValueError(f"{path!r} has no layer with an activation: there is nothing to check")
    return model


def load_data(path: str, model: Sequential) -> NDArray[np.floating]:
    """Open an .npy file of examples (rows, features) for a network; what is large stays on the disk.

    Raises
    ------
    ValueError
        If it is no such file, has another number of columns or no rows, or is not of finite real numbers.
    OSError
        If it cannot be read.
    """
    with open(path, "rb") as file:
        if file.read(2) == b"PK":
            raise ValueError(f"{path!r} is an .npz file, expected an .npy file: one array, of numpy.save")
    try:
        # Not numpy.load, which takes other files for pickles.
        data: NDArray[np.floating] = open_memmap(path, mode="r")
    except (EOFError, TypeError, ValueError) as error:
        raise ValueError(f"{path!r} is no .npy file of numbers: {' '.join(str(error).split())}") from None
    if data.ndim != 2 or data.shape[1] != model.features:
        raise ValueError(
            f"{path!r} has shape {data.shape}, expected (rows, {model.features}): "
            f"the network has {model.features} features"
        )
    if not len(data):
        raise ValueError(f"{path!r} has shape {data.shape}: no rows, expected at least one")
    if data.dtype.kind not in "fiub":
        raise ValueError(f"{path!r} has dtype {data.dtype}, expected real numbers (float or integer)")
    bad = 0
    with np.errstate(over="ignore"):  # too large for the network's dtype: infinite there
        for start in range(0, len(data), ROWS_AT_A_TIME):
            rows = data[start : start + ROWS_AT_A_TIME].astype(model.dtype, copy=False)
            bad += rows.size - int(np.count_nonzero(np.isfinite(rows)))
    if bad:
        raise ValueError(
            f"{path!r} holds {bad} values of {data.size} that are NaN or infinite in {model.dtype}, "
            "expected finite numbers"
        )
    return data


def load_box(text: str, data: NDArray[np.floating], model: Sequential) -> Box:
    """Read a box: "data", the range of each feature in `data`, or "LOW:HIGH", the same for all.

    Raises
    ------
    ValueError
        If it is neither, or LOW is larger than HIGH.
    """
    if text == "data":
        known = data.dtype.kind in "iu" or (data.dtype.kind == "f" and data.dtype.itemsize <= 8)
        # Others, booleans and long doubles, as the network takes them.
        return Box.of(data if known else data.astype(model.dtype))
    low, colon, high = text.partition(":")
    try:
        if not colon:
            raise ValueError
        ends = np.array([float(low), float(high)])
    except ValueError:
        raise ValueError(f"got the box {text!r}, expected 'data' or LOW:HIGH, such as -1:1") from None
    return Box(ends[0], ends[1])
