import copy
import pickle

import numpy as np
import pytest
from nn.differences import central_difference

import relu_fast as rf
from relu_fast import nn


def small_model(*, dtype: type = np.float64, seed: int = 0) -> nn.Sequential:
    layers = [nn.Dense(5, "relu"), nn.Dense(4, "selu"), nn.Dense(1, "sigmoid")]
    return nn.Sequential(layers).build(3, dtype=dtype, seed=seed)


def batch(rows: int = 8, features: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, features)), rng.integers(0, 2, (rows, 1)).astype(float)


# What PyTorch 2.13 finds in float64 for this network and data; the steps are Adam's by Keras' formula.
def pytorch_case() -> tuple[nn.Sequential, np.ndarray, np.ndarray]:
    model = small_model()
    for i, layer in enumerate(model.layers):
        for j, parameter in enumerate((layer.kernel, layer.bias)):
            waves = np.sin(np.arange(parameter.size) * 1.7 + 2 * i + j) / 2
            parameter[...] = waves.reshape(parameter.shape)
    x = np.cos(np.arange(24) * 0.9).reshape(8, 3)
    return model, x, (np.arange(8) % 3 == 0).astype(float).reshape(8, 1)


PYTORCH_GRADIENTS = """
-0.02271871245268128 -0.0037456581550294765 0.013266016925148841 0.03308947388014736 0.011981168478046096
-0.024411700184603688 -0.0027104843674930785 0.0026763010790078067 0.04200597270138877 0.0383001120143238
-0.0076303999016877075 0.0003759299516784624 -0.009938786067539236 0.01913318883603004 0.035634294349927355
-0.028314582275483755 -0.0033150015068518467 -0.015051544120348766 0.018988029696645065 0.08153124068872644
-0.028189109486589793 -0.012935376069163793 0.0334747586938264 0.01188566201753531
-0.011258386454141933 -0.003944788327954828 0.013369410268654694 0.0047469884183601796
0.000577853437804363 0.00038330530771375066 -0.0006862048763938861 -0.00024364624432995547
-6.752929362910994e-05 0.00020804070478444223 8.019149416814246e-05 2.847306548439633e-05
-0.030587776067225857 -0.013241810016003419 0.03632319152608511 0.012897036296093492
-0.045043667121165254 -0.022307075184872027 0.053489660192471 0.018992221222427316
0.01855790479173905 -0.11816421732224669 0.010197150586828928 0.10896052591165734
0.11329272953376056
"""
PYTORCH_LOSSES = [
    0.6852971476194594,
    0.6462919978318086,
    0.6411360944829927,
    0.6387360816317664,
    0.6253010902794209,
]
PYTORCH_OUTPUTS = [
    0.24751578192961246,
    0.43654526994104725,
    0.21280584180545767,
    0.457222727862562,
    0.2927372035932625,
    0.3580706507518829,
    0.45018555350675615,
    0.25151327161077364,
]


def test_a_network_has_the_gradients_of_pytorch():
    model, x, y = pytorch_case()
    model.loss_and_gradients(x, y, "binary_crossentropy")
    np.testing.assert_allclose(
        model.gradients, np.array(PYTORCH_GRADIENTS.split(), float), rtol=1e-11, atol=1e-16
    )


def test_five_steps_of_adam_are_those_of_pytorch_with_keras_formula():
    model, x, y = pytorch_case()
    adam, found = nn.Adam(learning_rate=0.05), []
    for _ in range(5):
        found.append(model.loss_and_gradients(x, y, "binary_crossentropy"))
        adam.step(model.parameters, model.gradients)
    np.testing.assert_allclose(found, PYTORCH_LOSSES, rtol=1e-12)
    np.testing.assert_allclose(model(x).ravel(), PYTORCH_OUTPUTS, rtol=1e-11)


@pytest.mark.parametrize("loss", nn.losses.LOSSES)
@pytest.mark.parametrize(
    "layers",
    [
        lambda: [nn.Dense(2)],
        lambda: [nn.Dense(6, "tanh"), nn.Dense(5, "elu"), nn.Dense(4, "leaky_relu"), nn.Dense(2, "sigmoid")],
        lambda: [nn.Dropout(0.3), nn.Dense(6, "selu"), nn.AlphaDropout(0.3), nn.Dense(2, "sigmoid")],
        lambda: [nn.Dense(6, "prelu", weight=0.2), nn.Dropout(0.5), nn.Dense(2, "sigmoid"), nn.Dropout(0.1)],
    ],
)
def test_gradients_of_whole_networks_are_their_derivatives(layers, loss):
    model = nn.Sequential(layers()).build(3, dtype=np.float64, seed=5)
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(7, 3)), rng.uniform(0, 1, (7, 2))
    y[:, 1] = 1 - y[:, 0]  # probabilities of two classes, too

    def value() -> float:
        model.reseed(1)
        return nn.losses.get(loss).value(model(x, training=True), y)

    model.reseed(1)
    assert model.loss_and_gradients(x, y, loss) == pytest.approx(value(), rel=1e-13)
    expected = central_difference(value, model.parameters)
    np.testing.assert_allclose(model.gradients, expected, rtol=1e-6, atol=1e-8)


