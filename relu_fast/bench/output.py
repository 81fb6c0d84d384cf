"""What a run found: printed, as Markdown, as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, TextIO

from ..report.format import table
from .bars import Mean, Outcome
from .machine import Machine
from .sections import Section, bar_sections, summary, table_sections
from .table import Measurement
from .timing import Samples

__all__ = ["HOW_TO_READ", "Results", "print_section", "to_json", "to_markdown"]

HOW_TO_READ = """\
Ratios are our time over theirs, medians of interleaved rounds in one process: below 1 we are faster. On one thread
times are CPU times, on more they are times of the wall clock; NumPy has one thread, always.
"limit" is the time in which this machine moves the same bytes: the faster of np.copyto and our own copy past the cache;
for a backward pass, which reads two arrays and writes one, the faster of np.add and our own sum past the cache; for
prelu's two gradients two copies. "/ copy" is over the time of one copy, whatever the pass reads. "memory"
is the time in which two threads move the bytes over that of one: where memory takes the time, nothing gains more."""


@dataclass(kw_only=True)
class Results:
    """All that a run found, or found until it was interrupted."""

    machine: Machine
    threads: str
    missing: Sequence[str] = ()
    outcomes: list[Outcome] = field(default_factory=list)
    means: Sequence[Mean] = ()
    table: list[Measurement] = field(default_factory=list)
    was_interrupted: bool = False

    @property
    def verdict(self) -> str:
        """How many bars hold; those that do not, by name, a line for each section."""
        named = [(o.verdict, o.bar.section, f"{o.bar.work} / {o.bar.against}") for o in self.outcomes]
        named += [(mean.verdict, mean.section, "geometric mean") for mean in self.means]
        counts = Counter(verdict for verdict, _, _ in named)
        short: dict[str, list[str]] = {}
        for verdict, section, name in named:
            if verdict == "falls short":
                short.setdefault(section, []).append(name)
        first = (
            f"{counts['holds']} bars hold, {counts['not measured']} were not measured, "
            f"{counts['falls short']} fall short"
        )
        lines = [f"- {section}: {', '.join(names)}" for section, names in short.items()]
        return "\n".join([f"{first}{':' if lines else '.'}", *([""] if lines else []), *lines])

    @property
    def remarks(self) -> list[str]:
        """What a reader of a part has to know."""
        remarks = [f"Not installed, so not measured: {', '.join(self.missing)}."] if self.missing else []
        if self.was_interrupted:
            remarks.append("Interrupted: this is what had been measured by then.")
        return remarks


def print_section(section: Section, stream: TextIO) -> None:
    """With rich where it is installed, else as plain text."""
    print(f"{section.title}\n", file=stream)
    if section.rows:
        _print_aligned(section, stream)
    for note in section.notes:
        print(note, file=stream)
    print(file=stream, flush=True)


def to_markdown(results: Results, command: str) -> str:
    """Return the document: machine, bars, summary, tables."""
    lines = [
        "# Benchmark results",
        "",
        f"Written by `{command}`; [benchmarks.md](benchmarks.md) says how to read it.",
        "",
    ]
    lines += [f"- {line}" for line in (*str(results.machine).splitlines(), f"bars: {results.threads}")]
    for remark in results.remarks:
        lines += ["", f"**{remark}**"]
    lines += ["", HOW_TO_READ, ""]
    if results.outcomes:
        lines += ["## Bars", "", results.verdict, ""]
        for section in bar_sections(results.outcomes, results.means):
            lines += _in_markdown(section)
    if results.table:
        lines += ["## Table", "", *_in_markdown(summary(results.table))]
        for section in table_sections(results.table):
            lines += _in_markdown(section)
    return "\n".join(lines).rstrip() + "\n"


def to_json(results: Results, command: str) -> str:
    """Return everything that was measured; times in nanoseconds a call, one for each round."""
    content = {
        "command": command,
        "machine": results.machine.to_dict(),
        "threads": results.threads,
        "clocks": "one thread: CPU time of the process; more: wall clock",
        "was_interrupted": results.was_interrupted,
        "not_installed": list(results.missing),
        "bars": [_bar_as_dict(outcome) for outcome in results.outcomes],
        "geometric_means": [{**vars(mean), "verdict": mean.verdict} for mean in results.means],
        "table": [_row_as_dict(row) for row in results.table],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _bar_as_dict(outcome: Outcome) -> dict[str, Any]:
    bar = outcome.bar
    return {
        "section": bar.section,
        "bar": bar.work,
        "against": bar.against,
        "dtype": bar.dtype,
        "elements": bar.elements,
        "threads": bar.threads,
        "at_most": bar.at_most,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "is_bound_by_arithmetic": outcome.is_bound_by_arithmetic,
        "ratio": outcome.ratio and vars(outcome.ratio),
        "memory": outcome.memory and vars(outcome.memory),
        "samples": _samples_as_dict(outcome.samples, outcome.clock),
    }


def _row_as_dict(row: Measurement) -> dict[str, Any]:
    others = [name for name in row.samples if name != "ours"]
    return {
        "activation": row.work.activation,
        "task": row.work.task,
        "statement": row.work.statement,
        "dtype": row.dtype,
        "elements": row.elements,
        "threads": row.threads,
        "clock": row.clock,
        "limit": row.limit,
        "samples": _samples_as_dict(row.samples, row.clock),
        "over": {name: vars(row.samples["ours"].over(row.samples[name], row.clock)) for name in others},
    }


def _samples_as_dict(samples: Mapping[str, Samples], clock: str) -> dict[str, Any]:
    return {
        name: {
            "calls_per_round": taken.calls,
            "median_ns": round(taken.median(clock) * 1e9, 1),
            "rounds_ns": [round(seconds * 1e9, 1) for seconds in taken.seconds(clock)],
        }
        for name, taken in samples.items()
    }


def _in_markdown(section: Section) -> list[str]:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

    rule = ["---" if i < section.left else "---:" for i in range(len(section.header))]
    notes = [text for note in section.notes for text in ("", note)]
    return [
        f"### {section.title}",
        "",
        line(section.header),
        line(rule),
        *map(line, section.rows),
        *notes,
        "",
    ]


def _print_aligned(section: Section, stream: TextIO) -> None:
    if find_spec("rich") is None:
        print(table(section.header, section.rows, left=section.left), file=stream)
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for i, heading in enumerate(section.header):
        shown.add_column(heading, justify="right" if i >= section.left else "left", no_wrap=True)
    for row in section.rows:
        shown.add_row(*map(escape, row))
    console = Console(file=stream, highlight=False)
    # A narrow terminal may break the lines; rich would cut the numbers off.
    console.width = max(console.width, 200)
    console.print(shown)
