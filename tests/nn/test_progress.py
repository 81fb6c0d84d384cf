import io
import subprocess
import sys

import numpy as np
import pytest

from relu_fast import nn
from relu_fast.nn import progress

X, Y = np.zeros((6, 2)), np.zeros(6)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def fit(**options: object) -> nn.History:
    return nn.Sequential([nn.Dense(1, "sigmoid")]).fit(X, Y, epochs=3, batch_size=2, **options)


@pytest.fixture
def open_terminal(monkeypatch):
    """A function, because pytest puts its own stderr back when a fixture is done."""

    def open_terminal() -> Terminal:
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setenv("TERM", "xterm")
        return sys.stderr

    return open_terminal


@pytest.fixture
def without_rich(monkeypatch):
    monkeypatch.setattr(progress, "find_spec", lambda name: None)


def test_a_terminal_shows_the_epochs(open_terminal):
    pytest.importorskip("rich")
    terminal = open_terminal()
    fit()
    assert "epoch 3/3" in terminal.getvalue()


def test_a_pipe_shows_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    fit()
    assert sys.stderr.getvalue() == ""
    assert capsys.readouterr().out == ""


def test_no_stderr_shows_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert len(fit().loss) == 3


def test_progress_can_be_switched_off(open_terminal):
    terminal = open_terminal()
    fit(progress=False)
    assert terminal.getvalue() == ""


def test_without_rich_training_runs_without_a_bar(open_terminal, without_rich):
    terminal = open_terminal()
    assert len(fit().loss) == 3
    assert terminal.getvalue() == ""


def test_a_bar_that_was_asked_for_says_that_it_needs_rich(without_rich):
    with pytest.raises(ImportError, match=r"needs rich: pip install relu_fast\[lab\]"):
        fit(progress=True)


def test_the_bar_is_left_in_order_when_training_is_interrupted(open_terminal):
    pytest.importorskip("rich")
    terminal = open_terminal()

    class Interrupt(nn.Callback):
        def on_epoch_end(self, model, epoch, logs):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(callbacks=[Interrupt()])
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert 0 <= terminal.getvalue().rfind(hidden) < terminal.getvalue().rfind(shown)


def test_importing_and_training_do_not_import_rich():
    script = (
        "import sys; from relu_fast import nn; nn.Sequential([nn.Dense(1)]).fit([[0.0]], [0.0], epochs=1); "
    )
    code = script + "print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert done.stderr == ""
