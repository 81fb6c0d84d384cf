"""Batch normalisation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..bounds.stages import Scale, Stage
from .arrays import as_number
from .buffers import Buffers
from .layers import Layer

__all__ = ["BatchNorm"]


class BatchNorm(Layer):
    """Brings each column to mean 0 and variance 1, then scales and shifts it: y = gamma normal(x) + beta.

    While training normal(x) = (x - mean) / sqrt(variance + epsilon) with mean and (biased) variance of the
    batch; moving averages of both are kept, and are what evaluation takes. Ioffe and Szegedy 2015, "Batch
    normalization" (1502.03167), with the defaults of Keras 3. It belongs between a linear layer and its
    activation::

        nn.Sequential([nn.Dense(64), nn.BatchNorm(), nn.Activation("relu"), nn.Dense(1, "sigmoid")])

    Parameters
    ----------
    momentum : float
        In [0, 1): after a batch, average = momentum average + (1 - momentum) value of the batch. PyTorch's
        `momentum` is 1 minus this.
    epsilon : float
        Finite and > 0. Added to the variance.
    name : str, optional
        Unique in the model.

    Attributes
    ----------
    gamma, beta, gamma_gradient, beta_gradient : ndarray (units,)
        Views into the model's flat vectors: write into them with ``[...] =``. gamma starts at 1, beta at 0.
    moving_mean, moving_variance : ndarray (units,)
        Views into the model's `averages`, which no optimizer moves. They start at 0 and 1.

    Raises
    ------
    ValueError, TypeError
        For a momentum or an epsilon out of its range.
    """

    parameter_names = ("gamma", "beta")
    average_names = ("moving_mean", "moving_variance")

    def __init__(self, *, momentum: float = 0.99, epsilon: float = 1e-3, name: str | None = None) -> None:
        super().__init__(name)
        self.momentum = as_number(momentum, "momentum", "a number in [0, 1)")
        self.epsilon = as_number(epsilon, "epsilon", "a finite number > 0")
        # The negations also catch NaN.
        if not 0.0 <= self.momentum < 1.0:
            raise ValueError(f"momentum is {momentum!r}, expected a number in [0, 1)")
        if not 0.0 < self.epsilon < math.inf:
            raise ValueError(f"epsilon is {epsilon!r}, expected a finite number > 0")
        self._views: tuple[np.ndarray, ...] | None = None
        self._averages: tuple[np.ndarray, ...] | None = None
        self._kept: Buffers | None = None  # normal(x) of the last forward pass
        self._inverse: np.ndarray | None = None  # 1 / sqrt(variance + epsilon) of it; None: in evaluation

    def __repr__(self) -> str:
        return f"BatchNorm(momentum={self.momentum}, epsilon={self.epsilon}, name={self.name!r})"

    def options(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"momentum": self.momentum, "epsilon": self.epsilon, "name": self.name}

    @property
    def gamma(self) -> np.ndarray:
        """Scales (units,)."""
        return self._bound(self._views)[0]

    @property
    def beta(self) -> np.ndarray:
        """Shifts (units,)."""
        return self._bound(self._views)[1]

    @property
    def gamma_gradient(self) -> np.ndarray:
        """What the last backward pass found for `gamma`."""
        return self._bound(self._views)[2]

    @property
    def beta_gradient(self) -> np.ndarray:
        """What the last backward pass found for `beta`."""
        return self._bound(self._views)[3]

    @property
    def moving_mean(self) -> np.ndarray:
        """Average of the batches' means (units,)."""
        return self._bound(self._averages)[0]

    @property
    def moving_variance(self) -> np.ndarray:
        """Average of the batches' variances (units,)."""
        return self._bound(self._averages)[1]

    def parameter_shapes(self, features: int) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of gamma and beta."""
        return (features,), (features,)

    def average_shapes(self, features: int) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of moving mean and variance."""
        return (features,), (features,)

    def bind(self, parameters: list[np.ndarray], gradients: list[np.ndarray]) -> None:
        """Take the views for gamma and beta."""
        self._views = (*parameters, *gradients)
        self._kept = Buffers(parameters[0].shape, parameters[0].dtype)

    def bind_averages(self, averages: list[np.ndarray]) -> None:
        """Take the views for moving mean and variance."""
        self._averages = tuple(averages)

    def initialize(self, parameters: list[np.ndarray], generator: np.random.Generator) -> None:
        """Set gamma to 1 and beta to 0."""
        gamma, beta = parameters
        gamma[...], beta[...] = 1.0, 0.0

    def initialize_averages(self, averages: list[np.ndarray]) -> None:
        """Set the moving mean to 0, the variance to 1."""
        mean, variance = averages
        mean[...], variance[...] = 0.0, 1.0

    def stages(self) -> tuple[Stage, ...]:
        """Return what evaluation computes, (x - moving mean) scale + beta."""
        return (Scale(self._scale(), self.beta, self.moving_mean),)

    def forward(self, x: np.ndarray, *, training: bool = False, out: np.ndarray | None = None) -> np.ndarray:
        """Return gamma normal(x) + beta, with the statistics of `x` while training, which are averaged."""
        y: np.ndarray
        # No rows have no statistics.
        if not training or len(x) == 0:
            self._inverse = None
            y = np.subtract(x, self.moving_mean, out=out)
            y *= self._scale()
            y += self.beta
            return y
        gamma, beta, _, _ = self._bound(self._views)
        assert self._kept is not None
        normal = self._kept.rows(len(x))[0]
        # Summed in float64: the mean of many rows far from zero needs it.
        mean = np.add.reduce(x, axis=0, dtype=np.float64) / len(x)
        np.subtract(x, mean.astype(x.dtype), out=normal)
        variance = np.einsum("ij,ij->j", normal, normal) / x.dtype.type(len(x))
        self._inverse = 1.0 / np.sqrt(variance + x.dtype.type(self.epsilon))
        normal *= self._inverse
        for average, value in zip(self._bound(self._averages), (mean, variance), strict=True):
            average *= self.momentum
            average += (1.0 - self.momentum) * value
        y = np.multiply(normal, gamma, out=out)
        y += beta
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
        """Fill both gradients; return that of `x`, in `g`: through mean and variance too after training."""
        gamma, _, gamma_gradient, beta_gradient = self._bound(self._views)
        if self._inverse is None:
            scale = self._scale()
            normal = np.subtract(x, self.moving_mean, out=out)
            normal /= np.sqrt(self.moving_variance + x.dtype.type(self.epsilon))
        else:
            assert self._kept is not None
            normal, scale = self._kept.rows(len(x))[0], gamma * self._inverse
        np.add.reduce(g, axis=0, out=beta_gradient)
        np.einsum("ij,ij->j", g, normal, out=gamma_gradient)
        if not input_gradient:
            return g
        if self._inverse is not None:
            # d x = gamma / sqrt(variance + epsilon) (g - mean(g) - normal mean(g normal)).
            rows = x.dtype.type(len(x))
            g -= beta_gradient / rows
            g -= np.multiply(normal, gamma_gradient / rows, out=out)
        g *= scale
        return g

    def _scale(self) -> np.ndarray:
        """Return gamma / sqrt(moving variance + epsilon)."""
        scale: np.ndarray = self.gamma / np.sqrt(self.moving_variance + self.gamma.dtype.type(self.epsilon))
        return scale

    def _bound(self, views: tuple[np.ndarray, ...] | None) -> tuple[np.ndarray, ...]:
        if views is None:
            name = self.name or "this layer"
            raise RuntimeError(f"{name} has no parameters yet: call the model's build(features)")
        return views
