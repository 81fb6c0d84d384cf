from types import SimpleNamespace

import numpy as np
import pytest

from relu_fast import nn
from relu_fast.lab.sparsity import NOISE_LEVELS, measure
from relu_fast.report.sparsity import Sparsity

ROWS = np.linspace(-1, 0, 100, dtype=np.float32).reshape(-1, 1)


def steps(count=4):
    """A hidden layer whose unit i fires where x > -1 + i / count, and its output."""
    model = nn.Sequential([nn.Dense(count, "relu"), nn.Dense(1, "sigmoid")]).build(1)
    model.layers[0].kernel[...] = 1.0
    model.layers[0].bias[...] = 1.0 - np.arange(count) / count
    return model


def test_active_units_are_counted_for_each_row():
    record = measure(steps(), ROWS, {}, seed=0)
    expected = (-1 + np.arange(4) / 4 < ROWS).sum(axis=1)
    np.testing.assert_array_equal(record.active, expected)
    assert record.units == 4
    assert record.patterns == len(set(expected.tolist()))
    assert record.mean_active == expected.mean()
    assert record.quantiles == (0, 1, 2, 4, 4)


def test_multiplications_by_zero_are_those_with_what_silent_units_put_out():
    record = measure(steps(), ROWS, {}, seed=0)
    # Four with x, which is 0 in the last row, and four with the units.
    assert record.multiplications == 8
    silent = 4 * len(ROWS) - record.active.sum()
    assert record.skippable == (4 + silent) / (8 * len(ROWS))


@pytest.mark.parametrize(
    ("dead", "kept"),
    [
        ({}, 12 + 20 + 5),
        ({"dense_1": [0]}, 3 * 3 + 3 * 5 + 5),
        ({"dense_1": [1, 3], "dense_2": [0, 1, 2]}, 2 * 3 + 2 * 2 + 2),
        ({"dense_1": [0, 1, 2, 3], "dense_2": [0, 1, 2, 3, 4]}, 0),
    ],
)
def test_dead_units_take_their_row_and_their_column_with_them(dead, kept):
    model = nn.Sequential([nn.Dense(4, "relu"), nn.Dense(5, "relu"), nn.Dense(1, "sigmoid")]).build(3)
    record = measure(model, np.ones((2, 3), np.float32), dead, seed=0)
    assert record.multiplications == 37
    assert record.removable == pytest.approx(1 - kept / 37)


def test_a_layer_of_its_own_counts_for_the_weights_before_it():
    layers = [nn.Dense(4), nn.BatchNorm(), nn.Activation("relu"), nn.Dropout(0.5), nn.Dense(1, "sigmoid")]
    record = measure(
        nn.Sequential(layers).build(3), np.ones((2, 3), np.float32), {"activation_1": [2]}, seed=0
    )
    assert record.removable == pytest.approx(1 - (3 * 3 + 3) / 16)


def test_noise_switches_units_the_more_the_larger_it_is():
    noise = measure(steps(64), ROWS, {}, seed=0).noise
    assert [effect.level for effect in noise] == list(NOISE_LEVELS)
    switched = [effect.switched for effect in noise]
    overlap = [effect.overlap for effect in noise]
    assert switched[0] > 0
    assert switched == sorted(switched)
    assert overlap == sorted(overlap, reverse=True)
    # A step of x by d moves the border by 64 d units: E|d| = 0.8 sigma.
    np.testing.assert_allclose(switched[1], 0.8 * NOISE_LEVELS[1], rtol=0.3)


def test_units_that_always_fire_stay_in_the_set_whatever_the_noise():
    model = steps()
    model.layers[0].bias[...] = 100.0
    for effect in measure(model, ROWS, {}, seed=0).noise:
        assert (effect.switched, effect.overlap, effect.unchanged) == (0.0, 1.0, 1.0)


def test_where_nothing_is_active_there_is_no_overlap():
    model = steps()
    model.layers[0].bias[...] = -100.0
    record = measure(model, ROWS, {}, seed=0)
    assert record.patterns == 1
    for effect in record.noise:
        assert (effect.switched, effect.overlap, effect.unchanged) == (0.0, None, 1.0)


def test_the_gate_of_the_activation_is_the_border():
    layers = [nn.Dense(1, "thresholded_relu", alpha=0.5), nn.Dense(1, "sigmoid")]
    model = nn.Sequential(layers).build(1)
    model.layers[0].kernel[...] = 1.0
    model.layers[0].bias[...] = 1.0
    record = measure(model, ROWS, {}, seed=0)
    np.testing.assert_array_equal(record.active, (ROWS[:, 0] + 1 > 0.5))


def test_slopes_that_are_learned_may_give_some_units_a_gate():
    model = nn.Sequential([nn.Dense(2), nn.PReLU(), nn.Dense(1, "sigmoid")]).build(1)
    model.layers[0].kernel[...] = [[1.0, 1.0]]
    model.layers[0].bias[...] = 0.5
    model.layers[1].weight[...] = [0.0, -1.0]
    # The output of the second one does not tell where its input lies.
    np.testing.assert_array_equal(measure(model, ROWS, {}, seed=0).active, 2 * (ROWS[:, 0] > -0.5))


def test_a_network_of_one_unit_is_its_own_hidden_layer():
    record = measure(nn.Sequential([nn.Dense(1, "relu")]).build(1), ROWS, {"dense_1": [0]}, seed=0)
    assert (record.units, record.removable) == (1, 1.0)


def test_the_model_and_its_statistics_stay_as_they_are():
    model = steps()
    before = model.parameters.copy()
    model.layers[0].stats = stats = SimpleNamespace()
    measure(model, ROWS, {}, seed=0)
    assert model.layers[0].stats is stats
    np.testing.assert_array_equal(model.parameters, before)


def test_the_same_seed_gives_the_same_noise():
    first, same, other = (measure(steps(64), ROWS, {}, seed=seed).noise for seed in (1, 1, 2))
    assert first == same != other


def test_the_record_is_plain():
    record = Sparsity(
        units=3,
        active=np.array([1, 2, 3]),
        patterns=3,
        multiplications=9,
        skippable=0.5,
        removable=0.25,
        noise=(),
    )
    assert record.to_dict() == {
        "units": 3,
        "active_units": {
            "mean": 2.0,
            "fewest": 1,
            "percentile_5": 1,
            "median": 2,
            "percentile_95": 3,
            "most": 3,
        },
        "patterns": 3,
        "multiplications": 9,
        "skippable": 0.5,
        "removable": 0.25,
        "noise": [],
    }
