"""The output folder: found to be writable before anything is computed, filled when results are there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..report.files import uninterrupted, write_atomically
from ..report.html import render
from ..report.study import Study
from ..report.tensorboard import EVENT_FILES

__all__ = ["OutputFolder"]


@dataclass(frozen=True)
class OutputFolder:
    """Where the files of a run go.

    Nothing of an earlier run is lost before its successor is there: the events of an experiment are replaced
    when it is finished, report and summary at the end. The events of experiments that the run did not finish
    stay.

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
        """Make the folder and that of the events, and write and remove a file wherever files will be.

        Raises
        ------
        OSError
            If one of them cannot be made or written, or a folder has the name of a file to be written.
        """
        # A folder for an experiment is made when it is finished.
        present = filter(Path.exists, map(self.events_of, experiments))
        for folder in (self.path, self.events, *present):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        for file in (self.report, self.summary):
            if file.is_dir():
                raise IsADirectoryError(f"{file} is a folder, expected a file or nothing")

    def write(self, study: Study) -> None:
        """Write report and summary, whatever Ctrl-C says; each is there as a whole, or as it was before.

        Raises
        ------
        OSError
            If a file cannot be written.
        """
        with uninterrupted():
            write_atomically(self.summary, study.to_json() + "\n")
            write_atomically(self.report, render(study))

    def older_events(self, study: Study) -> list[str]:
        """List the experiments with events that are not from this study but from an earlier run."""
        finished = {
            trained.name
            for result in study.results
            for trained in (result, result.control)
            if trained is not None
        }
        present = {file.parent.name for file in self.events.glob(f"*/{EVENT_FILES}")}
        return sorted(present - finished)
