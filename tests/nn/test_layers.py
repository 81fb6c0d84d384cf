import copy

import numpy as np
import pytest
from nn.differences import central_difference

import relu_fast as rf
from relu_fast import nn

# Activation, its parameters, and what PyTorch 2.13 finds in float64 for one layer and the mean squared error:
# loss, gradient of the kernel, gradient of the bias.
X = np.array([[0.5, -1.25], [2.0, 0.75], [-0.3, -0.6]])
KERNEL = np.array([[0.4, -0.7], [0.9, 0.2]])
BIAS = np.array([0.1, -0.3])
TARGET = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.25]])
PYTORCH = [
    (
        None,
        {},
        1.3931583333333337,
        [[0.3518333333333334, -1.3039999999999998], [0.6995, 0.49616666666666664]],
        [-0.43666666666666665, -1.3033333333333332],
    ),
    (
        "relu",
        {},
        0.2738541666666667,
        [[0.3833333333333334, 0.0], [0.14375000000000004, 0.0]],
        [0.1916666666666667, 0.0],
    ),
    (
        "leaky_relu",
        {"negative_slope": 0.2},
        0.38435966666666666,
        [[0.3900733333333334, -0.07482666666666667], [0.18198000000000006, 0.09451333333333332]],
        [0.1398666666666667, -0.11879999999999999],
    ),
    (
        "prelu",
        {"weight": np.array([0.1, 0.5])},
        0.5792862083333334,
        [[0.3875183333333334, -0.36141666666666666], [0.15830750000000005, 0.24070833333333333]],
        [0.17038333333333336, -0.42999999999999994],
    ),
    (
        "elu",
        {"alpha": 1.5},
        1.266956318327168,
        [[0.38896369225622085, -0.37797428129577104], [0.5704480468328541, 0.5161337369233547]],
        [-0.31947136409801485, -0.726113087447069],
    ),
    (
        "selu",
        {},
        1.5682523632142489,
        [[0.4577987041554069, -0.5048698064557043], [0.7409061835512263, 0.6455263650674506]],
        [-0.4440190730017609, -0.9360588563687245],
    ),
    (
        "sigmoid",
        {},
        0.11934397679725305,
        [[-0.002329893213048679, -0.012379670596598474], [-0.026675405448919113, 0.057420693564572856]],
        [0.0028708193285728444, -0.023976776984286307],
    ),
    (
        "tanh",
        {},
        0.9119436228518234,
        [[0.0050830701508814136, -0.1960573250770769], [0.29901099383380153, 0.3979920461581458]],
        [-0.3757491627305485, -0.4746195104465506],
    ),
    (
        "relu6",
        {},
        0.2738541666666667,
        [[0.3833333333333334, 0.0], [0.14375000000000004, 0.0]],
        [0.1916666666666667, 0.0],
    ),
    (
        "squared_relu",
        {},
        0.5841250651041671,
        [[3.1093125000000015, 0.0], [1.1659921875000006, 0.0]],
        [1.5546562500000007, 0.0],
    ),
    (
        "thresholded_relu",
        {"alpha": 0.25},
        0.2738541666666667,
        [[0.3833333333333334, 0.0], [0.14375000000000004, 0.0]],
        [0.1916666666666667, 0.0],
    ),
    (
        "celu",
        {"alpha": 1.5},
        0.9355388559713406,
        [[0.3889092346029278, -0.3438146478329533], [0.42949037005689683, 0.37501823420008534]],
        [-0.15235797314185745, -0.5505855985844907],
    ),
    (
        "gelu",
        {},
        0.3635986661640614,
        [[0.37012774283362626, 0.029921038438091175], [0.14680529067162623, -0.001363989706437443]],
        [0.16178858058862983, -0.012220334148803084],
    ),
    (
        "gelu_tanh",
        {},
        0.36363024857695586,
        [[0.3701074136309099, 0.02989264119764386], [0.14684067455805008, -0.001181912265042695]],
        [0.1617229838874357, -0.012336320751199219],
    ),
    (
        "silu",
        {},
        0.40519002189467973,
        [[0.22490002701322748, 0.0005771503639630101], [0.1267376433399562, 0.08519853841927771]],
        [0.04118044048819997, -0.08469753894967388],
    ),
    (
        "swish",
        {"beta": 1.5},
        0.36891570376210553,
        [[0.33023356763891293, 0.0237803095932024], [0.1381977645560848, 0.0194766375746799]],
        [0.13273912435998805, -0.028501196162853855],
    ),
    (
        "mish",
        {},
        0.4595970207727096,
        [[0.3644932283809254, 0.010041899165778361], [0.18491453675616798, 0.09098652451697124]],
        [0.10067460778252399, -0.09073406101956702],
    ),
    (
        "softplus",
        {"beta": 2.0},
        0.2241695382575838,
        [[0.3921791354537681, -0.0213002114578987], [0.15463044492882988, 0.05462147868761543]],
        [0.16578997310312343, -0.0430175606205348],
    ),
    (
        "softsign",
        {},
        0.635603669472335,
        [[-0.0263707154995881, -0.10142675697595166], [0.11250342795085279, 0.20458180601665357]],
        [-0.182420087565062, -0.2636646792462024],
    ),
    (
        "hardsigmoid",
        {"alpha": 0.25, "beta": 0.375},
        0.14665572916666667,
        [[-0.024885416666666653, -0.03722916666666667], [-0.01878125, 0.08491666666666665]],
        [-0.027291666666666662, -0.06479166666666666],
    ),
    (
        "hardswish",
        {},
        0.4416347097280093,
        [[0.14889475902777788, -0.02472234629629629], [0.12513196597222226, 0.14104199722222224]],
        [-0.029783745370370325, -0.13541548148148147],
    ),
    (
        "hardtanh",
        {"min_val": -0.5, "max_val": 0.75},
        0.6706833333333333,
        [[0.0, 0.04599999999999999], [0.0, 0.09199999999999998]],
        [0.0, -0.15333333333333332],
    ),
]
ACTIVATIONS = [(activation, params) for activation, params, *_ in PYTORCH]


