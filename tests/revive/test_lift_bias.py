"""A bias that is just high enough for a stated firing rate."""

import math

import numpy as np
import pytest
from revive_networks import DEAD, hidden, inputs, network

import relu_fast as rf
from relu_fast import nn, revive

ACTIVATIONS = [
    ("relu", {}),
    ("thresholded_relu", {"alpha": 1.0}),
    ("thresholded_relu", {"alpha": 100.1}),
    ("hardtanh", {"min_val": -0.3, "max_val": 2.0}),
    ("hardswish", {}),
    ("leaky_relu", {}),  # no gate: fires above 0
]


def fired(model, name, x):
    """How often each unit of a layer fires in the pass that `fit` makes over validation data."""
    (layer,) = [layer for layer in model.layers if layer.name == name]
    layer.stats = rf.UnitStats(layer.units)
    model.evaluate(x, np.zeros(len(x)))
    active, layer.stats = layer.stats.active, None
    return active


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [1e-9, 0.07, 0.5, 1.0])
@pytest.mark.parametrize(("activation", "params"), ACTIVATIONS, ids=str)
def test_units_fire_as_often_as_stated_and_a_lower_bias_is_not_enough(activation, params, rate, dtype):
    model, (x, _) = network(activation, dtype=dtype, **params), inputs(100)
    wanted = {1e-9: 1, 0.07: 7, 0.5: 50, 1.0: 100}[rate]
    first, second = revive.lift_bias(model, {"second": [0], "first": [1, 3]}, x=x, rate=rate)
    assert fired(model, "first", x)[[1, 3]].tolist() == [wanted, wanted]
    assert fired(model, "second", x)[0] >= wanted  # its inputs may be alike on some rows
    assert [seen.firing_rate for seen in first.after] == [wanted / 100] * 2
    for revival in (first, second):
        layer = next(layer for layer in model.layers if layer.name == revival.layer)
        units = list(revival.units)
        layer.bias[units] = np.nextafter(layer.bias[units], -np.inf)
        assert (fired(model, revival.layer, x)[units] < wanted).all()
        layer.bias[units] = np.nextafter(layer.bias[units], np.inf)


def test_a_bias_that_is_high_enough_stays():
    model, (x, _) = network(), inputs()
    before = model.parameters.copy()
    rates = fired(model, "first", x) / len(x)
    (revival,) = revive.lift_bias(model, {"first": [0]}, x=x, rate=rates[0])
    np.testing.assert_array_equal(model.parameters, before)
    assert revival.change == 0.0
    assert "bias raised by nothing" in str(revival)


def test_rows_that_are_alike_fire_together():
    model, x = network(), np.ones((40, 5))
    (revival,) = revive.lift_bias(model, {"first": [1]}, x=x, rate=0.25)
    assert revival.after[0].firing_rate == 1.0


def test_nothing_but_the_biases_changes_and_the_record_says_how_much():
    model, (x, _) = network(between=[nn.Dropout(0.5)]), inputs()
    parameters, output = model.parameters.copy(), model.predict(x)
    (revival,) = revive.lift_bias(model, {"first": [3, 1]}, x=x, rate=0.2, step=4)
    assert revival.change == np.abs(model.predict(x) - output).max() > 0
    first = hidden(model)[0]
    assert (first.bias[[1, 3]] > DEAD + 20).all()
    assert [seen.firing_rate for seen in revival.before] == [0.0, 0.0]
    assert str(revival).startswith("step 4, first, units 1, 3 (2 units): bias raised by ")
    assert "for a firing rate of 0.2; fired on 0 %, now on 20 %; the output changed by" in str(revival)
    first.bias[[1, 3]] = DEAD
    np.testing.assert_array_equal(model.parameters, parameters)


def test_a_layer_is_lifted_with_what_the_layers_before_it_give_by_then():
    model, (x, _) = network(dead=(range(8), range(6))), inputs()
    revive.lift_bias(model, {"second": range(6), "first": range(8)}, x=x, rate=0.3)
    wanted = math.ceil(0.3 * len(x))
    assert fired(model, "first", x).tolist() == [wanted] * 8
    assert (fired(model, "second", x) >= wanted).all()


def test_the_last_layer_can_be_lifted():
    x, _ = inputs()
    model = nn.Sequential([nn.Dense(1, "relu")]).build(5)
    model.layers[0].bias[0] = DEAD
    (revival,) = revive.lift_bias(model, {"dense_1": [0]}, x=x, rate=0.5)
    assert revival.after[0].firing_rate == 0.5


def test_bisection_ends_next_to_zero_and_far_from_it():
    model = nn.Sequential([nn.Dense(1, "relu")]).build(1)
    layer = model.layers[0]
    for weight in (1e-38, 0.0, 1.0, 1e30, -3e38):
        layer.kernel[...], layer.bias[...] = weight, -3e38
        revive.lift_bias(model, {"dense_1": [0]}, x=[[1.0]], rate=1.0)
        assert layer.forward(np.ones((1, 1), np.float32))[0, 0] > 0
        layer.bias[...] = np.nextafter(layer.bias, np.float32(-np.inf))
        assert layer.forward(np.ones((1, 1), np.float32))[0, 0] == 0


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.01, math.nan, math.inf])
def test_a_rate_out_of_its_range_is_refused(rate):
    model, (x, _) = network(), inputs()
    with pytest.raises(ValueError, match=r"rate is .*, expected a number in \(0, 1\]"):
        revive.lift_bias(model, {"first": [1]}, x=x, rate=rate)
    with pytest.raises(TypeError, match=r"rate is '0.1', expected a number"):
        revive.lift_bias(model, {"first": [1]}, x=x, rate="0.1")


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["kernel", "bias"])
def test_units_whose_pre_activations_are_not_finite_are_refused_and_nothing_is_changed(where, value):
    model, (x, _) = network(), inputs()
    second = hidden(model)[1]
    getattr(second, where)[..., 2] = value
    before = model.parameters.copy()
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ValueError, match="bias of unit 2 of 'second': its pre-activations are NaN"),
    ):
        revive.lift_bias(model, {"first": [1], "second": [0, 2]}, x=x, rate=0.1)
    np.testing.assert_array_equal(model.parameters, before)
