"""The monitor in a real training: causes of deaths, permanent units, what looking at steps finds and costs."""

import copy

import numpy as np
import pytest

import relu_fast as rf
from relu_fast import nn
from relu_fast.history import JUMP
from relu_fast.nn.initializers import random_normal, random_uniform
from relu_fast.weights_watch import REFRESH, WeightsWatch, chains

RNG = np.random.default_rng(0)
X = RNG.uniform(-1.0, 0.0, (64, 4)).astype(np.float32)
Y = (RNG.random(64) < 0.5).astype(np.float32)
VALIDATION = (X[:32], Y[:32])

POSITIVE = random_uniform(minval=0.5, maxval=1.0)
NEGATIVE = random_uniform(minval=-1.0, maxval=-0.5)


class At(nn.Callback):
    """Does something to the model when an epoch begins."""

    def __init__(self, epoch, act):
        self.epoch, self.act = epoch, act

    def on_epoch_begin(self, model, epoch):
        if epoch == self.epoch:
            self.act(model)


def trained(layers, *others, epochs=3, optimizer=None, monitor=None, **options):
    """The report of a training with small steps, unless said otherwise."""
    monitor = monitor or rf.DeadUnitMonitor()
    model = nn.Sequential(layers)
    model.fit(
        *(X, Y),
        epochs=epochs,
        optimizer=optimizer or nn.SGD(learning_rate=1e-4),
        batch_size=16,
        validation_data=VALIDATION,
        callbacks=[*others, monitor],
        progress=False,
        **options,
    )
    return monitor.report()


def happened(report):
    return {(e.layer, e.kind, e.step, e.cause and e.cause.kind) for e in report.events}


def living(units=6):
    return nn.Dense(units, "relu", kernel_initializer=NEGATIVE, name="fc1")


def test_there_is_a_snapshot_before_the_first_step():
    report = trained([living(), nn.Dense(1, "sigmoid")])
    assert [(point.step, point.initial) for point in report.history] == [
        (0, True),
        (1, False),
        (2, False),
        (3, False),
    ]
    assert list(report.history[0].phases) == ["validation"]


def test_the_snapshot_before_the_first_step_costs_one_pass_over_the_validation_data(monkeypatch):
    passes, evaluate = [], nn.Sequential.evaluate

    def counted(model, *arguments, **options):
        passes.append(len(arguments[0]))
        return evaluate(model, *arguments, **options)

    monkeypatch.setattr(nn.Sequential, "evaluate", counted)
    trained([living(), nn.Dense(1, "sigmoid")])
    assert passes == [32] * 4


def test_the_monitor_changes_nothing_in_the_training():
    parameters = []
    for callbacks in ([], [rf.DeadUnitMonitor()]):
        model = nn.Sequential([nn.Dense(6, "relu"), nn.Dropout(0.2), nn.Dense(1, "sigmoid")])
        model.fit(X, Y, epochs=2, validation_data=VALIDATION, callbacks=callbacks)
        parameters.append(model.parameters)
    np.testing.assert_array_equal(*parameters)


def test_without_validation_data_the_first_snapshot_is_that_of_the_first_epoch():
    monitor = rf.DeadUnitMonitor()
    nn.Sequential([living()]).fit(
        X, Y.repeat(6).reshape(-1, 6), epochs=2, loss="mean_squared_error", callbacks=[monitor]
    )
    report = monitor.report()
    assert [(point.step, point.initial) for point in report.history] == [(1, False), (2, False)]
    assert report.layers["fc1"].flags["dormant"] is not None  # counted in training then


def test_a_second_training_has_no_snapshot_before_its_first_step():
    monitor, model = rf.DeadUnitMonitor(), nn.Sequential([living(), nn.Dense(1, "sigmoid")])
    for _ in range(2):
        model.fit(X, Y, epochs=1, validation_data=VALIDATION, callbacks=[monitor])
    assert [point.step for point in monitor.report().history] == [0, 1, 1]


def test_what_was_trained_before_by_hand_leaves_no_snapshot_before_the_first_step():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", np.ones((1, 6)))
    report = trained([living(), nn.Dense(1, "sigmoid")], monitor=monitor, epochs=1)
    assert [point.step for point in report.history] == [1]


def test_flags_are_read_from_the_validation_where_there_is_one():
    report = trained([living(), nn.Dense(1, "sigmoid")])
    for point in report.history[1:]:
        assert point.phases["train"].layers["fc1"].sum_abs is None
        assert point.phases["validation"].layers["fc1"].sum_abs is not None
    assert report.layers["fc1"].flags["dormant"].tolist() == [False] * 6


# Causes


def test_in_a_healthy_training_nothing_happens():
    assert happened(trained([living(), living(3), nn.Dense(1, "sigmoid")][::2])) == set()


def test_born_dead():
    stillborn = nn.Dense(6, "relu", kernel_initializer=POSITIVE, name="fc1")
    assert happened(trained([stillborn, nn.Dense(1, "sigmoid")])) == {("fc1", "death", 0, "born_dead")}


