from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

class UnitArrays:
    units: int
    collect: tuple[str, ...]
    seen: NDArray[np.int64]
    examples: NDArray[np.int64]
    active: Any  # int64 (units,), or None if not collected; likewise below
    nonfinite: Any
    max: Any
    min: Any
    sum_abs: Any
    def __init__(self, units: int, collect: Iterable[str] = ...) -> None: ...

class GradArrays:
    units: int
    seen: NDArray[np.int64]
    nonzero: NDArray[np.int64]
    nonfinite: NDArray[np.int64]
    def __init__(self, units: int) -> None: ...

def forward(
    z: Any,
    activation: str,
    bias: Any,
    unit_axis: int | None,
    stats: Any,
    mask: Any,
    out: Any,
    store: bool,
    params: dict[str, Any],
    name: str = ...,
) -> np.ndarray: ...
def backward(
    g: Any,
    activation: str,
    x: Any,
    y: Any,
    mask: Any,
    bias: Any,
    unit_axis: int | None,
    bias_grad: Any,
    weight_grad: Any,
    stats: Any,
    out: Any,
    params: dict[str, Any],
) -> np.ndarray: ...
def empty_mask(shape: int | tuple[int, ...]) -> NDArray[np.uint8]: ...
