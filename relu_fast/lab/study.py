"""A run of the lab: its experiments, and what is said of the run as a whole."""

from __future__ import annotations

import datetime
import platform
import time
from collections.abc import Generator, Iterable
from contextlib import closing
from typing import TextIO, TypeAlias

import numpy as np

from .. import __version__, isa
from ..report.study import EpochRecord, ExperimentResult, Study
from .data import FEATURES, TARGETS, TRAINING_SHARE
from .experiments import Experiment, named
from .output import OutputFolder
from .runner import run_experiment
from .settings import Settings
from .single_thread import single_thread
from .terminal import Lines, progress
from .workers import WorkerError, run_in_workers

__all__ = ["Stop", "run_study"]

Stop: TypeAlias = KeyboardInterrupt | OSError | MemoryError | WorkerError
"""What stops a study: Ctrl-C, an event file that cannot be written, too little memory, a worker that was killed."""


def run_study(
    settings: Settings, folder: OutputFolder, stream: TextIO, *, jobs: int = 1
) -> tuple[Study, Stop | None]:
    """Run the experiments and show the progress on `stream`.

    No number depends on `jobs`.

    Parameters
    ----------
    settings : Settings
    folder : OutputFolder
    stream : TextIO
    jobs : int
        How many experiments run at a time, each in a process of its own; 1: in this process, one after the
        other.

    Returns
    -------
    Study
        If the run was stopped it holds the experiments that were finished, and is marked as interrupted.
    Stop or None
        What stopped it.
    """
    experiments = named(settings.experiments)
    epochs = {experiment.name: experiment.epochs(settings.epochs) for experiment in experiments}
    results: dict[str, ExperimentResult] = {}
    stopped: Stop | None = None
    started, began = datetime.datetime.now().astimezone(), time.perf_counter()
    try:
        with progress(stream, epochs) as shown:
            if min(jobs, len(experiments)) > 1:
                running = run_in_workers(experiments, settings, folder, jobs, shown)
            else:
                running = _run_here(experiments, settings, folder, shown)
            # Closed at once when Ctrl-C comes here: it ends the workers.
            with closing(running):
                for result in running:
                    results[result.name] = result
    except BrokenPipeError:
        raise
    except (KeyboardInterrupt, OSError, MemoryError, WorkerError) as error:
        stopped = error
    study = Study(
        command=settings.command,
        settings=settings.to_dict(),
        data={
            "x": f"{settings.samples} rows of {FEATURES} numbers, uniform in (-1, 0), float32",
            "y": f"{settings.target}: {TARGETS[settings.target].meaning}",
            "split": f"the first {TRAINING_SHARE:.0%} of the rows train, the others validate",
        },
        versions={
            "relu_fast": __version__,
            "Python": platform.python_version(),
            "NumPy": np.__version__,
            "instruction set": isa.active(),
            "platform": f"{platform.system()} {platform.machine()}",
        },
        results=tuple(results[name] for name in epochs if name in results),
        started=started.isoformat(timespec="seconds"),
        seconds=time.perf_counter() - began,
        interrupted=stopped is not None,
    )
    return study, stopped


def _run_here(
    experiments: Iterable[Experiment], settings: Settings, folder: OutputFolder, shown: Lines
) -> Generator[ExperimentResult, None, None]:
    """Run them one after the other in this process."""
    with single_thread():
        for experiment in experiments:
            name = experiment.name
            shown.begin(name)

            def epoch(record: EpochRecord, name: str = name) -> None:
                shown.epoch(name, record.epoch, record.loss, record.val_loss)

            result = run_experiment(experiment, settings, events=folder.events_of(name), on_epoch=epoch)
            shown.end(result)
            yield result