@pytest.mark.parametrize(
    "optimizer",
    [nn.SGD(learning_rate=1e4), nn.SGD(learning_rate=1e4, momentum=0.5), nn.Adam(learning_rate=5.0)],
)
def test_weights_that_jump(optimizer):
    # Every gradient raises the weights: all go where the inputs, which are negative, give negative z.
    layers = [living(), nn.Dense(1, kernel_initializer=POSITIVE)]
    monitor, model = rf.DeadUnitMonitor(), nn.Sequential(layers)
    model.fit(
        *(X, np.zeros(64)),
        epochs=1,
        batch_size=64,
        loss="mean_squared_error",
        optimizer=optimizer,
        validation_data=(X, np.zeros(64)),
        callbacks=[monitor],
    )
    assert {("fc1", "death", 1, "weights_jumped")} == happened(monitor.report())
    for event in monitor.report().events:
        assert event.cause.evidence["step_norm"] >= JUMP * event.cause.evidence["weights_norm"]


def test_a_bias_that_drifts():
    def lower(model):
        model.layers[0].bias[:3] = -9.0

    report = trained([living(), nn.Dense(1, "sigmoid")], At(2, lower))
    assert happened(report) == {("fc1", "death", 2, "bias_drifted")}
    assert [event.unit for event in report.events] == [0, 1, 2]


def test_weights_that_a_callback_moves_between_epochs_did_not_jump():
    def turn(model):
        model.layers[0].kernel[...] *= -1.0

    report = trained([living(), nn.Dense(1, "sigmoid")], At(2, turn))
    assert happened(report) == {("fc1", "death", 2, None)}


@pytest.mark.parametrize("between", [[], [nn.Dropout(0.1)]], ids=["next to each other", "dropout between"])
def test_predecessors_that_die(between):
    def lower(model):
        model.layers[0].bias[...] = -9.0

    second = nn.Dense(
        5, "relu", kernel_initializer=POSITIVE, bias_initializer=random_normal(stddev=0.0), name="fc2"
    )
    report = trained([living(), *copy.deepcopy(between), second, nn.Dense(1, "sigmoid")], At(2, lower))
    assert happened(report) == {
        ("fc1", "death", 2, "bias_drifted"),
        ("fc2", "death", 2, "predecessors_dead"),
    }
    cause = report.events[-1].cause
    assert cause.evidence == {"dead_predecessors": 6, "predecessors": 6}


def test_a_normalisation_that_drifts():
    def shift(model):
        model.layers[1].beta[:2] = -9.0

    layers = [
        nn.Dense(6),
        nn.BatchNorm(momentum=0.5),
        nn.Activation("relu", name="fc1"),
        nn.Dense(1, "sigmoid"),
    ]
    report = trained(layers, At(3, shift))
    deaths = [event for event in report.events if event.step == 3]
    assert [(event.unit, event.cause.kind) for event in deaths] == [
        (0, "normalisation"),
        (1, "normalisation"),
    ]
    assert deaths[0].cause.evidence["shift"] == pytest.approx(-9.0, abs=0.1)


# Permanent


@pytest.mark.parametrize("optimizer", [nn.SGD(), nn.SGD(momentum=0.9), nn.Adam()])
def test_a_unit_born_dead_in_the_first_layer_is_dead_for_good(optimizer):
    stillborn = nn.Dense(6, "relu", kernel_initializer=POSITIVE, name="fc1")
    second = nn.Dense(5, "relu", kernel_initializer=NEGATIVE, bias_initializer=random_normal(), name="fc2")
    report = trained([stillborn, second, nn.Dense(1, "sigmoid")], optimizer=optimizer)
    assert report.layers["fc1"].flags["permanent"].tolist() == [True] * 6
    # What moves before a unit may revive it.
    assert report.layers["fc2"].flags["permanent"].tolist() == [False] * 5


@pytest.mark.parametrize(
    ("optimizer", "permanent"), [(nn.SGD(), True), (nn.SGD(momentum=0.9), False), (nn.Adam(), False)]
)
def test_momentum_may_bring_a_unit_back(optimizer, permanent):
    def lower(model):
        model.layers[0].bias[:2] = -9.0

    report = trained([living(), nn.Dense(1, "sigmoid")], At(2, lower), optimizer=optimizer, epochs=2)
    assert report.layers["fc1"].states[:2].tolist() == ["dead"] * 2
    assert report.layers["fc1"].flags["permanent"].tolist() == [permanent] * 2 + [False] * 4


def test_weight_decay_may_bring_a_unit_back():
    class Decaying(nn.SGD):
        weight_decay = 0.01

    stillborn = nn.Dense(6, "relu", kernel_initializer=POSITIVE, name="fc1")
    report = trained([stillborn, nn.Dense(1, "sigmoid")], optimizer=Decaying())
    assert report.layers["fc1"].flags["permanent"].tolist() == [False] * 6


