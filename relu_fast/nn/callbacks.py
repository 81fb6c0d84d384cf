"""What `Sequential.fit` calls while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .sequential import Sequential

__all__ = ["Callback"]


class Callback:
    """Base class with empty methods; override those you need. Any object with such methods will do as well.

    The order in one epoch is: epoch begin, all training batches, validation begin, all of the validation data
    in evaluation mode with the weights at rest, validation end, epoch end. Epochs count from 1.
    """

    def on_train_begin(self, model: Sequential) -> None:
        """Before the first epoch; the model is built."""

    def on_train_end(self, model: Sequential) -> None:
        """After the last epoch, and also when training ended with an exception or Ctrl-C."""

    def on_epoch_begin(self, model: Sequential, epoch: int) -> None:
        """Before the first batch of `epoch`."""

    def on_epoch_end(self, model: Sequential, epoch: int, logs: Mapping[str, float]) -> None:
        """After the epoch's validation. `logs` has "loss" and, with validation data, "val_loss"."""

    def on_validation_begin(self, model: Sequential, epoch: int) -> None:
        """Before a complete pass over the validation data."""

    def on_validation_end(self, model: Sequential, epoch: int) -> None:
        """After that pass; not called when it was interrupted."""
