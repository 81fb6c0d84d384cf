"""Activations that stand alone, and the one that learns its slope."""

import copy
import pickle

import numpy as np
import pytest
from nn.differences import central_difference

import relu_fast as rf
from relu_fast import nn

ACTIVATIONS = [(name, {"weight": 0.1} if name == "prelu" else {}) for name in rf.ACTIVATIONS]
ACTIVATIONS += [
    ("leaky_relu", {"negative_slope": np.array([0.1, -0.5])}),
    ("hardtanh", {"min_val": -0.25, "max_val": 0.5}),
]

# What PyTorch 2.13 finds in float64 for the mean squared error: loss, gradients of input and weight.
X = np.array([[0.5, -1.25], [2.0, 0.75], [-0.3, -0.6]])
TARGET = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.25]])
PRELU = [
    (
        False,
        [0.1, 0.5],
        0.8394208333333334,
        [
            [0.16666666666666666, -0.2708333333333333],
            [0.3333333333333333, 0.25],
            [-0.017666666666666667, -0.09166666666666667],
        ],
        [0.053, 0.7870833333333332],
    ),
    (
        True,
        [0.1],
        0.5758541666666667,
        [
            [0.16666666666666666, -0.037500000000000006],
            [0.3333333333333333, 0.25],
            [-0.017666666666666667, -0.010333333333333333],
        ],
        [0.58375],
    ),
]


def built(layer: nn.Layer, features: int = 2, dtype: type = np.float64) -> nn.Layer:
    nn.Sequential([layer]).build(features, dtype=dtype)
    return layer


@pytest.mark.parametrize(("activation", "params"), ACTIVATIONS, ids=str)
def test_an_activation_is_that_of_the_fused_pass_and_its_gradient_the_derivative(activation, params):
    rng = np.random.default_rng(0)
    layer = built(nn.Activation(activation, **params))
    x, direction = rng.normal(size=(7, 2)), rng.normal(size=(7, 2))
    y = layer.forward(x)
    np.testing.assert_array_equal(y, rf.fused.forward(x, activation, **params))

    def value() -> float:
        return float((layer.forward(x) * direction).sum())

    found = layer.backward(direction.copy(), x, y)
    np.testing.assert_allclose(found, central_difference(value, x), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("activation", "params"),
    [(name, {}) for name, row in rf.ACTIVATIONS.items() if row.mask]
    + [("leaky_relu", {"negative_slope": np.linspace(0.1, 0.9, 9)})],
    ids=str,
)
def test_whatever_is_saved_trains_to_the_same_bits_as_dense_with_that_activation(activation, params, dtype):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(70, 5)), rng.integers(0, 2, (70, 1))
    trained = []
    saves = ["pre_activation", "mask"] + (["output"] if rf.ACTIVATIONS[activation].from_y else [])
    for save in (None, *saves):
        hidden = (
            [nn.Dense(9, activation, **params)]
            if save is None
            else [nn.Dense(9), nn.Activation(activation, save=save, **params)]
        )
        layers = [*hidden, nn.Dense(1, "sigmoid")]
        model = nn.Sequential(layers).build(5, dtype=dtype)
        # With another layer in the model, later ones draw from another stream.
        model.parameters[...] = np.random.default_rng(1).normal(size=model.parameters.shape)
        watched = hidden[-1]
        watched.stats, watched.grad_stats = rf.UnitStats(9), rf.GradStats(9)
        model.fit(x, y, epochs=3, batch_size=32)
        trained.append((model.parameters, watched.stats, watched.grad_stats))
    for parameters, stats, grad_stats in trained[1:]:
        np.testing.assert_array_equal(parameters, trained[0][0])
        assert (stats, grad_stats) == trained[0][1:]


def test_a_mask_grows_with_the_batch_and_copies_do_not_carry_it():
    layer = nn.Activation("relu", save="mask")
    model = nn.Sequential([layer]).build(8)
    assert layer.saved is None
    for rows in (16, 8, 32):
        model(np.ones((rows, 8)))
        assert layer.saved.nbytes == rows
    assert copy.deepcopy(model).layers[0].saved is None
    assert nn.Activation("relu").saved is None


