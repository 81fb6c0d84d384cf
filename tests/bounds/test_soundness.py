"""Whole networks: exact arithmetic at corners, a million computed points, and every activation in between."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from bounds.exact_network import corners, run_exactly
from tables import ROWS_AND_PARAMS, row_id

import relu_fast as rf
from relu_fast import nn
from relu_fast.bounds import Activate, Affine, Box, Drop, Scale, prove


def affine(generator, features, units, dtype=np.float32, shift=0.0):
    weights = generator.normal(size=(features, units)) / np.sqrt(features)
    return Affine(weights.astype(dtype), (generator.normal(size=units) * 0.3 + shift).astype(dtype))


def network_of(seed, activations, dtype=np.float32, extra=()):
    """Three features, four units a layer; `extra` stages go between each affine step and its activation."""
    generator = np.random.default_rng(seed)
    widths = [3, *[4] * len(activations)]
    return {
        f"layer {i}": (affine(generator, widths[i], 4, dtype, -0.4), *extra, activation)
        for i, activation in enumerate(activations)
    }


def params_in(dtype, **params):
    return {name: np.asarray(value, dtype) for name, value in params.items()}


RATIONAL = {
    "relu": [Activate("relu")] * 3,
    "clips": [
        Activate("relu6"),
        Activate("hardtanh", params_in(np.float32, min_val=-0.3, max_val=0.7)),
        Activate("thresholded_relu", params_in(np.float32, alpha=-0.1)),
        Activate("relu"),
    ],
    "slopes": [
        Activate("leaky_relu", params_in(np.float32, negative_slope=-0.3)),
        Activate("prelu", params_in(np.float32, weight=[0.1, -0.7, 0.0, 2.0])),
        Activate("squared_relu"),
    ],
    "hardswish": [Activate("hardswish")] * 3,
}


def check_inside(found, exact):
    for name, z in exact.items():
        for value, lower, upper in zip(z, found[name].lower, found[name].upper, strict=True):
            assert Fraction(lower) <= value <= Fraction(upper), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", RATIONAL)
@pytest.mark.parametrize("normalised", [False, True])
def test_exact_pre_activations_at_corners_and_inside_lie_in_the_bounds(kind, dtype, normalised):
    generator = np.random.default_rng(5)
    scale = Scale(*(generator.normal(size=4).astype(dtype) for _ in range(3)))
    for seed in range(4):
        network = network_of(seed, RATIONAL[kind], dtype, extra=(scale,) if normalised else ())
        lower = generator.normal(size=3).astype(dtype)
        upper = lower + generator.exponential(size=3).astype(dtype)
        found = prove(network, Box(lower, upper))
        for x in corners(lower, upper):
            check_inside(found, run_exactly(network, x))
        for _ in range(8):
            check_inside(found, run_exactly(network, generator.uniform(lower, upper)))


@pytest.mark.parametrize("drop", [Drop(0.25), Drop(0.3, 0.86, -1.7580993408473766, -1.06)])
def test_every_pattern_of_dropped_values_lies_in_the_bounds_of_training(drop):
    """As trained a value is dropped or scaled up; as used it passes."""
    generator = np.random.default_rng(0)
    network = {
        "first": (affine(generator, 2, 3), Activate("relu")),
        "dropout": (drop,),
        "last": (affine(generator, 3, 2), Activate("relu")),
    }
    kept = {name: stages for name, stages in network.items() if name != "dropout"}
    used, trained = (prove(network, Box(-1, 1), dropout=dropout) for dropout in (False, True))
    outside = 0
    for x in corners([-1, -1], [1, 1]):
        check_inside(used, run_exactly(kept, x))
        for pattern in product((False, True), repeat=3):
            decisions = iter(pattern)
            exact = run_exactly(network, x, lambda: next(decisions))  # noqa: B023
            del exact["dropout"]
            check_inside(trained, exact)
            outside += any(z > Fraction(u) for z, u in zip(exact["last"], used["last"].upper, strict=True))
    # Training reaches further than evaluation: the option makes a difference.
    assert outside


def points(lower, upper, count, seed):
    """Points of the box in float32, by batches: uniform ones, corners, and corners in some features."""
    generator = np.random.default_rng(seed)
    for start in range(0, count, 50_000):
        x = generator.random((50_000, len(lower)), dtype=np.float32)
        if start % 100_000:
            ends = generator.random(x.shape, dtype=np.float32) < generator.random(
                (50_000, 1), dtype=np.float32
            )
            x = np.where(ends, np.round(x), x)
        yield np.clip(lower + x * (upper - lower), lower, upper)


def test_no_proven_unit_fires_on_a_million_points():
    generator = np.random.default_rng(1)
    model = nn.Sequential(
        [
            nn.Dense(24, "relu"),
            nn.Dense(16, "gelu"),
            nn.Dropout(0.5),
            nn.Dense(16, "hardswish"),
            nn.Dense(12, "relu6"),
            nn.Dense(8, "thresholded_relu", alpha=0.3),
        ]
    ).build(6)
    watched = {layer.name: layer for layer in model.layers if isinstance(layer, nn.Dense)}
    lower, upper = np.full(6, -1, np.float32), np.linspace(0, 2, 6, dtype=np.float32)
    for name, layer in watched.items():
        # Put the first units of each layer right below the gate, the others anywhere.
        reach = np.abs(layer.kernel).sum(axis=0)
        layer.bias[...] = (generator.uniform(-0.5, 0.5, layer.units) * reach).astype(np.float32)
        found, edge = prove(model, Box(lower, upper))[name], slice(0, layer.units // 2)
        above = found.upper - np.where(np.isnan(found.gate), 0, found.gate)
        layer.bias[edge] -= np.float32(above[edge] + 1e-5 * reach[edge])
        layer.stats = rf.UnitStats(layer.units, collect=("active", "nonfinite", "max", "min"))
    proof = prove(model, Box(lower, upper))
    for x in points(lower, upper, 1_000_000, seed=2):
        model(x)
    for name, layer in watched.items():
        found, stats = proof[name], layer.stats
        assert stats.seen[0] == 1_000_000
        gated = layer.activation != "gelu"
        assert found.proven[: layer.units // 2].all() == gated, name
        assert not found.proven.all(), name
        assert stats.active[found.proven].sum() == 0, name
        assert (found.lower <= stats.min).all(), name
        assert (stats.max <= found.upper).all(), name
    # The first layer's bounds are next to what is reached, and what fires is not proven.
    np.testing.assert_allclose(watched["dense_1"].stats.max, proof["dense_1"].upper, atol=2e-2)


@pytest.mark.parametrize(("name", "params"), ROWS_AND_PARAMS, ids=row_id)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_networks_of_every_activation_compute_lies_in_the_bounds(name, params, dtype):
    given = dict(zip(rf.ACTIVATIONS[name].params, params, strict=True))
    # The pre-activation is enough for the gradient of all of them.
    layers = [nn.Dense(units, name, save="pre_activation", **given) for units in (8, 8, 3)]
    model = nn.Sequential(layers).build(4, dtype=dtype, seed=3)
    proof = prove(model, Box(-3, 2))
    for layer in model.layers:
        layer.stats = rf.UnitStats(layer.units, collect=("active", "nonfinite", "max", "min"))
    generator = np.random.default_rng(0)
    x = generator.uniform(-3, 2, size=(4000, 4))
    x[2000:] = np.where(generator.random((2000, 4)) < 0.7, np.where(x[2000:] < 0, -3, 2), x[2000:])
    with np.errstate(all="ignore"):
        model(x)
    for layer in model.layers:
        found = proof[layer.name]
        assert (found.lower <= layer.stats.min).all()
        assert (layer.stats.max <= found.upper).all()
        assert layer.stats.active[found.proven].sum() == 0
        assert layer.stats.nonfinite[found.known].sum() == 0


def test_dead_predecessors_prove_their_successors():
    """From a layer that is exactly 0, a unit with bias 0 is exactly 0 as well."""
    first = Affine(np.full((2, 3), -1, np.float32), np.zeros(3, np.float32))
    last = Affine(np.float32([[1, -1], [5, 1], [-2, 3]]), np.zeros(2, np.float32))
    network = {"first": (first, Activate("relu")), "last": (last, Activate("relu"))}
    proof = prove(network, Box(0, 1))
    assert proof["first"].proven.all()
    assert proof["last"].proven.all()
    assert not proof["last"].upper.any()
