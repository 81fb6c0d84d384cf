"""What the table measures: for each row of ``rf.ACTIVATIONS`` our call and the NumPy idiom, as statements.

Statements are text because ``timeit`` puts them into its own loop: a Python function around the call would
cost as much as a third of a ufunc on 1Ki elements. In them `x` and `g` (rows, units) are inputs, `y` and `t`
outputs, `w` a slope per unit, `stats` a record that counts which units fire.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import process_time
from timeit import Timer
from typing import Any

import numpy as np

import relu_fast as rf

from .timing import Sampler

__all__ = ["COPY", "COUNT", "IDIOMS", "UNITS", "Idiom", "Work", "arrays", "sampler", "works"]

UNITS = 256
"""Columns of the arrays: the units that are counted."""

COPY = "np.copyto(y, x)"
"""The limit of the memory, as NumPy users know it."""

COUNT = "np.count_nonzero(x > 0, axis=0)"


@dataclass(frozen=True)
class Idiom:
    """How a NumPy user writes an activation and its backward pass, in place where that is natural."""

    forward: str
    backward: str


IDIOMS: dict[str, Idiom] = {
    "relu": Idiom(
        "np.maximum(x, 0, out=y)",
        "np.multiply(g, x > 0, out=y)",
    ),
    "leaky_relu": Idiom(
        "np.multiply(x, 0.01, out=y); np.maximum(x, y, out=y)",
        "np.multiply(g, np.where(x > 0, 1, np.float32(0.01)), out=y)",
    ),
    "prelu": Idiom(
        "np.multiply(x, w, out=y); np.maximum(x, y, out=y)",
        "np.multiply(g, np.where(x > 0, 1, w), out=y); np.minimum(x, 0, out=t); np.multiply(g, t, out=t)",
    ),
    "elu": Idiom(
        "np.where(x > 0, x, np.expm1(x))",
        "np.multiply(g, np.where(x > 0, 1, np.exp(x)), out=y)",
    ),
    "selu": Idiom(
        "np.multiply(1.050700987, np.where(x > 0, x, 1.673263242 * np.expm1(x)), out=y)",
        "np.multiply(g, np.where(x > 0, np.float32(1.050700987), 1.758099341 * np.exp(x)), out=y)",
    ),
    "sigmoid": Idiom(
        "np.negative(x, out=y); np.exp(y, out=y); np.add(y, 1, out=y); np.divide(1, y, out=y)",
        "np.negative(x, out=y); np.exp(y, out=y); np.add(y, 1, out=y); np.divide(1, y, out=y); "
        "np.subtract(1, y, out=t); np.multiply(y, t, out=y); np.multiply(g, y, out=y)",
    ),
    "tanh": Idiom(
        "np.tanh(x, out=y)",
        "np.tanh(x, out=y); np.multiply(y, y, out=y); np.subtract(1, y, out=y); np.multiply(g, y, out=y)",
    ),
}
"""Each activation once, with the defaults of its parameters. Those with `out=` have it everywhere."""


@dataclass(frozen=True)
class Work:
    """One row of the table.

    Attributes
    ----------
    activation : str
    task : str
        "forward", "backward", "fused + count" or "count".
    ours : str
    numpy : str or None
        The idiom; None if nobody has written it yet.
    """

    activation: str
    task: str
    ours: str
    numpy: str | None


def works() -> list[Work]:
    """List every row of the table: all that ``rf.ACTIVATIONS`` has, then counting alone."""
    rows = []
    for name, activation in rf.ACTIVATIONS.items():
        idiom = IDIOMS.get(name)
        numpy = (idiom.forward, idiom.backward, f"{idiom.forward}; {COUNT}") if idiom else (None, None, None)
        # Parameters without a default take a slope per unit.
        required = [parameter for parameter, default in activation.params.items() if default is None]
        operands = "".join(", w" for _ in required)
        keywords = "".join(f", {parameter}=w" for parameter in required)
        outputs = "y" if getattr(rf.ufuncs, f"{name}_backward").nout == 1 else "(y, t)"
        backward = f"rf.{name}_backward(g, x{operands}, out={outputs})"
        fused = f"rf.fused.forward(x, {name!r}{keywords}, stats=stats, out=y)"
        rows += [
            Work(name, "forward", f"rf.{name}(x{operands}, out=y)", numpy[0]),
            Work(name, "backward", backward, numpy[1]),
            Work(name, "fused + count", fused, numpy[2]),
        ]
    return [*rows, Work("any", "count", "rf.count_active(x)", COUNT)]


def arrays(elements: int, *, units: int = UNITS) -> dict[str, Any]:
    """Make the names that the statements use, for that many elements as (elements / units, units)."""
    generator = np.random.default_rng(0)
    shape = elements // units, units
    return {
        "np": np,
        "rf": rf,
        "x": generator.standard_normal(shape, np.float32),
        "g": generator.standard_normal(shape, np.float32),
        "y": np.ones(shape, np.float32),
        "t": np.ones(shape, np.float32),
        "w": np.full(units, 0.25, np.float32),
        "b": generator.standard_normal(units, np.float32),
        "stats": rf.UnitStats(units, collect="active"),
        "all_stats": rf.UnitStats(units),
    }


def sampler(statement: str, names: dict[str, Any], setup: str = "pass") -> Sampler:
    """Return what runs a statement n times and tells the seconds; `setup` runs before, untimed.

    Seconds of CPU time, of all threads: other processes take none of it, and a peer that used more threads
    than one would gain nothing.
    """
    return Timer(statement, setup, process_time, names).timeit
