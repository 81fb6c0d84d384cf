import json
from dataclasses import replace

import numpy as np
import pytest
from small_lab import EXPLODING, HEALTHY, STILLBORN, result_of, study_of

from relu_fast.report.study import TENSORS, Histogram


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    return [result_of(row, folder) for row in (HEALTHY, STILLBORN, EXPLODING)]


def test_the_json_is_strict_even_where_numbers_are_nan(results):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    record = json.loads(study_of(*results).to_json(), parse_constant=refuse)
    assert record["experiments"]["exploding"]["epochs"]["loss"][-1] is None
    assert record == study_of(*results).to_dict()


def test_the_rows_are_those_of_the_experiments_in_order(results):
    rows = study_of(*results).rows
    assert [row.experiment for row in rows] == [
        name for name in ("healthy", "stillborn", "exploding") for _ in range(3)
    ]
    assert rows[3].dead == 8
    assert rows[3].mean_abs_gradient == 0
    assert rows[3].loss == results[1].epochs[-1].loss


def test_the_report_of_the_monitor_is_part_of_it(results):
    record = study_of(*results).to_dict()
    for result in results:
        assert record["experiments"][result.name]["report"] == result.report.to_dict()


def test_an_interruption_is_recorded(results):
    study = study_of(results[0])
    assert study.to_dict()["run"]["interrupted"] is False
    assert replace(study, interrupted=True).to_dict()["run"]["interrupted"] is True


def test_what_differs_from_run_to_run_stands_in_one_place(results):
    again = [replace(result, epochs_seconds=(9.0, 8.0, 7.0)) for result in results]
    other = {"started": "2027-01-02T03:04:05+00:00", "seconds": 2.5}
    first, second = study_of(*results).to_dict(), study_of(*again, **other).to_dict()
    assert second.pop("run") == {
        "started": other["started"],
        "seconds": 2.5,
        "interrupted": False,
        "epochs_seconds": {result.name: [9.0, 8.0, 7.0] for result in results},
    }
    del first["run"]
    assert first == second


def test_every_tensor_has_a_histogram_at_every_epoch(results):
    for result in results:
        for record in result.epochs:
            assert all(list(layer.histograms) == list(TENSORS) for layer in record.layers.values())


@pytest.mark.parametrize(
    ("counts", "zeros", "nonfinite", "share"),
    [([], 0, 0, 0.0), ([1, 2], 1, 0, 0.25), ([], 3, 0, 1.0), ([1], 1, 2, 0.25)],
)
def test_the_share_of_zeros_is_of_all_values(counts, zeros, nonfinite, share):
    record = Histogram(
        edges=np.arange(len(counts) + 1.0) if counts else np.empty(0),
        counts=np.array(counts, np.int64),
        zeros=zeros,
        nonfinite=nonfinite,
        lowest=None,
        highest=None,
    )
    assert record.size == sum(counts) + zeros + nonfinite
    assert record.zero_share == share
