"""What a network says of itself: the stages of its layers, its width, its dtype."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .stages import Activate, Affine, Scale, Stage

__all__ = ["dtype_of", "features_of", "named_stages"]


def features_of(stages: list[Stage]) -> int | None:
    """Return how many features come in: what the first stage says that is not one number for all."""
    for stage in stages:
        if isinstance(stage, Affine):
            return len(stage.weights)
        if isinstance(stage, Scale):
            arrays = [stage.scale, stage.shift, stage.center]
        else:
            arrays = [np.asarray(v) for v in stage.params.values()] if isinstance(stage, Activate) else []
        for array in arrays:
            if array.ndim:
                return len(array)
    return None


def dtype_of(stages: list[Stage], dtype: DTypeLike | None) -> np.dtype:
    """Return what the network computes in: what was asked for, else what all its weights have."""
    if dtype is None:
        dtypes = {a.dtype for s in stages if isinstance(s, Affine) for a in (s.weights, s.bias)}
        if len(dtypes) != 1:
            given = " and ".join(sorted(map(str, dtypes))) or "no dtype"
            raise TypeError(f"the network's weights have {given}, expected one: say dtype=")
        return dtypes.pop()
    checked = np.dtype(dtype)
    if checked not in (np.float32, np.float64):
        raise TypeError(f"dtype is {checked}, expected float32 or float64")
    return checked


def named_stages(network: Any) -> dict[str, tuple[Stage, ...]]:
    """Ask every layer for its stages."""
    if isinstance(network, Mapping):
        named = [(name, tuple(stages)) for name, stages in network.items()]
    else:
        named = [(layer.name, _stages_of(layer)) for layer in getattr(network, "layers", network)]
    for name, stages in named:
        if [name for name, _ in named].count(name) > 1:
            raise ValueError(f"two layers are named {name!r}, expected a name of its own for each")
        for stage in stages:
            if not isinstance(stage, Stage):
                raise TypeError(
                    f"layer {name!r} has the stage {stage!r}, expected Affine, Activate, Scale or Drop"
                )
    return dict(named)


def _stages_of(layer: Any) -> tuple[Stage, ...]:
    """Return the stages of a layer; TypeError if they are those of a class that computes something else."""
    kind = type(layer)
    owners = {m: next((c for c in kind.__mro__ if m in vars(c)), object) for m in ("stages", "forward")}
    inherited = owners["forward"] is not owners["stages"] and issubclass(owners["forward"], owners["stages"])
    if inherited:
        raise TypeError(
            f"layer {getattr(layer, 'name', None)!r} ({kind.__name__}) computes a forward pass of its own but does not "
            "say what it is, expected a method stages()"
        )
    return tuple(layer.stages())
