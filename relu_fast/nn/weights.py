"""Weights in files: an .npz of plain arrays that says of which network they are.

============ ======================================================================================
entry        what it holds
============ ======================================================================================
architecture JSON text: {"format": "relu_fast.weights", "version": 1, "features", "dtype", "layers"},
             each layer as {"kind": "Dense", "units": 64, "activation": "relu", "name": "dense_1", ...}
dense_1/bias and so on: an array for each parameter and each moving average, as `Sequential.arrays` names them
============ ======================================================================================

``numpy.load`` reads it. Nothing is pickled, neither here nor there: reading a file runs no code of it.
"""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.lib import format as npy

from ..report.files import write_atomically
from .architecture import described, difference, made
from .layers import Layer
from .sequential import Sequential
from .state import array_shapes

__all__ = ["WeightsError", "load_model", "load_weights", "save_weights"]

FORMAT, VERSION = "relu_fast.weights", 1
EXPECTED = "expected a file of nn.save_weights"

# What zipfile and NumPy raise for a file whose bytes are not what they were.
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, KeyError, IndexError, MemoryError),
    *(NotImplementedError, OSError, OverflowError, RuntimeError, TypeError, ValueError),
)


class WeightsError(ValueError):
    """A file that holds no weights, damaged ones, or those of another network."""


