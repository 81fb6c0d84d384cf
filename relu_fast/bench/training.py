"""A training step of the three-layer experiment: ours and those of the peers, same start, same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import cycle
from typing import Any

import numpy as np

import relu_fast as rf

from ..lab.data import FEATURES, make_data
from ..lab.experiments import EXPERIMENTS
from .numpy_twin import NumpyTwin

__all__ = ["BATCH_SIZE", "OurStep", "Trainer", "against_numpy", "against_torch", "batches"]

BATCH_SIZE = 32


class OurStep:
    """The step as ``nn.Sequential.fit`` does it, every layer counting units and gradients.

    Attributes
    ----------
    model : nn.Sequential
    widths : list of int
        Features of the input, then the units of each layer.
    """

    def __init__(self, dtype: type[np.floating[Any]] = np.float32) -> None:
        self.model = rf.nn.Sequential(EXPERIMENTS["three-layer"].layers())
        self.model.build(FEATURES, seed=0, dtype=dtype)
        self._adam = rf.nn.Adam()
        self.widths = [FEATURES]
        for layer in self.model.layers:
            assert isinstance(layer, rf.nn.Dense)
            self.widths.append(layer.units)
            layer.stats, layer.grad_stats = rf.UnitStats(layer.units), rf.GradStats(layer.units)

    def step(self, x: np.ndarray, y: np.ndarray) -> float:
        """Train on one batch; return its mean loss."""
        loss = self.model.loss_and_gradients(x, y, "binary_crossentropy")
        self._adam.step(self.model.parameters, self.model.gradients)
        return loss


class Trainer:
    """Takes step after step, through the batches again and again.

    `restart` comes before each timed sample, so that all are measured on the same steps. Trained for long,
    units die, and the moments of their weights would sink into subnormal numbers, where processors are slow.
    """

    def __init__(self, start: Callable[[], Any], batches: Iterable[tuple[Any, Any]]) -> None:
        self._start, self._batches = start, list(batches)
        self.restart()

    def restart(self) -> None:
        """Begin with the initial parameters; the first step, which makes the arrays, is done."""
        self._step, self._rows = self._start().step, cycle(self._batches)
        self.step()

    def step(self) -> Any:
        """Train on the next batch."""
        return self._step(*next(self._rows))


def batches(count: int = 64) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut the first rows of the experiment's data into batches."""
    data = make_data(2 * count * BATCH_SIZE, target="random", seed=0)
    starts = range(0, count * BATCH_SIZE, BATCH_SIZE)
    return [(data.x[start : start + BATCH_SIZE], data.y[start : start + BATCH_SIZE]) for start in starts]


def against_numpy() -> dict[str, Any]:
    """Make `ours` and `theirs`, a trainer each."""
    first, rows = OurStep(), batches()
    start = first.model.parameters.copy()
    return {
        "ours": Trainer(OurStep, rows),
        "theirs": Trainer(lambda: NumpyTwin(first.widths, BATCH_SIZE, start), rows),
    }


def against_torch() -> dict[str, Any]:
    """Make `ours` and `theirs`, a trainer each.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise ImportError("PyTorch is not installed") from None
    from .torch_step import TorchStep

    first, rows = OurStep(), batches()
    start = first.model.parameters.copy()
    tensors = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in rows]
    return {
        "ours": Trainer(OurStep, rows),
        "theirs": Trainer(lambda: TorchStep(first.widths, start), tensors),
    }
