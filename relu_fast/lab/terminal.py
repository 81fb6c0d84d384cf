"""What the lab shows in a terminal, or writes into a pipe: progress on stderr, the table on stdout."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
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

from ..report.format import magnitude, percent
from ..report.study import EpochRecord, ExperimentResult, LayerRow

__all__ = ["Bars", "Lines", "print_findings", "print_table", "progress"]


class Lines:
    """Progress for pipes and log files: one line for each finished experiment."""

    def __init__(self, stream: TextIO, names: Sequence[str]) -> None:
        self._stream, self._names = stream, list(names)

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left open."""

    def begin(self, name: str) -> None:
        """Take note that an experiment begins."""

    def epoch(self, record: EpochRecord) -> None:
        """Take note that an epoch of it is over."""

    def end(self, result: ExperimentResult) -> None:
        """Show a finished experiment."""
        number = f"{self._names.index(result.name) + 1}/{len(self._names)}"
        last = result.last
        print(
            f"[{number}] {result.name}: {last.epoch} epochs in {result.seconds:.1f} s, "
            f"loss {last.loss:.4f}, validation loss {last.val_loss:.4f}. {result.findings[0]}",
            file=self._stream,
            flush=True,
        )


class Bars(Lines):
    """Progress for terminals: a bar over all epochs, and one for each experiment with its losses."""

    def __init__(self, stream: TextIO, names: Sequence[str], epochs: Sequence[int]) -> None:
        super().__init__(stream, names)
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
        self._all = self._progress.add_task("all", total=sum(epochs), losses="")
        self._tasks = {
            name: self._progress.add_task(name, total=total, start=False, losses="")
            for name, total in zip(names, epochs, strict=True)
        }
        self._running = self._all

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, name: str) -> None:
        """Start the experiment's clock."""
        self._running = self._tasks[name]
        self._progress.start_task(self._running)

    def epoch(self, record: EpochRecord) -> None:
        """Move both bars on."""
        losses = f"loss {record.loss:.4f}, val {record.val_loss:.4f}"
        self._progress.update(self._running, advance=1, losses=losses)
        self._progress.update(self._all, advance=1)

    def end(self, result: ExperimentResult) -> None:
        """Show nothing more: the bar is full."""


def progress(stream: TextIO, names: Sequence[str], epochs: Sequence[int]) -> Lines:
    """Return bars if `stream` is a terminal, else lines; a context manager with `begin`, `epoch`, `end`."""
    return Bars(stream, names, epochs) if stream.isatty() else Lines(stream, names)


def print_table(rows: Sequence[LayerRow], stream: TextIO) -> None:
    """Print one line a layer; experiment and losses stand on the first line of each experiment."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in ("experiment", "layer"):
        table.add_column(heading, no_wrap=True)
    for heading in ("units", "dead", "always\non", "sparsity", "mean\n|gradient|", "loss", "val.\nloss"):
        table.add_column(heading, justify="right", no_wrap=True)
    for i, row in enumerate(rows):
        first = i == 0 or rows[i - 1].experiment != row.experiment
        if first and i:
            table.add_section()
        table.add_row(
            row.experiment if first else "",
            row.layer,
            str(row.units),
            "?" if row.dead is None else f"[bold red]{row.dead}" if row.dead else "0",
            str(row.always_on),
            percent(row.sparsity),
            magnitude(row.mean_abs_gradient),
            f"{row.loss:.4f}" if first else "",
            f"{row.val_loss:.4f}" if first else "",
        )
    console = Console(file=stream, highlight=False)
    if not console.is_terminal:
        # A pipe has no width that the table would have to fit.
        console.width = max(console.width, 160)
    console.print(table)


def print_findings(results: Iterable[ExperimentResult], stream: TextIO) -> None:
    """Print what each experiment showed, in words."""
    for result in results:
        text = f"{result.name}: {' '.join(result.findings)}"
        print(textwrap.fill(text, 79, subsequent_indent="  ", break_on_hyphens=False), file=stream)
