"""``relu-fast bench``: one table and the bars, measured in one run."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..info import lack_of_memory
from ..report.files import write_atomically
from .bars import BARS, measure
from .machine import describe, one_thread
from .output import Measurement, print_bars, print_table, size_name, to_json
from .timing import MIN_ROUNDS, interleaved
from .works import COPY, UNITS, arrays, sampler, works

__all__ = ["Settings", "add_arguments", "run"]

SIZES = (2**10, 2**15, 2**20, 2**25)
UNITS_OF_SIZE = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}

# Inputs, outputs, and the three arrays that the longest idiom makes on its way.
BYTES_PER_ELEMENT = 4 * (4 + 3)

EXPLANATION = """\
Our time over that of the NumPy idiom, and over np.copyto: medians of {rounds} interleaved rounds, ± half the
distance between the quartiles of the rounds' ratios. Smaller is better. Times are CPU times.
float32 of shape (elements / {units}, {units}); {threads}."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options, checked.

    Attributes
    ----------
    sizes : tuple of int
        Elements of the arrays.
    rounds : int
        Of the table; the bars, which decide, take three times as many.
    sample_seconds : float
        How long a candidate's turn lasts at least.

    Raises
    ------
    ValueError
        For a size that is no multiple of the units or does not fit into memory, and for too few rounds.
    """

    sizes: tuple[int, ...] = SIZES
    rounds: int = 11
    sample_seconds: float = 0.005

    def __post_init__(self) -> None:
        if self.rounds < MIN_ROUNDS:
            raise ValueError(f"--rounds is {self.rounds}, expected at least {MIN_ROUNDS}")
        if not self.sizes:
            raise ValueError("--sizes names none, expected numbers like 1024, 32Ki, 1Mi")
        for size in self.sizes:
            if size < 1 or size % UNITS:
                raise ValueError(
                    f"--sizes has {size_name(size)}, expected multiples of {UNITS} (units of a layer)"
                )
            lack = lack_of_memory(size * BYTES_PER_ELEMENT)
            if lack is not None:
                raise ValueError(f"--sizes has {size_name(size)}, which {lack}")


QUICK = Settings(sizes=SIZES[:3], rounds=MIN_ROUNDS, sample_seconds=0.0005)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    default = Settings()
    parser.description = (
        "Measure every activation against the NumPy idiom and against np.copyto, on one thread, then the "
        "bars: ratios that must hold. Candidates take turns, so that other work on the machine changes "
        "ratios little; still, leave it alone meanwhile."
    )
    shown = ",".join(map(size_name, default.sizes))
    parser.add_argument(
        "--sizes",
        nargs="+",
        metavar="N",
        help=f"elements, by commas or spaces; Ki and Mi are 2^10 and 2^20 (default: {shown})",
    )
    parser.add_argument(
        "--rounds", type=int, metavar="N", help=f"turns of each candidate (default: {default.rounds})"
    )
    parser.add_argument(
        "--json", type=Path, metavar="PATH", help="also write everything measured to this file"
    )
    shown = ",".join(map(size_name, QUICK.sizes))
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"seconds only, and noisier: --sizes {shown} --rounds {QUICK.rounds}, where not given",
    )


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit code: 0, whether the bars hold or not; 1 if the JSON could not be written in the end; 2 for
        bad options, found before anything is measured.
    """
    try:
        settings = _settings(args)
        if args.json is not None:
            _check_writable(args.json)
    except ValueError as error:
        return _failed(str(error), 2)
    except OSError as error:
        return _failed(f"cannot write --json {str(args.json)!r}: {error.strerror or error}", 2)

    with one_thread() as threads, _progress() as progress:
        machine = describe()
        print(f"{machine}\n", flush=True)
        measurements = list(_measure_table(settings, progress))
        # They decide, so they are measured more closely.
        outcomes = measure(
            BARS,
            rounds=3 * settings.rounds,
            sample_seconds=4 * settings.sample_seconds,
            largest=max(settings.sizes),
            progress=progress,
        )
        progress("")
    print_table(measurements, sys.stdout)
    print(EXPLANATION.format(rounds=settings.rounds, units=UNITS, threads=threads), end="\n\n")
    print_bars(outcomes, sys.stdout)
    if args.json is not None:
        try:
            write_atomically(args.json, to_json(machine, threads, settings.rounds, measurements, outcomes))
        except OSError as error:
            return _failed(f"cannot write --json {str(args.json)!r}: {error.strerror or error}", 1)
    return 0


def _measure_table(settings: Settings, progress: Callable[[str], None]) -> Iterator[Measurement]:
    rows = works()
    for size in settings.sizes:
        names = arrays(size)
        for work in rows:
            progress(f"{size_name(size)}: {work.activation} {work.task}")
            statements = {"ours": work.ours, "copy": COPY}
            if work.numpy is not None:
                statements["numpy"] = work.numpy
            samples = interleaved(
                {peer: sampler(statement, names) for peer, statement in statements.items()},
                rounds=settings.rounds,
                sample_seconds=settings.sample_seconds,
            )
            yield Measurement(work, size, samples["ours"], samples["copy"], samples.get("numpy"))


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Says on stderr, if it is a terminal, what is measured; always in the same line."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    try:
        yield lambda text: print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _settings(args: argparse.Namespace) -> Settings:
    given: dict[str, Any] = {}
    if args.sizes is not None:
        given["sizes"] = tuple(dict.fromkeys(_parse_sizes(args.sizes)))
    if args.rounds is not None:
        given["rounds"] = args.rounds
    return replace(QUICK if args.quick else Settings(), **given)


def _parse_sizes(words: Iterable[str]) -> Iterator[int]:
    for word in filter(None, ",".join(words).split(",")):
        match = re.fullmatch(r"(\d{1,12})(|Ki|Mi|Gi)", word.strip(), re.ASCII)
        if match is None:
            raise ValueError(f"--sizes has {word.strip()!r}, expected numbers like 1024, 32Ki, 1Mi")
        yield int(match[1]) * UNITS_OF_SIZE[match[2]]


def _check_writable(path: Path) -> None:
    """Raise OSError unless a file can be written there: minutes of measuring should not be lost."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OSError(f"the folder {str(path.parent)!r} is missing or cannot be written")


def _failed(reason: str, code: int) -> int:
    print(f"relu-fast bench: {reason}", file=sys.stderr)
    return code
