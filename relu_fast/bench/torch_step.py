"""The training step of the three-layer experiment in PyTorch, without counts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

__all__ = ["TorchStep"]


class TorchStep:
    """Linear layers with ReLU, the last one with sigmoid; binary cross-entropy; Adam, the fused one.

    PyTorch is held to one thread.

    Parameters
    ----------
    widths, parameters
        As for `NumpyTwin`.

    Attributes
    ----------
    model : torch.nn.Sequential
    """

    def __init__(self, widths: Sequence[int], parameters: np.ndarray) -> None:
        torch.set_num_threads(1)
        layers: list[torch.nn.Module] = []
        start = 0
        for features, units in pairwise(widths):
            kernel = parameters[start : start + features * units].reshape(features, units)
            bias = parameters[start + features * units : start + (features + 1) * units]
            start += (features + 1) * units
            linear = torch.nn.Linear(features, units)
            with torch.no_grad():
                linear.weight[...] = torch.from_numpy(kernel.T.copy())
                linear.bias[...] = torch.from_numpy(bias.copy())
            layers += [linear, torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*layers[:-1], torch.nn.Sigmoid())
        self._loss = torch.nn.BCELoss()
        self._adam = torch.optim.Adam(self.model.parameters(), eps=1e-7, fused=True)

    def step(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Train on one batch; return its mean loss."""
        self._adam.zero_grad()
        loss: torch.Tensor = self._loss(self.model(x), y)
        loss.backward()
        self._adam.step()
        return loss
