"""A progress bar on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Progress", "duration", "progress_bar"]

WIDTH = 20


class Progress:
    """Called before each step with what it is and the seconds it should take; shows how far all of it is.

    Parameters
    ----------
    total : float
        The seconds of all steps, as estimated.
    """

    def __init__(self, total: float) -> None:
        self._total, self._done, self._next = total, 0.0, 0.0
        self._start = time.monotonic()

    def __call__(self, text: str, seconds: float) -> None:
        """Begin a step."""
        self._done, self._next = self._done + self._next, seconds
        share = min(self._done / self._total, 1.0) if self._total else 1.0
        filled = round(WIDTH * share)
        # The estimate, corrected by what the steps took so far.
        passed = time.monotonic() - self._start
        left = (self._total - self._done) * (passed / self._done if self._done > 5.0 else 1.0)
        self.show(f"[{'#' * filled}{'.' * (WIDTH - filled)}] {share:4.0%}, {duration(left)} left  {text}")

    def show(self, text: str) -> None:
        """Replace the line."""
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


class Silent(Progress):
    def show(self, text: str) -> None:
        """Nothing: there is no terminal."""


@contextmanager
def progress_bar(total: float) -> Iterator[Progress]:
    """Give a `Progress` that shows itself if stderr is a terminal, and is gone in the end."""
    progress = Progress(total) if sys.stderr.isatty() else Silent(total)
    try:
        yield progress
    finally:
        progress.show("")


def duration(seconds: float) -> str:
    """Write a time for people: 40 s, 12 min."""
    return f"{max(seconds, 0.0):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
