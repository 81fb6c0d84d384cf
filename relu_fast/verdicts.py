"""From what was counted to what is known: pure functions, statistics in, verdicts out.

The state of a unit is the first of these that holds. ``z`` is the pre-activation with its bias. A unit
*fires* when ``z > gate``: at its gate and below it an activation's output is constant and its gradient zero.
Without a gate it fires when ``z > 0``.

============ ================================================= ===========================================
state        exact meaning                                     evidence
============ ================================================= ===========================================
not_observed nothing was seen                                  none; never to be shown as "0 dead"
non_finite   some z was NaN or infinite                        how many
dead         max z <= gate over a declared complete pass of    examples; largest z, how far below the gate
             the data: frozen weights, evaluation mode
unfired      fired 0 times in what was seen                    examples; 95 % bound of the firing rate
always_on    fired every time (a rectifier is linear there)    examples
alive        the rest                                          firing rate
============ ================================================= ===========================================

While weights move (a training epoch) a unit can at most be ``unfired``; without a gate it is never ``dead``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    *("STATES", "Counts", "Evidence", "Gate"),
    *("below_gate", "evidence", "firing_rate", "gates", "rate_bound", "state_codes", "unit_states"),
]

STATES = ("not_observed", "non_finite", "dead", "unfired", "always_on", "alive")
"""Every state, the strongest claim on a unit first: the order in which they are tried."""


class Counts(Protocol):
    """What a verdict is read from, a ``UnitStats`` or a ``LayerReport``; every array is (units,)."""

    @property
    def seen(self) -> NDArray[np.int64]: ...
    @property
    def examples(self) -> NDArray[np.int64]: ...
    @property
    def active(self) -> Any: ...
    @property
    def nonfinite(self) -> Any: ...
    @property
    def max(self) -> Any: ...


Gate: TypeAlias = "float | NDArray[np.float64] | None"
"""Where output and gradient become zero: for all units, for each (NaN: nowhere), or None: nowhere."""


def gates(gate: Gate, units: int) -> NDArray[np.float64]:
    """Write out a gate as one number a unit, (units,), NaN for a unit without one."""
    return np.broadcast_to(np.float64(np.nan if gate is None else gate), (units,))


def state_codes(counts: Counts, *, gate: Gate, complete: bool) -> NDArray[np.uint8]:
    """Find the state of every unit, as an index into `STATES`.

    Parameters
    ----------
    counts : Counts
        Statistics with ``active`` and ``nonfinite`` collected, each (units,).
    gate : float, ndarray (units,) or None
        Where the activation's output and gradient become zero; None for an activation that has no gate, NaN
        for a unit that has none.
    complete : bool
        Whether the statistics are those of a declared complete pass: frozen weights, evaluation mode, all
        data.

    Returns
    -------
    ndarray of uint8, (units,)

    Raises
    ------
    ValueError
        If ``active`` or ``nonfinite`` was not collected.
    """
    for needed in ("active", "nonfinite"):
        if getattr(counts, needed) is None:
            raise ValueError(f"the statistics have no {needed!r}, expected it among what they collect")
    # active == 0 is max z <= gate as the kernel compared them, in z's own precision. A float32 pass compares
    # with the gate rounded to float32: float64(max) <= gate gets that wrong where the gate is no float32
    # number.
    silent = np.asarray(counts.active) == 0
    holds = {
        "not_observed": np.asarray(counts.seen) == 0,
        "non_finite": np.asarray(counts.nonfinite) > 0,
        "dead": silent & ~np.isnan(gates(gate, len(silent))) & complete,
        "unfired": silent,
        "always_on": np.asarray(counts.active) == np.asarray(counts.seen),
        "alive": np.ones_like(silent),
    }
    first: NDArray[np.intp] = np.argmax([holds[state] for state in STATES], axis=0)
    return first.astype(np.uint8)


def unit_states(counts: Counts, *, gate: Gate, complete: bool) -> NDArray[np.str_]:
    """Find the state of every unit by name, (units,); parameters and errors as in `state_codes`."""
    return np.array(STATES)[state_codes(counts, gate=gate, complete=complete)]


def firing_rate(counts: Counts) -> NDArray[np.float64]:
    """Divide ``active / seen``: the share of elements on which each unit fired, NaN where none was seen."""
    active, seen = np.asarray(counts.active, dtype=np.float64), np.asarray(counts.seen)
    rate = np.full(active.shape, np.nan)
    np.divide(active, seen, out=rate, where=seen > 0)
    return rate


def rate_bound(examples: ArrayLike, *, confidence: float = 0.95) -> NDArray[np.float64]:
    """Bound, with confidence, the firing rate of a unit that fired on none of n independent examples.

    The exact one-sided bound of Clopper and Pearson (1934) for 0 of n: the rate p with
    ``(1 - p)**n = 1 - confidence``, that is ``1 - 0.05**(1/n)`` at 95 %. It is 1 for n = 0. In a convolution
    an example fires when any of its positions does.

    Parameters
    ----------
    examples : array_like of int
        n, distinct examples; any shape.
    confidence : float
        Between 0 and 1, both excluded.

    Raises
    ------
    ValueError
        If `confidence` is not inside (0, 1) or an entry of `examples` is negative.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence!r}, expected a number between 0 and 1")
    n = np.asarray(examples, dtype=np.float64)
    if (n < 0).any():
        raise ValueError(f"examples holds {n.min():g}, expected counts, at least 0")
    with np.errstate(divide="ignore"):
        # expm1 keeps the digits that 1 - 0.05**(1/n) loses for large n; n = 0 gives log / 0 = -inf, hence 1.
        return -np.expm1(math.log1p(-confidence) / n)