def built(*layers: nn.Layer, features: int, dtype: type = np.float64, seed: int = 0) -> nn.Sequential:
    return nn.Sequential(layers).build(features, dtype=dtype, seed=seed)


def test_every_activation_is_in_the_tables():
    assert {activation for activation, _ in ACTIVATIONS} == {None, *rf.ACTIVATIONS}


@pytest.mark.parametrize(("activation", "params", "loss", "kernel_gradient", "bias_gradient"), PYTORCH)
def test_dense_agrees_with_pytorch(activation, params, loss, kernel_gradient, bias_gradient):
    layer = nn.Dense(2, activation, **params)
    model = built(layer, features=2)
    layer.kernel[...], layer.bias[...] = KERNEL, BIAS
    assert model.loss_and_gradients(X, TARGET, "mean_squared_error") == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(layer.kernel_gradient, kernel_gradient, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(layer.bias_gradient, bias_gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("activation", "params"), ACTIVATIONS)
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_gradients_of_dense_are_its_derivatives(activation, params, rows):
    rng = np.random.default_rng(rows)
    layer = nn.Dense(2, activation, bias_initializer="random_normal", **params)
    built(layer, features=3)
    x, direction = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 2))

    def value() -> float:
        return float((layer.forward(x) * direction).sum())

    gradient = layer.backward(direction.copy(), x, layer.forward(x))
    for found, parameter in (
        (gradient, x),
        (layer.kernel_gradient, layer.kernel),
        (layer.bias_gradient, layer.bias),
    ):
        np.testing.assert_allclose(found, central_difference(value, parameter), rtol=1e-7, atol=1e-9)


def test_parameter_gradients_do_not_depend_on_whether_the_input_gradient_is_wanted():
    rng = np.random.default_rng(0)
    layer = nn.Dense(4, "tanh")
    built(layer, features=3)
    x, g = rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
    y = layer.forward(x)
    layer.backward(g.copy(), x, y)
    with_input = layer.kernel_gradient.copy(), layer.bias_gradient.copy()
    layer.backward(g.copy(), x, y, input_gradient=False)
    np.testing.assert_array_equal(layer.kernel_gradient, with_input[0])
    np.testing.assert_array_equal(layer.bias_gradient, with_input[1])


@pytest.mark.parametrize("activation", [None, "relu", "selu", "gelu"])
def test_forward_gives_a_new_array_or_fills_out(activation):
    layer = nn.Dense(4, activation)
    built(layer, features=3)
    x = np.random.default_rng(0).normal(size=(5, 3))
    before = x.copy()
    first, second = layer.forward(x), layer.forward(x)
    assert not np.shares_memory(first, second)
    out = np.empty((5, 4))
    assert layer.forward(x, out=out) is out
    np.testing.assert_array_equal(out, first)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("activation", ["hardswish", "silu", "squared_relu"])
