import numpy as np
import pytest
from nn.differences import central_difference

from relu_fast import nn
from relu_fast.nn import losses

# Loss, predictions, targets, and what PyTorch 2.13 finds in float64: value, gradient. For probabilities the
# reference clamps at 1e-7 and takes logarithms, as Keras does.
LABELS = [[1.0, 0.25], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]
PYTORCH = [
    (
        "mean_squared_error",
        [[0.5, -1.0], [2.0, 0.0]],
        [[0.0, 1.0], [2.0, 3.0]],
        3.3125,
        [[0.25, -1.0], [0.0, -1.5]],
    ),
    (
        "binary_crossentropy",
        [[0.3, 0.9], [1e-9, 0.5], [1.0, 0.0], [0.999, 1e-7]],
        LABELS,
        6.500710810910097,
        [
            [-0.4166666666666667, 0.902777777777778],
            [0.0, 0.25],
            [0.0, 0.0],
            [-0.12512512512512514, -1250000.0],
        ],
    ),
    (
        "binary_crossentropy_from_logits",
        [[0.3, -2.0], [40.0, -40.0], [0.0, -800.0], [800.0, 5.0]],
        LABELS,
        0.23514322307007038,
        [
            [-0.05319468539854262, -0.016349634747235307],
            [0.0, 5.310442819114486e-19],
            [0.0625, 0.0],
            [0.0, -0.0008366063655355915],
        ],
    ),
]
# Those whose targets have the shape of the predictions; test_softmax.py has the other one.
ELEMENTWISE = [name for name, *_ in PYTORCH]


def test_every_loss_is_in_a_table():
    assert {*ELEMENTWISE, "softmax_crossentropy"} == set(losses.LOSSES)


