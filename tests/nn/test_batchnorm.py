import copy
import pickle

import numpy as np
import pytest
from nn.differences import central_difference

from relu_fast import nn

# What PyTorch 2.13 finds in float64 for BatchNorm1d(2, eps=0.01, momentum=0.2) and the mean squared error.
X = np.array([[0.5, -1.25], [2.0, 0.75], [-0.3, -0.6]])
TARGET = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.25]])
GAMMA, BETA = np.array([1.5, -0.5]), np.array([0.1, 0.4])
TRAINING = {
    "loss": 0.9114646911069711,
    "x": [
        [0.22561544493135877, 0.036144035219537074],
        [-0.06979567882153578, 0.01802760043470405],
        [-0.1558197661098229, -0.05417163565424112],
    ],
    "gamma": [1.2228753837143578, -0.11876543983219846],
    "beta": [-0.4000000000000002, -0.01666666666666669],
    "mean": [0.1466666666666667, -0.07333333333333335],
    # PyTorch averages the unbiased variance, 3/2 of that of the batch; Keras and this layer the biased one.
    "variance": 0.8 + (np.array([1.0726666666666667, 1.0081666666666667]) - 0.8) * 2 / 3,
}
MEAN, VARIANCE = np.array([0.2, -0.5]), np.array([2.0, 0.25])
EVALUATION = {
    "y": [
        [0.41740552713636925, 1.13543550676819],
        [2.0044331628182155, -0.8257258446136502],
        [-0.4290092118939488, 0.498058067569092],
    ],
    "loss": 0.46797837004656745,
    "x": [
        [0.14720757930039263, -0.044268480246431326],
        [0.354236263908407, 0.2698969355489029],
        [-0.3276362873508242, -0.08108031583582805],
    ],
    "gamma": [0.5637371283337749, -0.7573611224090699],
    "beta": [0.16427649268687866, -0.1474107567587894],
}


def built(layer: nn.BatchNorm, features: int = 2, dtype: type = np.float64) -> nn.BatchNorm:
    nn.Sequential([layer]).build(features, dtype=dtype)
    return layer


def layer_of_the_tables() -> nn.BatchNorm:
    layer = built(nn.BatchNorm(momentum=0.8, epsilon=0.01))
    layer.gamma[...], layer.beta[...] = GAMMA, BETA
    return layer


def test_training_agrees_with_pytorch():
    layer = layer_of_the_tables()
    y = layer.forward(X, training=True)
    value, g = nn.losses.mean_squared_error.batch_value_and_gradient(y, TARGET)
    assert value == pytest.approx(TRAINING["loss"], rel=1e-13)
    np.testing.assert_allclose(layer.backward(g, X, y), TRAINING["x"], rtol=1e-12)
    np.testing.assert_allclose(layer.gamma_gradient, TRAINING["gamma"], rtol=1e-12)
    np.testing.assert_allclose(layer.beta_gradient, TRAINING["beta"], rtol=1e-12)
    np.testing.assert_allclose(layer.moving_mean, TRAINING["mean"], rtol=1e-12)
    np.testing.assert_allclose(layer.moving_variance, TRAINING["variance"], rtol=1e-12)


def test_evaluation_agrees_with_pytorch():
    layer = layer_of_the_tables()
    layer.moving_mean[...], layer.moving_variance[...] = MEAN, VARIANCE
    y = layer.forward(X)
    np.testing.assert_allclose(y, EVALUATION["y"], rtol=1e-13)
    value, g = nn.losses.mean_squared_error.batch_value_and_gradient(y, TARGET)
    assert value == pytest.approx(EVALUATION["loss"], rel=1e-13)
    np.testing.assert_allclose(layer.backward(g, X, y), EVALUATION["x"], rtol=1e-12)
    np.testing.assert_allclose(layer.gamma_gradient, EVALUATION["gamma"], rtol=1e-12)
    np.testing.assert_allclose(layer.beta_gradient, EVALUATION["beta"], rtol=1e-12)
    np.testing.assert_array_equal(layer.moving_mean, MEAN)
    np.testing.assert_array_equal(layer.moving_variance, VARIANCE)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("rows", [2, 3, 17])
