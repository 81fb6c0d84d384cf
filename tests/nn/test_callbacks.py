"""What callbacks can do to a training: end it early, follow its steps; and clipping, which is in the steps."""

import copy
import pickle

import numpy as np
import pytest

import relu_fast as rf
from relu_fast import nn

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X.sum(axis=1) > 0).astype(float)


def network() -> nn.Sequential:
    return nn.Sequential([nn.Dense(4), nn.BatchNorm(), nn.Activation("relu"), nn.Dense(1, "sigmoid")])


def told(losses: list[float], stopping: nn.EarlyStopping, name: str = "val_loss") -> list[np.ndarray]:
    """Tell an early stopping of these losses as `fit` would; returns the weights of each epoch it went through."""
    model, weights = network().build(3), []
    stopping.on_train_begin(model)
    for epoch, loss in enumerate(losses, start=1):
        model.parameters[...] = model.averages[...] = epoch
        weights.append(model.parameters[0])
        stopping.on_epoch_end(model, epoch, {"loss": 0.0, name: loss})
        if model.stop_training:
            break
    stopping.on_train_end(model)
    assert model.parameters[0] == model.averages[0]
    return [*weights, model.parameters[0]]


# Losses, options, how many epochs are trained, the best one.
RUNS = [
    ([5.0, 4.0, 3.0, 2.0], {"patience": 1}, 4, 4),
    ([5.0, 4.0, 4.0, 3.0], {"patience": 1}, 3, 2),
    ([5.0, 4.0, 4.0, 3.0], {"patience": 2}, 4, 4),
    ([5.0, 6.0, 4.0, 5.0, 5.0, 3.0], {"patience": 2}, 5, 3),
    ([5.0, 4.5, 4.0, 3.5], {"patience": 1, "min_delta": 0.5}, 2, 1),
    ([5.0, 4.7, 4.4, 4.1], {"patience": 2, "min_delta": 0.5}, 4, 3),
    ([np.nan, np.nan, 1.0], {"patience": 2}, 2, None),
    ([3.0, np.nan, 2.0, np.inf], {"patience": 2}, 4, 3),
]


@pytest.mark.parametrize("restore", [False, True])
@pytest.mark.parametrize(("losses", "options", "trained", "best"), RUNS)
def test_training_ends_after_patience_epochs_without_a_new_best(losses, options, trained, best, restore):
    stopping = nn.EarlyStopping(**options, restore_best_weights=restore)
    *weights, last = told(losses, stopping)
    assert len(weights) == trained
    assert stopping.best_epoch == best
    assert stopping.best == (np.inf if best is None else losses[best - 1])
    assert stopping.stopped_epoch == (trained if trained < len(losses) or losses[0] != losses[0] else None)
    assert last == (best if restore and best is not None else trained)


@pytest.mark.parametrize("monitor", [None, "loss", "val_loss"])
def test_it_looks_at_the_loss_it_is_told_to(monitor):
    stopping = nn.EarlyStopping(patience=1, monitor=monitor)
    model = network().build(3)
    stopping.on_train_begin(model)
    stopping.on_epoch_end(model, 1, {"loss": 1.0, "val_loss": 2.0})
    assert stopping.best == (1.0 if monitor == "loss" else 2.0)


def test_without_validation_data_it_looks_at_the_training_loss():
    stopping = nn.EarlyStopping(patience=1, min_delta=1e9)
    history = network().fit(X, Y, epochs=5, callbacks=[stopping])
    assert len(history.loss) == 2
    assert (stopping.best, stopping.best_epoch) == (history.loss[0], 1)
    with pytest.raises(
        ValueError, match="EarlyStopping looks at 'val_loss', but there is only 'loss': pass val"
    ):
        network().fit(X, Y, epochs=5, callbacks=[nn.EarlyStopping(patience=1, monitor="val_loss")])


