"""``relu-fast accuracy``: what it finds, prints, writes and returns."""

import json
import re
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from tables import using

import relu_fast as rf
from relu_fast.accuracy import command, record, walk
from relu_fast.accuracy.judge import Tally, Worst
from relu_fast.accuracy.samples import SPECIAL
from relu_fast.cli import main
from relu_fast.extras import EXTRAS

FEW = ["--every", "16411", "--jobs", "1"]


def run(*words):
    try:
        return main(["accuracy", *words])
    except SystemExit as end:
        return end.code


def plant(monkeypatch, name, change):
    """Make a ufunc change its results: change(x, results) in place."""
    ufunc = getattr(rf.ufuncs, name)

    def planted(*operands):
        result = ufunc(*operands)
        change(operands[-1] if name == "relu" else operands[0], result)
        return result

    planted.nout = ufunc.nout
    monkeypatch.setattr(rf.ufuncs, name, planted)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_every_row_is_within_its_bounds(dtype, isa, capsys):
    assert run("--dtype", dtype, *(FEW if dtype == "float32" else ["--jobs", "1"])) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"ISA {isa}" in out
    for name in rf.ACTIVATIONS:
        for direction in walk.DIRECTIONS:
            assert re.search(rf"^{name}(\(.*\))? +{direction} +[01]", out, re.MULTILINE), (name, direction)


def test_bfloat16_rows_are_within_their_bounds(capsys):
    pytest.importorskip("ml_dtypes")
    assert run("--dtype", "bfloat16", "--jobs", "1") == 0
    assert "all 65536 bfloat16 numbers" in capsys.readouterr().out


