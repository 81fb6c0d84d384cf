"""What the cures refuse: one clear line each, and nothing is changed."""

import copy

import numpy as np
import pytest
from revive_networks import PlainDense, PlainNetwork, inputs, network

from relu_fast import nn, revive

X, Y = inputs()


def cures(network, name="first", units=(1,), *, x=X, **options):
    """All that change units, as functions without arguments."""
    targets = {name: list(units) if isinstance(units, tuple) else units}
    return [
        lambda: revive.redo(network, targets, x=x, **options),
        lambda: revive.lift_bias(network, targets, x=x, rate=0.1, **options),
    ]


def refused(call, model, error, message):
    """The call raises that line, and leaves the parameters as they were."""
    before = [copy.deepcopy((layer.kernel, layer.bias)) for layer in model.layers if hasattr(layer, "kernel")]
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
    after = [(layer.kernel, layer.bias) for layer in model.layers if hasattr(layer, "kernel")]
    for pair, expected in zip(after, before, strict=True):
        for array, old in zip(pair, expected, strict=True):
            np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize(
    ("units", "error", "message"),
    [
        ((8,), IndexError, "layer 'first' has no unit 8, expected one of its 8 units"),
        ((0, -1), IndexError, "layer 'first' has no unit -1"),
        ((0.5,), TypeError, "units of 'first' have dtype float64, expected integers"),
        (np.ones(8, bool), TypeError, "units of 'first' have dtype bool, expected integers"),
    ],
)
def test_units_that_do_not_exist(units, error, message):
    model = network()
    for call in cures(model, units=units):
        refused(call, model, error, message)


def test_layers_that_do_not_exist_or_have_no_units():
    model = network(between=[nn.Dropout(0.1)])
    for call in cures(model, "third"):
        refused(
            call,
            model,
            ValueError,
            "no layer is named 'third'; the network has 'first', 'dropout_1', 'second'",
        )
    for call in cures(model, "dropout_1"):
        refused(call, model, ValueError, r"of 'dropout_1' \(Dropout\), expected a dense layer")
    refused(
        lambda: revive.redo(model, ["first"]), model, TypeError, r"units is \['first'\], expected a mapping"
    )


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.empty((0, 5)), ValueError, r"x has shape \(0, 5\): no examples, expected at least one"),
        (np.ones((4, 3)), ValueError, r"x has shape \(4, 3\), expected \(rows, 5\): 5 features"),
        (np.ones(5), ValueError, r"x has shape \(5,\), expected \(rows, 5\)"),
        (np.full((4, 5), np.nan), ValueError, "x holds 20 values that are NaN or infinite"),
        (np.where(np.eye(5), np.inf, 0.0), ValueError, "x holds 5 values that are NaN or infinite"),
        (np.full((2, 5), "a"), TypeError, "x has dtype <U1, expected real numbers"),
    ],
)
def test_data_that_does_not_fit(x, error, message):
    model = network()
    swap = [lambda: revive.swap_activation(model, "first", "elu", x=x)]
    revivals = revive.redo(network(), {"first": [1]})
    follow = [lambda: revive.follow_up(model, revivals, x=x)]
    for call in cures(model, x=x) + swap + follow:
        refused(call, model, error, message)
    assert model.layers[0].activation == "relu"


def test_finite_data_that_overflows_the_dtype_of_the_network():
    model = network(dtype=np.float32)
    with np.errstate(over="ignore"):
        for call in cures(model, x=np.full((2, 5), 1e300)):
            refused(call, model, ValueError, "x holds 10 values that are NaN or infinite")


