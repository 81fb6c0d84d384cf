"""What `Sequential.fit` calls while it trains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .arrays import as_number, at_least

if TYPE_CHECKING:
    from .schedules import Schedule
    from .sequential import Sequential

__all__ = ["Callback", "EarlyStopping", "LearningRate"]


class Callback:
    """Base class with empty methods; override those you need. Any object with such methods will do as well.

    The order in one epoch is: epoch begin, all training batches, each as step begin and step end, validation
    begin, all of the validation data in evaluation mode with the weights at rest, validation end, epoch end.
    Epochs and steps count from 1; steps go on counting from epoch to epoch. While it trains, ``model.optimizer``
    is the optimizer; setting ``model.stop_training = True`` makes the epoch that is running the last one.

    Attributes
    ----------
    initial_validation : bool
        Whether to show the validation data before the first step too: validation begin and end of epoch 0.
    step_stride : int
        After how many steps `on_step_end` wants to be called again, asked after each call: a small network's step
        takes no longer than a few dozen calls. Where another callback wants it sooner, all are called.
    """

    initial_validation: bool = False
    step_stride: int = 1

    def on_train_begin(self, model: Sequential) -> None:
        """Before the first epoch; the model is built."""

    def on_train_end(self, model: Sequential) -> None:
        """After the last epoch, and also when training ended with an exception or Ctrl-C."""

    def on_epoch_begin(self, model: Sequential, epoch: int) -> None:
        """Before the first batch of `epoch`."""

    def on_epoch_end(self, model: Sequential, epoch: int, logs: Mapping[str, float]) -> None:
        """After the epoch's validation. `logs` has "loss" and, with validation data, "val_loss"."""

    def on_step_begin(self, model: Sequential, step: int) -> None:
        """Before the forward pass of a batch."""

    def on_step_end(self, model: Sequential, step: int) -> None:
        """After the optimizer moved the weights; ``model.gradients`` is what it moved them along."""

    def on_validation_begin(self, model: Sequential, epoch: int) -> None:
        """Before a complete pass over the validation data."""

    def on_validation_end(self, model: Sequential, epoch: int) -> None:
        """After that pass; not called when it was interrupted."""


class LearningRate(Callback):
    """Sets the optimizer's learning rate by a schedule.

    >>> from relu_fast import nn
    >>> schedule = nn.schedules.CosineDecay(learning_rate=0.1, length=20)
    >>> callback = nn.LearningRate(schedule)  # for model.fit(x, y, epochs=20, callbacks=[callback])

    The optimizer keeps the last one when training ends; a second `fit` starts the schedule anew.

    Parameters
    ----------
    schedule : callable
        t -> learning rate, for t = 0, 1, ...: one of `relu_fast.nn.schedules`, or any function.
    per : {"epoch", "step"}
        Whether t counts epochs or steps.

    Raises
    ------
    ValueError, TypeError
        For another `per`, and for a schedule that is not callable; in training for a rate that is not a finite
        number > 0.
    """

    def __init__(self, schedule: Schedule, *, per: str = "epoch") -> None:
        if isinstance(schedule, type) or not callable(schedule):
            raise TypeError(
                f"schedule is {schedule!r}, expected a function of t, such as nn.schedules.StepDecay(...)"
            )
        if per not in ("epoch", "step"):
            raise ValueError(f"per is {per!r}, expected 'epoch' or 'step'")
        self.schedule, self.per = schedule, per

    def __repr__(self) -> str:
        return f"LearningRate({self.schedule!r}, per={self.per!r})"

    def on_epoch_begin(self, model: Sequential, epoch: int) -> None:
        """Set the rate of the epoch."""
        if self.per == "epoch":
            self._set(model, epoch - 1)

    def on_step_begin(self, model: Sequential, step: int) -> None:
        """Set the rate of the step."""
        if self.per == "step":
            self._set(model, step - 1)

    def _set(self, model: Sequential, t: int) -> None:
        optimizer = model.optimizer
        if optimizer is None or not hasattr(optimizer, "learning_rate"):
            raise TypeError(f"the optimizer is {optimizer!r}, expected one with a learning_rate")
        optimizer.learning_rate = self.schedule(t)


