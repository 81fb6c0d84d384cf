"""Records as TensorBoard event files: a run folder for each experiment, written epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.summary import histogram, scalar

from .study import EpochRecord

__all__ = ["EventLog"]

# TensorFlow's bins: from 1e-12 to 1e20, each a tenth wider than the one before, and the same below zero.
_POSITIVE = 1e-12 * 1.1 ** np.arange(774)
BINS = np.concatenate([-_POSITIVE[::-1], [0.0], _POSITIVE])


class EventLog:
    """The event file of one experiment; use it as a context manager.

    The tags, with the epoch as step::

        loss, val_loss                                                       scalars
        dead_units/<layer>, always_on_units/<layer>, sparsity/<layer>,
        mean_abs_gradient/<layer>                                            scalars
        outputs/<layer>, pre_activation_gradient/<layer>,
        kernel_gradient/<layer>, bias_gradient/<layer>                       histograms

    Parameters
    ----------
    folder : Path
        Made if it is missing. Event files of an earlier run in it are removed: TensorBoard would join the
        two into one zigzag.

    Raises
    ------
    OSError
        If the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        # Not tensorboardX's SummaryWriter: it writes in a thread, and hangs when that ends at a full disk.
        self._writer = EventsWriter(str(folder / "events"))

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def add_epoch(
        self, record: EpochRecord, tensors: Mapping[str, Mapping[str, NDArray[np.floating]]]
    ) -> None:
        """Write one epoch, and all of it to disk, so that TensorBoard shows it while training goes on.

        Parameters
        ----------
        record : EpochRecord
        tensors : Mapping of layer names to mappings of tensor names to arrays
            What the histograms are of. Values that are not finite are left out: the format has no place for
            them.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        scalars: dict[str, float | None] = {"loss": record.loss, "val_loss": record.val_loss}
        for name, layer in record.snapshot.layers.items():
            scalars |= {
                f"dead_units/{name}": layer.dead,
                f"always_on_units/{name}": layer.counts["always_on"],
                f"sparsity/{name}": layer.sparsity,
                f"mean_abs_gradient/{name}": record.layers[name].mean_abs_gradient,
            }
        for tag, value in scalars.items():
            if value is not None:
                self._write(record.epoch, scalar(tag, value))
        for name, arrays in tensors.items():
            for tensor, values in arrays.items():
                finite = values[np.isfinite(values)]
                if finite.size:
                    self._write(record.epoch, histogram(f"{tensor}/{name}", finite, BINS))
        self._writer.flush()

    def _write(self, epoch: int, summary: Summary) -> None:
        self._writer.write_event(Event(wall_time=time.time(), step=epoch, summary=summary))
