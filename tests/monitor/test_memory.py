"""How much memory a history takes, all included."""

import gc
import tracemalloc

import numpy as np
import pytest
from monitored import passed

import relu_fast as rf
from relu_fast import nn

LIMIT = 100
"""Bytes per unit and snapshot."""


def grown(window, steps=6):
    """Bytes that a window leaves behind, on average over those after the first two."""
    sizes = []
    tracemalloc.start()
    try:
        for step in range(steps):
            window(step)
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    return (sizes[-1] - sizes[1]) / (steps - 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whatever_is_observed_by_hand_takes_at_most_100_bytes_per_unit_and_snapshot(dtype):
    units, rng = 20000, np.random.default_rng(0)
    z = rng.normal(size=(7, units)).astype(dtype)
    z[rng.random(z.shape) < 0.3] = np.nan
    monitor = rf.DeadUnitMonitor()

    def window(step):
        weights = rng.normal(size=(3, units)).astype(dtype)
        monitor.observe("fc1", z, activation="relu6")
        monitor.observe_grad("fc1", z)
        monitor.observe_weights("fc1", weights, weights[0])
        monitor.observe_weights("fc1", 2 * weights, weights[0])
        passed(monitor, z, activation="relu6")
        monitor.observe_training("fc1", first_moments=[weights * (rng.random(units) < 0.5)])
        monitor.observe_bounds("fc1", weights[0] - 1, weights[0], box="all")
        monitor.snapshot(step)

    assert 0 < grown(window) / units <= LIMIT


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "hidden",
    [
        lambda: [nn.Dense(64, "relu")],
        lambda: [nn.Dense(64), nn.BatchNorm(), nn.PReLU()],
        lambda: [nn.Dense(64), nn.BatchNorm(), nn.Activation("relu6")],
    ],
    ids=["relu", "batchnorm, prelu", "batchnorm, relu6"],
)
def test_the_history_of_a_small_network_takes_at_most_100_bytes_per_unit_and_epoch(hidden, dtype):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1.0, 0.0, (320, 4)), rng.random(320) < 0.5
    model = nn.Sequential([*hidden(), *hidden(), *hidden(), nn.Dense(1, "sigmoid")]).build(4, dtype=dtype)
    monitor, sizes = rf.DeadUnitMonitor(), []

    class Measure(nn.Callback):
        def on_epoch_end(self, model, epoch, logs):
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    try:
        model.fit(x, y, epochs=8, validation_data=(x, y), callbacks=[monitor, Measure()], progress=False)
    finally:
        tracemalloc.stop()
    units = sum(layer.units for layer in monitor.report().layers.values())
    assert units == 193
    assert 0 < (sizes[-1] - sizes[1]) / (len(sizes) - 2) / units <= LIMIT


def test_slopes_that_stand_still_are_kept_once():
    monitor, slopes = rf.DeadUnitMonitor(), np.array([0.0, 0.1])
    points = []
    for step in range(2):
        passed(monitor, np.ones((1, 2)), activation="leaky_relu", negative_slope=slopes.copy())
        points.append(monitor.snapshot(step).layers["fc1"])
    assert points[0].params["negative_slope"] is points[1].params["negative_slope"]
    assert points[0].gate is points[1].gate


def test_weights_are_kept_once():
    monitor = rf.DeadUnitMonitor()
    weights = np.ones((1000, 100))

    def window(step):
        for _ in range(3):
            monitor.observe_weights("fc1", weights * step)
        passed(monitor, np.ones((1, 100)))
        monitor.snapshot(step)

    assert grown(window) < weights.nbytes / 10
