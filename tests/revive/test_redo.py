"""ReDo: new incoming weights, no outgoing ones, and the same function where the units are dead."""

import copy

import numpy as np
import pytest
from revive_networks import DEAD, PlainDense, PlainNetwork, hidden, inputs, network

import relu_fast as rf
from relu_fast import nn, revive

UNITS = {"first": [1, 3], "second": [0, 2]}
GATED = [(name, {}) for name, row in rf.ACTIVATIONS.items() if row.gate_for() is not None]
GATED += [
    ("hardtanh", {"min_val": -0.3, "max_val": 2.0}),
    ("thresholded_relu", {"alpha": -1.5}),
    ("hardsigmoid", {"alpha": 0.2}),
    ("prelu", {"weight": 0.0}),
    ("leaky_relu", {"negative_slope": 0.0}),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("activation", "params"), GATED, ids=str)
def test_the_function_is_unchanged_on_data_where_the_units_are_dead(activation, params, dtype):
    model, (x, _) = network(activation, dtype=dtype, between=[nn.Dropout(0.3)], **params), inputs()
    before = model.predict(x)
    revivals = revive.redo(model, UNITS, x=x)
    after = model.predict(x)
    if activation == "hardtanh":  # what a dead unit puts out is not 0: it went into biases, with a rounding
        np.testing.assert_allclose(after, before, rtol=0, atol=8 * np.finfo(dtype).eps)
        assert (before != 0.5).any()
    else:
        np.testing.assert_array_equal(after, before)
    assert [revival.change for revival in revivals] == [np.abs(after - before).max()] * 2


@pytest.mark.parametrize("activation", ["relu", "hardtanh"])
def test_each_unit_has_new_incoming_weights_and_none_outgoing(activation):
    model = network(activation)
    before = copy.deepcopy(model)
    revive.redo(model, {"first": [1, 3]})
    (first, second), (old_first, old_second) = hidden(model), hidden(before)
    live = [0, 2, 4, 5, 6, 7]
    assert (first.kernel[:, [1, 3]] != old_first.kernel[:, [1, 3]]).all()
    assert (np.abs(first.bias[[1, 3]]) < 1.0).all()
    np.testing.assert_array_equal(second.kernel[[1, 3]], 0.0)
    np.testing.assert_array_equal(first.kernel[:, live], old_first.kernel[:, live])
    np.testing.assert_array_equal(first.bias[live], old_first.bias[live])
    np.testing.assert_array_equal(second.kernel[live], old_second.kernel[live])
    carried = -1.0 * old_second.kernel[[1, 3]].sum(axis=0) if activation == "hardtanh" else 0.0
    np.testing.assert_allclose(second.bias, old_second.bias + carried, rtol=1e-12)
    np.testing.assert_array_equal(model.layers[-1].kernel, before.layers[-1].kernel)


@pytest.mark.parametrize("initializer", ["he_normal", "lecun_uniform", "rai"])
def test_weights_come_from_the_initializer_of_the_layer(initializer):
    model = nn.Sequential([nn.Dense(4000, "relu", kernel_initializer=initializer), nn.Dense(1)]).build(9)
    layer = model.layers[0]
    drawn = layer.kernel.astype(float), layer.bias.astype(float)
    layer.kernel[...], layer.bias[...] = 7.0, 7.0
    revive.redo(model, {"dense_1": np.arange(4000)}, seed=5)
    for new, old in zip((layer.kernel, layer.bias), drawn, strict=True):
        assert (np.sort(new, axis=None) != np.sort(old, axis=None)).any() or not old.any()
        quantiles = [0.01, 0.25, 0.5, 0.75, 0.99]
        np.testing.assert_allclose(np.quantile(new, quantiles), np.quantile(old, quantiles), atol=0.06)


def test_an_initializer_that_looks_at_whole_columns_is_given_the_whole_layer():
    shapes = []

    def initializer(shape, generator):
        shapes.append(shape)
        return np.broadcast_to(np.arange(float(shape[1])), shape)

    layer = nn.Dense(4, "relu", kernel_initializer=initializer, bias_initializer="zeros")
    model = nn.Sequential([layer, nn.Dense(1)]).build(3)
    layer.kernel[...] = -1.0
    revive.redo(model, {"dense_1": [2]})
    assert set(shapes) == {(3, 4)}
    np.testing.assert_array_equal(layer.kernel[0], [-1.0, -1.0, 2.0, -1.0])


