"""ReDo while a network trains: on the monitor's verdicts, every few epochs, with a look at what became of it."""

import copy
import pickle

import numpy as np
import pytest
from revive_networks import DEAD, hidden, inputs, network

import relu_fast as rf
from relu_fast import nn, revive


def train(model, *, epochs=1, validation=True, optimizer="adam", monitor=None, seed=0, **options):
    """Fit with a monitor and ReDo among the callbacks; return both."""
    x, y = inputs()
    monitor = rf.DeadUnitMonitor() if monitor is None else monitor
    cure = revive.ReDo(monitor, **options)
    model.fit(
        x,
        y,
        epochs=epochs,
        validation_data=inputs(seed=1) if validation else None,
        optimizer=optimizer,
        callbacks=[monitor, cure],
        seed=seed,
    )
    return monitor, cure


def test_what_the_monitor_finds_dead_is_revived_and_followed_up():
    model = network()
    monitor, cure = train(model, epochs=3)
    points = {point.step: point for point in monitor.report().history}
    assert [(revival.step, revival.layer, revival.units) for revival in cure.revivals[:2]] == [
        (1, "first", (1, 3)),
        (1, "second", (0, 2)),
    ]
    for revival in cure.revivals[:2]:
        before = points[1].layers[revival.layer]
        assert revival.before == tuple(before.evidence(unit) for unit in revival.units)
        assert [seen.state for seen in revival.before] == ["dead", "dead"]
    for report in cure.reports[:2]:
        after = points[2].layers[report.revival.layer]
        assert report.step == 2
        assert report.evidence == tuple(after.evidence(unit) for unit in report.revival.units)
        assert list(report.gradients) == after.gradient.nonzero[list(report.revival.units)].tolist()
        assert report.took == report.revival.units
    assert monitor.report().layers["first"].dead == monitor.report().layers["second"].dead == 0
    events = [
        (event.layer, event.unit, event.step) for event in monitor.report().events if event.kind == "revival"
    ]
    assert events == [("first", 1, 2), ("first", 3, 2), ("second", 0, 2), ("second", 2, 2)]
    assert str(cure) == revive.summary(cure.reports) == "4 of 4 revivals took (first 2 of 2, second 2 of 2)."


def test_the_validation_loss_does_not_change_when_dead_units_are_revived():
    losses = []

    class Losses(nn.Callback):
        def on_epoch_end(self, model, epoch, logs):
            losses.append(model.evaluate(*inputs(seed=1)))

    model, monitor = network(), rf.DeadUnitMonitor()
    cure = revive.ReDo(monitor)
    model.fit(
        *inputs(), epochs=1, validation_data=inputs(seed=1), callbacks=[monitor, Losses(), cure, Losses()]
    )
    assert len(cure.revivals) == 2
    assert losses[0] == losses[1]


def test_it_comes_every_few_epochs_and_looks_some_epochs_later():
    model = network()
    _, cure = train(model, epochs=4, every=2, follow_up=2)
    assert {revival.step for revival in cure.revivals} == {2}
    assert {(report.revival.step, report.step) for report in cure.reports} == {(2, 4)}
    _, cure = train(network(), epochs=2, follow_up=2)
    assert cure.revivals
    assert cure.reports == []
    assert str(cure) == "No revival was followed up."
    assert repr(cure) == "<ReDo: 2 revivals, 0 followed up>"


def test_training_with_it_repeats_under_a_seed_and_differs_under_another():
    def parameters(**options):
        model = network()
        train(model, epochs=3, **options)
        return model.parameters

    first = parameters()
    np.testing.assert_array_equal(parameters(), first)
    assert (parameters(seed=1) != first).any()

    # A unit that dies again is given other weights.
    model = network()
    monitor = rf.DeadUnitMonitor()
    columns = []

    class Kill(nn.Callback):
        def on_epoch_begin(self, model, epoch):
            hidden(model)[0].bias[1] = DEAD

        def on_epoch_end(self, model, epoch, logs):
            columns.append(hidden(model)[0].kernel[:, 1].copy())

    cure = revive.ReDo(monitor)
    model.fit(*inputs(), epochs=3, validation_data=inputs(seed=1), callbacks=[monitor, cure, Kill()])
    assert [1 in revival.units for revival in cure.revivals if revival.layer == "first"] == [True] * 3
    assert [report.failed for report in cure.reports if report.revival.layer == "first"] == [(1,)] * 2
    assert not np.isin(columns[0], columns[1]).any()


