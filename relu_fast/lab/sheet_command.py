"""What the lab's studies of many small networks share as commands: options, checks, progress, files, exit codes."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

import numpy as np

from .. import __version__, isa
from ..extras import missing
from ..report.files import uninterrupted, write_atomically

if TYPE_CHECKING:
    from ..report.sheet import Sheet

__all__ = ["COLORS", "Result", "Settings", "Steps", "add_options", "run_command", "versions"]

MAX_WIDTH, MAX_DEPTH, MAX_NETWORKS = 256, 200, 10**8
FORMS = ("html", "json", "svg", "png")
COLORS = {"he": "#c0392b", "rai": "#1f6fb4"}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides the numbers that come out. A study has a subclass with its defaults.

    Attributes
    ----------
    widths, depths : tuple of int
        Units of a hidden layer, and affine layers: the hidden ones and the output.
    networks : int
        How many for each width, depth and initialization.
    seed : int

    Raises
    ------
    ValueError
        If a value is out of range; the message says what was given and what may be.
    """

    command: ClassVar[str]
    quick: ClassVar[Mapping[str, Any]]

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    networks: int
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least, most in (("widths", 1, MAX_WIDTH), ("depths", 2, MAX_DEPTH)):
            values = getattr(self, name)
            if not values:
                raise ValueError(f"--{name} is empty, expected integers by commas or spaces")
            for value in values:
                check(name, value, least, most)
            object.__setattr__(self, name, tuple(sorted(set(values))))
        check("networks", self.networks, 1, MAX_NETWORKS)
        check("seed", self.seed, 0)

    def to_dict(self) -> dict[str, Any]:
        """Every option by name."""
        return asdict(self)

    @property
    def line(self) -> str:
        """The command that gives the same numbers again."""
        words = []
        for name, value in asdict(self).items():
            given = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words += ["--" + name.replace("_", "-"), given]
        return " ".join(["relu-fast", *self.command.split(), *words])


def check(name: str, value: int, least: int, most: int | None = None) -> None:
    """Raise ValueError unless least <= value <= most."""
    option = "--" + name.replace("_", "-")
    if value < least:
        raise ValueError(f"{option} is {value}, expected at least {least}")
    if most is not None and value > most:
        raise ValueError(f"{option} is {value}, expected at most {most}")


@dataclass(frozen=True)
class Result:
    """What a study hands out: `record` for programs, as JSON, and the sheet to look at."""

    record: Mapping[str, Any]
    sheet: Sheet


class Steps(AbstractContextManager["Steps"]):
    """Progress of one part after the other: bars on a terminal, else a line when a part is done."""

    def __init__(self, stream: TextIO, parts: Mapping[str, int]) -> None:
        # rich belongs to an extra.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._stream, self._parts = stream, list(parts)
        self._bars: Progress | None = None
        if stream.isatty():
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[note]}"),
                console=Console(file=stream),
                # The thread that draws shares the interpreter with the work.
                refresh_per_second=4,
            )
            self._tasks = {
                name: self._bars.add_task(name, total=total, start=False, note="")
                for name, total in parts.items()
            }

    def __enter__(self) -> Steps:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def advance(self, part: str, number: int = 1) -> None:
        """Move a part on."""
        if self._bars is not None:
            self._bars.start_task(self._tasks[part])
            self._bars.update(self._tasks[part], advance=number)

    def done(self, part: str, note: str) -> None:
        """Say what came out of a part."""
        if self._bars is not None:
            self._bars.update(self._tasks[part], note=note)
        else:
            number = self._parts.index(part) + 1
            print(f"[{number}/{len(self._parts)}] {part}: {note}", file=self._stream, flush=True)


def add_options(
    parser: argparse.ArgumentParser,
    default: Settings,
    more: Mapping[str, str],
    *,
    other_names: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Add the options: for the lists, and for each number of `more` with its meaning."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for name, meaning in (
        ("widths", "units of a hidden layer"),
        ("depths", "affine layers: the hidden ones and the output"),
    ):
        shown = ",".join(map(str, getattr(default, name)))
        parser.add_argument(
            f"--{name}",
            nargs="+",
            metavar="N",
            help=f"{meaning}; some, by commas or spaces (default: {shown})",
        )
    for name, meaning in more.items():
        shown = getattr(default, name.replace("-", "_"))
        flags = [f"--{name}", *filter(None, [other_names.get(name)])]
        parser.add_argument(*flags, type=int, metavar="N", help=f"{meaning} (default: {shown})")
    stem = _stem(default)
    parser.add_argument(
        "--out",
        type=_folder,
        default=Path("relu-fast-lab"),
        metavar="DIR",
        help=f"folder for {', '.join(f'{stem}.{form}' for form in FORMS)} (default: %(default)s)",
    )
    quick = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in default.quick.items())
    parser.add_argument("--quick", action="store_true", help=f"seconds only: {quick}, where not given")


