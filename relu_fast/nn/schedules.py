"""Learning rates over time: functions of t = 0, 1, ..., which counts epochs or steps.

Small frozen records, for `LearningRate`, which sets the optimizer's learning rate by one of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from .arrays import as_number, at_least

__all__ = ["Constant", "CosineDecay", "ExponentialDecay", "Schedule", "StepDecay", "WarmUp"]

Schedule: TypeAlias = Callable[[int], float]
"""t -> learning rate, for t = 0, 1, ..."""


class _Checked:
    """Checks what the fields of a schedule hold."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            CHECKS[field.name](field.name, getattr(self, field.name))


@dataclass(frozen=True, kw_only=True)
class Constant(_Checked):
    """Always `learning_rate`."""

    learning_rate: float

    def __call__(self, t: int) -> float:
        """Return the learning rate at t."""
        return self.learning_rate


@dataclass(frozen=True, kw_only=True)
class StepDecay(_Checked):
    """Starts at `learning_rate`; every `length` it is multiplied by `factor`."""

    learning_rate: float
    length: int
    factor: float = 0.1

    def __call__(self, t: int) -> float:
        """Return the learning rate at t."""
        return self.learning_rate * math.pow(self.factor, t // self.length)


@dataclass(frozen=True, kw_only=True)
class ExponentialDecay(_Checked):
    """Starts at `learning_rate`; falls by `factor` in the course of every `length`, a little at each t."""

    learning_rate: float
    length: int
    factor: float = 0.1

    def __call__(self, t: int) -> float:
        """Return the learning rate at t."""
        return self.learning_rate * math.pow(self.factor, t / self.length)


@dataclass(frozen=True, kw_only=True)
class CosineDecay(_Checked):
    """Falls along half a cosine, in `length`, from `learning_rate` to its share `final_share`, and stays there.

    Loshchilov and Hutter 2016, "SGDR" (1608.03983), without restarts.
    """

    learning_rate: float
    length: int
    final_share: float = 0.01

    def __call__(self, t: int) -> float:
        """Return the learning rate at t."""
        share = (1.0 + math.cos(math.pi * min(t / self.length, 1.0))) / 2.0
        return self.learning_rate * (self.final_share + (1.0 - self.final_share) * share)


@dataclass(frozen=True, kw_only=True)
class WarmUp(_Checked):
    """Rises linearly to what `then` starts with, in `length`, and goes on with `then` from its beginning."""

    length: int
    then: Schedule

    def __call__(self, t: int) -> float:
        """Return the learning rate at t."""
        if t < self.length:
            return self.then(0) * (t + 1) / self.length
        return self.then(t - self.length)


def _check_rate(name: str, value: Any) -> None:
    if not 0.0 < as_number(value, name, "a finite number > 0") < math.inf:
        raise ValueError(f"{name} is {value!r}, expected a finite number > 0")


def _check_share(name: str, value: Any) -> None:
    if not 0.0 < as_number(value, name, "a number in (0, 1]") <= 1.0:
        raise ValueError(f"{name} is {value!r}, expected a number in (0, 1]")


def _check_length(name: str, value: Any) -> None:
    at_least(value, 1, name)


def _check_schedule(name: str, value: Any) -> None:
    if isinstance(value, type) or not callable(value):
        raise TypeError(f"{name} is {value!r}, expected a schedule, or another function of t")


CHECKS: dict[str, Callable[[str, Any], None]] = {
    "learning_rate": _check_rate,
    "factor": _check_share,
    "final_share": _check_share,
    "length": _check_length,
    "then": _check_schedule,
}
