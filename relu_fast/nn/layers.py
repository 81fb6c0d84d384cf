"""Layers: forward and backward side by side. Arrays are (rows, features) in the model's dtype.

A layer keeps its parameters, not what passes through: `Sequential` owns the arrays between the layers and
hands them in as `out=`, so that a training step allocates next to nothing. Without `out=` they are new. Dense
also keeps its last pre-activations, or a mask of them, where it is told to or the output does not tell the
gradient (gelu, silu, ...).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import fused
from ..activations import activation_named
from ..bounds.stages import Activate, Affine, Stage
from ..layer_spec import check_numbers, describe
from . import initializers
from .arrays import at_least
from .buffers import Buffers

if TYPE_CHECKING:
    from ..stats import GradStats, UnitStats

__all__ = ["Dense", "Layer", "checked_save"]

_SAVES = ("output", "pre_activation", "mask")


class Layer:
    """A step of a `Sequential` model. This base passes its input on and has no parameters.

    Attributes
    ----------
    name : str or None
        Given by the model if None.
    placed : bool
        Whether a model has it: two models would take each other's parameters away.
    units : int or None
        Columns of the output; None where only the model that is built tells.
    activation : str or None
        Monitors watch the layers where it is not None; these have `activation_params`, a dict.
    stats, grad_stats : UnitStats, GradStats or None
        What a monitor wants filled.
    parameter_names, average_names : tuple of str
        What files call the arrays of `parameter_shapes` and `average_shapes`.
    """

    units: int | None = None
    activation: str | None = None
    stats: UnitStats | None = None
    grad_stats: GradStats | None = None
    parameter_names: tuple[str, ...] = ()
    average_names: tuple[str, ...] = ()

    def __init__(self, name: str | None = None) -> None:
        if name is not None and not (isinstance(name, str) and name):
            raise TypeError(f"name is {name!r}, expected a non-empty string or None")
        self.name = name
        self.placed = False

    def options(self) -> dict[str, Any]:
        """Return what makes this layer again, ``type(layer)(**options)``, for `repr` and for files."""
        return {"name": self.name}

    def output_units(self, features: int) -> int:
        """Count the columns of the output for an input of `features` columns."""
        return features

    def parameter_shapes(self, features: int) -> tuple[tuple[int, ...], ...]:
        """Return the parameters' shapes for an input of `features` columns, in the order of `bind`."""
        return ()

    def bind(self, parameters: list[np.ndarray], gradients: list[np.ndarray]) -> None:
        """Take these views into the model's flat vectors as parameters and gradients."""

    def initialize(self, parameters: list[np.ndarray], generator: np.random.Generator) -> None:
        """Draw initial values into `parameters`, arrays of `parameter_shapes`; they are bound afterwards."""

    def average_shapes(self, features: int) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of what training averages and no optimizer moves, in the order of `bind_averages`."""
        return ()

    def bind_averages(self, averages: list[np.ndarray]) -> None:
        """Take these views into the model's flat vector of averages."""

    def initialize_averages(self, averages: list[np.ndarray]) -> None:
        """Write initial values into arrays of `average_shapes`; they are bound afterwards."""

    def reseed(self, generator: np.random.Generator) -> None:
        """Take `generator` as the source of noise."""

    def stages(self) -> tuple[Stage, ...]:
        """Return the primitive steps of which this layer is made, for `relu_fast.bounds`; none is the identity.

        Arrays are views: they show the parameters of the moment.
        """
        return ()

    def forward(self, x: np.ndarray, *, training: bool = False, out: np.ndarray | None = None) -> np.ndarray:
        """Return the output for `x`: in `out`, in a new array, or `x` itself if there is nothing to do."""
        return x

    def backward(
        self,
        g: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
        *,
        input_gradient: bool = True,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Turn the gradient of the output into that of the input, and fill the parameters' gradients.

        Parameters
        ----------
        g : ndarray (rows, units)
            Gradient of the loss with respect to the output. **Overwritten.**
        x, y : ndarray
            Input and output of the last `forward` call.
        input_gradient : bool
            False spares the last step where nobody needs the gradient of the input; what is returned has no
            meaning then.
        out : ndarray (rows, features), optional
            For the gradient of the input; layers that can leave it in `g` do not use it.
        """
        return g


class Dense(Layer):
    """A fully connected layer, y = activation(x @ kernel + bias).

    Parameters
    ----------
    units : int
        Number of outputs.
    activation : str, optional
        A name of `relu_fast.ACTIVATIONS`; None is linear.
    kernel_initializer, bias_initializer : str or callable
        A name of `relu_fast.nn.initializers`, or a function of (shape, generator). The bias is zero by default,
        unless the kernel's initializer draws it as well ("rai").
    save : {"output", "pre_activation", "mask"}, optional
        What the gradient of the activation is computed from. The output is there anyway, and the default where
        it tells the gradient (``rf.ACTIVATIONS[...].from_y``); else the default is x @ kernel, in an array of
        its own. A mask, one bit an element, takes 1/32 of that in float32; it is enough for relu, relu6,
        leaky_relu, thresholded_relu and hardtanh. All train to the same bits.
    name : str, optional
        Unique in the model.
    **activation_params
        Parameters of the activation, such as negative_slope=0.1.

    Attributes
    ----------
    kernel, kernel_gradient : ndarray (features, units)
        Views into the model's flat vectors: write into them with ``[...] =``.
    bias, bias_gradient : ndarray (units,)
        Likewise.
    stats : UnitStats or None
        Filled by every forward pass.
    saved : ndarray or None
        What the last forward pass keeps for the backward pass, beside its input and output.
    grad_stats : GradStats or None
        Filled by every backward pass, with the gradient at x @ kernel + bias.

    Raises
    ------
    ValueError
        For units <= 0, an unknown activation or initializer, "rai" beside another initializer, a parameter that
        is NaN, or a `save` that is not enough: a mask for elu; the output with a negative slope or alpha of
        leaky_relu, prelu, elu, celu.
    TypeError
        For an activation parameter that does not exist or is missing.
    """

    unit_axis = -1
    units: int
    parameter_names = ("kernel", "bias")

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        *,
        kernel_initializer: str | initializers.Initializer = "glorot_uniform",
        bias_initializer: str | initializers.Initializer | None = None,
        save: str | None = None,
        name: str | None = None,
        **activation_params: Any,
    ) -> None:
        super().__init__(name)
        self.units = at_least(units, 1, "units")
        self.save = checked_save(activation, self.units, activation_params, save)
        self.activation = activation
        self.activation_params = activation_params
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get_for_bias(self.kernel_initializer, bias_initializer)
        self.stats: UnitStats | None = None
        self.grad_stats: GradStats | None = None
        self._views: tuple[np.ndarray, ...] | None = None
        self._kept: Buffers | None = None  # pre-activations, or bytes of a mask; None: the output is enough

    def __repr__(self) -> str:
        options = self.options()
        units, activation = options.pop("units"), options.pop("activation")
        listed = "".join(f", {option}={value!r}" for option, value in options.items())
        return f"Dense({units}, {activation!r}{listed})"

    def options(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "units": self.units,
            "activation": self.activation,
            "kernel_initializer": self.kernel_initializer,
            "bias_initializer": self.bias_initializer,
            "save": self.save,
            "name": self.name,
            **self.activation_params,
        }

    @property
    def kernel(self) -> np.ndarray:
        """Weights (features, units)."""
        return self._bound()[0]

    @property
    def bias(self) -> np.ndarray:
        """Biases (units,)."""
        return self._bound()[1]

    @property
    def kernel_gradient(self) -> np.ndarray:
        """What the last backward pass found for `kernel`."""
        return self._bound()[2]

    @property
    def bias_gradient(self) -> np.ndarray:
        """What the last backward pass found for `bias`."""
        return self._bound()[3]

    @property
    def saved(self) -> np.ndarray | None:
        """What the last forward pass keeps for the backward pass, beside its input and output."""
        return None if self._kept is None else self._kept.last

    def set_activation(
        self, activation: str | None, *, save: str | None = None, **activation_params: Any
    ) -> None:
        """Take another activation, with the same weights and biases; parameters and errors as for a new layer.

        If it fails the layer stays as it was.
        """
        save = checked_save(activation, self.units, activation_params, save)
        self.save, self.activation, self.activation_params = save, activation, activation_params
        self._kept = None
        if self._views is not None:
            self.bind(list(self._views[:2]), list(self._views[2:]))

    def output_units(self, features: int) -> int:
        """Return `units`."""
        return self.units

    def parameter_shapes(self, features: int) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of kernel and bias."""
        return (features, self.units), (self.units,)

    def bind(self, parameters: list[np.ndarray], gradients: list[np.ndarray]) -> None:
        """Take the views for kernel and bias."""
        self._views = (*parameters, *gradients)
        if self.save == "pre_activation":
            self._kept = Buffers((self.units,), parameters[0].dtype)
        elif self.save == "mask":
            self._kept = Buffers((1,), np.dtype(np.uint8))

    def initialize(self, parameters: list[np.ndarray], generator: np.random.Generator) -> None:
        """Draw the kernel, then the bias; or both at once."""
        kernel, bias = parameters
        features, units = kernel.shape
        if initializers.draws_bias(self.kernel_initializer):
            both = initializers.draw(self.kernel_initializer, (features + 1, units), generator)
            kernel[...], bias[...] = both[:-1], both[-1]
        else:
            kernel[...] = initializers.draw(self.kernel_initializer, kernel.shape, generator)
            bias[...] = initializers.draw(self.bias_initializer, bias.shape, generator)

    def stages(self) -> tuple[Stage, ...]:
        """Return an affine step and the activation, if there is one."""
        affine = Affine(self.kernel, self.bias)
        if self.activation is None:
            return (affine,)
        return affine, Activate(self.activation, self.activation_params)

    def forward(self, x: np.ndarray, *, training: bool = False, out: np.ndarray | None = None) -> np.ndarray:
        """Return activation(x @ kernel + bias); bias, activation and counts are one pass over x @ kernel."""
        kernel, bias, _, _ = self._bound()
        shape, mask = (len(x), self.units), None
        kept = self._rows_of(shape) if self.save == "pre_activation" else None
        z: np.ndarray = np.dot(x, kernel, out=out if kept is None else kept)
        if self.activation is None:
            z += bias
            return z
        if self.save == "mask":
            mask = self._rows_of(shape)
        y = z if kept is None else out
        return fused.forward(
            z, self.activation, bias=bias, stats=self.stats, mask=mask, out=y, **self.activation_params
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
        """Fill both gradients; return g activation'(z) @ kernel.T. One pass over g also sums and counts."""
        kernel, bias, kernel_gradient, bias_gradient = self._bound()
        if self.activation is None:
            np.add.reduce(g, axis=0, out=bias_gradient)
        else:
            kept = None if self._kept is None else self._rows_of(g.shape)
            fused.backward(
                g,
                self.activation,
                x=kept if self.save == "pre_activation" else None,
                y=y if self.save == "output" else None,
                mask=kept if self.save == "mask" else None,
                bias=bias if self.save == "pre_activation" else None,
                bias_grad=bias_gradient,
                stats=self.grad_stats,
                out=g,
                **self.activation_params,
            )
        np.dot(x.T, g, out=kernel_gradient)
        if not input_gradient:
            return g
        below: np.ndarray = np.dot(g, kernel.T, out=out)
        return below

    def _rows_of(self, shape: tuple[int, ...]) -> np.ndarray:
        """Cut what is kept to a batch of that shape."""
        assert self._kept is not None
        if self.save == "mask":
            return self._kept.rows((shape[0] * shape[1] + 7) // 8)[0].reshape(-1)
        return self._kept.rows(shape[0])[0]

    def _bound(self) -> tuple[np.ndarray, ...]:
        if self._views is None:
            name = self.name or "this layer"
            raise RuntimeError(f"{name} has no parameters yet: call the model's build(features)")
        return self._views


def checked_save(activation: str | None, units: int, params: dict[str, Any], save: str | None) -> str | None:
    """Return what to save; raise unless the activation exists, takes these parameters, and can do with that."""
    if save is not None and save not in _SAVES:
        raise ValueError(f"save is {save!r}, expected one of {', '.join(map(repr, _SAVES))}, or None")
    if activation is None:
        if params:
            raise TypeError(f"a layer without activation takes no parameters, got {', '.join(params)}")
        if save is not None:
            raise ValueError(f"a layer without activation saves nothing, got save={save!r}")
        return None
    # Before the passes are asked: they would take `stats` or `out` as an option of their own.
    describe("layer", units, activation, params)
    check_numbers(activation, params)
    if save is None:
        save = "output" if activation_named(activation).from_y else "pre_activation"
    # The passes know best what they take: ask them with one row.
    row = np.zeros((1, units), np.float32)
    mask = fused.empty_mask(row.shape) if save == "mask" else None
    y = fused.forward(row, activation, mask=mask, **params)
    sources: dict[str, dict[str, Any]] = {
        "output": {"y": y},
        "pre_activation": {"x": row},
        "mask": {"mask": mask},
    }
    fused.backward(row, activation, **sources[save], **params)
    return save
