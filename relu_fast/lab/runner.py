"""One experiment from its row in the table to its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from .. import nn
from ..monitor import DeadUnitMonitor
from ..report.study import EpochRecord, ExperimentResult
from ..report.tensorboard import EventLog
from .data import TARGETS, Data, make_data
from .experiments import Experiment
from .probe import PROBE_ROWS, layer_epoch, layer_tensors
from .settings import Settings
from .sparsity import measure

__all__ = ["LOSS", "run_experiment"]

LOSS = "binary_crossentropy"


def run_experiment(
    experiment: Experiment,
    settings: Settings,
    *,
    events: Path,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
) -> ExperimentResult:
    """Train one network, watched by the monitor and the probe; before it its control, if it has one.

    The numbers depend on the experiment and the settings alone, not on what ran before.

    Parameters
    ----------
    experiment : Experiment
    settings : Settings
        Those of the run; `experiments` is not looked at.
    events : Path
        Folder for the event file; that of the control goes into one beside it.
    on_epoch : callable
        Called after every epoch.
    """
    control = None
    if experiment.control is not None:
        control = run_experiment(
            experiment.control, settings, events=events.with_name(experiment.control.name), on_epoch=on_epoch
        )
    data = make_data(settings.samples * experiment.samples_factor, target=settings.target, seed=settings.seed)
    model, monitor = nn.Sequential(experiment.layers()), DeadUnitMonitor()
    # Weights that explode are a result, too.
    with EventLog(events) as log, np.errstate(all="ignore"):
        recorder = _Recorder(monitor, data, log, on_epoch)
        model.fit(
            data.x,
            data.y,
            epochs=settings.epochs * experiment.epochs_factor,
            batch_size=settings.batch_size,
            loss=LOSS,
            optimizer=experiment.optimizer(),
            validation_data=(data.val_x, data.val_y),
            seed=settings.seed,
            # The monitor first: its snapshot of the epoch is part of the record.
            callbacks=(monitor, recorder),
            progress=False,
        )
        report = monitor.report()
        dead = {name: layer.dead_units.tolist() for name, layer in report.layers.items()}
        sparsity = measure(model, data.val_x[:PROBE_ROWS], dead, seed=settings.seed)
    return ExperimentResult(
        name=experiment.name,
        question=experiment.question,
        asks=experiment.asks,
        model=tuple(map(repr, model.layers)),
        training_rows=len(data.x),
        validation_rows=len(data.val_x),
        probe_rows=len(data.val_x[:PROBE_ROWS]),
        loss_floor=TARGETS[settings.target].loss_floor,
        epochs=tuple(recorder.records),
        report=report,
        epochs_seconds=tuple(recorder.seconds),
        sparsity=sparsity,
        control=control,
    )


class _Recorder(nn.Callback):
    """Makes the record of each epoch, and hands it on."""

    def __init__(
        self, monitor: DeadUnitMonitor, data: Data, log: EventLog, on_epoch: Callable[[EpochRecord], None]
    ) -> None:
        self.records: list[EpochRecord] = []
        self.seconds: list[float] = []
        self._monitor, self._log, self._on_epoch = monitor, log, on_epoch
        self._probe = data.val_x[:PROBE_ROWS], data.val_y[:PROBE_ROWS]
        self._began = 0.0

    def on_epoch_begin(self, model: nn.Sequential, epoch: int) -> None:
        self._began = time.perf_counter()

    def on_epoch_end(self, model: nn.Sequential, epoch: int, logs: Mapping[str, float]) -> None:
        tensors = layer_tensors(model, *self._probe, LOSS)
        record = EpochRecord(
            epoch=epoch,
            loss=logs["loss"],
            val_loss=logs["val_loss"],
            snapshot=self._monitor.report().window,
            layers={name: layer_epoch(arrays) for name, arrays in tensors.items()},
        )
        self._log.add_epoch(record, tensors)
        self.records.append(record)
        self.seconds.append(time.perf_counter() - self._began)
        self._on_epoch(record)
