from itertools import pairwise

import numpy as np
import pytest
from small_lab import GATELESS, HEALTHY, SMALL, STILLBORN, result_of

import relu_fast as rf
from relu_fast import nn
from relu_fast.lab.data import make_data
from relu_fast.lab.probe import MAX_BINS, histogram, layer_epoch, layer_tensors
from relu_fast.report.study import TENSORS

ROWS = 50


def small_model(dtype=np.float64):
    layers = [
        nn.Dense(6, "relu"),
        nn.Dropout(0.5),
        nn.Dense(5, "selu"),
        nn.AlphaDropout(0.25),
        nn.Dense(1, "sigmoid"),
    ]
    return nn.Sequential(layers).build(4, seed=3, dtype=dtype)


def rows(dtype=np.float64):
    generator = np.random.default_rng(7)
    x = generator.uniform(-1, 0, (ROWS, 4)).astype(dtype)
    return x, generator.integers(0, 2, (ROWS, 1)).astype(dtype)


def test_outputs_are_those_of_evaluation():
    model, (x, y) = small_model(), rows()
    tensors = layer_tensors(model, x, y, "binary_crossentropy")
    assert list(tensors) == ["dense_1", "dense_2", "dense_3"]
    first, _, second, _, last = model.layers
    a = np.maximum(x @ first.kernel + first.bias, 0)
    b = rf.selu(a @ second.kernel + second.bias)
    c = rf.sigmoid(b @ last.kernel + last.bias)
    for name, expected in zip(tensors, (a, b, c), strict=True):
        np.testing.assert_allclose(tensors[name]["outputs"], expected, rtol=1e-12)
    np.testing.assert_array_equal(tensors["dense_3"]["outputs"], model.predict(x))


def test_gradients_of_parameters_are_those_of_the_mean_loss():
    model, (x, y) = small_model(), rows()
    tensors = layer_tensors(model, x, y, "binary_crossentropy")
    model.loss_and_gradients(x, y, "binary_crossentropy", training=False)
    for layer in model.layers:
        if layer.name in tensors:
            np.testing.assert_allclose(
                tensors[layer.name]["kernel_gradient"], layer.kernel_gradient, rtol=1e-12
            )
            np.testing.assert_allclose(tensors[layer.name]["bias_gradient"], layer.bias_gradient, rtol=1e-12)


def test_gradients_of_pre_activations_are_those_of_each_example():
    model, (x, y) = small_model(), rows()
    tensors = layer_tensors(model, x, y, "binary_crossentropy")
    p = tensors["dense_3"]["outputs"]
    np.testing.assert_allclose(tensors["dense_3"]["pre_activation_gradient"], p - y, rtol=1e-9)
    # A bias moves the pre-activation of every example alike: its gradient is their mean.
    for arrays in tensors.values():
        np.testing.assert_allclose(
            arrays["pre_activation_gradient"].mean(axis=0), arrays["bias_gradient"], rtol=1e-9, atol=1e-15
        )


def test_an_activation_of_its_own_is_shown_with_the_weights_that_feed_it():
    """The same network, once with and once without layers between weights and activation."""
    (x, y), tensors = rows(), []
    for hidden in (
        [nn.Dense(6, "leaky_relu", negative_slope=0.25)],
        [nn.Dense(6), nn.Dropout(0.5), nn.Activation("leaky_relu", negative_slope=0.25)],
        [nn.Dense(6), nn.PReLU()],
    ):
        model = nn.Sequential([*hidden, nn.Dense(1, "sigmoid")]).build(4, dtype=np.float64)
        for layer in model.layers:
            if isinstance(layer, nn.Dense):
                layer.kernel[...] = np.linspace(-1, 1, layer.kernel.size).reshape(layer.kernel.shape)
        tensors.append(layer_tensors(model, x, y, "binary_crossentropy"))
    assert [next(iter(shown)) for shown in tensors] == ["dense_1", "activation_1", "prelu_1"]
    for shown in tensors:
        for first, same in zip(tensors[0].values(), shown.values(), strict=True):
            assert list(same) == list(TENSORS)
            for tensor, values in first.items():
                np.testing.assert_allclose(same[tensor], values, rtol=1e-12, err_msg=tensor)


def test_behind_a_normalisation_the_gradient_is_that_of_the_activations_input():
    (x, y), epsilon = rows(), 1e-6
    layers = [nn.Dense(6), nn.BatchNorm(), nn.Activation("tanh"), nn.Dense(1, "sigmoid")]
    model = nn.Sequential(layers).build(4, dtype=np.float64)
    shown = layer_tensors(model, x, y, "binary_crossentropy")["activation_1"]
    # beta moves the input of the activation in every row alike.
    model.layers[1].beta[2] += epsilon
    up = model.evaluate(x, y)
    model.layers[1].beta[2] -= 2 * epsilon
    down = model.evaluate(x, y)
    slope = (up - down) / (2 * epsilon)
    np.testing.assert_allclose(shown["pre_activation_gradient"][:, 2].mean(), slope, rtol=1e-6)


