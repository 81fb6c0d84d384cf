import copy
import pickle

import numpy as np
import pytest

import relu_fast as rf
from relu_fast import nn


def network(*layers: nn.Layer) -> nn.Sequential:
    return nn.Sequential(layers or [nn.Dense(8, "relu"), nn.Dropout(0.2), nn.Dense(1, "sigmoid")])


def data(rows: int = 100, features: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (rows, features)).astype(np.float32)
    return x, (x.sum(axis=1) > 0).astype(np.float32)


class Recorder(nn.Callback):
    """Writes down what is called, and raises `error` at the call named `at`."""

    def __init__(self, calls: list, at: tuple = (), error: type[BaseException] = RuntimeError) -> None:
        self.calls, self.at, self.error = calls, at, error

    def record(self, *call: object) -> None:
        self.calls.append(call)
        if call[: len(self.at)] == self.at and self.at:
            raise self.error("stop")

    def on_train_begin(self, model):
        self.record("train begin")

    def on_train_end(self, model):
        self.record("train end")

    def on_epoch_begin(self, model, epoch):
        self.record("epoch begin", epoch)

    def on_epoch_end(self, model, epoch, logs):
        self.record("epoch end", epoch, tuple(logs))

    def on_validation_begin(self, model, epoch):
        self.record("validation begin", epoch)

    def on_validation_end(self, model, epoch):
        self.record("validation end", epoch)


def test_fit_learns_what_can_be_learned():
    x, y = data(2000)
    model = nn.Sequential([nn.Dense(16, "relu", kernel_initializer="he_normal"), nn.Dense(1, "sigmoid")])
    history = model.fit(x, y, epochs=20, validation_data=data(500, seed=1))
    assert history.loss[-1] < 0.2 < 0.4 < history.loss[0]
    assert history.val_loss[-1] < 0.2
    x, y = data(500, seed=2)
    assert ((model.predict(x) > 0.5).ravel() == y).mean() > 0.95


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_seed_gives_the_same_numbers(dtype):
    def run(seed: int) -> tuple[list[float], np.ndarray]:
        model = network().build(4, seed=seed, dtype=dtype)
        history = model.fit(*data(), epochs=3, seed=seed, validation_data=data(30, seed=1))
        return [*history.loss, *history.val_loss], model.parameters

    first, second, other = run(1), run(1), run(2)
    assert first[0] == second[0] != other[0]
    np.testing.assert_array_equal(first[1], second[1])


def test_fit_builds_with_its_seed():
    built, unbuilt = network().build(4, seed=3), network()
    for model in (built, unbuilt):
        model.fit(*data(), epochs=2, seed=3)
    np.testing.assert_array_equal(built.parameters, unbuilt.parameters)
    assert unbuilt.features == 4
    assert unbuilt.dtype == np.float32


def test_noise_drawn_before_fit_does_not_matter():
    fresh, used = network().build(4), network().build(4)
    used(np.ones((3, 4)), training=True)
    for model in (fresh, used):
        model.fit(*data(), epochs=2)
    np.testing.assert_array_equal(fresh.parameters, used.parameters)


def test_watching_and_validating_change_no_number():
    plain, watched = network(), network()
    plain.fit(*data(), epochs=3)
    watched.fit(*data(), epochs=3, validation_data=data(50, seed=1), callbacks=[rf.DeadUnitMonitor()])
    np.testing.assert_array_equal(plain.parameters, watched.parameters)


def test_fit_is_the_loop_that_one_would_write():
    x, y = data(50)
    y = y.reshape(-1, 1)
    fitted, by_hand = network().build(4, seed=1), network().build(4, seed=1)
    history = fitted.fit(x, y, epochs=2, batch_size=16, shuffle=False, optimizer=nn.SGD(momentum=0.5), seed=1)
    optimizer, losses = nn.SGD(momentum=0.5), []
    for _ in range(2):
        total = 0.0
        for rows in (slice(0, 16), slice(16, 32), slice(32, 48), slice(48, 50)):
            total += len(x[rows]) * by_hand.loss_and_gradients(x[rows], y[rows], "binary_crossentropy")
            optimizer.step(by_hand.parameters, by_hand.gradients)
        losses.append(total / 50)
    np.testing.assert_array_equal(fitted.parameters, by_hand.parameters)
    assert history.loss == pytest.approx(losses, rel=1e-12)


