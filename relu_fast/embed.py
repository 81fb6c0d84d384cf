"""What programs in other languages need to build with the C library that the package carries: where it lies.

======================== =======================================================================
``rf.get_include()``     folder of ``relu_fast.h``, and of ``relu_fast_python.h`` for extension modules
``rf.get_library_dir()`` folder of ``librelu_fast.a`` and of the shared library
``rf.get_cmake_dir()``   folder of ``relu_fast-config.cmake``
======================== =======================================================================

``relu-fast-config`` prints the same for a shell.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from os import path  # pathlib would make the import of the package slower

__all__ = ["get_cmake_dir", "get_include", "get_library_dir", "main"]

_PACKAGE = path.dirname(path.abspath(__file__))


def get_include() -> str:
    """Return the folder to compile with: ``-I`` in C and C++, ``include_dirs`` for Cython."""
    return _folder("include", "relu_fast.h")


def get_library_dir() -> str:
    """Return the folder with the library, static and shared, and with ``pkgconfig``."""
    return _folder("lib", "librelu_fast.a")


def get_cmake_dir() -> str:
    """Return the folder for CMake: ``-Drelu_fast_DIR=...``, then ``find_package(relu_fast)``."""
    return _folder("lib/cmake/relu_fast", "relu_fast-config.cmake")


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``relu-fast-config``; returns its exit code."""
    import shlex

    from . import __version__
    from .cli import Parser

    parser = Parser(
        prog="relu-fast-config",
        description="Print what a program needs to build with the C library of relu_fast.",
        epilog="Example: cc example.c $(relu-fast-config --cflags --libs)",
    )
    answers = {
        "--cflags": ("flags for the compiler", lambda: f"-I{shlex.quote(get_include())}"),
        "--libs": (
            "flags for the linker: the static library and what it needs",
            lambda: f"{shlex.quote(get_library_dir() + '/librelu_fast.a')} -lpthread -lm",
        ),
        "--includedir": ("folder of the headers", get_include),
        "--libdir": ("folder of the libraries", get_library_dir),
        "--cmakedir": ("folder for CMake's relu_fast_DIR", get_cmake_dir),
        "--pkgconfigdir": ("folder for PKG_CONFIG_PATH", lambda: f"{get_library_dir()}/pkgconfig"),
        "--version": ("version of the package", lambda: __version__),
    }
    for option, (text, answer) in answers.items():
        parser.add_argument(option, help=text, dest="wanted", action="append_const", const=answer)
    wanted = parser.parse_args(argv).wanted
    if not wanted:
        parser.error(f"expected one or more of {' '.join(answers)}")
    try:
        print(" ".join(answer() for answer in wanted))
    except FileNotFoundError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    return 0


def _folder(name: str, holds: str) -> str:
    folder = path.join(_PACKAGE, name)
    if not path.exists(path.join(folder, holds)):
        raise FileNotFoundError(
            f"{folder} does not hold {holds}: this copy of relu_fast was not installed by pip install"
        )
    return folder
