"""One experiment from its row in the table to its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from .. import bounds, nn
from ..monitor import DeadUnitMonitor
from ..report.sparsity import Sparsity
from ..report.study import EpochRecord, ExperimentResult, Revivals
from ..report.tensorboard import EventLog
from ..revive import ReDo
from .data import RANGE, TARGETS, Data, make_data
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
    epochs = settings.epochs * experiment.epochs_factor
    cure = None if experiment.cure is None else experiment.cure(monitor, seed=settings.seed)
    # Weights that explode are a result, too.
    with EventLog(events) as log, np.errstate(all="ignore"):
        recorder = _Recorder(monitor, data, log, on_epoch, epochs=epochs, seed=settings.seed)
        model.fit(
            data.x,
            data.y,
            epochs=epochs,
            batch_size=settings.batch_size,
            loss=LOSS,
            optimizer=experiment.optimizer(),
            validation_data=(data.val_x, data.val_y),
            seed=settings.seed,
            clip_norm=experiment.clip_norm,
            # Proofs are part of the monitor's snapshot, that is part of the record; what changes weights comes last.
            callbacks=(_Prover(monitor), monitor, recorder, *([] if cure is None else [cure])),
            progress=False,
        )
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
        report=monitor.report(),
        epochs_seconds=tuple(recorder.seconds),
        sparsity=recorder.sparsity,
        revivals=None if cure is None else _revivals(cure),
        control=control,
    )


def _revivals(cure: ReDo) -> Revivals:
    return Revivals(
        done=sum(len(revival.units) for revival in cure.revivals),
        followed=sum(len(report.revival.units) for report in cure.reports),
        took=sum(len(report.took) for report in cure.reports),
    )


class _Prover(nn.Callback):
    """Tells the monitor after every epoch what no input of the data's range can make fire."""

    def __init__(self, monitor: DeadUnitMonitor) -> None:
        self._monitor, self._box = monitor, bounds.Box(np.float64(RANGE[0]), np.float64(RANGE[1]))

    def on_epoch_end(self, model: nn.Sequential, epoch: int, logs: Mapping[str, float]) -> None:
        bounds.prove(model, self._box).tell(self._monitor)


class _Recorder(nn.Callback):
    """Makes the record of each epoch, and hands it on; in the last one it measures the sparsity."""

    sparsity: Sparsity

    def __init__(
        self,
        monitor: DeadUnitMonitor,
        data: Data,
        log: EventLog,
        on_epoch: Callable[[EpochRecord], None],
        *,
        epochs: int,
        seed: int,
    ) -> None:
        self.records: list[EpochRecord] = []
        self.seconds: list[float] = []
        self._monitor, self._log, self._on_epoch = monitor, log, on_epoch
        self._probe = data.val_x[:PROBE_ROWS], data.val_y[:PROBE_ROWS]
        self._epochs, self._seed = epochs, seed
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
        if epoch == self._epochs:
            dead = {name: layer.dead_units.tolist() for name, layer in record.snapshot.layers.items()}
            self.sparsity = measure(model, self._probe[0], dead, seed=self._seed)
        self.records.append(record)
        self.seconds.append(time.perf_counter() - self._began)
        self._on_epoch(record)
