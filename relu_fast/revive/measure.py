"""What a network does on given data, in evaluation, counted in nobody's statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import fused, verdicts
from ..stats import UnitStats
from ..verdicts import Evidence
from .places import Network, Place, is_dense

__all__ = ["BATCH", "Sight", "checked_data", "evidence_of", "look", "products", "unwatched"]

# That of the complete pass that `fit` makes over validation data: matrix products of other sizes may differ in
# their last bits, and units at the edge with them.
BATCH = 4096


@dataclass(frozen=True, eq=False)
class Sight:
    """What was seen on the data.

    Attributes
    ----------
    output : ndarray (rows, outputs)
        Of the network.
    evidence : dict of str to tuple of Evidence
        For each place: of each of the units asked for.
    """

    output: np.ndarray
    evidence: Mapping[str, tuple[Evidence, ...]]

    def change(self, before: Sight) -> float:
        """Largest change of an output since `before`; NaN if one of them is NaN."""
        with np.errstate(invalid="ignore"):
            return float(np.abs(self.output.astype(np.float64) - before.output).max(initial=0.0))


def checked_data(network: Network, x: ArrayLike) -> np.ndarray:
    """Return `x` as an array (rows, features) of the network's dtype.

    Raises
    ------
    TypeError
        If it holds no real numbers.
    ValueError
        If it has another shape, no rows, or NaN or infinities.
    """
    kernel = next(layer.kernel for layer in network.layers if is_dense(layer))
    given = np.asarray(x)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"x has dtype {given.dtype}, expected real numbers (float or integer)")
    if given.ndim != 2 or given.shape[1] != len(kernel):
        raise ValueError(f"x has shape {given.shape}, expected (rows, {len(kernel)}): {len(kernel)} features")
    if not len(given):
        raise ValueError(f"x has shape {given.shape}: no examples, expected at least one")
    x = given.astype(kernel.dtype, copy=False)
    wrong = x.size - np.count_nonzero(np.isfinite(x))
    if wrong:
        raise ValueError(f"x holds {wrong} values that are NaN or infinite, expected finite numbers")
    return x


def look(network: Network, x: np.ndarray, units: Sequence[tuple[Place, NDArray[np.intp]]]) -> Sight:
    """Run the network over `x` and collect the evidence for these units, from a complete pass."""
    stats = {place.index: UnitStats(place.units) for place, _ in units}
    outputs = []
    with unwatched(network):
        for start in range(0, len(x), BATCH):
            array = x[start : start + BATCH]
            for index, layer in enumerate(network.layers):
                for place, _ in units:
                    if place.index == index:
                        fused.observe(
                            np.dot(array, place.dense.kernel),
                            place.activation,
                            bias=place.dense.bias,
                            stats=stats[index],
                            **place.params,
                        )
                array = layer.forward(array, training=False)
            # A network of nothing but what passes on would give out its input.
            outputs.append(array)
    evidence = {place.name: evidence_of(place, numbers, stats[place.index]) for place, numbers in units}
    return Sight(np.concatenate(outputs), evidence)


def products(network: Network, x: np.ndarray, place: Place, numbers: NDArray[np.intp]) -> np.ndarray:
    """Compute x @ kernel of these units, (rows, len(numbers)): their pre-activations without the bias."""
    found = []
    with unwatched(network):
        for start in range(0, len(x), BATCH):
            array = x[start : start + BATCH]
            for layer in network.layers[: place.index]:
                array = layer.forward(array, training=False)
            # All units at once, as the layer does it: a product of some columns may differ in the last bits.
            found.append(np.dot(array, place.dense.kernel)[:, numbers])
    return np.concatenate(found)


def evidence_of(place: Place, numbers: Iterable[int], stats: UnitStats) -> tuple[Evidence, ...]:
    """Collect the evidence for these units from the statistics of a complete pass."""
    return tuple(verdicts.evidence(stats, int(unit), gate=place.gate, complete=True) for unit in numbers)


@contextmanager
def unwatched(network: Network) -> Iterator[None]:
    """Take the statistics off the layers for the time of the block."""
    kept: list[tuple[Any, str, Any]] = [
        (layer, name, getattr(layer, name))
        for layer in network.layers
        for name in ("stats", "grad_stats")
        if getattr(layer, name, None) is not None
    ]
    try:
        for layer, name, _ in kept:
            setattr(layer, name, None)
        yield
    finally:
        for layer, name, stats in kept:
            setattr(layer, name, stats)
