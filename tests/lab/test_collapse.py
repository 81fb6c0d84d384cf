import json

import numpy as np
import pytest

import relu_fast as rf
from relu_fast import nn
from relu_fast.lab import collapse
from relu_fast.lab.collapse import CollapseSettings, study, train
from relu_fast.lab.small_networks import (
    HIGH,
    INITIALIZATIONS,
    LOW,
    SmallNetworks,
    first_silent_layers,
    stream,
)

SMALL = CollapseSettings(widths=(2,), depths=(4, 8), networks=60, samples=200, epochs=6)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    with open(tmp_path_factory.mktemp("progress") / "progress", "w+", encoding="utf-8") as stream:
        result = study(SMALL, stream)
        stream.seek(0)
        return result, stream.read()


def test_training_is_what_a_model_that_stands_alone_does():
    """Follow one network of the group with nn.Adam on its own points, in the same order."""
    settings = CollapseSettings(networks=3, samples=150, epochs=2)
    generator = stream(0, "collapse", "rai", 2, 4, 0)
    start = SmallNetworks(3, 2, 4, np.float32).initialize(INITIALIZATIONS["rai"], generator)
    x = generator.uniform(LOW, HIGH, (3, 150)).astype(np.float32)
    orders = [generator.permutation(150) for _ in range(2)]
    together = train("rai", 2, 4, 3, settings)
    grid = np.linspace(LOW, HIGH, 513, dtype=np.float32)[:, np.newaxis]
    for i in range(3):
        model = nn.Sequential([*(nn.Dense(2, "relu") for _ in range(3)), nn.Dense(1)]).build(1)
        for dense, layer in zip(model.layers, start.layers, strict=True):
            dense.kernel[...], dense.bias[...] = layer.weights[i].T, layer.biases[i]
        optimizer = nn.Adam()
        for order in orders:
            for rows in (order[:128], order[128:]):
                batch = x[i, rows][:, np.newaxis]
                model.loss_and_gradients(batch, np.abs(batch), "mean_squared_error")
                optimizer.step(model.parameters, model.gradients)
        loss = np.square(model(grid) - np.abs(grid)).mean()
        assert together.loss[i] == pytest.approx(loss, rel=1e-3)


def test_nothing_brings_a_born_dead_network_back(result):
    for name, depth in (("he", 8), ("rai", 8)):
        trained = train(name, 2, depth, 60, SMALL)
        assert 0 < trained.born_dead.sum() < 60
        assert trained.collapsed[trained.born_dead].all()
        assert not (trained.died & trained.born_dead).any()
        assert (trained.silent >= trained.born_dead.sum()).all()


def test_networks_that_live_learn_and_collapsed_ones_answer_the_mean():
    settings = CollapseSettings(networks=40, samples=384, epochs=800)
    trained = train("rai", 4, 3, 40, settings)
    assert np.median(trained.loss[~trained.collapsed]) < 0.01
    dead = train("he", 1, 5, 40, settings)
    assert dead.collapsed.sum() > 20
    # sqrt(3) / 2 and its mean squared error, up to what the sample of points gives.
    assert np.median(dead.constants) == pytest.approx(3**0.5 / 2, abs=0.03)
    assert np.median(dead.loss[dead.collapsed]) == pytest.approx(0.25, abs=0.01)


def test_collapsed_networks_are_constant_and_the_others_are_not(monkeypatch):
    seen = []
    monkeypatch.setattr(
        collapse,
        "first_silent_layers",
        lambda networks: seen.append(networks) or first_silent_layers(networks),
    )
    trained = train("rai", 2, 8, 60, CollapseSettings(networks=60, samples=500, epochs=60))
    outputs = seen[-1].forward(np.linspace(LOW, HIGH, 4001, dtype=np.float32)[np.newaxis])[-1][:, 0]
    np.testing.assert_array_equal(np.ptp(outputs, axis=1) == 0, trained.collapsed)
    assert trained.died.any()


def test_the_record_counts_every_network_once(result):
    record = json.loads(json.dumps(result[0].record, allow_nan=False))
    assert record["format"] == "relu_fast.collapse"
    assert [(row["initialization"], row["depth"]) for row in record["rows"]] == [
        ("he", 4),
        ("rai", 4),
        ("he", 8),
        ("rai", 8),
    ]
    for row in record["rows"]:
        assert row["born_dead"]["count"] + row["died_in_training"]["count"] == row["collapsed"]["count"]
        assert row["collapsed"]["of"] == 60
        assert len(row["silent_by_epoch"]) == 6
    he, rai = record["rows"][2:]
    assert he["collapsed"]["low"] > rai["collapsed"]["high"]


def test_the_sheet_shows_what_the_record_says(result):
    record, sheet = result[0].record, result[0].sheet
    assert len(sheet.rows) == len(sheet.answers) == len(record["rows"])
    for row, cells, answer in zip(record["rows"], sheet.rows, sheet.answers, strict=True):
        assert cells[5].startswith(f"{row['collapsed']['share']:.4f} [")
        assert f"{row['collapsed']['count']} of 60 networks collapsed to a constant" in answer
    assert [panel.title for panel in sheet.panels] == ["width 2, depth 4", "width 2, depth 8"]


def test_progress_has_a_line_for_each_row(result):
    assert [line.split(": ")[0] for line in result[1].splitlines()] == [
        "[1/4] He, width 2, depth 4",
        "[2/4] RAI, width 2, depth 4",
        "[3/4] He, width 2, depth 8",
        "[4/4] RAI, width 2, depth 8",
    ]


@pytest.mark.parametrize("threads", [1, 3])
def test_the_numbers_do_not_depend_on_the_threads(result, tmp_path, threads):
    before = rf.get_num_threads()
    rf.set_num_threads(threads)
    try:
        with open(tmp_path / "progress", "w", encoding="utf-8") as stream:
            assert study(SMALL, stream).record == result[0].record
    finally:
        rf.set_num_threads(before)


def test_large_groups_are_split_and_put_together_again(monkeypatch, tmp_path):
    settings = CollapseSettings(depths=(4,), networks=5, samples=20, epochs=2)
    monkeypatch.setattr(collapse, "AT_ONCE", 2)
    with open(tmp_path / "progress", "w", encoding="utf-8") as stream:
        rows = study(settings, stream).record["rows"]
    parts = [train("he", 2, 4, count, settings, group=group) for group, count in enumerate((2, 2, 1))]
    assert rows[0]["collapsed"]["of"] == 5
    assert rows[0]["collapsed"]["count"] == sum(part.collapsed.sum() for part in parts)
    assert rows[0]["silent_by_epoch"] == sum(part.silent for part in parts).tolist()
