from dataclasses import replace

import numpy as np
import pytest
from small_lab import EXPLODING, GATELESS, HEALTHY, SMALL, STILLBORN, result_of

from relu_fast import nn
from relu_fast.lab.data import make_data
from relu_fast.lab.probe import PROBE_ROWS
from relu_fast.lab.runner import run_experiment
from relu_fast.revive import ReDo


def test_each_epoch_has_losses_verdicts_and_histograms(tmp_path):
    result = result_of(HEALTHY, tmp_path)
    assert [record.epoch for record in result.epochs] == [1, 2, 3]
    initial, *history = result.report.history
    assert initial.initial
    assert [point.step for point in history] == [1, 2, 3]
    assert (result.training_rows, result.validation_rows, result.probe_rows) == (210, 90, 90)
    assert len(result.epochs_seconds) == 3
    for record, point in zip(result.epochs, history, strict=True):
        assert record.snapshot is point
        assert list(record.layers) == list(point.layers) == ["dense_1", "dense_2", "dense_3"]
        sizes = {name: histogram.size for name, histogram in record.layers["dense_2"].histograms.items()}
        assert sizes == {
            "outputs": 90 * 4,
            "pre_activation_gradient": 90 * 4,
            "kernel_gradient": 8 * 4,
            "bias_gradient": 4,
            "kernel": 8 * 4,
        }


def test_verdicts_are_those_of_the_whole_validation_data(tmp_path):
    result = result_of(HEALTHY, tmp_path)
    assert result.report.phases["validation"].complete
    assert result.report.phases["validation"].examples == (90, 90)
    assert result.report.phases["train"].examples == (210, 210)


def test_positive_weights_on_negative_inputs_kill_the_layer(tmp_path):
    result = result_of(STILLBORN, tmp_path)
    assert result.layers["dense_1"].dead == 8
    last = result.last.layers["dense_1"]
    assert last.mean_abs_gradient == 0
    assert last.histograms["outputs"].zero_share == 1
    assert last.histograms["kernel_gradient"].zero_share == 1


def test_the_probe_is_of_limited_size(tmp_path):
    settings = replace(SMALL, samples=4 * PROBE_ROWS, epochs=1, batch_size=512)
    assert result_of(GATELESS, tmp_path, settings).probe_rows == PROBE_ROWS


def test_factors_multiply_rows_and_epochs(tmp_path):
    result = result_of(replace(HEALTHY, samples_factor=2, epochs_factor=2), tmp_path)
    assert result.training_rows + result.validation_rows == 600
    assert result.last.epoch == 6


def test_the_optimizer_of_the_row_trains(tmp_path):
    row = replace(HEALTHY, optimizer=lambda: nn.SGD(learning_rate=0.5))
    data = make_data(SMALL.samples, target="random", seed=0)
    history = nn.Sequential(HEALTHY.layers()).fit(
        data.x, data.y, epochs=3, optimizer=nn.SGD(learning_rate=0.5), progress=False
    )
    assert [record.loss for record in result_of(row, tmp_path).epochs] == history.loss


def test_callback_sees_every_epoch_as_it_ends(tmp_path):
    seen = []
    result = run_experiment(HEALTHY, SMALL, events=tmp_path, on_epoch=seen.append)
    assert tuple(seen) == result.epochs


@pytest.mark.parametrize("target", ["sum", "abs"])
def test_only_random_labels_have_a_floor(target, tmp_path):
    assert result_of(HEALTHY, tmp_path, replace(SMALL, target=target)).loss_floor is None
    assert result_of(HEALTHY, tmp_path).loss_floor == np.log(2)


def test_an_experiment_that_explodes_is_reported_as_such(tmp_path):
    result = result_of(EXPLODING, tmp_path)
    assert any(record.layers["dense_1"].histograms["kernel_gradient"].nonfinite for record in result.epochs)
    assert any("NaN or infinite" in finding for finding in result.findings)
    assert not np.isfinite(result.last.loss)


def test_clipping_bounds_every_step(tmp_path):
    # SGD's step is the gradient: with momentum 0 no epoch can move further than its steps are long.
    row = replace(HEALTHY, optimizer=lambda: nn.SGD(learning_rate=1.0), clip_norm=1e-6)
    result = result_of(row, tmp_path)
    data = make_data(SMALL.samples, target="random", seed=0)
    still = nn.Sequential(HEALTHY.layers()).build(4, seed=0)
    assert result.last.val_loss == pytest.approx(still.evaluate(data.val_x, data.val_y), abs=1e-3)
    assert result_of(replace(row, clip_norm=None), tmp_path).last.val_loss != result.last.val_loss


def test_a_control_is_trained_as_well_and_both_have_events(tmp_path):
    control = replace(HEALTHY, name="healthy.control", epochs_factor=2)
    seen = []
    result = run_experiment(
        replace(HEALTHY, control=control), SMALL, events=tmp_path / "healthy", on_epoch=seen.append
    )
    assert [record.epoch for record in seen] == [1, 2, 3, 4, 5, 6, 1, 2, 3]
    assert result.control.name == "healthy.control"
    assert [trained.last.epoch for trained in result.trained] == [6, 3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["healthy", "healthy.control"]
    assert result.seconds == pytest.approx(sum(result.epochs_seconds) + sum(result.control.epochs_seconds))


SOME_DIE = replace(
    HEALTHY, layers=lambda: [nn.Dense(64, "relu", kernel_initializer="he_normal"), nn.Dense(1, "sigmoid")]
)


def test_units_are_revived_after_every_epoch_and_followed_up(tmp_path):
    plain, cured = result_of(SOME_DIE, tmp_path), result_of(replace(SOME_DIE, cure=ReDo), tmp_path)
    assert plain.revivals is None
    dead = [record.snapshot.layers["dense_1"].dead for record in cured.epochs]
    # Dead units of every epoch are revived, the last one's too, which nobody follows up.
    assert cured.revivals.done == sum(dead)
    assert cured.revivals.followed == sum(dead[:-1])
    assert 0 < cured.revivals.took <= cured.revivals.followed
    assert dead[-1] < plain.layers["dense_1"].dead
    assert cured.epochs[0].loss == plain.epochs[0].loss


def test_sparsity_is_that_of_the_weights_that_are_reported_on(tmp_path):
    result = result_of(replace(SOME_DIE, cure=ReDo), tmp_path)
    active = sum(layer.active_per_example for layer in list(result.layers.values())[:-1])
    # All validation rows are looked at here.
    assert result.probe_rows == result.validation_rows
    assert result.sparsity.mean_active == pytest.approx(active)


def test_units_that_no_input_of_the_range_can_make_fire_are_proven_dead(tmp_path):
    result = result_of(STILLBORN, tmp_path)
    layer = result.layers["dense_1"]
    assert layer.counts["proven"] == 8
    assert (layer.upper <= 0).all()
    assert result.layers["dense_1"].dead == 8
