import tracemalloc

import numpy as np
import pytest

from relu_fast import nn
from relu_fast.lab import data as data_module
from relu_fast.lab.data import BYTES_PER_ROW, TARGETS, make_data

ROWS = 20_000


@pytest.fixture(scope="module", params=TARGETS)
def data(request):
    return request.param, make_data(ROWS, target=request.param, seed=0)


def together(data):
    return np.concatenate([data.x, data.val_x]), np.concatenate([data.y, data.val_y])


def test_inputs_are_float32_inside_the_open_interval_and_spread_over_it(data):
    x, _ = together(data[1])
    assert x.shape == (ROWS, 4)
    assert x.dtype == np.float32
    assert -1 < x.min() < -0.999
    assert 0 > x.max() > -0.001
    np.testing.assert_allclose(x.mean(axis=0), -0.5, atol=4 / np.sqrt(12 * ROWS))
    np.testing.assert_allclose(x.std(axis=0), 1 / np.sqrt(12), atol=0.005)


def test_labels_are_zeros_and_ones_in_equal_parts(data):
    _, y = together(data[1])
    assert y.shape == (ROWS, 1)
    assert y.dtype == np.float32
    assert set(np.unique(y)) == {0, 1}
    assert abs(y.mean() - 0.5) < 4 / np.sqrt(4 * ROWS)


def test_the_first_seven_tenths_train(data):
    assert len(data[1].x) == len(data[1].y) == 14_000
    assert len(data[1].val_x) == len(data[1].val_y) == 6_000


@pytest.mark.parametrize(("samples", "train"), [(10, 7), (11, 7), (13, 9), (2, 1)])
def test_the_split_rounds_down(samples, train):
    data = make_data(samples, target="random", seed=0)
    assert (len(data.x), len(data.val_x)) == (train, samples - train)


@pytest.mark.parametrize(
    ("target", "definition"),
    [
        ("sum", lambda x: x[:, 0] + x[:, 1] + x[:, 2] + x[:, 3] > -2),
        ("abs", lambda x: sum(abs(x[:, i] + 0.5) for i in range(4)) > 1),
    ],
)
def test_a_learnable_target_follows_its_definition(target, definition):
    x, y = together(make_data(ROWS, target=target, seed=3))
    np.testing.assert_array_equal(y[:, 0], definition(x.astype(np.float64)))


def test_random_labels_have_nothing_to_do_with_the_inputs():
    x, y = together(make_data(ROWS, target="random", seed=0))
    features = np.column_stack([x, abs(x + 0.5)])
    correlations = [np.corrcoef(feature, y[:, 0])[0, 1] for feature in features.T]
    assert np.abs(correlations).max() < 4 / np.sqrt(ROWS)


def test_inputs_do_not_depend_on_the_target():
    first, *others = (make_data(100, target=target, seed=5).x for target in TARGETS)
    for other in others:
        np.testing.assert_array_equal(first, other)


def test_the_first_rows_do_not_depend_on_the_number_of_rows():
    few, many = (together(make_data(n, target="random", seed=5)) for n in (50, 500))
    np.testing.assert_array_equal(few[0], many[0][:50])
    np.testing.assert_array_equal(few[1], many[1][:50])


def test_the_seed_decides():
    one, same, other = (make_data(100, target="random", seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.x, same.x)
    np.testing.assert_array_equal(one.y, same.y)
    assert (one.x != other.x).any()
    assert (one.y != other.y).any()


def test_only_random_labels_have_a_floor():
    assert {name: target.loss_floor for name, target in TARGETS.items()} == {
        "random": pytest.approx(0.6931471805599453, abs=0),
        "sum": None,
        "abs": None,
    }


def test_not_even_the_rarest_draw_reaches_an_end_of_the_interval(monkeypatch):
    class Extremes:
        def integers(self, low, high, size, dtype=np.int64):
            return np.resize(np.array([low, high - 1], dtype), size)

    monkeypatch.setattr(data_module, "_stream", lambda seed, purpose: Extremes())
    x, _ = together(make_data(10, target="random", seed=0))
    assert set(np.unique(x)) == {np.float32(-1 + 2**-24), np.float32(-(2**-24))}


@pytest.mark.parametrize("target", ["sum", "abs"])
def test_a_small_network_learns_a_learnable_target(target):
    data = make_data(4000, target=target, seed=0)
    model = nn.Sequential([nn.Dense(32, "tanh"), nn.Dense(32, "tanh"), nn.Dense(1, "sigmoid")])
    history = model.fit(
        data.x,
        data.y,
        epochs=30,
        optimizer=nn.Adam(learning_rate=0.01),
        validation_data=(data.val_x, data.val_y),
        progress=False,
    )
    assert min(history.val_loss) < 0.2


def test_the_memory_it_takes_is_what_is_said():
    peaks = []
    for target in TARGETS:
        tracemalloc.start()
        make_data(ROWS, target=target, seed=0)
        peaks.append(tracemalloc.get_traced_memory()[1] / ROWS)
        tracemalloc.stop()
    assert max(peaks) == pytest.approx(BYTES_PER_ROW, rel=0.05)
