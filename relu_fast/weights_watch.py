"""The weights of a network in training, as ``relu_fast.nn`` keeps them: looked at after every step.

Looking must cost next to nothing: a step of a small network takes 100 microseconds. So the steps of all units are
judged together: with each weight's step over the norm of its unit's weights, the sum of all squares is the sum of
the units' (step norm / weights norm)^2. As long as it is below `JUMP` squared no unit has jumped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .history import JUMP
from .weights import norms

__all__ = ["Chain", "WeightsWatch", "chains", "weight_decay"]

REFRESH = 256
"""Steps after which the norms of the weights are taken anew."""


@dataclass(frozen=True)
class Chain:
    """What leads to the activation of a monitored layer: its weights, and perhaps a normalisation.

    Attributes
    ----------
    name : str
        Of the monitored layer.
    weights : int
        Position of the layer with the weights, a `kernel` (features, units) and a `bias`.
    normalisation : int or None
        Position of the layer with a `gamma` and a `beta`.
    own : tuple of int
        Positions of all layers whose parameters belong to the units.
    predecessor : str or None
        The monitored layer whose units are the inputs of the weights.
    trainable_upstream : bool
        Whether training moves anything before the weights, or something other than parameters after them.
    """

    name: str
    weights: int
    normalisation: int | None
    own: tuple[int, ...]
    predecessor: str | None
    trainable_upstream: bool


def chains(model: Any) -> Iterator[Chain]:
    """Find the chains of a model; a monitored layer without weights that are known of has none."""
    layers = model.layers
    parameters = model.views(model.parameters)
    for i, layer in enumerate(layers):
        if getattr(layer, "activation", None) is None:
            continue
        own, normalisation = [], None
        for j in range(i, -1, -1):
            if j < i and getattr(layers[j], "activation", None) is not None:
                break
            if parameters[j]:
                own.append(j)
            if _has(layers[j], "kernel", "bias"):
                yield Chain(
                    name=layer.name,
                    weights=j,
                    normalisation=normalisation,
                    own=tuple(own),
                    predecessor=_predecessor(layers, parameters, j),
                    # Normalisations go on averaging what they see, whether there is a gradient or not.
                    trainable_upstream=normalisation is not None or any(parameters[:j]),
                )
                break
            if _has(layers[j], "gamma", "beta") and normalisation is None:
                normalisation = j
            elif j < i and parameters[j]:
                break


def _predecessor(layers: Any, parameters: list[list[NDArray[Any]]], weights: int) -> str | None:
    """Find the monitored layer before the weights, if what lies between passes its units on in evaluation."""
    for j in range(weights - 1, -1, -1):
        if getattr(layers[j], "activation", None) is not None:
            same = layers[j].units == len(layers[weights].kernel)
            return str(layers[j].name) if same else None
        if parameters[j]:
            break
    return None


def _has(layer: Any, *names: str) -> bool:
    return all(hasattr(type(layer), name) or name in vars(layer) for name in names)


class WeightsWatch:
    """Looks at a model after every step of its optimizer, and tells of steps in which units jumped.

    Parameters
    ----------
    model : Sequential
        Built and in training.
    """

    def __init__(self, model: Any) -> None:
        self.chains = tuple(chains(model))
        self._model = model
        self._inverse = np.zeros_like(model.parameters)
        self._scaled = np.empty_like(model.parameters)
        self._before = np.empty_like(model.parameters)
        self.refresh()

    def refresh(self) -> None:
        """Take the weights as they are: what moved them was no step."""
        views = self._model.views(self._inverse)
        for chain in self.chains:
            norm = norms(self._model.layers[chain.weights].kernel)
            with np.errstate(divide="ignore", over="ignore"):
                inverse = (1.0 / norm).astype(self._inverse.dtype)
            inverse[~np.isfinite(inverse)] = 0.0
            views[chain.weights][0][...] = inverse
        self._before[...] = self._model.parameters
        self._left = REFRESH

    def jumps(self) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
        """Look at the last step: for each layer in which units jumped, the norms of steps and weights, (units,)."""
        change = self._change()
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = np.multiply(change, self._inverse, out=self._scaled)
            # Not finite: look closer.
            near = not np.dot(scaled, scaled) < JUMP**2
        found = list(self._closer(change)) if near else []
        self._left -= 1
        if self._left == 0:
            self.refresh()
        return found

    def _closer(self, change: NDArray[Any]) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
        changes = self._model.views(change)
        for chain in self.chains:
            moved = changes[chain.weights][0].astype(np.float64)
            step, norm = norms(moved), norms(self._model.layers[chain.weights].kernel - moved)
            jumped = (step >= JUMP * norm) & (norm > 0.0)
            if jumped.any():
                yield chain.name, np.where(jumped, step, np.nan), norm

    def _change(self) -> NDArray[Any]:
        """Return what the last step added to the parameters; from a copy where the optimizer does not tell."""
        change: NDArray[Any] | None = getattr(self._model.optimizer, "last_change", None)
        if change is None:
            change = self._model.parameters - self._before
            self._before[...] = self._model.parameters
        return change

    def moments_zero(self, chain: Chain, units: int) -> NDArray[np.bool_] | None:
        """Tell which units' parameters have first moments of zero, (units,); None if the optimizer does not tell."""
        optimizer = self._model.optimizer
        if not hasattr(optimizer, "first_moment"):
            return None
        zero = np.ones(units, bool)
        if optimizer.first_moment is not None:
            views = self._model.views(optimizer.first_moment)
            for moment in (moment for own in chain.own for moment in views[own]):
                zero &= ~np.atleast_2d(moment).any(axis=0)
        return zero


def weight_decay(optimizer: Any) -> float | None:
    """Return the optimizer's weight decay, 0 if it has none; None without an optimizer."""
    if optimizer is None:
        return None
    decay = getattr(optimizer, "weight_decay", 0.0)
    return float(decay) if isinstance(decay, int | float) and math.isfinite(decay) else None
