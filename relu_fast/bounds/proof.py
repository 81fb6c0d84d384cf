"""From a network and a box to the units that are dead on all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..activations import activation_named
from ..verdicts import gates
from .box import Box
from .network import dtype_of, features_of, named_stages
from .ranges import activation_range
from .rounding import Floats, Interval, Precision, affine, hull, known, precision_of, scaled
from .stages import Activate, Affine, Drop, Scale, Stage

__all__ = ["LayerBounds", "Proof", "prove"]


@dataclass(frozen=True, eq=False)
class LayerBounds:
    """Bounds of one layer's pre-activations z over a box.

    Attributes
    ----------
    name : str
    activation : str or None
        None for a layer without one, whose z is its output.
    lower, upper : ndarray of float64 (units,)
        No input in the box gives a z outside, neither exactly nor as computed; infinite where nothing is known.
    gate : ndarray of float64 (units,)
        Where output and gradient of the activation become zero; NaN where it has no gate.
    """

    name: str
    activation: str | None
    lower: Floats
    upper: Floats
    gate: Floats

    @property
    def proven(self) -> NDArray[np.bool_]:
        """Which units are dead for every input in the box, (units,)."""
        with np.errstate(invalid="ignore"):
            return self.upper <= self.gate

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which units have bounds, (units,)."""
        return np.isfinite(self.lower) & np.isfinite(self.upper)

    def unproven(self, dead: NDArray[np.bool_]) -> int:
        """Count those of the `dead` units, bool (units,), that are not proven dead."""
        if np.shape(dead) != self.upper.shape or np.asarray(dead).dtype != np.bool_:
            raise ValueError(
                f"dead has shape {np.shape(dead)} and dtype {np.asarray(dead).dtype}, expected bool {self.upper.shape}"
            )
        return int(np.count_nonzero(dead & ~self.proven))

    def __str__(self) -> str:
        units = len(self.upper)
        parts = [f"{self.name}: {np.count_nonzero(self.proven)} of {units} units proven dead"]
        if np.isnan(self.gate).all():
            parts = [f"{self.name}: {self.activation or 'linear'} has no gate, nothing can be dead"]
        unknown = units - np.count_nonzero(self.known)
        if unknown:
            parts.append(f"{unknown} unknown")
        if unknown < units:
            low, high = self.lower[self.known].min(), self.upper[self.known].max()
            parts.append(f"z in [{low:.6g}, {high:.6g}]")
        return ", ".join(parts)


@dataclass(frozen=True, eq=False)
class Proof(Mapping[str, LayerBounds]):
    """Bounds by the layer's name, and what they hold for.

    Attributes
    ----------
    box : Box
    dtype : dtype
        What the network computes in.
    dropout : bool
        Whether they hold while dropout drops.
    layers : dict
        Name -> `LayerBounds`, in the order of the network.
    """

    box: Box
    dtype: np.dtype
    dropout: bool
    layers: dict[str, LayerBounds] = field(default_factory=dict)

    def __getitem__(self, name: str) -> LayerBounds:
        return self.layers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __str__(self) -> str:
        mode = ", dropout as in training" if self.dropout else ""
        lines = [f"over the box ({self.box}), {self.dtype}{mode}:", *map(str, self.layers.values())]
        return "\n  ".join(lines)

    def unproven(self, report: Any) -> dict[str, int]:
        """Count by layer how many units a report calls dead that are not proven dead over the box.

        Parameters
        ----------
        report : Report
            Of a monitor that watched the same network; layers that it does not know are left out.
        """
        known = [name for name in self.layers if name in report.layers]
        return {name: self[name].unproven(report.layers[name].states == "dead") for name in known}

    def tell(self, monitor: Any) -> None:
        """Let a monitor know the bounds of all layers that have an activation: ``observe_bounds`` for each."""
        for name, layer in self.layers.items():
            if layer.activation is not None:
                monitor.observe_bounds(name, layer.lower, layer.upper, box=str(self.box))


