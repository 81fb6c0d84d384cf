"""The options of ``relu-fast bench``, checked."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import relu_fast as rf

from ..info import lack_of_memory
from .bars import Bar, seconds_of
from .data import DTYPES, UNITS
from .peers import PEERS
from .sections import size_name
from .timing import MIN_ROUNDS

__all__ = ["QUICK_SIZES", "SIZES", "Settings", "parse"]

SIZES = (2**10, 2**15, 2**20, 2**25)
QUICK_SIZES = SIZES[:3]
QUICK_SECONDS = 0.0005
UNITS_OF_SIZE = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
MOST_THREADS = 1024

# Inputs, outputs, and the three arrays that the longest idiom makes on its way.
ARRAYS = 4 + 3


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to measure.

    Attributes
    ----------
    full : bool
        Whether to measure the table after the bars.
    sizes : tuple of int
        Elements of the arrays.
    activations : tuple of str
        Of works and bars.
    threads : tuple of int
        Numbers of threads, for the table.
    all_threads : int
        As many as the library used when it was asked first.
    rounds : int or None
        Turns of each candidate; None: 9, for large arrays MIN_ROUNDS.
    sample_seconds : float
        How long a turn lasts at least.
    given : mapping
        The options that were given, for readers.

    Raises
    ------
    ValueError
        For a size that is no multiple of the units or does not fit into memory, and for too few rounds.
    """

    full: bool = False
    sizes: tuple[int, ...] = SIZES
    dtypes: tuple[str, ...] = tuple(DTYPES)
    activations: tuple[str, ...] = (*rf.ACTIVATIONS, "any")
    peers: tuple[str, ...] = ("numpy", "torch")
    threads: tuple[int, ...] = (1,)
    all_threads: int = 1
    rounds: int | None = None
    sample_seconds: float = 0.004
    given: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rounds is not None and self.rounds < MIN_ROUNDS:
            raise ValueError(f"--rounds is {self.rounds}, expected at least {MIN_ROUNDS}")
        for size in self.sizes:
            if size < 1 or size % UNITS:
                raise ValueError(
                    f"--sizes has {size_name(size)}, expected multiples of {UNITS} (units of a layer)"
                )
            lack = lack_of_memory(size * ARRAYS * max(np.dtype(dtype).itemsize for dtype in self.dtypes))
            if lack is not None:
                raise ValueError(f"--sizes has {size_name(size)}, which {lack}")

    @property
    def rounds_of_bars(self) -> int:
        """Of the large ones; the others have more."""
        return self.rounds or 9

    def selects(self, bar: Bar) -> bool:
        """Whether a bar is about what was chosen; those of a training step are about nothing in particular."""
        return bar.dtype in self.dtypes and (bar.activation or "any") in self.activations

    def seconds_of(self, bar: Bar) -> float:
        """Estimate what a bar takes."""
        return seconds_of(bar, self.rounds_of_bars, self.sample_seconds, max(self.sizes))


def parse(args: argparse.Namespace) -> Settings:
    """Check the options.

    Raises
    ------
    ValueError
        Naming option and value.
    """
    for option in ("peers", "threads"):
        if getattr(args, option) is not None and not args.full:
            raise ValueError(f"--{option} needs --full: it is about the table")
    everything = rf.get_num_threads()
    values: dict[str, Any] = {"all_threads": everything, "threads": tuple(dict.fromkeys((1, everything)))}
    given: dict[str, Sequence[str]] = {}
    if args.quick:
        values.update(sizes=QUICK_SIZES, rounds=MIN_ROUNDS, sample_seconds=QUICK_SECONDS)
        given["quick"] = []
    choices = {
        "sizes": None,
        "dtypes": DTYPES,
        "activations": (*rf.ACTIVATIONS, "any"),
        "peers": PEERS,
        "threads": None,
    }
    for option, known in choices.items():
        words = getattr(args, option)
        if words is None:
            continue
        given[option] = tuple(dict.fromkeys(_words(option, words)))
        if option == "sizes":
            values[option] = tuple(dict.fromkeys(map(_size, given[option])))
        elif option == "threads":
            values[option] = tuple(dict.fromkeys(_threads(word, everything) for word in given[option]))
        else:
            for word in given[option]:
                if word not in (known or ()):
                    raise ValueError(f"--{option} has {word!r}, expected some of {', '.join(known or ())}")
            values[option] = given[option]
    if args.rounds is not None:
        values["rounds"], given["rounds"] = args.rounds, [str(args.rounds)]
    return Settings(full=args.full, given=given, **values)


def _words(option: str, words: Iterable[str]) -> list[str]:
    found = [word.strip() for word in ",".join(words).split(",") if word.strip()]
    if not found:
        examples = {"sizes": "numbers like 1024, 32Ki, 1Mi", "threads": "numbers or all"}.get(option, "names")
        raise ValueError(f"--{option} names none, expected {examples}")
    return found


def _size(word: str) -> int:
    match = re.fullmatch(r"(\d{1,12})(|Ki|Mi|Gi)", word, re.ASCII)
    if match is None:
        raise ValueError(f"--sizes has {word!r}, expected numbers like 1024, 32Ki, 1Mi")
    return int(match[1]) * UNITS_OF_SIZE[match[2]]


def _threads(word: str, everything: int) -> int:
    if word == "all":
        return everything
    if not re.fullmatch(r"\d{1,4}", word, re.ASCII) or not 1 <= int(word) <= MOST_THREADS:
        raise ValueError(f"--threads has {word!r}, expected numbers from 1 to {MOST_THREADS}, or all")
    return int(word)