def test_rows_whose_output_tells_too_little_keep_their_pre_activations(activation):
    model = built(nn.Dense(6, activation, bias_initializer="random_normal"), nn.Dense(1), features=3)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    gradients = []
    for rows in (40, 7, 40):  # a smaller batch in between takes the same memory
        model.loss_and_gradients(x[:rows], y[:rows], "mean_squared_error")
        gradients.append(model.gradients.copy())
    np.testing.assert_array_equal(gradients[0], gradients[2])
    twin = copy.deepcopy(model)
    model.loss_and_gradients(x[7:], y[7:], "mean_squared_error")
    twin.loss_and_gradients(x, y, "mean_squared_error")
    np.testing.assert_array_equal(twin.gradients, gradients[0])


def test_statistics_are_counted_in_both_directions():
    layer = nn.Dense(6, "relu", bias_initializer="random_normal")
    model = built(layer, nn.Dense(1, "sigmoid"), features=3)
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 3)), rng.integers(0, 2, (20, 1))
    layer.stats, layer.grad_stats = rf.UnitStats(6), rf.GradStats(6)
    model.loss_and_gradients(x, y, "binary_crossentropy")
    z = x @ layer.kernel + layer.bias
    np.testing.assert_array_equal(layer.stats.seen, 20)
    np.testing.assert_array_equal(layer.stats.active, (z > 0).sum(axis=0))
    np.testing.assert_allclose(layer.stats.max, z.max(axis=0))
    np.testing.assert_array_equal(layer.grad_stats.seen, 20)
    np.testing.assert_array_equal(layer.grad_stats.nonzero, (z > 0).sum(axis=0))
    model.predict(x, batch_size=8)
    model(x)
    np.testing.assert_array_equal(layer.stats.active, 3 * (z > 0).sum(axis=0))
    np.testing.assert_array_equal(layer.grad_stats.seen, 20)


def test_a_layer_says_of_itself_what_monitors_ask():
    layer = nn.Dense(3, "leaky_relu", negative_slope=0.1, name="hidden")
    assert (layer.name, layer.units, layer.activation, layer.unit_axis) == ("hidden", 3, "leaky_relu", -1)
    assert layer.activation_params == {"negative_slope": 0.1}
    assert layer.stats is None
    assert layer.grad_stats is None
    assert nn.Dense(3).activation is None
    assert nn.Dropout(0.5).activation is None


def test_parameters_are_written_into_not_replaced():
    layer = nn.Dense(2)
    model = built(layer, features=2)
    with pytest.raises(AttributeError):
        layer.kernel = KERNEL
    layer.kernel[...] = KERNEL
    np.testing.assert_array_equal(model.parameters[:4], KERNEL.ravel())


