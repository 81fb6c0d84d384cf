"""What a layer keeps for its backward pass: its output, its pre-activation, or one bit an element of it."""

import copy
import pickle

import numpy as np
import pytest

import relu_fast as rf
from relu_fast import nn

MASKED = [(name, {}) for name, row in rf.ACTIVATIONS.items() if row.mask]
MASKED += [
    ("leaky_relu", {"negative_slope": 0.2}),
    ("leaky_relu", {"negative_slope": np.linspace(0.1, 0.9, 33)}),
]
MASKED += [("hardtanh", {"min_val": -0.2, "max_val": 0.4})]


def trained(save, activation, params, dtype):
    """A model after a few epochs, the last batch of each smaller than the others."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(70, 5)), rng.integers(0, 2, (70, 1))
    model = nn.Sequential(
        [
            nn.Dense(33, activation, save=save, bias_initializer="random_normal", **params),
            nn.Dropout(0.2),
            nn.Dense(9, activation, save=save, **{k: np.ravel(v)[0] for k, v in params.items()}),
            nn.Dense(1, "sigmoid"),
        ]
    ).build(5, dtype=dtype)
    layer = model.layers[0]
    layer.stats, layer.grad_stats = rf.UnitStats(33), rf.GradStats(33)
    history = model.fit(x, y, epochs=4, batch_size=32, validation_data=(x, y))
    return model, history, layer.stats, layer.grad_stats


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("activation", "params"), MASKED, ids=str)
def test_training_with_masks_gives_the_same_bits(activation, params, dtype):
    model, *seen = trained("mask", activation, params, dtype)
    others = ["pre_activation", "output"] if rf.ACTIVATIONS[activation].from_y else ["pre_activation"]
    for save in others:
        other, *seen_too = trained(save, activation, params, dtype)
        np.testing.assert_array_equal(model.parameters, other.parameters)
        assert seen == seen_too


def saved_bytes(save, activation="relu", units=64, rows=128):
    model = nn.Sequential([nn.Dense(units, activation, save=save), nn.Dense(1)]).build(3)
    model.loss_and_gradients(np.ones((rows, 3)), np.ones((rows, 1)), "mean_squared_error")
    saved = model.layers[0].saved
    return 0 if saved is None else saved.nbytes


def test_a_mask_takes_one_thirty_second_of_the_pre_activation():
    assert saved_bytes("pre_activation") == 128 * 64 * 4
    assert saved_bytes("mask") * 32 == saved_bytes("pre_activation")
    assert saved_bytes("output") == 0  # it is there anyway


@pytest.mark.parametrize("activation", rf.ACTIVATIONS)
def test_by_default_the_output_is_enough_where_it_tells_the_gradient(activation):
    params = {"weight": 0.1} if activation == "prelu" else {}
    layer = nn.Dense(3, activation, **params)
    assert layer.save == ("output" if rf.ACTIVATIONS[activation].from_y else "pre_activation")
    assert nn.Dense(3).save is None


def test_a_negative_slope_trains_from_the_pre_activation():
    layer = nn.Dense(2, "leaky_relu", negative_slope=-0.5, save="pre_activation")
    nn.Sequential([layer]).build(2, dtype=np.float64)
    layer.kernel[...] = np.eye(2)
    x = np.array([[1.0, -2.0]])
    y = layer.forward(x)
    np.testing.assert_array_equal(y, [[1.0, 1.0]])
    np.testing.assert_array_equal(layer.backward(np.ones((1, 2)), x, y), [[1.0, -0.5]])


@pytest.mark.parametrize("save", ["mask", "pre_activation"])
def test_what_is_kept_is_used_again_and_grows_with_the_batch(save):
    layer = nn.Dense(8, "relu", save=save)
    nn.Sequential([layer]).build(3)
    memory = []
    for rows in (16, 8, 16, 32, 5):
        layer.forward(np.ones((rows, 3), np.float32))
        assert layer.saved.nbytes == rows * (1 if save == "mask" else 8 * 4)
        memory.append(layer.saved.ctypes.data)
    assert memory[0] == memory[1] == memory[2]
    assert memory[3] == memory[4]


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_do_not_carry_what_was_saved(clone):
    model = nn.Sequential([nn.Dense(8, "relu", save="mask")]).build(3)
    model(np.ones((16, 3)))
    copied = clone(model)
    assert copied.layers[0].saved is None
    np.testing.assert_array_equal(copied(np.ones((4, 3))), model(np.ones((4, 3))))
