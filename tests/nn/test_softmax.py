"""The cross-entropy of classes: of logits, with labels or probabilities as targets."""

import numpy as np
import pytest
from nn.differences import central_difference

from relu_fast import nn
from relu_fast.nn.losses import softmax_crossentropy

# What PyTorch 2.13 finds in float64: value and gradient.
LOGITS = np.array([[0.3, -2.0, 1.5], [40.0, -40.0, 0.0], [800.0, 5.0, -800.0], [0.1, 0.2, 0.3]])
PYTORCH = [
    (
        [2, 1, 0, 1],
        20.347041888935333,
        [
            [0.056556277838851234, 0.005670267021388854, -0.06222654486024007],
            [0.25, -0.25, 1.0620885638228972e-18],
            [0.0, 0.0, 0.0],
            [0.07515240133893183, -0.16694375161666317, 0.09179135027773137],
        ],
    ),
    (
        [[0.0, 0.0, 1.0], [0.25, 0.5, 0.25], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5]],
        12.839541888935331,
        [
            [0.056556277838851234, 0.005670267021388854, -0.06222654486024007],
            [0.1875, -0.125, -0.0625],
            [0.0, 0.0, 0.0],
            [0.025152401338931832, 0.008056248383336836, -0.03320864972226863],
        ],
    ),
]


@pytest.mark.parametrize(("target", "value", "gradient"), PYTORCH, ids=["labels", "probabilities"])
def test_it_agrees_with_pytorch(target, value, gradient):
    assert softmax_crossentropy.value(LOGITS, target) == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(
        softmax_crossentropy.gradient(LOGITS, target), gradient, rtol=1e-13, atol=1e-30
    )
    both = softmax_crossentropy.batch_value_and_gradient(LOGITS, np.array(target))
    assert both[0] == softmax_crossentropy.value(LOGITS, target)


@pytest.mark.parametrize("rows", [1, 2, 9])
@pytest.mark.parametrize("labelled", [True, False])
def test_its_gradient_is_the_derivative(rows, labelled):
    rng = np.random.default_rng(rows)
    z = rng.normal(size=(rows, 4))
    target = rng.integers(0, 4, rows) if labelled else rng.dirichlet(np.ones(4), rows)
    expected = central_difference(lambda: softmax_crossentropy.value(z, target), z)
    np.testing.assert_allclose(softmax_crossentropy.gradient(z, target), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_labels_and_one_hot_rows_say_the_same(dtype):
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(50, 5)).astype(dtype), rng.integers(0, 5, 50)
    one_hot = np.eye(5)[labels]
    for target in (one_hot, one_hot.astype(int), labels.reshape(-1, 1), labels.astype(np.uint8)):
        assert softmax_crossentropy.value(z, target) == pytest.approx(
            softmax_crossentropy.value(z, labels), rel=1e-6
        )
        gradient = softmax_crossentropy.gradient(z, target)
        assert gradient.dtype == dtype
        np.testing.assert_array_equal(gradient, softmax_crossentropy.gradient(z, labels))


