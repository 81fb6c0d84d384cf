"""A stack of layers over one flat parameter vector."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from . import losses, training
from .arrays import as_examples, at_least, check_finite
from .layers import Layer
from .state import State, widths
from .streams import INITIAL_VALUES, NOISE, streams

if TYPE_CHECKING:
    from .optimizers import Optimizer

__all__ = ["Sequential"]


class Sequential:
    """Layers one after the other.

    One model serves one thread at a time: the next call uses its internal arrays again. What ``model(x)`` and
    `predict` return is new and stays as it is. Copies and pickles are independent models.

    Parameters
    ----------
    layers : iterable of Layer
        Nameless ones are named here: dense_1, dense_2, dropout_1, ...

    Attributes
    ----------
    layers : tuple of Layer
    optimizer : Optimizer or None
        That of the `fit` that is running: for callbacks.
    stop_training : bool
        Callbacks of `fit` set it to True: the epoch that is running is then the last one.

    Raises
    ------
    ValueError
        For no layers, two equal names, or a layer that has a place in a model already.
    TypeError
        For anything that is no layer.
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.layers: tuple[Layer, ...] = tuple(layers)
        if not self.layers:
            raise ValueError("layers is empty, expected at least one layer")
        for i, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                raise TypeError(
                    f"layers holds {layer!r}, expected Dense, Dropout, BatchNorm or another Layer"
                )
            if layer.placed or layer in self.layers[:i]:
                raise ValueError(
                    f"{layer!r} has a place in a model already, expected a new layer for each place"
                )
        _name_layers(self.layers)
        for layer in self.layers:
            layer.placed = True
        self._state: State | None = None
        self._in_callback = False
        self.optimizer: Optimizer | None = None
        self.stop_training = False

    def __repr__(self) -> str:
        return f"Sequential([{', '.join(map(repr, self.layers))}])"

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        # A copy or an unpickled layer holds its views as arrays of its own: make them views again. It may have
        # been made by a callback, but is itself neither in training nor watched.
        self.__dict__.update(attributes)
        self._in_callback = self.stop_training = False
        self.optimizer = None
        for layer in self.layers:
            layer.stats = layer.grad_stats = None
        if self._state is not None:
            self._state.bind(self.layers)

    @property
    def built(self) -> bool:
        """Whether the parameters exist."""
        return self._state is not None

    @property
    def features(self) -> int | None:
        """Columns of the input; None before `build`."""
        return None if self._state is None else self._state.features

    @property
    def dtype(self) -> np.dtype:
        """Float32 or float64; float32 before `build`."""
        return np.dtype(np.float32) if self._state is None else self._state.dtype

    @property
    def parameters(self) -> np.ndarray:
        """All parameters as one vector (n,), of which the layers' kernels and biases are views."""
        return self._built().parameters

    @property
    def gradients(self) -> np.ndarray:
        """What `loss_and_gradients` filled last, as one vector (n,) like `parameters`."""
        return self._built().gradients

    @property
    def averages(self) -> np.ndarray:
        """All moving averages as one vector (m,), of which those of BatchNorm are views; training moves them."""
        return self._built().averages

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all parameters and averages by name, "dense_1/kernel" and so on: views, in their order."""
        return self._built().arrays(self.layers)

    def views(self, vector: np.ndarray) -> list[list[np.ndarray]]:
        """Cut a vector like `parameters` (n,) into the arrays of each layer: kernel and bias of Dense, for instance."""
        return self._built().views(vector)

    def output_units(self, features: int) -> int:
        """Count the columns of the output for an input of `features` columns."""
        return widths(self.layers, features)[-1]

    def build(self, features: int, *, seed: int | None = 0, dtype: DTypeLike = np.float32) -> Sequential:
        """Allocate and initialize the parameters for an input of `features` columns; return the model.

        A second call starts anew, with new vectors. The same seed gives the same numbers; None gives others
        each time.

        Raises
        ------
        ValueError
            For features <= 0, a negative seed, or an initializer that gives another shape.
        TypeError
            For a dtype other than float32 and float64.
        """
        features = at_least(features, 1, "features")
        checked = np.dtype(dtype)
        if checked not in (np.float32, np.float64):
            raise TypeError(f"dtype is {checked}, expected float32 or float64")
        generators = streams(seed, INITIAL_VALUES, len(self.layers))
        state = State(self.layers, features, checked)
        for layer, parameters, generator in zip(
            self.layers, state.views(state.parameters), generators, strict=True
        ):
            layer.initialize(parameters, generator)
        for layer, averages in zip(self.layers, state.average_views(), strict=True):
            layer.initialize_averages(averages)
        # From here on nothing fails: a model that cannot be built anew stays as it was.
        self._state = state
        state.bind(self.layers)
        self.reseed(seed)
        return self

    def reseed(self, seed: int | None) -> None:
        """Start the noise of the dropout layers anew; `build` and `fit` do this with their seed."""
        for layer, generator in zip(self.layers, streams(seed, NOISE, len(self.layers)), strict=True):
            layer.reseed(generator)

    def __call__(self, x: ArrayLike, *, training: bool = False) -> np.ndarray:
        """Return the output (rows, units) for `x` (rows, features), in one batch, as a new array."""
        x = y = self._examples(x)
        with self._asked():
            for layer in self.layers:
                y = layer.forward(y, training=training)
        # A layer that does nothing returns its input.
        return y.copy() if np.may_share_memory(y, x) else y

    def predict(self, x: ArrayLike, *, batch_size: int = 4096) -> np.ndarray:
        """Return the output (rows, units) in evaluation mode, computed in batches, as a new array."""
        x = self._examples(x)
        batch_size = at_least(batch_size, 1, "batch_size")
        result = np.empty((len(x), self._built().units), self.dtype)
        with self._asked():
            for start in range(0, len(x), batch_size):
                batch = slice(start, start + batch_size)
                result[batch] = self._forward(x[batch], training=False)[-1]
        return result

    def evaluate(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        loss: str | losses.Loss = "binary_crossentropy",
        batch_size: int = 4096,
    ) -> float:
        """Return the mean loss over all examples, in evaluation mode, computed in batches.

        Raises
        ------
        ValueError, TypeError
            For shapes, dtypes and labels that do not fit, and for data that is NaN or infinite.
        """
        loss = losses.get(loss)
        batch_size = at_least(batch_size, 1, "batch_size")
        x, y = self._examples_and_targets(x, y, loss)
        check_finite(x, "x")
        check_finite(y, "y")
        total = 0.0
        with self._asked():
            for start in range(0, len(x), batch_size):
                batch = slice(start, start + batch_size)
                prediction = self._forward(x[batch], training=False)[-1]
                total += len(prediction) * loss.batch_value(prediction, y[batch])
        return total / len(x)

    def loss_and_gradients(
        self, x: ArrayLike, y: ArrayLike, loss: str | losses.Loss, *, training: bool = True
    ) -> float:
        """Return the mean loss of one batch and fill `gradients`; with `optimizer.step` a training step.

        Parameters
        ----------
        x : array_like (rows, features)
        y : array_like (rows, units), or (rows,) for one unit, or as the loss says
        loss : str or Loss
            A name of `relu_fast.nn.losses`, or an object.
        training : bool
            False takes the dropout layers as they are in evaluation.

        Raises
        ------
        ValueError, TypeError
            For shapes, dtypes and labels that do not fit.
        """
        loss = losses.get(loss)
        return self.checked_loss_and_gradients(
            *self._examples_and_targets(x, y, loss), loss, training=training
        )

    def checked_loss_and_gradients(
        self, x: np.ndarray, y: np.ndarray, loss: losses.Loss, *, training: bool = True
    ) -> float:
        """Do `loss_and_gradients` for rows of what was checked as a whole: checking each batch takes 8 % of a step."""
        arrays = self._forward(x, training)
        value, g = loss.batch_value_and_gradient(arrays[-1], y)
        state = self._built()
        outs = state.input_gradients.rows(len(x))
        for i in range(len(self.layers) - 1, state.first_trainable, -1):
            g = self.layers[i].backward(g, arrays[i], arrays[i + 1], out=outs[i])
        if state.first_trainable < len(self.layers):
            i = state.first_trainable
            self.layers[i].backward(g, arrays[i], arrays[i + 1], input_gradient=False)
        return value

    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        epochs: int,
        batch_size: int = 32,
        loss: str | losses.Loss = "binary_crossentropy",
        optimizer: str | Optimizer = "adam",
        validation_data: tuple[ArrayLike, ArrayLike] | None = None,
        shuffle: bool = True,
        seed: int | None = 0,
        clip_norm: float | None = None,
        callbacks: Iterable[Any] = (),
        progress: bool | None = None,
    ) -> training.History:
        """Train; a model that is not built is built for the columns of `x` first.

        Parameters
        ----------
        x : array_like (rows, features)
            Integers and other floats are converted once to the model's dtype.
        y : array_like (rows, units), or (rows,) for one unit, or as the loss says
        epochs : int
            Passes over the data; 0 only builds.
        batch_size : int
            Rows per step; the last batch of an epoch may have fewer.
        loss, optimizer : str or object
            From `relu_fast.nn.losses` and `relu_fast.nn.optimizers`.
        validation_data : (x, y), optional
            Each epoch ends with a complete pass over it in evaluation mode.
        shuffle : bool
            Whether each epoch takes the rows in a new random order.
        seed : int or None
            Of the order, of the noise of dropout layers and, if the model is built here, of the initial
            values: independent streams. A second call with one seed repeats order and noise; None never does.
        clip_norm : float, optional
            The largest Euclidean norm that all gradients together may have: those of a step that exceed it are
            scaled down to it, see `clip_by_global_norm`.
        callbacks : iterable of Callback, or of any objects with such methods
            Called in this order; any object with some of the methods will do. What they compute with
            ``model(x)``, `predict` and `evaluate` is counted in no statistics.
        progress : bool, optional
            Whether to draw a progress bar on stderr, with rich. None draws one if stderr is a terminal and
            rich is installed.

        Returns
        -------
        History
            The mean training loss of each epoch, each batch with the weights it met; the validation losses.

        Raises
        ------
        ValueError, TypeError
            For options, shapes, dtypes and labels that do not fit, and for data that is NaN or infinite; the
            model is as it was then.
        ImportError
            For progress=True without rich.
        """
        return training.fit(
            self,
            x,
            y,
            epochs=epochs,
            batch_size=batch_size,
            loss=loss,
            optimizer=optimizer,
            validation_data=validation_data,
            shuffle=shuffle,
            seed=seed,
            clip_norm=clip_norm,
            callbacks=callbacks,
            progress=progress,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights and architecture to an .npz file, atomically; see `relu_fast.nn.save_weights`."""
        from .files import save_weights

        save_weights(self, path)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Take the weights of a file that fits; see `relu_fast.nn.load_weights`."""
        from .files import load_weights

        load_weights(self, path)

    @contextmanager
    def trained_by(self, optimizer: Optimizer) -> Iterator[None]:
        """Declare that the block is a `fit` with that optimizer."""
        before, self.optimizer = self.optimizer, optimizer
        self.stop_training = False
        try:
            yield
        finally:
            self.optimizer = before

    @contextmanager
    def calling_back(self) -> Iterator[None]:
        """Declare that the block is a callback of `fit`: what it asks the model is counted nowhere.

        It is neither training nor validation, whichever statistics the layers happen to have.
        """
        before, self._in_callback = self._in_callback, True
        try:
            yield
        finally:
            self._in_callback = before

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Take the statistics off the layers for the time of the block, if a callback asks."""
        watched = self.layers if self._in_callback else ()
        kept = [layer.stats for layer in watched]
        try:
            for layer in watched:
                layer.stats = None
            yield
        finally:
            for layer, stats in zip(watched, kept, strict=True):
                layer.stats = stats

    def _forward(self, x: np.ndarray, training: bool) -> list[np.ndarray]:
        """Return `x` and the output of every layer, in arrays that the next pass overwrites."""
        arrays = [x]
        for layer, out in zip(self.layers, self._built().outputs.rows(len(x)), strict=True):
            arrays.append(layer.forward(arrays[-1], training=training, out=out))
        return arrays

    def _examples(self, x: ArrayLike) -> np.ndarray:
        state = self._built()
        return as_examples(x, state.features, state.dtype)

    def _examples_and_targets(
        self, x: ArrayLike, y: ArrayLike, loss: losses.Loss
    ) -> tuple[np.ndarray, np.ndarray]:
        state = self._built()
        x = as_examples(x, state.features, state.dtype)
        y = loss.as_targets(y, len(x), state.units, state.dtype)
        loss.check_target(y, "y")
        return x, y

    def _built(self) -> State:
        if self._state is None:
            raise RuntimeError("the model has no parameters yet: call build(features) or fit first")
        return self._state


def _name_layers(layers: Sequence[Layer]) -> None:
    """Give the nameless layers names that nobody has."""
    taken = [layer.name for layer in layers if layer.name is not None]
    for name in taken:
        if taken.count(name) > 1:
            raise ValueError(f"{taken.count(name)} layers have the name {name!r}, expected different names")
    for layer in layers:
        if layer.name is None:
            kind, number = type(layer).__name__.lower(), 1
            while f"{kind}_{number}" in taken:
                number += 1
            layer.name = f"{kind}_{number}"
            taken.append(layer.name)
