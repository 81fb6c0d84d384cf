import numpy as np
import pytest
from small_lab import HEALTHY, SMALL, STILLBORN, result_of

from relu_fast.lab.probe import histogram
from relu_fast.report.tensorboard import EVENT_FILES, EventLog, _histogram


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.linspace(-2, 3, 1001), id="both signs and a zero"),
        pytest.param([0.0, 0.0, 0.5, 1.0, 2.0], id="zeros and positive"),
        pytest.param([0.0, -0.5, -1.0], id="zeros and negative"),
        pytest.param([0.0, 0.0], id="zeros"),
        pytest.param([0.25, 0.25], id="one value"),
        pytest.param([np.nan, np.inf, 1.0, 0.0], id="not finite"),
    ],
)
def test_a_histogram_holds_every_finite_value_left_of_its_bins_end(values):
    values = np.asarray(values, np.float32)
    finite = np.sort(values[np.isfinite(values)]).astype(np.float64)
    record = _histogram(histogram(values), values)
    limits, counts = np.array(record.bucket_limit), np.array(record.bucket)
    assert (np.diff(limits) > 0).all()
    assert len(counts) == len(limits)
    assert counts.sum() == record.num == finite.size
    assert (record.min, record.max) == (finite[0], finite[-1])
    np.testing.assert_allclose([record.sum, record.sum_squares], [finite.sum(), (finite**2).sum()], rtol=1e-6)
    # The values up to each end, give or take those that lie on it.
    below = np.cumsum(counts)
    assert (below >= np.searchsorted(finite, limits, side="left")).all()
    assert (below <= np.searchsorted(finite, limits, side="right")).all()


def test_events_can_be_read_while_training_goes_on(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    seen = []

    def look(record):
        events = reader.EventAccumulator(str(tmp_path / "healthy.running"))
        events.Reload()
        seen.append([event.step for event in events.Scalars("loss")])

    from relu_fast.lab.runner import run_experiment

    run_experiment(HEALTHY, SMALL, events=tmp_path / "healthy", on_epoch=look)
    assert seen == [[1], [1, 2], [1, 2, 3]]
    assert [path.name for path in tmp_path.iterdir()] == ["healthy"]


def test_what_is_not_known_has_no_scalar(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    result_of(STILLBORN, tmp_path)
    events = reader.EventAccumulator(str(tmp_path / "stillborn"))
    events.Reload()
    tags = events.Tags()["scalars"]
    # Nobody is dormant or not in a layer that puts out nothing but zeros.
    assert "dormant_units/dense_1" not in tags
    assert "dormant_units/dense_3" in tags
    assert [event.value for event in events.Scalars("dead_units/dense_1")] == [8.0] * SMALL.epochs


def test_an_interruption_while_the_file_is_made_leaves_none(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(EventLog, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt), EventLog(tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_the_events_of_an_earlier_run(tmp_path):
    with EventLog(tmp_path / "run"):
        pass
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(ValueError, match="stop"), EventLog(tmp_path / "run"):
        raise ValueError("stop")
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert len(list((tmp_path / "run").glob(EVENT_FILES))) == 1