def test_behind_a_normalisation_no_unit_is_dead_for_good():
    layers = [nn.Dense(6), nn.BatchNorm(), nn.Activation("relu", name="fc1"), nn.Dense(1, "sigmoid")]

    def shift(model):
        model.layers[1].beta[...] = -9.0

    report = trained(layers, At(1, shift))
    assert report.layers["fc1"].flags["permanent"].tolist() == [False] * 6


def test_a_unit_whose_successors_are_all_dead_is_starved():
    second = nn.Dense(5, "relu", kernel_initializer=NEGATIVE, name="fc2")
    report = trained([living(), second, nn.Dense(1, "sigmoid")])
    assert report.layers["fc2"].dead == 5
    assert report.layers["fc1"].flags["starved"].tolist() == [True] * 6
    assert report.layers["fc2"].flags["starved"].tolist() == [False] * 5


# Chains and steps


def test_chains_lead_from_weights_to_activations():
    model = nn.Sequential(
        [
            nn.Dense(6, "relu", name="a"),
            nn.Dropout(0.5),
            nn.Dense(6),
            nn.BatchNorm(),
            nn.PReLU(name="b"),
            nn.Dense(5, name="linear"),
            nn.Dense(4, "tanh", name="c"),
            nn.Activation("relu", name="d"),
        ]
    ).build(3)
    found = {chain.name: chain for chain in chains(model)}
    assert list(found) == ["a", "b", "c"]  # d has no weights
    assert [(c.weights, c.normalisation, c.predecessor, c.trainable_upstream) for c in found.values()] == [
        (0, None, None, False),
        (2, 3, "a", True),
        (6, None, None, True),  # the linear layer mixes the units of b
    ]
    assert sorted(found["b"].own) == [2, 3, 4]


class Untold(nn.SGD):
    """Says nothing of its steps."""

    def _move(self, parameters, gradients):
        parameters -= self.learning_rate * gradients


def jumps(steps, optimizer, *, units=5):
    """Each step's jumps of one layer, (step norm / weights norm), the layer's gradients being the steps."""
    model = nn.Sequential([nn.Dense(units, "relu", kernel_initializer=POSITIVE, name="fc1")]).build(4)
    found = []
    with model.trained_by(optimizer):
        optimizer.adopt(model.parameters)
        watch = WeightsWatch(model)
        for number, step in enumerate(steps, start=1):
            model.layers[0].kernel_gradient[...] = step(model.layers[0].kernel)
            optimizer.step(model.parameters, model.gradients)
            jumped = watch.jumps() if watch.near_a_jump(number) else []
            found.append([step_norm / norm for _, step_norm, norm in jumped])
    return found


@pytest.mark.parametrize("make", [nn.SGD, Untold])
def test_a_jump_is_found_at_its_step_and_unit(make):
    still = lambda kernel: 0.0 * kernel  # noqa: E731
    column = np.arange(5) == 3
    found = jumps(
        [still, lambda kernel: 0.6 * kernel * column, still, lambda kernel: 0.49 * kernel],
        make(learning_rate=1.0),
    )
    assert [len(ratios) for ratios in found] == [0, 1, 0, 0]
    np.testing.assert_allclose(found[1][0], [np.nan] * 3 + [0.6, np.nan], rtol=1e-5)


def test_a_jump_is_measured_by_the_weights_before_it_however_long_ago_they_were_looked_at():
    def shrink(kernel):
        return 0.005 * kernel

    count = REFRESH - 1
    found = jumps([shrink] * count + [lambda kernel: 0.6 * kernel], nn.SGD(learning_rate=1.0))
    np.testing.assert_allclose(found[-1][0], [0.6] * 5, rtol=1e-4)


def test_where_no_step_can_be_a_jump_none_is_looked_at():
    asked = []

    class Watched(rf.DeadUnitMonitor):
        def on_step_end(self, model, step):
            super().on_step_end(model, step)
            asked.append((step, self.step_stride))

    trained([living(), nn.Dense(1, "sigmoid")], optimizer=nn.Adam(learning_rate=1e-4), monitor=Watched())
    # Four steps an epoch; the first of each is looked at in any case.
    assert [step for step, _ in asked] == [1, 5, 9]
    assert {stride for _, stride in asked} <= set(range(REFRESH - 9, REFRESH + 1))
    asked.clear()
    trained([living(), nn.Dense(1, "sigmoid")], optimizer=nn.Adam(learning_rate=1.0), monitor=Watched())
    assert [step for step, _ in asked] == [*range(1, 13)]


def test_steps_to_nan_are_no_jumps():
    with np.errstate(all="ignore"):
        found = jumps([lambda kernel: np.nan * kernel] * 2, nn.SGD(learning_rate=1.0))
    assert found == [[], []]


def test_a_monitor_that_is_copied_in_training_leaves_the_model_to_the_original():
    monitor, copies = rf.DeadUnitMonitor(), []
    report = trained(
        [living(), nn.Dense(1, "sigmoid")],
        At(2, lambda model: copies.append(copy.deepcopy(monitor))),
        monitor=monitor,
    )
    assert [point.step for point in copies[0].report().history] == [0, 1]
    assert len(report.history) == 4
