"""``relu-fast bench``: the bars; with ``--full`` the whole table; measured in one run."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..report.files import write_atomically
from .bar_list import MEANS, bars
from .bars import Bar, geometric_means, measure
from .machine import describe, keep_freed_memory, one_thread
from .output import HOW_TO_READ, Results, print_section, to_json, to_markdown
from .peer import Peer
from .peers import PEERS, find_peers
from .progress import Progress, duration, progress_bar
from .sections import bar_sections, size_name, summary, table_sections
from .settings import QUICK_SIZES, SIZES, Settings, parse
from .table import Measurement, Plan, measure_table, use_threads
from .timing import MIN_ROUNDS
from .works import works

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.description = (
        "Check the bars: ratios of our times to those of NumPy, of PyTorch (if installed), and of the memory, that "
        "must hold. With --full also measure every activation, forward and backward, at every size and dtype, on "
        "one thread and on all. Candidates take turns, so that other work on the machine changes ratios little; "
        "still, leave it alone meanwhile. Ctrl-C prints what there is."
    )
    sizes, quick = (",".join(map(size_name, some)) for some in (SIZES, QUICK_SIZES))
    options = {
        "sizes": f"elements; Ki and Mi are 2^10 and 2^20; bars up to the largest (default: {sizes})",
        "dtypes": "of float32, float64, float16 (default: all)",
        "activations": "names, or any for counting alone (default: all)",
        "peers": f"with --full: of {', '.join(PEERS)} (default: numpy,torch); those not installed are named",
        "threads": "with --full: numbers, or all (default: 1,all)",
    }
    parser.add_argument("--full", action="store_true", help="also the table")
    for option, words in options.items():
        parser.add_argument(f"--{option}", nargs="+", metavar="A,B", help=words)
    parser.add_argument(
        "--rounds",
        type=int,
        metavar="N",
        help="turns of each candidate (default: 9, large arrays 7; bars 9 to 27)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="PATH", help="also write everything measured to this file"
    )
    parser.add_argument("--markdown", type=Path, metavar="PATH", help="also write the tables to this file")
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"much less time, and noisier: --sizes {quick} --rounds {MIN_ROUNDS}, where not given",
    )


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit code: 0, whether the bars hold or not; 1 if a file could not be written in the end; 2 for
        bad options, found before anything is measured.

    Raises
    ------
    KeyboardInterrupt
        After what was measured is printed and written.
    """
    try:
        settings = parse(args)
    except ValueError as error:
        return _failed(str(error), 2)
    files = {"json": (args.json, to_json), "markdown": (args.markdown, to_markdown)}
    for option, (path, _) in files.items():
        try:
            if path is not None:
                _check_writable(path)
        except OSError as error:
            return _failed(f"cannot write --{option} {str(path)!r}: {error.strerror or error}", 2)

    keep_freed_memory()
    results = _measure_and_print(settings)
    for option, (path, content) in files.items():
        try:
            if path is not None:
                write_atomically(path, content(results, _command(settings)))
        except OSError as error:
            return _failed(f"cannot write --{option} {str(path)!r}: {error.strerror or error}", 1)
    if results.was_interrupted:
        raise KeyboardInterrupt
    return 0


def _measure_and_print(settings: Settings) -> Results:
    peers, missing = find_peers(settings.peers) if settings.full else ([], [])
    plan = _plan(settings, peers)
    selected = [bar for bar in bars() if settings.selects(bar)]
    with one_thread() as threads:
        results = Results(machine=describe(peers), threads=threads, missing=missing)
        total = sum(settings.seconds_of(bar) for bar in selected) + plan.seconds
        print(f"{results.machine}\nbars: {threads}\n\n{_opening(results, total)}\n", flush=True)
        try:
            with progress_bar(total) as progress:
                _check_bars(settings, selected, results, progress)
                _fill_table(plan, results, progress)
        except KeyboardInterrupt:
            results.was_interrupted = True
            print("Interrupted: this is what had been measured by then.")
        finally:
            use_threads(settings.all_threads, peers)
    return results


def _opening(results: Results, seconds: float) -> str:
    return "\n".join([*results.remarks, f"Takes about {duration(seconds)}.", "", HOW_TO_READ])


def _check_bars(settings: Settings, selected: Sequence[Bar], results: Results, progress: Progress) -> None:
    outcomes = measure(
        selected,
        rounds=settings.rounds_of_bars,
        sample_seconds=settings.sample_seconds,
        largest=max(settings.sizes),
        progress=progress,
    )
    try:
        results.outcomes.extend(outcomes)
        # Of some of the activations it is another mean.
        results.means = geometric_means(results.outcomes, {} if "activations" in settings.given else MEANS)
    finally:
        progress.show("")
        for section in bar_sections(results.outcomes, results.means):
            print_section(section, sys.stdout)
        print(results.verdict, end="\n\n")


def _fill_table(plan: Plan, results: Results, progress: Progress) -> None:
    """Print the rows of a size as soon as all are there."""
    printed = 0
    try:
        for row in measure_table(plan, progress=progress):
            if printed < len(results.table) and _arrays_of(row) != _arrays_of(results.table[-1]):
                printed = _print_from(results, printed, progress)
            results.table.append(row)
    finally:
        _print_from(results, printed, progress)
        if results.table:
            print_section(summary(results.table), sys.stdout)


def _print_from(results: Results, first: int, progress: Progress) -> int:
    progress.show("")
    for section in table_sections(results.table[first:]):
        print_section(section, sys.stdout)
    return len(results.table)


def _arrays_of(row: Measurement) -> tuple[str, int]:
    return row.dtype, row.elements


def _plan(settings: Settings, peers: Sequence[Peer]) -> Plan:
    return Plan(
        works=tuple(work for work in works() if settings.full and work.activation in settings.activations),
        sizes=settings.sizes,
        dtypes=settings.dtypes,
        threads=settings.threads,
        peers=tuple(peers),
        rounds=settings.rounds,
        sample_seconds=settings.sample_seconds,
    )


def _command(settings: Settings) -> str:
    """Write the command that measures the same again."""
    words = ["relu-fast bench", "--full" if settings.full else ""]
    words += [f"--{option} {','.join(values)}".rstrip() for option, values in settings.given.items()]
    return " ".join(filter(None, words))


def _check_writable(path: Path) -> None:
    """Raise OSError unless a file can be written there: minutes of measuring should not be lost."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OSError(f"the folder {str(path.parent)!r} is missing or cannot be written")


def _failed(reason: str, code: int) -> int:
    print(f"relu-fast bench: {reason}", file=sys.stderr)
    return code
