"""The measuring core: candidates take turns, and what is reported is a ratio of medians.

On a machine with other work an absolute time says little: clock and memory bandwidth change by the second.
Candidates that are measured in turns meet the same conditions, so their ratio stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TypeAlias

__all__ = ["MIN_ROUNDS", "Ratio", "Sampler", "Samples", "interleaved"]

Sampler: TypeAlias = Callable[[int], float]
"""Runs the work so many times and returns the seconds it took: the `timeit` method of a ``timeit.Timer``."""

MIN_ROUNDS = 7
"""The median of fewer rounds moves with each disturbance."""


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
    seconds : tuple of float
        Time of one call, for each round.
    """

    calls: int
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds of a call in the median round."""
        return median(self.seconds)

    def over(self, other: Samples) -> Ratio:
        """Compare with a candidate of the same interleaved run.

        Raises
        ------
        ValueError
            If the two have different numbers of rounds, or fewer than two.
        """
        ratios = [ours / theirs for ours, theirs in zip(self.seconds, other.seconds, strict=True)]
        low, _, high = quantiles(ratios, method="inclusive")
        return Ratio(self.median / other.median, low, high)


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
    seconds: dict[str, list[float]] = {name: [] for name in samplers}
    order = list(samplers)
    for _ in range(rounds):
        for name in order:
            seconds[name].append(samplers[name](calls[name]) / calls[name])
        # Each leaves the caches to the next: by turns to the one, to the other.
        order.reverse()
    return {name: Samples(calls[name], tuple(seconds[name])) for name in samplers}


def _calls_that_last(sampler: Sampler, sample_seconds: float) -> int:
    """How many calls take `sample_seconds`; at least one."""
    sampler(1)  # touches memory and code for the first time
    calls = 1
    while (seconds := sampler(calls)) < sample_seconds:
        enough = sample_seconds / max(seconds, 1e-9)
        # Short samples tell little about long ones: no more than ten times longer, and look again.
        calls = max(calls + 1, int(calls * min(1.1 * enough, 10.0)))
    return calls
