"""A look into a network: the outputs and gradients of its layers on a few fixed rows, weights at rest.

This is what the TensorBoard callback of Keras wrote with ``write_grads=True``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from .. import fused, nn
from ..report.study import Histogram, LayerEpoch

__all__ = ["MAX_BINS", "PROBE_ROWS", "histogram", "layer_epoch", "layer_tensors", "unwatched"]

PROBE_ROWS = 1024
"""How many validation rows are looked at, at most: 65536 outputs of a layer with 64 units."""

MAX_BINS = 64


def layer_tensors(
    model: nn.Sequential, x: NDArray[np.floating], y: NDArray[np.floating], loss: str | nn.Loss
) -> dict[str, dict[str, NDArray[np.floating]]]:
    """Compute outputs and gradients of every layer that has an activation, in evaluation mode.

    Weights are those of the dense layer that feeds the activation, its own or the last one before it.

    Parameters
    ----------
    model : Sequential
        Built. Its parameters, its noise and the statistics that its layers fill stay as they are;
        ``model.gradients`` is overwritten.
    x : (rows, features)
    y : (rows, units)
    loss : name or Loss

    Returns
    -------
    dict
        For each layer name: "outputs" (rows, units); "pre_activation_gradient" (rows, units), of the loss of
        the example, so that it does not depend on `rows`; "kernel_gradient" (features, units) and
        "bias_gradient" (units,) of the mean loss of all rows; "kernel" (features, units).
    """
    with unwatched(model):
        arrays = [x]
        for layer in model.layers:
            arrays.append(layer.forward(arrays[-1], training=False))
        _, g = nn.losses.get(loss).batch_value_and_gradient(arrays[-1], y)
        tensors: dict[str, dict[str, NDArray[np.floating]]] = {}
        fed: dict[str, NDArray[np.floating]] = {}
        for i in reversed(range(len(model.layers))):
            layer, inputs, outputs = model.layers[i], arrays[i], arrays[i + 1]
            if layer.activation is not None:
                fed = tensors[str(layer.name)] = {"outputs": outputs}
            if not isinstance(layer, nn.Dense):
                g = layer.backward(g, inputs, outputs)
                if layer.activation is not None:
                    fed["pre_activation_gradient"] = g * len(x)
                continue
            if layer.activation is not None:
                gz = fused.backward(g, layer.activation, y=outputs, **layer.activation_params)
                fed["pre_activation_gradient"] = gz * len(x)
            g = layer.backward(g, inputs, outputs)
            fed["kernel_gradient"] = layer.kernel_gradient.copy()
            fed["bias_gradient"] = layer.bias_gradient.copy()
            fed["kernel"] = layer.kernel.copy()
            fed = {}
    return dict(reversed(list(tensors.items())))


def layer_epoch(tensors: Mapping[str, NDArray[np.floating]]) -> LayerEpoch:
    """Make the record of one layer's tensors."""
    gradient = np.abs(tensors["pre_activation_gradient"])
    parameters = [tensors[name].ravel() for name in ("kernel_gradient", "bias_gradient")]
    return LayerEpoch(
        mean_abs_gradient=float(gradient.mean(dtype=np.float64)),
        gradient_norm=float(np.linalg.norm(np.concatenate(parameters, dtype=np.float64))),
        histograms={name: histogram(values) for name, values in tensors.items()},
    )


def histogram(values: NDArray[np.floating]) -> Histogram:
    """Count values in bins of equal width, about 2 sqrt(n) of them for n values; exact zeros apart."""
    # In float64 there is room for bins between neighbouring float32 numbers.
    values = values.astype(np.float64).ravel()
    finite = values[np.isfinite(values)]
    rest = finite[finite != 0.0]
    edges, counts = np.empty(0), np.empty(0, np.int64)
    if rest.size:
        bins = min(MAX_BINS, 2 * int(np.ceil(np.sqrt(rest.size))))
        low, high = rest.min(), rest.max()
        if low == high:
            low, high = sorted((low * 0.999, high * 1.001))
        counts, edges = np.histogram(rest, bins=bins, range=(low, high))
    return Histogram(
        edges=edges,
        counts=counts,
        zeros=finite.size - rest.size,
        nonfinite=values.size - finite.size,
        lowest=float(finite.min()) if finite.size else None,
        highest=float(finite.max()) if finite.size else None,
    )


@contextmanager
def unwatched(model: nn.Sequential) -> Iterator[None]:
    """Take the statistics off the layers for the time of the block: the probe is no part of any phase."""
    kept = [(layer.stats, layer.grad_stats) for layer in model.layers]
    try:
        for layer in model.layers:
            layer.stats = layer.grad_stats = None
        yield
    finally:
        for layer, (stats, grad_stats) in zip(model.layers, kept, strict=True):
            layer.stats, layer.grad_stats = stats, grad_stats
