"""`relu-fast lab` from the command line to its files, at small size."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from small_lab import HEALTHY, STILLBORN

import relu_fast as rf
from relu_fast.cli import main
from relu_fast.lab import output, study
from relu_fast.lab.experiments import EXPERIMENTS
from relu_fast.lab.output import OutputFolder
from relu_fast.report.study import Study

SMALL = ["--epochs", "2", "--samples", "400"]
RELU = ["dense_1", "dense_2", "dense_3", "dense_4"]
LAYERS = dict.fromkeys(EXPERIMENTS, RELU) | {
    "one-layer": ["dense_1"],
    "more-layers": [f"dense_{i}" for i in range(1, 8)],
    "act-prelu": ["prelu_1", "prelu_2", "prelu_3", "dense_4"],
    "batchnorm": ["activation_1", "activation_2", "activation_3", "dense_4"],
}
HISTOGRAMS = ("outputs", "pre_activation_gradient", "kernel_gradient", "bias_gradient", "kernel")
CONTROL = "gradient-clipping.control"
LOOKED_AT = ("one-layer", "three-layer", "act-prelu", "batchnorm", "gradient-clipping")
"""Experiments whose event files are read: one of each kind."""


def run(*words):
    """Exit code of the command, however it ends."""
    try:
        return main(["lab", *map(str, words)])
    except SystemExit as end:
        return end.code


def summary_of(folder):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads((folder / "summary.json").read_text(encoding="utf-8"), parse_constant=refuse)


def numbers_of(folder):
    """The summary without what differs from run to run."""
    summary = summary_of(folder)
    del summary["run"]
    return summary


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What one run of all experiments left."""
    folder = tmp_path_factory.mktemp("lab") / "new" / "folder"
    assert run(*SMALL, "--out", folder) == 0
    return folder


@pytest.fixture(scope="module")
def summary(folder):
    return summary_of(folder)


@pytest.fixture
def blink(monkeypatch):
    """Have two experiments in the table that take a blink."""
    for row in (HEALTHY, STILLBORN):
        monkeypatch.setitem(EXPERIMENTS, row.name, row)


# Files


def test_the_folder_holds_report_summary_and_a_run_for_each_experiment(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "summary.json", "tensorboard"]
    runs = sorted(path.parent.name for path in folder.glob("tensorboard/*/events.out.tfevents.*"))
    assert runs == sorted([*EXPERIMENTS, CONTROL])


def test_the_summary_has_a_row_for_each_layer(summary):
    rows = [(row["experiment"], row["layer"], row["units"]) for row in summary["table"]]
    assert rows == [
        (name, layer, 1 if layer == LAYERS[name][-1] else 64)
        for name in EXPERIMENTS
        for layer in LAYERS[name]
    ]


def test_the_summary_has_an_answer_to_each_question(summary):
    assert list(summary["answers"]) == list(EXPERIMENTS)
    for name, answer in summary["answers"].items():
        assert answer.endswith(".")
        assert "\n" not in answer
        dead = [row["dead"] for row in summary["table"] if row["experiment"] == name]
        gate = [layer["gate"] for layer in summary["experiments"][name]["report"]["layers"].values()]
        if gate[0] is not None and name != "one-layer":
            assert f"{sum(dead)} of {64 * (len(dead) - 1)}" in answer


def test_the_summary_says_what_was_run(summary):
    assert summary["format"] == "relu_fast.lab"
    assert summary["settings"] == {
        "experiments": list(EXPERIMENTS),
        "epochs": 2,
        "samples": 400,
        "batch_size": 32,
        "seed": 0,
        "target": "random",
    }
    assert summary["command"] == (
        "relu-fast lab --epochs 2 --samples 400 --batch-size 32 --seed 0 --target random"
    )
    assert summary["versions"]["NumPy"] == np.__version__
    assert summary["run"]["interrupted"] is False


def test_curves_and_table_and_report_agree(summary):
    for row in summary["table"]:
        experiment = summary["experiments"][row["experiment"]]
        curves, layer = experiment["epochs"], experiment["report"]["layers"][row["layer"]]
        assert curves["epoch"] == ([1, 2, 3, 4] if row["experiment"] == "more-epochs" else [1, 2])
        for name in ("loss", "val_loss"):
            assert curves[name][-1] == row[name]
        for name in ("dead", "always_on", "dormant", "sparsity", "mean_abs_gradient"):
            assert curves["layers"][row["layer"]][name][-1] == row[name]
        assert {name: layer[name] for name in ("units", "dead", "sparsity")}.items() <= row.items()
        assert layer["phase"] == "validation"
        assert layer["complete"]


