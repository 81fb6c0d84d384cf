"""The data of the experiments: negative inputs, and labels that are random or can be learned."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BYTES_PER_ROW", "FEATURES", "RANGE", "TARGETS", "TRAINING_SHARE", "Data", "Target", "make_data"]

FEATURES = 4
RANGE = -1.0, 0.0
TRAINING_SHARE = 0.7
BYTES_PER_ROW = 112
"""What `make_data` takes at its peak, with the target that takes most."""

# Positions in the seed's tree of streams. Networks take keys of two numbers, so these are nobody else's.
_INPUT_STREAM, _LABEL_STREAM = 0, 1


@dataclass(frozen=True)
class Target:
    """What the labels are.

    Attributes
    ----------
    name, meaning : str
    label : callable
        Gives the labels, True or False, for x (rows, 4) in float64 and a random generator.
    loss_floor : float or None
        The expected binary cross-entropy on new data that no network can beat; None where it can go to 0.
    """

    name: str
    meaning: str
    label: Callable[[NDArray[np.float64], np.random.Generator], NDArray[np.bool_]]
    loss_floor: float | None = None


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target(
            "random",
            "0 or 1 with equal chance, whatever x is: nothing can be learned",
            lambda x, generator: generator.integers(0, 2, len(x)) == 1,
            loss_floor=math.log(2.0),
        ),
        Target(
            "sum",
            "1 where x1 + x2 + x3 + x4 > -2, else 0: a plane will do",
            lambda x, generator: x.sum(axis=1) > -2.0,
        ),
        Target(
            "abs",
            "1 where |x1 + 0.5| + |x2 + 0.5| + |x3 + 0.5| + |x4 + 0.5| > 1, else 0: no plane will do",
            lambda x, generator: np.abs(x + 0.5).sum(axis=1) > 1.0,
        ),
    )
}
"""Each has as many ones as zeros, in expectation: the distribution of x is symmetric to both borders."""


@dataclass(frozen=True, eq=False)
class Data:
    """Rows to train on and rows to validate with.

    Attributes
    ----------
    x, val_x : ndarray of float32, (rows, 4)
    y, val_y : ndarray of float32, (rows, 1)
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    val_x: NDArray[np.float32]
    val_y: NDArray[np.float32]


def make_data(samples: int, *, target: str, seed: int) -> Data:
    """Draw x uniformly from the open interval (-1, 0) and label it; the first 70 % of the rows train.

    Inputs and labels have streams of their own, so the inputs do not depend on `target`, and the first rows
    not on `samples`.

    Parameters
    ----------
    samples : int
        Rows in all, at least 2.
    target : str
        A name in `TARGETS`.
    seed : int
    """
    # k / 2**24 has no rounding in float32, and neither end can come out.
    steps = 2**24
    k = _stream(seed, _INPUT_STREAM).integers(1, steps, (samples, FEATURES), dtype=np.int32)
    x = np.divide(k, -steps, dtype=np.float64)
    labels = TARGETS[target].label(x, _stream(seed, _LABEL_STREAM))
    inputs, outputs = x.astype(np.float32), labels.astype(np.float32).reshape(-1, 1)
    train = math.floor(TRAINING_SHARE * samples)
    return Data(x=inputs[:train], y=outputs[:train], val_x=inputs[train:], val_y=outputs[train:])


def _stream(seed: int, purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(purpose,))))
