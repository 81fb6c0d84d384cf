"""The cures: new weights, a higher bias, another activation. Each changes the network in place, or nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import verdicts
from .measure import checked_data, look, products
from .places import DenseLayer, EntryOptimizer, Network, Place, find, positions, successor
from .records import Revival

__all__ = ["lift_bias", "redo", "swap_activation"]


def redo(
    network: Network,
    units: Mapping[str, ArrayLike],
    *,
    x: ArrayLike | None = None,
    optimizer: EntryOptimizer | None = None,
    seed: int | Sequence[int] | None = 0,
    step: int | None = None,
) -> tuple[Revival, ...]:
    """Give units new incoming weights and biases, drawn as at the start, and no outgoing weights yet.

    ReDo, Sokar et al. 2023, "The Dormant Neuron Phenomenon in Deep Reinforcement Learning" (2302.12902). On
    data where the units are dead the function of the network stays what it was: what a unit puts out below its
    gate (0, but for hardtanh) goes into the biases of the layer that reads it. Units that did fire take their
    part of the output with them.

    Where units of neighbouring layers are revived at once, the new incoming weights of the upper ones see the
    lower ones: a network that is dead altogether learns again.

    Parameters
    ----------
    network : Network
        Changed in place.
    units : mapping of str to array_like of int
        Layer names and the numbers of the units.
    x : array_like (rows, features), optional
        Data on which evidence is taken before and after.
    optimizer : optional
        Of the network. It forgets what it knows of the units' incoming weights, biases and outgoing weights.
    seed : int, sequence of int, or None
        The same draws the same weights; None draws others each time.
    step : int, optional
        For the records.

    Returns
    -------
    tuple of Revival
        One for each layer with units, in the order of `units`.

    Raises
    ------
    ValueError, TypeError, IndexError
        If a layer is unknown, is the last one, is read by anything but a dense layer after dropout or shares
        weights; a unit does not exist; the data is empty or not finite; the optimizer moves another network.
        Nothing is changed then.
    """
    targets = _targets(network, units)
    readers = [_reader(network, place) for place, _ in targets]
    # Whatever may fail comes first.
    data = None if x is None else checked_data(network, x)
    drawn = [_drawn(place, seed) for place, _ in targets]
    entries = _entries(network, optimizer, targets, readers)
    before = None if data is None else look(network, data, targets)

    for (place, numbers), reader in zip(targets, readers, strict=True):
        _cut_off(place.silent_output(), numbers, reader)
    # Only now: units that are revived themselves see revived ones below them.
    for (place, numbers), (kernel, bias) in zip(targets, drawn, strict=True):
        place.dense.kernel[:, numbers] = kernel[:, numbers]
        place.dense.bias[numbers] = bias[numbers]
    if optimizer is not None:
        optimizer.reset_entries(entries)

    after = None if data is None else look(network, data, targets)
    return tuple(
        Revival(
            layer=place.name,
            units=tuple(numbers.tolist()),
            cure="redo",
            done="incoming weights and bias drawn anew, outgoing weights set to zero",
            step=step,
            before=before.evidence[place.name] if before else (),
            after=after.evidence[place.name] if after else (),
            change=after.change(before) if before and after else None,
        )
        for place, numbers in targets
    )


def lift_bias(
    network: Network,
    units: Mapping[str, ArrayLike],
    *,
    rate: float,
    x: ArrayLike,
    optimizer: EntryOptimizer | None = None,
    step: int | None = None,
) -> tuple[Revival, ...]:
    """Raise the biases of units just enough that they fire on a share `rate` of the data.

    The new bias is the smallest one, of all numbers of the network's dtype, with which a unit fires on at least
    ceil(rate rows) of the rows: an order statistic of x @ kernel. Where rows are alike it fires on more;
    ``after`` of the record tells the rate it got. A bias that is high enough stays. Layers are lifted from the
    first to the last, each with what the ones before it give by then.

    Parameters
    ----------
    network, units, optimizer, step
        As in `redo`; the last layer is fine as well.
    rate : float
        In (0, 1].
    x : array_like (rows, features)

    Returns
    -------
    tuple of Revival
        One for each layer with units, from the first layer to the last. Each `change` is that of all together.

    Raises
    ------
    ValueError, TypeError, IndexError
        As `redo`, and if the rate is out of its range, or a unit's pre-activations are NaN or infinite.
        Nothing is changed then.
    """
    rate = _checked_rate(rate)
    targets = sorted(_targets(network, units), key=lambda target: target[0].index)
    readers = [successor(network, place) for place, _ in targets]
    data = checked_data(network, x)
    entries = _entries(network, optimizer, targets, readers)
    before = look(network, data, targets)
    wanted = _rows_at(rate, len(data))

    kept = [place.dense.bias.copy() for place, _ in targets]
    try:
        for place, numbers in targets:
            place.dense.bias[numbers] = _lifted(network, data, place, numbers, wanted)
    except BaseException:
        for (place, _), bias in zip(targets, kept, strict=True):
            place.dense.bias[...] = bias
        raise
    if optimizer is not None:
        optimizer.reset_entries(entries)

    after = look(network, data, targets)
    revivals = []
    for (place, numbers), old in zip(targets, kept, strict=True):
        lifts = place.dense.bias[numbers].astype(np.float64) - old[numbers]
        most = f" by {lifts.min():.3g} to {lifts.max():.3g}" if lifts.any() else " by nothing"
        revivals.append(
            Revival(
                layer=place.name,
                units=tuple(numbers.tolist()),
                cure="bias lift",
                done=f"bias raised{most} for a firing rate of {rate:g}",
                step=step,
                before=before.evidence[place.name],
                after=after.evidence[place.name],
                change=after.change(before),
            )
        )
    return tuple(revivals)


def swap_activation(
    network: Network,
    layer: str,
    activation: str,
    *,
    x: ArrayLike,
    optimizer: EntryOptimizer | None = None,
    step: int | None = None,
    **params: Any,
) -> Revival:
    """Give a layer another activation, such as leaky_relu for relu, that lets its dead units learn.

    The record names the units that fired on none of the data; its `change` is what the swap does to the output
    of the network. A monitor knows a layer by its activation: swap between two calls of `fit`, and take a new
    monitor for the second one.

    Parameters
    ----------
    network, optimizer, step
        As in `redo`. What the optimizer forgets is that of the units that never fired.
    layer : str
        With a method ``set_activation(activation, **params)``.
    activation : str
        A name of ``relu_fast.ACTIVATIONS``.
    x : array_like (rows, features)
    **params
        Of the new activation.

    Raises
    ------
    ValueError, TypeError
        If layer or activation are unknown, the parameters are wrong, the layer cannot change its activation or
        a monitor watches it, the data is empty or not finite. With an optimizer also where `redo` refuses what
        reads the layer. Nothing is changed then.
    """
    place = find(network, layer)
    if not hasattr(place.active, "set_activation"):
        raise TypeError(
            f"cannot swap the activation of {layer!r}: {type(place.active).__name__} has no set_activation"
        )
    if getattr(place.active, "stats", None) is not None:
        raise ValueError(
            f"cannot swap the activation of {layer!r} while a monitor counts its {place.activation}: "
            "swap between two calls of fit"
        )
    data = checked_data(network, x)
    everyone = (place, np.arange(place.units))
    before = look(network, data, [everyone])
    silent = np.array([seen.unit for seen in before.evidence[layer] if seen.active == 0], np.intp)
    entries = np.empty(0, np.intp)
    if optimizer is not None:
        entries = _entries(network, optimizer, [(place, silent)], [successor(network, place)])

    old = place.activation
    place.active.set_activation(activation, **params)
    if optimizer is not None:
        optimizer.reset_entries(entries)

    after = look(network, data, [everyone])
    given = ", ".join(f"{name}={value}" for name, value in params.items())
    return Revival(
        layer=layer,
        units=tuple(silent.tolist()),
        cure="activation swap",
        done=f"{old} became {activation}" + (f"({given})" if given else ""),
        step=step,
        before=tuple(before.evidence[layer][unit] for unit in silent),
        after=tuple(after.evidence[layer][unit] for unit in silent),
        change=after.change(before),
    )


def _targets(network: Network, units: Mapping[str, ArrayLike]) -> list[tuple[Place, NDArray[np.intp]]]:
    """Find every layer that has units to revive."""
    if not isinstance(units, Mapping):
        raise TypeError(f"units is {units!r}, expected a mapping such as {{'dense_1': [0, 3]}}")
    found = [(place := find(network, name), place.numbers(numbers)) for name, numbers in units.items()]
    names: dict[int, str] = {}
    for place, _ in found:
        other = names.setdefault(place.index, place.name)
        if other != place.name:
            raise ValueError(f"{other!r} and {place.name!r} name the same units, expected one of the two")
    return [(place, numbers) for place, numbers in found if numbers.size]


def _reader(network: Network, place: Place) -> DenseLayer:
    """Find the dense layer that reads the units, which has to exist."""
    reader = successor(network, place)
    if reader is None:
        raise ValueError(
            f"cannot redo units of {place.name!r}: it is the last layer, its outputs are the network's; "
            "expected one that a dense layer reads (lift_bias and swap_activation take the last one)"
        )
    return reader


def _drawn(place: Place, seed: int | Sequence[int] | None) -> tuple[np.ndarray, np.ndarray]:
    """Draw a whole layer anew: what a unit gets depends on no other unit and on no other layer."""
    sequence = np.random.SeedSequence(seed, spawn_key=(place.index,))
    kernel, bias = np.empty_like(place.dense.kernel), np.empty_like(place.dense.bias)
    place.dense.initialize([kernel, bias], np.random.Generator(np.random.PCG64(sequence)))
    return kernel, bias


def _cut_off(silent: NDArray[np.float64], numbers: NDArray[np.intp], reader: DenseLayer) -> None:
    """Set the outgoing weights to zero; what silent units put out goes into the biases."""
    kernel, bias = reader.kernel, reader.bias
    constant = numbers[silent[numbers] != 0.0]
    if constant.size:
        bias[...] = bias.astype(np.float64) + silent[constant] @ kernel[constant].astype(np.float64)
    kernel[numbers] = 0.0


def _entries(
    network: Network,
    optimizer: EntryOptimizer | None,
    targets: list[tuple[Place, NDArray[np.intp]]],
    readers: Sequence[DenseLayer | None],
) -> NDArray[np.intp]:
    """List the positions of incoming weights, biases and outgoing weights in the parameter vector."""
    found = [np.empty(0, np.intp)]
    if optimizer is None:
        return found[0]
    vector = network.parameters
    optimizer.check(vector)
    for (place, numbers), reader in zip(targets, readers, strict=True):
        found.append(positions(vector, place.dense.kernel, place.name)[:, numbers])
        found.append(positions(vector, place.dense.bias, place.name)[numbers])
        if reader is not None:
            found.append(positions(vector, reader.kernel, str(reader.name))[numbers])
    return np.unique(np.concatenate([entries.ravel() for entries in found]))


def _checked_rate(rate: float) -> float:
    given = np.asarray(rate)
    if given.ndim or given.dtype.kind not in "fiu":
        raise TypeError(f"rate is {rate!r}, expected a number in (0, 1]")
    # The negation also catches NaN.
    if not 0.0 < given <= 1.0:
        raise ValueError(f"rate is {rate!r}, expected a number in (0, 1]")
    return float(given)


def _rows_at(rate: float, rows: int) -> int:
    """Count the rows, at least 1, that make a share of at least `rate`."""
    wanted = max(1, math.ceil(rate * rows))
    # The product may have been rounded up past a whole number.
    return wanted - 1 if wanted > 1 and (wanted - 1) / rows >= rate else wanted


def _lifted(
    network: Network, x: np.ndarray, place: Place, numbers: NDArray[np.intp], wanted: int
) -> np.ndarray:
    """Compute the smallest biases with which these units fire on `wanted` rows, but no lower ones than now."""
    found = products(network, x, place, numbers)
    bias = place.dense.bias[numbers]
    rows = len(found)
    # The row that must fire: `wanted` rows are at least as large.
    least = np.partition(found, rows - wanted, axis=0)[rows - wanted]
    gate = verdicts.gates(place.gate, place.units)[numbers]
    gate = np.where(np.isnan(gate), 0.0, gate).astype(found.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        lifted: np.ndarray = np.maximum(bias, _smallest_above(least, gate))
    # A NaN among the products is sorted to the end, and an infinite one makes the bias so: look at all of them.
    broken = numbers[~(np.isfinite(found).all(axis=0) & np.isfinite(lifted))]
    if broken.size:
        raise ValueError(
            f"cannot lift the bias of unit {broken[0]} of {place.name!r}: its pre-activations are NaN or infinite"
        )
    return lifted


def _smallest_above(products: np.ndarray, gate: np.ndarray) -> np.ndarray:
    """Find the smallest b, of all numbers of the dtype, with products + b > gate as the dtype adds, by bisection.

    The sum grows with b, so that the midpoint of a number that is too small and one that is not may take the
    place of one of the two, until there is no number between them.
    """
    middle: np.ndarray = gate - products
    # Far enough on both sides for what is rounded in gate - products and in the sum.
    slack = 4.0 * np.spacing(np.maximum(np.abs(gate), np.abs(products)))
    low: np.ndarray = middle - slack
    high: np.ndarray = middle + slack
    while True:
        between = low + (high - low) / 2.0
        open_ = (low < between) & (between < high)
        if not open_.any():
            return high
        fires = products + between > gate
        high = np.where(open_ & fires, between, high)
        low = np.where(open_ & ~fires, between, low)
