"""``relu-fast accuracy``: every input of every activation against its exact result."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import relu_fast as rf

from ..activations import activation_named
from ..report.files import write_atomically
from .judge import FORMATS
from .output import markdown, summary, text
from .peers import PEERS
from .record import Record
from .reference import REFERENCES
from .samples import bit_patterns, dtype_named
from .walk import DIRECTIONS, Line, Plan, our_function, walk

__all__ = ["add_arguments", "run"]

PRELU_WEIGHT = 0.25
SAVE_SECONDS = 10.0

MODULES = {"scipy": "SciPy", "mpmath": "mpmath", "ml_dtypes": "ml_dtypes", "torch": "PyTorch"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.description = (
        "Compare every activation, forward and backward (for g = 1), with its exact result: all float32, float16 or "
        "bfloat16 numbers against float64 formulas whose own error is stated, float64 numbers where errors hide "
        "against mpmath. Exit code 1 if a bound is passed. Ctrl-C prints what there is."
    )
    parser.add_argument(
        "activations",
        nargs="*",
        metavar="NAME[=P[,P]]",
        help=f"activations, with parameters other than the defaults (prelu: {PRELU_WEIGHT}); default: all",
    )
    parser.add_argument("--direction", choices=DIRECTIONS, help="one of them (default: both)")
    parser.add_argument("--dtype", choices=list(FORMATS), default="float32", help="default: %(default)s")
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="one bit pattern of N (default: all)"
    )
    parser.add_argument(
        "--samples",
        type=int,
        default=20_000,
        metavar="N",
        help="float64 numbers a line (default: %(default)s)",
    )
    parser.add_argument(
        "--isa", choices=rf.isa.available(), help="instruction set (default: the one in use, the best)"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one a core)")
    parser.add_argument(
        "--peers", metavar="NAMES", help="also walk the natural formulas of numpy and the functions of torch"
    )
    parser.add_argument("--only-peers", action="store_true", help="walk the peers, not relu_fast")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write everything found to this file")
    parser.add_argument("--markdown", type=Path, metavar="PATH", help="also write the table to this file")
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="PATH",
        help="go on from this file, if it is there, and keep it up to date",
    )


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit code: 0; 1 if one of our results passes its bound, a worker died or a file could not be written; 2
        for bad options, found before anything is walked; 130 after Ctrl-C, with what was found so far.
    """
    try:
        record = _record(args)
        for path in (args.json, args.markdown, args.resume):
            _check_writable(path)
        if args.resume is not None and args.resume.exists():
            try:
                record.resume(args.resume)
            except ValueError as error:
                raise ValueError(f"--resume {str(args.resume)!r} {error}") from error
    except ValueError as error:
        return _failed(str(error), 2)
    except OSError as error:
        return _failed(f"{error.filename!r}: {error.strerror or error}", 2)

    stopped: str | None = None
    code = 0
    try:
        _walk(record, args.jobs or _cores(), args.resume)
    except KeyboardInterrupt:
        stopped, code = "interrupted; the table holds what was walked", 130
    except BrokenProcessPool:
        stopped, code = "a worker was killed, perhaps for want of memory; the table holds what was walked", 1
    print(text(record))
    for path, content in (
        (args.json, record.to_json()),
        (args.markdown, markdown(record)),
        (args.resume, record.to_json()),
    ):
        if path is not None:
            try:
                write_atomically(path, content)
            except OSError as error:
                return _failed(f"cannot write {str(path)!r}: {error.strerror or error}", 1)
    if stopped is not None:
        return _failed(stopped, code)
    failures = record.failures()
    for sentence in summary(failures):
        print(f"relu-fast accuracy: {sentence}", file=sys.stderr)
    return 1 if failures else 0


def _walk(record: Record, jobs: int, resume: Path | None) -> None:
    left = list(record.left())
    saved = time.monotonic()
    with progress_bar(len(left)) as advance, closing(walk(record.plan, left, jobs)) as results:
        for part, tallies in results:
            record.add(part, tallies)
            advance(f"{part.line.activation} {part.line.direction}")
            if resume is not None and time.monotonic() - saved > SAVE_SECONDS:
                write_atomically(resume, record.to_json())
                saved = time.monotonic()


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[str], None]]:
    """Show a bar on stderr, if it is a terminal."""
    if not sys.stderr.isatty() or find_spec("rich") is None:
        yield lambda text: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<26}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda text: progress.update(task, advance=1, description=text)


