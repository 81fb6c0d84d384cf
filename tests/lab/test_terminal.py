import io
from dataclasses import replace

import pytest
from small_lab import HEALTHY, SMALL, STILLBORN, result_of

from relu_fast.lab.terminal import Bars, Lines, print_findings, print_table, progress
from relu_fast.report.study import LayerRow


class Terminal(io.StringIO):
    def isatty(self):
        return True


ROW = LayerRow(
    experiment="three-layer",
    layer="dense_1",
    units=64,
    dead=64,
    always_on=10,
    sparsity=0.99999,
    mean_abs_gradient=1.2e-05,
    loss=0.693147,
    val_loss=10.5,
)
ROWS = [
    replace(ROW, experiment="one-layer", dead=0, mean_abs_gradient=0.0),
    ROW,
    replace(ROW, layer="dense_2", dead=None, mean_abs_gradient=float("nan"), sparsity=None),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return [result_of(row, tmp_path_factory.mktemp("lab")) for row in (HEALTHY, STILLBORN)]


def table_in(stream, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    print_table(ROWS, stream)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
@pytest.mark.parametrize("columns", [80, 200])
def test_the_table_fits_80_columns_and_is_whole_in_a_pipe(monkeypatch, stream, columns):
    lines = table_in(stream(), monkeypatch, columns)
    plain = [line.replace("\x1b[1m", "").replace("\x1b[0m", "") for line in lines]
    assert max(len(line.rstrip()) for line in plain) <= 80
    header, rule, *body = [" ".join(line.split()) for line in plain if line.strip()][1:]
    assert header == "experiment layer units dead on sparsity |gradient| loss loss"
    assert set(rule) == {"─"}
    assert body == [
        "one-layer dense_1 64 0 10 > 99.9 % 0 0.6931 10.5000",
        "three-layer dense_1 64 64 10 > 99.9 % 1.2e-05 0.6931 10.5000",
        "dense_2 64 ? 10 ? nan",
    ]


def test_findings_are_wrapped(results):
    stream = io.StringIO()
    print_findings(results, stream)
    lines = stream.getvalue().splitlines()
    assert all(len(line) < 80 for line in lines)
    assert [line.split(":")[0] for line in lines if not line.startswith(" ")] == ["healthy", "stillborn"]


def test_a_pipe_gets_a_line_for_each_finished_experiment(results):
    stream = io.StringIO()
    with progress(stream, ["healthy", "stillborn"], [3, 3]) as shown:
        assert type(shown) is Lines
        for result in results:
            shown.begin(result.name)
            assert stream.getvalue().count("\n") == results.index(result)
            for record in result.epochs:
                shown.epoch(record)
            shown.end(result)
    first, second = stream.getvalue().splitlines()
    last = results[1].last
    assert first.startswith("[1/2] healthy: 3 epochs in ")
    assert second.startswith("[2/2] stillborn: 3 epochs in ")
    assert f"loss {last.loss:.4f}, validation loss {last.val_loss:.4f}. " in second
    assert second.endswith(results[1].findings[0])


def test_a_terminal_gets_bars_with_epochs_and_losses(results, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    with progress(stream, ["healthy", "stillborn"], [SMALL.epochs] * 2) as shown:
        assert type(shown) is Bars
        shown.begin("healthy")
        for record in results[0].epochs[:2]:
            shown.epoch(record)
        shown.end(results[0])
    final = stream.getvalue()
    assert "2/6" in final
    assert "2/3" in final
    assert "0/3" in final
    assert f"loss {results[0].epochs[1].loss:.4f}" in final
