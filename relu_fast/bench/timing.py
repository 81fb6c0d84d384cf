"""The measuring core: candidates take turns, and what is reported is a ratio of medians.

On a machine with other work an absolute time says little: clock and memory bandwidth change by the second.
Candidates that are measured in turns meet the same conditions, so their ratio stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter, process_time
from timeit import Timer
from typing import Any, TypeAlias, cast

__all__ = ["MIN_ROUNDS", "Call", "Ratio", "Sampler", "Samples", "clock_of", "interleaved"]

MIN_ROUNDS = 7
"""The median of fewer rounds moves with each disturbance."""

Sampler: TypeAlias = Callable[[int], complex]
"""Runs the work so many times and returns ``wall + 1j * cpu``, the seconds it took by either clock."""


@dataclass(frozen=True)
class Call:
    """A statement, the names it uses, and what has to be run, untimed, before each of its turns.

    Text, because ``timeit`` puts it into its own loop: a Python function around the call would cost as much as
    a third of a ufunc on 1Ki elements.
    """

    statement: str
    names: dict[str, Any]
    setup: str = "pass"

    def sampler(self) -> Sampler:
        """Return what runs it n times."""
        # timeit subtracts two readings; a pair of clocks has to be one number for that.
        return cast("Sampler", Timer(self.statement, self.setup, cast(Any, _clocks), self.names).timeit)


def _clocks() -> complex:
    return complex(perf_counter(), process_time())


@dataclass(frozen=True)
class Ratio:
    """Our time over theirs, smaller is better.

    Attributes
    ----------
    value : float
        Median of our rounds over median of theirs.
    low, high : float
        Quartiles of the ratio within a round.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Samples:
    """What was measured of one candidate.

    Attributes
    ----------
    calls : int
        How often the work was done in each round.
    cpu, wall : tuple of float
        Seconds of one call, for each round: CPU time of all threads of the process, and time of day.
    """

    calls: int
    cpu: tuple[float, ...]
    wall: tuple[float, ...]

    def seconds(self, clock: str) -> tuple[float, ...]:
        """By "cpu" or by "wall"."""
        return self.cpu if clock == "cpu" else self.wall

    def median(self, clock: str) -> float:
        """Seconds of a call in the median round."""
        return median(self.seconds(clock))

    def over(self, other: Samples, clock: str) -> Ratio:
        """Compare with a candidate of the same interleaved run.

        Raises
        ------
        ValueError
            If the two have different numbers of rounds, or fewer than two.
        """
        pairs = zip(self.seconds(clock), other.seconds(clock), strict=True)
        low, _, high = quantiles([ours / theirs for ours, theirs in pairs], method="inclusive")
        return Ratio(self.median(clock) / other.median(clock), low, high)


def clock_of(threads: int) -> str:
    """Return the clock to be read.

    One thread: the CPU's, as other processes take none of it, and a peer that used more threads would gain nothing.
    More: the wall's.
    """
    return "cpu" if threads == 1 else "wall"


def interleaved(samplers: Mapping[str, Sampler], *, rounds: int, sample_seconds: float) -> dict[str, Samples]:
    """Measure candidates in turns.

    Parameters
    ----------
    samplers : mapping of str to callable
        Each runs its work n times and returns the seconds that took.
    rounds : int
        How often each has its turn.
    sample_seconds : float
        A turn repeats its work until it lasts about this long; longer works are done once.

    Returns
    -------
    dict of str to Samples
        In the order of `samplers`.
    """
    calls = {name: _calls_that_last(sampler, sample_seconds) for name, sampler in samplers.items()}
    taken: dict[str, list[complex]] = {name: [] for name in samplers}
    order = list(samplers)
    for _ in range(rounds):
        for name in order:
            taken[name].append(samplers[name](calls[name]) / calls[name])
        # Each leaves the caches to the next: by turns to the one, to the other.
        order.reverse()
    return {
        name: Samples(calls[name], tuple(t.imag for t in times), tuple(t.real for t in times))
        for name, times in taken.items()
    }


def _calls_that_last(sampler: Sampler, sample_seconds: float) -> int:
    """How many calls take `sample_seconds`; at least one."""
    # The first call touches memory and code for the first time: one much longer needs no second look.
    if _shorter(sampler(1)) > 20 * sample_seconds:
        return 1
    calls = 1
    while (seconds := _shorter(sampler(calls))) < sample_seconds:
        enough = sample_seconds / max(seconds, 1e-9)
        # Short samples tell little about long ones: no more than ten times longer, and look again.
        calls = max(calls + 1, int(calls * min(1.1 * enough, 10.0)))
    return calls


def _shorter(seconds: complex) -> float:
    """Return the time by the clock that ran less: CPU time where others have the processor, else that of the wall."""
    return min(seconds.real, seconds.imag)
