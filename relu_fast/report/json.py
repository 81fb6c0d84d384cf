"""A report as plain Python objects and as JSON text.

The schema, version 1 (a number that is not known, NaN or infinite is null)::

    {"format": "relu_fast.report", "version": 1,
     "step": int | null,                       null: the running window
     "phases": {phase: {"status", "complete", "examples": [fewest, most], "layers": {name: summary}}},
     "layers": {name: summary + "per_unit": {"state", "seen", "examples", "active", "nonfinite", "max", "min",
                                             "sum_abs", "dormancy", "upper"}},
     "history": [{"step": int, "initial": bool, "layers": {name: summary}}],
     "events": [{"layer", "unit", "kind", "step", "cause": {"kind", "evidence": {...}} | null}]}

    summary: "activation", "params", "gate", "phase", "complete", "units", "examples",
             "states": {state: count}, "dead" (null: not known), "dead_units" (those proven among them),
             "proven_units", "unfired_units": [unit, ...], "box": str | null (for which inputs they are proven),
             "flags": {flag: [unit, ...] | null},
             "sparsity", "active_per_example", "worst_unit": {"unit", "firing_rate"} | null,
             "gradient": {"seen", "nonzero", "nonfinite", "nonzero_share"} | null

``per_unit`` has one list each, an entry per unit, or null for what was not collected. "gate" is a number, null,
or where slopes differ a list with null for the units without one.

``layers`` holds each layer's best-founded verdict, ``phases`` what each phase says by itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .records import GradientReport, LayerReport, Report

__all__ = ["to_dict", "to_json"]


def to_dict(report: Report) -> dict[str, Any]:
    """Turn a report into the plain objects that this module's docstring describes."""
    phases = {
        name: {
            "status": phase.status,
            "complete": phase.complete,
            "examples": phase.examples,
            "layers": _summaries(phase.layers),
        }
        for name, phase in report.phases.items()
    }
    details = {name: {"per_unit": _per_unit(layer)} for name, layer in report.layers.items()}
    summaries = _summaries(report.layers)
    content: dict[str, Any] = plain(
        {
            "format": "relu_fast.report",
            "version": 1,
            "step": report.step,
            "phases": phases,
            "layers": {name: summaries[name] | details[name] for name in summaries},
            "history": [
                {"step": point.step, "initial": point.initial, "layers": _summaries(point.layers)}
                for point in report.history
            ],
            "events": [asdict(event) for event in report.events],
        }
    )
    return content


def to_json(report: Report, *, indent: int | None = None) -> str:
    """Turn a report into JSON text, standard JSON without NaN or Infinity."""
    return json.dumps(to_dict(report), indent=indent, allow_nan=False, ensure_ascii=False)


def plain(value: Any) -> Any:
    """Turn NumPy scalars and arrays, tuples and mappings into what JSON has, NaN and infinities into None.

    Raises
    ------
    TypeError
        If something else stands in `value`.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    raise TypeError(f"got {value!r} of type {type(value).__name__}, expected what JSON can hold")


def _summaries(layers: Mapping[str, LayerReport]) -> dict[str, Any]:
    return {name: _summary(layer) for name, layer in layers.items()}


def _summary(layer: LayerReport) -> dict[str, Any]:
    worst, gradient = layer.worst_unit, layer.gradient
    return {
        "activation": layer.activation,
        "params": layer.params,
        "gate": layer.gate,
        "phase": layer.phase,
        "complete": layer.complete,
        "units": layer.units,
        "examples": layer.example_count,
        "states": layer.counts,
        "dead": layer.dead,
        "dead_units": layer.dead_units,
        "proven_units": layer.units_in("proven"),
        "unfired_units": layer.units_in("unfired"),
        "box": None if layer.bounds is None else layer.bounds.box,
        "flags": {
            flag: None if units is None else np.flatnonzero(units) for flag, units in layer.flags.items()
        },
        "sparsity": layer.sparsity,
        "active_per_example": layer.active_per_example,
        "worst_unit": None if worst is None else {"unit": worst, "firing_rate": layer.firing_rate[worst]},
        "gradient": None if gradient is None else _gradient(gradient),
    }


def _gradient(gradient: GradientReport) -> dict[str, Any]:
    return {
        "seen": gradient.seen.sum(),
        "nonzero": gradient.nonzero.sum(),
        "nonfinite": gradient.nonfinite.sum(),
        "nonzero_share": gradient.nonzero_share,
    }


def _per_unit(layer: LayerReport) -> dict[str, Any]:
    return {
        "state": layer.states,
        "seen": layer.seen,
        "examples": layer.examples,
        "active": layer.active,
        "nonfinite": layer.nonfinite,
        "max": layer.max,
        "min": layer.min,
        "sum_abs": layer.sum_abs,
        "dormancy": layer.dormancy,
        "upper": layer.upper,
    }