def test_gradients_are_derivatives(training, rows):
    rng = np.random.default_rng(rows)
    layer = built(nn.BatchNorm(), features=3)
    layer.gamma[...], layer.beta[...] = rng.normal(size=(2, 3))
    layer.moving_mean[...], layer.moving_variance[...] = rng.normal(size=3), rng.uniform(0.5, 2, 3)
    x, direction = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 3))

    def value() -> float:
        return float((layer.forward(x, training=training) * direction).sum())

    gradient = layer.backward(direction.copy(), x, layer.forward(x, training=training))
    for found, parameter in (
        (gradient, x),
        (layer.gamma_gradient, layer.gamma),
        (layer.beta_gradient, layer.beta),
    ):
        np.testing.assert_allclose(found, central_difference(value, parameter), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_a_network_with_batch_normalisation_are_derivatives(training):
    rng = np.random.default_rng(5)
    layers = [nn.Dense(5), nn.BatchNorm(), nn.Activation("tanh"), nn.Dense(4), nn.BatchNorm(), nn.PReLU()]
    model = nn.Sequential([*layers, nn.Dense(2)]).build(3, dtype=np.float64)
    model.parameters[...] += rng.normal(scale=0.1, size=model.parameters.shape)
    model.averages[...] = rng.uniform(0.5, 1.5, model.averages.shape)
    x, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))

    def value() -> float:
        return model.loss_and_gradients(x, y, "mean_squared_error", training=training)

    value()
    found = model.gradients.copy()
    np.testing.assert_allclose(found, central_difference(value, model.parameters), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(("dtype", "atol"), [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_a_batch_comes_out_with_mean_0_and_variance_1(dtype, atol, offset):
    x = np.random.default_rng(0).normal(offset, 3.0, (5000, 4)).astype(dtype)
    y = built(nn.BatchNorm(epsilon=1e-9), 4, dtype).forward(x, training=True)
    assert y.dtype == dtype
    np.testing.assert_allclose(y.mean(axis=0, dtype=np.float64), 0.0, atol=(1 + offset) * atol)
    np.testing.assert_allclose(y.var(axis=0, dtype=np.float64), 1.0, atol=10 * atol)


def test_averages_start_at_0_and_1_and_move_by_the_momentum():
    layer = built(nn.BatchNorm(momentum=0.75))
    np.testing.assert_array_equal([layer.moving_mean, layer.moving_variance], [[0, 0], [1, 1]])
    x = np.array([[1.0, 2.0], [3.0, 10.0]])
    for _ in range(2):
        layer.forward(x, training=True)
    np.testing.assert_allclose(layer.moving_mean, (1 - 0.75**2) * np.array([2.0, 6.0]))
    np.testing.assert_allclose(layer.moving_variance, 0.75**2 + (1 - 0.75**2) * np.array([1.0, 16.0]))


def test_what_is_asked_in_evaluation_moves_no_average():
    model = nn.Sequential([nn.Dense(3), nn.BatchNorm(), nn.Dense(1, "sigmoid")]).build(2)
    before = model.averages.copy()
    model(X)
    model.predict(X)
    model.evaluate(X, [0, 1, 1])
    model.loss_and_gradients(X, [0, 1, 1], "binary_crossentropy", training=False)
    np.testing.assert_array_equal(model.averages, before)
    model.loss_and_gradients(X, [0, 1, 1], "binary_crossentropy")
    assert (model.averages != before).all()


@pytest.mark.parametrize("rows", [0, 1])
def test_a_batch_too_small_to_vary_is_taken(rows):
    layer = built(nn.BatchNorm(momentum=0.5))
    layer.beta[...] = 7.0
    x = X[:rows]
    y = layer.forward(x, training=True)
    np.testing.assert_array_equal(y, np.full((rows, 2), 7.0))
    np.testing.assert_array_equal(layer.moving_variance, [0.5**rows, 0.5**rows])
    np.testing.assert_array_equal(layer.backward(np.ones_like(x), x, y), np.zeros((rows, 2)))


def test_its_stage_is_what_evaluation_computes():
    layer = layer_of_the_tables()
    layer.moving_mean[...], layer.moving_variance[...] = MEAN, VARIANCE
    (stage,) = layer.stages()
    np.testing.assert_array_equal(layer.forward(X), (X - stage.center) * stage.scale + stage.shift)


def test_forward_gives_a_new_array_or_fills_out_and_leaves_its_input():
    layer = layer_of_the_tables()
    x = X.copy()
    for training in (True, False):
        first, second = layer.forward(x, training=training), layer.forward(x, training=training)
        assert not np.shares_memory(first, second)
        out = np.empty_like(x)
        assert layer.forward(x, training=training, out=out) is out
        np.testing.assert_array_equal(out, first)
        np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("training", [True, False])
def test_parameter_gradients_do_not_depend_on_whether_the_input_gradient_is_wanted(training):
    layer = layer_of_the_tables()
    y = layer.forward(X, training=training)
    layer.backward(TARGET.copy(), X, y)
    expected = layer.gamma_gradient.copy(), layer.beta_gradient.copy()
    layer.backward(TARGET.copy(), X, y, input_gradient=False)
    np.testing.assert_array_equal((layer.gamma_gradient, layer.beta_gradient), expected)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_have_averages_of_their_own(clone):
    model = nn.Sequential([nn.Dense(3), nn.BatchNorm(), nn.Dense(1, "sigmoid")]).build(2)
    model.loss_and_gradients(X, [0, 1, 1], "binary_crossentropy")
    copied = clone(model)
    np.testing.assert_array_equal(copied(X), model(X))
    before = model.averages.copy()
    copied.loss_and_gradients(X, [0, 1, 1], "binary_crossentropy")
    np.testing.assert_array_equal(model.averages, before)
    np.testing.assert_array_equal(copied.layers[1].moving_mean, copied.averages[:3])
    assert (copied.averages != before).all()


def test_building_again_starts_the_averages_anew():
    model = nn.Sequential([nn.BatchNorm(), nn.Dense(1)]).build(2)
    model(X, training=True)
    model.build(2)
    np.testing.assert_array_equal(model.averages, [0, 0, 1, 1])


def test_a_network_with_batch_normalisation_learns_from_inputs_far_from_zero():
    rng = np.random.default_rng(0)
    x = rng.normal(50.0, 5.0, (1000, 4))
    y = x.sum(axis=1) > 200.0
    layers = [nn.Dense(16), nn.BatchNorm(momentum=0.9), nn.Activation("relu"), nn.Dense(1, "sigmoid")]
    history = nn.Sequential(layers).fit(x, y, epochs=20, validation_data=(x, y))
    assert history.loss[-1] < 0.2
    assert history.val_loss[-1] < 0.2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"momentum": 1.0}, ValueError, r"momentum is 1.0, expected a number in \[0, 1\)"),
        ({"momentum": -0.1}, ValueError, "momentum is -0.1"),
        ({"momentum": np.nan}, ValueError, "momentum is nan"),
        ({"momentum": "0.9"}, TypeError, "momentum is '0.9', expected a number"),
        ({"epsilon": 0.0}, ValueError, "epsilon is 0.0, expected a finite number > 0"),
        ({"epsilon": np.inf}, ValueError, "epsilon is inf"),
        ({"epsilon": None}, TypeError, "epsilon is None"),
        ({"name": ""}, TypeError, "name is ''"),
    ],
)
def test_options_out_of_range_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        nn.BatchNorm(**options)


@pytest.mark.parametrize("attribute", ["gamma", "beta", "gamma_gradient", "moving_mean", "moving_variance"])
def test_a_layer_without_model_says_that_it_has_no_parameters(attribute):
    with pytest.raises(RuntimeError, match=r"this layer has no parameters yet: call the model's build"):
        getattr(nn.BatchNorm(), attribute)