def test_a_network_that_is_dead_altogether_learns_again():
    model, (x, y) = network(dead=(range(8), range(6))), inputs()
    model.loss_and_gradients(x, y, "binary_crossentropy")
    assert not model.layers[0].kernel_gradient.any()
    before = model.predict(x)
    revivals = revive.redo(model, {"second": range(6), "first": range(8)}, x=x)
    np.testing.assert_array_equal(model.predict(x), before)
    optimizer = nn.Adam(learning_rate=0.01)
    for _ in range(5):
        model.loss_and_gradients(x, y, "binary_crossentropy")
        optimizer.step(model.parameters, model.gradients)
    reports = revive.follow_up(model, revivals, x=x, y=y, loss="binary_crossentropy", step=5)
    assert sum(len(report.took) for report in reports) >= 10
    assert model.evaluate(x, y) < 0.69


def test_a_dormant_unit_takes_its_part_of_the_output_with_it():
    model, (x, _) = network(), inputs()
    reference = copy.deepcopy(model)
    hidden(reference)[1].kernel[0] = 0.0
    difference = np.abs(reference.predict(x) - model.predict(x)).max()
    (revival,) = revive.redo(model, {"first": [0]}, x=x)
    assert revival.change == pytest.approx(difference)
    assert difference > 0
    assert revival.before[0].state == "alive"


def test_the_same_seed_draws_the_same_weights_whatever_else_is_revived():
    models = [network() for _ in range(4)]
    revive.redo(models[0], {"first": [1]}, seed=3)
    revive.redo(models[1], {"second": [0], "first": [1, 3]}, seed=3)
    revive.redo(models[2], {"first": [1]}, seed=(3, 1))
    revive.redo(models[3], {"first": [1]}, seed=None)
    columns = [model.layers[0].kernel[:, 1] for model in models]
    np.testing.assert_array_equal(columns[0], columns[1])
    for other in columns[2:]:
        assert (other != columns[0]).all()


def test_a_record_says_what_was_done_and_what_was_known():
    model, (x, _) = network(), inputs()
    first, second = revive.redo(model, UNITS, x=x, step=7)
    assert (first.layer, first.units, first.cure, first.step) == ("first", (1, 3), "redo", 7)
    assert [seen.state for seen in first.before] == ["dead", "dead"]
    assert [seen.unit for seen in second.before] == [0, 2]
    assert all(seen.largest < DEAD / 2 and seen.examples == len(x) for seen in first.before)
    assert all(seen.state == "alive" for seen in first.after)
    assert str(first).startswith(
        "step 7, first, units 1, 3 (2 units): incoming weights and bias drawn anew, outgoing weights set to zero; "
        "fired on 0 %, now on "
    )
    assert str(first).endswith("; the output changed by at most 0.")
    assert eval(repr(first), vars(revive) | vars(rf.verdicts)) == first


def test_without_data_nothing_is_measured_and_without_units_nothing_is_done():
    model = network()
    before = model.parameters.copy()
    assert revive.redo(model, {"first": [], "second": np.empty(0, int)}) == ()
    np.testing.assert_array_equal(model.parameters, before)
    (revival,) = revive.redo(model, {"first": 1})
    assert (revival.units, revival.before, revival.after, revival.change) == ((1,), (), (), None)


def test_looking_at_data_is_counted_nowhere():
    model, (x, y) = network(), inputs()
    stats, grad_stats = rf.UnitStats(8), rf.GradStats(8)
    model.layers[0].stats, model.layers[0].grad_stats = stats, grad_stats
    revivals = revive.redo(model, UNITS, x=x)
    revive.lift_bias(model, {"first": [0]}, x=x, rate=0.9)
    revive.follow_up(model, revivals, x=x, y=y, loss="binary_crossentropy")
    assert model.layers[0].stats is stats
    assert model.layers[0].grad_stats is grad_stats
    assert not stats.seen.any()
    assert not grad_stats.seen.any()


