from dataclasses import replace

import numpy as np
import pytest
from small_lab import EXPLODING, GATELESS, HEALTHY, SMALL, STILLBORN, result_of

from relu_fast import nn
from relu_fast.lab.data import make_data
from relu_fast.lab.probe import PROBE_ROWS


def test_each_epoch_has_losses_verdicts_and_histograms(tmp_path):
    result = result_of(HEALTHY, tmp_path)
    assert [record.epoch for record in result.epochs] == [1, 2, 3]
    assert [point.step for point in result.report.history] == [0, 1, 2, 3]
    assert (result.training_rows, result.validation_rows, result.probe_rows) == (210, 90, 90)
    assert len(result.epochs_seconds) == 3
    for record, point in zip(result.epochs, result.report.history[1:], strict=True):
        assert record.snapshot is point
        assert list(record.layers) == list(point.layers) == ["dense_1", "dense_2", "dense_3"]
        sizes = {name: histogram.size for name, histogram in record.layers["dense_2"].histograms.items()}
        assert sizes == {
            "outputs": 90 * 4,
            "pre_activation_gradient": 90 * 4,
            "kernel_gradient": 8 * 4,
            "bias_gradient": 4,
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
    from relu_fast.lab.runner import run_experiment

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
