"""The weights of a network in training, as ``relu_fast.nn`` keeps them: looked at after every step.

Looking must cost next to nothing: a step of a small network takes 100 microseconds. So most layers need no look,
where the optimizer knows that no step can be that long; the others are asked cheap questions first. Is the step
of all the layer's weights together shorter than `NEAR` times those of its shortest unit? If not: with each
weight's step over the norm of its unit's weights, the sum of squares is that of all units' (step norm / weights
norm). Is it below `NEAR` squared?
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

NEAR = 0.5 * JUMP
"""From here on a step is looked at more closely: until they are taken anew, the weights may shrink by half."""


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
    """Looks at a model after the steps of its optimizer, and tells of those in which units jumped.

    Parameters
    ----------
    model : Sequential
        Built and in training.
    """

    def __init__(self, model: Any) -> None:
        self.chains = tuple(chains(model))
        self._model = model
        optimizer = getattr(model, "optimizer", None)
        self._optimizer: Any = optimizer if hasattr(optimizer, "last_change") else _Untold()
        self._before = np.empty_like(model.parameters)
        kernels = [model.layers[chain.weights].kernel for chain in self.chains]
        self._inverses = [np.empty(kernel.size, kernel.dtype) for kernel in kernels]
        self._scaled = [np.empty(kernel.size, kernel.dtype) for kernel in kernels]
        self._seen: NDArray[Any] | None = None
        self._step = 0
        self.refresh()

    def refresh(self) -> None:
        """Take the weights as they are: what moved them was no step."""
        self._before[...] = self._model.parameters
        self._due = self._step + REFRESH
        # What a layer's step, squared, must reach for a unit to be near a jump; and the layers where it can.
        self._least: list[float] = []
        self._watched: list[int] = []
        longest = getattr(self._optimizer, "longest_change", None)
        for i, chain in enumerate(self.chains):
            kernel = self._model.layers[chain.weights].kernel
            norm = norms(kernel)
            norm[norm == 0.0] = np.inf
            shortest = float(norm.min(initial=np.inf))
            self._least.append((NEAR * shortest) ** 2)
            # Without a margin for weights that shrink: hardly a step is a third of the longest.
            if longest is None or not math.sqrt(len(kernel)) * longest < JUMP * shortest:
                self._watched.append(i)
                self._inverses[i].reshape(kernel.shape)[...] = 1.0 / norm
        self._split(self._seen)

    def _split(self, change: NDArray[Any] | None) -> None:
        """Cut what a step added into the weights of the chains; optimizers mostly keep it in one place."""
        self._seen = change
        if change is not None:
            views = self._model.views(change)
            self._moved = [views[chain.weights][0].reshape(-1) for chain in self.chains]
            self._questions = [(self._moved[i], self._least[i]) for i in self._watched]

    @property
    def stride(self) -> int:
        """After how many steps to look again: in none of those between can a unit jump."""
        return 1 if self._watched else max(1, self._due - self._step)

    def near_a_jump(self, step: int) -> bool:
        """Ask the cheapest questions on the last step, number `step`: whether to call `jumps`.

        Ask it after every step, or after as many as `stride` says.
        """
        self._step = step
        if self._seen is None or self._optimizer.last_change is not self._seen:
            return True
        for moved, least in self._questions:  # a generator takes as long as the rest
            # A comparison with NaN is False.
            if not moved.dot(moved) < least:
                return True
        return step >= self._due

    def jumps(self) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
        """Look at the last step: for each layer in which units jumped, the norms of steps and weights, (units,).

        A step that was no jump is NaN.
        """
        change = self._change()
        if change is not self._seen:
            self._split(change)
        found = []
        for i in self._watched:
            moved = self._moved[i]
            if not moved.dot(moved) < self._least[i]:
                # No np.errstate, which takes as long as the rest: who comes to an overflow here has had others.
                scaled = np.multiply(moved, self._inverses[i], self._scaled[i])
                if not scaled.dot(scaled) < NEAR**2:
                    found += self._closer(i)
        if self._step >= self._due:
            self.refresh()
        return found

    def _closer(self, i: int) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
        kernel = self._model.layers[self.chains[i].weights].kernel
        moved = self._moved[i].reshape(kernel.shape).astype(np.float64)
        step, norm = norms(moved), norms(kernel - moved)
        jumped = (step >= JUMP * norm) & (norm > 0.0)
        return [(self.chains[i].name, np.where(jumped, step, np.nan), norm)] if jumped.any() else []

    def _change(self) -> NDArray[Any]:
        """Return what the last step added to the parameters; from a copy where the optimizer does not tell."""
        change: NDArray[Any] | None = self._optimizer.last_change
        if change is None:
            change = self._model.parameters - self._before
            self._before[...] = self._model.parameters
        return change

    def moments_zero(self, chain: Chain, units: int) -> NDArray[np.bool_] | None:
        """Tell which units' parameters have first moments of zero, (units,); None if the optimizer does not tell."""
        optimizer = self._optimizer
        if not hasattr(optimizer, "first_moment"):
            return None
        zero = np.ones(units, bool)
        if optimizer.first_moment is not None:
            views = self._model.views(optimizer.first_moment)
            for moment in (moment for own in chain.own for moment in views[own]):
                zero &= ~np.atleast_2d(moment).any(axis=0)
        return zero


class _Untold:
    """An optimizer that says nothing of itself."""

    last_change = None


def weight_decay(optimizer: Any) -> float | None:
    """Return the optimizer's weight decay, 0 if it has none; None without an optimizer."""
    if optimizer is None:
        return None
    decay = getattr(optimizer, "weight_decay", 0.0)
    return float(decay) if isinstance(decay, int | float) and math.isfinite(decay) else None