# TensorBoard's own reader


@pytest.fixture(scope="module")
def runs(folder):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    runs = {}
    for name in (*LOOKED_AT, CONTROL):
        # 0 keeps everything; the default would sample.
        runs[name] = reader.EventAccumulator(
            str(folder / "tensorboard" / name), size_guidance={"scalars": 0, "histograms": 0}
        )
        runs[name].Reload()
    return runs


@pytest.mark.parametrize("name", LOOKED_AT)
def test_histograms_of_every_layer_stand_at_every_epoch(runs, name):
    expected = {f"{tensor}/{layer}" for tensor in HISTOGRAMS for layer in LAYERS[name]}
    assert set(runs[name].Tags()["histograms"]) == expected
    for tag in expected:
        assert [event.step for event in runs[name].Histograms(tag)] == [1, 2]


@pytest.mark.parametrize("name", LOOKED_AT)
def test_histograms_hold_the_tensor(runs, summary, name):
    inputs = [4, 64, 64, 64]
    units = [layer["units"] for layer in summary["experiments"][name]["report"]["layers"].values()]
    probe = summary["experiments"][name]["probe_rows"]
    for layer, fan_in, n in zip(LAYERS[name], inputs, units, strict=False):
        sizes = (probe * n, probe * n, fan_in * n, n, fan_in * n)
        for tensor, size in zip(HISTOGRAMS, sizes, strict=True):
            for event in runs[name].Histograms(f"{tensor}/{layer}"):
                assert event.histogram_value.num == size
                assert sum(event.histogram_value.bucket) == size


@pytest.mark.parametrize("name", LOOKED_AT)
def test_scalars_are_the_summarys_curves(runs, summary, name):
    curves = summary["experiments"][name]["epochs"]
    expected = {"loss": curves["loss"], "val_loss": curves["val_loss"]}
    for layer, values in curves["layers"].items():
        expected |= {
            f"dead_units/{layer}": values["dead"],
            f"dormant_units/{layer}": values["dormant"],
            f"always_on_units/{layer}": values["always_on"],
            f"sparsity/{layer}": values["sparsity"],
            f"active_units_per_example/{layer}": values["active_per_example"],
            f"mean_abs_gradient/{layer}": values["mean_abs_gradient"],
            f"gradient_norm/{layer}": values["gradient_norm"],
        }
    known = {
        tag: [(i, np.float32(value)) for i, value in enumerate(values, start=1) if value is not None]
        for tag, values in expected.items()
    }
    known = {tag: values for tag, values in known.items() if values}
    assert set(runs[name].Tags()["scalars"]) == set(known)
    for tag, values in known.items():
        assert [(event.step, event.value) for event in runs[name].Scalars(tag)] == values


def test_a_second_run_replaces_the_first_ones_events(tmp_path, blink):
    for _ in range(2):
        assert run(*SMALL, "--experiments", "healthy", "--out", tmp_path) == 0
        assert len(list((tmp_path / "tensorboard" / "healthy").iterdir())) == 1


# The page