class Batches(nn.Loss):
    """The squared error, which also remembers the targets of every batch."""

    def __init__(self):
        object.__setattr__(self, "seen", [])
        squared = nn.losses.mean_squared_error

        def remember(p, t):
            self.seen.append(t.ravel().tolist())
            return squared.batch_value_and_gradient(p, t)

        super().__init__("remembering", squared.batch_value, remember)


@pytest.mark.parametrize("shuffle", [False, True])
def test_every_epoch_takes_every_row_once_and_shuffling_changes_the_order(shuffle):
    x, y, loss = np.zeros((10, 1)), np.arange(10.0), Batches()
    nn.Sequential([nn.Dense(1)]).fit(x, y, epochs=2, batch_size=4, loss=loss, shuffle=shuffle)
    assert [len(rows) for rows in loss.seen] == [4, 4, 2] * 2
    epochs = [[row for rows in batches for row in rows] for batches in (loss.seen[:3], loss.seen[3:])]
    for order in epochs:
        assert sorted(order) == y.tolist()
        assert (order == y.tolist()) is (not shuffle)
    assert (epochs[0] != epochs[1]) is shuffle


def test_rows_of_x_and_y_stay_together_when_shuffled():
    x = np.arange(40, dtype=np.float64).reshape(-1, 1) / 40
    model = nn.Sequential([nn.Dense(1)]).build(1, dtype=np.float64)
    history = model.fit(x, 2 * x + 1, epochs=300, batch_size=8, loss="mean_squared_error", optimizer="adam")
    assert history.loss[-1] < history.loss[0]
    model.layers[0].kernel[...], model.layers[0].bias[...] = 2.0, 1.0
    exact = model.fit(x, 2 * x + 1, epochs=1, batch_size=8, loss="mean_squared_error", optimizer=nn.SGD())
    assert exact.loss[0] == pytest.approx(0.0, abs=1e-25)


def test_one_dimensional_and_integer_targets_are_taken():
    x, y = data()
    histories = [
        network().fit(x, labels, epochs=2)
        for labels in (y, y.reshape(-1, 1), y.astype(int), y.astype(bool), y.astype(int).tolist())
    ]
    assert all(history == histories[0] for history in histories)
    integers = network().fit(np.arange(40).reshape(10, 4), np.zeros(10), epochs=1)
    assert np.isfinite(integers.loss[0])


def test_the_callers_arrays_are_only_read():
    x, y = data()
    x.flags.writeable = y.flags.writeable = False
    network().fit(x, y, epochs=1, validation_data=(x, y))


def test_callbacks_are_called_in_order():
    first, second = [], []
    both = []
    network().fit(
        *data(),
        epochs=2,
        validation_data=data(),
        callbacks=[Recorder(first), Recorder(both), Recorder(both), object()],
    )
    epochs = [
        call
        for epoch in (1, 2)
        for call in (
            ("epoch begin", epoch),
            ("validation begin", epoch),
            ("validation end", epoch),
            ("epoch end", epoch, ("loss", "val_loss")),
        )
    ]
    assert first == [("train begin",), *epochs, ("train end",)]
    assert both == [call for call in first for _ in range(2)]
    network().fit(*data(), epochs=1, callbacks=[Recorder(second)])
    assert second == [("train begin",), ("epoch begin", 1), ("epoch end", 1, ("loss",)), ("train end",)]


def test_logs_are_the_history():
    seen = []

    class Keep(nn.Callback):
        def on_epoch_end(self, model, epoch, logs):
            seen.append(dict(logs))

    model = network()
    validation = data(30, seed=1)
    history = model.fit(*data(), epochs=3, validation_data=validation, callbacks=[Keep()])
    assert [logs["loss"] for logs in seen] == history.loss
    assert [logs["val_loss"] for logs in seen] == history.val_loss
    assert history.val_loss[-1] == model.evaluate(*validation)
    assert network().fit(*data(), epochs=1) == nn.History(loss=history.loss[:1], val_loss=[])


