"""The output folder: found to be writable before anything is computed, filled when results are there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..report.files import write_atomically
from ..report.html import render
from ..report.study import Study

__all__ = ["OutputFolder"]


@dataclass(frozen=True)
class OutputFolder:
    """Where the files of a run go.

    Attributes
    ----------
    path : Path
    """

    path: Path

    @property
    def report(self) -> Path:
        """The report to look at."""
        return self.path / "report.html"

    @property
    def summary(self) -> Path:
        """The same for programs."""
        return self.path / "summary.json"

    @property
    def events(self) -> Path:
        """What ``tensorboard --logdir`` takes."""
        return self.path / "tensorboard"

    def events_of(self, experiment: str) -> Path:
        """Return the run folder of one experiment."""
        return self.events / experiment

    def prepare(self, experiments: Iterable[str]) -> None:
        """Make the folders, and write and remove a file in each.

        Raises
        ------
        OSError
            If one of them cannot be made or written, or a folder has the name of a file to be written.
        """
        for folder in (self.path, *map(self.events_of, experiments)):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        for file in (self.report, self.summary):
            if file.is_dir():
                raise IsADirectoryError(f"{file} is a folder, expected a file or nothing")

    def write(self, study: Study) -> None:
        """Write report and summary; each is there as a whole, or as it was before.

        Raises
        ------
        OSError
            If a file cannot be written.
        """
        write_atomically(self.summary, study.to_json() + "\n")
        write_atomically(self.report, render(study))
