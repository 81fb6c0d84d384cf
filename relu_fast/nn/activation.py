"""Activations as layers of their own, where something stands between them and the linear layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import fused
from ..bounds.stages import Activate, Stage
from .arrays import as_number
from .buffers import Buffers
from .layers import Layer, checked_save

__all__ = ["Activation", "PReLU"]


class Activation(Layer):
    """An activation, y = activation(x), in the fused pass that counts which units fire.

    ``nn.Dense(64), nn.Activation("relu")`` is ``nn.Dense(64, "relu")`` with one more pass over the data; it is
    for what stands between the two, as `BatchNorm`. Monitors watch it as they watch Dense.

    Parameters
    ----------
    activation : str
        A name of `relu_fast.ACTIVATIONS`.
    save : {"pre_activation", "output", "mask"}, optional
        What the gradient is computed from. The input and the output are there anyway: by default it is the
        input, which tells every gradient. A mask, one bit an element, is enough for relu, relu6, leaky_relu,
        thresholded_relu and hardtanh, and is read faster.
    name : str, optional
        Unique in the model.
    **activation_params
        Parameters of the activation, such as negative_slope=0.1: a number, or one for each unit.

    Attributes
    ----------
    units : int or None
        Columns of input and output; None before the model is built.
    stats : UnitStats or None
        Filled by every forward pass.
    grad_stats : GradStats or None
        Filled by every backward pass, with the gradient at the input.
    saved : ndarray or None
        The mask that the last forward pass kept for the backward pass.

    Raises
    ------
    ValueError, TypeError
        What `Dense` raises for activation, parameters and `save`; also a number of parameters that differs
        from that of the units, when the model is built.
    """

    unit_axis = -1
    activation: str

    def __init__(
        self, activation: str, *, save: str | None = None, name: str | None = None, **activation_params: Any
    ) -> None:
        super().__init__(name)
        if activation is None:
            raise TypeError("activation is None, expected a name: leave the layer out instead")
        units = max((np.size(value) for value in activation_params.values()), default=1)
        self.save = checked_save(activation, units, activation_params, save or "pre_activation")
        self.activation = activation
        self.activation_params = activation_params
        self._mask: Buffers | None = Buffers((1,), np.dtype(np.uint8)) if self.save == "mask" else None

    def __repr__(self) -> str:
        options = self.options()
        activation = options.pop("activation")
        listed = "".join(f", {option}={value!r}" for option, value in options.items())
        return f"Activation({activation!r}{listed})"

    def options(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "activation": self.activation,
            "save": self.save,
            "name": self.name,
            **self.activation_params,
        }

    @property
    def saved(self) -> np.ndarray | None:
        """The mask that the last forward pass kept for the backward pass."""
        return None if self._mask is None else self._mask.last

    def output_units(self, features: int) -> int:
        """Return `features`; ValueError if there are parameters for another number of units."""
        for name, value in self.activation_params.items():
            if np.shape(value) not in ((), (features,)):
                raise ValueError(
                    f"{self.name or 'this layer'} has shape {np.shape(value)} in the parameter {name!r} of "
                    f"{self.activation}, expected a number or ({features},): one for each unit"
                )
        return features

    def stages(self) -> tuple[Stage, ...]:
        """Return the activation."""
        return (Activate(self.activation, self.activation_params),)

    def forward(self, x: np.ndarray, *, training: bool = False, out: np.ndarray | None = None) -> np.ndarray:
        """Return activation(x), and count."""
        mask = self._bits_of(x) if self.save == "mask" else None
        return fused.forward(
            x, self.activation, stats=self.stats, mask=mask, out=out, **self.activation_params
        )

    def backward(
        self,
        g: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
        *,
        input_gradient: bool = True,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return g activation'(x), in `g`, and count."""
        return fused.backward(
            g,
            self.activation,
            x=x if self.save == "pre_activation" else None,
            y=y if self.save == "output" else None,
            mask=self._bits_of(g) if self.save == "mask" else None,
            stats=self.grad_stats,
            out=g,
            **self.activation_params,
        )

    def _bits_of(self, array: np.ndarray) -> np.ndarray:
        """Cut the mask to a batch."""
        assert self._mask is not None
        return self._mask.rows((array.size + 7) // 8)[0].reshape(-1)


class PReLU(Layer):
    """A rectifier that learns its slope, y = x if x > 0 else weight x (He et al. 2015, 1502.01852).

    Its weight gradient is summed in the fused backward pass. Monitors watch it as they watch Dense; a unit
    whose slope is 0 can die, others cannot.

    Parameters
    ----------
    shared : bool
        Whether all units have one slope, else each has its own.
    initial : float
        Finite: where the slopes start. 0.25 is that of the paper and of PyTorch.
    name : str, optional
        Unique in the model.

    Attributes
    ----------
    weight, weight_gradient : ndarray (units,), or (1,) if shared
        Views into the model's flat vectors: write into them with ``[...] =``.
    units : int or None
        Columns of input and output; None before the model is built.
    stats, grad_stats
        As in `Activation`.
    """

    unit_axis = -1
    activation = "prelu"
    parameter_names = ("weight",)

    def __init__(self, *, shared: bool = False, initial: float = 0.25, name: str | None = None) -> None:
        super().__init__(name)
        if not isinstance(shared, (bool, np.bool_)):
            raise TypeError(f"shared is {shared!r}, expected True or False")
        self.shared = bool(shared)
        self.initial = as_number(initial, "initial", "a finite number")
        if not np.isfinite(self.initial):
            raise ValueError(f"initial is {initial!r}, expected a finite number")
        self._views: tuple[np.ndarray, ...] | None = None

    def __repr__(self) -> str:
        return f"PReLU(shared={self.shared}, initial={self.initial}, name={self.name!r})"

    def options(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"shared": self.shared, "initial": self.initial, "name": self.name}

    @property
    def weight(self) -> np.ndarray:
        """Slopes (units,), or (1,) if shared."""
        return self._bound()[0]

    @property
    def weight_gradient(self) -> np.ndarray:
        """What the last backward pass found for `weight`."""
        return self._bound()[1]

    @property
    def activation_params(self) -> dict[str, Any]:
        """The weight as it is now: for the fused passes and for monitors."""
        weight = self.weight
        # One number for all units is written as one.
        return {"weight": weight.reshape(()) if self.shared else weight}

    def parameter_shapes(self, features: int) -> tuple[tuple[int, ...], ...]:
        """Return the shape of the weight."""
        return ((1 if self.shared else features,),)

    def bind(self, parameters: list[np.ndarray], gradients: list[np.ndarray]) -> None:
        """Take the views for the weight."""
        self._views = (*parameters, *gradients)

    def initialize(self, parameters: list[np.ndarray], generator: np.random.Generator) -> None:
        """Set the weight to `initial`."""
        parameters[0][...] = self.initial

    def stages(self) -> tuple[Stage, ...]:
        """Return the activation."""
        return (Activate(self.activation, self.activation_params),)

    def forward(self, x: np.ndarray, *, training: bool = False, out: np.ndarray | None = None) -> np.ndarray:
        """Return x where it is positive, else weight x, and count."""
        return fused.forward(x, "prelu", stats=self.stats, out=out, **self.activation_params)

    def backward(
        self,
        g: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
        *,
        input_gradient: bool = True,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the gradient of `x`, in `g`; the same pass fills that of the weight, and counts."""
        return fused.backward(
            g,
            "prelu",
            x=x,
            weight_grad=self.weight_gradient,
            stats=self.grad_stats,
            out=g,
            **self.activation_params,
        )

    def _bound(self) -> tuple[np.ndarray, ...]:
        if self._views is None:
            name = self.name or "this layer"
            raise RuntimeError(f"{name} has no parameters yet: call the model's build(features)")
        return self._views