def test_layers_are_views_into_flat_vectors_without_gaps():
    model = small_model()
    assert model.parameters.size == model.gradients.size == (3 * 5 + 5) + (5 * 4 + 4) + (4 + 1)
    model.parameters[...] = np.arange(model.parameters.size)
    model.gradients[...] = -model.parameters
    for flat, of in (
        (model.parameters, ("kernel", "bias")),
        (model.gradients, ("kernel_gradient", "bias_gradient")),
    ):
        parts = [getattr(layer, name).ravel() for layer in model.layers for name in of]
        np.testing.assert_array_equal(np.concatenate(parts), flat)


def test_names_are_unique_and_count_up_by_kind():
    model = nn.Sequential(
        [
            nn.Dense(2),
            nn.Dropout(0.1),
            nn.Dense(2, name="dense_2"),
            nn.Dense(2),
            nn.AlphaDropout(0.1),
            nn.Dropout(0.1),
        ]
    )
    names = [layer.name for layer in model.layers]
    assert names == ["dense_1", "dropout_1", "dense_2", "dense_3", "alphadropout_1", "dropout_2"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predict_is_the_call_in_batches(dtype):
    model, (x, _) = small_model(dtype=dtype), batch(100)
    expected = model(x)
    assert expected.dtype == dtype
    assert expected.shape == (100, 1)
    for batch_size in (1, 7, 100, 4096):
        np.testing.assert_allclose(model.predict(x, batch_size=batch_size), expected, rtol=1e-6)


def test_outputs_stay_as_they_are_when_the_model_goes_on():
    model, (x, y) = small_model(), batch(20)
    called, predicted, layered = model(x), model.predict(x), model.layers[0].forward(x)
    before = called.copy(), predicted.copy(), layered.copy()
    model.loss_and_gradients(-x, y, "mean_squared_error")
    model.predict(2 * x)
    model(3 * x)
    for array, copied in zip((called, predicted, layered), before, strict=True):
        np.testing.assert_array_equal(array, copied)


def test_a_model_that_does_nothing_returns_a_copy():
    model = nn.Sequential([nn.Dropout(0.5)]).build(3)
    x = np.ones((2, 3), np.float32)
    assert not np.shares_memory(model(x), x)
    assert not np.shares_memory(model.predict(x), x)
    assert model.loss_and_gradients(x, x, "mean_squared_error") > 0
    assert model.gradients.size == 0


def test_no_rows_in_no_rows_out():
    model = small_model()
    assert model(np.empty((0, 3))).shape == (0, 1)
    assert model.predict(np.empty((0, 3))).shape == (0, 1)


def test_evaluate_weighs_examples_not_batches():
    model, (x, y) = small_model(), batch(10)
    expected = nn.losses.binary_crossentropy.value(model(x), y)
    for batch_size in (1, 3, 4, 10, 64):
        assert model.evaluate(x, y, batch_size=batch_size) == pytest.approx(expected, rel=1e-12)
    squared = nn.losses.mean_squared_error.value(model(x), y)
    assert model.evaluate(x, y, loss="mean_squared_error") == pytest.approx(squared, rel=1e-12)


def test_evaluation_leaves_the_noise_out():
    model = nn.Sequential([nn.Dense(8, "relu"), nn.Dropout(0.5), nn.Dense(1)]).build(3, dtype=np.float64)
    x, y = batch()
    quiet = nn.losses.mean_squared_error.value(model(x), y)
    assert model.evaluate(x, y, loss="mean_squared_error") == pytest.approx(quiet)
    assert model.loss_and_gradients(x, y, "mean_squared_error", training=False) == pytest.approx(quiet)
    assert model.loss_and_gradients(x, y, "mean_squared_error") != pytest.approx(quiet)
    assert not np.array_equal(model(x, training=True), model(x))


@pytest.mark.parametrize("rows", [(8, 3, 8, 20, 3)])
def test_batches_of_changing_size_give_what_a_fresh_model_gives(rows):
    model = small_model()
    for seed, n in enumerate(rows):
        x, y = batch(n, seed=seed)
        fresh = small_model()
        assert model.loss_and_gradients(x, y, "mean_squared_error") == fresh.loss_and_gradients(
            x, y, "mean_squared_error"
        )
        np.testing.assert_array_equal(model.gradients, fresh.gradients)


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=0)[::2],
        lambda x: x[::-1].copy()[::-1],
        np.float32,
        list,
    ],
)
def test_data_of_any_layout_trains_alike(layout):
    x, y = batch(16)
    x = x.astype(np.float32).astype(float)
    model, other = small_model(), small_model()
    assert model.loss_and_gradients(x, y, "binary_crossentropy") == pytest.approx(
        other.loss_and_gradients(layout(x), layout(y), "binary_crossentropy"), rel=1e-14
    )
    np.testing.assert_allclose(model.gradients, other.gradients, rtol=1e-10, atol=1e-16)


