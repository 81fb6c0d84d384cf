"""Losses: one number for a batch, and its gradient with respect to the prediction.

Every loss is the mean over all elements of the batch, as in Keras, and predictions and targets have one shape;
softmax_crossentropy is the mean over the rows, and takes labels as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .. import ufuncs
from .arrays import as_real, as_targets

__all__ = [
    "LOSSES",
    "ClassLoss",
    "Loss",
    "binary_crossentropy",
    "binary_crossentropy_from_logits",
    "get",
    "mean_squared_error",
    "softmax",
    "softmax_crossentropy",
]

# Keras' backend epsilon: probabilities are clipped to [EPSILON, 1 - EPSILON] before the logarithm.
EPSILON = 1e-7

# What the sum of a row of probabilities may be off by: they may come from halves.
SUM_TOLERANCE = 1e-3

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

    def as_targets(
        self, target: ArrayLike, rows: int, units: int, dtype: np.dtype, name: str = "y"
    ) -> np.ndarray:
        """Return `target` as `batch_value` takes it, for a prediction (rows, units) of `dtype`.

        Raises
        ------
        TypeError, ValueError
            For another dtype or shape, and for no rows.
        """
        return as_targets(target, rows, units, dtype, name)

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


@dataclass(frozen=True)
class ClassLoss(Loss):
    """A loss of logits (rows, classes), whose targets say of which class each row is.

    A target is an array of integers (rows,) or (rows, 1), the classes counted from 0; or of floats
    (rows, classes), probabilities that sum to 1: one-hot, for example.
    """

    def as_targets(
        self, target: ArrayLike, rows: int, units: int, dtype: np.dtype, name: str = "y"
    ) -> np.ndarray:
        """Return labels as integers (rows,), probabilities as (rows, units) of `dtype`."""
        if units < 2:
            raise ValueError(
                f"{self.name} got a prediction with 1 column, expected one for each class; "
                "binary_crossentropy_from_logits is for a single one"
            )
        given = np.asarray(target)
        if given.shape == (rows, 1):
            given = given[:, 0]
        if given.shape != (rows,):
            if given.ndim == 2 and given.shape[1] == units:
                return as_targets(given, rows, units, dtype, name)
            raise ValueError(
                f"{name} has shape {given.shape}, expected ({rows},), a class per example, "
                f"or {(rows, units)}, its probabilities"
            )
        if given.dtype.kind not in "iub":
            raise TypeError(
                f"{name} has dtype {given.dtype}, expected integers, a class per example, "
                f"or probabilities {(rows, units)}"
            )
        if rows == 0:
            raise ValueError(f"{name} has shape {given.shape}: no examples, expected at least one")
        low, high = given.min(), given.max()
        if low < 0 or high >= units:
            raise ValueError(f"{name} holds classes from {low} to {high}, expected 0 to {units - 1}")
        return given.astype(np.intp)

    def check_target(self, target: np.ndarray, name: str = "target") -> None:
        """Raise ValueError if `target` holds probabilities that are none, or do not sum to 1 in each row."""
        if target.ndim == 1:
            return  # classes, which `as_targets` has checked
        super().check_target(target, name)
        sums = target.sum(axis=1, dtype=np.float64)
        worst = int(np.argmax(np.abs(sums - 1.0)))
        if abs(sums[worst] - 1.0) > SUM_TOLERANCE:
            raise ValueError(f"{name} sums to {sums[worst]:.6g} in row {worst}, expected 1 in every row")

    def _checked(self, prediction: ArrayLike, target: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        given = np.asarray(prediction)
        dtype = given.dtype if given.dtype in (np.float32, np.float64) else np.dtype(np.float64)
        p = as_real(given, dtype, "prediction")
        if p.ndim != 2:
            raise ValueError(f"prediction has shape {p.shape}, expected (rows, classes)")
        t = self.as_targets(target, p.shape[0], p.shape[1], dtype, "target")
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


# Cross-entropy of a softmax, of logits z: mean over rows of log(sum(exp(z))) - z of the row's class, with the
# row's largest z taken off before, so that nothing overflows; gradient (softmax(z) - t) / rows.


def softmax(z: ArrayLike) -> np.ndarray:
    """Return exp(z) / sum(exp(z)), the sum along the last axis: probabilities of logits of any size."""
    logits = np.asarray(z)
    exponentials: np.ndarray = np.exp(logits - logits.max(axis=-1, keepdims=True))
    exponentials /= exponentials.sum(axis=-1, keepdims=True)
    return exponentials


def _softmax(z: np.ndarray, t: np.ndarray) -> float:
    below = z - z.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(below).sum(axis=1))
    if t.ndim == 1:
        return float((log_sums - below[np.arange(len(t)), t]).mean())
    # A class of probability 0 costs nothing, even with a logit of -inf.
    terms = np.multiply(t, log_sums[:, np.newaxis] - below, out=np.zeros_like(t), where=t != 0.0)
    return float(terms.sum()) / len(t)


def _softmax_with_gradient(z: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
    gradient = softmax(z)
    if t.ndim == 1:
        gradient[np.arange(len(t)), t] -= 1.0
    else:
        gradient -= t
    gradient /= len(t)
    return _softmax(z, t), gradient


mean_squared_error = Loss("mean_squared_error", _squared, _squared_with_gradient)
"""``mean((y - target)^2)``."""
binary_crossentropy = Loss("binary_crossentropy", _crossentropy, _crossentropy_with_gradient, labels=True)
"""Of probabilities y, the outputs of a sigmoid, with targets in [0, 1]."""
binary_crossentropy_from_logits = Loss(
    "binary_crossentropy_from_logits", _logits, _logits_with_gradient, labels=True
)
"""The same of logits: of what would go into the sigmoid."""
softmax_crossentropy = ClassLoss("softmax_crossentropy", _softmax, _softmax_with_gradient, labels=True)
"""Of the softmax of logits, with classes or their probabilities as targets."""

LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        mean_squared_error,
        binary_crossentropy,
        binary_crossentropy_from_logits,
        softmax_crossentropy,
    )
}
"""Name -> loss."""


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
