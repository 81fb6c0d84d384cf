"""``relu-fast lab``: train the experiments, watch units die, write report, summary and event files."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..extras import missing
from .data import FEATURES, TARGETS, TRAINING_SHARE
from .experiments import EXPERIMENTS
from .settings import Settings

if TYPE_CHECKING:
    from ..report.study import Study
    from .output import OutputFolder
    from .study import Stop

__all__ = ["add_arguments", "run"]

QUICK = {"epochs": 5, "samples": 20_000}

DESCRIPTION = f"""\
Train the classic networks whose ReLUs die, and say which units died.

The data: x of shape (samples, {FEATURES}), uniform in (-1, 0), float32.
{TRAINING_SHARE:.0%} of the rows train, the others validate. Binary cross-entropy; Adam with its defaults."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    default = Settings()
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = DESCRIPTION
    parser.epilog = "\n".join(
        [
            "experiments:",
            *_listed(),
            "\ntargets, for x = (x1, x2, x3, x4):",
            *(f"  {name:<12} {target.meaning}" for name, target in TARGETS.items()),
        ]
    )
    parser.add_argument(
        "--experiments",
        nargs="+",
        metavar="NAME",
        help="some of those below, by commas or spaces (default: all)",
    )
    for name, meaning in (
        ("epochs", "passes over the training rows"),
        ("samples", "rows of data"),
        ("batch-size", "rows of a training step"),
        ("seed", "of data, initial weights, order and dropout: the same seed, the same numbers"),
    ):
        value = getattr(default, name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"{meaning} (default: {value})")
    parser.add_argument(
        "--target", choices=list(TARGETS), help=f"what the labels are, see below (default: {default.target})"
    )
    parser.add_argument(
        "--out",
        type=_folder,
        default=Path("relu-fast-lab"),
        metavar="DIR",
        help="folder for report.html, summary.json and tensorboard/, where events of experiments that this "
        "run does not finish stay (default: %(default)s)",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="experiments that run at a time, each in a process with one thread; no number depends on it "
        f"(default: one for each processor, here {cores()})",
    )
    parser.add_argument(
        "--tensorboard",
        action="store_true",
        help="show it live: start TensorBoard on this machine's loopback address, which ends with the command "
        "(at a terminal: when you press Ctrl-C)",
    )
    parser.add_argument("--list", action="store_true", help="show the experiments and end")
    quick = " ".join(f"--{name} {value}" for name, value in QUICK.items())
    parser.add_argument("--quick", action="store_true", help=f"seconds only: {quick}, where not given")


def _listed() -> list[str]:
    """Write the table of experiments, a line each."""
    width = max(map(len, EXPERIMENTS))
    return [f"  {name:<{width}}  {row.question}" for name, row in EXPERIMENTS.items()]


def cores() -> int:
    """Count the processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit code: 0; 1 if a file could not be written or memory ran out after all; 2 for bad options, found before
        anything is trained; 130 after Ctrl-C. Whatever stops the training, the experiments that were finished
        are written.
    """
    if args.list:
        print("\n".join(line.strip() for line in _listed()))
        return 0
    if missing("lab"):
        print("relu-fast lab needs the extra: pip install 'relu_fast[lab]'", file=sys.stderr)
        return 2
    # What needs the extra is imported from here on.
    from .output import OutputFolder
    from .server import ServerError, tensorboard
    from .study import run_study

    folder = OutputFolder(args.out)
    try:
        settings = _settings(args)
        jobs = _jobs(args.jobs, settings)
        folder.prepare(settings.experiments)
    except ValueError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(_unwritable(folder, error))
    try:
        with tensorboard(folder.events) if args.tensorboard else nullcontext() as address:
            if address is not None:
                print(f"TensorBoard: {address}", file=sys.stderr, flush=True)
            study, stopped = run_study(settings, folder, sys.stderr, jobs=jobs)
            code = _finish(study, stopped, folder)
            if address is not None and code != 130 and sys.stderr.isatty():
                _wait_for_ctrl_c(f"TensorBoard: {address}, until you press Ctrl-C")
            return code
    except ServerError as error:
        return _failed(str(error), code=1)


def _finish(study: Study, stopped: Stop | None, folder: OutputFolder) -> int:
    """Write the files, show what came out, say what stopped it; returns the exit code."""
    from .workers import WorkerError

    if study.results:
        try:
            folder.write(study)
        except OSError as error:
            return _failed(_unwritable(folder, error), code=1)
        _show(study, folder)
    if stopped is None:
        return 0
    finished = ", ".join(result.name for result in study.results)
    kept = (
        f"the files hold what was finished: {finished}"
        if finished
        else "nothing was finished, nothing was written"
    )
    if isinstance(stopped, OSError):
        return _failed(f"{_unwritable(folder, stopped)}; {kept}", code=1)
    if isinstance(stopped, MemoryError):
        return _failed(f"--samples {study.settings['samples']} do not fit into memory; {kept}", code=1)
    if isinstance(stopped, WorkerError):
        return _failed(f"{stopped}; {kept}", code=1)
    return _failed(f"interrupted; {kept}", code=130)


def _wait_for_ctrl_c(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


def _folder(word: str) -> Path:
    if not word:
        # Path("") would be the current folder.
        raise argparse.ArgumentTypeError("got '', expected a folder")
    return Path(word)


def _settings(args: argparse.Namespace) -> Settings:
    given = {
        name: getattr(args, name)
        for name in ("epochs", "samples", "batch_size", "seed", "target")
        if getattr(args, name) is not None
    }
    if args.experiments is not None:
        names = [name.strip() for words in args.experiments for name in words.split(",")]
        given["experiments"] = tuple(dict.fromkeys(filter(None, names)))
    return Settings(**(QUICK if args.quick else {}) | given)


def _jobs(given: int | None, settings: Settings) -> int:
    """Return how many experiments run at a time: by default as many as there are processors and memory for."""
    if given is None:
        jobs = cores()
        with suppress(ValueError):
            settings.check_memory(jobs)
            return jobs
        return 1
    if given < 1:
        raise ValueError(f"--jobs is {given}, expected at least 1")
    settings.check_memory(given)
    return given


def _show(study: Study, folder: OutputFolder) -> None:
    """Print the table with the answers, and where the files are."""
    from .terminal import print_table

    print_table(study, sys.stdout)
    print(f"\n{folder.report}\n{folder.summary}\n{folder.events}/  (tensorboard --logdir {folder.events})")
    older = folder.older_events(study)
    if older:
        print(f"{folder.events}/ also holds events of an earlier run: {', '.join(older)}")


def _unwritable(folder: OutputFolder, error: OSError) -> str:
    return f"cannot write to --out {str(folder.path)!r}: {error.strerror or error}"


def _failed(reason: str, *, code: int = 2) -> int:
    print(f"relu-fast lab: {reason}", file=sys.stderr)
    return code
