import itertools
import math

import numpy as np
import pytest

from relu_fast import nn
from relu_fast.lab.small_networks import (
    HIGH,
    INITIALIZATIONS,
    LABELS,
    LOW,
    SmallNetworks,
    first_silent_layers,
    silent_layer,
    stream,
)
from relu_fast.nn.initializers import RAI


def drawn(initialization, count, width, depth, *, dtype=np.float64, seed=0):
    return SmallNetworks(count, width, depth, dtype).initialize(INITIALIZATIONS[initialization], stream(seed))


def one_by_one(networks, x):
    """The same networks in plain NumPy: pre-activations of every layer for each network."""
    result = []
    for i in range(networks.count):
        h, zs = x[np.newaxis], []
        for layer in networks.layers:
            zs.append(layer.weights[i] @ h + layer.biases[i][:, np.newaxis])
            h = np.maximum(zs[-1], 0)
        result.append(zs)
    return result


@pytest.mark.parametrize("initialization", INITIALIZATIONS)
@pytest.mark.parametrize(("count", "width", "depth"), [(1, 1, 2), (7, 3, 4), (5, 2, 10), (3, 17, 3)])
def test_forward_gives_what_each_network_gives_alone(initialization, count, width, depth):
    networks = drawn(initialization, count, width, depth)
    x = np.linspace(-2, 2, 9)
    stats = networks.new_stats()
    outputs = networks.forward(x[np.newaxis], stats)[-1]
    alone = one_by_one(networks, x)
    np.testing.assert_allclose(outputs[:, 0], [zs[-1][0] for zs in alone], rtol=1e-12, atol=1e-14)
    silent = [[(z <= 0).all() for z in zs[:-1]] for zs in alone]
    np.testing.assert_array_equal(networks.silent(stats), np.transpose(silent))


def test_gradients_are_those_of_a_model_that_stands_alone():
    count, width, depth = 4, 3, 4
    networks = drawn("rai", count, width, depth)
    x = stream(1).uniform(LOW, HIGH, (count, 20))
    entering = networks.forward(x)
    error = entering[-1] - np.abs(x)[:, np.newaxis]
    networks.backward(entering, error * 2 / 20)
    for i in range(count):
        model = nn.Sequential([*(nn.Dense(width, "relu") for _ in range(depth - 1)), nn.Dense(1)])
        model.build(1, dtype=np.float64)
        for dense, layer in zip(model.layers, networks.layers, strict=True):
            dense.kernel[...], dense.bias[...] = layer.weights[i].T, layer.biases[i]
        rows = x[i][:, np.newaxis]
        model.loss_and_gradients(rows, np.abs(rows), "mean_squared_error")
        for dense, layer in zip(model.layers, networks.layers, strict=True):
            np.testing.assert_allclose(
                layer.weight_gradients[i].T, dense.kernel_gradient, rtol=1e-9, atol=1e-13
            )
            np.testing.assert_allclose(layer.bias_gradients[i], dense.bias_gradient, rtol=1e-9, atol=1e-13)


def test_he_has_variance_2_over_fan_in_and_no_bias():
    networks = drawn("he", 5000, 4, 3)
    for layer, features in zip(networks.layers, (1, 4, 4), strict=True):
        assert layer.weights.var() == pytest.approx(2 / features, rel=0.06)
        assert not layer.biases.any()


def test_rai_replaces_one_entry_of_each_unit_by_a_positive_one():
    networks = drawn("rai", 4000, 3, 4)
    generator = stream(0)
    for layer, (features, units) in zip(networks.layers, [(1, 3), (3, 3), (3, 3), (3, 1)], strict=True):
        # The same draws, unit by unit.
        columns = RAI()((features + 1, 4000 * units), generator).T.reshape(4000, units, features + 1)
        np.testing.assert_array_equal(layer.weights, columns[:, :, :-1])
        np.testing.assert_array_equal(layer.biases, columns[:, :, -1])


def test_every_initialization_has_a_label():
    assert set(LABELS) == set(INITIALIZATIONS)


