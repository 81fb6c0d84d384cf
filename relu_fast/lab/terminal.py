"""What the lab shows in a terminal, or writes into a pipe: progress on stderr, the table on stdout."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from ..report.answers import dead_of, dormant_of
from ..report.study import ExperimentResult, Study

__all__ = ["Bars", "Lines", "print_table", "progress"]


class Lines:
    """Progress for pipes and log files: one line for each finished experiment."""

    def __init__(self, stream: TextIO, epochs: Mapping[str, int]) -> None:
        self._stream, self._names = stream, list(epochs)
        self._finished = 0

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left open."""

    def begin(self, name: str) -> None:
        """Take note that an experiment begins."""

    def epoch(self, name: str, epoch: int, loss: float, val_loss: float) -> None:
        """Take note that an epoch of it is over."""

    def end(self, result: ExperimentResult) -> None:
        """Show a finished experiment."""
        print(self._line(result), file=self._stream, flush=True)

    def _line(self, result: ExperimentResult) -> str:
        self._finished += 1
        last = result.last
        return (
            f"[{self._finished}/{len(self._names)}] {result.name}: {last.epoch} epochs in {result.seconds:.1f} s, "
            f"loss {last.loss:.4f}, validation loss {last.val_loss:.4f}. {result.findings[0]}"
        )


class Bars(Lines):
    """Progress for terminals: a bar over all epochs, and one with its losses for each experiment that runs."""

    def __init__(self, stream: TextIO, epochs: Mapping[str, int]) -> None:
        super().__init__(stream, epochs)
        self._epochs = epochs
        self._progress = Progress(
            SpinnerColumn("line"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[losses]}"),
            console=Console(file=stream),
            # The thread that draws shares the interpreter with training.
            refresh_per_second=4,
        )
        self._all = self._progress.add_task("all", total=sum(epochs.values()), losses="")
        self._tasks = {
            name: self._progress.add_task(name, total=total, start=False, visible=False, losses="")
            for name, total in epochs.items()
        }

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, name: str) -> None:
        """Start the experiment's clock."""
        self._progress.start_task(self._tasks[name])
        self._progress.update(self._tasks[name], visible=True)

    def epoch(self, name: str, epoch: int, loss: float, val_loss: float) -> None:
        """Move both bars on."""
        losses = f"loss {loss:.4f}, val {val_loss:.4f}"
        self._progress.update(self._tasks[name], advance=1, losses=losses)
        self._progress.update(self._all, advance=1)

    def end(self, result: ExperimentResult) -> None:
        """Write the experiment's line above the bars, in place of its bar."""
        self._progress.update(self._tasks[result.name], visible=False)
        self._progress.console.print(self._line(result), highlight=False, markup=False)


def progress(stream: TextIO, epochs: Mapping[str, int]) -> Lines:
    """Return bars if `stream` is a terminal, else lines; a context manager with `begin`, `epoch`, `end`.

    Parameters
    ----------
    stream : TextIO
    epochs : mapping of names to int
        The epochs that are trained for each experiment.
    """
    return Bars(stream, epochs) if stream.isatty() else Lines(stream, epochs)


def print_table(study: Study, stream: TextIO) -> None:
    """Print one row an experiment: how many units are dead and dormant, the loss, the answer to its question."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("experiment", no_wrap=True)
    for heading in ("dead", "dormant", "val.\nloss"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("answer", ratio=1)
    for result in study.results:
        dead, units = dead_of(result)
        dormant, known = dormant_of(result)
        shown = "?" if dead is None else "-" if not units else f"{dead}/{units}"
        table.add_row(
            result.name,
            f"[bold red]{shown}" if dead else shown,
            f"{dormant}/{known}" if known else "?",
            f"{result.last.val_loss:.4f}",
            study.answer(result),
        )
    console = Console(file=stream, highlight=False)
    if not console.is_terminal:
        # A pipe has no width that the table would have to fit.
        console.width = max(console.width, 200)
    console.print(table)
