"""What a bar is, and how it is measured: a ratio that must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import exp, log

import relu_fast as rf

from .data import Store
from .limit import Limits
from .peer import Peer
from .peers import PEERS, find_peers
from .table import use_threads
from .timing import Call, Ratio, Samples, clock_of, interleaved

__all__ = [
    "Bar",
    "Bench",
    "Mean",
    "Outcome",
    "Sides",
    "geometric_means",
    "measure",
    "seconds_of",
    "verdict_on",
]

LARGE = 2**20


class Bench:
    """What the bars are measured with: arrays, limits, peers."""

    def __init__(self, sample_seconds: float) -> None:
        self.store = Store()
        self.limits = Limits(sample_seconds)
        self.threads = rf.get_num_threads()
        self._peers: dict[str, Peer | None] = {}

    def peer(self, name: str) -> Peer:
        """Return a peer; an ImportError says if it is not installed."""
        if name not in self._peers:
            found, _ = find_peers([name])
            self._peers[name] = found[0] if found else None
        peer = self._peers[name]
        if peer is None:
            raise ImportError(f"{PEERS[name].title} is not installed")
        return peer

    @property
    def peers(self) -> list[Peer]:
        """Those that took part so far."""
        return [peer for peer in self._peers.values() if peer is not None]


Sides = dict[str, Call]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What our time may be at most, as a multiple of theirs.

    Attributes
    ----------
    section, work, against : str
        For readers.
    at_most : float or None
        None: counts in a geometric mean only.
    elements : int
        How much memory it takes, in elements of an array.
    sides : callable
        Makes the calls "ours" and "theirs" of a `Bench`. With "small", which does our work on `elements` / `times`
        elements, theirs is the slower of that, `times` times, and "theirs". "copy" is measured for readers,
        and so are "memory" and "memory of one", our copy or sum by `threads` and by one.
        An ImportError says what is missing.
    peer : str
        Library that has to be there.
    threads : int
        More than one: by the clock on the wall.
    is_training : bool
        Whether a call is a training step.
    """

    section: str
    work: str
    against: str
    at_most: float | None
    elements: int
    sides: Callable[[Bench], Sides]
    activation: str = ""
    dtype: str = "float32"
    peer: str = "numpy"
    threads: int = 1
    times: int = 1
    is_training: bool = False


@dataclass(frozen=True)
class Outcome:
    """A bar and what was measured; `reason` says why nothing was."""

    bar: Bar
    samples: dict[str, Samples] = field(default_factory=dict)
    reason: str = ""

    @property
    def clock(self) -> str:
        """Which of the clocks is read."""
        return clock_of(self.bar.threads)

    @property
    def theirs(self) -> Samples | None:
        """What ours is divided by."""
        if not self.samples:
            return None
        theirs, small = self.samples["theirs"], self.samples.get("small")
        if small is None or small.median(self.clock) * self.bar.times <= theirs.median(self.clock):
            return theirs
        times = self.bar.times
        return Samples(small.calls, tuple(times * s for s in small.cpu), tuple(times * s for s in small.wall))

    @property
    def is_bound_by_arithmetic(self) -> bool:
        """Whether the time of the small arrays is what counts."""
        return bool(self.samples) and self.theirs is not self.samples["theirs"]

    @property
    def ratio(self) -> Ratio | None:
        """Our time over theirs, None if not measured."""
        return None if self.theirs is None else self.samples["ours"].over(self.theirs, self.clock)

    @property
    def memory(self) -> Ratio | None:
        """What more threads gain where bytes are only moved; None if not measured."""
        if "memory" not in self.samples:
            return None
        return self.samples["memory"].over(self.samples["memory of one"], self.clock)

    @property
    def verdict(self) -> str:
        """One of "holds", "falls short", "not measured", "" (no bar of its own)."""
        return verdict_on(None if self.ratio is None else self.ratio.value, self.bar.at_most)


def measure(
    selected: Sequence[Bar],
    *,
    rounds: int,
    sample_seconds: float,
    largest: int,
    progress: Callable[[str, float], None],
) -> Iterator[Outcome]:
    """Measure bars, those of up to `largest` elements; `progress` is told what comes next, and its seconds."""
    bench = Bench(sample_seconds)
    for bar in selected:
        progress(f"{bar.work} / {bar.against}", seconds_of(bar, rounds, sample_seconds, largest))
        yield _measure_bar(bar, bench, _rounds_of(bar, rounds), sample_seconds, largest)


def seconds_of(bar: Bar, rounds: int, sample_seconds: float, largest: int) -> float:
    """Estimate what a bar takes."""
    if bar.elements > largest:
        return 0.0
    call = bar.elements * 0.7e-9
    sides = 4 if bar.threads > 1 else 3 if bar.times > 1 else 2
    return sides * (_rounds_of(bar, rounds) + 2) * max(call, sample_seconds)


def _rounds_of(bar: Bar, rounds: int) -> int:
    """Small works have as many turns as large ones cannot have."""
    return rounds if bar.elements > LARGE else 3 * rounds


def _measure_bar(bar: Bar, bench: Bench, rounds: int, sample_seconds: float, largest: int) -> Outcome:
    if bar.elements > largest:
        return Outcome(bar, reason="larger than the largest of --sizes")
    if bar.threads > bench.threads:
        return Outcome(bar, reason="this process may use one thread only")
    try:
        peer = bench.peer(bar.peer)
        use_threads(1, bench.peers)
        with ExitStack() as stack:
            if not bar.is_training:
                stack.enter_context(peer.measuring())
            calls = bar.sides(bench)
            samplers = {side: call.sampler() for side, call in calls.items()}
            samples = interleaved(samplers, rounds=rounds, sample_seconds=sample_seconds)
    except ImportError as error:
        return Outcome(bar, reason=str(error))
    finally:
        use_threads(1, bench.peers)
    return Outcome(bar, samples)


@dataclass(frozen=True)
class Mean:
    """The geometric mean of the ratios of a section, of which there are `count`, and what it may be at most."""

    section: str
    at_most: float
    count: int
    value: float | None

    @property
    def verdict(self) -> str:
        """As that of an outcome."""
        return verdict_on(self.value, self.at_most)


def geometric_means(outcomes: Sequence[Outcome], at_most: Mapping[str, float]) -> list[Mean]:
    """Return the mean of each section that has a bar for it, and any outcome."""
    means = []
    for section, bound in at_most.items():
        ratios = [outcome.ratio for outcome in outcomes if outcome.bar.section == section]
        values = [ratio.value for ratio in ratios if ratio is not None]
        if ratios:
            # Of all or of none: a part is another mean.
            value = exp(sum(map(log, values)) / len(values)) if len(values) == len(ratios) else None
            means.append(Mean(section, bound, len(ratios), value))
    return means


def verdict_on(value: float | None, at_most: float | None) -> str:
    """Return "not measured", "holds", "falls short", or "" where there is no bar."""
    if value is None:
        return "not measured"
    if at_most is None:
        return ""
    return "holds" if value <= at_most else "falls short"
