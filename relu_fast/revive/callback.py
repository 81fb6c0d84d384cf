"""ReDo as a callback of `fit`: every few epochs the units that the monitor found dead are revived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import verdicts
from ..activations import activation_named
from ..monitor import DeadUnitMonitor
from ..report import LayerReport
from .cures import redo
from .places import EntryOptimizer, find, successor
from .records import Revival, RevivalReport, summary

__all__ = ["ReDo"]


class ReDo:
    """Revives dead units while a network trains, see `redo`, and looks some epochs later which revivals took.

    ::

        monitor = rf.DeadUnitMonitor()
        cure = revive.ReDo(monitor)
        model.fit(x, y, epochs=25, validation_data=(x_val, y_val), callbacks=[monitor, cure])
        print(cure)

    It works at the end of an epoch, the last one too, on the monitor's verdicts of that epoch: they come from a
    complete pass, so `fit` needs validation data, or ReDo a `tau`.

    Parameters
    ----------
    monitor : DeadUnitMonitor
        The one among the callbacks of `fit`.
    every : int
        Epochs between two cures; they take place in epochs `every`, 2 `every`, ...
    tau : float, optional
        Revive dormant units as well: those whose mean of abs(y) is at most `tau` times that of their layer
        (Sokar et al. 2023). With 0 these are the units that put out nothing but zeros.
    follow_up : int
        Epochs after which a revival is looked at.
    layers : iterable of str, optional
        Where to revive. By default wherever it can be needed: in all layers with an activation but the last
        one, without `tau` only if the activation has a gate.
    optimizer : optional
        The one that `fit` trains with; by default ``model.optimizer``.
    seed : int
        The same seed gives the same weights. They depend on the epoch too.

    Attributes
    ----------
    revivals : list of Revival
        All of them since `fit` began.
    reports : list of RevivalReport
        Of those that were followed up, in the same order.

    Raises
    ------
    ValueError, TypeError
        For options out of their range.
    """

    def __init__(
        self,
        monitor: DeadUnitMonitor,
        *,
        every: int = 1,
        tau: float | None = None,
        follow_up: int = 1,
        layers: Iterable[str] | None = None,
        optimizer: EntryOptimizer | None = None,
        seed: int = 0,
    ) -> None:
        if not isinstance(monitor, DeadUnitMonitor):
            raise TypeError(f"monitor is {monitor!r}, expected the DeadUnitMonitor among the callbacks")
        for name, value, least in (("every", every, 1), ("follow_up", follow_up, 1), ("seed", seed, 0)):
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
                raise TypeError(f"{name} is {value!r}, expected an integer >= {least}")
            if value < least:
                raise ValueError(f"{name} is {value}, expected an integer >= {least}")
        if tau is not None and (isinstance(tau, bool) or not isinstance(tau, (int, float, np.number))):
            raise TypeError(f"tau is {tau!r}, expected a number in [0, 1), or None")
        # The negation also catches NaN.
        if tau is not None and not 0.0 <= tau < 1.0:
            raise ValueError(f"tau is {tau!r}, expected a number in [0, 1), or None")
        if isinstance(layers, str):
            raise TypeError(f"layers is {layers!r}, expected a list of names")
        self.monitor, self.every, self.tau, self.follow_up = monitor, int(every), tau, int(follow_up)
        self.layers = None if layers is None else tuple(layers)
        self.optimizer, self.seed = optimizer, int(seed)
        self.revivals: list[Revival] = []
        self.reports: list[RevivalReport] = []
        self._pending: list[Revival] = []
        self._chosen: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<ReDo: {len(self.revivals)} revivals, {len(self.reports)} followed up>"

    def __str__(self) -> str:
        return summary(self.reports)

    def on_train_begin(self, model: Any) -> None:
        """Choose the layers.

        Raises
        ------
        ValueError
            If units of one of them cannot be revived, no layer is left, or there is no optimizer.
        """
        chosen = self._candidates(model) if self.layers is None else list(self.layers)
        for name in chosen:
            place = find(model, name)
            if successor(model, place) is None:
                raise ValueError(
                    f"cannot redo units of {name!r}: it is the last layer, no dense layer reads it"
                )
            if place.gate is None and self.tau is None:
                raise ValueError(
                    f"units of {name!r} never die, as {place.activation} has no gate: expected a tau"
                )
        if not chosen:
            needed = "an activation" if self.tau is not None else "a gate (or a tau)"
            raise ValueError(f"ReDo has no layer to revive: expected one with {needed} before the last layer")
        optimizer = self._optimizer(model)
        optimizer.check(model.parameters)
        self.revivals, self.reports, self._pending = [], [], []
        self._chosen = tuple(chosen)

    def on_epoch_end(self, model: Any, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Follow up what is due, then revive what is dead.

        Raises
        ------
        ValueError
            If the monitor does not watch a layer, or does not know what is dead or dormant.
        """
        seen = self.monitor.report().window.layers
        for name in self._chosen:
            if name not in seen:
                raise ValueError(f"the monitor has not seen layer {name!r}: expected it among the callbacks")
        # They come in the order of their epochs.
        while self._pending and epoch - (self._pending[0].step or 0) >= self.follow_up:
            revival = self._pending.pop(0)
            self.reports.append(_followed(revival, seen[revival.layer], epoch))
        if epoch % self.every:
            return
        units = {name: self._lost(seen[name]) for name in self._chosen}
        revived = redo(model, units, optimizer=self._optimizer(model), seed=(self.seed, epoch), step=epoch)
        revivals = [_with_evidence(revival, seen[revival.layer]) for revival in revived]
        self.revivals += revivals
        self._pending += revivals

    def _candidates(self, model: Any) -> list[str]:
        """Name the layers where units can be lost, without the last one."""
        found = []
        for layer in model.layers:
            if getattr(layer, "activation", None) is None:
                continue
            gate = activation_named(layer.activation).gate_for(**layer.activation_params)
            if gate is None and self.tau is None:
                continue
            if successor(model, find(model, layer.name)) is not None:
                found.append(layer.name)
        return found

    def _optimizer(self, model: Any) -> EntryOptimizer:
        optimizer = self.optimizer
        if optimizer is None:
            optimizer = getattr(model, "optimizer", None)
        if optimizer is None:
            raise ValueError(
                "ReDo has no optimizer: expected the one of fit, in model.optimizer or optimizer="
            )
        return optimizer

    def _lost(self, layer: LayerReport) -> NDArray[np.intp]:
        """Name the units of a layer that are dead or dormant."""
        if self.tau is not None:
            return np.union1d(layer.dead_units, np.flatnonzero(_dormant(layer, self.tau)))
        if layer.dead is None:
            raise ValueError(
                f"no complete pass saw layer {layer.name!r}, so nobody knows which of its units are dead: "
                "give fit validation_data, or ReDo a tau"
            )
        return layer.dead_units


