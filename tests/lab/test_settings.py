import argparse
import shlex
from dataclasses import replace

import pytest

from relu_fast import info
from relu_fast.lab import command
from relu_fast.lab.data import BYTES_PER_ROW
from relu_fast.lab.experiments import EXPERIMENTS
from relu_fast.lab.settings import MAX_SAMPLES, Settings


def parsed(words):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command._settings(parser.parse_args(words))


def test_the_defaults_are_those_of_the_study():
    assert Settings() == Settings(
        experiments=tuple(EXPERIMENTS),
        epochs=25,
        samples=200_000,
        batch_size=32,
        seed=0,
        target="random",
    )
    assert parsed([]) == Settings()


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(
            experiments=("act-selu", "one-layer"),
            epochs=3,
            samples=10,
            batch_size=7,
            seed=2**70,
            target="abs",
        ),
    ],
)
def test_the_command_gives_the_settings_back(settings):
    program, name, *words = shlex.split(settings.command)
    assert (program, name) == ("relu-fast", "lab")
    assert parsed(words) == settings


def test_the_command_names_experiments_unless_it_is_all_of_them():
    assert "--experiments" not in Settings().command
    assert "--experiments revive,one-layer " in Settings(experiments=("revive", "one-layer")).command


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--experiments", "act-selu,one-layer"], ("act-selu", "one-layer")),
        (["--experiments", "act-selu", "one-layer"], ("act-selu", "one-layer")),
        (["--experiments", "act-selu, one-layer", "act-selu,"], ("act-selu", "one-layer")),
    ],
)
def test_experiments_are_separated_by_commas_or_spaces(words, expected):
    assert parsed(words).experiments == expected


def test_quick_gives_way_to_what_is_given():
    assert parsed(["--quick"]) == Settings(**command.QUICK)
    assert parsed(["--quick", "--epochs", "2"]) == Settings(**command.QUICK | {"epochs": 2})
    assert parsed(["--quick"]).samples < Settings().samples


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"epochs": 0}, "--epochs is 0, expected at least 1"),
        ({"epochs": -3}, "--epochs is -3, expected at least 1"),
        ({"samples": 9}, "--samples is 9, expected at least 10"),
        ({"samples": MAX_SAMPLES + 1}, f"--samples is {MAX_SAMPLES + 1}, expected at most {MAX_SAMPLES}"),
        ({"batch_size": 0}, "--batch-size is 0, expected at least 1"),
        ({"seed": -1}, "--seed is -1, expected at least 0"),
        ({"target": "xor"}, "unknown target 'xor'; choose from random, sum, abs"),
        (
            {"experiments": ("nine-layer",)},
            "unknown experiment 'nine-layer'; the nearest: one-layer, three-layer, more-layers "
            "(relu-fast lab --list shows all)",
        ),
        ({"experiments": ()}, f"no experiment is named; choose from {', '.join(EXPERIMENTS)}"),
    ],
)
def test_a_bad_value_is_quoted(bad, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Settings(**bad)
    assert str(caught.value) == message


def test_data_that_do_not_fit_into_memory_are_refused(monkeypatch):
    monkeypatch.setattr(info, "_memory", lambda: 2**30)
    Settings(experiments=("one-layer",), samples=2**30 // BYTES_PER_ROW)
    with pytest.raises(ValueError, match=r"^--samples is 100000000, which needs 10 GiB; this machine has 1$"):
        Settings(experiments=("one-layer",), samples=100_000_000)


def test_the_experiment_with_the_most_rows_decides_what_fits_into_memory(monkeypatch):
    monkeypatch.setattr(info, "_memory", lambda: 2**30)
    monkeypatch.setitem(
        EXPERIMENTS, "large", replace(EXPERIMENTS["act-selu"], name="large", samples_factor=10)
    )
    Settings(experiments=("act-selu",), samples=2_000_000)
    with pytest.raises(ValueError, match="--samples is 2000000, which needs 2 GiB"):
        Settings(experiments=("act-selu", "large"), samples=2_000_000)


def test_experiments_that_run_at_a_time_need_their_memory_together(monkeypatch):
    monkeypatch.setattr(info, "_memory", lambda: 2**30)
    settings = Settings(experiments=("one-layer", "three-layer"), samples=6_000_000)
    settings.check_memory(1)
    with pytest.raises(
        ValueError, match=r"^--samples is 6000000, which with --jobs 2 needs 1 GiB; this machine has 1$"
    ):
        settings.check_memory(2)


def test_a_machine_that_does_not_tell_its_memory_takes_everything(monkeypatch):
    monkeypatch.setattr(info, "_memory", lambda: None)
    assert Settings(samples=MAX_SAMPLES).samples == MAX_SAMPLES
