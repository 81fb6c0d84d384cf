"""Reports: frozen records in, text and files out.

=========== ==========================================================================
records     the dataclasses: Report, Snapshot, PhaseReport, LayerReport
columns     how they keep their numbers: as small as they are
text        what ``print(report)`` shows
json        what ``report.to_dict()`` and ``report.to_json(path)`` give
page        what ``report.to_html(path)`` writes
files       writing so that a reader never finds half a file
format      how numbers are written
study       the dataclasses of the lab: Study, ExperimentResult, EpochRecord, Histogram
sparsity    what silent units cost or save, as a record
answers     the answer to an experiment's question
findings    what an experiment showed, in words
html        a study as one page
plots       its figures that are lines, drawn by lines
ridges      its histograms over epochs
axes        what lines and ridges share
tensorboard a study as event files
share       a share that was counted, with its confidence interval
sheet       question, answers, table and figure on one page
=========== ==========================================================================

page, html, tensorboard and sheet need the extra ``relu_fast[lab]``.
"""

from .records import (
    BoundsReport,
    GradientReport,
    LayerReport,
    PhaseReport,
    Report,
    Snapshot,
    WeightsReport,
)

__all__ = [
    "BoundsReport",
    "GradientReport",
    "LayerReport",
    "PhaseReport",
    "Report",
    "Snapshot",
    "WeightsReport",
]
