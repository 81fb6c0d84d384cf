"""The monitor: collects what the layers of a network do and says which units are dead, and how sure that is.

By hand, from arrays::

    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", z, activation="relu")            # a batch of pre-activations, in training
    with monitor.complete_pass("validation"):               # frozen weights, evaluation mode, all of the data
        for z in batches:
            monitor.observe("fc1", z, activation="relu")
    print(monitor.report())

As a callback of ``relu_fast.nn.Sequential.fit`` it does the same by itself, a snapshot an epoch: the layers
fill the statistics in their own forward and backward passes, so watching them costs no pass over data, but for
one over the validation data before the first step. It looks at the weights after every step, which tells why
units die.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .observer import Observer
from .report import Snapshot
from .stats import UnitStats
from .weights import per_unit
from .weights_watch import WeightsWatch, weight_decay

__all__ = ["DeadUnitMonitor"]

SPARING = ("active", "nonfinite")
"""What is collected in training where a validation tells the rest: a third more would cost 3 % of a step."""


class DeadUnitMonitor(Observer):
    """Watches the units of one network: which fire, which never do, and what is known of it.

    What is observed is counted in *phases*: "train", while weights move, and others by name. A phase observed
    inside `complete_pass` is a complete pass; only from such a one a unit is called dead. A *window* lasts
    until `snapshot`, which makes it one point of history and starts all counts anew.

    Memory: the counts of the running window, one copy of the weights that are observed, and in a snapshot at
    most 100 bytes per unit of layers that are not tiny, seen in training and in one complete pass.

    An error leaves the monitor as it was. It can be pickled; a pass that is running is interrupted in the
    copy.

    Parameters
    ----------
    collect : iterable of str, optional
        What is collected of each unit beyond "active", "nonfinite" and "max", see ``UnitStats``. None: what flags
        are read from, "sum_abs", and "min" where the activation has a ceiling; in `fit` with validation data
        these and "max" in the validation only.

    Raises
    ------
    ValueError
        If that cannot be collected.
    """

    def __init__(self, *, collect: Iterable[str] | None = None) -> None:
        super().__init__(collect=collect)
        self._validating = False
        self._in_epoch = False
        self._has_validation = False
        self._watch: WeightsWatch | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The model in training belongs to the original.
        return self.__dict__ | {"_watch": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._validating = False

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
            own = [phase.stats.get(layer.name) for phase in self._window.phases.values()]
            stats = getattr(layer, "stats", None)
            if stats is not None and not any(stats is known for known in own):
                raise ValueError(
                    f"layer {layer.name!r} fills the statistics of another monitor, expected one monitor a model"
                )
        self._has_validation = False
        self._attach(model, "train")
        self._watch = WeightsWatch(model) if hasattr(model, "views") else None

    @property
    def initial_validation(self) -> bool:
        """Whether `fit` is to show the validation data before the first step, as epoch 0: unless it did once."""
        return not self._history and not self._window.trained

    def on_epoch_begin(self, model: Any, epoch: int) -> None:
        """Let the layers count into "train". What an interrupted epoch left in the window is dropped."""
        self._leave_validation("interrupted")
        if self._in_epoch:
            self._window.clear()
        self._in_epoch = True
        self._attach(model, "train", renew=True)
        if self._watch is not None:
            self._watch.refresh()

    @property
    def step_stride(self) -> int:
        """After how many steps `fit` is to call `on_step_end` again."""
        return self._watch.stride if self._watch is not None else 1

    def on_step_end(self, model: Any, step: int) -> None:
        """Look at what the optimizer did to the weights."""
        watch = self._watch
        if watch is not None and watch.near_a_jump(step):
            for name, step_norm, weights_norm in watch.jumps():
                self._window.weights_of(name, len(step_norm)).step(step_norm, weights_norm)

    def on_validation_begin(self, model: Any, epoch: int) -> None:
        """Begin the complete pass "validation" and let the layers count into it."""
        self._leave_validation("interrupted")
        self._begin_pass("validation")
        self._validating = self._has_validation = True
        self._attach(model, "validation")

    def on_validation_end(self, model: Any, epoch: int) -> None:
        """End the complete pass and let the layers count into "train" again; close the window of epoch 0."""
        self._leave_validation("complete")
        self._attach(model, "train")
        if epoch == 0 and not self._in_epoch and self.initial_validation:
            self._look_at_weights(model)
            self.snapshot(0, initial=True)

    def on_epoch_end(self, model: Any, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Close the window: one snapshot an epoch."""
        self._leave_validation("interrupted")
        self._look_at_weights(model)
        self.snapshot(epoch)

    def on_train_end(self, model: Any) -> None:
        """Detach from the layers. An epoch that was interrupted can still be reported on."""
        self._leave_validation("interrupted")
        self._watch = None
        for layer in _monitored(model):
            layer.stats = layer.grad_stats = None

    # The rest is how.

    def snapshot(self, step: int, *, initial: bool = False) -> Snapshot:  # noqa: D102  # as it is by hand
        point = super().snapshot(step, initial=initial)
        self._in_epoch = False
        return point

    def _attach(self, model: Any, phase: str, *, renew: bool = False) -> None:
        """Let the layers count into a phase; `renew`: into statistics of what is wanted now."""
        for layer in _monitored(model):
            layer.stats = self.unit_stats(
                layer.name, layer.units, activation=layer.activation, phase=phase, **layer.activation_params
            )
            if renew:
                layer.stats = self._renewed(layer.name, phase, layer.stats)
            layer.grad_stats = self.grad_stats(layer.name, layer.units) if phase == "train" else None

    def _renewed(self, name: str, phase: str, stats: UnitStats) -> UnitStats:
        """Replace statistics that saw nothing, and collect more or less than wanted."""
        spec = self._specs[name]
        sparing = self._collect is None and self._has_validation
        wanted = SPARING if sparing else self._collected(spec)
        if stats.seen.any() or stats.collect == wanted:
            return stats
        stats = UnitStats(spec.units, wanted)
        self._register(phase, spec, stats)
        return stats

    def _leave_validation(self, status: str) -> None:
        """End the pass that `on_validation_begin` began, if it is still running."""
        if self._validating:
            self._validating = False
            self._end_pass(status)

    def _look_at_weights(self, model: Any) -> None:
        """Take what the model and its optimizer know of the weights, as they are at the end of a window."""
        if self._watch is None:
            return
        for chain in self._watch.chains:
            weights = model.layers[chain.weights]
            known = {"bias": weights.bias}
            if chain.normalisation is not None:
                normal = model.layers[chain.normalisation]
                known = {"scale": normal.gamma, "shift": normal.beta}
            units = len(weights.bias)
            record = self._window.weights_of(chain.name, units)
            record.see(
                weights.kernel,
                {key: per_unit(values, units, key) for key, values in known.items()},
                predecessor=chain.predecessor,
                is_step=False,
            )
            record.learn(
                trainable_upstream=chain.trainable_upstream,
                weight_decay=weight_decay(getattr(model, "optimizer", None)),
                moments_zero=self._watch.moments_zero(chain, units),
                at=self._window.trained,
            )


def _monitored(model: Any) -> list[Any]:
    """Return the model's layers that have an activation."""
    return [layer for layer in model.layers if getattr(layer, "activation", None) is not None]