def prove(
    network: Any,
    box: Box,
    *,
    dropout: bool = False,
    dtype: DTypeLike | None = None,
    ulps: float | None = None,
) -> Proof:
    """Bound every pre-activation over a box of inputs, and so prove units dead.

    The bounds hold for exact arithmetic and for what the network computes, whatever the order in which its
    sums are added: see `relu_fast.bounds.rounding`. They hold for the weights of this moment. Features are
    taken as independent, also behind the first layer: what is not proven may still be dead.

    Parameters
    ----------
    network : Sequential, iterable of layers, or mapping
        Anything with ``layers``, or layers, that have a ``name`` and ``stages()``; or name -> stages.
    box : Box
        Inputs are rounded to the dtype of the network first.
    dropout : bool
        Whether dropout layers drop, as in training. Batch normalisation is that of evaluation either way.
    dtype : dtype, optional
        Float32 or float64, what the network computes in, weights being rounded to it; None: that of its weights.
    ulps : float, optional
        Largest error of the activations in ULP of the larger of ``|y|`` and 1. None: that of relu_fast, 1 ULP
        of y in float32 and 2 in float64. For others it may be larger: ``relu-fast accuracy --peers`` measures it.

    Returns
    -------
    Proof
        A mapping: name of the layer -> its `LayerBounds`. Layers that neither activate nor are affine have none.

    Raises
    ------
    ValueError
        If the box has another number of features, shapes do not fit, or a layer has two activations.
    TypeError
        If a layer does not say its stages, or the dtype is another.
    RuntimeError
        If the network has no parameters yet.
    """
    if not isinstance(box, Box):
        raise TypeError(f"box is a {type(box).__name__}, expected a Box")
    if ulps is not None and not 0 <= ulps < 2**20:
        raise ValueError(f"ulps is {ulps!r}, expected a number from 0 to 2**20")
    named = named_stages(network)
    stages = [stage for own in named.values() for stage in own]
    precision = precision_of(dtype_of(stages, dtype))
    x = _inputs(box, features_of(stages), precision)
    proof = Proof(box, precision.dtype, dropout)
    for name, own in named.items():
        try:
            x, layer = _through(name, own, x, precision, dropout, ulps)
        except ValueError as error:
            raise ValueError(f"layer {name!r}: {error}") from None
        if layer is not None:
            proof.layers[name] = layer
    return proof


def _through(
    name: str, stages: tuple[Stage, ...], x: Interval, precision: Precision, dropout: bool, ulps: float | None
) -> tuple[Interval, LayerBounds | None]:
    """Bound the output of one layer, and its pre-activation."""
    layer = None
    activations = [stage for stage in stages if isinstance(stage, Activate)]
    if len(activations) > 1:
        given = ", ".join(stage.name for stage in activations)
        raise ValueError(f"it has the activations {given}, expected one a layer")
    for stage in stages:
        if isinstance(stage, Affine):
            if len(x.lower) != len(stage.weights):
                raise ValueError(
                    f"weights has shape {stage.weights.shape}, expected ({len(x.lower)}, units): "
                    f"{len(x.lower)} features come in"
                )
            with np.errstate(over="ignore"):
                weights, bias = (a.astype(precision.dtype, copy=False) for a in (stage.weights, stage.bias))
            x = affine(x, weights, bias, precision)
        elif isinstance(stage, Scale):
            arrays = (a.astype(np.float64) for a in (stage.scale, stage.center, stage.shift))
            scale, center, shift = (_per_unit(a, x, "scale") for a in arrays)
            x = scaled(x, scale, center, shift, precision)
        elif isinstance(stage, Drop):
            x = _dropped(x, stage, precision) if dropout and stage.rate else x
        else:
            params = {key: _per_unit(np.asarray(v), x, key) for key, v in stage.params.items()}
            layer = LayerBounds(name, stage.name, x.lower, x.upper, _gate(stage.name, params, x, precision))
            x = activation_range(stage.name, params, x, precision, ulps=ulps)
    if layer is None and any(isinstance(stage, Affine) for stage in stages):
        layer = LayerBounds(name, None, x.lower, x.upper, np.full(x.lower.shape, np.nan))
    return x, layer


def _dropped(x: Interval, drop: Drop, precision: Precision) -> Interval:
    """Bound what dropout makes of x in training: the dropped value, or what becomes of a kept one."""
    scale, center, value = (np.float64(number) for number in (drop.scale, drop.center, drop.dropped))
    kept, lost = (scaled(x, factor, center, value, precision) for factor in (scale, np.float64(0)))
    return hull(kept, lost)


def _gate(name: str, params: Mapping[str, Any], x: Interval, precision: Precision) -> Floats:
    """Return the gate of every unit, NaN for none: the lower of that with these parameters and with rounded ones."""
    with np.errstate(over="ignore"):
        rounded = {key: value.astype(precision.dtype) for key, value in params.items()}
    row, units = activation_named(name), len(x.lower)
    given, used = (gates(row.gate_for(**values), units) for values in (params, rounded))
    return np.minimum(given, used)


def _per_unit(values: np.ndarray, x: Interval, name: str) -> np.ndarray:
    """Return numbers or one entry a unit as they are; ValueError for another number of units."""
    if values.shape not in ((), x.lower.shape):
        raise ValueError(f"{name} has shape {values.shape}, expected {x.lower.shape}: one entry per unit")
    return values


def _inputs(box: Box, features: int | None, precision: Precision) -> Interval:
    """Return the box as intervals around its inputs, exact and rounded to the network's dtype."""
    shape = box.lower.shape or (1 if features is None else features,)
    if features is not None and shape != (features,):
        raise ValueError(f"the box has {shape[0]} features, expected {features}: those of the network")
    with np.errstate(over="ignore"):
        rounded = [end.astype(precision.dtype).astype(np.float64) for end in (box.lower, box.upper)]
    lower = np.broadcast_to(np.minimum(box.lower, rounded[0]), shape)
    upper = np.broadcast_to(np.maximum(box.upper, rounded[1]), shape)
    return known(lower, upper, precision)