@pytest.mark.parametrize("shared_weight_loss", PRELU, ids=["per unit", "shared"])
def test_prelu_agrees_with_pytorch(shared_weight_loss):
    shared, weight, loss, x_gradient, weight_gradient = shared_weight_loss
    layer = built(nn.PReLU(shared=shared))
    layer.weight[...] = weight
    y = layer.forward(X)
    value, g = nn.losses.mean_squared_error.batch_value_and_gradient(y, TARGET)
    assert value == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(layer.backward(g, X, y), x_gradient, rtol=1e-13)
    np.testing.assert_allclose(layer.weight_gradient, weight_gradient, rtol=1e-13)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("units", [1, 3])
def test_gradients_of_prelu_are_derivatives(shared, units):
    rng = np.random.default_rng(units)
    layer = built(nn.PReLU(shared=shared, initial=-0.3), units)
    layer.weight[...] += rng.normal(size=layer.weight.shape)
    x, direction = rng.normal(size=(7, units)), rng.normal(size=(7, units))

    def value() -> float:
        return float((layer.forward(x) * direction).sum())

    gradient = layer.backward(direction.copy(), x, layer.forward(x))
    np.testing.assert_allclose(gradient, central_difference(value, x), rtol=1e-7, atol=1e-9)
    weights = central_difference(value, layer.weight)
    np.testing.assert_allclose(layer.weight_gradient, weights, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("shared", "shape"), [(False, (4,)), (True, (1,))])
def test_the_slopes_are_in_the_models_vector_and_start_where_they_are_told_to(shared, shape):
    layer = nn.PReLU(shared=shared, initial=0.125)
    model = nn.Sequential([layer]).build(4)
    assert layer.weight.shape == layer.weight_gradient.shape == shape
    np.testing.assert_array_equal(model.parameters, np.full(shape, 0.125, np.float32))
    layer.weight[...] = 2.0
    np.testing.assert_array_equal(model.parameters, 2.0)
    assert (built(nn.PReLU()).weight == 0.25).all()


@pytest.mark.parametrize("shared", [False, True])
def test_slopes_are_learned(shared):
    x = np.linspace(-1, 1, 40).reshape(-1, 2)
    layer = nn.PReLU(shared=shared)
    nn.Sequential([layer]).fit(
        x,
        np.where(x > 0, x, -0.5 * x),
        epochs=200,
        loss="mean_squared_error",
        optimizer=nn.SGD(learning_rate=0.5),
    )
    np.testing.assert_allclose(layer.weight, -0.5, atol=1e-3)


def watched_model() -> nn.Sequential:
    layers = [
        nn.Dense(6, name="linear"),
        nn.BatchNorm(name="normal"),
        nn.Activation("relu", name="act"),
        nn.Dense(5, name="linear_2"),
        nn.PReLU(name="slopes"),
        nn.Dense(4, name="linear_3"),
        nn.PReLU(shared=True, name="slope"),
        nn.Dense(1, "sigmoid", name="out"),
    ]
    return nn.Sequential(layers).build(3)


def test_monitors_watch_activations_as_they_watch_dense():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 3)), rng.integers(0, 2, 100)
    model, monitor = watched_model(), rf.DeadUnitMonitor()
    normal = model.layers[1]
    normal.gamma[:2], normal.beta[:2] = 0.0, -1.0
    model.fit(
        x, y, epochs=2, validation_data=(x, y), callbacks=[monitor], optimizer=nn.SGD(learning_rate=1e-9)
    )
    report = monitor.report()
    assert list(report.layers) == ["act", "slopes", "slope", "out"]
    act = report.layers["act"]
    assert act.states[:2].tolist() == ["dead", "dead"]
    assert act.dead == 2
    assert act.gradient.nonzero[:2].tolist() == [0, 0]
    assert (act.gradient.nonzero[2:] > 0).all()
    assert report.layers["slopes"].params["weight"].shape == (5,)
    assert report.layers["slopes"].dead == report.layers["slope"].dead == 0
    assert all(layer.stats is None and layer.grad_stats is None for layer in model.layers)


def test_what_a_monitor_counts_is_what_the_arrays_say():
    model = watched_model()
    for layer in model.layers:
        if layer.activation is not None:
            layer.stats = rf.UnitStats(layer.units)
    x = np.random.default_rng(0).normal(size=(50, 3))
    model.predict(x, batch_size=20)
    arrays = [x.astype(np.float32)]
    for layer in copy.deepcopy(model).layers:
        arrays.append(layer.forward(arrays[-1]))
    for i, layer in enumerate(model.layers):
        if isinstance(layer, (nn.Activation, nn.PReLU)):
            np.testing.assert_array_equal(layer.stats.active, (arrays[i] > 0).sum(axis=0))
            np.testing.assert_array_equal(layer.stats.examples, 50)