@pytest.mark.parametrize(
    "layer",
    [
        nn.Dense(3),
        nn.Dense(4, "elu", alpha=0.5, kernel_initializer="he_normal", name="fc1"),
        nn.Dense(4, "relu6", save="mask"),
        nn.Dense(1, kernel_initializer=nn.initializers.random_uniform(minval=-1.0, maxval=2.0)),
        nn.Dropout(0.25, name="noise"),
        nn.AlphaDropout(0.1),
    ],
)
def test_repr_makes_the_layer_again(layer):
    names = {**vars(nn), **vars(nn.initializers)}
    assert repr(eval(repr(layer), names)) == repr(layer)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((0,), {}, ValueError, "units is 0, expected an integer >= 1"),
        ((-3,), {}, ValueError, "units is -3"),
        ((2.5,), {}, TypeError, "units is 2.5"),
        ((True,), {}, TypeError, "units is True"),
        ((2, "rleu"), {}, ValueError, "unknown activation 'rleu'.*relu, relu6, squared_relu, leaky_relu"),
        ((2, np.tanh), {}, ValueError, "unknown activation"),
        ((2, "relu"), {"slope": 0.1}, TypeError, "relu got the parameter 'slope', its parameters are: none"),
        ((2, "relu"), {"unit_axis": 0}, TypeError, "relu got the parameter 'unit_axis'"),
        ((2, "relu"), {"stats": None}, TypeError, "relu got the parameter 'stats'"),
        ((2, "relu"), {"out": None}, TypeError, "relu got the parameter 'out'"),
        ((2, "elu"), {"bias": None}, TypeError, "elu got the parameter 'bias', its parameters are: alpha"),
        (
            (2, "hardtanh"),
            {"max": 6},
            TypeError,
            "hardtanh got the parameter 'max', its parameters are: min_val, max_val",
        ),
        ((2, "hardtanh"), {"max_val": [1, 2, 3]}, ValueError, r"got shape \(3,\) in the parameter 'max_val'"),
        ((2, "swish"), {"beta": np.nan}, ValueError, "swish got NaN in the parameter 'beta'"),
        ((2, "elu"), {"alpha": np.nan}, ValueError, "elu got NaN in the parameter 'alpha', expected numbers"),
        ((2, "prelu"), {"weight": [0.1, np.nan]}, ValueError, "prelu got NaN in the parameter 'weight'"),
        ((2, "elu"), {"alpha": "a"}, TypeError, "elu got dtype <U1 in the parameter 'alpha', expected real"),
        ((2, None), {"alpha": 1.0}, TypeError, "without activation takes no parameters, got alpha"),
        ((2, "prelu"), {}, TypeError, "weight"),
        ((2, "prelu"), {"weight": [0.1, 0.2, 0.3]}, ValueError, "weight"),
        ((2, "leaky_relu"), {"negative_slope": -0.1}, ValueError, "negative_slope=-0.1"),
        ((2, "elu"), {"alpha": -1.0}, ValueError, "alpha=-1"),
        ((2,), {"kernel_initializer": "he"}, ValueError, "unknown initializer 'he'.*glorot_normal.*zeros"),
        ((2,), {"bias_initializer": 0.0}, TypeError, "initializer is 0.0, expected a name or a callable"),
        (
            (2,),
            {"kernel_initializer": nn.initializers.he_normal},
            TypeError,
            "function he_normal, expected what",
        ),
        ((2, "relu"), {"save": "bits"}, ValueError, "save is 'bits', expected one of 'output', 'pre_act"),
        ((2, "relu"), {"save": ["mask"]}, ValueError, r"save is \['mask'\], expected one of"),
        ((2,), {"save": "mask"}, ValueError, "a layer without activation saves nothing, got save='mask'"),
        ((2, "elu"), {"save": "mask"}, ValueError, "elu cannot do with a mask: .* .only relu, relu6, leaky"),
        ((2, "hardswish"), {"save": "output"}, ValueError, "hardswish cannot take y="),
        ((2,), {"name": ""}, TypeError, "name is ''"),
    ],
)
def test_dense_refuses_what_does_not_fit_in_one_line(arguments, options, error, message):
    with pytest.raises(error, match=message) as caught:
        nn.Dense(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_a_layer_without_model_says_that_it_has_no_parameters():
    with pytest.raises(RuntimeError, match=r"this layer has no parameters yet: call the model's build"):
        nn.Dense(2).forward(X)


def test_an_initializer_of_the_wrong_shape_is_named():
    layer = nn.Dense(2, kernel_initializer=lambda shape, generator: np.zeros(3))
    with pytest.raises(ValueError, match=r"gave shape \(3,\), expected \(4, 2\)"):
        built(layer, features=4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("first", "options", "second", "params"),
    [
        ("relu", {"save": "mask"}, "gelu", {}),
        ("gelu", {}, "leaky_relu", {"negative_slope": 0.2}),
        ("relu", {}, None, {}),
        (None, {}, "hardtanh", {"min_val": -0.5, "save": "mask"}),
    ],
)
def test_a_layer_with_another_activation_is_a_layer_that_was_made_with_it(
    first, options, second, params, dtype
):
    changed, made = nn.Dense(3, first, **options), nn.Dense(3, second, **params)
    models = [nn.Sequential([layer]).build(4, dtype=dtype) for layer in (changed, made)]
    x, y = np.random.default_rng(0).normal(size=(2, 9, 4)).astype(dtype)
    models[0].loss_and_gradients(x, y[:, :3], "mean_squared_error")
    changed.set_activation(second, **params)
    losses = [model.loss_and_gradients(x, y[:, :3], "mean_squared_error") for model in models]
    assert losses[0] == losses[1]
    np.testing.assert_array_equal(models[0].gradients, models[1].gradients)
    assert repr(changed) == repr(made)


def test_an_activation_that_does_not_fit_leaves_the_layer_as_it_was():
    layer = nn.Dense(3, "relu")
    before = repr(layer)
    for activation, options in (("rely", {}), ("elu", {"save": "mask"}), ("relu", {"alpha": 1.0})):
        with pytest.raises((ValueError, TypeError)):
            layer.set_activation(activation, **options)
        assert repr(layer) == before
