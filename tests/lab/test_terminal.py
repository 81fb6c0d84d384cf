import io

import pytest
from small_lab import GATELESS, HEALTHY, SMALL, STILLBORN, result_of, study_of

from relu_fast.lab.terminal import Bars, Lines, print_table, progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return [result_of(row, tmp_path_factory.mktemp("lab")) for row in (HEALTHY, STILLBORN, GATELESS)]


def table_in(stream, results, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    print_table(study_of(*results), stream)
    return [
        line.replace("\x1b[1m", "").replace("\x1b[0m", "").rstrip() for line in stream.getvalue().splitlines()
    ]


def test_in_a_pipe_the_table_has_one_line_an_experiment(results, monkeypatch):
    _, header, rule, *body = table_in(io.StringIO(), results, monkeypatch, 80)
    study = study_of(*results)
    assert header.split() == ["experiment", "dead", "dormant", "loss", "answer"]
    assert set(rule) == {"─"}
    assert [line.split()[0] for line in body] == ["healthy", "stillborn", "gateless"]
    for line, result in zip(body, results, strict=True):
        assert line.endswith(study.answer(result))
        assert f" {result.last.val_loss:.4f} " in line
    assert body[1].split()[1:3] == ["12/12", "?"]
    assert body[2].split()[1] == "-"


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_in_a_terminal_the_table_is_as_wide_as_that_and_answers_are_whole(results, monkeypatch, columns):
    lines = table_in(Terminal(), results, monkeypatch, columns)
    assert max(map(len, lines)) <= columns
    start = lines[1].index("answer")
    words = " ".join(line[start:] for line in lines[3:]).split()
    study = study_of(*results)
    assert words == " ".join(study.answer(result) for result in results).split()


def test_a_pipe_gets_a_line_for_each_finished_experiment_in_the_order_they_finish(results):
    stream = io.StringIO()
    with progress(stream, {"healthy": 3, "stillborn": 3}) as shown:
        assert type(shown) is Lines
        for number, result in enumerate([results[1], results[0]]):
            shown.begin(result.name)
            assert stream.getvalue().count("\n") == number
            for record in result.epochs:
                shown.epoch(result.name, record.epoch, record.loss, record.val_loss)
            shown.end(result)
    first, second = stream.getvalue().splitlines()
    last = results[1].last
    assert first.startswith("[1/2] stillborn: 3 epochs in ")
    assert second.startswith("[2/2] healthy: 3 epochs in ")
    assert f"loss {last.loss:.4f}, validation loss {last.val_loss:.4f}. " in first
    assert first.endswith(results[1].findings[0])


def test_a_terminal_gets_a_bar_for_what_runs_and_a_line_for_what_is_finished(results, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    stream = Terminal()
    healthy, stillborn, _ = results
    with progress(stream, {"healthy": SMALL.epochs, "stillborn": SMALL.epochs, "later": 7}) as shown:
        assert type(shown) is Bars
        for result in (healthy, stillborn):
            shown.begin(result.name)
            for record in result.epochs[:2]:
                shown.epoch(result.name, record.epoch, record.loss, record.val_loss)
        shown.end(healthy)
    final = stream.getvalue()
    assert "4/13" in final
    assert "2/3" in final
    assert "0/7" not in final
    assert f"loss {stillborn.epochs[1].loss:.4f}" in final
    assert f"[1/3] healthy: 3 epochs in {healthy.seconds:.1f} s" in final