def test_float64_rows_are_within_their_bounds(capsys):
    assert run("--dtype", "float64", "--samples", "300", "--jobs", "1", "sigmoid", "elu=0.7") == 0
    assert re.search(r"^elu\(0\.7\) +backward +0\.\d+ ", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize("ulp", [-2, 2])
def test_one_result_off_by_two_ulp_is_found(monkeypatch, capsys, tmp_path, ulp):
    def change(x, y):
        y.view(np.int32)[x == -1.5] += ulp

    plant(monkeypatch, "elu", change)
    path = tmp_path / "found.json"
    assert run("elu", "--every", "4096", "--jobs", "1", "--json", str(path)) == 1
    out, err = capsys.readouterr()
    assert re.search(r"^elu\(1\) +forward +[12]\.\d+ +-0x1\.8p\+0 \(-1\.5\) .* 1 +0 +\S+$", out, re.MULTILINE)
    assert err.startswith(
        "relu-fast accuracy: elu(1) forward: 1 results above the bound, 0 wrong NaN or zero"
    )
    assert err.count("\n") == 1
    forward, backward = json.loads(path.read_text())["lines"]
    assert forward["results"]["relu_fast"]["above"] == 1
    assert float.fromhex(forward["results"]["relu_fast"]["worst"]["x"]) == -1.5
    assert backward["results"]["relu_fast"]["above"] == 0


@pytest.mark.parametrize(("x", "planted"), [(0.0, -0.0), (1.0, np.nan), (np.nan, 1.0), (1.0, np.inf)])
def test_one_wrong_nan_zero_or_infinity_is_found(monkeypatch, capsys, x, planted):
    def change(at, y):
        y[(at == x) | (np.isnan(at) & np.isnan(x))] = planted

    plant(monkeypatch, "relu", change)
    assert run("relu", "--every", "65536", "--jobs", "1") == 1
    assert "relu forward" in capsys.readouterr().err


def test_a_peer_that_is_wrong_is_shown_and_does_not_fail(capsys):
    assert run("sigmoid", "relu", *FEW, "--peers", "numpy") == 0
    out = capsys.readouterr().out
    # 1 / (1 + exp(-x)) is 0 where exp(-x) overflows, and the result should be 1e-39 or more.
    (line,) = re.findall(r"^sigmoid +forward +NumPy .*$", out, re.MULTILINE)
    assert float(line.split()[3]) > 1e5
    assert len(re.findall(r"^\w+ +(?:forward|backward) +relu_fast ", out, re.MULTILINE)) == 4
    assert "The gradient at NaN is a convention" in out


def test_only_the_peers(capsys, tmp_path):
    pytest.importorskip("torch")
    path = tmp_path / "peers.json"
    words = ["elu", "prelu", "--only-peers", "--peers", "torch,numpy", "--json", str(path)]
    assert run(*words, "--every", "65537", "--jobs", "1") == 0
    assert "relu_fast" not in capsys.readouterr().out
    for line in json.loads(path.read_text())["lines"]:
        assert list(line["results"]) == ["PyTorch", "NumPy"]


def test_pytorch_is_judged_by_the_parameters_it_has(capsys):
    pytest.importorskip("torch")
    words = ["hardsigmoid", "--only-peers", "--peers", "torch", "--direction", "forward", *FEW]
    if "hardsigmoid" not in rf.ACTIVATIONS:
        pytest.skip("no such row yet")
    assert run(*words) == 0
    (line,) = re.findall("^hardsigmoid.*$", capsys.readouterr().out, re.MULTILINE)
    assert float(line.split()[4]) < 1e4


def test_markdown_is_a_table_with_what_was_walked(tmp_path, capsys):
    path = tmp_path / "accuracy.md"
    assert run("tanh", "relu", *FEW, "--markdown", str(path)) == 0
    lines = path.read_text().splitlines()
    assert re.match(r"relu_fast \S+; .*ISA \w+; \d{4}-\d\d-\d\d; one of 16411 of the 2\^32 float32", lines[0])
    table = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    assert table[0][:6] == ["activation", "direction", "max ULP", "at x", "which gave", "rounded"]
    assert [row[:2] for row in table[2:]] == [[n, d] for n in ("tanh", "relu") for d in walk.DIRECTIONS]
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1


def test_json_holds_everything(tmp_path, capsys):
    path = tmp_path / "accuracy.json"
    assert run("elu=0.5", *FEW, "--json", str(path)) == 0
    content = json.loads(path.read_text())
    assert content["format"] == record.FORMAT
    assert content["plan"] == {
        "dtype": "float32",
        "every": 16411,
        "samples": 20000,
        "peers": [],
        "ours": True,
        "isa": rf.isa.active(),
    }
    assert content["machine"]["versions"]["NumPy"] == np.__version__
    forward, backward = content["lines"]
    assert (forward["bound_ulp"], backward["bound_ulp"]) == (1, 2)
    assert (forward["direction"], backward["direction"]) == walk.DIRECTIONS
    for line in (forward, backward):
        assert line["params"] == {"alpha": 0.5}
        assert line["inputs"] == line["results"]["relu_fast"]["inputs"] == 261724
        assert 0 < line["reference_error_ulp"] < 1e-7
        worst = line["results"]["relu_fast"]["worst"]
        assert 0.5 < worst["error"] <= line["bound_ulp"]
        x = np.float32(float.fromhex(worst["x"]))
        assert int(x.view(np.uint32)) % 16411 == 0 or x in SPECIAL
        operands = (x, np.float32(0.5)) if line is forward else (np.float32(1), x, np.float32(0.5))
        again = getattr(rf.ufuncs, "elu" if line is forward else "elu_backward")(*operands)
        assert float.fromhex(worst["got"]) == again


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_prints_what_there_is_and_a_second_run_goes_on(monkeypatch, capsys, tmp_path, jobs):
    monkeypatch.setattr(walk, "PART", 1 << 11)
    words = ["elu", "tanh", "--every", "65539", "--jobs"]
    resume, whole = tmp_path / "resume.json", tmp_path / "whole.json"

    @contextmanager
    def interrupted_bar(total):
        assert total == 4 * 33
        seen = []

        def advance(text):
            seen.append(text)
            if len(seen) == 40:
                raise KeyboardInterrupt

        yield advance

    with monkeypatch.context() as patch:
        patch.setattr(command, "progress_bar", interrupted_bar)
        assert run(*words, jobs, "--resume", str(resume)) == 130
    out, err = capsys.readouterr()
    assert err == "relu-fast accuracy: interrupted; the table holds what was walked\n"
    assert re.search(r"^elu\(1\) +backward .* \d+ of 65545$", out, re.MULTILINE)
    assert run(*words, "1", "--resume", str(resume)) == 0
    assert run(*words, "1", "--json", str(whole)) == 0
    assert "walked" not in capsys.readouterr().out
    assert json.loads(resume.read_text())["lines"] == json.loads(whole.read_text())["lines"]


def test_the_file_is_kept_up_to_date_while_walking(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(walk, "PART", 1 << 14)
    monkeypatch.setattr(command, "SAVE_SECONDS", 0.0)
    path, sizes = tmp_path / "resume.json", []
    write = command.write_atomically
    monkeypatch.setattr(
        command, "write_atomically", lambda at, content: (sizes.append(len(content)), write(at, content))
    )
    assert run("relu", "--every", "65539", "--jobs", "1", "--resume", str(path)) == 0
    assert len(sizes) == 2 * 5 + 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: "{", "is no file of relu-fast accuracy"),
        (lambda content: "[1, 2]", "is no file of relu-fast accuracy"),
        (lambda content: json.dumps({"format": "other"}), "is no file of relu-fast accuracy"),
        (
            lambda content: json.dumps(content | {"plan": content["plan"] | {"every": 7}}),
            "holds another run: every is 7 there and 65539 here",
        ),
        (lambda content: json.dumps(content | {"kernels": "0"}), "holds a run of other kernels"),
    ],
)
def test_a_file_of_another_run_is_refused(tmp_path, capsys, change, message):
    path = tmp_path / "resume.json"
    words = ["relu", "--every", "65539", "--jobs", "1", "--resume", str(path)]
    assert run(*words) == 0
    before = change(json.loads(path.read_text()))
    path.write_text(before)
    capsys.readouterr()
    assert run(*words) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"relu-fast accuracy: --resume {str(path)!r} {message}\n")
    assert path.read_text() == before


