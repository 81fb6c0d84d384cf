"""What a walk has found so far, as a file that a later run goes on from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import relu_fast as rf
from relu_fast import _core

from .judge import FORMATS, PRECISION, Tally, Worst, allowance
from .reference import REFERENCES
from .walk import OURS, Line, Part, Plan

if TYPE_CHECKING:
    from ..bench.machine import Machine

__all__ = ["FORMAT", "Record", "reference_error"]

FORMAT = "relu_fast accuracy 1"


def reference_error(plan: Plan, line: Line) -> float:
    """Largest error of the reference in ULP of the dtype."""
    if plan.dtype == "float64":
        return 2.0 ** (53 - (PRECISION - 60))
    relative = REFERENCES[line.activation].error[line.direction == "backward"] * 2.0**-53
    return relative * 2.0 ** FORMATS[plan.dtype].digits


@dataclass
class Record:
    """Tallies of each line, and which parts are in them."""

    plan: Plan
    lines: Sequence[Line]
    machine: Machine
    tallies: dict[Line, dict[str, Tally]] = field(default_factory=dict)
    done: dict[Line, set[Part]] = field(default_factory=dict)

    def add(self, part: Part, tallies: dict[str, Tally]) -> None:
        """Take in one part, once."""
        if part in self.done.setdefault(part.line, set()):
            return
        self.done[part.line].add(part)
        mine = self.tallies.setdefault(part.line, {})
        for library, tally in tallies.items():
            mine[library] = mine.get(library, Tally()) + tally

    def left(self) -> Iterator[Part]:
        """Parts that are not yet in."""
        for line in self.lines:
            done = self.done.get(line, set())
            yield from (part for part in self.plan.parts(line) if part not in done)

    def failures(self) -> list[tuple[Line, Tally]]:
        """Lines on which our own results pass the bound, or have a wrong NaN or zero."""
        ours = [(line, self.tallies.get(line, {}).get(OURS, Tally())) for line in self.lines]
        return [(line, tally) for line, tally in ours if tally.above or tally.wrong]

    def to_json(self) -> str:
        """Everything; floats that JSON cannot hold, and inputs, as hexadecimal strings."""
        content = {
            "format": FORMAT,
            "plan": asdict(self.plan),
            "kernels": kernels_digest(),
            "machine": self.machine.to_dict(),
            "lines": [self._line(line) for line in self.lines if line in self.tallies],
        }
        return json.dumps(content, indent=1, allow_nan=False) + "\n"

    def _line(self, line: Line) -> dict[str, Any]:
        parts = self.plan.parts(line)
        return {
            "activation": line.activation,
            "direction": line.direction,
            "params": dict(zip(rf.ACTIVATIONS[line.activation].params, line.params, strict=True)),
            "bound_ulp": allowance(self.plan.dtype, line.direction),
            "reference_error_ulp": reference_error(self.plan, line),
            "inputs": self.plan.inputs(line),
            "parts": len(parts),
            "parts_done": hex(sum(1 << i for i, part in enumerate(parts) if part in self.done[line])),
            "results": {library: tally_to_dict(tally) for library, tally in self.tallies[line].items()},
        }

    def resume(self, path: Path) -> None:
        """Take in what a file of an earlier run holds.

        Raises
        ------
        ValueError
            If it is of another plan or of other kernels, or no such file at all.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise KeyError("format")
            plan, kernels, lines = content["plan"], content["kernels"], content["lines"]
            for name, value in json.loads(json.dumps(asdict(self.plan))).items():
                if plan[name] != value:
                    raise ValueError(f"holds another run: {name} is {plan[name]!r} there and {value!r} here")
            if self.plan.ours and kernels != kernels_digest():
                raise ValueError("holds a run of other kernels")
            wanted = {(line.activation, line.direction, line.params): line for line in self.lines}
            for row in lines:
                line = wanted.get((row["activation"], row["direction"], tuple(row["params"].values())))
                if line is not None:
                    done, parts = int(row["parts_done"], 16), self.plan.parts(line)
                    if len(parts) != row["parts"]:
                        raise KeyError("parts")
                    self.done[line] = {part for i, part in enumerate(parts) if done >> i & 1}
                    self.tallies[line] = {k: tally_from_dict(v) for k, v in row["results"].items()}
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError("is no file of relu-fast accuracy") from error


def kernels_digest() -> str:
    """Identify the compiled kernels."""
    return hashlib.sha256(Path(_core.__file__).read_bytes()).hexdigest()


def tally_to_dict(tally: Tally) -> dict[str, Any]:
    """Write a tally in plain types."""
    content = asdict(tally)
    for name in ("worst", "near_root", "example"):
        worst = getattr(tally, name)
        content[name] = worst and {
            "error": worst.error if worst.error < float("inf") else "inf",
            "x": worst.x.hex(),
            "got": worst.got.hex(),
        }
    return content


def tally_from_dict(content: dict[str, Any]) -> Tally:
    """Read it again."""
    worsts = {
        name: worst and Worst(float(worst["error"]), float.fromhex(worst["x"]), float.fromhex(worst["got"]))
        for name, worst in ((name, content[name]) for name in ("worst", "near_root", "example"))
    }
    return Tally(**{**content, **worsts})