class EarlyStopping(Callback):
    """Ends training when a loss has not fallen for some epochs.

    Parameters
    ----------
    patience : int
        >= 1: so many epochs in a row without a new best end training.
    monitor : {"val_loss", "loss"}, optional
        Which loss; None: that of the validation if there is validation data.
    min_delta : float
        >= 0: a loss is a new best if it is lower than the best by more than this. NaN never is.
    restore_best_weights : bool
        Whether the model has the parameters and averages of its best epoch when training ended, however that
        was. The optimizer's moments stay those of the last step.

    Attributes
    ----------
    best, best_epoch : float, int or None
        The best loss and its epoch; infinity and None at first.
    stopped_epoch : int or None
        The epoch after which training was ended here.

    Raises
    ------
    ValueError, TypeError
        For options out of range; after the first epoch if there is no such loss.
    """

    best: float
    best_epoch: int | None
    stopped_epoch: int | None
    _best_weights: tuple[np.ndarray, np.ndarray] | None

    def __init__(
        self,
        *,
        patience: int,
        monitor: str | None = None,
        min_delta: float = 0.0,
        restore_best_weights: bool = False,
    ) -> None:
        if monitor not in (None, "val_loss", "loss"):
            raise ValueError(f"monitor is {monitor!r}, expected 'val_loss', 'loss' or None")
        self.patience = at_least(patience, 1, "patience")
        self.monitor = monitor
        self.min_delta = as_number(min_delta, "min_delta", "a finite number >= 0")
        if not 0.0 <= self.min_delta < math.inf:
            raise ValueError(f"min_delta is {min_delta!r}, expected a finite number >= 0")
        if not isinstance(restore_best_weights, (bool, np.bool_)):
            raise TypeError(f"restore_best_weights is {restore_best_weights!r}, expected True or False")
        self.restore_best_weights = bool(restore_best_weights)
        self._forget()

    def __repr__(self) -> str:
        return (
            f"EarlyStopping(patience={self.patience}, monitor={self.monitor!r}, min_delta={self.min_delta}, "
            f"restore_best_weights={self.restore_best_weights})"
        )

    def on_train_begin(self, model: Sequential) -> None:
        """Forget an earlier training."""
        self._forget()

    def on_epoch_end(self, model: Sequential, epoch: int, logs: Mapping[str, float]) -> None:
        """Note a new best, or end training if there was none for too long."""
        name = self.monitor or ("val_loss" if "val_loss" in logs else "loss")
        if name not in logs:
            raise ValueError(
                f"EarlyStopping looks at {name!r}, but there is only {', '.join(map(repr, logs))}: pass validation_data"
            )
        # The comparison is false for NaN.
        if logs[name] < self.best - self.min_delta:
            self.best, self.best_epoch = logs[name], epoch
            self._waited = 0
            if self.restore_best_weights:
                self._keep(model)
            return
        self._waited += 1
        if self._waited >= self.patience:
            self.stopped_epoch = epoch
            model.stop_training = True

    def on_train_end(self, model: Sequential) -> None:
        """Give the model its best weights back, if that is wanted."""
        if self._best_weights is not None:
            model.parameters[...], model.averages[...] = self._best_weights
            self._best_weights = None

    def _forget(self) -> None:
        self.best, self.best_epoch, self.stopped_epoch = math.inf, None, None
        self._waited, self._best_weights = 0, None

    def _keep(self, model: Sequential) -> None:
        if self._best_weights is None:
            self._best_weights = np.empty_like(model.parameters), np.empty_like(model.averages)
        parameters, averages = self._best_weights
        parameters[...], averages[...] = model.parameters, model.averages
