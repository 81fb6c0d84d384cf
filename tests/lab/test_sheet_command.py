"""What born-dead and collapse have in common: options, files, ends."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from relu_fast import cli
from relu_fast.lab import born_dead, collapse
from relu_fast.lab.sheet_command import Steps

MODULES = {"born-dead": born_dead, "collapse": collapse}
SMALL = {
    "born-dead": ["--widths", "2", "--depths", "3,4", "--networks", "50"],
    "collapse": ["--depths", "4", "--networks", "10", "--samples", "30", "--epochs", "2"],
}
FORMS = ("html", "json", "png", "svg")
COMMANDS = sorted(MODULES)


def run(command, *options):
    try:
        return cli.main(["lab", command, *map(str, options)])
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_prints_its_table_and_writes_its_files(tmp_path, capsys, command):
    out = tmp_path / "new" / "folder"
    assert run(command, *SMALL[command], "--out", out) == 0
    output, error = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == [f"{command}.{form}" for form in FORMS]
    assert output.splitlines()[-4:] == [
        str(out / f"{command}.{form}") for form in ("html", "json", "svg", "png")
    ]
    record = json.loads((out / f"{command}.json").read_text(encoding="utf-8"))
    for answer in record["answers"]:
        assert answer in output
        assert answer in (out / f"{command}.html").read_text(encoding="utf-8")
    # No terminal: a line for each part, and no drawing.
    assert all(line.startswith("[") for line in error.splitlines())
    assert "\x1b" not in output + error


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_of_the_record_gives_the_same_record(tmp_path, command):
    assert run(command, *SMALL[command], "--seed", 7, "--out", tmp_path) == 0
    first = (tmp_path / f"{command}.json").read_bytes()
    words = json.loads(first)["command"].split()
    assert words[:3] == ["relu-fast", "lab", command]
    done = subprocess.run(
        [sys.executable, "-m", "relu_fast.cli", *words[1:], "--out", str(tmp_path / "again")],
        capture_output=True,
        timeout=120,
        check=False,
        env=os.environ | {"RELU_FAST_NUM_THREADS": "3", "OMP_NUM_THREADS": "2"},
    )
    assert done.returncode == 0
    assert (tmp_path / "again" / f"{command}.json").read_bytes() == first
    assert run(command, *SMALL[command], "--seed", 8, "--out", tmp_path) == 0
    assert json.loads((tmp_path / f"{command}.json").read_bytes())["rows"] != json.loads(first)["rows"]


@pytest.mark.parametrize("command", COMMANDS)
def test_quick_yields_to_what_is_given(tmp_path, command):
    assert run(command, "--quick", *SMALL[command], "--out", tmp_path) == 0
    settings = json.loads((tmp_path / f"{command}.json").read_bytes())["settings"]
    assert settings["networks"] == int(SMALL[command][SMALL[command].index("--networks") + 1])


def test_born_dead_also_calls_its_networks_samples(tmp_path):
    assert run("born-dead", "--widths", "2", "3", "--depths", "3", "--samples", 20, "--out", tmp_path) == 0
    settings = json.loads((tmp_path / "born-dead.json").read_bytes())["settings"]
    assert settings == {"widths": [2, 3], "depths": [3], "networks": 20, "seed": 0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--widths", "two"], "--widths is 'two', expected integers by commas or spaces"),
        (["--widths", "2,", "3.5"], "--widths is '2, 3.5', expected integers by commas or spaces"),
        (["--widths", ","], "--widths is empty, expected integers by commas or spaces"),
        (["--widths", "0"], "--widths is 0, expected at least 1"),
        (["--widths", "257"], "--widths is 257, expected at most 256"),
        (["--depths", "3,1"], "--depths is 1, expected at least 2"),
        (["--depths", "201"], "--depths is 201, expected at most 200"),
        (["--networks", "0"], "--networks is 0, expected at least 1"),
        (["--networks", "ten"], "argument --networks"),
        (["--seed", "-1"], "--seed is -1, expected at least 0"),
        (["--out", ""], "argument --out: got '', expected a folder"),
        (["--epochs"], ""),
        (["a\nb"], "unrecognized arguments: a b"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_bad_option_ends_with_one_line(tmp_path, capsys, command, options, message):
    assert run(command, "--out", tmp_path / "out", *options) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert re.match(f"relu-fast( lab {command})?: {re.escape(message)}", error)
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--samples=0", "--samples is 0, expected at least 1"),
        ("--samples=100001", "--samples is 100001, expected at most 100000"),
        ("--epochs=0", "--epochs is 0, expected at least 1"),
    ],
)
def test_bad_options_of_training_end_with_one_line(tmp_path, capsys, option, message):
    assert run("collapse", "--out", tmp_path / "out", option) == 2
    assert capsys.readouterr().err == f"relu-fast lab collapse: {message}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_cannot_be_written_is_found_before_anything_is_computed(
    tmp_path, capsys, monkeypatch, command
):
    monkeypatch.setattr(MODULES[command], "study", lambda *args: pytest.fail("computed"))
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder" / f"{command}.json").mkdir(parents=True)
    for out in (tmp_path / "file" / "out", tmp_path / "folder"):
        assert run(command, *SMALL[command], "--out", out) == 2
        output, error = capsys.readouterr()
        assert output == ""
        assert error.startswith(f"relu-fast lab {command}: cannot write to --out {str(out)!r}: ")
        assert error.count("\n") == 1
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_extra_is_named_in_one_line(tmp_path, capsys, monkeypatch, command):
    monkeypatch.setitem(sys.modules, "rich", None)
    assert run(command, *SMALL[command], "--out", tmp_path / "out") == 2
    assert (
        capsys.readouterr().err == f"relu-fast lab {command} needs the extra: pip install 'relu_fast[lab]'\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (KeyboardInterrupt(), 130, "interrupted; nothing was written"),
        (MemoryError(), 1, "these networks do not fit into memory; nothing was written"),
        (OSError(28, "No space left on device"), 1, "cannot write to --out {out!r}: No space left on device"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_stops_a_run_leaves_the_files_of_an_earlier_one(
    tmp_path, capsys, monkeypatch, command, error, code, reason
):
    def stopped(*args):
        raise error

    monkeypatch.setattr(MODULES[command], "study", stopped)
    for form in FORMS:
        (tmp_path / f"{command}.{form}").write_text("earlier")
    assert run(command, *SMALL[command], "--out", tmp_path) == code
    output, message = capsys.readouterr()
    assert (output, message) == ("", f"relu-fast lab {command}: {reason.format(out=str(tmp_path))}\n")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["earlier"] * 4


@pytest.mark.parametrize("command", COMMANDS)
def test_a_real_signal_ends_a_real_process(tmp_path, command):
    endless = {"born-dead": ["--networks", "100000000"], "collapse": ["--epochs", "1000000"]}
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "relu_fast.cli",
            "lab",
            command,
            *endless[command],
            "--out",
            str(tmp_path / "out"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A child of a background job would be born deaf to SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        # The folder is made just before the work begins.
        while process.poll() is None and not (tmp_path / "out").exists():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=60)
    finally:
        process.kill()
    # A shell shows both as 130: CPython ends by the signal itself where that came while exec() ran, as it does
    # when a dataclass is made.
    assert process.returncode in (130, -signal.SIGINT), error
    assert output == ""
    assert re.fullmatch(f"relu-fast( lab {command})?: interrupted(; nothing was written)?\n", error)
    assert list((tmp_path / "out").iterdir()) == []


class Terminal:
    """Collects what is drawn."""

    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def test_bars_are_drawn_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    with Steps(stream, {"first": 2, "second": 3}) as steps:
        steps.advance("first")
        steps.advance("first")
        steps.done("first", "it went well")
        steps.advance("second")
    assert re.search(r"first.*2/2.*it went well", stream.text)
    assert re.search(r"second.*1/3", stream.text)