def below_gate(largest: ArrayLike, gate: ArrayLike) -> NDArray[np.float64]:
    """Measure how far the largest z lies below its gate, 0 at it and above; the shape of `largest`."""
    below: NDArray[np.float64] = np.asarray(gate, dtype=np.float64) - np.asarray(largest, dtype=np.float64)
    return np.maximum(below, 0.0)


@dataclass(frozen=True)
class Evidence:
    """Why one unit is in its state. What was not measured or has no meaning is None.

    Attributes
    ----------
    unit : int
    state : str
        One of `STATES`.
    examples, seen : int
        Batch entries, and elements (a convolution sees many in one example), non-finite ones included.
    active, nonfinite : int
        Elements that fired; elements that were NaN or infinite.
    largest : float or None
        Largest z seen, NaN ignored; None if nothing above -inf was.
    gate, below_gate : float or None
        The unit's gate, and how far the largest z lies below it; None without a gate.
    firing_rate : float or None
        ``active / seen``.
    rate_bound : float or None
        For a dead or unfired unit: 95 % bound of its firing rate on independent examples, see `rate_bound`.
    complete : bool
        Whether the statistics are those of a declared complete pass.
    """

    unit: int
    state: str
    examples: int
    seen: int
    active: int
    nonfinite: int
    largest: float | None
    gate: float | None
    below_gate: float | None
    firing_rate: float | None
    rate_bound: float | None
    complete: bool


def evidence(counts: Counts, unit: int, *, gate: Gate, complete: bool) -> Evidence:
    """Collect the evidence for one unit's state.

    Raises
    ------
    IndexError
        If `unit` is not one of the units.
    ValueError
        As `state_codes`.
    """
    units = len(counts.seen)
    if not -units <= unit < units:
        raise IndexError(f"unit is {unit}, expected one of {units} units")
    unit %= units
    # One unit is judged, not the layer: explaining every unit of a layer stays linear in their number.
    own = {name: getattr(counts, name) for name in ("seen", "examples", "active", "nonfinite", "max")}
    one = SimpleNamespace(**{name: None if a is None else a[unit : unit + 1] for name, a in own.items()})
    own_gate = float(gates(gate, units)[unit])
    gate = None if math.isnan(own_gate) else own_gate
    state = str(unit_states(one, gate=gate, complete=complete)[0])
    seen, active, examples = int(one.seen[0]), int(one.active[0]), int(one.examples[0])
    largest = None if one.max is None or one.max[0] == -np.inf else float(one.max[0])
    return Evidence(
        unit=unit,
        state=state,
        examples=examples,
        seen=seen,
        active=active,
        nonfinite=int(one.nonfinite[0]),
        largest=largest,
        gate=gate,
        below_gate=None if gate is None or largest is None else float(below_gate(largest, gate)),
        firing_rate=active / seen if seen else None,
        rate_bound=float(rate_bound(examples)) if state in ("dead", "unfired") else None,
        complete=complete,
    )
