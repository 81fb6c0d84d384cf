"""Whether a lower learning rate would help, and which: read from what the units died of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..history import JUMP
from ..report.format import counted, span

if TYPE_CHECKING:
    from ..report import Report

__all__ = ["LARGEST_STEP", "Advice", "learning_rate_advice"]

LARGEST_STEP = JUMP / 2.0
"""How long a step may be against the weights it moves: half of what counts as a jump of theirs."""


@dataclass(frozen=True)
class Advice:
    """A lower learning rate, and why.

    Attributes
    ----------
    learning_rate : float
        The advice.
    deaths, jumps : int
        Deaths whose cause is known, and those of them where the weights jumped.
    worst : float
        The longest of these steps, against the weights it moved.
    sentence : str
    """

    learning_rate: float
    deaths: int
    jumps: int
    worst: float
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def learning_rate_advice(report: Report, learning_rate: float) -> Advice | None:
    """Advise on the learning rate, if the units died of it.

    They did where at least half of the deaths with a known cause are jumps of the weights: one step at least
    half as long as the weights it moved. A step is as long as the learning rate makes it, so that a smaller one
    in proportion would have kept the worst of them to `LARGEST_STEP` of the weights.

    Parameters
    ----------
    report : Report
        With the history of the training, in which the causes are known.
    learning_rate : float
        With which the network was trained.

    Returns
    -------
    Advice or None
        None where the evidence does not say so: nothing died, no cause is known, or most causes are others.

    Raises
    ------
    ValueError
        If the learning rate is not a finite number > 0.
    """
    # The negation also catches NaN.
    if not 0.0 < learning_rate < math.inf:
        raise ValueError(f"learning_rate is {learning_rate!r}, expected a finite number > 0")
    causes = [event.cause for event in report.events if event.kind == "death" and event.cause is not None]
    steps = [
        cause.evidence["step_norm"] / cause.evidence["weights_norm"]
        for cause in causes
        if cause.kind == "weights_jumped"
    ]
    worst = max(steps, default=0.0)
    # A step without end tells that it was too long, not how much.
    if 2 * len(steps) < len(causes) or not 0.0 < worst < math.inf:
        return None
    lower = learning_rate * min(1.0, LARGEST_STEP / worst)
    return Advice(
        learning_rate=lower,
        deaths=len(causes),
        jumps=len(steps),
        worst=worst,
        sentence=(
            f"Lower the learning rate from {learning_rate:g} to {lower:.2g}: in {len(steps)} of "
            f"{counted(len(causes), 'death')} with a known cause one step was {span(steps)} times as long as the "
            f"weights it moved; the worst would then have been {LARGEST_STEP:g} times as long."
        ),
    )
