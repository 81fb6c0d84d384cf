"""Initial values of kernels and biases, with the definitions of Keras 3.

Each initializer is a small frozen record that is called with a shape and a random generator and returns
float64 values, so that a float32 and a float64 model with one seed start from the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

__all__ = [
    "INITIALIZERS",
    "Initializer",
    "RandomNormal",
    "RandomUniform",
    "VarianceScaling",
    "Zeros",
    "fans",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "zeros",
]

Initializer: TypeAlias = Callable[[tuple[int, ...], np.random.Generator], np.ndarray]

# Standard deviation of a standard normal variable cut off at -2 and 2 (Keras' and JAX's constant).
TRUNCATED_STDDEV = 0.87962566103423978


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a weight of `shape`, as Keras' `compute_fans`.

    A kernel (features, units) has its two lengths; a vector has its length twice; beyond two dimensions the
    leading axes are a receptive field that multiplies the last two; a scalar has (1, 1).
    """
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


def truncated_normal(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Draw standard normal values of `shape`, those beyond -2 and 2 again; float64."""
    values = generator.standard_normal(math.prod(shape))
    outside = np.flatnonzero(np.abs(values) > 2.0)
    while outside.size:
        values[outside] = generator.standard_normal(outside.size)
        outside = outside[np.abs(values[outside]) > 2.0]
    return values.reshape(shape)


@dataclass(frozen=True, kw_only=True)
class Zeros:
    """All zeros."""

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Return zeros of `shape`; float64."""
        return np.zeros(shape)


@dataclass(frozen=True, kw_only=True)
class RandomNormal:
    """Normal values with `mean` and `stddev`, not truncated."""

    mean: float = 0.0
    stddev: float = 0.05

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and 0.0 <= self.stddev < math.inf):
            raise ValueError(f"{self}: expected a finite mean and a finite stddev >= 0")

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Draw values of `shape`; float64."""
        return generator.normal(self.mean, self.stddev, shape)


@dataclass(frozen=True, kw_only=True)
class RandomUniform:
    """Uniform values in [`minval`, `maxval`)."""

    minval: float = -0.05
    maxval: float = 0.05

    def __post_init__(self) -> None:
        if not -math.inf < self.minval <= self.maxval < math.inf:
            raise ValueError(f"{self}: expected finite bounds with minval <= maxval")

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Draw values of `shape`; float64."""
        return generator.uniform(self.minval, self.maxval, shape)


@dataclass(frozen=True, kw_only=True)
class VarianceScaling:
    """Values whose variance is scale / n, with n from the weight's fans.

    `mode` "fan_in" takes n = fan_in, "fan_avg" n = (fan_in + fan_out) / 2. `distribution` "uniform" draws
    from [-sqrt(3 scale / n), sqrt(3 scale / n)); "truncated_normal" cuts a normal variable off at 2 standard
    deviations, which are widened by 1 / 0.8796 so that the variance after the cut is scale / n.

    He et al. 2015 (1502.01852): scale 2, fan_in. LeCun et al. 1998, "Efficient BackProp": scale 1, fan_in.
    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks":
    scale 1, fan_avg.
    """

    scale: float
    mode: str
    distribution: str

    def __post_init__(self) -> None:
        if not 0.0 < self.scale < math.inf:
            raise ValueError(f"scale is {self.scale}, expected a finite number > 0")
        if self.mode not in ("fan_in", "fan_avg"):
            raise ValueError(f"unknown mode {self.mode!r}, expected 'fan_in' or 'fan_avg'")
        if self.distribution not in ("truncated_normal", "uniform"):
            raise ValueError(
                f"unknown distribution {self.distribution!r}, expected 'truncated_normal' or 'uniform'"
            )

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Draw values of `shape`; float64."""
        fan_in, fan_out = fans(shape)
        n = fan_in if self.mode == "fan_in" else (fan_in + fan_out) / 2.0
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return generator.uniform(-limit, limit, shape)
        return truncated_normal(shape, generator) * (math.sqrt(variance) / TRUNCATED_STDDEV)


def zeros() -> Zeros:
    """Set to zero: the usual bias."""
    return Zeros()


def random_normal(*, mean: float = 0.0, stddev: float = 0.05) -> RandomNormal:
    """Draw from a normal distribution, not truncated."""
    return RandomNormal(mean=mean, stddev=stddev)


def random_uniform(*, minval: float = -0.05, maxval: float = 0.05) -> RandomUniform:
    """Draw uniformly from [minval, maxval)."""
    return RandomUniform(minval=minval, maxval=maxval)


def he_normal() -> VarianceScaling:
    """Draw from a truncated normal distribution of variance 2 / fan_in: for relu."""
    return VarianceScaling(scale=2.0, mode="fan_in", distribution="truncated_normal")


def he_uniform() -> VarianceScaling:
    """Draw uniformly with variance 2 / fan_in: for relu."""
    return VarianceScaling(scale=2.0, mode="fan_in", distribution="uniform")


def lecun_normal() -> VarianceScaling:
    """Draw from a truncated normal distribution of variance 1 / fan_in: for selu."""
    return VarianceScaling(scale=1.0, mode="fan_in", distribution="truncated_normal")


def lecun_uniform() -> VarianceScaling:
    """Draw uniformly with variance 1 / fan_in: for selu."""
    return VarianceScaling(scale=1.0, mode="fan_in", distribution="uniform")


def glorot_normal() -> VarianceScaling:
    """Draw from a truncated normal of variance 2 / (fan_in + fan_out): for tanh and sigmoid."""
    return VarianceScaling(scale=1.0, mode="fan_avg", distribution="truncated_normal")


def glorot_uniform() -> VarianceScaling:
    """Draw uniformly with variance 2 / (fan_in + fan_out): Keras' default."""
    return VarianceScaling(scale=1.0, mode="fan_avg", distribution="uniform")


INITIALIZERS: dict[str, Callable[[], Initializer]] = {
    make.__name__: make
    for make in (
        glorot_normal,
        glorot_uniform,
        he_normal,
        he_uniform,
        lecun_normal,
        lecun_uniform,
        random_normal,
        random_uniform,
        zeros,
    )
}


def get(initializer: str | Initializer) -> Initializer:
    """Return the initializer of that name with its defaults, or `initializer` itself if it is callable.

    Raises
    ------
    ValueError
        For an unknown name; the message lists the choices.
    TypeError
        For anything that is neither a name nor callable, and for a class.
    """
    if isinstance(initializer, str):
        if initializer not in INITIALIZERS:
            raise ValueError(f"unknown initializer {initializer!r}; choose from {', '.join(INITIALIZERS)}")
        return INITIALIZERS[initializer]()
    factories: list[object] = list(INITIALIZERS.values())
    if isinstance(initializer, type) or any(initializer is make for make in factories):
        kind = "class" if isinstance(initializer, type) else "function"
        raise TypeError(
            f"initializer is the {kind} {initializer.__name__}, expected what it returns: call it"
        )
    if not callable(initializer):
        given = f"a {type(initializer).__name__}" if np.ndim(initializer) else repr(initializer)
        raise TypeError(f"initializer is {given}, expected a name or a callable of (shape, generator)")
    return initializer