def run_command(
    args: argparse.Namespace, settings_type: type[Settings], study: Callable[[Any, TextIO], Result]
) -> int:
    """Run `study(settings, progress stream)`, print its sheet and write its files.

    Returns
    -------
    int
        The exit code: 0; 1 if a file could not be written or memory ran out after all; 2 for bad options, found
        before anything is computed; 130 after Ctrl-C. The files of an earlier run stay unless it is 0 or 1.
    """
    name = f"relu-fast {settings_type.command}"

    def failed(reason: str, code: int) -> int:
        print(f"{name}: {reason}", file=sys.stderr)
        return code

    if missing("lab"):
        print(f"{name} needs the extra: pip install 'relu_fast[lab]'", file=sys.stderr)
        return 2
    # What needs the extra is imported from here on.
    from threadpoolctl import threadpool_limits

    try:
        settings = _settings(args, settings_type)
        files = {form: args.out / f"{_stem(settings)}.{form}" for form in FORMS}
        _prepare(args.out, files.values())
    except ValueError as error:
        return failed(str(error), 2)
    except OSError as error:
        return failed(_unwritable(args.out, error), 2)
    try:
        # A second BLAS thread gains nothing for matrices this small.
        with threadpool_limits(1, user_api="blas"):
            result = study(settings, sys.stderr)
        _write(result, files)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return failed("interrupted; nothing was written", 130)
    except MemoryError:
        return failed("these networks do not fit into memory; nothing was written", 1)
    except OSError as error:
        return failed(_unwritable(args.out, error), 1)
    from ..report.sheet import text

    print(text(result.sheet))
    print("\n" + "\n".join(map(str, files.values())))
    return 0


def versions() -> dict[str, str]:
    """Return of what it was run."""
    return {
        "relu_fast": __version__,
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "instruction set": isa.active(),
        "platform": f"{platform.system()} {platform.machine()}",
    }


def _settings(args: argparse.Namespace, settings_type: type[Settings]) -> Settings:
    given = {name: value for name, value in vars(args).items() if value is not None}
    given = {field.name: given[field.name] for field in fields(settings_type) if field.name in given}
    for name in ("widths", "depths"):
        if name in given:
            given[name] = _integers(name, given[name])
    settings: Settings = settings_type(**(dict(settings_type.quick) if args.quick else {}) | given)
    return settings


def _integers(name: str, words: Iterable[str]) -> tuple[int, ...]:
    parts = [part.strip() for word in words for part in word.split(",")]
    try:
        return tuple(int(part) for part in parts if part)
    except ValueError:
        given = " ".join(words)
        raise ValueError(f"--{name} is {given!r}, expected integers by commas or spaces") from None


def _folder(word: str) -> Path:
    if not word:
        # Path("") would be the current folder.
        raise argparse.ArgumentTypeError("got '', expected a folder")
    return Path(word)


def _stem(settings: Settings) -> str:
    return settings.command.split()[-1]


def _prepare(folder: Path, files: Iterable[Path]) -> None:
    """Make the folder, write and remove a file in it; OSError if a result could not be written."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
    for file in files:
        if file.is_dir():
            raise IsADirectoryError(f"{file} is a folder, expected a file or nothing")


def _write(result: Result, files: Mapping[str, Path]) -> None:
    """Write all files, whatever Ctrl-C says; each is there as a whole, or as it was before."""
    from ..report.sheet import image, render

    with uninterrupted():
        record = json.dumps(result.record, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
        contents: dict[str, str | bytes] = {
            "html": render(result.sheet),
            "json": record,
            "svg": image(result.sheet, "svg"),
            "png": image(result.sheet, "png"),
        }
        for form, file in files.items():
            write_atomically(file, contents[form])


def _unwritable(folder: Path, error: OSError) -> str:
    return f"cannot write to --out {str(folder)!r}: {error.strerror or error}"