def save_weights(model: Sequential, path: str | os.PathLike[str]) -> None:
    """Write the parameters and moving averages of `model`, and what layers it has, to an .npz file.

    The file is there as a whole or, where writing fails, as it was before. The same weights give the same
    bytes. The name is taken as it is: no suffix is added.

    Raises
    ------
    RuntimeError
        If the model is not built.
    ValueError
        If the name of a layer cannot be printed.
    OSError
        If the file cannot be written.
    """
    arrays = model.arrays()
    for layer in model.layers:
        if not str(layer.name).isprintable():
            raise ValueError(f"a layer is named {layer.name!r}, expected a name that can be printed")
    content = {
        "format": FORMAT,
        "version": VERSION,
        "features": model.features,
        "dtype": model.dtype.name,
        "layers": list(map(described, model.layers)),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in {"architecture": np.array(json.dumps(content)), **arrays}.items():
            # Of no date, so that equal weights are equal files.
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.external_attr = 0o644 << 16
            written = io.BytesIO()
            npy.write_array(written, array, allow_pickle=False)
            archive.writestr(entry, written.getvalue())
    write_atomically(path, file.getvalue())


def load_weights(model: Sequential, path: str | os.PathLike[str]) -> None:
    """Write the weights of a file into `model`, whose layers must compute what those in the file do.

    Names, initializers, and what training alone uses may differ. A model that is not built is built for the
    features and the dtype of the file. Whatever is raised, the model is as it was.

    Raises
    ------
    WeightsError
        A ValueError: the file holds no weights, is damaged, or is of another network; the message names the
        first thing in which the two differ.
    OSError
        If the file cannot be read.
    """
    file = _File(path)
    mine = [json.loads(json.dumps(described(layer))) for layer in model.layers]
    file.check("layers", len(file.layers), len(mine))
    for i, (description, own) in enumerate(zip(file.layers, mine, strict=True), start=1):
        found = difference(description, own)
        if found is not None:
            file.check(f"layer {i} ({own['name']!r}), {found[0]}", found[1], found[2])
    if model.built:
        file.check("features", file.features, model.features)
        file.check("dtype", file.dtype.name, model.dtype.name)
    weights = file.weights(model.layers)
    if not model.built:
        model.build(file.features, dtype=file.dtype)
    _fill(model, weights)


def load_model(path: str | os.PathLike[str]) -> Sequential:
    """Make the network that a file describes, with its weights.

    Initializers that are not of `relu_fast.nn.initializers` are not in the file: the defaults stand for them.

    Raises
    ------
    WeightsError
        A ValueError: the file holds no weights, is damaged, or has layers of other kinds than those of
        `relu_fast.nn`.
    OSError
        If the file cannot be read.
    """
    file = _File(path)
    layers = []
    for i, description in enumerate(file.layers, start=1):
        try:
            layers.append(made(description))
        except (MemoryError, TypeError, ValueError) as error:
            raise file.refused(f"no model: layer {i}: {error or 'out of memory'}") from None
    try:
        model = Sequential(layers)
        weights = file.weights(model.layers)
    except WeightsError:
        raise
    except (TypeError, ValueError) as error:
        raise file.refused(f"no model: {error}") from None
    model.build(file.features, dtype=file.dtype)
    _fill(model, weights)
    return model


def _fill(model: Sequential, weights: list[np.ndarray]) -> None:
    for view, values in zip(model.arrays().values(), weights, strict=True):
        view[...] = values


class _File:
    """A file of weights, in memory.

    Attributes
    ----------
    features : int
    dtype : dtype
    layers : list of dict
        Descriptions as `architecture` makes them.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fsdecode(path)
        with open(path, "rb") as stream:
            self._content = stream.read()
        if not self._content.startswith(b"PK"):
            raise self.refused(f"no .npz file, {EXPECTED}")
        try:
            (text,) = self._entries(["architecture"])
        except KeyError:
            raise self.refused(f"an .npz file without an architecture, {EXPECTED}") from None
        try:
            about = json.loads(str(text))
            if about["format"] != FORMAT:
                raise ValueError
        except (KeyError, RecursionError, TypeError, ValueError):
            raise self.refused(f"an .npz file of another kind, {EXPECTED}") from None
        if about.get("version") != VERSION:
            raise self.refused(f"of version {about.get('version')!r} of its format, expected {VERSION}")
        self.features, dtype, self.layers = (about.get(name) for name in ("features", "dtype", "layers"))
        if type(self.features) is not int or self.features < 1 or dtype not in ("float32", "float64"):
            raise self.refused(f"damaged: it has {self.features!r} features of {dtype!r}")
        self.dtype = np.dtype(dtype)
        layers = self.layers if isinstance(self.layers, list) else [None]
        names = [layer.get("name") if isinstance(layer, dict) else None for layer in layers]
        self._names = [name for name in names if isinstance(name, str)]
        if len({*self._names}) != len(layers):
            raise self.refused("damaged: it does not say of which layers it is")

    def refused(self, reason: str) -> WeightsError:
        """Say in one line what the file is."""
        return WeightsError(f"{self._path!r} is {' '.join(reason.split())}")

    def check(self, what: str, theirs: Any, mine: Any) -> None:
        """Raise WeightsError unless file and model agree."""
        if theirs != mine:
            raise self.refused(f"of another network: {what}: {theirs!r} in the file, {mine!r} in the model")

    def weights(self, layers: tuple[Layer, ...]) -> list[np.ndarray]:
        """Read what belongs to these layers, which are those of the file, in the order of `Sequential.arrays`."""
        shapes = array_shapes(layers, self.features, self._names)
        try:
            arrays = self._entries(list(shapes))
        except KeyError as error:
            raise self.refused(f"damaged: it lacks {error.args[0]!r}") from None
        for (name, shape), array in zip(shapes.items(), arrays, strict=True):
            # One of the other byte order comes from a machine that has it.
            if array.shape != shape or array.dtype.newbyteorder("=") != self.dtype:
                given = f"{array.dtype} {array.shape}"
                raise self.refused(f"damaged: {name!r} is {given}, expected {self.dtype} {shape}")
        return arrays

    def _entries(self, names: list[str]) -> list[np.ndarray]:
        """Read arrays; KeyError with the name of one that is not there."""
        try:
            with zipfile.ZipFile(io.BytesIO(self._content)) as archive:
                present = {*archive.namelist()}
                missing = [name for name in names if f"{name}.npy" not in present]
                arrays = [] if missing else [_array(archive, name) for name in names]
        except DAMAGE as error:
            raise self.refused(f"truncated or damaged: {error or type(error).__name__}") from None
        if missing:
            raise KeyError(missing[0])
        return arrays


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as entry:
        array: np.ndarray = npy.read_array(entry, allow_pickle=False)
        # The checksum is compared at the end.
        if entry.read(1):
            raise ValueError(f"{name!r} goes on after its end")
    return array