@pytest.mark.parametrize(
    ("layers", "name", "message"),
    [
        (
            lambda: [nn.Dense(4, "relu"), nn.BatchNorm(), nn.Dense(1)],
            "dense_1",
            r"cannot revive units of 'dense_1': 'batchnorm_1' \(BatchNorm\) reads them, expected a dense layer",
        ),
        (
            lambda: [nn.Dense(4, "relu"), nn.Dropout(0.1), nn.Activation("relu"), nn.Dense(1)],
            "dense_1",
            r"'activation_1' \(Activation\) reads them",
        ),
        (
            lambda: [nn.Dense(4, "relu"), nn.PReLU(), nn.Dense(1)],
            "dense_1",
            r"'prelu_1' \(PReLU\) reads them",
        ),
        (
            lambda: [nn.Dense(4), nn.BatchNorm(), nn.Activation("relu"), nn.Dense(1)],
            "dense_1",
            r"'dense_1': it has no activation and 'batchnorm_1' \(BatchNorm\) follows, expected an activation",
        ),
        (
            lambda: [nn.Dense(4), nn.BatchNorm(), nn.Activation("relu"), nn.Dense(1)],
            "activation_1",
            r"'activation_1': it reads 'batchnorm_1' \(BatchNorm\), expected a dense layer without activation",
        ),
        (
            lambda: [nn.Dense(4), nn.PReLU(), nn.Dense(1)],
            "dense_1",
            r"'prelu_1' \(PReLU\) follows, expected an activation that learns nothing",
        ),
        (
            lambda: [nn.Dense(4), nn.PReLU(), nn.Dense(1)],
            "prelu_1",
            r"of 'prelu_1' \(PReLU\), expected a dense",
        ),
        (lambda: [nn.Dense(4)], "dense_1", "it has no activation and nothing follows"),
        (lambda: [nn.Activation("relu"), nn.Dense(1)], "activation_1", "it reads the input of the network"),
    ],
)
def test_what_does_not_lie_between_two_dense_layers_is_named(layers, name, message):
    model = nn.Sequential(layers()).build(5)
    for call in cures(model, name):
        refused(call, model, ValueError, message)


def test_the_last_layer_has_no_outgoing_weights_to_cut():
    model = network()
    refused(
        lambda: revive.redo(model, {"last": [0]}),
        model,
        ValueError,
        "cannot redo units of 'last': it is the last layer",
    )


def test_a_layer_in_place_is_no_dropout():
    class InPlace(nn.Layer):
        def forward(self, x, *, training=False, out=None):
            x *= 2.0
            return x

    model = network(between=[InPlace(name="twice")])
    for call in cures(model):
        refused(call, model, ValueError, r"'twice' \(InPlace\) reads them")


def test_shared_weights():
    rng = np.random.default_rng(0)
    kernels = [rng.normal(size=shape) for shape in ((5, 3), (3, 4), (4, 3))]

    def tied(kernel_a, kernel_b, kernel_c):
        layers = zip("abc", (kernel_a, kernel_b, kernel_c), strict=True)
        return PlainNetwork(*(PlainDense(name, kernel, np.zeros(kernel.shape[1])) for name, kernel in layers))

    outgoing = tied(kernels[0], kernels[1], kernels[1].T)
    for call in cures(outgoing, "a"):
        refused(call, outgoing, ValueError, "'a': its outgoing weights, those of 'b', are shared with 'c'")
    for call in cures(outgoing, "b"):
        refused(call, outgoing, ValueError, "'b': its weights, those of 'b', are shared with 'c'")

    again = PlainDense("again", rng.normal(size=(5, 5)), np.zeros(5))
    twice = PlainNetwork(again, again)
    for call in cures(twice, "again"):
        refused(call, twice, ValueError, "'again': its weights, those of 'again', are shared with 'again'")


def test_one_layer_under_two_names():
    model = nn.Sequential([nn.Dense(3), nn.Activation("relu"), nn.Dense(1)]).build(5)
    refused(
        lambda: revive.redo(model, {"dense_1": [0], "activation_1": [1]}),
        model,
        ValueError,
        "'dense_1' and 'activation_1' name the same units, expected one of the two",
    )


def test_an_optimizer_of_another_network():
    model, optimizer = network(), nn.Adam()
    network().fit(X, Y, epochs=1, optimizer=optimizer)
    for call in cures(model, optimizer=optimizer):
        refused(call, model, ValueError, "this Adam already moves another parameter vector")


def test_weights_that_are_no_views_into_the_parameters():
    model = PlainNetwork(
        PlainDense("a", np.ones((5, 2)), np.zeros(2)), PlainDense("b", np.ones((2, 1)), np.zeros(1))
    )
    model.parameters = np.zeros(100)
    for call in cures(model, "a", optimizer=nn.SGD()):
        refused(call, model, ValueError, "the weights of 'a' are no view into the network's parameters")


def test_a_network_that_is_not_built():
    model = nn.Sequential([nn.Dense(3, "relu"), nn.Dense(1)])
    with pytest.raises(RuntimeError, match="dense_1 has no parameters yet: call the model's build"):
        revive.redo(model, {"dense_1": [0]})


def test_an_initializer_that_fails_changes_nothing():
    model = network()
    model.layers[1].kernel_initializer = lambda shape, generator: np.zeros(3)
    refused(
        lambda: revive.redo(model, {"first": [1], "second": [0]}),
        model,
        ValueError,
        r"gave shape \(3,\), expected \(8, 6\)",
    )