def test_the_order_of_the_callbacks_does_not_matter():
    models = [network(), network()]
    for model, order in zip(models, (1, -1), strict=True):
        monitor = rf.DeadUnitMonitor()
        callbacks = [monitor, revive.ReDo(monitor)][::order]
        model.fit(*inputs(), epochs=3, validation_data=inputs(seed=1), callbacks=callbacks)
    np.testing.assert_array_equal(models[0].parameters, models[1].parameters)


def test_the_optimizer_of_fit_forgets_the_revived_units():
    model, optimizer = network(), nn.Adam()
    forgotten = []
    reset = optimizer.reset_entries
    object.__setattr__(
        optimizer, "reset_entries", lambda indices: forgotten.append(indices) or reset(indices)
    )
    train(model, optimizer=optimizer)
    (entries,) = forgotten
    assert len(entries) == 2 * (5 + 1 + 6) + 2 * (8 + 1 + 1) - 4


def test_an_optimizer_can_be_given_and_is_checked_before_training():
    (x, y), optimizer = inputs(), nn.Adam()
    monitor = rf.DeadUnitMonitor()
    model, cure = network(), revive.ReDo(monitor, optimizer=optimizer)
    options = {"epochs": 1, "validation_data": (x, y), "callbacks": [monitor, cure]}
    model.fit(x, y, optimizer=optimizer, **options)
    assert len(cure.revivals) == 2
    with pytest.raises(ValueError, match="this Adam already moves another parameter vector"):
        network().fit(x, y, **options)


def test_the_last_layer_and_layers_without_gate_are_left_alone_and_layers_can_be_chosen():
    layers = [nn.Dense(4, "relu"), nn.Dense(4, "elu"), nn.Dense(4, "relu"), nn.Dense(1, "relu")]
    model = nn.Sequential(layers).build(5)
    for layer in layers:
        layer.bias[...] = DEAD
    monitor = rf.DeadUnitMonitor()
    for options, expected in (({}, {"dense_1", "dense_3"}), ({"layers": ["dense_3"]}, {"dense_3"})):
        copied, cure = copy.deepcopy(model), revive.ReDo(monitor, **options)
        copied.fit(
            *inputs(),
            epochs=1,
            loss="mean_squared_error",
            validation_data=inputs(),
            callbacks=[monitor, cure],
        )
        assert {revival.layer for revival in cure.revivals} == expected


def dormant_network(activation="elu"):
    """Two hidden layers; unit 5 of the first puts out next to nothing, and nothing is dead."""
    model = network(activation, dead=((), ()))
    first = hidden(model)[0]
    first.bias[...] = 1.0
    first.kernel[:, 5], first.bias[5] = 0.0, 1e-3
    return model


@pytest.mark.parametrize("activation", ["relu", "elu"])
def test_dormant_units_are_revived_up_to_tau(activation):
    for tau, expected in ((0.1, [(5,)]), (1e-5, [])):
        monitor, cure = train(dormant_network(activation), tau=tau, optimizer=nn.SGD(learning_rate=1e-9))
        assert [revival.units for revival in cure.revivals if revival.layer == "first"] == expected
        scores = monitor.report().layers["first"].dormancy
        assert 1e-5 < scores[5] < 0.1 < np.delete(scores, 5).min()


def test_with_tau_0_no_complete_pass_is_needed_for_units_that_put_out_nothing():
    _, cure = train(network(), validation=False, tau=0.0)
    assert [revival.units for revival in cure.revivals] == [(1, 3), (0, 2)]
    _, cure = train(network(dead=(range(8), ())), validation=False, tau=0.0)
    assert cure.revivals[0].units == tuple(range(8))


def test_without_sums_of_outputs_there_is_no_tau():
    with pytest.raises(
        ValueError, match=r"did not sum the outputs of layer 'first', expected it for tau=0\.1"
    ):
        train(network(), monitor=rf.DeadUnitMonitor(collect=()), tau=0.1)


