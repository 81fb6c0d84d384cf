"""``relu-fast``: a table of commands. Only the module of the one that is chosen is imported."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from . import __version__

__all__ = ["main"]

# Each module has add_arguments(parser) and run(args), which returns the exit code. A name may have two words.
COMMANDS = {
    "lab": ("relu_fast.lab.command", "train the classic dying-ReLU networks and say which units died"),
    "lab born-dead": ("relu_fast.lab.born_dead", "how often a network is constant before it was trained"),
    "lab collapse": ("relu_fast.lab.collapse", "how often a deep, narrow network learns a constant"),
    "check": ("relu_fast.check", "say which units of a saved network are dead on given data"),
    "bench": ("relu_fast.bench", "measure the kernels against the NumPy idioms"),
    "accuracy": ("relu_fast.accuracy", "compare every result with the exact one, for all inputs"),
    "info": ("relu_fast.info", "show version, instruction sets, threads, dtypes, extras"),
}


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong; imports its command's module when the command is chosen."""

    def __init__(self, *args: Any, module: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._module = module

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._module is not None:
            module, self._module = import_module(self._module), None
            module.add_arguments(self)
            self.set_defaults(run=module.run)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> Any:
        # It may quote words that have line ends.
        self.exit(2, f"{self.prog}: {' '.join(message.splitlines())}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code.

    1 if the output cannot be written, 2 for bad options, 130 after Ctrl-C, 141 if whoever read the output has
    enough; all but the last with one line on stderr.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the program's name; None: those of the process.

    Raises
    ------
    SystemExit
        For bad options, ``--help`` and ``--version``.
    """
    if sys.stderr is None:  # closed: print(file=None) would write to stdout
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        return _failed("cannot write the output: stdout is closed")
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _failed("interrupted", code=130)
    except OSError as error:
        if error.filename is not None:
            raise
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 141
        return _failed(f"cannot write the output: {error.strerror or error}")


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="relu-fast", description="Rectifier activations that count dead units.")
    parser.add_argument("--version", action="version", version=f"relu-fast {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for name, (module, summary) in COMMANDS.items():
        commands.add_parser(name, module=module, help=summary)
    words = list(sys.argv[1:] if argv is None else argv)
    if " ".join(words[:2]) in COMMANDS:
        words[:2] = [" ".join(words[:2])]
    args = parser.parse_args(words)
    code: int = args.run(args)
    return code


def _failed(reason: str, *, code: int = 1) -> int:
    print(f"relu-fast: {reason}", file=sys.stderr)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
