"""Reports: frozen records in, text and files out.

=========== ==========================================================================
records     the dataclasses: Report, Snapshot, PhaseReport, LayerReport
text        what ``print(report)`` shows
json        what ``report.to_dict()`` and ``report.to_json(path)`` give
files       writing so that a reader never finds half a file
format      how numbers are written
study       the dataclasses of the lab: Study, ExperimentResult, EpochRecord, Histogram
findings    what an experiment showed, in words
html        a study as one page; plots and ridges draw its figures
tensorboard a study as event files
share       a share that was counted, with its confidence interval
sheet       question, answers, table and figure on one page
=========== ==========================================================================

html, tensorboard, sheet, plots and ridges need the extra ``relu_fast[lab]``.
"""

from .records import GradientReport, LayerReport, PhaseReport, Report, Snapshot

__all__ = ["GradientReport", "LayerReport", "PhaseReport", "Report", "Snapshot"]
