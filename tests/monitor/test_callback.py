"""The monitor as a callback of a training loop: what it sets on the layers, and one snapshot an epoch."""

from types import SimpleNamespace

import numpy as np
import pytest

import relu_fast as rf


class Layer:
    """A layer as the monitor sees one: it hands its statistics to its fused passes."""

    def __init__(self, name, units, activation, **params):
        self.name, self.units, self.activation, self.activation_params = name, units, activation, params
        self.unit_axis, self.stats, self.grad_stats = -1, None, None

    def forward(self, z):
        if self.stats is not None:
            rf.fused.observe(
                z, self.activation, unit_axis=self.unit_axis, stats=self.stats, **self.activation_params
            )

    def backward(self, nonzero):
        if self.grad_stats is not None:
            self.grad_stats.seen[:] += 1
            self.grad_stats.nonzero[:] += nonzero


def network():
    """Two watched layers, and between them a dropout and a linear layer, which are not."""
    return SimpleNamespace(
        layers=[
            Layer("dense_1", 3, "relu"),
            SimpleNamespace(name="dropout_1"),
            SimpleNamespace(name="dense_2", activation=None, stats="untouched", grad_stats="untouched"),
            Layer("dense_3", 2, "leaky_relu", negative_slope=0.25),
        ]
    )


def watched(model):
    return [model.layers[0], model.layers[3]]


def run(model, values, *, gradient=None):
    """One batch of four examples: unit k of every layer has the pre-activation values[k] in all of them."""
    for layer in watched(model):
        layer.forward(np.array([values[: layer.units]] * 4, np.float64))
        if gradient is not None:
            layer.backward(gradient)


def validate(monitor, model, epoch, values):
    monitor.on_validation_begin(model, epoch)
    run(model, values)
    monitor.on_validation_end(model, epoch)


def train(monitor, model, epochs, *, values=(1.0, 1.0, 1.0), held_out=(-1.0, 1.0, -2.0)):
    """What fit calls, two batches an epoch; `held_out` None: without validation data."""
    monitor.on_train_begin(model)
    for epoch in epochs:
        monitor.on_epoch_begin(model, epoch)
        run(model, values, gradient=1)
        run(model, values, gradient=0)
        if held_out is not None:
            validate(monitor, model, epoch, held_out)
        monitor.on_epoch_end(model, epoch, {"loss": 0.5})
    monitor.on_train_end(model)


def test_an_epoch_gives_a_snapshot_with_train_and_validation_apart():
    monitor, model = rf.DeadUnitMonitor(), network()
    train(monitor, model, [1, 2])
    report = monitor.report()
    assert [point.step for point in report.history] == [1, 2]
    for point in report.history:
        assert list(point.phases) == ["train", "validation"]
        assert point.phases["train"].examples == (8, 8)
        assert point.phases["validation"].examples == (4, 4)
        assert point.phases["validation"].complete
        assert point.phases["train"].layers["dense_1"].states.tolist() == ["always_on"] * 3
        assert point.layers["dense_1"].states.tolist() == ["dead", "always_on", "dead"]
        assert point.layers["dense_3"].states.tolist() == ["unfired", "always_on"]  # leaky: no gate
        assert point.layers["dense_1"].gradient.nonzero_share == 0.5


def test_only_layers_with_an_activation_are_watched():
    monitor, model = rf.DeadUnitMonitor(), network()
    train(monitor, model, [1])
    assert list(monitor.report().layers) == ["dense_1", "dense_3"]
    assert model.layers[2].stats == model.layers[2].grad_stats == "untouched"


def test_layers_count_into_the_phase_that_runs_and_are_free_after_it():
    monitor, model = rf.DeadUnitMonitor(), network()
    layer = model.layers[0]
    monitor.on_train_begin(model)
    monitor.on_epoch_begin(model, 1)
    train_stats, train_gradients = layer.stats, layer.grad_stats
    assert train_stats is monitor.unit_stats("dense_1", 3, activation="relu", phase="train")
    assert train_gradients is monitor.grad_stats("dense_1", 3)
    monitor.on_validation_begin(model, 1)
    assert layer.stats is monitor.unit_stats("dense_1", 3, activation="relu", phase="validation")
    assert layer.grad_stats is None
    monitor.on_validation_end(model, 1)
    assert (layer.stats, layer.grad_stats) == (train_stats, train_gradients)
    monitor.on_epoch_end(model, 1, {})
    monitor.on_train_end(model)
    assert (layer.stats, layer.grad_stats) == (None, None)