def test_the_seed_gives_the_parameters_and_each_layer_has_a_stream_of_its_own():
    np.testing.assert_array_equal(small_model(seed=1).parameters, small_model(seed=1).parameters)
    assert not np.array_equal(small_model(seed=1).parameters, small_model(seed=2).parameters)
    wide = nn.Sequential([nn.Dense(50, "relu"), nn.Dense(5)]).build(3)
    narrow = nn.Sequential([nn.Dense(50, "relu"), nn.Dropout(0.5), nn.Dense(7)]).build(3)
    np.testing.assert_array_equal(wide.layers[0].kernel, narrow.layers[0].kernel)
    same = nn.Sequential([nn.Dense(4), nn.Dense(4)]).build(4)
    assert not np.array_equal(same.layers[0].kernel, same.layers[1].kernel)


def test_building_again_starts_anew():
    model = small_model(seed=1)
    old = model.parameters
    model.build(3, seed=1, dtype=np.float32)
    assert model.parameters is not old
    assert model.parameters.dtype == model.dtype == np.float32
    np.testing.assert_array_equal(model.parameters, old.astype(np.float32))


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_are_independent_models(clone):
    model, (x, y) = small_model(), batch()
    model.loss_and_gradients(x, y, "binary_crossentropy")
    other = clone(model)
    np.testing.assert_array_equal(other(x), model(x))
    before = model.parameters.copy()
    other.loss_and_gradients(x, y, "binary_crossentropy")
    nn.SGD(learning_rate=1.0).step(other.parameters, other.gradients)
    np.testing.assert_array_equal(model.parameters, before)
    np.testing.assert_array_equal(other.layers[0].kernel.ravel(), other.parameters[:15])
    assert not np.array_equal(other(x), model(x))


def test_a_model_watched_counts_every_pass():
    model, (x, y) = small_model(), batch(12)
    for layer in model.layers:
        layer.stats, layer.grad_stats = rf.UnitStats(layer.units), rf.GradStats(layer.units)
    model.loss_and_gradients(x, y, "binary_crossentropy")
    model.evaluate(x, y, batch_size=5)
    for layer in model.layers:
        np.testing.assert_array_equal(layer.stats.seen, 24)
        np.testing.assert_array_equal(layer.grad_stats.seen, 12)


def test_nan_and_infinity_in_the_data_pass_through_and_are_counted():
    model, (x, y) = small_model(), batch(6)
    x[1, 0], x[4, 2] = np.nan, np.inf
    layer = model.layers[0]
    layer.stats = rf.UnitStats(layer.units)
    with np.errstate(invalid="ignore"):
        loss = model.loss_and_gradients(x, y, "binary_crossentropy")
    assert np.isnan(loss)
    assert (layer.stats.nonfinite == 2).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.Sequential([]), ValueError, "layers is empty"),
        (lambda: nn.Sequential([nn.Dense(1), "relu"]), TypeError, "layers holds 'relu', expected Dense"),
        (lambda: nn.Sequential([nn.Dense]), TypeError, "expected Dense"),
        (
            lambda: nn.Sequential([nn.Dense(1, name="a"), nn.Dense(2, name="a")]),
            ValueError,
            "2 layers have the name 'a'",
        ),
        (lambda: nn.Sequential([nn.Dense(1)] * 2), ValueError, "has a place in a model already"),
        (lambda: nn.Sequential(small_model().layers), ValueError, "has a place in a model already"),
        (
            lambda: nn.Sequential([nn.Dense(1)]).build(0),
            ValueError,
            "features is 0, expected an integer >= 1",
        ),
        (lambda: nn.Sequential([nn.Dense(1)]).build(2.0), TypeError, "features is 2.0"),
        (
            lambda: nn.Sequential([nn.Dense(1)]).build(2, dtype=np.float16),
            TypeError,
            "dtype is float16, expected",
        ),
        (
            lambda: nn.Sequential([nn.Dense(1)]).build(2, dtype=int),
            TypeError,
            "dtype is int64, expected float32 or",
        ),
        (lambda: nn.Sequential([nn.Dense(1)]).build(2, seed=-1), ValueError, "seed is -1, expected"),
    ],
)
def test_models_that_cannot_be_are_refused_in_one_line(make, error, message):
    with pytest.raises(error, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "use",
    [
        lambda model: model(np.ones((2, 3))),
        lambda model: model.predict(np.ones((2, 3))),
        lambda model: model.evaluate(np.ones((2, 3)), np.ones(2)),
        lambda model: model.loss_and_gradients(np.ones((2, 3)), np.ones(2), "mean_squared_error"),
        lambda model: model.parameters,
        lambda model: model.gradients,
    ],
)
def test_a_model_that_is_not_built_says_so(use):
    with pytest.raises(RuntimeError, match=r"no parameters yet: call build\(features\) or fit first"):
        use(nn.Sequential([nn.Dense(1)]))


