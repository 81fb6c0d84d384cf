"""A run of the lab: the experiments one after the other, and what is said of the run as a whole."""

from __future__ import annotations

import datetime
import platform
import time
from typing import TextIO

import numpy as np
from threadpoolctl import threadpool_limits

from .. import __version__, isa
from ..report.study import ExperimentResult, Study
from .data import FEATURES, TARGETS, TRAINING_SHARE
from .experiments import named
from .output import OutputFolder
from .runner import run_experiment
from .settings import Settings
from .terminal import progress

__all__ = ["run_study"]


def run_study(
    settings: Settings, folder: OutputFolder, stream: TextIO
) -> tuple[Study, KeyboardInterrupt | OSError | MemoryError | None]:
    """Run the experiments and show the progress on `stream`.

    Returns
    -------
    Study
        If the run was stopped it holds the experiments that were finished, and is marked as interrupted.
    KeyboardInterrupt, OSError, MemoryError or None
        What stopped it: Ctrl-C, an event file that could not be written, too little memory.
    """
    experiments = named(settings.experiments)
    epochs = [settings.epochs * experiment.epochs_factor for experiment in experiments]
    results: list[ExperimentResult] = []
    stopped: KeyboardInterrupt | OSError | MemoryError | None = None
    started, began = datetime.datetime.now().astimezone(), time.perf_counter()
    try:
        # For matrices this small a second BLAS thread gains nothing, and waiting it takes a core: on a busy
        # machine the lab was three times slower.
        with (
            threadpool_limits(1, user_api="blas"),
            progress(stream, [experiment.name for experiment in experiments], epochs) as shown,
        ):
            for experiment in experiments:
                shown.begin(experiment.name)
                events = folder.events_of(experiment.name)
                result = run_experiment(experiment, settings, events=events, on_epoch=shown.epoch)
                results.append(result)
                shown.end(result)
    except BrokenPipeError:
        raise
    except (KeyboardInterrupt, OSError, MemoryError) as error:
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
        results=tuple(results),
        started=started.isoformat(timespec="seconds"),
        seconds=time.perf_counter() - began,
        interrupted=stopped is not None,
    )
    return study, stopped
