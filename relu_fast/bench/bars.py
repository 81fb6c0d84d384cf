"""The bars: ratios that must hold, on one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from .timing import Ratio, Samples, interleaved
from .training import against_numpy, against_torch
from .works import COUNT, arrays, sampler

__all__ = ["BARS", "Bar", "Outcome", "measure"]

Ki, Mi = 2**10, 2**20


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What our time may be at most, as a multiple of theirs.

    Attributes
    ----------
    work, peer : str
        Two names for readers.
    at_most : float
    ours, theirs : str
        Statements.
    elements : int
        How much memory it takes, in elements of an array.
    names : callable
        Makes what the statements use. An ImportError says what is missing.
    setup : str
        Runs before each timed sample.
    is_training : bool
        Whether a call is a training step.
    """

    work: str
    peer: str
    at_most: float
    ours: str
    theirs: str
    elements: int
    names: Callable[[], dict[str, Any]]
    setup: str = "pass"
    is_training: bool = False


@dataclass(frozen=True)
class Outcome:
    """A bar and what was measured; `reason` says why nothing was."""

    bar: Bar
    ours: Samples | None = None
    theirs: Samples | None = None
    reason: str = ""

    @property
    def ratio(self) -> Ratio | None:
        """Our time over theirs, None if not measured."""
        return None if self.ours is None or self.theirs is None else self.ours.over(self.theirs)

    @property
    def verdict(self) -> str:
        """One of "holds", "falls short", "not measured"."""
        if self.ratio is None:
            return "not measured"
        return "holds" if self.ratio.value <= self.bar.at_most else "falls short"


def _on_arrays(work: str, elements: int, at_most: float, ours: str, theirs: str, *, units: int = 256) -> Bar:
    return Bar(
        work=work,
        peer=theirs,
        at_most=at_most,
        ours=ours,
        theirs=theirs,
        elements=elements,
        names=partial(arrays, elements, units=units),
    )


def _of_training(at_most: float, peer: str, names: Callable[[], dict[str, Any]]) -> Bar:
    return Bar(
        work="training step, counts included",
        peer=peer,
        at_most=at_most,
        ours="ours.step()",
        theirs="theirs.step()",
        elements=0,
        names=names,
        setup="ours.restart(); theirs.restart()",
        is_training=True,
    )


_FIRED = "rf.fused.forward(x, 'relu', stats=stats, out=y)"
_ALL_COUNTS = "rf.fused.forward(x, 'relu', stats=all_stats, out=y)"
_LAYER = "rf.fused.forward(y, 'relu', bias=b, stats=all_stats, out=y)"

BARS: tuple[Bar, ...] = (
    _on_arrays("relu, 1Ki", Ki, 1.10, "rf.relu(x, out=y)", "np.negative(x, out=y)"),
    _on_arrays("relu, 32Ki", 32 * Ki, 0.60, "rf.relu(x, out=y)", "np.maximum(x, 0, out=y)"),
    _on_arrays("elu, 32Ki", 32 * Ki, 0.35, "rf.elu(x, out=y)", "np.where(x > 0, x, np.expm1(x))"),
    _on_arrays("count_active, 32Mi", 32 * Mi, 0.50, "rf.count_active(x)", "(x > 0).any(axis=0)"),
    _on_arrays("count_active, 32Mi", 32 * Mi, 0.30, "rf.count_active(x)", COUNT),
    _on_arrays("fused relu + firing counts, 32Mi", 32 * Mi, 1.10, _FIRED, "rf.relu(x, out=y)"),
    _on_arrays("fused relu + all default counts, 32Mi", 32 * Mi, 1.10, _ALL_COUNTS, "rf.relu(x, out=y)"),
    _on_arrays("fused bias + relu + counts, (32, 64)", 2 * Ki, 2.50, _LAYER, "np.add(y, b, out=y)", units=64),
    _of_training(0.75, "NumPy, counts included", against_numpy),
    _of_training(0.33, "PyTorch, no counts", against_torch),
)
"""Those of arrays have 256 units where nothing else is said."""


def measure(
    bars: Sequence[Bar],
    *,
    rounds: int,
    sample_seconds: float,
    largest: int,
    progress: Callable[[str], None],
) -> list[Outcome]:
    """Measure bars, those of up to `largest` elements; `progress` is told what comes next."""
    outcomes = []
    for bar in bars:
        progress(f"{bar.work} / {bar.peer}")
        if bar.elements > largest:
            outcomes.append(Outcome(bar, reason="those larger than the largest of --sizes"))
            continue
        try:
            names = bar.names()
        except ImportError as error:
            outcomes.append(Outcome(bar, reason=str(error)))
            continue
        samplers = {side: sampler(getattr(bar, side), names, bar.setup) for side in ("ours", "theirs")}
        samples = interleaved(samplers, rounds=rounds, sample_seconds=sample_seconds)
        outcomes.append(Outcome(bar, samples["ours"], samples["theirs"]))
    return outcomes