X, Y = np.ones((4, 3)), np.ones((4, 1))


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (np.ones((4, 2)), Y, ValueError, r"x has shape \(4, 2\), expected \(rows, 3\): 3 features"),
        (np.ones(3), Y, ValueError, r"x has shape \(3,\)"),
        (np.ones((4, 3, 1)), Y, ValueError, r"x has shape \(4, 3, 1\)"),
        (X.astype(complex), Y, TypeError, "x has dtype complex128, expected real numbers"),
        (X.astype(object), Y, TypeError, "x has dtype object"),
        (X.astype(str), Y, TypeError, "x has dtype <U"),
        (X, np.ones(3), ValueError, r"y has shape \(3, 1\), expected \(4, 1\): a row per example"),
        (X, np.ones((4, 2)), ValueError, r"y has shape \(4, 2\), expected \(4, 1\)"),
        (X, Y.astype(complex), TypeError, "y has dtype complex128"),
        (X, Y * 1.5, ValueError, r"y holds values from 1.5 to 1.5, expected labels in \[0, 1\]"),
        (X, Y * np.nan, ValueError, "y holds values from nan to nan"),
        (np.ones((0, 3)), np.ones((0, 1)), ValueError, "no examples, expected at least one"),
    ],
)
def test_data_that_does_not_fit_is_refused_and_nothing_changes(x, y, error, message):
    model = small_model()
    model.gradients[...] = 7.0
    before = model.parameters.copy()
    for use in (model.evaluate, model.loss_and_gradients):
        with pytest.raises(error, match=message) as caught:
            use(x, y, loss="binary_crossentropy")
        assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(model.parameters, before)
    np.testing.assert_array_equal(model.gradients, 7.0)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_evaluate_refuses_data_that_is_not_finite(value):
    broken = X.copy()
    broken[2, 1] = value
    with pytest.raises(ValueError, match=r"x holds 1 values that are NaN or infinite, the first at \(2, 1\)"):
        small_model().evaluate(broken, Y)
    with pytest.raises(ValueError, match="y holds 4 values that are NaN or infinite"):
        small_model().evaluate(X, Y * value, loss="mean_squared_error")


def only_once(shape, generator):
    """An initializer that gives the wrong shape for all but three features."""
    return np.ones(shape if shape[0] == 3 else (1, 1))


def test_a_build_that_fails_leaves_the_model_as_it_was():
    model = nn.Sequential([nn.Dense(2, "relu"), nn.Dense(3), nn.Dense(1, kernel_initializer=only_once)])
    model.build(4)
    parameters, values = model.parameters, model.parameters.copy()
    layer = nn.Dense(4, kernel_initializer=only_once)
    unbuilt = nn.Sequential([layer])
    with pytest.raises(ValueError, match="gave shape"):
        unbuilt.build(5)
    assert not unbuilt.built
    with pytest.raises(RuntimeError, match="no parameters yet"):
        layer.kernel  # noqa: B018
    model.layers[1].kernel_initializer = lambda shape, generator: np.ones(7)
    with pytest.raises(ValueError, match="gave shape"):
        model.build(5)
    assert (model.features, model.parameters is parameters) == (4, True)
    np.testing.assert_array_equal(model.parameters, values)
    assert np.shares_memory(model.layers[0].kernel, parameters)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batch_size_must_be_positive(batch_size):
    model = small_model()
    for use in (
        lambda: model.predict(X, batch_size=batch_size),
        lambda: model.evaluate(X, Y, batch_size=batch_size),
    ):
        with pytest.raises(ValueError, match=f"batch_size is {batch_size}, expected an integer >= 1"):
            use()


def test_repr_makes_an_equal_model():
    model = nn.Sequential([nn.Dense(3, "relu", kernel_initializer="he_normal"), nn.Dropout(0.5), nn.Dense(1)])
    again = eval(repr(model), {**vars(nn), **vars(nn.initializers)})
    np.testing.assert_array_equal(again.build(4).parameters, model.build(4).parameters)
