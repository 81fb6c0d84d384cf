"""``relu-fast info``: what is installed and what this machine can do."""

from __future__ import annotations

import argparse
import os
import platform
from importlib.util import find_spec

import numpy as np

from . import ACTIVATIONS, __version__, isa, relu, threads
from .extras import EXTRAS, missing

__all__ = ["add_arguments", "lack_of_memory", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command has no options."""


def run(args: argparse.Namespace) -> int:
    """Print it, a line each; returns the exit code 0."""
    lines = {
        "relu_fast": __version__,
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "ISA": f"{isa.active()} (available: {', '.join(isa.available())})",
        "threads": f"{threads.get_num_threads()} ({threads.origin()})",
        "dtypes": ", ".join(_dtypes()),
        "activations": ", ".join(ACTIVATIONS),
    }
    for extra in EXTRAS:
        lacking = missing(extra)
        lines[f"[{extra}]"] = (
            f"missing {', '.join(lacking)}: pip install 'relu_fast[{extra}]'" if lacking else "present"
        )
    width = max(map(len, lines))
    for label, value in lines.items():
        print(f"{label:<{width}}  {value}")
    return 0


def lack_of_memory(needed: int) -> str | None:
    """Say in words that this machine has less than the bytes needed; None if it has them, or does not tell."""
    memory = _memory()
    if memory is None or needed <= memory:
        return None
    return f"needs {needed / 2**30:.0f} GiB; this machine has {memory / 2**30:.0f}"


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _dtypes() -> list[str]:
    """List what the kernels take: NumPy tells of its own dtypes only, bfloat16 belongs to ml_dtypes."""
    dtypes = [np.dtype(loop[0]).name for loop in relu.types]
    return [*dtypes, "bfloat16"] if find_spec("ml_dtypes") else dtypes
