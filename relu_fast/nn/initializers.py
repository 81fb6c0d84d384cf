"""Initial values of kernels and biases, with the definitions of Keras 3.

Each initializer is a small frozen record that is called with a shape and a random generator and returns
float64 values, so that a float32 and a float64 model with one seed start from the same numbers.

One that draws weights and biases together has an attribute `draws_bias` that is true, and is asked for a shape
(features + 1, units): the last row is the bias.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

__all__ = [
    "INITIALIZERS",
    "RAI",
    "Initializer",
    "RandomNormal",
    "RandomUniform",
    "VarianceScaling",
    "Zeros",
    "draw",
    "draws_bias",
    "fans",
    "get",
    "get_for_bias",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "rai",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "zeros",
]

Initializer: TypeAlias = Callable[[tuple[int, ...], np.random.Generator], np.ndarray]
"""(shape, generator) -> initial values."""

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


@dataclass(frozen=True, kw_only=True)
class RAI:
    """Randomized asymmetric initialization: weights and bias of relu units that are born dead less often.

    All entries are normal with standard deviation 0.6007 / sqrt(fan_in), then one entry of each unit, weight or
    bias, drawn uniformly, is replaced by a value of Beta(2, 1), which is positive: mean 2/3, in (0, 1). Lu, Shin, Su
    and Karniadakis 2019, "Dying ReLU and Initialization: Theory and Numerical Examples" (1903.06733).
    """

    draws_bias: ClassVar[bool] = True

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Draw the weights and, in the last row, the biases of a layer; float64.

        Parameters
        ----------
        shape : (features + 1, units)

        Raises
        ------
        ValueError
            If `shape` is no such pair.
        """
        if len(shape) != 2 or shape[0] < 1:
            raise ValueError(f"{self} got shape {shape}, expected (features + 1, units): weights and bias")
        rows, units = shape
        values = generator.standard_normal(shape) * (0.6007 / math.sqrt(max(1, rows - 1)))
        values[generator.integers(rows, size=units), np.arange(units)] = generator.beta(2.0, 1.0, units)
        return values


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


def rai() -> RAI:
    """Draw weights and bias together, one positive entry a unit: for relu in deep, narrow networks."""
    return RAI()


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
        rai,
        random_normal,
        random_uniform,
        zeros,
    )
}
"""Name -> the function that makes the initializer, with its defaults."""


def draws_bias(initializer: Initializer) -> bool:
    """Whether it draws the bias together with the weights."""
    return bool(getattr(initializer, "draws_bias", False))


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


def get_for_bias(kernel: Initializer, bias: str | Initializer | None) -> Initializer:
    """Return the initializer of a bias, None meaning zeros, or `kernel` itself where that draws both.

    Raises
    ------
    ValueError, TypeError
        As `get`, and where one of the two draws both and the other is not the same.
    """
    if bias is None:
        return kernel if draws_bias(kernel) else zeros()
    bias = get(bias)
    if bias != kernel and draws_bias(kernel):
        raise ValueError(f"bias_initializer is {bias!r}, but {kernel!r} draws the bias as well: leave it out")
    if bias != kernel and draws_bias(bias):
        raise ValueError(f"bias_initializer is {bias!r}, which draws the kernel as well: name it there")
    return bias


def draw(initializer: Initializer, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Return what `initializer` gives for `shape`; ValueError if that has another shape."""
    values = np.asarray(initializer(shape, generator))
    if values.shape != shape:
        raise ValueError(f"{initializer!r} gave shape {values.shape}, expected {shape}")
    return values