def test_the_probe_leaves_model_and_statistics_alone():
    model, (x, y) = small_model(np.float32), rows(np.float32)
    parameters = model.parameters.copy()
    kept = []
    for layer in model.layers:
        if isinstance(layer, nn.Dense):
            layer.stats, layer.grad_stats = rf.UnitStats(layer.units), rf.GradStats(layer.units)
            kept.append((layer, layer.stats, layer.grad_stats))
    layer_tensors(model, x, y, "binary_crossentropy")
    np.testing.assert_array_equal(model.parameters, parameters)
    for layer, stats, grad_stats in kept:
        assert layer.stats is stats
        assert layer.grad_stats is grad_stats
        assert not stats.seen.any()
        assert not grad_stats.seen.any()


def test_statistics_are_put_back_when_the_probe_fails():
    model, (x, y) = small_model(np.float32), rows(np.float32)
    model.layers[0].stats = stats = rf.UnitStats(6)
    with pytest.raises(ValueError, match="shapes"):
        layer_tensors(model, x[:, :3], y, "binary_crossentropy")
    assert model.layers[0].stats is stats


@pytest.mark.parametrize("experiment", [HEALTHY, STILLBORN, GATELESS], ids=lambda row: row.name)
def test_being_watched_does_not_change_the_training(experiment, tmp_path):
    result = result_of(experiment, tmp_path)
    data = make_data(SMALL.samples, target=SMALL.target, seed=SMALL.seed)
    history = nn.Sequential(experiment.layers()).fit(
        data.x,
        data.y,
        epochs=SMALL.epochs,
        batch_size=SMALL.batch_size,
        validation_data=(data.val_x, data.val_y),
        seed=SMALL.seed,
        progress=False,
    )
    assert [record.loss for record in result.epochs] == history.loss
    assert [record.val_loss for record in result.epochs] == history.val_loss


def test_the_mean_gradient_is_over_examples_and_units():
    gz = np.array([[1.0, -3.0], [0.0, 0.0]], np.float32)
    tensors = {"kernel_gradient": np.float32([[3.0], [0.0]]), "bias_gradient": np.float32([-4.0])}
    record = layer_epoch(tensors | {"pre_activation_gradient": gz, "outputs": np.zeros(3, np.float32)})
    assert record.mean_abs_gradient == 1.0
    assert record.gradient_norm == 5.0
    assert record.histograms["outputs"].zeros == 3


NEIGHBOURS = np.float32([0.5, np.nextafter(np.float32(0.5), np.float32(1))])


@pytest.mark.parametrize(
    ("values", "zeros", "nonfinite", "lowest", "highest"),
    [
        pytest.param([], 0, 0, None, None, id="nothing"),
        pytest.param([0.0, -0.0, 0.0], 3, 0, 0, 0, id="zeros"),
        pytest.param([0.25] * 5, 0, 0, 0.25, 0.25, id="one value"),
        pytest.param([-0.25] * 5, 0, 0, -0.25, -0.25, id="one negative value"),
        pytest.param([1e-45] * 5, 0, 0, 2.0**-149, 2.0**-149, id="the smallest value"),
        pytest.param(NEIGHBOURS, 0, 0, 0.5, NEIGHBOURS[1], id="neighbours"),
        pytest.param([np.nan, np.inf, -np.inf], 0, 3, None, None, id="nothing finite"),
        pytest.param([np.nan, 0.0, 3.0, -2.0], 1, 1, -2, 3, id="mixed"),
        pytest.param([-3e38, 3e38], 0, 0, np.float32(-3e38), np.float32(3e38), id="the largest values"),
        pytest.param(np.linspace(-1, 2, 50_001), 0, 0, -1, 2, id="many"),
    ],
)
def test_a_histogram_counts_every_value_once(values, zeros, nonfinite, lowest, highest):
    values = np.asarray(values, np.float32)
    record = histogram(values)
    assert (record.zeros, record.nonfinite) == (zeros, nonfinite)
    assert (record.lowest, record.highest) == (lowest, highest)
    assert record.size == values.size
    assert len(record.counts) <= MAX_BINS
    assert record.zero_share == (zeros / values.size if values.size else 0)
    if record.counts.size:
        assert (np.diff(record.edges) > 0).all()
        assert record.edges[0] <= values[np.isfinite(values)].min()
        assert record.edges[-1] >= values[np.isfinite(values)].max()
    else:
        assert not record.edges.size


def test_bins_hold_what_lies_between_their_edges():
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    record = histogram(values)
    expected = [np.count_nonzero((values >= a) & (values < b)) for a, b in pairwise(record.edges)]
    expected[-1] += 1
    np.testing.assert_array_equal(record.counts, expected)
