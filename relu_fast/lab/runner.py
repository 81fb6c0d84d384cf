"""One experiment from its row in the table to its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from .. import nn
from ..monitor import DeadUnitMonitor
from ..report.study import EpochRecord, ExperimentResult
from ..report.tensorboard import EventLog
from .data import TARGETS, Data, make_data
from .experiments import Experiment
from .probe import PROBE_ROWS, layer_epoch, layer_tensors
from .settings import Settings

__all__ = ["LOSS", "run_experiment"]

LOSS = "binary_crossentropy"


def run_experiment(
    experiment: Experiment,
    settings: Settings,
    *,
    events: Path,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
) -> ExperimentResult:
    """Train one network, watched by the monitor and the probe.

    The numbers depend on the experiment and the settings alone, not on what ran before.

    Parameters
    ----------
    experiment : Experiment
    settings : Settings
        Those of the run; `experiments` is not looked at.
    events : Path
        Folder for the event file.
    on_epoch : callable
        Called after every epoch.
    """
    data = make_data(settings.samples * experiment.samples_factor, target=settings.target, seed=settings.seed)
    model, monitor = nn.Sequential(experiment.layers()), DeadUnitMonitor()
    with EventLog(events) as log:
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
    return ExperimentResult(
        name=experiment.name,
        question=experiment.question,
        model=tuple(map(repr, model.layers)),
        training_rows=len(data.x),
        validation_rows=len(data.val_x),
        probe_rows=len(data.val_x[:PROBE_ROWS]),
        loss_floor=TARGETS[settings.target].loss_floor,
        epochs=tuple(recorder.records),
        report=monitor.report(),
        epochs_seconds=tuple(recorder.seconds),
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
