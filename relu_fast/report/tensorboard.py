"""Records as TensorBoard event files: a run folder for each experiment, written epoch by epoch."""

from __future__ import annotations

import bisect
import os
import shutil
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from .files import uninterrupted
from .study import EpochRecord, Histogram, dormant

__all__ = ["EVENT_FILES", "EventLog"]

EVENT_FILES = "events.out.tfevents.*"
"""The names of event files, as a pattern."""


class EventLog:
    """The event file of one experiment; use it as a context manager.

    While the block runs, the file is in a folder beside `folder`, ``<name>.running``. When the block ends it
    takes the place of the event files in `folder`, since TensorBoard would join two runs into one zigzag.
    When the block ends by an exception, it is removed, and `folder` is as it was.

    The tags, with the epoch as step::

        loss, val_loss                                                       scalars
        dead_units/<layer>, dormant_units/<layer>, always_on_units/<layer>, sparsity/<layer>,
        active_units_per_example/<layer>, mean_abs_gradient/<layer>,
        gradient_norm/<layer>                                                scalars
        outputs/<layer>, pre_activation_gradient/<layer>,
        kernel_gradient/<layer>, bias_gradient/<layer>, kernel/<layer>       histograms

    Parameters
    ----------
    folder : Path
        Made, when the block ends, if it is missing.

    Raises
    ------
    OSError
        If the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._running = folder, folder.with_name(f"{folder.name}.running")
        self._opened = ExitStack()

    def __enter__(self) -> EventLog:
        try:
            self._open()
        except BaseException as error:  # Ctrl-C, too
            self.__exit__(type(error), error, None)
            raise
        return self

    def _open(self) -> None:
        # Of a run that was killed.
        shutil.rmtree(self._running, ignore_errors=True)
        self._running.mkdir(parents=True)
        name = EVENT_FILES.replace("*", f"{int(time.time())}.{socket.gethostname()}.{os.getpid()}")
        # Not the EventFileWriter around it: it writes in a thread, and hangs when that ends at a full disk.
        self._writer = RecordWriter((self._running / name).open("xb"))
        self._opened.callback(self._writer.close)
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with uninterrupted():
            try:
                self._opened.close()
                if kind is None:
                    self._take_place()
            finally:
                shutil.rmtree(self._running, ignore_errors=True)

    def _take_place(self) -> None:
        self._folder.mkdir(exist_ok=True)
        for old in self._folder.glob(EVENT_FILES):
            old.unlink()
        for new in self._running.iterdir():
            new.replace(self._folder / new.name)

    def add_epoch(
        self, record: EpochRecord, tensors: Mapping[str, Mapping[str, NDArray[np.floating]]]
    ) -> None:
        """Write one epoch, and all of it to disk, so that TensorBoard shows it while training goes on.

        Parameters
        ----------
        record : EpochRecord
        tensors : Mapping of layer names to mappings of tensor names to arrays
            What the histograms of the record are of. Values that are not finite are left out: the format has no
            place for them.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        scalars: dict[str, float | None] = {"loss": record.loss, "val_loss": record.val_loss}
        for name, layer in record.snapshot.layers.items():
            scalars |= {
                f"dead_units/{name}": layer.dead,
                f"dormant_units/{name}": dormant(layer),
                f"always_on_units/{name}": layer.counts["always_on"],
                f"sparsity/{name}": layer.sparsity,
                f"active_units_per_example/{name}": layer.active_per_example,
                f"mean_abs_gradient/{name}": record.layers[name].mean_abs_gradient,
                f"gradient_norm/{name}": record.layers[name].gradient_norm,
            }
        for tag, value in scalars.items():
            if value is not None:
                self._add(record.epoch, tag, simple_value=value)
        for name, arrays in tensors.items():
            for tensor, values in arrays.items():
                counted = record.layers[name].histograms[tensor]
                if counted.lowest is not None:
                    self._add(record.epoch, f"{tensor}/{name}", histo=_histogram(counted, values))
        self._writer.flush()

    def _add(self, epoch: int, tag: str, **value: Any) -> None:
        summary = Summary(value=[Summary.Value(tag=tag, **value)])
        self._write(Event(wall_time=time.time(), step=epoch, summary=summary))

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())


def _histogram(counted: Histogram, values: NDArray[np.floating]) -> Any:
    """Turn a histogram into TensorBoard's: bins by their right ends, the exact zeros in a bin as the others."""
    finite = values[np.isfinite(values)].astype(np.float64)
    ends, counts = counted.edges.tolist(), counted.counts.tolist()
    if ends:
        # The bin before the first: its right end is the left end of the first.
        counts.insert(0, 0)
    if counted.zeros:
        if not ends or not ends[0] <= 0.0 <= ends[-1]:
            # Outside of the others: zeros get an end of their own.
            place = 0 if not ends or ends[0] > 0.0 else len(ends)
            ends.insert(place, 0.0)
            counts.insert(place, 0)
        counts[bisect.bisect_left(ends, 0.0)] += counted.zeros
    return HistogramProto(
        min=counted.lowest,
        max=counted.highest,
        num=finite.size,
        sum=finite.sum(),
        sum_squares=finite @ finite,
        bucket_limit=ends,
        bucket=counts,
    )