def test_no_epochs_only_build():
    calls = []
    model = network()
    assert model.fit(*data(), epochs=0, callbacks=[Recorder(calls)]) == nn.History()
    assert calls == [("train begin",), ("train end",)]
    np.testing.assert_array_equal(model.parameters, network().build(4).parameters)


def test_validation_is_a_complete_pass_in_evaluation_mode_with_weights_at_rest():
    class Watch(nn.Callback):
        def on_validation_begin(self, model, epoch):
            self.before = model.parameters.copy()
            for layer in model.layers:
                if layer.activation is not None:
                    layer.stats = rf.UnitStats(layer.units)

        def on_validation_end(self, model, epoch):
            np.testing.assert_array_equal(model.parameters, self.before)
            self.seen = [layer.stats.seen.tolist() for layer in model.layers if layer.activation is not None]
            self.loss = nn.losses.binary_crossentropy.value(model(x), y)
            for layer in model.layers:
                layer.stats = None

    x, y = data(5000, seed=1)
    y = y.reshape(-1, 1)
    watch = Watch()
    history = network().fit(*data(), epochs=1, validation_data=(x, y), callbacks=[watch])
    assert watch.seen == [[5000] * 8, [5000]]
    assert history.val_loss[0] == pytest.approx(watch.loss, rel=1e-5)


def test_the_monitor_is_a_callback():
    monitor = rf.DeadUnitMonitor()
    model = nn.Sequential([nn.Dense(6, "relu", name="hidden"), nn.Dense(1, "sigmoid")]).build(4)
    model.layers[0].bias[:2] = -100.0
    model.fit(*data(), epochs=2, validation_data=data(40, seed=1), callbacks=[monitor])
    report = monitor.report()
    assert report.layers["hidden"].dead == 2
    assert report.layers["hidden"].states[:2].tolist() == ["dead", "dead"]
    assert all(layer.stats is None and layer.grad_stats is None for layer in model.layers)


INTERRUPTIONS = [
    ("train begin",),
    ("epoch begin", 2),
    ("validation begin", 1),
    ("validation end", 1),
    ("epoch end", 1),
]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("at", INTERRUPTIONS)
def test_training_that_is_interrupted_still_ends(at, error):
    calls, others = [], []
    with pytest.raises(error):
        network().fit(
            *data(),
            epochs=3,
            validation_data=data(),
            callbacks=[Recorder(others), Recorder(calls, at, error)],
        )
    assert calls[-1] == others[-1] == ("train end",)
    assert calls[-2][: len(at)] == at


def test_ctrl_c_within_a_step_ends_training_and_leaves_what_was_learned():
    def interrupt(p, t):
        if len(calls) > 1 and calls[-1] == ("epoch begin", 2):
            raise KeyboardInterrupt
        return nn.losses.binary_crossentropy.batch_value_and_gradient(p, t)

    calls: list = []
    loss = nn.Loss("interrupting", nn.losses.binary_crossentropy.batch_value, interrupt)
    model, reference = network(), network()
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data(), epochs=5, loss=loss, callbacks=[Recorder(calls)])
    assert calls == [
        ("train begin",),
        ("epoch begin", 1),
        ("epoch end", 1, ("loss",)),
        ("epoch begin", 2),
        ("train end",),
    ]
    reference.fit(*data(), epochs=1)
    np.testing.assert_array_equal(model.parameters, reference.parameters)


def test_a_validation_that_is_interrupted_has_no_end():
    def interrupt(p, t):
        raise KeyboardInterrupt

    calls: list = []
    loss = nn.Loss("interrupting", interrupt, nn.losses.binary_crossentropy.batch_value_and_gradient)
    with pytest.raises(KeyboardInterrupt):
        network().fit(*data(), epochs=5, loss=loss, validation_data=data(), callbacks=[Recorder(calls)])
    assert calls == [("train begin",), ("epoch begin", 1), ("validation begin", 1), ("train end",)]