def test_two_classes_are_the_binary_cross_entropy():
    z, y = np.random.default_rng(0).normal(size=(20, 1)), np.arange(20) % 2
    both = np.hstack([np.zeros_like(z), z])
    binary = nn.losses.binary_crossentropy_from_logits.value(z, y.reshape(-1, 1))
    assert softmax_crossentropy.value(both, y) == pytest.approx(binary, rel=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_any_size_stay_finite(dtype):
    z = np.array([[1e30, -1e30, 0.0], [1e38, 1e38, -1e38]], dtype)
    for target in ([0, 1], np.eye(3)[[0, 1]]):
        assert softmax_crossentropy.value(z, target) == pytest.approx(np.log(2) / 2)
        assert np.isfinite(softmax_crossentropy.gradient(z, target)).all()
    assert softmax_crossentropy.value(z, [1, 2]) > 1e29


def test_a_class_that_is_ruled_out_costs_nothing_where_it_is_not_the_answer():
    z = np.array([[0.0, -np.inf, 0.0]])
    for target in ([0], [[1.0, 0.0, 0.0]]):
        assert softmax_crossentropy.value(z, target) == pytest.approx(np.log(2))
        np.testing.assert_array_equal(softmax_crossentropy.gradient(z, target), [[-0.5, 0.0, 0.5]])
    assert softmax_crossentropy.value(z, [1]) == np.inf


def test_nan_is_not_hidden():
    z = np.array([[np.nan, 0.0], [0.5, 1.0]])
    for target in ([0, 1], np.eye(2)):
        assert np.isnan(softmax_crossentropy.value(z, target))
        gradient = softmax_crossentropy.gradient(z, target)
        assert np.isnan(gradient[0]).all()
        assert np.isfinite(gradient[1]).all()


def test_probabilities_of_logits_sum_to_1():
    z = np.random.default_rng(0).normal(scale=100.0, size=(20, 7))
    p = nn.softmax(z)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    np.testing.assert_allclose(np.log(p[0] / p[0, 0]), z[0] - z[0, 0], rtol=1e-10)
    np.testing.assert_allclose(nn.softmax([0.0, np.log(3.0)]), [0.25, 0.75])


@pytest.mark.parametrize("one_hot", [False, True])
def test_three_classes_are_learned_and_evaluated(one_hot):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    x = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])[labels] + rng.normal(scale=0.3, size=(600, 2))
    y = np.eye(3)[labels] if one_hot else labels
    model = nn.Sequential([nn.Dense(16, "relu", kernel_initializer="he_normal"), nn.Dense(3)])
    history = model.fit(
        x,
        y,
        epochs=10,
        loss="softmax_crossentropy",
        optimizer=nn.Adam(learning_rate=0.01),
        validation_data=(x, y),
    )
    assert history.val_loss[-1] < 0.15
    assert model.evaluate(x, y, loss="softmax_crossentropy", batch_size=7) == pytest.approx(
        softmax_crossentropy.value(model(x), y), rel=1e-5
    )
    assert (model.predict(x).argmax(axis=1) == labels).mean() > 0.95


LABELS = np.array([0, 1, 2, 1])


@pytest.mark.parametrize(
    ("y", "units", "error", "message"),
    [
        (LABELS, 1, ValueError, "softmax_crossentropy got a prediction with 1 column, expected one for each"),
        (LABELS, 2, ValueError, "y holds classes from 0 to 2, expected 0 to 1"),
        (LABELS - 1, 3, ValueError, "y holds classes from -1 to 1, expected 0 to 2"),
        (LABELS.astype(float), 3, TypeError, "y has dtype float64, expected integers, a class per example"),
        (LABELS[:3], 3, ValueError, r"y has shape \(3,\), expected \(4,\), a class per example, or \(4, 3\)"),
        (np.eye(4), 3, ValueError, r"y has shape \(4, 4\), expected \(4,\)"),
        (np.eye(3), 3, ValueError, r"y has shape \(3, 3\), expected \(4, 3\)"),
        (np.full((4, 3), 0.3), 3, ValueError, "y sums to 0.9 in row 0, expected 1 in every row"),
        (np.eye(4, 3), 3, ValueError, "y sums to 0 in row 3, expected 1 in every row"),
        (np.eye(4, 3) * 2, 3, ValueError, r"y holds values from 0.0 to 2.0, expected labels in \[0, 1\]"),
        (np.eye(4, 3) * np.nan, 3, ValueError, "y holds 12 values that are NaN or infinite"),
        (LABELS.astype(str), 3, TypeError, "y has dtype <U21, expected integers"),
    ],
)
def test_targets_that_do_not_fit_are_refused_in_one_line_and_nothing_changes(y, units, error, message):
    model = nn.Sequential([nn.Dense(units)]).build(2)
    before = model.parameters.copy()
    with pytest.raises(error, match=message) as caught:
        model.fit(np.ones((4, 2)), y, epochs=1, loss="softmax_crossentropy")
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(model.parameters, before)


def test_no_examples_and_no_columns_are_refused():
    with pytest.raises(ValueError, match=r"target has shape \(0,\): no examples"):
        softmax_crossentropy.value(np.ones((0, 3)), np.ones(0, int))
    with pytest.raises(ValueError, match=r"prediction has shape \(3,\), expected \(rows, classes\)"):
        softmax_crossentropy.value(np.ones(3), [0])
