import ast
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import relu_fast as rf
from relu_fast import cli, extras

EXTRA_MODULES = sorted({module for modules in extras.EXTRAS.values() for module in modules})


def run(*words):
    try:
        return cli.main(list(words))
    except SystemExit as end:
        return end.code


def test_version_is_the_packages(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"relu-fast {rf.__version__}\n"


def test_help_names_every_command(capsys):
    assert run("--help") == 0
    output = capsys.readouterr().out
    for name, (_, summary) in cli.COMMANDS.items():
        assert name in output
        assert summary in re.sub(r"\s+", " ", output)


@pytest.mark.parametrize(
    "words",
    [[], ["dance"], ["--dance"], ["a\nb"], ["info", "--dance"], ["info", "extra"], ["info", "a\nb\u2028c"]],
)
def test_bad_words_end_with_one_line_and_exit_code_2(capsys, words):
    assert run(*words) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith("relu-fast")
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", [name for name in cli.COMMANDS if " " in name])
def test_a_command_of_two_words_is_given_as_two_words(capsys, name):
    assert run(*name.split(), "--help") == 0
    assert capsys.readouterr().out.startswith(f"usage: relu-fast {name} ")
    assert run(*name.split(), "--dance") == 2
    assert capsys.readouterr().err == "relu-fast: unrecognized arguments: --dance\n"


def test_info_tells_versions_instruction_sets_and_dtypes(capsys):
    assert run("info") == 0
    lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["relu_fast"] == rf.__version__
    assert lines["NumPy"] == np.__version__
    assert lines["ISA"] == f"{rf.isa.active()} (available: {', '.join(rf.isa.available())})"
    assert re.fullmatch(rf"{rf.get_num_threads()} \(.+\)", lines["threads"])
    assert lines["dtypes"] == "float16, float32, float64, bfloat16"
    assert lines["activations"] == ", ".join(rf.ACTIVATIONS)


def test_info_tells_which_extras_are_there(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    assert run("info") == 0
    output = capsys.readouterr().out
    assert re.search(r"^\[lab\] +missing rich: pip install 'relu_fast\[lab\]'$", output, re.MULTILINE)


def test_the_active_isa_is_the_one_in_use(capsys):
    before = rf.isa.active()
    try:
        for name in rf.isa.available():
            rf.isa.use(name)
            run("info")
            assert re.search(rf"^ISA +{name} \(", capsys.readouterr().out, re.MULTILINE)
    finally:
        rf.isa.use(before)


@pytest.mark.parametrize(
    "words",
    [["info"], ["--version"], ["--help"], ["lab", "--help"], ["lab", "born-dead", "--help"]],
)
def test_numpy_alone_is_enough(words):
    script = f"import sys; sys.modules.update(dict.fromkeys({EXTRA_MODULES})); import relu_fast.cli as cli"
    command = [sys.executable, "-c", f"{script}; cli.main({words})"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("place", ["relu_fast.info.run", "relu_fast.info.add_arguments"])
def test_ctrl_c_ends_a_command_with_one_line_and_exit_code_130(monkeypatch, capsys, place):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(place, interrupted)
    assert run("info") == 130
    assert capsys.readouterr().err == "relu-fast: interrupted\n"


def test_ctrl_c_while_a_command_is_imported_ends_with_one_line_and_exit_code_130(monkeypatch, capsys):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "import_module", interrupted)
    assert run("lab") == 130
    assert capsys.readouterr().err == "relu-fast: interrupted\n"


@pytest.mark.parametrize("words", [["info"], ["--help"], ["--version"]])
def test_a_closed_stdout_ends_with_one_line_and_exit_code_1(words):
    command = [sys.executable, "-m", "relu_fast.cli", *words]
    done = subprocess.run(
        command, stderr=subprocess.PIPE, timeout=60, check=False, preexec_fn=lambda: os.close(1)
    )
    assert (done.returncode, done.stderr) == (1, b"relu-fast: cannot write the output: stdout is closed\n")


@pytest.mark.parametrize("words", [["info"], ["--help"], ["--version"], ["lab", "--help"]])
def test_output_that_cannot_be_written_ends_with_one_line_and_exit_code_1(tmp_path, words):
    command = [sys.executable, "-m", "relu_fast.cli", *words]
    with open(tmp_path / "output", "wb") as output:
        done = subprocess.run(
            command,
            stdout=output,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
            # Unbuffered, argparse would hide the error of its own writing.
            env=os.environ | {"PYTHONUNBUFFERED": ""},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
        )
    assert (done.returncode, done.stderr) == (1, b"relu-fast: cannot write the output: File too large\n")


def test_a_closed_stderr_does_not_send_messages_to_stdout():
    command = [sys.executable, "-m", "relu_fast.cli", "dance"]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, timeout=60, check=False, preexec_fn=lambda: os.close(2)
    )
    assert (done.returncode, done.stdout) == (2, b"")


def test_a_closed_pipe_ends_a_command_quietly():
    script = "import sys; from relu_fast.cli import main; sys.stdin.read(); sys.exit(main(['info']))"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_the_extras_are_those_of_the_project_file():
    tomllib = pytest.importorskip("tomllib")
    project = Path(__file__).parents[1] / "pyproject.toml"
    declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    modules = {"pytest-benchmark": "pytest_benchmark", "pytest-xdist": "xdist"}
    for extra, expected in extras.EXTRAS.items():
        names = [re.match(r"[\w-]+", requirement)[0] for requirement in declared[extra]]
        assert [modules.get(name, name) for name in names if name != "relu_fast"] == list(expected)


@pytest.mark.parametrize("package", ["bench", "lab"])
def test_an_extra_has_what_its_package_imports(package):
    folder = Path(cli.__file__).parent / package
    nodes = [node for path in folder.glob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0]
    # PyTorch is a peer to measure, not to install.
    others = (
        {name.split(".")[0] for name in names} - {"numpy", "relu_fast", "torch"} - sys.stdlib_module_names
    )
    assert "threadpoolctl" in others
    assert others <= set(extras.EXTRAS[package])
