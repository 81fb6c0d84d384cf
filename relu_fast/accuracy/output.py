"""The table of a walk, as text and as Markdown; measures nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import relu_fast as rf

from ..report.format import table
from .judge import FORMATS, Tally, Worst, allowance
from .peers import PEERS
from .record import Record, reference_error
from .walk import DIRECTIONS, OURS, Line, Plan

__all__ = ["explanation", "markdown", "text"]

COLUMNS = (
    "activation",
    "direction",
    "library",
    "max ULP",
    "at x",
    "which gave",
    "rounded",
    "differ",
    "above",
    "wrong",
    "near root",
    "reference",
    "walked",
)

DECIMALS = {"float32": 9, "float64": 17, "float16": 5, "bfloat16": 4}


def text(record: Record) -> str:
    """Aligned table, with what was walked above and what its columns mean below."""
    header, rows = cells(record)
    words = header.index("max ULP")
    return f"{about(record)}\n\n{table(header, rows, left=words)}\n\n{explanation(record)}"


def markdown(record: Record) -> str:
    """Write the same as Markdown."""
    header, rows = cells(record)
    words = header.index("max ULP")
    ruler = ["---"] * words + ["---:"] * (len(header) - words)
    lines = "\n".join(f"| {' | '.join(line)} |" for line in (header, ruler, *rows))
    return f"{about(record)}\n\n{lines}\n\n{explanation(record)}\n"


def about(record: Record) -> str:
    """Say what was walked on what."""
    machine, plan = record.machine, record.plan
    names = [OURS] * plan.ours + [PEERS[word][0] for word in plan.peers]
    versions = ", ".join(f"{name} {machine.versions.get(name, '')}".rstrip() for name in names)
    isa = f", ISA {plan.isa}" if plan.ours else ""
    return f"{versions}; {machine.cpu}{isa}; {machine.date[:10]}; {inputs_of(plan)}."


def inputs_of(plan: Plan) -> str:
    """Say how dense the walk is."""
    if plan.dtype == "float64":
        return f"some {plan.samples} float64 numbers a line, dense where errors hide"
    of = "2^32 float32" if plan.dtype == "float32" else f"65536 {plan.dtype}"
    return (
        f"all {of} numbers"
        if plan.every == 1
        else f"one of {plan.every} of the {of} numbers, and special ones"
    )


def cells(record: Record) -> tuple[list[str], list[list[str]]]:
    """Headings and rows; columns that say the same everywhere are left out."""
    dtype = record.plan.dtype
    rows = []
    for line in record.lines:
        inputs = record.plan.inputs(line)
        for library, tally in record.tallies.get(line, {}).items():
            rows.append(
                {
                    "activation": named(line),
                    "direction": line.direction,
                    "library": library,
                    **worst_cells(tally.worst, dtype),
                    "rounded": percent(tally),
                    "differ": str(tally.inputs - tally.rounded),
                    "above": str(tally.above),
                    "wrong": wrong_cell(tally, dtype),
                    "near root": near_cell(tally.near_root),
                    "reference": f"{reference_error(record.plan, line):.0e}".replace("0e+00", "exact"),
                    "walked": "all" if tally.inputs == inputs else f"{tally.inputs} of {inputs}",
                }
            )
    dull = {"library": {OURS}, "near root": {""}, "walked": {"all"}}
    if dtype == "float32":
        dull["differ"] = {row["differ"] for row in rows}
    header = [name for name in COLUMNS if not {row[name] for row in rows} <= dull.get(name, set())]
    return header, [[row[name] for name in header] for row in rows]


def named(line: Line) -> str:
    """Name with the parameters, unless they are none."""
    if not line.params:
        return line.activation
    return f"{line.activation}({', '.join(f'{p:.6g}' for p in line.params)})"


def worst_cells(worst: Worst | None, dtype: str) -> dict[str, str]:
    """Error, input and result; nothing to point at if there is no error."""
    if worst is None or worst.error == 0:
        return {"max ULP": "0", "at x": "", "which gave": ""}
    error = f"{worst.error:.4f}" if worst.error < 1e4 else f"{worst.error:.1e}"
    return {
        "max ULP": error,
        "at x": both(worst.x, dtype),
        "which gave": f"{worst.got:.{DECIMALS[dtype]}g}",
    }


def both(x: float, dtype: str) -> str:
    """Write a number exactly and readably: -0x1.8p+3 (-12)."""
    decimal = f"{x:.{DECIMALS[dtype]}g}"
    if x == 0 or not math.isfinite(x):
        return decimal
    mantissa, exponent = x.hex().split("p")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}p{exponent} ({decimal})"


def percent(tally: Tally) -> str:
    """Share of correctly rounded results; 100 only if all are."""
    if tally.rounded == tally.inputs:
        return "100 %"
    shown = f"{100 * tally.rounded / max(tally.inputs, 1):.4f}"
    return "< 100 %" if shown == "100.0000" else f"{shown} %"


def wrong_cell(tally: Tally, dtype: str) -> str:
    """Count, with an example."""
    if tally.example is None:
        return "0"
    return f"{tally.wrong}, as {both(tally.example.x, dtype)}: {tally.example.got:g}"


def near_cell(worst: Worst | None) -> str:
    """Absolute error in units of 2^(1 - digits)."""
    return "" if worst is None else f"{worst.error:.3f}" if worst.error < 1e4 else f"{worst.error:.1e}"


def explanation(record: Record) -> str:
    """Say in a few lines what the columns mean."""
    dtype = record.plan.dtype
    digits = FORMATS[dtype].digits
    forward, backward = (f"{allowance(dtype, direction):g}" for direction in DIRECTIONS)
    said = [
        f"ULP of the exact result, subnormals included. Bounds: forward {forward}, backward (for g = 1) {backward}.",
        "rounded: share of correctly rounded results; differ: the others. above: results above the bound. wrong: "
        "NaN for a number, a number for NaN, a zero with the wrong sign. reference: its own error in ULP.",
    ]
    if any(tally.near_root for tallies in record.tallies.values() for tally in tallies.values()):
        said.append(
            f"near root: where abs(f') < 1/4 next to a root of f', absolute errors count, in units of 2^-{digits - 1} "
            "(bound: 1); these results have no part in max ULP."
        )
    if record.plan.peers:
        said.append("The gradient at NaN is a convention: it is not judged for the others.")
    return "\n".join(said)


def summary(failures: Sequence[tuple[Line, Tally]]) -> Iterable[str]:
    """One sentence for each line of ours that fails."""
    for line, tally in failures:
        yield (
            f"{named(line)} {line.direction}: {tally.above} results above the bound, {tally.wrong} wrong "
            f"NaN or zero ({OURS} {rf.__version__})"
        )