def _dormant(layer: LayerReport, tau: float) -> NDArray[np.bool_]:
    """Find the units with a score of at most `tau`; none where scores are not defined."""
    if layer.sum_abs is None:
        raise ValueError(
            f"the monitor did not sum the outputs of layer {layer.name!r}, expected it for tau={tau}: "
            "give it collect=['sum_abs']"
        )
    if not layer.sum_abs.any():
        # No score is defined where all are 0, but all are as dormant as can be.
        return layer.seen > layer.nonfinite
    dormant = verdicts.dormant(layer.dormancy, tau=tau)
    return np.zeros(layer.units, np.bool_) if dormant is None else dormant


def _with_evidence(revival: Revival, layer: LayerReport) -> Revival:
    return Revival(
        layer=revival.layer,
        units=revival.units,
        cure=revival.cure,
        done=revival.done,
        step=revival.step,
        before=tuple(layer.evidence(unit) for unit in revival.units),
    )


def _followed(revival: Revival, layer: LayerReport, step: int) -> RevivalReport:
    gradient = layer.gradient
    return RevivalReport(
        revival=revival,
        step=step,
        evidence=tuple(layer.evidence(unit) for unit in revival.units),
        gradients=tuple(None if gradient is None else int(gradient.nonzero[unit]) for unit in revival.units),
    )