@pytest.mark.parametrize(("name", "prediction", "target", "value", "gradient"), PYTORCH)
def test_losses_agree_with_pytorch(name, prediction, target, value, gradient):
    loss = losses.get(name)
    assert loss.value(prediction, target) == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(loss.gradient(prediction, target), gradient, rtol=1e-13, atol=1e-30)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_float32_stays_float32_and_next_to_float64(name):
    rng = np.random.default_rng(0)
    loss, p, t = losses.get(name), rng.uniform(0.01, 0.99, (1000, 1)), rng.integers(0, 2, (1000, 1))
    single = p.astype(np.float32)
    assert loss.value(single, t) == pytest.approx(loss.value(p, t), rel=1e-6)
    assert loss.gradient(single, t).dtype == np.float32
    np.testing.assert_allclose(loss.gradient(single, t), loss.gradient(p, t), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("shape", [(1, 1), (7, 1), (5, 3), (4,)])
def test_gradients_of_losses_are_their_derivatives(name, shape):
    rng = np.random.default_rng(0)
    loss, p, t = losses.get(name), rng.uniform(0.05, 0.95, shape), rng.uniform(0, 1, shape)
    expected = central_difference(lambda: loss.value(p, t), p)
    np.testing.assert_allclose(loss.gradient(p, t), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_value_and_gradient_together_are_value_and_gradient(name):
    rng = np.random.default_rng(0)
    loss, p, t = losses.get(name), rng.uniform(0, 1, (9, 2)), rng.integers(0, 2, (9, 2)).astype(float)
    before = p.copy(), t.copy()
    value, gradient = loss.batch_value_and_gradient(p, t)
    assert value == loss.value(p, t)
    assert not np.shares_memory(gradient, p)
    np.testing.assert_array_equal((p, t), before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipped_probabilities_cost_the_clip_and_get_no_gradient(dtype):
    p = np.array([[0.0], [1.0], [-3.0], [1e-8], [2.0]], dtype)
    loss = losses.binary_crossentropy
    np.testing.assert_array_equal(loss.gradient(p, np.ones_like(p)), 0.0)
    np.testing.assert_array_equal(loss.gradient(p, np.zeros_like(p)), 0.0)
    assert loss.value(p[:1], [[1]]) == pytest.approx(-np.log(1e-7), rel=1e-6)
    assert loss.value(p[1:2], [[1]]) == pytest.approx(1e-7, rel=0.3)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_nan_is_not_hidden(name):
    loss, p = losses.get(name), np.array([[np.nan], [0.5]])
    assert np.isnan(loss.value(p, [[1], [0]]))
    gradient = loss.gradient(p, [[1], [0]])
    assert np.isnan(gradient[0, 0])
    assert np.isfinite(gradient[1, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_any_size_stay_finite(dtype):
    z = np.array([[1e30], [-1e30], [88.0], [-110.0]], dtype)
    for t in (np.zeros_like(z), np.ones_like(z)):
        assert np.isfinite(losses.binary_crossentropy_from_logits.value(z, t))
        assert np.isfinite(losses.binary_crossentropy_from_logits.gradient(z, t)).all()


def test_probabilities_and_logits_say_the_same():
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(50, 1)), rng.uniform(size=(50, 1))
    p = 1 / (1 + np.exp(-z))
    assert losses.binary_crossentropy.value(p, t) == pytest.approx(
        losses.binary_crossentropy_from_logits.value(z, t), rel=1e-13
    )
    np.testing.assert_allclose(
        losses.binary_crossentropy.gradient(p, t) * p * (1 - p),
        losses.binary_crossentropy_from_logits.gradient(z, t),
        rtol=1e-10,
    )


def test_lists_and_integers_are_taken():
    assert losses.mean_squared_error.value([1, 2], [1, 4]) == 2.0
    assert losses.binary_crossentropy.value([0.5], [1]) == pytest.approx(np.log(2))


@pytest.mark.parametrize("name", ["binary_crossentropy", "binary_crossentropy_from_logits"])
@pytest.mark.parametrize("label", [-0.1, 1.1, 2, -1, np.nan, np.inf])
def test_labels_outside_0_1_are_refused(name, label):
    with pytest.raises(ValueError, match=r"expected labels in \[0, 1\]"):
        losses.get(name).value([0.5, 0.5], [1, label])


@pytest.mark.parametrize(
    ("prediction", "target", "error", "message"),
    [
        (np.ones((3, 1)), np.ones(3), ValueError, r"target has shape \(3,\), expected \(3, 1\)"),
        (np.ones((0, 1)), np.ones((0, 1)), ValueError, r"\(0, 1\): no elements"),
        (
            np.ones(2, complex),
            np.ones(2),
            TypeError,
            "prediction has dtype complex128, expected real numbers",
        ),
        (np.ones(2), np.array([1, None]), TypeError, "target has dtype object"),
        (np.ones(2), np.array(["a", "b"]), TypeError, "target has dtype <U1"),
    ],
)
def test_losses_refuse_what_does_not_fit_in_one_line(prediction, target, error, message):
    for method in (losses.mean_squared_error.value, losses.mean_squared_error.gradient):
        with pytest.raises(error, match=message):
            method(prediction, target)


def test_an_unknown_name_lists_the_choices():
    with pytest.raises(ValueError, match="unknown loss 'mse'; choose from mean_squared_error, binary_cross"):
        losses.get("mse")
    with pytest.raises(TypeError, match="loss is 3, expected a name or a Loss"):
        losses.get(3)


def test_a_loss_of_your_own_trains():
    absolute = nn.Loss(
        "absolute",
        lambda p, t: float(np.abs(p - t).mean()),
        lambda p, t: (float(np.abs(p - t).mean()), np.sign(p - t) / p.size),
    )
    x = np.linspace(-1, 1, 64).reshape(-1, 1)
    history = nn.Sequential([nn.Dense(1)]).fit(
        x, 3 * x, epochs=30, loss=absolute, optimizer=nn.SGD(learning_rate=0.1)
    )
    assert history.loss[-1] < 0.1 * history.loss[0]