def test_a_fit_is_ended_with_the_weights_of_its_best_epoch():
    model, stopping = network(), nn.EarlyStopping(patience=3, restore_best_weights=True)
    # Too large a rate: the loss goes up and down.
    history = model.fit(
        X, Y, epochs=60, optimizer=nn.SGD(learning_rate=3.0), validation_data=(X, Y), callbacks=[stopping]
    )
    best = int(np.argmin(history.val_loss))
    assert stopping.best_epoch == best + 1 < stopping.stopped_epoch == len(history.val_loss) < 60
    assert model.evaluate(X, Y) == history.val_loss[best] == stopping.best < history.val_loss[-1]
    model.fit(X, Y, epochs=1, callbacks=[stopping])
    assert stopping.stopped_epoch is None


def test_the_best_weights_come_back_after_ctrl_c_too():
    class Interrupt(nn.Callback):
        def on_epoch_end(self, model, epoch, logs):
            if epoch == 2:
                model.parameters[...] = 0.0
                raise KeyboardInterrupt

    model, reference = network(), network()
    reference.fit(X, Y, epochs=1)
    stopping = nn.EarlyStopping(patience=5, restore_best_weights=True)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=5, callbacks=[Interrupt(), stopping])
    np.testing.assert_array_equal(model.parameters, reference.parameters)
    np.testing.assert_array_equal(model.averages, reference.averages)


def test_a_training_that_is_ended_early_ends_as_any_other():
    calls = []

    class Stop(nn.Callback):
        def on_epoch_end(self, model, epoch, logs):
            model.stop_training = epoch == 2

        def on_train_end(self, model):
            calls.append(model.stop_training)

    monitor = rf.DeadUnitMonitor()
    model = network()
    history = model.fit(X, Y, epochs=9, validation_data=(X, Y), callbacks=[monitor, Stop()])
    assert len(history.loss) == len(history.val_loss) == 2
    assert [point.step for point in monitor.report().history] == [0, 1, 2]
    assert calls == [True]
    assert len(model.fit(X, Y, epochs=1).loss) == 1


def test_the_optimizer_is_the_models_while_it_trains():
    seen = []

    class Look(nn.Callback):
        def on_train_begin(self, model):
            seen.append(model.optimizer)
            seen.append(copy.deepcopy(model).optimizer)

        def on_train_end(self, model):
            seen.append(model.optimizer)

    model, optimizer = network(), nn.SGD()
    model.fit(X, Y, epochs=1, optimizer=optimizer, callbacks=[Look()])
    assert seen == [optimizer, None, optimizer]
    assert model.optimizer is None
    assert pickle.loads(pickle.dumps(model)).optimizer is None


def test_steps_are_counted_over_all_epochs():
    calls = []

    class Steps(nn.Callback):
        def on_step_begin(self, model, step):
            calls.append(("begin", step))
            self.before = model.parameters.copy()

        def on_step_end(self, model, step):
            calls.append(("end", step))
            moved = self.before - np.float32(0.01) * model.gradients
            np.testing.assert_allclose(model.parameters, moved, rtol=1e-6, atol=1e-9)

    class EndOnly:
        def on_step_end(self, model, step):
            calls.append(("other", step))

    patched = nn.Callback()
    patched.on_step_end = lambda model, step: calls.append(("patched", step))
    callbacks = [Steps(), EndOnly(), nn.Callback(), patched]
    network().fit(X, Y, epochs=2, batch_size=16, optimizer="sgd", callbacks=callbacks)
    assert calls == [(name, step) for step in range(1, 7) for name in ("begin", "end", "other", "patched")]


@pytest.mark.parametrize("clip_norm", [1e-3, 0.2, 1e6])
def test_gradients_are_clipped_to_the_global_norm(clip_norm):
    norms = []

    class Norms(nn.Callback):
        def on_step_end(self, model, step):
            norms.append(float(np.linalg.norm(model.gradients)))

    clipped, by_hand = network().build(3), network().build(3)
    clipped.fit(
        X,
        Y,
        epochs=2,
        batch_size=20,
        shuffle=False,
        optimizer="sgd",
        clip_norm=clip_norm,
        callbacks=[Norms()],
    )
    free, optimizer = [], nn.SGD()
    for step in range(4):
        rows = slice(step % 2 * 20, step % 2 * 20 + 20)
        by_hand.loss_and_gradients(X[rows], Y[rows], "binary_crossentropy")
        free.append(nn.clip_by_global_norm(by_hand.gradients, clip_norm))
        optimizer.step(by_hand.parameters, by_hand.gradients)
    np.testing.assert_array_equal(clipped.parameters, by_hand.parameters)
    np.testing.assert_allclose(norms, np.minimum(free, clip_norm), rtol=1e-5)


