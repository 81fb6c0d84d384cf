"""The full table: every work at every size, dtype and number of threads, against every peer and the limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import relu_fast as rf

from .data import Data, make_data
from .limit import Limits
from .peer import Peer
from .timing import MIN_ROUNDS, Samples, clock_of, interleaved
from .works import Work, ours

__all__ = ["Measurement", "Plan", "measure_table", "seconds_of", "use_threads"]

LARGE = 2**24
"""Elements from which on MIN_ROUNDS have to do, unless more are asked for."""

NANOSECONDS = {
    "ours": (0.6, 1.3, 0.7),
    "limit": (0.4, 0.9, 0.2),
    "numpy": (5.0, 8.0, 20.0),
    "torch": (1.7, 3.2, 1.7),
    "jax": (6.0, 12.0, 12.0),
    "numexpr": (5.0, 8.0, 0.0),
    "numba": (7.0, 10.0, 0.0),
}
"""What an element takes on one thread of a server, the mean over the works: float32, float64, float16."""

COMPILES = {"jax": 0.2, "numba": 0.6}
"""Seconds."""

SETTLE_SECONDS = 0.02
"""Threads of OpenMP spin for a while before they sleep; their time would be counted."""


@dataclass(frozen=True)
class Measurement:
    """One row of the table.

    Attributes
    ----------
    threads : int
    samples : mapping of str to Samples
        "ours", "limit" and "copy" (where there are), and the peers' by name.
    limit : str
        What the limit was.
    """

    work: Work
    dtype: str
    elements: int
    threads: int
    samples: Mapping[str, Samples]
    limit: str

    @property
    def clock(self) -> str:
        """Which of the clocks is read."""
        return clock_of(self.threads)

    def seconds(self, name: str = "ours") -> float | None:
        """Return the median time of a call; None if it was not measured."""
        return self.samples[name].median(self.clock) if name in self.samples else None

    def over(self, name: str) -> float | None:
        """Return our time over that of another; None if it was not measured."""
        if name not in self.samples:
            return None
        return self.samples["ours"].over(self.samples[name], self.clock).value


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured, and how closely.

    Attributes
    ----------
    rounds : int or None
        None: 9, and 7 for the largest arrays.
    threads : tuple of int
        Numbers of threads, each measured by itself.
    """

    works: tuple[Work, ...]
    sizes: tuple[int, ...]
    dtypes: tuple[str, ...]
    threads: tuple[int, ...]
    peers: tuple[Peer, ...]
    rounds: int | None
    sample_seconds: float

    def rows(self, dtype: str) -> list[Work]:
        """List the works that there are for a dtype."""
        return [work for work in self.works if dtype in work.dtypes]

    def rounds_of(self, elements: int) -> int:
        """Return how many turns each has."""
        return self.rounds or (MIN_ROUNDS if elements >= LARGE else 9)

    @property
    def seconds(self) -> float:
        """What it takes, roughly."""
        return sum(
            seconds_of(self, dtype, size, threads) * len(self.rows(dtype))
            for dtype in self.dtypes
            for size in self.sizes
            for threads in self.threads
        )


def seconds_of(plan: Plan, dtype: str, elements: int, threads: int) -> float:
    """Estimate what one row takes."""
    column = ("float32", "float64", "float16").index(dtype)
    rounds, total = plan.rounds_of(elements), 0.0
    candidates = ["ours", "limit", "limit"]
    candidates += [peer.name for peer in plan.peers if _takes_part(peer, plan, dtype, elements, threads)]
    for name in candidates:
        call = elements * NANOSECONDS[name][column] * 1e-9 / (1 if name == "numpy" else threads)
        total += (
            (rounds + 1) * max(call, plan.sample_seconds) + 2 * plan.sample_seconds + COMPILES.get(name, 0.0)
        )
    return total


def measure_table(plan: Plan, *, progress: Callable[[str, float], None]) -> Iterator[Measurement]:
    """Measure row after row: by dtype, by size, by work, by threads.

    Parameters
    ----------
    progress : callable
        Is told what comes next and how many seconds that should take.
    """
    for dtype in plan.dtypes:
        for elements in plan.sizes:
            data, limits = make_data(dtype, elements), Limits(plan.sample_seconds)
            for work in plan.rows(dtype):
                numpy: dict[str, Samples] = {}
                for threads in plan.threads:
                    use_threads(threads, plan.peers)
                    if len(plan.threads) > 1:
                        time.sleep(SETTLE_SECONDS)
                    text = f"{dtype}, {elements:,} elements: {work.activation} {work.task}"
                    progress(text, seconds_of(plan, dtype, elements, threads))
                    row = _measure_row(plan, work, data, threads, limits, numpy)
                    numpy = {"numpy": row.samples["numpy"]} if "numpy" in row.samples else {}
                    yield row
            # Before the next arrays are made.
            del data, limits


def use_threads(threads: int, peers: Sequence[Peer]) -> None:
    """Let everybody use so many."""
    rf.set_num_threads(threads)
    for peer in peers:
        peer.set_threads(threads)


def _takes_part(peer: Peer, plan: Plan, dtype: str, elements: int, threads: int) -> bool:
    """Whether a peer is measured there. NumPy has one thread: large arrays, which take long, once."""
    is_new = peer.has_threads or elements < LARGE or threads == plan.threads[0]
    return is_new and dtype in peer.dtypes


def _measure_row(
    plan: Plan, work: Work, data: Data, threads: int, limits: Limits, known: Mapping[str, Samples]
) -> Measurement:
    calls = {"ours": ours(work, data)}
    limit = limits.fastest(work.traffic, data, threads)
    if limit is not None:
        calls["limit"] = limit[1]
        copy = limits.fastest("copy", data, threads)
        if work.traffic != "copy" and copy is not None:
            calls["copy"] = copy[1]
    with ExitStack() as stack:
        for peer in plan.peers:
            if _takes_part(peer, plan, data.dtype, data.x.size, threads):
                stack.enter_context(peer.measuring())
                call = peer.call(work, data, threads)
                if call is not None:
                    calls[peer.name] = call
        samples = interleaved(
            {name: call.sampler() for name, call in calls.items()},
            rounds=plan.rounds_of(data.x.size),
            sample_seconds=plan.sample_seconds,
        )
    if "limit" in samples:
        samples.setdefault("copy", samples["limit"])
    return Measurement(
        work, data.dtype, data.x.size, threads, {**known, **samples}, limit[0] if limit else ""
    )
