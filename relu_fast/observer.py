"""What is shown to a monitor: batches, gradients, weights, bounds; and the windows and reports made of it."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import fused
from .layer_spec import LayerSpec, checked_name, describe, units_of
from .report import BoundsReport, Report, Snapshot
from .report.columns import Columns
from .stats import GradStats, UnitStats
from .weights import as_rows, per_unit
from .window import Phase, Window

__all__ = ["ALWAYS", "Observer"]

ALWAYS = ("active", "nonfinite", "max")
"""What is collected whatever `collect` says: states and their evidence are read from it."""


class Observer:
    """What `DeadUnitMonitor` does by hand, and where its windows and history are kept."""

    def __init__(self, *, collect: Iterable[str] | None = None) -> None:
        self._collect = None if collect is None else UnitStats(0, _with_always(collect)).collect
        self._specs: dict[str, LayerSpec] = {}
        self._window = Window()
        self._history: list[Snapshot] = []
        self._running: str | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self._specs)} layers, {len(self._history)} snapshots>"

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._end_pass("interrupted")

    # Observing

    def observe(
        self,
        name: str,
        z: ArrayLike,
        *,
        activation: str = "relu",
        unit_axis: int | None = None,
        phase: str | None = None,
        bias: ArrayLike | None = None,
        **params: Any,
    ) -> None:
        """Count a batch of pre-activations.

        Parameters
        ----------
        name : str
            The layer's name, always with the same number of units, activation and parameters (what is
            learned, such as prelu's weight, may change).
        z : array_like of float32 or float64
            Pre-activations, one batch entry along the first axis (a 1-D array is one example). May be empty.
        activation : str
            A name in ``relu_fast.ACTIVATIONS``.
        unit_axis : int, optional
            The axis of the units: -1 for arrays of one or two dimensions, required beyond.
        phase : str, optional
            Where to count; None: the running complete pass, else "train".
        bias : array_like, optional
            (units,), added to z along `unit_axis`.
        **params
            The activation's parameters, such as ``negative_slope=0.2``.

        Raises
        ------
        ValueError
            If the activation is unknown, the layer is known otherwise, a parameter is NaN that is not learned,
            what is learned changes inside a complete pass, or shapes do not fit.
        TypeError
            If the dtype is not one the kernels take, or a parameter is unknown.
        """
        z = np.asarray(z)
        spec = self._spec(name, units_of(z, unit_axis), activation, params)
        phase = self._phase_name(phase)
        stats = self._stats_of(phase, spec)
        fused.observe(z, activation, bias=bias, unit_axis=unit_axis, stats=stats, **params)
        self._register(phase, spec, stats)

    def observe_grad(self, name: str, gz: ArrayLike, *, unit_axis: int | None = None) -> None:
        """Count a batch of gradients with respect to pre-activations.

        Gradients belong to the window, not to a phase. Shape and `unit_axis` are as in `observe`.

        Raises
        ------
        ValueError
            If the layer is known with another number of units, or `unit_axis` does not fit.
        TypeError
            If the gradients are not real numbers.
        """
        gz = np.asarray(gz)
        if gz.dtype.kind not in "fiu":
            raise TypeError(f"gz has dtype {gz.dtype}, expected real numbers")
        units = units_of(gz, unit_axis)
        rows = np.moveaxis(gz, -1 if unit_axis is None else unit_axis, -1).reshape(-1, max(units, 1))
        nonzero, nonfinite = np.count_nonzero(rows, axis=0), np.count_nonzero(~np.isfinite(rows), axis=0)
        stats = self.grad_stats(name, units)
        if units:
            stats.seen[:] += len(rows)
            stats.nonzero[:] += nonzero
            stats.nonfinite[:] += nonfinite

    def unit_stats(
        self, name: str, units: int, *, activation: str, phase: str | None = None, **params: Any
    ) -> UnitStats:
        """Hand out what a fused forward pass over this layer is to fill: counting costs no pass of its own.

        The object stays the same over windows. What is filled in after a complete pass ended extends its
        phase, which then no longer counts as complete. Parameters and errors are those of `observe`.
        """
        spec = self._spec(name, units, activation, params)
        phase = self._phase_name(phase)
        stats = self._stats_of(phase, spec)
        self._register(phase, spec, stats)
        return stats

    def grad_stats(self, name: str, units: int) -> GradStats:
        """Hand out what a fused backward pass over this layer is to fill; the same object over windows.

        Raises
        ------
        ValueError
            If the layer is known with another number of units, or `units` is negative.
        """
        spec = self._matching(LayerSpec(checked_name(name), operator.index(units)))
        # Made first: an error registers nothing.
        stats = GradStats(spec.units)
        self._specs.setdefault(name, spec)
        return self._window.gradients.setdefault(name, stats)

    # What else decides on a unit

    def observe_weights(
        self,
        name: str,
        weights: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        unit_axis: int = -1,
        predecessor: str | None = None,
        scale: ArrayLike | None = None,
        shift: ArrayLike | None = None,
    ) -> None:
        """Look at a layer's weights: what causes are found from.

        What they moved since the last call is one step. Call it after every step of the optimizer, or of a
        large network now and then, and at least once before each `snapshot`.

        Parameters
        ----------
        name : str
            The layer, observed before or after.
        weights : array_like
            With the units along `unit_axis`: -1 for (features, units), 0 for (units, features) and (units,
            channels, height, width).
        bias : array_like (units,), optional
        unit_axis : int
        predecessor : str, optional
            The observed layer whose units are the features, for weights of two dimensions.
        scale, shift : array_like (units,), optional
            What a normalisation between weights and activation has learned; both or none.

        Raises
        ------
        ValueError
            If shapes do not fit the layer or its predecessor.
        TypeError
            If something holds no real numbers.
        """
        rows = as_rows(weights, unit_axis, "weights")
        units = rows.shape[1]
        if (scale is None) != (shift is None):
            one, other = ("scale", "shift") if scale is None else ("shift", "scale")
            raise ValueError(f"{one} is missing, expected it beside {other}")
        given = {"bias": bias, "scale": scale, "shift": shift}
        facts = {key: per_unit(values, units, key) for key, values in given.items() if values is not None}
        if predecessor is not None:
            known = self._specs.get(checked_name(predecessor))
            if np.ndim(weights) != 2 or (known is not None and known.units != len(rows)):
                expected = "two dimensions" if known is None else f"two dimensions and {known.units} features"
                raise ValueError(
                    f"weights have shape {np.shape(weights)}, expected {expected} after {predecessor!r}"
                )
        self._known(name, units)
        self._window.weights_of(name, units).see(rows, facts, predecessor=predecessor)

    def observe_training(
        self,
        name: str,
        *,
        trainable_upstream: bool | None = None,
        weight_decay: float | None = None,
        first_moments: Iterable[ArrayLike] | None = None,
        unit_axis: int = -1,
    ) -> None:
        """Tell what can still move the units of a layer that is known: what the flag `permanent` asks.

        It holds for the moment, so call it after the last step before a `snapshot` or `report`. None means not
        known.

        Parameters
        ----------
        name : str
        trainable_upstream : bool, optional
            Whether anything that is trained stands before the layer's own weights.
        weight_decay : float, optional
        first_moments : iterable of array_like, optional
            The optimizer's first moments, or momentum, of the layer's weights and bias, with the units along
            `unit_axis` or (units,). Empty for an optimizer that keeps none.
        unit_axis : int

        Raises
        ------
        ValueError
            If the layer is not known, or shapes do not fit.
        TypeError
            If something holds no real numbers.
        """
        known = self._specs.get(checked_name(name))
        if known is None:
            listed = ", ".join(self._specs) or "none"
            raise ValueError(f"layer {name!r} is not known, expected one that was observed: {listed}")
        if weight_decay is not None and np.asarray(weight_decay).dtype.kind not in "fiu":
            raise TypeError(f"weight_decay is {weight_decay!r}, expected a number")
        zero = None
        if first_moments is not None:
            zero = np.ones(known.units, bool)
            for moment in first_moments:
                rows = as_rows(moment, -1 if np.ndim(moment) == 1 else unit_axis, "first moment")
                if rows.shape[1] != known.units:
                    shape = np.shape(moment)
                    raise ValueError(
                        f"a first moment has shape {shape}, expected {known.units} units as {name!r}"
                    )
                zero &= ~rows.any(axis=0)
        self._window.weights_of(name, known.units).learn(
            trainable_upstream=None if trainable_upstream is None else bool(trainable_upstream),
            weight_decay=None if weight_decay is None else float(weight_decay),
            moments_zero=zero,
            at=self._window.trained,
        )

    def observe_bounds(self, name: str, lower: ArrayLike, upper: ArrayLike, *, box: str) -> None:
        """Take bounds of a layer's pre-activations that hold for the weights of this moment.

        A unit whose upper bound is not above its gate is `proven` dead. Bounds are forgotten when weights may
        have moved: with an observation in "train" or of gradients, and with a new window. Until something is
        observed in that, they are taken to be of the weights with which the last one ended.

        Parameters
        ----------
        name : str
            The layer, observed before or after.
        lower, upper : array_like (units,)
            What is NaN or infinite is no bound.
        box : str
            For which inputs they hold, in words.

        Raises
        ------
        ValueError
            If shapes do not fit, a lower bound lies above its upper one, or `box` is no text.
        TypeError
            If bounds are no real numbers.
        """
        if not isinstance(box, str) or not box:
            raise ValueError(f"box is {box!r}, expected the inputs for which the bounds hold, in words")
        units = np.size(upper)
        low, high = per_unit(lower, units, "lower"), per_unit(upper, units, "upper")
        crossed = np.flatnonzero(low > high)
        if crossed.size:
            unit = int(crossed[0])
            raise ValueError(
                f"lower is {low[unit]:g} and upper {high[unit]:g} for unit {unit}, expected lower <= upper"
            )
        self._known(name, units)
        self._window.bounds[name] = BoundsReport(box, Columns(units, upper=high)), self._window.trained

    # Passes, windows, reports

    @contextmanager
    def complete_pass(self, phase: str = "validation") -> Iterator[None]:
        """Declare that the block shows the network all of a data set, with frozen weights in evaluation mode.

        The phase's counts start anew; what the block observes goes there unless it says otherwise. The pass
        is complete if the block ends without an exception, else the phase is reported as interrupted.

        Raises
        ------
        ValueError
            If another complete pass is running.
        """
        self._begin_pass(phase)
        try:
            yield
        except BaseException:
            self._end_pass("interrupted")
            raise
        self._end_pass("complete")

    def snapshot(self, step: int, *, initial: bool = False) -> Snapshot:
        """Close the window: one more point of history. All counts start anew.

        Parameters
        ----------
        step : int
            What the point is called: the epoch, or the number of training steps.
        initial : bool
            Whether the weights are those before the first training step: who is dead now was born dead.

        Raises
        ------
        ValueError
            If a complete pass is running, or `initial` is said after training was observed.
        TypeError
            If `step` is not an integer.
        """
        step = operator.index(step)
        if self._running is not None:
            raise ValueError(
                f"snapshot({step}) inside complete_pass({self._running!r}), expected it after the pass"
            )
        if initial and (self._history or self._window.trained):
            seen = f"{len(self._history)} snapshots" if self._history else "training"
            raise ValueError(
                f"snapshot({step}, initial=True) after {seen}, expected it before the first step"
            )
        point = self._window.snapshot(self._specs, step, initial=initial)
        self._history.append(point)
        self._window.clear()
        return point

    def report(self) -> Report:
        """Report on the running window if anything was seen in it, else on the last snapshot.

        Bounds that were told since that snapshot stand beside its counts.
        """
        if self._window.touched or not self._history:
            window = self._window.snapshot(self._specs, None)
        else:
            window = self._window.completed(self._history[-1])
        return Report(window=window, history=tuple(self._history))

    def _begin_pass(self, phase: str) -> None:
        if self._running is not None:
            raise ValueError(
                f"complete_pass({phase!r}) inside complete_pass({self._running!r}), expected one at a time"
            )
        checked_name(phase)
        # To the end of the dict: among complete passes the last one is the best-founded.
        record = self._window.phases.pop(phase, None) or Phase(phase)
        record.restart("running")
        self._window.phases[phase] = record
        self._running = phase

    def _end_pass(self, status: str) -> None:
        if self._running is not None:
            self._window.phases[self._running].end(status)
            self._running = None

    def _phase_name(self, phase: str | None) -> str:
        return checked_name(phase) if phase is not None else self._running or "train"

    def _spec(self, name: str, units: int, activation: str, params: Mapping[str, Any]) -> LayerSpec:
        """Describe a layer, or say what is wrong with it."""
        return self._matching(describe(name, units, activation, params))

    def _matching(self, spec: LayerSpec) -> LayerSpec:
        known = self._specs.get(spec.name, spec)
        if not known.accepts(spec):
            raise ValueError(
                f"layer {spec.name!r} is known as {known}, got {spec}; expected one name for each layer"
            )
        # The same parameters are kept once.
        return known if known.activation is not None and known.accepts(spec, frozen=True) else spec

    def _known(self, name: str, units: int) -> None:
        """Register a layer of which nothing but its name and units is known yet, or check that they agree."""
        spec = self._matching(LayerSpec(checked_name(name), units))
        self._specs.setdefault(name, spec)

    def _collected(self, spec: LayerSpec) -> tuple[str, ...]:
        """Return what is collected of a layer."""
        if self._collect is not None:
            return self._collect
        return (*ALWAYS, "sum_abs") if spec.ceiling is None else (*ALWAYS, "min", "sum_abs")

    def _stats_of(self, phase: str, spec: LayerSpec) -> UnitStats:
        record = self._window.phases.get(phase)
        if record is None or spec.name not in record.stats:
            return UnitStats(spec.units, self._collected(spec))
        stats = record.stats[spec.name]
        same = record.specs[spec.name].accepts(spec, frozen=True)
        if phase == self._running and not same and stats.seen.any():
            raise ValueError(
                f"layer {spec.name!r} has another {', '.join(spec.learned)} than earlier in "
                f"complete_pass({phase!r}), expected frozen weights"
            )
        return stats

    def _register(self, phase: str, spec: LayerSpec, stats: UnitStats) -> None:
        self._specs[spec.name] = spec
        self._window.phases.setdefault(phase, Phase(phase)).describe(spec, stats)


def _with_always(collect: Iterable[str]) -> tuple[str, ...]:
    return (*ALWAYS, *((collect,) if isinstance(collect, str) else collect))