def test_a_bound_that_is_never_reached_changes_no_bit():
    free, clipped = network(), network()
    free.fit(X, Y, epochs=3)
    clipped.fit(X, Y, epochs=3, clip_norm=1e30)
    np.testing.assert_array_equal(free.parameters, clipped.parameters)


@pytest.mark.parametrize(
    ("clip_norm", "error"), [(0.0, ValueError), (-1.0, ValueError), (np.nan, ValueError), ("5", TypeError)]
)
def test_a_bound_that_is_none_is_refused_and_nothing_changes(clip_norm, error):
    model = network()
    with pytest.raises(error, match=f"clip_norm is {clip_norm!r}, expected a finite number > 0"):
        model.fit(X, Y, epochs=1, clip_norm=clip_norm)
    assert not model.built


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"patience": 0}, ValueError, "patience is 0, expected an integer >= 1"),
        ({"patience": 1.5}, TypeError, "patience is 1.5"),
        ({"patience": 1, "min_delta": -0.1}, ValueError, "min_delta is -0.1, expected a finite number >= 0"),
        ({"patience": 1, "min_delta": np.nan}, ValueError, "min_delta is nan"),
        (
            {"patience": 1, "monitor": "accuracy"},
            ValueError,
            "monitor is 'accuracy', expected 'val_loss', 'lo",
        ),
        (
            {"patience": 1, "restore_best_weights": 1},
            TypeError,
            "restore_best_weights is 1, expected True or",
        ),
    ],
)
def test_options_out_of_range_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        nn.EarlyStopping(**options)


@pytest.mark.parametrize(
    "callback",
    [
        nn.EarlyStopping(patience=2, monitor="loss", min_delta=0.5, restore_best_weights=True),
        nn.LearningRate(nn.schedules.StepDecay(learning_rate=0.1, length=3), per="step"),
    ],
)
def test_repr_makes_the_callback_again(callback):
    names = {**vars(nn), **vars(nn.schedules)}
    assert repr(eval(repr(callback), names)) == repr(callback)


def test_who_asks_for_it_is_shown_the_validation_data_before_the_first_step():
    calls = []

    class Note(nn.Callback):
        def __init__(self, name, asks):
            self.name, self.initial_validation = name, asks

        def on_epoch_begin(self, model, epoch):
            calls.append((self.name, "epoch", epoch))

        def on_validation_begin(self, model, epoch):
            calls.append((self.name, "begin", epoch))

        def on_validation_end(self, model, epoch):
            calls.append((self.name, "end", epoch))

    callbacks = [Note("asks", True), Note("does not", False)]
    network().fit(X, Y, epochs=1, validation_data=(X, Y), callbacks=callbacks)
    assert calls[:3] == [("asks", "begin", 0), ("asks", "end", 0), ("asks", "epoch", 1)]
    assert ("does not", "begin", 0) not in calls


@pytest.mark.parametrize("options", [{"epochs": 0, "validation_data": (X, Y)}, {"epochs": 1}])
def test_nothing_is_shown_before_a_training_that_does_not_validate(options):
    calls = []

    class Note(nn.Callback):
        initial_validation = True

        def on_validation_begin(self, model, epoch):
            calls.append(epoch)

    network().fit(X, Y, callbacks=[Note()], **options)
    assert calls == []


def test_the_initial_validation_changes_nothing_in_the_training():
    histories, parameters = [], []
    for asks in (False, True):
        watching = nn.Callback()
        watching.initial_validation = asks
        model = network()
        histories.append(model.fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=[watching], seed=3))
        parameters.append(model.parameters)
    assert histories[0] == histories[1]
    np.testing.assert_array_equal(*parameters)
