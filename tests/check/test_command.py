"""The command as a pipeline sees it: what it prints, writes, and ends with."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import relu_fast as rf
from relu_fast import check, cli, nn
from relu_fast.check import command
from relu_fast.check.survey import survey

X = np.random.default_rng(0).uniform(-1, 0, (500, 4)).astype(np.float32)


def network(dtype: type = np.float32) -> nn.Sequential:
    """Of 33 units 5 and 2 are dead, and 2 of those behind them never fire."""
    model = nn.Sequential(
        [
            nn.Dense(16, "relu"),
            nn.Dropout(0.5),
            nn.Dense(8),
            nn.BatchNorm(),
            nn.Activation("relu"),
            nn.PReLU(),
            nn.Dense(1, "sigmoid"),
        ]
    ).build(4, dtype=dtype)
    model.layers[0].bias[:5] = -9.0
    model.layers[3].beta[:2] = -20.0
    return model


@pytest.fixture
def files(tmp_path) -> dict[str, str]:
    paths = {name: str(tmp_path / name) for name in ("model.npz", "x.npy")}
    network().save(paths["model.npz"])
    np.save(paths["x.npy"], X)
    return paths


def run(*words: str) -> int:
    try:
        return cli.main(["check", *words])
    except SystemExit as end:
        return end.code


def checked(files: dict[str, str], *words: str) -> int:
    return run(files["model.npz"], "--data", files["x.npy"], *words)


def test_the_report_is_that_of_a_complete_pass(files, capsys):
    assert checked(files) == 0
    output, error = capsys.readouterr()
    assert error == ""
    assert output.rstrip("\n") == str(survey(nn.load_model(files["model.npz"]), X).report)
    assert "data: complete pass, 500 examples" in output


@pytest.mark.parametrize("batch_size", [1, 7, 500, 4096])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_batch_size_changes_no_count(batch_size, dtype):
    model = network(dtype)
    layers = survey(model, X, batch_size=batch_size).report.layers
    assert [layer.dead for layer in layers.values()] == [5, 2, 0, 0]
    assert [layer.counts["unfired"] for layer in layers.values()] == [0, 0, 2, 0]
    assert all(layer.complete and layer.example_count == 500 for layer in layers.values())
    assert all(layer.stats is None for layer in model.layers)


def test_what_the_layers_filled_before_is_left_alone():
    model = network()
    model.layers[0].stats = stats = rf.UnitStats(16)
    survey(model, X)
    assert model.layers[0].stats is stats
    assert not stats.seen.any()


@pytest.mark.parametrize(
    ("conditions", "code", "failed"),
    [
        (["dead>50%"], 0, []),
        (["dead>5%"], 1, ["dead>5%"]),
        (["dead>7"], 0, []),
        (["dead>=7"], 1, ["dead>=7"]),
        (["dead>50%,non_finite>0,unfired>2"], 0, []),
        (["dead>50%", "unfired>1, always_on>5%"], 1, ["unfired>1"]),
        (["dead>6", "unfired>=2", "dormant>0"], 1, ["dead>6", "unfired>=2", "dormant>0"]),
    ],
)
def test_a_condition_that_holds_is_exit_code_1(files, capsys, conditions, code, failed):
    assert checked(files, *(word for text in conditions for word in ("--fail-on", text))) == code
    output, error = capsys.readouterr()
    lines = error.splitlines()
    assert [line.split(":")[1].split()[-1] for line in lines] == failed
    assert all(line.startswith("relu-fast check: failed ") for line in lines)
    every = [part.strip() for text in conditions for part in text.split(",")]
    for condition in every:
        assert f"{'failed' if condition in failed else 'passed'} {condition}: " in output


def test_a_box_adds_proofs(files, capsys):
    assert checked(files, "--box", "data", "--fail-on", "proven>=7,dead>7") == 1
    output, error = capsys.readouterr()
    assert error == "relu-fast check: failed proven>=7: 7 of 33 units proven, 21.2 %\n"
    assert "dense_1: 5 of 16 units proven dead" in output
    assert "0 of 7 dead units could not be proven dead" in output


@pytest.mark.parametrize(("box", "proven"), [("-1:0", 7), ("-0.5:1e3", 0), ("-inf:inf", 0), ("nan:1", 0)])
def test_a_box_may_be_stated_and_nothing_is_proven_where_it_is_unbounded(
    files, tmp_path, capsys, box, proven
):
    path = str(tmp_path / "report.json")
    assert checked(files, f"--box={box}", "--json", path, "--fail-on", "proven>0") == int(proven > 0)
    with open(path) as file:
        layers = json.load(file)["layers"]
    assert sum(layer["states"]["proven"] for layer in layers.values()) == proven
    # What is not proven is still dead.
    assert sum(layer["states"]["dead"] for layer in layers.values()) == 7 - proven


def test_the_report_is_written_as_json_with_what_was_checked(files, tmp_path, capsys):
    path = tmp_path / "report.json"
    assert checked(files, "--json", str(path), "--fail-on", "dead>5%,dead>50%") == 1
    written = json.loads(path.read_text())
    report = survey(network(), X).report.to_dict()
    assert {name: written[name] for name in report} == json.loads(json.dumps(report))
    assert written["check"] == {
        "network": files["model.npz"],
        "data": f"{files['x.npy']}, 500 examples",
        "failed": True,
        "conditions": [
            {"condition": "dead>5%", "count": 7, "units": 33, "holds": True},
            {"condition": "dead>50%", "count": 7, "units": 33, "holds": False},
        ],
    }


def test_the_report_is_written_as_a_page(files, tmp_path, capsys):
    pytest.importorskip("jinja2")
    path = tmp_path / "report.html"
    assert checked(files, "--html", str(path), "--fail-on", "dead>5%", "--box", "data") == 1
    page = path.read_text()
    assert "dead&gt;5%: 7 of 33 units dead, 21.2 %" in page
    assert files["x.npy"] in page
    assert "4 features in [" in page


def test_without_jinja2_a_page_is_refused_before_anything_is_read(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert run("missing.npz", "--data", "missing.npy", "--html", str(tmp_path / "report.html")) == 2
    assert capsys.readouterr().err == ("relu-fast check: --html needs jinja2: pip install 'relu_fast[lab]'\n")


def test_networks_that_overflow_are_reported_without_a_warning(tmp_path, capsys):
    model = network()
    model.layers[0].kernel[...] = np.float32(3e38)
    model.layers[2].kernel[...] = np.float32(-3e38)
    model.save(tmp_path / "model.npz")
    np.save(tmp_path / "x.npy", -10 * X)
    words = [str(tmp_path / "model.npz"), "--data", str(tmp_path / "x.npy"), "--fail-on", "non_finite>0"]
    assert run(*words) == 1
    assert "NaN or infinity in units" in capsys.readouterr().out


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.longdouble, np.int8, np.uint16, bool, ">f4"])
def test_data_of_any_real_dtype_and_layout_is_taken(files, tmp_path, capsys, dtype):
    data = np.asfortranarray(np.random.default_rng(0).integers(0, 2, (40, 4)).astype(dtype))
    np.save(tmp_path / "other.npy", data)
    assert run(files["model.npz"], "--data", str(tmp_path / "other.npy"), "--box", "data") == 0
    assert "40 examples" in capsys.readouterr().out


def saved(folder, content) -> str:
    path = folder / "bad"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        with open(path, "wb") as file:
            np.savez(file, **content)
    else:
        with open(path, "wb") as file:
            np.save(file, content, allow_pickle=True)
    return str(path)


def with_value(value: float) -> np.ndarray:
    data = X.astype(np.float64)
    data[3, 2] = value
    return data


DATA = [
    (X[:, :3], r"bad' has shape (500, 3), expected (rows, 4): the network has 4 features"),
    (X[0], r"bad' has shape (4,), expected (rows, 4)"),
    (X[:0], r"bad' has shape (0, 4): no rows, expected at least one"),
    (
        X * np.nan,
        "bad' holds 2000 values of 2000 that are NaN or infinite in float32, expected finite numbers",
    ),
    (with_value(np.nan), "bad' holds 1 values of 2000 that are NaN"),
    (with_value(-np.inf), "bad' holds 1 values of 2000 that are NaN"),
    (with_value(1e300), "bad' holds 1 values of 2000 that are NaN or infinite in float32"),
    (X.astype(np.complex64), "bad' has dtype complex64, expected real numbers"),
    (X.astype(str), "expected real numbers"),
    (X.astype(object), "bad' is no .npy file of numbers"),
    ({"x": X}, "bad' is an .npz file, expected an .npy file"),
    (b"", "bad' is no .npy file of numbers"),
    (b"1,2,3,4\n5,6,7,8\n", "bad' is no .npy file of numbers"),
    (b"PK\x03\x04 not a zip", "bad' is an .npz file, expected an .npy file"),
]


@pytest.mark.parametrize(("content", "message"), DATA)
def test_data_that_does_not_fit_is_one_line_and_exit_code_2(files, tmp_path, capsys, content, message):
    report = str(tmp_path / "report.json")
    path = saved(tmp_path, content)
    assert run(files["model.npz"], "--data", path, "--json", report) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith("relu-fast check: ")
    assert error.count("\n") == 1
    assert message in error
    assert not os.path.exists(report)


@pytest.mark.parametrize("part", [0.3, 0.9, 0.999])
def test_data_that_is_cut_off_is_refused(files, tmp_path, capsys, part):
    with open(files["x.npy"], "rb") as file:
        content = file.read()
    path = saved(tmp_path, content[: int(part * len(content))])
    assert run(files["model.npz"], "--data", path) == 2
    assert "bad' is no .npy file of numbers" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "bad' is no .npz file, expected a file of nn.save_weights"),
        (b"PK\x03\x04 not a zip", "bad' is truncated or damaged: File is not a zip file"),
        (X, "bad' is no .npz file"),
        ({"x": X}, "bad' is an .npz file without an architecture"),
    ],
)
def test_a_file_that_holds_no_network_is_one_line_and_exit_code_2(files, tmp_path, capsys, content, message):
    assert run(saved(tmp_path, content), "--data", files["x.npy"]) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error.count("\n") == 1
    assert message in error


def test_a_network_with_nothing_to_watch_is_refused(files, tmp_path, capsys):
    nn.Sequential([nn.Dense(2), nn.BatchNorm()]).build(4).save(tmp_path / "linear.npz")
    assert run(str(tmp_path / "linear.npz"), "--data", files["x.npy"]) == 2
    assert "has no layer with an activation: there is nothing to check" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fail-on", "dead"], "got the condition 'dead', expected METRIC>NUMBER"),
        (["--fail-on", "dead>5%,"], "got the condition ''"),
        (["--fail-on", "dad>5%"], "unknown metric 'dad'"),
        (["--fail-on", "proven>0"], "'proven>0' needs --box: proofs are over a box of inputs"),
        (["--box", "date"], "got the box 'date', expected 'data' or LOW:HIGH, such as -1:1"),
        (["--box=1"], "got the box '1'"),
        (["--box=a:b"], "got the box 'a:b'"),
        (["--box=2:1"], "the box has lower 2 and upper 1, expected lower <= upper"),
        (["--batch-size", "0"], "--batch-size is 0, expected an integer >= 1"),
        (["--batch-size", "many"], "argument --batch-size: invalid int value: 'many'"),
        (["--json", "same", "--html", "same"], "--json and --html are both 'same', expected two files"),
        (["--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_options_that_do_not_fit_are_one_line_and_exit_code_2(files, capsys, words, message):
    assert checked(files, *words) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith("relu-fast")
    assert error.count("\n") == 1
    assert message in error


@pytest.mark.parametrize("missing", ["model.npz", "x.npy"])
def test_a_file_that_is_not_there_is_named(files, capsys, missing):
    os.remove(files[missing])
    assert checked(files) == 2
    assert capsys.readouterr().err == (
        f"relu-fast check: cannot read {files[missing]}: No such file or directory\n"
    )


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_report_that_cannot_be_written_is_exit_code_2_and_leaves_nothing(files, tmp_path, capsys, option):
    if option == "--html":
        pytest.importorskip("jinja2")
    before = sorted(os.listdir(tmp_path))
    path = str(tmp_path / "missing" / "report")
    assert checked(files, option, path, "--fail-on", "dead>5%") == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error == f"relu-fast check: cannot write {path}: No such file or directory\n"
    assert sorted(os.listdir(tmp_path)) == before


def test_data_is_required(files, capsys):
    assert run(files["model.npz"]) == 2
    assert "the following arguments are required: --data" in capsys.readouterr().err


def test_the_help_names_every_metric_and_every_exit_code(capsys):
    assert run("--help") == 0
    output = capsys.readouterr().out
    for metric in check.conditions.METRICS:
        assert f"    {metric} " in output
    assert "0 if no condition holds, 1 if one does, 2 for options and files that do not fit" in output


def test_a_pipeline_gates_on_it(files):
    words = [sys.executable, "-m", "relu_fast", "check", files["model.npz"], "--data", files["x.npy"]]
    codes = [
        subprocess.run([*words, "--fail-on", text], capture_output=True).returncode
        for text in ("dead>50%", "dead>5%", "dead")
    ]
    assert codes == [0, 1, 2]
