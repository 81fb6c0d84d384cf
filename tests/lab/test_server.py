import io
import socket
import sys
from contextlib import nullcontext
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import pytest

from relu_fast.cli import main
from relu_fast.lab.server import ServerError, tensorboard

OPENER = build_opener(ProxyHandler({}))  # loopback, whatever proxies there are


def answers(address):
    with OPENER.open(address, timeout=30) as page:
        return page.read().decode()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with tensorboard(folder) as address:
        yield address


def test_it_answers_on_the_loopback_address(served):
    assert urlsplit(served).hostname == "127.0.0.1"
    assert "<title>TensorBoard</title>" in answers(served)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address")
def test_it_listens_nowhere_else(served):
    port = urlsplit(served).port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        # On another address of this machine the port is free.
        other.bind(("127.0.0.2", port))


def test_a_run_shows_its_address_and_ends_the_server(tmp_path, capsys):
    options = ["--experiments", "one-layer", "--epochs", "1", "--samples", "400", "--out", str(tmp_path)]
    assert main(["lab", "--tensorboard", *options]) == 0
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("TensorBoard: http://127.0.0.1:")
    with pytest.raises(URLError):
        answers(first.removeprefix("TensorBoard: "))


def test_what_keeps_it_from_starting_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    def refuse(folder):
        raise ServerError("TensorBoard does not start: no ports left")

    monkeypatch.setattr("relu_fast.lab.server.tensorboard", refuse)
    assert main(["lab", "--tensorboard", "--quick", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "relu-fast lab: TensorBoard does not start: no ports left\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_at_a_terminal_it_stays_until_ctrl_c(tmp_path, monkeypatch):
    def press(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("relu_fast.lab.server.tensorboard", lambda folder: nullcontext("http://there/"))
    monkeypatch.setattr("relu_fast.lab.command.time.sleep", press)
    monkeypatch.setattr("sys.stderr", Terminal())
    options = ["--experiments", "one-layer", "--epochs", "1", "--samples", "400", "--out", str(tmp_path)]
    assert main(["lab", "--tensorboard", *options]) == 0
    lines = sys.stderr.getvalue().splitlines()
    assert lines[0] == "TensorBoard: http://there/"
    assert lines[-1].endswith("TensorBoard: http://there/, until you press Ctrl-C")
    assert (tmp_path / "report.html").exists()
