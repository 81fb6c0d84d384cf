"""The tables of docs/accuracy.md, read instead of repeated."""

import re

__all__ = ["DTYPES", "largest_errors"]

DTYPES = ("float32", "float64", "float16", "bfloat16")


def largest_errors(markdown, dtype):
    """Return {(activation, direction): largest error in ULP, as written} for one dtype."""
    found = re.search(rf"<!-- table {dtype}: .*?-->(.*?)<!-- end -->", markdown, re.DOTALL)
    if not found:
        raise ValueError(f"docs/accuracy.md has no table {dtype!r}")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines() if "|" in line
    ]
    head, _, *rows = rows
    errors = {}
    for row in rows:
        cells = dict(zip(head, row, strict=True))
        errors[cells["activation"].split("(")[0], cells["direction"]] = cells["max ULP"]
    return errors