def test_a_tally_is_the_same_after_writing_and_reading():
    worst = Worst(np.inf, float(np.float32(0.1)), np.nan)
    tally = Tally(9, 8, 7, 6, worst, None, Worst(1.0, -0.0, -np.inf))
    again = record.tally_from_dict(json.loads(json.dumps(record.tally_to_dict(tally), allow_nan=False)))
    assert repr(again) == repr(tally)


@pytest.mark.parametrize("name", rf.isa.available())
def test_the_instruction_set_is_the_one_asked_for(monkeypatch, capsys, name):
    before, seen = rf.isa.active(), []
    plant(monkeypatch, "relu", lambda x, y: seen.append(rf.isa.active()))
    with using(before):
        assert run("relu", "--every", "65539", "--jobs", "1", "--isa", name) == 0
        assert rf.isa.active() == before
    assert f"ISA {name}" in capsys.readouterr().out
    assert seen[-1] == name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dance"], "unknown activation 'dance'; choose from relu,"),
        (["elu="], "'elu=': '' is no number"),
        (["elu=x"], "'elu=x': 'x' is no number"),
        (["elu=nan"], "expected finite numbers for its parameters: alpha"),
        (["elu=1,2"], "expected finite numbers for its parameters: alpha"),
        (["relu=1"], "expected finite numbers for its parameters: none"),
        (["--every", "0"], "--every is 0, expected 1 to 4294967296"),
        (["--dtype", "float16", "--every", "65537"], "expected 1 to 65536"),
        (["--dtype", "float64", "--every", "2"], "float64 is sampled: use --samples"),
        (["--samples", "0"], "--samples is 0"),
        (["--jobs", "0"], "--jobs is 0"),
        (["--isa", "mmx"], "invalid choice: 'mmx'"),
        (["--dtype", "int8"], "invalid choice: 'int8'"),
        (["--peers", "numpy,jax"], "--peers has 'jax', expected some of: numpy, torch"),
        (["--only-peers"], "--only-peers needs --peers"),
        (["--json", "."], "'.': is a folder"),
        (["--markdown", "missing/table.md"], "'missing/table.md': its folder is missing"),
    ],
)
def test_bad_options_end_with_one_line(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("relu-fast accuracy: ")
    assert message in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "words"), [("mpmath", ["--dtype", "float64"]), ("torch", ["--peers", "torch"])]
)
def test_what_is_not_installed_is_named(monkeypatch, capsys, module, words):
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == module else name)
    assert run("relu", *words) == 2
    assert capsys.readouterr().err.endswith(f"which is not installed: pip install {module}\n")


def test_a_dtype_without_loop_is_named(monkeypatch, capsys):
    monkeypatch.setattr(rf.ufuncs, "relu", lambda x: np.float32(x))
    assert run("relu", "--dtype", "float16") == 2
    assert capsys.readouterr().err == "relu-fast accuracy: relu has no loop for float16 in this version\n"


def test_help_needs_numpy_alone():
    modules = sorted({module for modules in EXTRAS.values() for module in modules})
    script = f"import sys; sys.modules.update(dict.fromkeys({modules})); import relu_fast.cli as cli"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; cli.main(['accuracy', '--help'])"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--resume" in done.stdout


def test_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "relu_fast.accuracy", "relu", "--every", "1048573"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "relu        backward         0" in done.stdout
