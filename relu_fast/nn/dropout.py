"""Layers that add noise while training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..bounds.stages import Drop, Stage
from .arrays import as_number
from .layers import Layer

__all__ = ["AlphaDropout", "Dropout"]


class Dropout(Layer):
    """Sets a share `rate` of the inputs to zero while training, and divides the others by 1 - rate.

    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting"; scaling in
    training as in Keras, so that evaluation passes the input on.

    Parameters
    ----------
    rate : float
        In [0, 1).
    name : str, optional
        Unique in the model.
    """

    def __init__(self, rate: float, *, name: str | None = None) -> None:
        super().__init__(name)
        self.rate = as_number(rate, "rate", "a number in [0, 1)")
        # The negation also catches NaN.
        if not 0.0 <= self.rate < 1.0:
            raise ValueError(f"rate is {rate!r}, expected a number in [0, 1)")
        self._factor: np.ndarray | None = None  # d y / d x of the last forward pass; None: the identity
        self._generator = np.random.default_rng(0)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.rate}, name={self.name!r})"

    def options(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"rate": self.rate, "name": self.name}

    def reseed(self, generator: np.random.Generator) -> None:
        """Draw what is dropped from `generator`."""
        self._generator = generator

    def stages(self) -> tuple[Stage, ...]:
        """Return one step that drops."""
        return (Drop(self.rate),)

    def forward(self, x: np.ndarray, *, training: bool = False, out: np.ndarray | None = None) -> np.ndarray:
        """Return x m / (1 - rate) with a new mask m while training, else `x` itself."""
        if not training or self.rate == 0.0:
            self._factor = None
            return x
        factor = self._draw(x, 1.0 / (1.0 - self.rate))
        y: np.ndarray = np.multiply(x, factor, out=out)
        return y

    def backward(
        self,
        g: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
        *,
        input_gradient: bool = True,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return g times what the last forward pass multiplied with, in `g`."""
        if self._factor is not None and input_gradient:
            g *= self._factor
        return g

    def _draw(self, x: np.ndarray, scale: float) -> np.ndarray:
        """Draw which elements are kept: `scale` for those, 0 for the others, in an array like `x`."""
        factor = self._factor
        if factor is None or factor.shape != x.shape or factor.dtype != x.dtype:
            factor = self._factor = np.empty(x.shape, x.dtype)
        self._generator.random(out=factor, dtype=factor.dtype.type)
        np.greater_equal(factor, self.rate, out=factor)
        factor *= scale
        return factor


class AlphaDropout(Dropout):
    """Dropout for selu: dropped inputs become alpha', then an affine map keeps mean 0 and variance 1.

    y = a (x m + alpha' (1 - m)) + b with the mask m, p = rate, alpha' = -scale alpha of selu,
    a = ((1 - p) (1 + p alpha'^2))^(-1/2), b = -a p alpha'; the gradient is a m.
    Klambauer et al. 2017, "Self-Normalizing Neural Networks" (1706.02515), and Keras 3.

    Parameters
    ----------
    rate : float
        In [0, 1).
    name : str, optional
        Unique in the model.
    """

    ALPHA_PRIME = -1.7580993408473766

    def stages(self) -> tuple[Stage, ...]:
        """Return one step that drops to alpha' and moves."""
        return (self._step(),)

    def forward(self, x: np.ndarray, *, training: bool = False, out: np.ndarray | None = None) -> np.ndarray:
        """Return a (x m + alpha' (1 - m)) + b with a new mask m while training, else `x` itself."""
        if not training or self.rate == 0.0:
            self._factor = None
            return x
        step = self._step()
        factor = self._draw(x, step.scale)
        y: np.ndarray = np.subtract(x, step.center, out=out)
        y *= factor
        y += step.dropped
        return y

    def _step(self) -> Drop:
        """Write it with the mask in one place: y = a m (x - alpha') + (a alpha' + b)."""
        a = 1.0 / math.sqrt((1.0 - self.rate) * (1.0 + self.rate * self.ALPHA_PRIME**2))
        b = -a * self.rate * self.ALPHA_PRIME
        return Drop(self.rate, a, self.ALPHA_PRIME, a * self.ALPHA_PRIME + b)
