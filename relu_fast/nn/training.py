"""The training loop behind `Sequential.fit`."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from . import losses, optimizers
from .arrays import as_examples, at_least, check_finite
from .callbacks import Callback
from .progress import progress_bar
from .streams import SHUFFLING, streams

if TYPE_CHECKING:
    from .sequential import Sequential

__all__ = ["History", "fit"]


@dataclass(frozen=True)
class History:
    """The mean loss of each epoch; `val_loss` is empty without validation data."""

    loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)


def fit(
    model: Sequential,
    x: ArrayLike,
    y: ArrayLike,
    *,
    epochs: int,
    batch_size: int,
    loss: str | losses.Loss,
    optimizer: str | optimizers.Optimizer,
    validation_data: tuple[ArrayLike, ArrayLike] | None,
    shuffle: bool,
    seed: int | None,
    clip_norm: float | None,
    callbacks: Iterable[Any],
    progress: bool | None,
) -> History:
    """Check everything, then train; `Sequential.fit` documents the options."""
    epochs = at_least(epochs, 0, "epochs")
    batch_size = at_least(batch_size, 1, "batch_size")
    loss, optimizer = losses.get(loss), optimizers.get(optimizer)
    if clip_norm is not None:
        # It knows best what it takes.
        optimizers.clip_by_global_norm(np.zeros(1), clip_norm)
    callbacks = _listed(callbacks)
    before_steps, after_steps = _having(callbacks, "on_step_begin"), _having(callbacks, "on_step_end")
    (shuffling,) = streams(seed, SHUFFLING, 1)
    x, y = _examples_and_targets(model, x, y, loss, model.features)
    validation = None if validation_data is None else _validation(model, validation_data, x.shape[1], loss)
    steps = -(-len(x) // batch_size)
    bar = progress_bar(progress, epochs, steps)
    optimizer.check(model.parameters if model.built else None)

    if not model.built:
        model.build(x.shape[1], seed=seed)
    optimizer.adopt(model.parameters)
    model.reseed(seed)

    history = History()
    begun: list[Callback] = []
    with model.trained_by(optimizer):
        try:
            for callback in callbacks:
                begun.append(callback)
                _call([callback], "on_train_begin", model)
            if epochs and validation is not None:
                _validate_initially(callbacks, model, validation, loss)
            with bar as show:
                for epoch in range(1, epochs + 1):
                    _call(callbacks, "on_epoch_begin", model, epoch)
                    total = 0.0
                    generator = shuffling if shuffle else None
                    # The number of the step after which those that ask for it are called next.
                    due = 0 if after_steps else math.inf
                    # Between the steps nobody asks the model but callbacks: declared once, not at every step.
                    with model.calling_back():
                        for step, (batch, target) in enumerate(
                            _batches(x, y, batch_size, generator), start=1
                        ):
                            number = (epoch - 1) * steps + step
                            for callback in before_steps:
                                callback.on_step_begin(model, number)
                            total += len(batch) * model.checked_loss_and_gradients(batch, target, loss)
                            if clip_norm is not None:
                                optimizers.clip_by_global_norm(model.gradients, clip_norm)
                            optimizer.step(model.parameters, model.gradients)
                            if number >= due:
                                due = number + _after_step(after_steps, model, number)
                            show(epoch, step)
                    history.loss.append(total / len(x))
                    logs = {"loss": history.loss[-1]}
                    if validation is not None:
                        _call(callbacks, "on_validation_begin", model, epoch)
                        history.val_loss.append(model.evaluate(*validation, loss=loss))
                        _call(callbacks, "on_validation_end", model, epoch)
                        logs["val_loss"] = history.val_loss[-1]
                    _call(callbacks, "on_epoch_end", model, epoch, logs)
                    if model.stop_training:
                        break
        finally:
            # Each of them is called, in order, even if an earlier one raises.
            with ExitStack() as ends:
                for callback in reversed(begun):
                    ends.callback(_call, [callback], "on_train_end", model)
    return history


def _validate_initially(
    callbacks: Iterable[Callback],
    model: Sequential,
    validation: tuple[np.ndarray, np.ndarray],
    loss: losses.Loss,
) -> None:
    """Show the validation data to those callbacks that ask for it, before the first step: as epoch 0."""
    asking = [callback for callback in callbacks if getattr(callback, "initial_validation", False)]
    if asking:
        _call(asking, "on_validation_begin", model, 0)
        model.evaluate(*validation, loss=loss)
        _call(asking, "on_validation_end", model, 0)


def _batches(
    x: np.ndarray, y: np.ndarray, batch_size: int, generator: np.random.Generator | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All rows once, in a random order if there is a generator."""
    order = None if generator is None else generator.permutation(len(x))
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        if order is None:
            yield x[rows], y[rows]
        else:
            yield x.take(order[rows], axis=0), y.take(order[rows], axis=0)


def _examples_and_targets(
    model: Sequential, x: ArrayLike, y: ArrayLike, loss: losses.Loss, features: int | None, kind: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """Both as finite arrays that fit the loss and the model, built or not; `kind` is for the messages."""
    x = as_examples(x, features, model.dtype, kind + "x")
    y = loss.as_targets(y, len(x), model.output_units(x.shape[1]), model.dtype, kind + "y")
    check_finite(x, kind + "x")
    check_finite(y, kind + "y")
    loss.check_target(y, kind + "y")
    return x, y


def _validation(
    model: Sequential, data: tuple[ArrayLike, ArrayLike], features: int, loss: losses.Loss
) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError(f"validation_data is a {type(data).__name__}, expected a pair (x, y)")
    return _examples_and_targets(model, *data, loss, features, "validation ")


def _listed(callbacks: Iterable[Callback]) -> tuple[Callback, ...]:
    try:
        listed = tuple(callbacks)
    except TypeError:
        raise TypeError(f"callbacks is {callbacks!r}, expected a list of objects like nn.Callback") from None
    for callback in listed:
        if isinstance(callback, type):
            raise TypeError(f"callbacks holds the class {callback.__name__}, expected an object: call it")
    return listed


def _having(callbacks: Iterable[Callback], method: str) -> list[Callback]:
    """Those that have the method and did not just inherit the empty one: a step is too short for calls to it."""
    empty = getattr(Callback, method)
    return [
        callback
        for callback in callbacks
        if hasattr(callback, method) and getattr(getattr(callback, method), "__func__", None) is not empty
    ]


def _after_step(callbacks: Iterable[Callback], model: Sequential, number: int) -> int:
    """Call back after a step; return after how many steps to do so again."""
    for callback in callbacks:
        callback.on_step_end(model, number)
    return max(1, min(getattr(callback, "step_stride", 1) for callback in callbacks))


def _call(callbacks: Collection[Callback], method: str, model: Sequential, *arguments: Any) -> None:
    """Call the method of those that have it, in order."""
    if not callbacks:
        return
    with model.calling_back():
        for callback in callbacks:
            call = getattr(callback, method, None)
            if call is not None:
                call(model, *arguments)
