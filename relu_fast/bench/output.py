"""The table, the bars and the JSON of a run; measures nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, TextIO

from ..report.format import table
from .bars import Outcome
from .machine import Machine
from .timing import Samples
from .works import Work

__all__ = ["Measurement", "print_bars", "print_table", "size_name", "to_json"]

KERAS_STEPS = 640
"""Training steps per second of Keras 3 on TensorFlow, on a 2-core x86-64 server."""


@dataclass(frozen=True)
class Measurement:
    """One row of the table at one size; `numpy` is None where there is no idiom."""

    work: Work
    elements: int
    ours: Samples
    copy: Samples
    numpy: Samples | None


def size_name(elements: int) -> str:
    """Write a number of elements: 32Ki, 1Mi, 300."""
    for unit, name in ((2**30, "Gi"), (2**20, "Mi"), (2**10, "Ki")):
        if elements and elements % unit == 0:
            return f"{elements // unit}{name}"
    return str(elements)


def print_table(measurements: Sequence[Measurement], stream: TextIO) -> None:
    """One line for each work: at each size our time over the NumPy idiom's, and over that of np.copyto."""
    sizes = list(dict.fromkeys(measurement.elements for measurement in measurements))
    cells: dict[Work, list[str]] = {}
    for measurement in measurements:
        peers = (measurement.numpy, measurement.copy)
        cells.setdefault(measurement.work, []).extend(_in_cell(measurement.ours, peer) for peer in peers)
    header = ["activation", "task"]
    header += [f"{size_name(size)} / {peer}" for size in sizes for peer in ("NumPy", "copy")]
    rows = [[work.activation, work.task, *row] for work, row in cells.items()]
    _print_aligned(header, rows, stream, left=2)
    lacking = dict.fromkeys(work.activation for work in cells if work.numpy is None)
    if lacking:
        print(f"No NumPy idiom is written for: {', '.join(lacking)}", file=stream)


def print_bars(outcomes: Sequence[Outcome], stream: TextIO) -> None:
    """One line for each bar, then why some were not measured, then the training steps per second."""
    rows, speeds = [], []
    for outcome in outcomes:
        bar, ratio = outcome.bar, outcome.ratio
        measured = (
            ["-", "-"] if ratio is None else [f"{ratio.value:.3f}", f"{ratio.low:.3f}..{ratio.high:.3f}"]
        )
        rows.append([bar.work, bar.peer, f"{bar.at_most:.2f}", *measured, outcome.verdict])
        if bar.is_training and outcome.ours and outcome.theirs:
            ours, theirs = (round(1.0 / side.median, -1) for side in (outcome.ours, outcome.theirs))
            speeds.append(f"{ours:,.0f} against {theirs:,.0f} ({bar.peer})")
    _print_aligned(["bar", "against", "at most", "measured", "quartiles", "verdict"], rows, stream, left=2)
    for reason in dict.fromkeys(outcome.reason for outcome in outcomes if outcome.reason):
        print(f"Not measured: {reason}.", file=stream)
    if speeds:
        keras = f"Keras 3 on TensorFlow makes about {KERAS_STEPS}"
        print(f"Training steps per second: {'; '.join(speeds)}. {keras}.", file=stream)


def to_json(
    machine: Machine,
    threads: str,
    rounds: int,
    measurements: Iterable[Measurement],
    outcomes: Iterable[Outcome],
) -> str:
    """Everything that was measured; CPU times in nanoseconds a call, one for each round."""
    content = {
        "machine": machine.to_dict(),
        "threads": threads,
        "clock": "CPU time of the process",
        "rounds": rounds,
        "table": [
            {
                "activation": m.work.activation,
                "task": m.work.task,
                "elements": m.elements,
                "ours": _as_dict(m.ours, m.work.ours),
                "numpy": m.numpy and _as_dict(m.numpy, m.work.numpy),
                "copy": _as_dict(m.copy),
                "over_numpy": m.numpy and vars(m.ours.over(m.numpy)),
                "over_copy": vars(m.ours.over(m.copy)),
            }
            for m in measurements
        ],
        "bars": [
            {
                "bar": outcome.bar.work,
                "against": outcome.bar.peer,
                "at_most": outcome.bar.at_most,
                "verdict": outcome.verdict,
                "reason": outcome.reason,
                "ratio": outcome.ratio and vars(outcome.ratio),
                "ours": outcome.ours and _as_dict(outcome.ours, outcome.bar.ours),
                "theirs": outcome.theirs and _as_dict(outcome.theirs, outcome.bar.theirs),
            }
            for outcome in outcomes
        ],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _as_dict(samples: Samples, statement: str | None = None) -> dict[str, Any]:
    return {
        "statement": statement,
        "calls_per_round": samples.calls,
        "median_ns": round(samples.median * 1e9, 1),
        "rounds_ns": [round(seconds * 1e9, 1) for seconds in samples.seconds],
    }


def _in_cell(ours: Samples, peer: Samples | None) -> str:
    if peer is None:
        return "-"
    ratio = ours.over(peer)
    return f"{ratio.value:.2f}±{(ratio.high - ratio.low) / 2:.2f}"


def _print_aligned(header: list[str], rows: list[list[str]], stream: TextIO, *, left: int) -> None:
    """With rich where it is installed, else as plain text; the first `left` columns are words."""
    if find_spec("rich") is None:
        print(table(header, rows, left=left), file=stream)
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for i, heading in enumerate(header):
        # Sizes stand above their peers: the lines are long enough.
        shown.add_column(
            heading.replace(" / ", "\n/ "), justify="right" if i >= left else "left", no_wrap=True
        )
    for row in rows:
        shown.add_row(*map(escape, row))
    console = Console(file=stream, highlight=False)
    # A narrow terminal may break the lines; rich would cut the numbers off.
    console.width = max(console.width, 160)
    console.print(shown)
