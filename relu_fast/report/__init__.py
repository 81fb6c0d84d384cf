"""Reports: frozen records in, text and files out.

======== ====================================================================
records  the dataclasses: Report, Snapshot, PhaseReport, LayerReport
text     what ``print(report)`` shows
json     what ``report.to_dict()`` and ``report.to_json(path)`` give
files    writing so that a reader never finds half a file
======== ====================================================================
"""

from .records import GradientReport, LayerReport, PhaseReport, Report, Snapshot

__all__ = ["GradientReport", "LayerReport", "PhaseReport", "Report", "Snapshot"]
