"""A progress bar on stderr, drawn by rich where it is installed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from typing import TypeAlias

__all__ = ["Show", "progress_bar"]

Show: TypeAlias = Callable[[int, int], None]

# Drawing takes about a millisecond: five times a second costs half a percent.
REFRESH_SECONDS = 0.2


def progress_bar(wanted: bool | None, epochs: int, steps: int) -> AbstractContextManager[Show]:
    """Return a context whose value is called as show(epoch, steps done in it) after each step.

    None draws if stderr is a terminal and rich is installed; True raises ImportError where rich is missing.
    """
    if wanted is None:
        wanted = sys.stderr is not None and sys.stderr.isatty() and find_spec("rich") is not None
    if not wanted:
        return nullcontext(_show_nothing)
    if find_spec("rich") is None:
        raise ImportError("the progress bar needs rich: pip install relu_fast[lab], or pass progress=False")
    return _rich_bar(epochs, steps)


def _show_nothing(epoch: int, step: int) -> None:
    pass


@contextmanager
def _rich_bar(epochs: int, steps: int) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("epoch {task.fields[epoch]}/" + str(epochs)), BarColumn(), TimeRemainingColumn())
    # No refresh thread: it would compete with training for the interpreter.
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as progress:
        task = progress.add_task("", total=epochs * steps, epoch=min(1, epochs))
        due = 0.0

        def show(epoch: int, step: int) -> None:
            nonlocal due
            done = (epoch - 1) * steps + step
            now = time.monotonic()
            if now >= due or done == epochs * steps:
                due = now + REFRESH_SECONDS
                progress.update(task, completed=done, epoch=epoch, refresh=True)

        yield show
