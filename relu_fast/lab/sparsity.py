"""What silent units cost or save: active units a row, noise on the input, multiplications with zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import nn
from ..activations import activation_named
from ..report.sparsity import NoiseEffect, Sparsity
from .probe import unwatched

__all__ = ["NOISE_LEVELS", "measure"]

NOISE_LEVELS = (0.01, 0.03, 0.1, 0.3)
"""Standard deviations of the noise; that of the inputs, uniform in (-1, 0), is 0.289."""

# A position in the seed's tree of streams beside those of the data.
_NOISE_STREAM = 2


def measure(
    model: nn.Sequential, x: NDArray[np.floating], dead: Mapping[str, Sequence[int]], *, seed: int
) -> Sparsity:
    """Look which units work for which row.

    A unit is active where z > gate, or z > 0 where the activation has no gate.

    Parameters
    ----------
    model : Sequential
        Built; it stays as it is.
    x : (rows, features)
        At least one row.
    dead : mapping of layer names to unit numbers
        The dead units of the watched layers.
    seed : int
        Of the noise.
    """
    with unwatched(model):
        inputs, active = _looked_at(model, x)
        noise = []
        for i, level in enumerate(NOISE_LEVELS):
            stream = np.random.SeedSequence(seed, spawn_key=(_NOISE_STREAM, i))
            generator = np.random.Generator(np.random.PCG64(stream))
            shaken = x + generator.normal(0.0, level, x.shape).astype(x.dtype)
            noise.append(_effect(level, active, _looked_at(model, shaken)[1]))
    total, kept = _multiplications(model, dead)
    zeros = [np.count_nonzero(array == 0.0) * layer.units for layer, array in inputs]
    return Sparsity(
        units=active.shape[1],
        active=np.count_nonzero(active, axis=1),
        patterns=len(np.unique(np.packbits(active, axis=1), axis=0)),
        multiplications=total,
        skippable=sum(zeros) / (total * len(x)),
        removable=1.0 - kept / total,
        noise=tuple(noise),
    )


def _looked_at(
    model: nn.Sequential, x: NDArray[np.floating]
) -> tuple[list[tuple[nn.Dense, NDArray[np.floating]]], NDArray[np.bool_]]:
    """Return each dense layer with its input, and which hidden units are active: (rows, units)."""
    inputs, active = [], []
    for layer in model.layers:
        z = x
        if isinstance(layer, nn.Dense):
            inputs.append((layer, x))
            z = x @ layer.kernel + layer.bias
        if layer.activation is not None:
            params: dict[str, Any] = layer.activation_params  # type: ignore[attr-defined]
            gate = activation_named(layer.activation).gate_for(**params)
            gates = np.float64(0.0 if gate is None else gate).astype(z.dtype)
            # NaN where a unit has no gate, others do.
            active.append(z > np.where(np.isnan(gates), z.dtype.type(0.0), gates))
        x = layer.forward(x, training=False)
    hidden = active[:-1] or active
    return inputs, np.concatenate(hidden, axis=1)


def _effect(level: float, before: NDArray[np.bool_], after: NDArray[np.bool_]) -> NoiseEffect:
    switched = before != after
    either = np.count_nonzero(before | after, axis=1)
    both = np.count_nonzero(before & after, axis=1)
    some = either > 0
    return NoiseEffect(
        level=level,
        switched=float(switched.mean()),
        overlap=float((both[some] / either[some]).mean()) if some.any() else None,
        unchanged=float((~switched.any(axis=1)).mean()),
    )


def _multiplications(model: nn.Sequential, dead: Mapping[str, Sequence[int]]) -> tuple[int, int]:
    """Count the multiplications of the dense layers for one row: all, and those without the dead units."""
    # Of each dense layer: inputs, units, and how many units are dead, by its activation or the one it feeds.
    sizes: list[tuple[int, int, int]] = []
    for layer in model.layers:
        if isinstance(layer, nn.Dense):
            sizes.append((len(layer.kernel), layer.units, 0))
        if layer.activation is not None:
            inputs, units, _ = sizes[-1]
            sizes[-1] = inputs, units, len(dead.get(str(layer.name), ()))
    dead_below = [0, *(own for _, _, own in sizes)]
    total = sum(inputs * units for inputs, units, _ in sizes)
    kept = sum(
        (inputs - below) * (units - own)
        for (inputs, units, own), below in zip(sizes, dead_below, strict=False)
    )
    return total, kept
