import numpy as np
import pytest
from nn.differences import central_difference

from relu_fast import nn

LAYERS = [nn.Dropout, nn.AlphaDropout]


def seeded(layer: nn.Layer, seed: int) -> nn.Layer:
    layer.reseed(np.random.default_rng(seed))
    return layer


def mask_of(seed: int, shape: tuple[int, ...], rate: float, dtype: type = np.float64) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype=dtype) >= rate


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_is_its_formula(dtype, rate):
    x = np.random.default_rng(1).normal(size=(30, 20)).astype(dtype)
    y = seeded(nn.Dropout(rate), 7).forward(x, training=True)
    assert y.dtype == dtype
    expected = np.where(mask_of(7, x.shape, rate, dtype), x / (1 - rate), 0)
    np.testing.assert_allclose(y, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [0.1, 0.25, 0.9])
def test_alpha_dropout_is_its_formula(dtype, rate):
    x = np.random.default_rng(1).normal(size=(30, 20)).astype(dtype)
    y = seeded(nn.AlphaDropout(rate), 7).forward(x, training=True)
    assert y.dtype == dtype
    alpha = -1.7580993408473766
    a = ((1 - rate) * (1 + rate * alpha**2)) ** -0.5
    b = -a * rate * alpha
    m = mask_of(7, x.shape, rate, dtype)
    expected = a * (np.where(m, x, alpha)) + b
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(y, expected, rtol=4 * eps, atol=8 * eps)


def test_alpha_dropout_agrees_with_keras():
    # Keras 3.15 turns ones into -1.1435442 and 1.2484393, in float32; these are the same in 30 digits.
    y = seeded(nn.AlphaDropout(0.25), 3).forward(np.ones((1, 50)), training=True)
    dropped, kept = np.unique(y)
    assert dropped == pytest.approx(-1.14354418820947261, rel=1e-14)
    assert kept == pytest.approx(1.24843931992775735, rel=1e-14)


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
def test_alpha_dropout_keeps_mean_and_variance_of_standard_normal_inputs(rate):
    x = np.random.default_rng(0).standard_normal((1000, 1000))
    y = seeded(nn.AlphaDropout(rate), 1).forward(x, training=True)
    # A million samples: the standard errors are about 1e-3 and 2e-3.
    assert y.mean() == pytest.approx(0.0, abs=5e-3)
    assert y.var() == pytest.approx(1.0, abs=1e-2)


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.9])
def test_dropout_keeps_the_mean_and_drops_its_share(rate):
    y = seeded(nn.Dropout(rate), 1).forward(np.ones((1000, 1000), np.float32), training=True)
    assert (y == 0).mean() == pytest.approx(rate, abs=3e-3)
    assert y.mean(dtype=np.float64) == pytest.approx(1.0, abs=2e-2)


@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_of_dropout_layers_are_their_derivatives(kind):
    rng = np.random.default_rng(2)
    layer, x, direction = kind(0.4), rng.normal(size=(6, 5)), rng.normal(size=(6, 5))

    def value() -> float:
        return float((seeded(layer, 5).forward(x, training=True) * direction).sum())

    expected = central_difference(value, x)
    y = seeded(layer, 5).forward(x, training=True)
    np.testing.assert_allclose(layer.backward(direction.copy(), x, y), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize(("rate", "training"), [(0.5, False), (0.0, True)])
def test_evaluation_and_rate_zero_pass_input_and_gradient_on(kind, rate, training):
    layer = kind(rate)
    x, g = np.ones((3, 2)), np.full((3, 2), 0.5)
    layer.forward(x, training=True)
    assert layer.forward(x, training=training) is x
    np.testing.assert_array_equal(layer.backward(g, x, x), 0.5)


@pytest.mark.parametrize("kind", LAYERS)
def test_input_is_not_written_to_and_out_is_filled(kind):
    x, out = np.ones((4, 3)), np.empty((4, 3))
    layer = kind(0.5)
    assert layer.forward(x, training=True, out=out) is out
    np.testing.assert_array_equal(x, 1.0)
    assert not np.shares_memory(layer.forward(x, training=True), layer.forward(x, training=True))


@pytest.mark.parametrize("kind", LAYERS)
def test_batches_of_another_size_get_masks_of_that_size(kind):
    layer = seeded(kind(0.5), 0)
    for rows in (8, 3, 8):
        x = np.ones((rows, 4))
        y = layer.forward(x, training=True)
        assert layer.backward(np.ones((rows, 4)), x, y).shape == (rows, 4)


def test_each_layer_of_a_model_has_noise_of_its_own_that_the_seed_repeats():
    def outputs(seed: int) -> list[np.ndarray]:
        model = nn.Sequential([nn.Dropout(0.5), nn.Dropout(0.5)]).build(50, seed=seed)
        return [layer.forward(np.ones((4, 50)), training=True) for layer in model.layers]

    first, second = outputs(1)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(outputs(1), [first, second])
    assert not np.array_equal(outputs(2)[0], first)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan")])
def test_rates_outside_0_1_are_refused(kind, rate):
    with pytest.raises(ValueError, match=rf"rate is {rate}, expected a number in \[0, 1\)"):
        kind(rate)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("rate", ["a", None, [0.5], 0.5j])
def test_rates_that_are_no_numbers_are_refused(kind, rate):
    with pytest.raises(TypeError, match=r"rate is .*, expected a number in \[0, 1\)"):
        kind(rate)
