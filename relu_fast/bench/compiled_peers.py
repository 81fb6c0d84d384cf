"""The libraries that compile a formula: JAX, numexpr, Numba."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any
from weakref import ReferenceType, ref

from .data import Data
from .formulas import FORMULAS, JAX, with_typed_numbers
from .peer import Peer
from .timing import Call
from .works import BACKWARD, FORWARD, FROM_Y, Work

__all__ = ["COMPILED_PEERS"]


class Jax(Peer):
    """Its arrays cannot be written: each call allocates its output."""

    name, title = "jax", "JAX"

    def __init__(self) -> None:
        self._jax = import_module("jax")
        self.version = self._jax.__version__
        self._cached: tuple[ReferenceType[Data], dict[str, Any]] | None = None

    def call(self, work: Work, data: Data, threads: int) -> Call | None:
        function = self._function(work)
        return None if function is None else self.compiled(function, work, data, threads)

    def ours(self, work: Work, data: Data, threads: int) -> Call:
        """Return the same call of our function, forward or backward."""
        forward = getattr(import_module("relu_fast.jax"), work.activation)

        def backward(g: Any, x: Any) -> Any:
            return self._jax.vjp(forward, x)[1](g)[0]

        return self.compiled({FORWARD: forward, BACKWARD: backward}[work.task], work, data, threads)

    def compiled(self, function: Callable[..., Any], work: Work, data: Data, threads: int) -> Call:
        """Return the call of a function, compiled for one thread or for all."""
        with self.measuring():
            # Eigen's pool has as many threads as there are cores, or is not used.
            options = {"xla_cpu_multi_thread_eigen": threads > 1}
            f = self._jax.jit(function, compiler_options=options)
            operands = {FORWARD: "x", BACKWARD: "g, x", FROM_Y: "g, t"}[work.task]
            last = "[-1]" if work.traffic == "two copies" else ""
            call = Call(f"f({operands}){last}.block_until_ready()", {**self._arrays(work, data), "f": f})
            exec(call.statement, dict(call.names))
        return call

    def _function(self, work: Work) -> Callable[..., Any] | None:
        names = {"jax": self._jax, "jnp": self._jax.numpy, "nn": self._jax.nn, "w": 0.25}
        if work.task == FROM_Y:
            text = f"lambda g, t: {FORMULAS[work.activation, work.task]}"
        elif work.task in (FORWARD, BACKWARD) and work.activation in JAX:
            forward = f"lambda x: {JAX[work.activation]}"
            text = forward if work.task == FORWARD else f"lambda g, x: jax.vjp({forward}, x)[1](g)[0]"
            if work.traffic == "two copies":
                # The gradient of every element's slope, as ours.
                forward = f"lambda x, w: {JAX[work.activation]}"
                text = f"lambda g, x: jax.vjp({forward}, x, jnp.full_like(x, w))[1](g)"
        else:
            return None
        function: Callable[..., Any] = eval(text, names)
        return function

    def _arrays(self, work: Work, data: Data) -> dict[str, Any]:
        if self._cached is None or self._cached[0]() is not data:
            self._cached = None  # frees them before there are others
            self._cached = ref(data), {name: self._jax.numpy.array(getattr(data, name)) for name in "xg"}
        arrays = dict(self._cached[1])
        if work.task == FROM_Y:
            arrays["t"] = self._jax.numpy.array(data.t)
        return arrays

    def measuring(self) -> AbstractContextManager[object]:
        double: AbstractContextManager[object] = self._jax.enable_x64(True)
        return double


class NumExpr(Peer):
    name, title, dtypes = "numexpr", "numexpr", ("float32", "float64")

    def __init__(self) -> None:
        self._numexpr = import_module("numexpr")
        self.version = self._numexpr.__version__

    def call(self, work: Work, data: Data, threads: int) -> Call | None:
        formulas = FORMULAS.get((work.activation, work.task))
        if formulas is None or "erf(" in formulas:
            return None
        names: dict[str, Any] = {"evaluate": self._numexpr.evaluate, "y": data.y, "t": data.t}
        statements = []
        for i, formula in enumerate([formulas] if isinstance(formulas, str) else formulas):
            text, scalars = with_typed_numbers(_substituted(formula), data.dtype)
            used = {name: getattr(data, name) for name in ("x", "g", "t") if re.search(rf"\b{name}\b", text)}
            names[f"operands_{i}"] = {**used, **scalars}
            statements.append(f"evaluate({text!r}, operands_{i}, {{}}, out={'yt'[i]})")
        return Call("; ".join(statements), names)

    def set_threads(self, threads: int) -> None:
        self._numexpr.set_num_threads(threads)


class Numba(Peer):
    name, title, dtypes = "numba", "Numba", ("float32", "float64")

    def __init__(self) -> None:
        self._numba = import_module("numba")
        self.version = self._numba.__version__
        self._where = self._numba.njit(lambda condition, a, b: a if condition else b)
        self._compiled: dict[tuple[str, str, str, bool], Any] = {}

    def call(self, work: Work, data: Data, threads: int) -> Call | None:
        formulas = FORMULAS.get((work.activation, work.task))
        if formulas is None:
            return None
        key = work.activation, work.task, data.dtype, threads > 1
        if key not in self._compiled:
            self._compiled[key] = self._loop(formulas, data.dtype, threads > 1)
        arrays = {name: getattr(data, name).reshape(-1) for name in "xgyt"}
        call = Call("f(x, g, y, t)", {**arrays, "f": self._compiled[key]})
        exec(call.statement, dict(call.names))
        return call

    def _loop(self, formulas: str | tuple[str, str], dtype: str, parallel: bool) -> Any:
        math = import_module("math")
        functions = {name: getattr(math, name) for name in ("exp", "expm1", "log1p", "tanh", "erf")}
        names = {**functions, "where": self._where, "prange": self._numba.prange}
        reads_t = isinstance(formulas, str) and re.search(r"\bt\b", formulas)
        lines = [f"{name} = {name.upper()}[i]" for name in ("x", "g", *("t" if reads_t else ""))]
        for i, formula in enumerate([formulas] if isinstance(formulas, str) else formulas):
            text, scalars = with_typed_numbers(formula, dtype)
            names.update(scalars)
            *before, value = text.split("; ")
            lines += [*before, f"{'YT'[i]}[i] = {value}"]
        body = "\n        ".join(lines)
        exec(f"def f(X, G, Y, T):\n    for i in prange(Y.size):\n        {body}", names)
        return self._numba.njit(names["f"], error_model="numpy", parallel=parallel)

    def set_threads(self, threads: int) -> None:
        self._numba.set_num_threads(threads)


def _substituted(formula: str) -> str:
    """Put the values that a formula names first where it uses them: numexpr finds out that they are the same."""
    *before, value = formula.split("; ")
    for definition in before:
        name, text = definition.split(" = ", 1)
        value = re.sub(rf"\b{name}\b", f"({text})", value)
    return value


COMPILED_PEERS: tuple[type[Peer], ...] = (Jax, NumExpr, Numba)
