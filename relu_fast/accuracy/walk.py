"""The walk: every input of every activation, block by block, on all cores."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

import relu_fast as rf

from .judge import Tally, allowance, judge, judge_precise
from .peers import PEERS, Peer
from .reference import REFERENCES
from .samples import count_of, dtype_named, float64_samples, patterns

__all__ = ["DIRECTIONS", "OURS", "Line", "Part", "Plan", "walk", "walk_part"]

DIRECTIONS = ("forward", "backward")
OURS = "relu_fast"

# A block and what is computed from it stay in the second-level cache.
BLOCK = 1 << 13
PART = 1 << 23
"""Inputs of one task for a worker: a fraction of a second."""
PRECISE_PART = 1 << 10


@dataclass(frozen=True)
class Line:
    """One function to walk: an activation in one direction, with its parameters rounded to the dtype."""

    activation: str
    direction: str
    params: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is walked and how densely.

    Attributes
    ----------
    dtype : str
        "float32", "float64", "float16" or "bfloat16".
    every : int
        One of so many bit patterns; not for float64.
    samples : int
        About so many numbers of float64.
    peers : tuple of str
        Keys of `PEERS`.
    ours : bool
        Whether our own kernels are walked, too.
    isa : str
        Instruction set of our kernels.
    """

    dtype: str
    every: int
    samples: int
    peers: tuple[str, ...]
    ours: bool
    isa: str

    def inputs(self, line: Line) -> int:
        """How many inputs the line has."""
        if self.dtype == "float64":
            return precise_inputs(line, self.samples).size
        return count_of(self.dtype, self.every)

    def parts(self, line: Line) -> list[Part]:
        """Cut a line into tasks."""
        inputs, size = self.inputs(line), PRECISE_PART if self.dtype == "float64" else PART
        return [Part(line, first, min(first + size, inputs)) for first in range(0, inputs, size)]


@dataclass(frozen=True)
class Part:
    """One task: the inputs number `first` to `stop` of a line."""

    line: Line
    first: int
    stop: int


@lru_cache(maxsize=4)
def precise_inputs(line: Line, samples: int) -> NDArray[np.float64]:
    return float64_samples(line.activation, line.direction, line.params, samples)


def our_function(line: Line, dtype: np.dtype[Any]) -> Peer:
    """Our kernel; the backward pass for g = 1, without the weight gradient."""
    params = [dtype.type(p) for p in line.params]
    if line.direction == "forward":
        ufunc = getattr(rf.ufuncs, line.activation)
        return Peer(lambda x: np.asarray(ufunc(x, *params)), line.params)
    ufunc = getattr(rf.ufuncs, f"{line.activation}_backward")

    def backward(x: NDArray[Any]) -> NDArray[Any]:
        result = ufunc(np.ones_like(x), x, *params)
        return np.asarray(result[0] if ufunc.nout > 1 else result)

    return Peer(backward, line.params)


def walk_part(plan: Plan, part: Part) -> dict[str, Tally]:
    """Judge one part: the tally of each library that has the function."""
    line, dtype = part.line, dtype_named(plan.dtype)
    libraries: dict[str, Peer] = {}
    if plan.ours:
        libraries[OURS] = our_function(line, dtype)
    for word in plan.peers:
        name, make = PEERS[word]
        peer = make(line.activation, line.direction, tuple(dtype.type(p) for p in line.params))
        if peer is not None:
            libraries[name] = peer
    tallies = dict.fromkeys(libraries, Tally())
    if plan.dtype == "float64":
        inputs: Iterable[NDArray[Any]] = [precise_inputs(line, plan.samples)[part.first : part.stop]]
    else:
        inputs = blocks(plan, part)
    # Converting a signalling NaN is invalid, for example.
    with np.errstate(all="ignore"):
        for x in inputs:
            judges = {
                params: judge_of_block(plan.dtype, replace(line, params=params), x)
                for params in {library.params for library in libraries.values()}
            }
            for name, library in libraries.items():
                tallies[name] += judges[library.params](name, library.function(x))
    return tallies


def blocks(plan: Plan, part: Part) -> Iterator[NDArray[Any]]:
    for first in range(part.first, part.stop, BLOCK):
        yield patterns(plan.dtype, first, min(BLOCK, part.stop - first), plan.every)


def judge_of_block(dtype: str, line: Line, x: NDArray[Any]) -> Callable[[str, NDArray[Any]], Tally]:
    """Compute the exact results at x once, for all libraries."""
    reference, bound = REFERENCES[line.activation], allowance(dtype, line.direction)
    at = x.astype(np.float64)
    exact = reference(line.direction, at, *line.params)
    near = None
    if line.direction == "backward" and reference.root is not None and dtype in ("float32", "float64"):
        low, high = reference.root(*line.params)
        near = (at > low) & (at < high)
    at_nan = np.isnan(at) if line.direction == "backward" and np.isnan(at.min()) else None
    precise = [exactly(line, v) for v in at.tolist()] if dtype == "float64" else None

    def compare(library: str, got: NDArray[Any]) -> Tally:
        if at_nan is not None and library != OURS:
            # The gradient at NaN is a convention, and everyone has another.
            got = np.where(at_nan, exact, got).astype(got.dtype)
        if precise is not None:
            return judge_precise(got, precise, exact, at, bound, near)
        return judge(got, exact, at, dtype, bound, near)

    return compare


def exactly(line: Line, x: float) -> Any:
    """Exact result in many digits; None where float64 holds it exactly: at NaN and infinity."""
    from .exact import exact

    return exact(line.activation, line.direction, x, line.params) if np.isfinite(x) else None


def start_worker(isa: str) -> None:
    """Prepare a process: Ctrl-C is for the parent, and every worker computes on one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    rf.isa.use(isa)


def walk(plan: Plan, parts: Iterable[Part], jobs: int) -> Generator[tuple[Part, dict[str, Tally]]]:
    """Walk the parts in `jobs` processes (1: in this one), in the order in which they are done.

    Closing the iterator waits for what runs, at most some seconds.
    """
    if jobs == 1:
        before = rf.isa.active()
        rf.isa.use(plan.isa)
        try:
            for part in parts:
                yield part, walk_part(plan, part)
        finally:
            rf.isa.use(before)
        return
    left = iter(parts)
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=start_worker, initargs=(plan.isa,)
    ) as executor:
        running: dict[Future[dict[str, Tally]], Part] = {}
        try:
            while True:
                for part in left:
                    running[executor.submit(walk_part, plan, part)] = part
                    if len(running) >= 3 * jobs:
                        break
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            executor.shutdown(wait=True, cancel_futures=True)
