"""What was measured as tables of words; where they are printed and written, `output` knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log

from .bars import Mean, Outcome
from .peers import PEERS
from .table import Measurement

__all__ = ["Section", "bar_sections", "size_name", "summary", "table_sections", "time_name"]

KERAS_STEPS = 640
"""Training steps per second of Keras 3 on TensorFlow, on a 2-core x86-64 server."""


@dataclass(frozen=True)
class Section:
    """A table; the first `left` of its columns are words."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 2
    notes: Sequence[str] = ()


def bar_sections(outcomes: Sequence[Outcome], means: Sequence[Mean]) -> list[Section]:
    """Return the bars by section, each with the reasons why some were not measured."""
    by_section: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_section.setdefault(outcome.bar.section, []).append(outcome)
    return [_bar_section(title, found, means) for title, found in by_section.items()]


def _bar_section(title: str, outcomes: Sequence[Outcome], means: Sequence[Mean]) -> Section:
    has_copy = any("copy" in outcome.samples for outcome in outcomes)
    has_memory = any(outcome.memory is not None for outcome in outcomes)
    header = ["bar", "against", "at most", "measured", "quartiles", "ours", "theirs"]
    header += ["copy"] * has_copy + ["memory"] * has_memory + ["verdict"]
    rows = [_bar_row(outcome, has_copy, has_memory) for outcome in outcomes if outcome.ratio is not None]
    for mean in means:
        if mean.section == title and mean.value is not None:
            empty = ["-"] * (len(header) - 5)
            measured = f"{mean.value:.3f}"
            rows.append(
                ["geometric mean", f"of {mean.count}", f"{mean.at_most:.3f}", measured, *empty, mean.verdict]
            )
    counts = Counter(outcome.reason for outcome in outcomes if outcome.reason)
    notes = [f"Not measured: {count} ({reason})." for reason, count in counts.items()]
    return Section(title, header, rows, notes=[*notes, *_training_speeds(outcomes)])


def _bar_row(outcome: Outcome, has_copy: bool, has_memory: bool) -> list[str]:
    bar, ratio = outcome.bar, outcome.ratio
    assert ratio is not None
    against = f"{bar.times} x its time at 1/{bar.times}" if outcome.is_bound_by_arithmetic else bar.against
    sides = [outcome.samples["ours"], outcome.theirs]
    sides += [outcome.samples.get("copy", outcome.samples["theirs"])] if has_copy else []
    times = [time_name(None if side is None else side.median(outcome.clock)) for side in sides]
    at_most = "-" if bar.at_most is None else f"{bar.at_most:.2f}"
    measured = f"{ratio.value:.3f}", f"{ratio.low:.3f}..{ratio.high:.3f}"
    memory = ["-" if outcome.memory is None else f"{outcome.memory.value:.3f}"] * has_memory
    return [bar.work, against, at_most, *measured, *times, *memory, outcome.verdict]


def _training_speeds(outcomes: Sequence[Outcome]) -> list[str]:
    speeds = []
    for outcome in outcomes:
        if outcome.bar.is_training and outcome.samples:
            ours, theirs = (
                round(1.0 / outcome.samples[side].median("cpu"), -1) for side in ("ours", "theirs")
            )
            speeds.append(f"{ours:,.0f} against {theirs:,.0f} ({outcome.bar.against})")
    if not speeds:
        return []
    keras = f"Keras 3 on TensorFlow makes about {KERAS_STEPS}"
    return [f"Training steps per second: {'; '.join(speeds)}. {keras}."]


def table_sections(measurements: Sequence[Measurement]) -> list[Section]:
    """Return the rows by dtype, size and number of threads; then, of more than one section, the summary."""
    groups: dict[str, list[Measurement]] = {}
    for row in measurements:
        groups.setdefault(_title(row), []).append(row)
    peers = _peers_in(measurements)
    header = [
        "activation",
        "pass",
        "ours",
        "limit",
        "/ limit",
        "/ copy",
        *(f"/ {PEERS[peer].title}" for peer in peers),
    ]
    sections = []
    for title, rows in groups.items():
        cells = [
            [row.work.activation, row.work.task, time_name(row.seconds()), time_name(row.seconds("limit"))]
            + [_ratio(row.over(other)) for other in ("limit", "copy", *peers)]
            for row in rows
        ]
        names = dict.fromkeys(f"{row.work.traffic}: {row.limit}" for row in rows if row.limit)
        sections.append(Section(title, header, cells, notes=[f"Limits: {'; '.join(names)}."]))
    return sections


def summary(measurements: Sequence[Measurement]) -> Section:
    """Return the geometric means over the activations, a line for each size, dtype, number of threads and pass."""
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for row in measurements:
        if row.work.task in ("forward", "backward"):
            groups.setdefault((_title(row), row.work.task), []).append(row)
    others = ["limit", *_peers_in(measurements)]
    rows = [
        [*key, *(_ratio(_mean(row.over(other) for row in found)) for other in others)]
        for key, found in groups.items()
    ]
    header = ["", "pass", "/ limit", *(f"/ {PEERS[peer].title}" for peer in others[1:])]
    return Section("Summary: geometric means over the activations", header, rows)


def size_name(elements: int) -> str:
    """Write a number of elements: 32Ki, 1Mi, 300."""
    for unit, name in ((2**30, "Gi"), (2**20, "Mi"), (2**10, "Ki")):
        if elements and elements % unit == 0:
            return f"{elements // unit}{name}"
    return str(elements)


def time_name(seconds: float | None) -> str:
    """Write a time in three digits: 812 ns, 1.23 µs."""
    if seconds is None:
        return "-"
    for unit, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= unit:
            return f"{seconds / unit:#.3g} {name}".replace(". ", " ")
    return f"{seconds * 1e9:#.3g} ns".replace(". ", " ")


def _title(row: Measurement) -> str:
    threads = "one thread" if row.threads == 1 else f"{row.threads} threads"
    return f"{row.dtype}, {size_name(row.elements)}, {threads}"


def _peers_in(measurements: Iterable[Measurement]) -> list[str]:
    """Those that measured anything, in the order of PEERS."""
    found = {name for row in measurements for name in row.samples}
    return [name for name in PEERS if name in found]


def _ratio(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if value >= 0.095 else f"{value:.3f}"


def _mean(values: Iterable[float | None]) -> float | None:
    known = [log(value) for value in values if value is not None]
    return exp(sum(known) / len(known)) if known else None
