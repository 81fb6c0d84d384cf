"""Another activation for a layer, and what that does to the output."""

import copy

import numpy as np
import pytest
from revive_networks import PlainDense, PlainNetwork, inputs, network

import relu_fast as rf
from relu_fast import nn, revive


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_record_has_the_change_of_the_output_and_the_units_that_never_fired(dtype):
    model, (x, _) = network(dtype=dtype), inputs()
    before = model.predict(x)
    revival = revive.swap_activation(model, "first", "leaky_relu", x=x, negative_slope=0.01, step=2)
    layer = model.layers[0]
    assert (layer.activation, layer.activation_params) == ("leaky_relu", {"negative_slope": 0.01})
    assert revival.units == (1, 3)
    assert [seen.state for seen in revival.before + revival.after] == ["dead"] * 2 + ["unfired"] * 2
    assert revival.change == np.abs(model.predict(x).astype(float) - before).max() > 0
    assert "relu became leaky_relu(negative_slope=0.01)" in str(revival)


def test_a_unit_without_gate_took_where_it_learns():
    model, (x, y) = network(dead=((1, 3), ())), inputs()
    revival = revive.swap_activation(model, "first", "leaky_relu", x=x)
    (report,) = revive.follow_up(model, [revival], x=x, y=y, loss="binary_crossentropy")
    assert (report.fires, report.learns, report.took) == ((), (1, 3), (1, 3))
    (report,) = revive.follow_up(model, [revival], x=x)
    assert report.took == ()


def test_the_layer_trains_as_one_that_was_made_with_the_activation():
    (x, y), models = inputs(), [network(save="mask"), network("elu")]
    for name in ("first", "second"):
        revive.swap_activation(models[0], name, "elu", x=x)
    for model in models:
        model.fit(x, y, epochs=3)
    np.testing.assert_array_equal(*(model.parameters for model in models))


def test_the_last_layer_and_a_layer_before_anything_can_be_swapped_without_an_optimizer():
    x, y = inputs()
    model = nn.Sequential([nn.Dense(4, "relu"), nn.BatchNorm(), nn.Dense(1, "relu")]).build(5)
    revive.swap_activation(model, "dense_1", "gelu", x=x)
    revive.swap_activation(model, "dense_2", "softplus", x=x)
    model.fit(x, y, epochs=1, loss="mean_squared_error")
    before = repr(model)
    with pytest.raises(ValueError, match=r"'batchnorm_1' \(BatchNorm\) reads them, expected a dense layer"):
        revive.swap_activation(model, "dense_1", "relu", x=x, optimizer=nn.Adam())
    assert repr(model) == before


@pytest.mark.parametrize(
    ("activation", "params", "error", "message"),
    [
        ("leaky", {}, ValueError, "unknown activation 'leaky'; choose from relu, "),
        ("elu", {"slope": 0.1}, TypeError, "elu got the parameter 'slope', its parameters are: alpha"),
        ("elu", {"alpha": np.nan}, ValueError, "elu got NaN in the parameter 'alpha'"),
    ],
)
def test_an_activation_that_does_not_fit_changes_nothing(activation, params, error, message):
    model, (x, _) = network(), inputs()
    before = repr(model)
    with pytest.raises(error, match=message):
        revive.swap_activation(model, "first", activation, x=x, **params)
    assert repr(model) == before


def test_a_layer_that_a_monitor_watches_is_refused():
    model, (x, _) = network(), inputs()
    monitor = rf.DeadUnitMonitor()
    monitor.on_train_begin(model)
    with pytest.raises(
        ValueError, match="of 'first' while a monitor counts its relu: swap between two calls"
    ):
        revive.swap_activation(model, "first", "elu", x=x)
    monitor.on_train_end(model)
    revive.swap_activation(model, "first", "elu", x=x)


def test_a_layer_that_cannot_change_is_named():
    x, _ = inputs()
    model = PlainNetwork(PlainDense("a", np.ones((5, 2)), np.zeros(2)))
    before = copy.deepcopy(vars(model.layers[0]))
    with pytest.raises(TypeError, match="of 'a': PlainDense has no set_activation"):
        revive.swap_activation(model, "a", "elu", x=x)
    assert vars(model.layers[0]).keys() == before.keys()
