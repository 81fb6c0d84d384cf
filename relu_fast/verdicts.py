"""From what was counted to what is known: pure functions, statistics in, verdicts out.

The state of a unit is the first of these that holds. ``z`` is the pre-activation with its bias. A unit
*fires* when ``z > gate``: at its gate and below it an activation's output is constant and its gradient zero.
Without a gate it fires when ``z > 0``.

============ ================================================= ===========================================
state        exact meaning                                     evidence
============ ================================================= ===========================================
not_observed nothing was seen                                  none; never to be shown as "0 dead"
non_finite   some z was NaN or infinite                        how many
proven       upper bound of z over a stated box of inputs      the bound
             <= gate: dead for every input in the box
dead         max z <= gate over a declared complete pass of    examples; largest z, how far below the gate
             the data: frozen weights, evaluation mode
unfired      fired 0 times in what was seen                    examples; 95 % bound of the firing rate
always_on    fired every time (a rectifier is linear there)    examples
alive        the rest                                          firing rate
============ ================================================= ===========================================

While weights move (a training epoch) a unit can at most be ``unfired``, or ``proven`` by bounds; without a gate
it is never ``dead``.

Flags are independent of the state, and of each other. ``y`` is the output; a *ceiling* is a point at or above
which the gradient is zero.

============ ================================================= ===========================================
flag         exact meaning                                     evidence
============ ================================================= ===========================================
dormant      mean abs(y) <= tau times the mean of that over    the score, their quotient
             the layer's units, tau = 0.1 (Sokar et al. 2023,
             2302.12902)
starved      fires, but of the window's gradients none that    how many gradients were seen
             reached it was other than 0
saturated    every z is a number, and min z >= ceiling         smallest z
permanent    proven or dead, and nothing can move it: no       each of these conditions
             trainable parameter upstream, the window's
             gradients zero, no weight decay, first moments
             of its weights and bias zero
============ ================================================= ===========================================

A flag is None, never False, where it has no answer: ``dormant`` where the outputs were not summed, some z was not
finite, or the whole layer is 0, which leaves nothing to compare with; ``starved`` without gradients of the window;
``saturated`` where the smallest z was not collected or the activation has no ceiling; ``permanent`` where a
condition that decides is not known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    *("DORMANT_TAU", "FLAGS", "STATES", "Counts", "Evidence", "Flags", "Gate"),
    *("below_gate", "dormancy", "dormant", "evidence", "firing_rate", "gates", "permanent", "rate_bound"),
    *("saturated", "starved", "state_codes", "unit_states"),
]

STATES = ("not_observed", "non_finite", "proven", "dead", "unfired", "always_on", "alive")
"""Every state, the strongest claim on a unit first: the order in which they are tried."""

FLAGS = ("dormant", "starved", "saturated", "permanent")
"""Every flag."""

DORMANT_TAU = 0.1
"""A unit is dormant up to this share of its layer's mean output."""


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

Flags: TypeAlias = "Mapping[str, NDArray[np.bool_] | None]"
"""Each flag of every unit, (units,), or None where it has no answer."""


def gates(gate: Gate, units: int) -> NDArray[np.float64]:
    """Write out a gate as one number a unit, (units,), NaN for a unit without one."""
    return np.broadcast_to(np.float64(np.nan if gate is None else gate), (units,))


def state_codes(
    counts: Counts, *, gate: Gate, complete: bool, upper: ArrayLike | None = None
) -> NDArray[np.uint8]:
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
    upper : array_like of float64 (units,), optional
        Upper bounds of z over a stated box of inputs, for the weights of this moment. What is not finite is no
        bound.

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
    own_gates = gates(gate, len(silent))
    bound = np.full(silent.shape, np.inf) if upper is None else np.asarray(upper, dtype=np.float64)
    holds = {
        "not_observed": np.asarray(counts.seen) == 0,
        "non_finite": np.asarray(counts.nonfinite) > 0,
        # A comparison with NaN, no gate or no bound, is False.
        "proven": np.isfinite(bound) & (bound <= own_gates),
        "dead": silent & ~np.isnan(own_gates) & complete,
        "unfired": silent,
        "always_on": np.asarray(counts.active) == np.asarray(counts.seen),
        "alive": np.ones_like(silent),
    }
    first: NDArray[np.intp] = np.argmax([holds[state] for state in STATES], axis=0)
    return first.astype(np.uint8)


def unit_states(
    counts: Counts, *, gate: Gate, complete: bool, upper: ArrayLike | None = None
) -> NDArray[np.str_]:
    """Find the state of every unit by name, (units,); parameters and errors as in `state_codes`."""
    return np.array(STATES)[state_codes(counts, gate=gate, complete=complete, upper=upper)]


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
    upper : float or None
        Upper bound of z over a stated box of inputs.
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
    upper: float | None = None


def evidence(
    counts: Counts, unit: int, *, gate: Gate, complete: bool, upper: NDArray[np.float64] | None = None
) -> Evidence:
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
    bound = None if upper is None or not math.isfinite(upper[unit]) else float(upper[unit])
    own_bound = None if bound is None else [bound]
    state = str(unit_states(one, gate=gate, complete=complete, upper=own_bound)[0])
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
        upper=bound,
    )