class Page(HTMLParser):
    """Collects what a test asks of a page, and checks that tags nest."""

    VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open, self.text = [], [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def page(folder):
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_loads_nothing(folder, page):
    loading = {"src", "href", "xlink:href", "srcset", "data", "action", "poster"}
    for tag, name, value in page.attributes:
        assert name not in loading or value.startswith(("#", "data:")), (tag, name, value)
    assert not {"script", "link", "iframe", "object", "embed"} & set(page.tags)
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_links_and_references_in_the_page_have_a_target(page):
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    wanted = [value[1:] for _, name, value in page.attributes if name in ("href", "xlink:href")]
    wanted += [match for _, _, value in page.attributes for match in re.findall(r"url\(#([^)]+)\)", value)]
    assert wanted
    assert set(wanted) <= set(ids)


def test_every_figure_of_the_page_says_what_it_shows(page):
    figures = page.tags.count("svg")
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(labels) == figures
    assert all(labels)
    layers = sum(map(len, LAYERS.values())) + len(LAYERS["gradient-clipping"])
    gated = sum(not name.startswith("act-") for name in EXPERIMENTS)
    # Of each layer histograms and a map of its units; of each experiment the losses, active units a row and their
    # range; dead units where there can be any; the activations.
    expected = layers * (len(HISTOGRAMS) + 1) + 3 * len(EXPERIMENTS) + gated + len(rf.ACTIVATIONS)
    assert figures == expected


def test_table_headers_have_a_scope(page):
    assert page.tags.count("th") == sum((tag, name) == ("th", "scope") for tag, name, _ in page.attributes)


def test_the_page_tells_of_ln_2_and_offers_a_learnable_target(page):
    text = " ".join(page.text)
    assert "below ln 2 = 0.6931" in text
    assert "relu-fast lab --target sum" in text


def test_the_page_says_how_to_get_the_same_numbers(page, summary):
    assert summary["command"] in "".join(page.text)


# The same numbers


NAMES = ["gradient-clipping", "one-layer", "revive"]


@pytest.mark.parametrize("names", [["revive"], ["revive", "one-layer"]])
def test_an_experiments_numbers_do_not_depend_on_the_others(folder, tmp_path, names):
    assert run(*SMALL, "--experiments", ",".join(names), "--out", tmp_path) == 0
    alone, together = numbers_of(tmp_path)["experiments"], numbers_of(folder)["experiments"]
    assert list(alone) == names
    assert alone == {name: together[name] for name in names}


def without_times(page):
    """The page without the times of the run and of its experiments."""
    page = re.sub(r"\d{4}-\d\d-\d\dT[^<]*", "", page)
    return re.sub(r"[\d.]+ s\b", "", page)


def test_no_number_and_no_page_depends_on_the_number_of_jobs(tmp_path):
    for jobs in (1, 3):
        options = ["--jobs", jobs, "--experiments", ",".join(NAMES), "--out", tmp_path / str(jobs)]
        assert run(*SMALL, *options) == 0
    one, three = tmp_path / "1", tmp_path / "3"
    assert numbers_of(three) == numbers_of(one)
    pages = [without_times((place / "report.html").read_text(encoding="utf-8")) for place in (one, three)]
    assert pages[0] == pages[1]
    for place in (one, three):
        assert sorted(path.name for path in (place / "tensorboard").iterdir()) == sorted([*NAMES, CONTROL])


def test_another_seed_gives_other_numbers(folder, tmp_path):
    assert run(*SMALL, "--experiments", "one-layer", "--seed", 1, "--out", tmp_path) == 0
    loss = numbers_of(tmp_path)["experiments"]["one-layer"]["epochs"]["loss"]
    assert loss != numbers_of(folder)["experiments"]["one-layer"]["epochs"]["loss"]


def test_a_process_of_its_own_gives_the_same_numbers(folder, tmp_path):
    command = [sys.executable, "-m", "relu_fast.cli", "lab", *SMALL, "--out", str(tmp_path)]
    command += ["--experiments", "one-layer", "revive"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    own, together = numbers_of(tmp_path)["experiments"], numbers_of(folder)["experiments"]
    assert own == {name: together[name] for name in ("one-layer", "revive")}
    # No terminal: a line for each experiment, and no drawing.
    lines = done.stderr.splitlines()
    assert [line.split()[0] for line in lines] == ["[1/2]", "[2/2]"]
    assert sorted(line.split()[1] for line in lines) == ["one-layer:", "revive:"]
    assert "\x1b" not in done.stdout + done.stderr
    assert str(tmp_path / "report.html") in done.stdout


def test_the_list_shows_every_experiment_and_its_question(capsys, tmp_path):
    assert run("--list", "--out", tmp_path / "out") == 0
    output, error = capsys.readouterr()
    assert error == ""
    assert [tuple(line.split(maxsplit=1)) for line in output.splitlines()] == [
        (name, row.question) for name, row in EXPERIMENTS.items()
    ]
    assert not (tmp_path / "out").exists()


# Bad options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--experiments", "two-layer"],
            "unknown experiment 'two-layer'; the nearest: one-layer, three-layer, more-layers (relu-fast lab --list",
        ),
        (["--experiments", ","], "no experiment is named; choose from one-layer, three-layer, more-data"),
        (["--jobs", "0"], "--jobs is 0, expected at least 1"),
        (["--jobs", "many"], "argument --jobs: invalid int value: 'many'"),
        (["--epochs", "0"], "--epochs is 0, expected at least 1"),
        (["--epochs", "ten"], "argument --epochs: invalid int value: 'ten'"),
        (["--samples", "3"], "--samples is 3, expected at least 10"),
        (["--batch-size", "0"], "--batch-size is 0, expected at least 1"),
        (["--seed", "-1"], "--seed is -1, expected at least 0"),
        (["--target", "xor"], "argument --target: invalid choice: 'xor' (choose from"),
        (["--epochs"], "argument --epochs: expected one argument"),
        (["--out", ""], "argument --out: got '', expected a folder"),
        (["a\nb"], "unrecognized arguments: a b"),
    ],
)
def test_a_bad_option_ends_with_one_line(tmp_path, capsys, options, message):
    assert run("--out", tmp_path / "out", *options) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert re.match(f"relu-fast( lab)?: {re.escape(message)}", error)
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def under_a_file(tmp_path):
    (tmp_path / "file").write_text("kept")
    return tmp_path / "file" / "out"