def test_every_callback_that_began_ends_even_if_another_fails_to():
    first, second, never = [], [], []
    callbacks = [
        Recorder(first, ("train end",)),
        Recorder(second),
        Recorder([], ("train begin",)),
        Recorder(never),
    ]
    with pytest.raises(RuntimeError, match="stop"):
        network().fit(*data(), epochs=1, callbacks=callbacks)
    assert first == second == [("train begin",), ("train end",)]
    assert never == []


def with_value(array: np.ndarray, place: object, value: float) -> np.ndarray:
    changed = array.copy()
    changed[place] = value
    return changed


X, Y = data(12)
BAD = [
    ({"epochs": -1}, ValueError, "epochs is -1, expected an integer >= 0"),
    ({"epochs": 1.5}, TypeError, "epochs is 1.5, expected an integer"),
    ({"batch_size": 0}, ValueError, "batch_size is 0, expected an integer >= 1"),
    ({"batch_size": "32"}, TypeError, "batch_size is '32'"),
    ({"loss": "crossentropy"}, ValueError, "unknown loss 'crossentropy'; choose from"),
    ({"optimizer": "rmsprop"}, ValueError, "unknown optimizer 'rmsprop'; choose from sgd, adam"),
    ({"callbacks": 3}, TypeError, "callbacks is 3, expected a list"),
    ({"seed": -1}, ValueError, "seed is -1, expected an integer >= 0"),
    ({"callbacks": [nn.Callback]}, TypeError, "callbacks holds the class Callback, expected an object"),
    ({"x": X * np.nan}, ValueError, r"^x holds 48 values that are NaN or infinite, the first at \(0, 0\)"),
    ({"x": with_value(X, (3, 2), np.inf)}, ValueError, r"^x holds 1 values .*the first at \(3, 2\)"),
    ({"y": with_value(Y, 5, np.nan)}, ValueError, r"^y holds 1 values .*the first at \(5, 0\)"),
    ({"validation_data": (X * np.nan, Y)}, ValueError, "validation x holds 48 values that are NaN"),
    ({"validation_data": (X, Y - np.inf)}, ValueError, "validation y holds .* NaN or infinite"),
    ({"x": X[0]}, ValueError, r"x has shape \(4,\)"),
    ({"x": X[:, :3]}, ValueError, r"x has shape \(12, 3\), expected \(rows, 4\)"),
    ({"x": X.astype(complex)}, TypeError, "x has dtype complex128"),
    ({"x": X.astype(object)}, TypeError, "x has dtype object"),
    ({"y": Y[:-1]}, ValueError, r"y has shape \(11, 1\), expected \(12, 1\)"),
    ({"y": np.stack([Y, Y], axis=1)}, ValueError, r"y has shape \(12, 2\), expected \(12, 1\)"),
    ({"y": 2 * Y}, ValueError, r"y holds values from 0.0 to 2.0, expected labels in \[0, 1\]"),
    ({"y": Y - 1}, ValueError, r"expected labels in \[0, 1\]"),
    ({"x": X[:0], "y": Y[:0]}, ValueError, "no examples"),
    ({"validation_data": X}, ValueError, r"validation_data is a ndarray, expected a pair \(x, y\)"),
    ({"validation_data": (X,)}, ValueError, "expected a pair"),
    ({"validation_data": (X[:, :2], Y)}, ValueError, r"validation x has shape \(12, 2\)"),
    ({"validation_data": (X, Y[:3])}, ValueError, r"validation y has shape \(3, 1\)"),
    ({"validation_data": (X[:0], Y[:0])}, ValueError, "validation y has shape .*no examples"),
    ({"validation_data": (X, Y + 1)}, ValueError, "validation y holds values from 1.0 to 2.0"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD)
def test_bad_input_is_refused_in_one_line_and_nothing_changes(options, error, message):
    calls: list = []
    model = network().build(4)
    before = model.parameters.copy()
    arguments = {"x": X, "y": Y, "epochs": 1, "callbacks": [Recorder(calls)], **options}
    with pytest.raises(error, match=message) as caught:
        model.fit(**arguments)
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(model.parameters, before)
    assert calls == []


@pytest.mark.parametrize(
    ("options", "error", "message"), [row for row in BAD if "expected \\(rows, 4" not in row[2]]
)
def test_bad_input_does_not_build_a_model(options, error, message):
    model = network()
    with pytest.raises(error, match=message):
        model.fit(**{"x": X, "y": Y, "epochs": 1, **options})
    assert not model.built


def test_an_optimizer_that_moves_another_model_is_refused():
    optimizer = nn.Adam()
    network().fit(X, Y, epochs=1, optimizer=optimizer)
    other = network().build(4)
    before = other.parameters.copy()
    with pytest.raises(ValueError, match="already moves another parameter vector"):
        other.fit(X, Y, epochs=1, optimizer=optimizer)
    np.testing.assert_array_equal(other.parameters, before)
    unbuilt = network()
    with pytest.raises(ValueError, match="already moves another parameter vector"):
        unbuilt.fit(X, Y, epochs=1, optimizer=optimizer)
    assert not unbuilt.built


PREDICTS = [f"on_{when}" for when in ("train_begin", "epoch_begin", "validation_begin", "validation_end")]


@pytest.mark.parametrize("monitor_first", [True, False])
@pytest.mark.parametrize("method", [*PREDICTS, "on_epoch_end", "on_train_end"])
def test_what_a_callback_asks_the_model_is_not_counted(method, monitor_first):
    def ask(model, *_):
        model.predict(X)
        model.evaluate(X, Y)
        model(X)

    asking, monitor = nn.Callback(), rf.DeadUnitMonitor()
    setattr(asking, method, ask)
    callbacks = [monitor, asking] if monitor_first else [asking, monitor]
    network().fit(*data(70), epochs=2, validation_data=data(30, seed=1), callbacks=callbacks)
    for point in monitor.report().history:
        trained = {} if point.initial else {"train": 70}
        assert point.phases.keys() == {*trained, "validation"}
        for phase, rows in (trained | {"validation": 30}).items():
            assert point.phases[phase].layers["dense_1"].seen.tolist() == [rows] * 8
    assert monitor.report().step == 2  # nothing came after the last snapshot


def test_copies_that_a_callback_makes_are_unwatched_models():
    class Keep(nn.Callback):
        def on_validation_begin(self, model, epoch):
            self.copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]

    keep = Keep()
    network().fit(X, Y, epochs=1, validation_data=(X, Y), callbacks=[rf.DeadUnitMonitor(), keep])
    for model in keep.copies:
        assert (model.layers[0].stats, model.layers[0].grad_stats) == (None, None)
        monitor = rf.DeadUnitMonitor()
        model.fit(X, Y, epochs=1, validation_data=(X, Y), callbacks=[monitor])
        assert monitor.report().phases["validation"].examples == (12, 12)


def test_two_monitors_are_refused_before_training():
    model = network().build(4)
    before = model.parameters.copy()
    with pytest.raises(ValueError, match="'dense_1' fills the statistics of another monitor, expected one"):
        model.fit(X, Y, epochs=1, callbacks=[rf.DeadUnitMonitor(), rf.DeadUnitMonitor()])
    np.testing.assert_array_equal(model.parameters, before)
    assert model.layers[0].stats is None
    for _ in range(2):  # one after the other they may watch
        model.fit(X, Y, epochs=1, callbacks=[rf.DeadUnitMonitor()])


def test_training_goes_on_where_it_stopped():
    twice, once = network(nn.Dense(1, "sigmoid")), network(nn.Dense(1, "sigmoid"))
    optimizer = nn.Adam()
    for _ in range(2):
        twice.fit(X, Y, epochs=3, optimizer=optimizer, shuffle=False)
    once.fit(X, Y, epochs=6, shuffle=False)
    np.testing.assert_array_equal(twice.parameters, once.parameters)
