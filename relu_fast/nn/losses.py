"""Losses: one number for a batch, and its gradient with respect to the prediction.

Every loss is the mean over all elements of the batch, as in Keras. Predictions and targets have one shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .. import ufuncs
from .arrays import as_real

__all__ = [
    "LOSSES",
    "Loss",
    "binary_crossentropy",
    "binary_crossentropy_from_logits",
    "get",
    "mean_squared_error",
]

# Keras' backend epsilon: probabilities are clipped to [EPSILON, 1 - EPSILON] before the logarithm.
EPSILON = 1e-7

Value: TypeAlias = Callable[[np.ndarray, np.ndarray], float]
ValueAndGradient: TypeAlias = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True)
class Loss:
    """A loss; ``loss.value(prediction, target)`` and ``loss.gradient(prediction, target)``.

    Parameters
    ----------
    name : str
        What `fit(loss=...)` calls it.
    batch_value : callable
        (prediction, target) -> mean loss, for arrays of one shape and one float dtype.
    batch_value_and_gradient : callable
        Likewise, -> (mean loss, gradient); the gradient is a new array, which the caller may overwrite.
    labels : bool
        Whether targets must be in [0, 1].
    """

    name: str
    batch_value: Value = field(repr=False)
    batch_value_and_gradient: ValueAndGradient = field(repr=False)
    labels: bool = False

    def value(self, prediction: ArrayLike, target: ArrayLike) -> float:
        """Return the mean loss of the batch.

        Raises
        ------
        TypeError
            For anything but real numbers.
        ValueError
            For different shapes, no elements, or targets outside the loss's domain.
        """
        return self.batch_value(*self._checked(prediction, target))

    def gradient(self, prediction: ArrayLike, target: ArrayLike) -> np.ndarray:
        """Return d value / d prediction, a new array of the prediction's shape; raises what `value` does."""
        return self.batch_value_and_gradient(*self._checked(prediction, target))[1]

    def check_target(self, target: np.ndarray, name: str = "target") -> None:
        """Raise ValueError if `target`, which the message calls `name`, is outside the loss's domain."""
        if self.labels:
            low, high = target.min(), target.max()
            # The negation also catches NaN.
            if not (low >= 0.0 and high <= 1.0):
                raise ValueError(f"{name} holds values from {low} to {high}, expected labels in [0, 1]")

    def _checked(self, prediction: ArrayLike, target: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        given = np.asarray(prediction)
        dtype = given.dtype if given.dtype in (np.float32, np.float64) else np.dtype(np.float64)
        p, t = as_real(given, dtype, "prediction"), as_real(target, dtype, "target")
        if p.shape != t.shape:
            raise ValueError(f"target has shape {t.shape}, expected {p.shape} as the prediction")
        if p.size == 0:
            raise ValueError(f"prediction has shape {p.shape}: no elements, expected at least one")
        self.check_target(t)
        return p, t


# Squared error: mean((p - t)^2); gradient 2 (p - t) / size.


def _squared(p: np.ndarray, t: np.ndarray) -> float:
    difference = p - t
    value: float = float(np.vdot(difference, difference)) / difference.size
    return value


def _squared_with_gradient(p: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
    gradient = p - t
    value = float(np.vdot(gradient, gradient)) / gradient.size
    gradient *= 2.0 / gradient.size
    return value, gradient


# Cross-entropy of probabilities, which are clipped: -mean(t log p + (1 - t) log(1 - p));
# gradient (p - t) / (p (1 - p)) / size, and 0 where p was clipped: a clip passes none outside its bounds.


def _crossentropy(p: np.ndarray, t: np.ndarray) -> float:
    p = p.clip(EPSILON, 1.0 - EPSILON)
    return _clipped_crossentropy(p, 1.0 - p, t)


def _crossentropy_with_gradient(p: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
    clipped = p.clip(EPSILON, 1.0 - EPSILON)
    q = 1.0 - clipped
    value = _clipped_crossentropy(clipped, q, t)
    gradient = clipped - t
    q *= clipped
    q *= p.size
    gradient /= q
    # Multiplied rather than selected, so that NaN stays.
    gradient *= clipped == p
    return value, gradient


def _clipped_crossentropy(p: np.ndarray, q: np.ndarray, t: np.ndarray) -> float:
    likelihood = np.vdot(t, np.log(p)) + np.vdot(1.0 - t, np.log(q))
    return -float(likelihood) / p.size


# The same of logits z: mean(max(z, 0) - z t + log(1 + exp(-|z|))), which never overflows;
# gradient (sigmoid(z) - t) / size.


def _logits(z: np.ndarray, t: np.ndarray) -> float:
    terms = np.maximum(z, 0.0)
    terms -= z * t
    terms += np.log1p(np.exp(-np.abs(z)))
    return float(terms.mean())


def _logits_with_gradient(z: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
    gradient = ufuncs.sigmoid(z)
    gradient -= t
    gradient /= gradient.size
    return _logits(z, t), gradient


mean_squared_error = Loss("mean_squared_error", _squared, _squared_with_gradient)
binary_crossentropy = Loss("binary_crossentropy", _crossentropy, _crossentropy_with_gradient, labels=True)
binary_crossentropy_from_logits = Loss(
    "binary_crossentropy_from_logits", _logits, _logits_with_gradient, labels=True
)

LOSSES: dict[str, Loss] = {
    loss.name: loss for loss in (mean_squared_error, binary_crossentropy, binary_crossentropy_from_logits)
}


def get(loss: str | Loss) -> Loss:
    """Return the loss of that name, or `loss` itself if it is one.

    Raises
    ------
    ValueError
        For an unknown name; the message lists the choices.
    TypeError
        For anything that is neither a name nor a `Loss`.
    """
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(f"loss is {loss!r}, expected a name or a Loss")
    if loss not in LOSSES:
        raise ValueError(f"unknown loss {loss!r}; choose from {', '.join(LOSSES)}")
    return LOSSES[loss]