def test_without_a_complete_pass_it_says_what_it_needs():
    with pytest.raises(
        ValueError, match=r"no complete pass saw layer 'first'.*give fit validation_data, or ReDo"
    ):
        train(network(), validation=False)


def test_a_monitor_that_is_not_among_the_callbacks_is_missed():
    model, cure = network(), revive.ReDo(rf.DeadUnitMonitor())
    with pytest.raises(
        ValueError, match="the monitor has not seen layer 'first': expected it among the callb"
    ):
        model.fit(*inputs(), epochs=1, validation_data=inputs(), callbacks=[cure])


@pytest.mark.parametrize(
    ("layers", "options", "message"),
    [
        (
            lambda: [nn.Dense(4, "relu"), nn.BatchNorm(), nn.Dense(1)],
            {},
            r"'batchnorm_1' \(BatchNorm\) reads",
        ),
        (
            lambda: [nn.Dense(4), nn.BatchNorm(), nn.Activation("relu"), nn.Dense(1)],
            {},
            r"'activation_1': it reads 'batchnorm_1' \(BatchNorm\)",
        ),
        (
            lambda: [nn.Dense(4, "elu"), nn.Dense(1)],
            {},
            r"ReDo has no layer to revive: expected one with a gate \(or a tau\) before",
        ),
        (lambda: [nn.Dense(1, "relu")], {}, "ReDo has no layer to revive"),
        (lambda: [nn.Dense(4, "relu"), nn.Dense(1)], {"layers": ["dense_3"]}, "no layer is named 'dense_3'"),
        (
            lambda: [nn.Dense(4, "relu"), nn.Dense(1, "relu")],
            {"layers": ["dense_2"]},
            "'dense_2': it is the last",
        ),
        (lambda: [nn.Dense(4, "relu"), nn.Dense(1)], {"layers": []}, "ReDo has no layer to revive"),
        (
            lambda: [nn.Dense(4, "elu"), nn.Dense(1)],
            {"layers": ["dense_1"]},
            "'dense_1' never die, as elu has no gate: expected a tau",
        ),
    ],
)
def test_a_network_it_cannot_revive_is_refused_before_training(layers, options, message):
    model = nn.Sequential(layers()).build(5)
    before = model.parameters.copy()
    with pytest.raises(ValueError, match=message):
        train(model, **options)
    np.testing.assert_array_equal(model.parameters, before)


def test_without_an_optimizer_it_does_nothing():
    model, monitor = network(), rf.DeadUnitMonitor()
    with pytest.raises(ValueError, match="ReDo has no optimizer: expected the one of fit"):
        revive.ReDo(monitor).on_train_begin(model)


def test_a_second_fit_starts_anew_and_copies_are_independent():
    model = network()
    monitor, cure = train(model, epochs=2)
    monitor_copy, copied = pickle.loads(pickle.dumps((monitor, cure)))
    assert copied.monitor is monitor_copy
    assert copied.revivals == cure.revivals
    x, y = inputs()
    model.fit(x, y, epochs=1, validation_data=(x, y), callbacks=[monitor, cure])
    assert (cure.revivals, cure.reports) == ([], [])
    assert len(copied.reports) == 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"every": 0}, ValueError, "every is 0, expected an integer >= 1"),
        ({"every": 1.5}, TypeError, "every is 1.5, expected an integer"),
        ({"follow_up": 0}, ValueError, "follow_up is 0, expected an integer >= 1"),
        ({"seed": -1}, ValueError, "seed is -1, expected an integer >= 0"),
        ({"seed": True}, TypeError, "seed is True"),
        ({"tau": -0.1}, ValueError, r"tau is -0.1, expected a number in \[0, 1\)"),
        ({"tau": float("nan")}, ValueError, "tau is nan"),
        ({"tau": "a"}, TypeError, "tau is 'a'"),
        ({"layers": "first"}, TypeError, "layers is 'first', expected a list of names"),
        ({"monitor": None}, TypeError, "monitor is None, expected the DeadUnitMonitor among the callbacks"),
    ],
)
def test_options_out_of_their_range_are_refused(options, error, message):
    options = {"monitor": rf.DeadUnitMonitor(), **options}
    with pytest.raises(error, match=message):
        revive.ReDo(**options)