def test_without_validation_data_nothing_is_called_dead():
    monitor, model = rf.DeadUnitMonitor(), network()
    train(monitor, model, [1], values=(-1.0, 1.0, 1.0), held_out=None)
    report = monitor.report()
    assert list(report.phases) == ["train"]
    assert report.layers["dense_1"].states.tolist() == ["unfired", "always_on", "always_on"]
    assert report.layers["dense_1"].dead is None


def test_an_interrupted_validation_is_reported_as_such():
    monitor, model = rf.DeadUnitMonitor(), network()
    monitor.on_train_begin(model)
    monitor.on_epoch_begin(model, 1)
    run(model, (1.0, 1.0, 1.0))
    monitor.on_validation_begin(model, 1)
    run(model, (-1.0, -1.0, -1.0))
    monitor.on_train_end(model)  # fit was interrupted: no on_validation_end
    report = monitor.report()
    assert report.phases["validation"].status == "interrupted"
    assert report.layers["dense_1"].states.tolist() == ["always_on"] * 3
    assert all(layer.stats is None and layer.grad_stats is None for layer in watched(model))


@pytest.mark.parametrize("next_call", ["on_epoch_end", "on_validation_begin"])
def test_training_goes_on_after_an_interrupted_validation(next_call):
    monitor, model = rf.DeadUnitMonitor(), network()
    monitor.on_train_begin(model)
    monitor.on_epoch_begin(model, 1)
    monitor.on_validation_begin(model, 1)
    run(model, (-1.0, -1.0, -1.0))
    if next_call == "on_validation_begin":
        validate(monitor, model, 1, (-1.0, 1.0, 1.0))
        run(model, (1.0, 1.0, 1.0))
    monitor.on_epoch_end(model, 1, {})
    status = "interrupted" if next_call == "on_epoch_end" else "complete"
    assert monitor.report().phases["validation"].status == status


def test_what_an_interrupted_epoch_left_is_shown_and_then_dropped():
    monitor, model = rf.DeadUnitMonitor(), network()
    train(monitor, model, [1])
    monitor.on_train_begin(model)
    monitor.on_epoch_begin(model, 2)
    run(model, (-1.0, -1.0, -1.0), gradient=1)
    monitor.on_train_end(model)
    report = monitor.report()
    assert (report.step, report.phases["train"].examples) == (None, (4, 4))
    train(monitor, model, [2])
    point = monitor.report().history[-1]
    assert (point.step, point.phases["train"].examples) == (2, (8, 8))
    assert point.layers["dense_1"].gradient.seen.tolist() == [2] * 3


def test_what_was_observed_by_hand_before_and_between_trainings_is_kept():
    monitor, model = rf.DeadUnitMonitor(), network()
    for epoch in (1, 2):
        with monitor.complete_pass("by hand"):
            monitor.observe("dense_1", -np.ones((2, 3)))
        train(monitor, model, [epoch])
    for point in monitor.report().history:
        assert sorted(point.phases) == ["by hand", "train", "validation"]


def test_a_second_training_of_the_same_network_goes_on():
    monitor, model = rf.DeadUnitMonitor(), network()
    train(monitor, model, [1])
    train(monitor, model, [1, 2])
    assert [point.step for point in monitor.report().history] == [1, 1, 2]


def test_a_network_with_other_layers_of_the_same_name_is_refused_before_training():
    monitor, model = rf.DeadUnitMonitor(), network()
    train(monitor, model, [1])
    other = network()
    other.layers[3] = Layer("dense_3", 5, "tanh")
    with pytest.raises(
        ValueError, match=r"'dense_3' is known as leaky_relu\(.*\), 2 units, got tanh, 5 units"
    ):
        monitor.on_train_begin(other)
    assert other.layers[0].stats is None


def test_two_layers_of_one_name_are_refused():
    model = network()
    model.layers[3].name = "dense_1"
    with pytest.raises(ValueError, match="2 layers are named 'dense_1'"):
        rf.DeadUnitMonitor().on_train_begin(model)


def test_a_pass_declared_around_the_training_is_refused_at_validation():
    monitor, model = rf.DeadUnitMonitor(), network()
    with pytest.raises(ValueError, match="inside complete_pass"), monitor.complete_pass("test"):
        train(monitor, model, [1])
    assert monitor.report().phases["test"].status == "interrupted"
