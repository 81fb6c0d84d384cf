"""Optimizers over one flat parameter vector: a step is a few NumPy calls, however many layers there are."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import as_number

__all__ = ["OPTIMIZERS", "SGD", "Adam", "Optimizer", "clip_by_global_norm", "get"]

# Moments of weights that get no gradient any more (dead units!) decay into the subnormal numbers, where
# some processors are 25 to 80 times slower, and round-to-nearest keeps them there for ever. They are set to
# zero while they are still normal: 128 steps of beta 0.9 divide by 7e5, less than this margin.
FLUSH_EVERY = 128
FLUSH_MARGIN = 1e8


class Optimizer(ABC):
    """Moves one parameter vector against its gradient.

    A subclass says how many vectors of state it keeps (`moments`), which start at zero, and writes `_move`,
    which may `_tell` what it added. If its steps depend on how many there were, it extends `_restart`.

    Attributes
    ----------
    last_change : ndarray (n,) or None
        What the last step added to the parameters, until the next one; None if there was none, or unknown.
    """

    moments = 0
    _parameters: np.ndarray | None
    _moments: list[np.ndarray]
    _scratch: np.ndarray
    _steps: int
    last_change: np.ndarray | None

    def __setattr__(self, name: str, value: object) -> None:
        # Hyperparameters may be set at any time, and are checked each time.
        check = HYPERPARAMETERS.get(name)
        if check is not None:
            check(name, value)
        object.__setattr__(self, name, value)

    def step(self, parameters: np.ndarray, gradients: np.ndarray) -> None:
        """Change `parameters` (n,) in place by one step along `gradients` (n,), which are only read.

        Raises
        ------
        ValueError
            If shapes or dtypes differ, or earlier steps moved another parameter vector.
        """
        if gradients.shape != parameters.shape or gradients.dtype != parameters.dtype:
            raise ValueError(
                f"gradients are {gradients.dtype} {gradients.shape}, "
                f"expected {parameters.dtype} {parameters.shape} as the parameters"
            )
        if parameters is not self._parameters:
            self.adopt(parameters)
        self._steps += 1
        self._move(parameters, gradients)
        if self._steps % FLUSH_EVERY == 0:
            tiny = np.finfo(parameters.dtype).tiny * FLUSH_MARGIN
            for moment in self._moments:
                moment[np.abs(moment) < tiny] = 0.0

    @property
    def longest_change(self) -> float | None:
        """How far a step moves one parameter at most; None if that is not bounded, or not known."""
        return None

    @property
    def first_moment(self) -> np.ndarray | None:
        """The running mean of gradients or steps (n,) that goes on moving the parameters; None if there is none."""
        return self._moments[0] if self._moments else None

    def adopt(self, parameters: np.ndarray) -> None:
        """Take `parameters` as the vector to move; the first `step` does this by itself.

        Raises
        ------
        ValueError
            If this optimizer already moves another vector: its moments would be wrong there.
        """
        self.check(parameters)
        if self._parameters is None:
            self._moments = [np.zeros_like(parameters) for _ in range(self.moments)]
            self._scratch = np.empty_like(parameters)
        self._parameters = parameters

    def check(self, parameters: np.ndarray | None) -> None:
        """Raise what `adopt` would, and change nothing; None stands for a vector that does not exist yet."""
        known = self._parameters
        if known is not None and (
            parameters is None or parameters.__array_interface__ != known.__array_interface__
        ):
            raise ValueError(
                f"this {type(self).__name__} already moves another parameter vector: "
                "take a new one for each model, or call reset()"
            )

    def reset(self) -> None:
        """Forget the moments, the number of steps and the parameter vector."""
        self._parameters = None
        self._moments = []
        self._scratch = np.empty(0)
        self._steps = 0
        self.last_change = None

    def _tell(self, change: np.ndarray) -> None:
        # Mostly the same array: setting an attribute takes longer than this question.
        if change is not self.last_change:
            self.last_change = change

    def reset_entries(self, indices: ArrayLike) -> None:
        """Forget what is known of some entries of the vector, as if they had been added just now.

        Their moments become zero, and Adam corrects the bias of these from their own first step on. All other
        entries keep their state and go on as without this call, to the bit. Before the first step there is
        nothing to forget.

        Parameters
        ----------
        indices : array_like of int
            Positions in the parameter vector; any shape, may be empty, may repeat.

        Raises
        ------
        TypeError
            If they are no integers.
        IndexError
            If one is not in the vector; nothing is forgotten then.
        """
        entries = np.asarray(indices)
        if entries.size and entries.dtype.kind not in "iu":
            raise TypeError(f"indices has dtype {entries.dtype}, expected integers")
        entries = np.unique(entries.astype(np.intp))
        if self._parameters is None:
            return
        size = self._parameters.size
        if entries.size and not 0 <= entries[0] <= entries[-1] < size:
            wrong = entries[0] if entries[0] < 0 else entries[-1]
            raise IndexError(f"indices holds {wrong}, expected positions in {size} parameters, from 0 on")
        self._restart(entries)

    def _restart(self, entries: NDArray[np.intp]) -> None:
        """Let `entries`, ascending, begin anew."""
        for moment in self._moments:
            moment[entries] = 0.0

    @abstractmethod
    def _move(self, parameters: np.ndarray, gradients: np.ndarray) -> None:
        """Do step number `_steps`, with `_moments`; `_scratch` is a vector to compute in."""


@dataclass(kw_only=True, eq=False)
class SGD(Optimizer):
    """Stochastic gradient descent: v = momentum v - learning_rate g; w = w + v (Keras' form).

    Both may change between steps.
    """

    learning_rate: float = 0.01
    momentum: float = 0.0

    def __post_init__(self) -> None:
        self.reset()

    def _move(self, parameters: np.ndarray, gradients: np.ndarray) -> None:
        change = np.multiply(gradients, -self.learning_rate, out=self._scratch)
        if self.momentum and not self._moments:
            # Only now, as it may have been zero in earlier steps, which need no velocity.
            self._moments = [np.zeros_like(parameters)]
        for velocity in self._moments:
            velocity *= self.momentum
            velocity += change
            change = velocity
        parameters += change
        self._tell(change)


@dataclass(kw_only=True, eq=False)
class Adam(Optimizer):
    """Adam (Kingma and Ba 2014, 1412.6980), with epsilon where Keras has it.

    With m = beta_1 m + (1 - beta_1) g and v = beta_2 v + (1 - beta_2) g^2, step t moves
    w = w - learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon):
    epsilon is added to the root of v before the bias of v is corrected ("epsilon hat" in the paper). After
    `reset_entries` t counts from there for these entries.
    """

    moments = 2

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def __post_init__(self) -> None:
        self.reset()

    @property
    def longest_change(self) -> float | None:
        """The learning rate times max(1, (1 - beta_1) / sqrt(1 - beta_2)), section 2.1 of the paper; or None.

        Gradients that grow from step to step, as fast as is worst, get further: by Cauchy and Schwarz
        1 / sqrt(1 - beta_1^2 / beta_2) times as far, 2.3 times with the betas of the paper. None for
        beta_1 > beta_2, where the first moment outlives the second.
        """
        if self.beta_1 > self.beta_2 or self.beta_2 == 0.0:
            return None
        return self.learning_rate * max(1.0, (1.0 - self.beta_1) / math.sqrt(1.0 - self.beta_2))

    def reset(self) -> None:
        """Forget the moments, the number of steps and the parameter vector."""
        super().reset()
        # Entries that began later than the vector: all of them, and for each beginning (step, how many).
        self._late = np.empty(0, np.intp)
        self._beginnings: list[tuple[int, int]] = []

    def _restart(self, entries: NDArray[np.intp]) -> None:
        super()._restart(entries)
        groups = [(step, np.setdiff1d(old, entries, assume_unique=True)) for step, old in self._groups()]
        self._regroup([*groups, (self._steps, entries)])

    def _move(self, parameters: np.ndarray, gradients: np.ndarray) -> None:
        # The moments are kept as M = m / (1 - beta_1) and V = v / (1 - beta_2): M = beta_1 M + g saves two
        # passes over the vector, and the factors go into the step size and epsilon.
        moment, square = self._moments
        scratch = self._scratch
        moment *= self.beta_1
        moment += gradients
        square *= self.beta_2
        np.multiply(gradients, gradients, out=scratch)
        square += scratch
        np.sqrt(square, out=scratch)
        scratch += self.epsilon / math.sqrt(1.0 - self.beta_2)
        np.divide(moment, scratch, out=scratch)
        late = self._late_changes(scratch) if self._late.size else None
        scratch *= self._factor(self._steps)
        if late is not None:
            scratch[self._late] = late
        parameters += scratch
        self._tell(scratch)
        if self._beginnings and self._steps % FLUSH_EVERY == 0:
            self._forget_beginnings(np.finfo(parameters.dtype).eps)

    def _factor(self, steps: int) -> float:
        """Compute what M / (sqrt(V) + epsilon) is multiplied with in an entry's step of that number."""
        root = math.sqrt(1.0 - self.beta_2)
        correction = math.sqrt(1.0 - self.beta_2**steps) / (1.0 - self.beta_1**steps)
        return -self.learning_rate * correction * (1.0 - self.beta_1) / root

    def _late_changes(self, quotients: np.ndarray) -> np.ndarray:
        """Compute the steps of the entries that began late, each group with the factor of its own age."""
        factors = np.array([self._factor(self._steps - step) for step, _ in self._beginnings])
        counts = [count for _, count in self._beginnings]
        changes: np.ndarray = quotients[self._late] * np.repeat(factors.astype(quotients.dtype), counts)
        return changes

    def _forget_beginnings(self, eps: float) -> None:
        """Drop the entries so old that no bias is left to correct, in the precision `eps` of the vector."""
        largest = max(self.beta_1, self.beta_2)
        groups = [(step, old) for step, old in self._groups() if largest ** (self._steps - step) >= eps / 2.0]
        if len(groups) < len(self._beginnings):
            self._regroup(groups)

    def _groups(self) -> list[tuple[int, NDArray[np.intp]]]:
        ends = np.cumsum([count for _, count in self._beginnings])[:-1]
        steps = [step for step, _ in self._beginnings]
        return list(zip(steps, np.split(self._late, ends), strict=True)) if steps else []

    def _regroup(self, groups: list[tuple[int, NDArray[np.intp]]]) -> None:
        groups = [(step, entries) for step, entries in groups if entries.size and step]
        self._late = np.concatenate([np.empty(0, np.intp), *(entries for _, entries in groups)])
        self._beginnings = [(step, len(entries)) for step, entries in groups]


OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam}


def get(optimizer: str | Optimizer) -> Optimizer:
    """Return a new optimizer of that name with its defaults, or `optimizer` itself if it is one.

    Raises
    ------
    ValueError
        For an unknown name; the message lists the choices.
    TypeError
        For anything that is neither a name nor an `Optimizer`.
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if not isinstance(optimizer, str):
        raise TypeError(f"optimizer is {optimizer!r}, expected a name or an Optimizer")
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {optimizer!r}; choose from {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[optimizer]()


def clip_by_global_norm(gradients: np.ndarray, clip_norm: float) -> float:
    """Scale `gradients` in place to a Euclidean norm of at most `clip_norm`; return the norm before.

    Gradients within the bound stay as they are. A norm that is not finite makes every gradient NaN, as in
    TensorFlow: an infinite gradient has no direction to keep.

    Raises
    ------
    ValueError
        If `clip_norm` is not a finite number > 0.
    TypeError
        If `gradients` is not one array of floats.
    """
    _check_positive("clip_norm", clip_norm)
    if not isinstance(gradients, np.ndarray) or gradients.dtype.kind != "f":
        given = gradients.dtype if isinstance(gradients, np.ndarray) else type(gradients).__name__
        raise TypeError(f"gradients is a {given}, expected one array of floats, such as model.gradients")
    flat = gradients.reshape(-1)
    # float32 squares overflow from 1.8e19 on; the norm is then taken in float64.
    with np.errstate(over="ignore", invalid="ignore"):
        norm = math.sqrt(np.dot(flat, flat))
        if not math.isfinite(norm):
            norm = float(np.linalg.norm(flat.astype(np.float64)))
    if not math.isfinite(norm):
        gradients.fill(np.nan)
    elif norm > clip_norm:
        gradients *= clip_norm / norm
    return norm


def _check_positive(name: str, value: Any) -> None:
    if not 0.0 < as_number(value, name, "a finite number > 0") < math.inf:
        raise ValueError(f"{name} is {value!r}, expected a finite number > 0")


def _check_decay(name: str, value: Any) -> None:
    if not 0.0 <= as_number(value, name, "a number in [0, 1)") < 1.0:
        raise ValueError(f"{name} is {value!r}, expected a number in [0, 1)")


HYPERPARAMETERS: dict[str, Callable[[str, Any], None]] = {
    "learning_rate": _check_positive,
    "momentum": _check_decay,
    "beta_1": _check_decay,
    "beta_2": _check_decay,
    "epsilon": _check_positive,
}
