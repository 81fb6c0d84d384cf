"""The rows of the table: each activation of ``rf.ACTIVATIONS``, forward and backward, as our own statements.

In statements `x` and `g` (rows, units) are inputs, `y` and `t` outputs, `w` a slope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import relu_fast as rf

from .data import DTYPES, Data
from .timing import Call

__all__ = ["BETA", "COUNT", "COUNTED", "FROM_Y", "TASKS", "Work", "ours", "works"]

BETA = 1.702
"""Of swish: with 1 it would be silu. x * sigmoid(1.702 x) is the approximation of gelu (arXiv 1606.08415)."""

ARGUMENTS = {"prelu": ", w", "swish": f", {BETA}"}
"""Parameters that are not the defaults. PReLU has one slope, as PyTorch's ``nn.PReLU()``."""

FORWARD, BACKWARD, FROM_Y, COUNTED, COUNT = TASKS = "forward", "backward", "from y", "fused + count", "count"


@dataclass(frozen=True)
class Work:
    """One row of the table.

    Attributes
    ----------
    activation : str
        "any" for counting alone.
    task : str
        "forward", "backward" (from x), "from y" (backward from the output), "fused + count" or "count".
    statement : str
        Ours.
    setup : str
        Makes, once, what the statement reads besides `x` and `g`.
    traffic : str
        The memory that it moves: "copy" (an input, an output), "add" (two inputs, an output), "two copies", or
        "read".
    """

    activation: str
    task: str
    statement: str
    traffic: str
    setup: str = "pass"
    dtypes: tuple[str, ...] = tuple(DTYPES)


def works() -> list[Work]:
    """List every row: all that ``rf.ACTIVATIONS`` has, then counting."""
    rows = []
    for name in rf.ACTIVATIONS:
        arguments = ARGUMENTS.get(name, "")
        two = getattr(rf.ufuncs, f"{name}_backward").nout == 2
        backward = f"rf.{name}_backward(g, x{arguments}, out={'(y, t)' if two else 'y'})"
        rows += [
            Work(name, FORWARD, f"rf.{name}(x{arguments}, out=y)", "copy"),
            Work(name, BACKWARD, backward, "two copies" if two else "add"),
        ]
        # PyTorch's backward of these reads the output.
        if name in ("sigmoid", "tanh"):
            statement = f"rf.fused.backward(g, {name!r}, y=t, out=y)"
            rows.append(Work(name, FROM_Y, statement, "add", f"rf.{name}(x, out=t)", ("float32", "float64")))
    floats = ("float32", "float64")
    fused = "rf.fused.forward(x, 'relu', stats=stats, out=y)"
    rows.append(Work("relu", COUNTED, fused, "copy", dtypes=floats))
    rows.append(Work("any", COUNT, "rf.count_active(x)", "read", dtypes=floats))
    return rows


def ours(work: Work, data: Data) -> Call:
    """Our call."""
    names = {**data.names, **records(data)}
    exec(work.setup, names)
    return Call(work.statement, names)


def records(data: Data) -> dict[str, Any]:
    """Make what our statements use besides the arrays: `stats` counts which units fire, `all_stats` all it can."""
    units = data.b.size
    return {
        "rf": rf,
        "stats": rf.UnitStats(units, collect="active"),
        "all_stats": rf.UnitStats(units),
    }