def test_streams_differ_by_every_part_of_their_key():
    keys = [(), (0,), (1,), ("a",), ("b",), ("a", 0), ("a", 1), (0, "a")]
    drawn = [stream(seed, *key).integers(2**62) for seed in (0, 1) for key in keys]
    assert len(set(drawn)) == len(drawn)
    assert stream(3, "a", 2).integers(2**62) == stream(3, "a", 2).integers(2**62)


# Silent layers

BUMP = [
    # Two units, kinked at 0.3 and 0.31, and one that fires between 0.29 and 0.32 only: a tent.
    (np.array([[1.0], [1.0], [1.0]]), np.array([-0.29, -0.3, -0.31])),
    (np.array([[1.0, -1.0, -2.0]]), np.array([-0.005])),
]


def test_a_bump_between_the_inputs_is_found():
    x = np.linspace(LOW, HIGH, 33)
    h = np.maximum(BUMP[0][0] @ x[np.newaxis] + BUMP[0][1][:, np.newaxis], 0)
    assert (BUMP[1][0] @ h + BUMP[1][1] <= 0).all()
    assert silent_layer(iter(BUMP), LOW, HIGH) == 2
    assert silent_layer(iter(BUMP), LOW, 0.294) == 1
    assert silent_layer(iter(BUMP), LOW, 0.29) == 0


def test_networks_that_only_seem_silent_are_not_counted():
    networks = SmallNetworks(2, 3, 3)
    for i, bias in enumerate((-0.005, -0.5)):
        first, second, _ = networks.layers
        first.weights[i], first.biases[i] = BUMP[0]
        second.weights[i], second.biases[i] = np.repeat(BUMP[1][0], 3, axis=0), bias
    np.testing.assert_array_equal(first_silent_layers(networks), [2, 1])


def on_a_fine_grid(networks):
    return [
        next((k for k, z in enumerate(zs[:-1]) if (z <= 0).all()), networks.depth - 1)
        for zs in one_by_one(networks, np.linspace(LOW, HIGH, 20_001))
    ]


@pytest.mark.parametrize("initialization", INITIALIZATIONS)
def test_silent_layers_are_those_of_a_fine_grid(initialization):
    networks = drawn(initialization, 60, 2, 8, seed=5)
    found = first_silent_layers(networks)
    assert len(set(found)) > 2
    np.testing.assert_array_equal(found, on_a_fine_grid(networks))


def test_without_biases_the_two_ends_tell_what_the_breakpoints_tell():
    networks = drawn("he", 300, 3, 9)
    exact = [
        silent_layer(((layer.weights[i], layer.biases[i]) for layer in networks.layers[:-1]), LOW, HIGH)
        for i in range(300)
    ]
    np.testing.assert_array_equal(first_silent_layers(networks), exact)


@pytest.mark.parametrize("initialization", INITIALIZATIONS)
def test_a_network_is_constant_exactly_if_a_layer_is_silent(initialization):
    networks = drawn(initialization, 200, 2, 6)
    silent = first_silent_layers(networks) < 5
    assert 0 < silent.sum() < 200
    outputs = networks.forward(np.linspace(LOW, HIGH, 2001)[np.newaxis])[-1][:, 0]
    # The last bit may depend on the column.
    np.testing.assert_array_equal(np.ptp(outputs, axis=1) < 1e-15, silent)


def test_nothing_depends_on_the_networks_beside_it():
    networks = drawn("rai", 40, 2, 6)
    together = first_silent_layers(networks)
    for i in range(40):
        alone = SmallNetworks(1, 2, 6)
        for own, layer in zip(alone.layers, networks.layers, strict=True):
            own.weights[0], own.biases[0] = layer.weights[i], layer.biases[i]
        assert first_silent_layers(alone) == together[i]


def test_parameters_are_all_in_one_vector():
    networks = SmallNetworks(3, 2, 4)
    assert networks.parameters.size == 3 * (2 + 2 + 2 * (4 + 2) + 2 + 1)
    networks.parameters[:] = np.arange(networks.parameters.size)
    seen = list(
        itertools.chain(*((layer.weights.ravel(), layer.biases.ravel()) for layer in networks.layers))
    )
    np.testing.assert_array_equal(np.concatenate(seen), networks.parameters)
    assert math.isclose(HIGH**2, 3)