def test_an_activation_of_its_own_has_the_units_of_the_layer_before_it():
    x, _ = inputs()
    layers = [nn.Dense(8, name="linear"), nn.Activation("relu", name="active"), nn.Dropout(0.1), nn.Dense(2)]
    model = nn.Sequential(layers).build(5)
    model.layers[0].bias[2] = DEAD
    before = model.predict(x)
    for name in ("active", "linear"):
        (revival,) = revive.redo(model, {name: [2]}, x=x)
        assert revival.layer == name
        model.layers[0].bias[2] = DEAD
    np.testing.assert_array_equal(model.predict(x), before)
    np.testing.assert_array_equal(model.layers[3].kernel[2], 0.0)


def test_layers_need_to_follow_the_protocol_only():
    x, _ = inputs()
    rng = np.random.default_rng(0)
    model = PlainNetwork(
        PlainDense("a", rng.normal(size=(5, 3)), np.array([0.0, DEAD, 0.0])),
        PlainDense("b", rng.normal(size=(3, 2)), np.zeros(2), activation=None),
    )
    before = model.layers[1].forward(model.layers[0].forward(x))
    (revival,) = revive.redo(model, {"a": [1]}, x=x)
    np.testing.assert_array_equal(model.layers[1].forward(model.layers[0].forward(x)), before)
    assert (revival.before[0].state, revival.after[0].state) == ("dead", "alive")
    assert model.layers[0].bias[1] == 0.5


# What the optimizer knows


@pytest.mark.parametrize("optimizer", [nn.Adam(), nn.SGD(momentum=0.9)], ids=repr)
@pytest.mark.parametrize("cure", ["redo", "lift_bias", "swap_activation"])
def test_the_optimizer_forgets_the_revived_units_and_nothing_else(cure, optimizer):
    model, (x, y) = network(), inputs()
    optimizer = copy.deepcopy(optimizer)
    model.fit(x, y, epochs=40, batch_size=20, optimizer=optimizer)
    known = [moment.copy() for moment in optimizer._moments]
    if cure == "redo":
        revive.redo(model, UNITS, optimizer=optimizer)
    elif cure == "lift_bias":
        revive.lift_bias(model, UNITS, x=x, rate=0.3, optimizer=optimizer)
    else:
        for name in ("first", "second"):
            found = revive.swap_activation(model, name, "leaky_relu", x=x, optimizer=optimizer)
            assert found.units == tuple(UNITS[name])

    revived = np.zeros(len(model.parameters), bool)
    views = model._state.views(revived)
    for (kernel, bias), (above, _), units in zip(views, views[1:], UNITS.values(), strict=False):
        kernel[:, units], bias[units], above[units] = True, True, True
    assert revived.sum() == 2 * (5 + 1 + 6) + 2 * (8 + 1 + 1) - 4  # four weights are on both sides
    for moment, before in zip(optimizer._moments, known, strict=True):
        assert not moment[revived].any()
        np.testing.assert_array_equal(moment[~revived], before[~revived])


def entries_of(model, units):
    """Which parameters belong to units of the layer "first": incoming weights, biases, outgoing weights."""
    marked = np.zeros(len(model.parameters), bool)
    (kernel, bias), (above, _), _ = model._state.views(marked)
    kernel[:, units], bias[units], above[units] = True, True, True
    return marked


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_update_has_the_size_of_the_learning_rate_and_live_units_update_as_without_it(dtype):
    model, (x, y) = network(dtype=dtype), inputs()
    optimizer = nn.Adam(learning_rate=0.01)
    model.fit(x, y, epochs=100, batch_size=20, optimizer=optimizer)
    untouched, its_optimizer = copy.deepcopy((model, optimizer))
    revive.redo(model, {"first": [1, 3]}, optimizer=optimizer)

    revived = entries_of(model, [1, 3])
    gradients = np.random.default_rng(1).choice([-1e-3, 0.02, 5.0], len(revived)).astype(dtype)
    for network_, its in ((model, optimizer), (untouched, its_optimizer)):
        before = network_.parameters.copy()
        its.step(network_.parameters, gradients)
        step = network_.parameters - before
        if its is optimizer:
            np.testing.assert_allclose(step[revived], -0.01 * np.sign(gradients[revived]), rtol=0.01)
    # The weights of the live units too, so that they went the same way.
    np.testing.assert_array_equal(model.parameters[~revived], untouched.parameters[~revived])
    for moment, expected in zip(optimizer._moments, its_optimizer._moments, strict=True):
        np.testing.assert_array_equal(moment[~revived], expected[~revived])