def test_a_prelu_whose_slope_is_zero_can_be_dead():
    layer = nn.PReLU(name="slopes")
    model, monitor = nn.Sequential([layer]).build(2), rf.DeadUnitMonitor()
    layer.weight[0] = 0.0
    x = -np.ones((4, 2))
    # Nothing to learn: a slope of 0 would get a gradient.
    model.fit(x, model(x), epochs=1, loss="mean_squared_error", validation_data=(x, x), callbacks=[monitor])
    assert monitor.report().layers["slopes"].states.tolist() == ["dead", "unfired"]


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_have_slopes_of_their_own(clone):
    model = watched_model()
    copied = clone(model)
    copied.layers[4].weight[...] = 3.0
    assert (model.layers[4].weight == 0.25).all()
    assert (copied.parameters == 3.0).sum() == 5


@pytest.mark.parametrize(
    "layer",
    [
        nn.Activation("relu"),
        nn.Activation("leaky_relu", negative_slope=0.2, save="mask", name="act"),
        nn.PReLU(),
        nn.PReLU(shared=True, initial=0.5, name="slope"),
        nn.BatchNorm(),
        nn.BatchNorm(momentum=0.5, epsilon=1e-5, name="normal"),
    ],
)
def test_repr_makes_the_layer_again(layer):
    assert repr(eval(repr(layer), vars(nn))) == repr(layer)


def test_their_stages_name_the_activation_and_show_the_parameters_of_the_moment():
    (stage,) = nn.Activation("leaky_relu", negative_slope=0.2).stages()
    assert (stage.name, stage.params) == ("leaky_relu", {"negative_slope": 0.2})
    for shared in (False, True):
        layer = built(nn.PReLU(shared=shared))
        layer.weight[...] = 0.5
        (stage,) = layer.stages()
        assert stage.name == "prelu"
        np.testing.assert_array_equal(stage.params["weight"], 0.5)


def test_layers_know_their_units_once_they_are_built():
    model = watched_model()
    assert [layer.units for layer in model.layers] == [6, 6, 6, 5, 5, 4, 4, 1]
    assert nn.Activation("relu").units is None
    assert nn.PReLU().units is None


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.Activation("rleu"), ValueError, "unknown activation 'rleu'; choose from relu, relu6"),
        (lambda: nn.Activation(None), TypeError, "activation is None, expected a name: leave the layer out"),
        (lambda: nn.Activation("relu", alpha=1.0), TypeError, "relu got the parameter 'alpha'"),
        (lambda: nn.Activation("prelu"), TypeError, "weight"),
        (lambda: nn.Activation("elu", save="mask"), ValueError, "elu cannot do with a mask"),
        (lambda: nn.Activation("gelu", save="output"), ValueError, "gelu cannot take y="),
        (lambda: nn.Activation("relu", save="bits"), ValueError, "save is 'bits', expected one of"),
        (lambda: nn.Activation("elu", alpha=np.nan), ValueError, "elu got NaN in the parameter 'alpha'"),
        (
            lambda: nn.Sequential([nn.Activation("elu", alpha=[1.0, 2.0])]).build(3),
            ValueError,
            r"activation_1 has shape \(2,\) in the parameter 'alpha' of elu, expected a number or \(3,\)",
        ),
        (
            lambda: nn.Activation("hardtanh", min_val=[-1.0, -2.0], max_val=[1.0, 2.0, 3.0]),
            ValueError,
            r"hardtanh got shape \(2,\) in the parameter 'min_val'",
        ),
        (lambda: nn.PReLU(initial=np.inf), ValueError, "initial is inf, expected a finite number"),
        (lambda: nn.PReLU(initial="0.25"), TypeError, "initial is '0.25', expected a finite number"),
        (lambda: nn.PReLU(shared=1), TypeError, "shared is 1, expected True or False"),
        (lambda: nn.PReLU().weight, RuntimeError, "this layer has no parameters yet"),
        (lambda: nn.PReLU(name="p").activation_params, RuntimeError, "p has no parameters yet"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(make, error, message):
    with pytest.raises(error, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