def dormancy(sum_abs: ArrayLike | None, seen: ArrayLike, nonfinite: ArrayLike) -> NDArray[np.float64] | None:
    """Score every unit: its mean abs(y) over the mean of these means in its layer (Sokar et al. 2302.12902).

    Parameters
    ----------
    sum_abs : array_like of float64 (units,), or None
        Sum of abs(y) over all outputs seen; None if it was not collected.
    seen, nonfinite : array_like of int (units,)
        Elements, and those of them that were NaN or infinite.

    Returns
    -------
    ndarray of float64, (units,), or None
        1 is the average unit. None where no score is defined: nothing was summed or seen, some z was not finite,
        or every output of the layer was 0.
    """
    seen = np.asarray(seen)
    if sum_abs is None or not seen.size or not seen.all() or np.any(nonfinite):
        return None
    mean = np.asarray(sum_abs, dtype=np.float64) / seen
    # First by the largest: the sum of the means may overflow.
    largest = mean.max()
    if not 0.0 < largest < np.inf:
        return None
    mean /= largest
    scores: NDArray[np.float64] = mean / mean.mean()
    return scores


def dormant(scores: NDArray[np.float64] | None, *, tau: float = DORMANT_TAU) -> NDArray[np.bool_] | None:
    """Flag the units with a score (see `dormancy`) of at most `tau`; None without scores."""
    return None if scores is None else scores <= tau


def starved(
    active: ArrayLike,
    *,
    seen: ArrayLike,
    gradients_seen: ArrayLike | None,
    gradients_nonzero: ArrayLike | None,
) -> NDArray[np.bool_] | None:
    """Flag the units that fire but got no gradient other than 0.

    Parameters
    ----------
    active, seen : array_like of int (units,)
        How often each unit fired, of how many elements.
    gradients_seen, gradients_nonzero : array_like of int (units,), or None
        Gradients with respect to z in the window, and those of them that were not 0 (NaN counts among these).

    Returns
    -------
    ndarray of bool, (units,), or None
        None if nothing was seen or there were no gradients.
    """
    if gradients_seen is None or gradients_nonzero is None or not np.size(seen):
        return None
    if not (np.all(seen) and np.all(gradients_seen)):
        return None
    found: NDArray[np.bool_] = (np.asarray(active) > 0) & (np.asarray(gradients_nonzero) == 0)
    return found


def saturated(
    smallest: ArrayLike | None, ceiling: Gate, *, seen: ArrayLike, nonfinite: ArrayLike
) -> NDArray[np.bool_] | None:
    """Flag the units whose every z was at or above the ceiling: no gradient gets through.

    Parameters
    ----------
    smallest : array_like of float64 (units,), or None
        Smallest z, NaN ignored; None if it was not collected.
    ceiling : float, ndarray (units,) or None
        At or above it the gradient is zero; None, or NaN for one unit, if there is no such point.
    seen, nonfinite : array_like of int (units,)
        Elements, and those of them that were NaN or infinite: what is no number is not above the ceiling.

    Returns
    -------
    ndarray of bool, (units,), or None
        None if there is no ceiling, nothing was seen, or the smallest z is not known.
    """
    seen = np.asarray(seen)
    if smallest is None or ceiling is None or not seen.size or not seen.all():
        return None
    above = np.asarray(smallest, dtype=np.float64) >= gates(ceiling, len(seen))
    found: NDArray[np.bool_] = above & (np.asarray(nonfinite) == 0)
    return found


def permanent(
    codes: NDArray[np.uint8],
    *,
    gate: Gate,
    trainable_upstream: bool | None,
    gradients_nonzero: ArrayLike | None,
    weight_decay: float | None,
    moments_zero: ArrayLike | None,
) -> NDArray[np.bool_] | None:
    """Flag the units that are dead and that nothing can move.

    Parameters
    ----------
    codes : ndarray of uint8 (units,)
        States, see `state_codes`.
    gate : float, ndarray (units,) or None
        As in `state_codes`.
    trainable_upstream : bool or None
        Whether anything that training moves stands before the unit's own weights, or moves it otherwise. None
        here and below: not known.
    gradients_nonzero : array_like of int (units,), or None
        How many gradients with respect to z were not 0 in the window.
    weight_decay : float or None
    moments_zero : array_like of bool (units,), or None
        Whether the optimizer's first moments (momentum) of the unit's weights and bias are all zero.

    Returns
    -------
    ndarray of bool, (units,), or None
        None unless every unit is decided: one condition that fails decides, whatever is not known.
    """
    state = np.array(STATES)[codes]
    gateless = np.isnan(gates(gate, len(codes)))
    dead = np.isin(state, ("proven", "dead"))
    # An unfired unit may be dead, and so may one that was not seen.
    may_be_dead = dead | (np.isin(state, ("not_observed", "unfired")) & ~gateless)
    conditions: list[tuple[Any, Any]] = [(dead, may_be_dead)]
    for holds in (
        None if trainable_upstream is None else not trainable_upstream,
        None if gradients_nonzero is None else np.asarray(gradients_nonzero) == 0,
        None if weight_decay is None else weight_decay == 0.0,
        moments_zero,
    ):
        conditions.append((False, True) if holds is None else (holds, holds))
    shape = codes.shape
    certain = np.logical_and.reduce([np.broadcast_to(holds, shape) for holds, _ in conditions])
    possible = np.logical_and.reduce([np.broadcast_to(may, shape) for _, may in conditions])
    return certain if bool((certain == possible).all()) else None
