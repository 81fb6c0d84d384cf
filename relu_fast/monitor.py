"""The monitor: collects what the layers of a network do and says which units are dead, and how sure that is.

By hand, from arrays::

    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", z, activation="relu")            # a batch of pre-activations, in training
    with monitor.complete_pass("validation"):               # frozen weights, evaluation mode, all of the data
        for z in batches:
            monitor.observe("fc1", z, activation="relu")
    print(monitor.report())

As a callback of ``relu_fast.nn.Sequential.fit`` it does the same by itself, a snapshot an epoch: the layers
fill the statistics in their own forward and backward passes, so watching them costs no pass over data.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import fused
from .layer_spec import LayerSpec, checked_name, describe, units_of
from .report import Report, Snapshot
from .stats import GradStats, UnitStats
from .window import Phase, best_founded, gradient_report, layer_report

__all__ = ["DeadUnitMonitor"]


class DeadUnitMonitor:
    """Watches the units of one network: which fire, which never do, and what is known of it.

    What is observed is counted in *phases*: "train", while weights move, and others by name. A phase observed
    inside `complete_pass` is a complete pass; only from such a one a unit is called dead. A *window* lasts
    until `snapshot`, which makes it one point of history and starts all counts anew. Memory: the counts of
    the running window, and in a snapshot at most 65 bytes per unit and phase, where slopes or alphas are given
    per unit 16 more.

    An error leaves the monitor as it was. It can be pickled; a pass that is running is interrupted in the
    copy.
    """

    def __init__(self) -> None:
        self._specs: dict[str, LayerSpec] = {}
        self._phases: dict[str, Phase] = {}
        self._gradients: dict[str, GradStats] = {}
        self._history: list[Snapshot] = []
        self._running: str | None = None
        self._validating = False
        self._in_epoch = False

    def __repr__(self) -> str:
        return f"<DeadUnitMonitor: {len(self._specs)} layers, {len(self._history)} snapshots>"

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._validating = False
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
        return self._gradients.setdefault(name, stats)

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

    def snapshot(self, step: int) -> Snapshot:
        """Close the window: one more point of history. All counts start anew.

        Parameters
        ----------
        step : int
            What the point is called: the epoch, or the number of training steps.

        Raises
        ------
        ValueError
            If a complete pass is running.
        TypeError
            If `step` is not an integer.
        """
        step = operator.index(step)
        if self._running is not None:
            raise ValueError(
                f"snapshot({step}) inside complete_pass({self._running!r}), expected it after the pass"
            )
        point = self._window(step)
        self._history.append(point)
        self._clear()
        self._in_epoch = False
        return point

    def report(self) -> Report:
        """Report on the running window if anything was seen in it, else on the last snapshot."""
        fresh = any(phase.touched for phase in self._phases.values())
        fresh = fresh or any(stats.seen.any() for stats in self._gradients.values())
        window = self._window(None) if fresh or not self._history else self._history[-1]
        return Report(window=window, history=tuple(self._history))

    # Callback of fit: the layers fill the statistics in their own forward and backward passes.

    def on_train_begin(self, model: Any) -> None:
        """Check that the model's layers are known alike or not at all, and watch them.

        Raises
        ------
        ValueError
            If a layer is known otherwise, two layers have one name, or another monitor watches the model.
        """
        names = [layer.name for layer in _monitored(model)]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"{names.count(name)} layers are named {name!r}, expected a name of its own for each"
                )
        for layer in _monitored(model):
            self._spec(layer.name, layer.units, layer.activation, layer.activation_params)
            own = [phase.stats.get(layer.name) for phase in self._phases.values()]
            stats = getattr(layer, "stats", None)
            if stats is not None and not any(stats is known for known in own):
                raise ValueError(
                    f"layer {layer.name!r} fills the statistics of another monitor, expected one monitor a model"
                )
        self._attach(model, "train")

    def on_epoch_begin(self, model: Any, epoch: int) -> None:
        """Let the layers count into "train". What an interrupted epoch left in the window is dropped."""
        self._leave_validation("interrupted")
        if self._in_epoch:
            self._clear()
        self._in_epoch = True
        self._attach(model, "train")

    def on_validation_begin(self, model: Any, epoch: int) -> None:
        """Begin the complete pass "validation" and let the layers count into it."""
        self._leave_validation("interrupted")
        self._begin_pass("validation")
        self._validating = True
        self._attach(model, "validation")

    def on_validation_end(self, model: Any, epoch: int) -> None:
        """End the complete pass and let the layers count into "train" again."""
        self._leave_validation("complete")
        self._attach(model, "train")

    def on_epoch_end(self, model: Any, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Close the window: one snapshot an epoch."""
        self._leave_validation("interrupted")
        self.snapshot(epoch)

    def on_train_end(self, model: Any) -> None:
        """Detach from the layers. An epoch that was interrupted can still be reported on."""
        self._leave_validation("interrupted")
        for layer in _monitored(model):
            layer.stats = layer.grad_stats = None

    # The rest is how.

    def _attach(self, model: Any, phase: str) -> None:
        for layer in _monitored(model):
            layer.stats = self.unit_stats(
                layer.name, layer.units, activation=layer.activation, phase=phase, **layer.activation_params
            )
            layer.grad_stats = self.grad_stats(layer.name, layer.units) if phase == "train" else None

    def _leave_validation(self, status: str) -> None:
        """End the pass that `on_validation_begin` began, if it is still running."""
        if self._validating:
            self._validating = False
            self._end_pass(status)

    def _begin_pass(self, phase: str) -> None:
        if self._running is not None:
            raise ValueError(
                f"complete_pass({phase!r}) inside complete_pass({self._running!r}), expected one at a time"
            )
        checked_name(phase)
        # To the end of the dict: among complete passes the last one is the best-founded.
        record = self._phases.pop(phase) if phase in self._phases else Phase(phase)
        record.restart("running")
        self._phases[phase] = record
        self._running = phase

    def _end_pass(self, status: str) -> None:
        if self._running is not None:
            self._phases[self._running].end(status)
            self._running = None

    def _clear(self) -> None:
        for phase in self._phases.values():
            phase.restart("observed")
        for stats in self._gradients.values():
            stats.reset()

    def _window(self, step: int | None) -> Snapshot:
        phases = {
            phase.name: phase.report(self._gradients) for phase in self._phases.values() if phase.touched
        }
        layers = best_founded(self._specs, phases.values())
        for name, spec in self._specs.items():
            gradient = gradient_report(self._gradients.get(name))
            layers.setdefault(name, layer_report(spec, gradient=gradient))
        return Snapshot(step=step, phases=phases, layers={name: layers[name] for name in self._specs})

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
        return spec

    def _stats_of(self, phase: str, spec: LayerSpec) -> UnitStats:
        record = self._phases.get(phase)
        if record is None or spec.name not in record.stats:
            return UnitStats(spec.units)
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
        self._phases.setdefault(phase, Phase(phase)).describe(spec, stats)


def _monitored(model: Any) -> list[Any]:
    """Return the model's layers that have an activation."""
    return [layer for layer in model.layers if getattr(layer, "activation", None) is not None]