def with_a_folder_for_a_report(tmp_path):
    (tmp_path / "report.html").mkdir()
    return tmp_path


def with_a_file_for_the_events(tmp_path):
    (tmp_path / "tensorboard").write_text("kept")
    return tmp_path


def with_a_file_for_an_experiment(tmp_path):
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "one-layer").write_text("kept")
    return tmp_path


def without_permission(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    return tmp_path / "out"


@pytest.mark.parametrize(
    "place",
    [
        under_a_file,
        with_a_folder_for_a_report,
        with_a_file_for_the_events,
        with_a_file_for_an_experiment,
        without_permission,
    ],
)
def test_a_folder_that_cannot_be_written_is_found_before_training(tmp_path, capsys, monkeypatch, place):
    monkeypatch.setattr(study, "run_experiment", lambda *args, **options: pytest.fail("trained"))
    monkeypatch.setattr(study, "run_in_workers", lambda *args, **options: pytest.fail("trained"))
    out = place(tmp_path)
    assert run(*SMALL, "--out", out) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith(f"relu-fast lab: cannot write to --out {str(out)!r}: ")
    assert error.count("\n") == 1
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or file.read_text() == "kept"


def test_a_missing_extra_is_named_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    assert run(*SMALL, "--out", tmp_path / "out") == 2
    assert capsys.readouterr().err == "relu-fast lab needs the extra: pip install 'relu_fast[lab]'\n"
    assert not (tmp_path / "out").exists()


def test_samples_that_cannot_fit_into_memory_are_found_before_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("relu_fast.info._memory", lambda: 2**34)
    assert run("--samples", 10**9, "--out", tmp_path / "out") == 2
    assert capsys.readouterr().err == (
        "relu-fast lab: --samples is 1000000000, which needs 209 GiB; this machine has 16\n"
    )
    assert not (tmp_path / "out").exists()


def test_memory_that_runs_out_while_training_ends_with_one_line(tmp_path, capsys, monkeypatch):
    def run_experiment(*args, **options):
        raise MemoryError

    monkeypatch.setattr(study, "run_experiment", run_experiment)
    assert run(*SMALL, "--jobs", 1, "--out", tmp_path) == 1
    assert capsys.readouterr().err == (
        "relu-fast lab: --samples 400 do not fit into memory; nothing was finished, nothing was written\n"
    )


def test_a_disk_that_fills_up_while_training_gives_exit_code_1(tmp_path, capsys, monkeypatch, blink):
    def write(self, study):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(OutputFolder, "write", write)
    assert run(*SMALL, "--experiments", "healthy", "--out", tmp_path) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"relu-fast lab: cannot write to --out {str(tmp_path)!r}: No space left on device"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_full_disk_while_training_ends_with_one_line(tmp_path, jobs):
    command = [sys.executable, "-m", "relu_fast.cli", "lab", *SMALL, "--out", str(tmp_path), "--jobs", jobs]
    command += ["--experiments", "one-layer,three-layer,act-elu"]
    limit = 20_000  # bytes a file: more than the first epoch of one-layer, less than that of three-layer
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    error = done.stderr.splitlines()
    assert error[-1].startswith(f"relu-fast lab: cannot write to --out {str(tmp_path)!r}: File too large")
    assert all(line.startswith("[") for line in error[:-1])
    assert done.returncode == 1


# Ctrl-C


def interrupt_at(name, monkeypatch):
    """Press Ctrl-C in the middle of one experiment."""
    real = study.run_experiment

    def run_experiment(experiment, settings, *, events, on_epoch):
        def on_epoch_then_interrupt(record):
            on_epoch(record)
            if experiment.name == name:
                raise KeyboardInterrupt

        return real(experiment, settings, events=events, on_epoch=on_epoch_then_interrupt)

    monkeypatch.setattr(study, "run_experiment", run_experiment)


def events_in(folder):
    """Every file below tensorboard/ with its bytes."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in (folder / "tensorboard").rglob("*")
        if file.is_file()
    }


def test_ctrl_c_leaves_what_was_finished(tmp_path, capsys, monkeypatch, blink):
    interrupt_at("stillborn", monkeypatch)
    assert run(*SMALL, "--jobs", 1, "--experiments", "healthy,stillborn", "--out", tmp_path) == 130
    output, error = capsys.readouterr()
    assert "healthy" in output
    assert "stillborn" not in output
    assert error.splitlines()[-1] == "relu-fast lab: interrupted; the files hold what was finished: healthy"
    summary = summary_of(tmp_path)
    assert list(summary["experiments"]) == ["healthy"]
    assert summary["run"]["interrupted"] is True
    assert "Interrupted." in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_ctrl_c_before_anything_was_finished_writes_nothing(tmp_path, capsys, monkeypatch, blink):
    interrupt_at("healthy", monkeypatch)
    (tmp_path / "summary.json").write_text("of an earlier run")
    assert run(*SMALL, "--experiments", "healthy", "--out", tmp_path) == 130
    assert capsys.readouterr().err.splitlines()[-1] == (
        "relu-fast lab: interrupted; nothing was finished, nothing was written"
    )
    assert (tmp_path / "summary.json").read_text() == "of an earlier run"
    assert not (tmp_path / "report.html").exists()
    assert list((tmp_path / "tensorboard").iterdir()) == []


def test_ctrl_c_leaves_the_results_of_an_earlier_run(tmp_path, monkeypatch, blink):
    options = [*SMALL, "--jobs", 1, "--experiments", "healthy,stillborn", "--out", tmp_path]
    assert run(*options) == 0
    before = events_in(tmp_path)
    assert len(before) == 2
    interrupt_at("healthy", monkeypatch)
    assert run(*options) == 130
    assert events_in(tmp_path) == before


def test_events_of_experiments_that_are_not_part_of_a_run_stay_and_are_told(tmp_path, capsys, blink):
    assert run(*SMALL, "--jobs", 1, "--experiments", "healthy,stillborn", "--out", tmp_path) == 0
    assert "earlier run" not in capsys.readouterr().out
    assert run(*SMALL, "--experiments", "healthy", "--out", tmp_path) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"{tmp_path / 'tensorboard'}/ also holds events of an earlier run: stillborn"
    assert {Path(name).parent.name for name in events_in(tmp_path)} == {"healthy", "stillborn"}


def test_events_of_a_run_that_was_killed_are_removed(tmp_path, blink):
    left = tmp_path / "tensorboard" / "healthy.running"
    left.mkdir(parents=True)
    (left / "events.out.tfevents.1.host").write_text("of a run that was killed")
    assert run(*SMALL, "--experiments", "healthy", "--out", tmp_path) == 0
    assert [Path(name).parent.name for name in events_in(tmp_path)] == ["healthy"]


@pytest.mark.parametrize("writing", ["to_json", "render"])
def test_ctrl_c_while_the_files_are_written_is_ignored(tmp_path, monkeypatch, blink, writing):
    owner = {"to_json": Study, "render": output}[writing]
    real = getattr(owner, writing)

    def interrupted(study):
        os.kill(os.getpid(), signal.SIGINT)
        return real(study)

    monkeypatch.setattr(owner, writing, interrupted)
    assert run(*SMALL, "--experiments", "healthy", "--out", tmp_path) == 0
    assert list(summary_of(tmp_path)["experiments"]) == ["healthy"]
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "cannot write to --out {out!r}: No space left on device"),
        (MemoryError(), "--samples 400 do not fit into memory"),
    ],
)
def test_an_error_while_training_leaves_what_was_finished(
    tmp_path, capsys, monkeypatch, blink, error, reason
):
    real = study.run_experiment

    def run_experiment(experiment, settings, **options):
        if experiment.name == "stillborn":
            raise error
        return real(experiment, settings, **options)

    monkeypatch.setattr(study, "run_experiment", run_experiment)
    assert run(*SMALL, "--jobs", 1, "--experiments", "healthy,stillborn", "--out", tmp_path) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    reason = reason.format(out=str(tmp_path))
    assert last == f"relu-fast lab: {reason}; the files hold what was finished: healthy"
    assert list(summary_of(tmp_path)["experiments"]) == ["healthy"]
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize("names", ["one-layer", "one-layer,three-layer"], ids=["here", "in workers"])
def test_a_real_signal_ends_a_real_process(tmp_path, names):
    """The signal goes to the whole process group, as a terminal's Ctrl-C does."""
    command = [sys.executable, "-m", "relu_fast.cli", "lab", "--samples", "2000", "--epochs", "1000000"]
    command += ["--jobs", "2", "--experiments", names, "--out", str(tmp_path)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A child of a background job would be born deaf to SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        start_new_session=True,
    )
    running = [Path(tmp_path, "tensorboard", f"{name}.running") for name in names.split(",")]
    try:
        while process.poll() is None and not all(any(events.glob("events*")) for events in running):
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, error) == (
        130,
        "relu-fast lab: interrupted; nothing was finished, nothing was written\n",
    )
    assert events_in(tmp_path) == {}