def _record(args: argparse.Namespace) -> Record:
    from ..bench.machine import describe  # the workers, which import this module, do without

    dtype = dtype_named(args.dtype) if args.dtype != "bfloat16" or find_spec("ml_dtypes") else None
    if dtype is None:
        raise ValueError("--dtype bfloat16 needs ml_dtypes: pip install ml_dtypes")
    if args.jobs is not None and not 1 <= args.jobs <= 1024:
        raise ValueError(f"--jobs is {args.jobs}, expected 1 to 1024")
    if args.dtype == "float64" and args.every != 1:
        raise ValueError(f"--every is {args.every}; float64 is sampled: use --samples")
    if not 1 <= args.every <= bit_patterns(args.dtype):
        raise ValueError(f"--every is {args.every}, expected 1 to {bit_patterns(args.dtype)}")
    if not 1 <= args.samples <= 10**7:
        raise ValueError(f"--samples is {args.samples}, expected 1 to 10000000")
    peers = tuple(dict.fromkeys(filter(None, (args.peers or "").split(","))))
    for word in peers:
        if word not in PEERS:
            raise ValueError(f"--peers has {word!r}, expected some of: {', '.join(PEERS)}")
    if args.only_peers and not peers:
        raise ValueError("--only-peers needs --peers, such as --peers numpy,torch")
    lines = [
        Line(name, direction, tuple(float(dtype.type(p)) for p in params))
        for name, params in map(_parse, args.activations or rf.ACTIVATIONS)
        for direction in DIRECTIONS
        if args.direction in (None, direction)
    ]
    lines = list(dict.fromkeys(lines))
    needs = {
        "scipy": any(line.activation == "gelu" for line in lines),
        "mpmath": args.dtype == "float64",
        "torch": "torch" in peers,
    }
    for module, needed in needs.items():
        if needed and find_spec(module) is None:
            raise ValueError(f"needs {MODULES[module]}, which is not installed: pip install {module}")
    if not args.only_peers:
        for line in lines:
            _check_loop(line, dtype)
    plan = Plan(
        dtype=args.dtype,
        every=args.every,
        samples=args.samples,
        peers=peers,
        ours=not args.only_peers,
        isa=args.isa or rf.isa.active(),
    )
    return Record(plan, lines, describe())


def _parse(word: str) -> tuple[str, tuple[float, ...]]:
    """Read NAME or NAME=P,P."""
    name, equals, given = word.partition("=")
    defaults = activation_named(name).params
    if name not in REFERENCES:
        raise ValueError(f"{name} has no reference in relu_fast.accuracy")
    if not equals:
        return name, tuple(PRELU_WEIGHT if value is None else value for value in defaults.values())
    try:
        params = tuple(map(float, given.split(",")))
    except ValueError:
        raise ValueError(f"{word!r}: {given!r} is no number") from None
    if len(params) != len(defaults) or not all(map(np.isfinite, params)):
        names = ", ".join(defaults) or "none"
        raise ValueError(f"{word!r} gives {given!r}, expected finite numbers for its parameters: {names}")
    return name, params


def _check_loop(line: Line, dtype: np.dtype[np.generic]) -> None:
    try:
        result = our_function(line, dtype).function(np.ones(1, dtype)).dtype
    except TypeError:
        result = None
    if result != dtype:
        raise ValueError(f"{line.activation} has no loop for {dtype.name} in this version")


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def _check_writable(path: Path | None) -> None:
    """Raise OSError unless a file can be written there: an hour of walking should not be lost."""
    if path is None:
        return
    if path.is_dir():
        raise IsADirectoryError(None, "is a folder, expected a file", str(path))
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise FileNotFoundError(None, "its folder is missing or cannot be written", str(path))


def _failed(reason: str, code: int) -> int:
    print(f"relu-fast accuracy: {' '.join(reason.splitlines())}", file=sys.stderr)
    return code
